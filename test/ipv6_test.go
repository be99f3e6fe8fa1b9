package test

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
)

// Callers of both IP versions meet in one room.
func TestIPv6(t *testing.T) {
	t.Parallel()
	if probe, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skipf("the kernel has no IPv6: %v", err)
	} else {
		probe.Close()
	}
	all := speakers(t)
	six := startBridge(t, bridge.Config{Listen: []string{"udp://127.0.0.1:0", "tcp://[::1]:0"}})
	dir := t.TempDir()
	var calls sync.WaitGroup
	for i, uri := range []string{"sip:1000@" + six.UDP, "sip:1000@" + six.TCP + ";transport=tcp"} {
		calls.Go(func() {
			six.expect(t, "call", uri, "--play", all[i].file, "--record", recording(dir, 1000, i), "--for", "7s")
		})
	}
	calls.Wait()
	for i := range 2 {
		heard, err := phone.LoadWAV(recording(dir, 1000, i), 8000)
		if err != nil {
			t.Fatal(err)
		}
		checkHeard(t, []string{"IPv4", "IPv6"}[i], heard, i, 1-i)
	}
}

// SIP over UDP on IPv6: the responses find their way back, and the sound too.
func TestIPv6OverUDP(t *testing.T) {
	t.Parallel()
	if probe, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skipf("the kernel has no IPv6: %v", err)
	} else {
		probe.Close()
	}
	b := startBridge(t, bridge.Config{Listen: []string{"udp://[::1]:0"}})
	b.must(t, "call", "sip:1000@"+b.UDP, "--for", "1500ms") // fails where no sound comes
}

// A telephone that signals by IPv4 and wants its sound by IPv6 is answered in kind (RFC 6157 §4.2).
func TestSoundByIPv6ForSignallingByIPv4(t *testing.T) {
	t.Parallel()
	rtp, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Skipf("the kernel has no IPv6: %v", err)
	}
	defer rtp.Close()
	b := startBridge(t, bridge.Config{})
	invite(t, newClient(t), "sip:1000@"+b.UDP, codec.PCMU, tone(877, 8000, 60))
	d := &dialogue{wire: b.openWire(t, "udp"), room: "1000", id: "six@test", cseq: 1, rtp: rtp}
	d.send("INVITE", d.offer(strings.ReplaceAll(strings.ReplaceAll(plainSDP, "IN IP4", "IN IP6"), "127.0.0.1", "::1")))
	res := d.response(1, message.Invite)
	if res.StatusCode != 200 || !strings.Contains(string(res.Body), "c=IN IP6 ::1") {
		t.Fatalf("got %d %s\n%s", res.StatusCode, res.Reason, res.Body)
	}
	d.toTag = res.To.Tag()
	d.learn(res)
	d.send("ACK", "")
	if !d.hears(patience) {
		t.Error("no sound by IPv6")
	}
	d.bye()
}
