package trace

import (
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/sipua/transport"
)

func TestHEPGoldenBytes(t *testing.T) {
	at := time.Unix(0x69a81c40, 123456789)
	six := netip.MustParseAddrPort("[2001:db8::1]:5061")
	tests := []struct {
		name string
		rec  record
		auth string
		want string
	}{
		{
			"a request that came by UDP over IPv4",
			record{at: at, transport: "UDP", local: local, remote: peer, text: []byte("BYE")},
			"",
			"48455033 006f" +
				"0000 0001 0007 02" + "0000 0003 000a c0000201" + "0000 0004 000a c6336401" + "0000 0002 0007 11" +
				"0000 0007 0008 13c6" + "0000 0008 0008 13c4" + "0000 0009 000a 69a81c40" + "0000 000a 000a 0001e240" +
				"0000 000b 0007 01" + "0000 000c 000a 000007d1" + "0000 0011 0009 613162" + "0000 000f 0009 425945",
		},
		{
			"one that went by TLS over IPv6, with a password",
			record{at: at, sent: true, transport: "TLS", local: six, remote: six, text: []byte("BYE")},
			"pw",
			"48455033 008f" +
				"0000 0001 0007 0a" + "0000 0005 0016 20010db8000000000000000000000001" + "0000 0006 0016 20010db8000000000000000000000001" +
				"0000 0002 0007 06" + "0000 0007 0008 13c5" + "0000 0008 0008 13c5" + "0000 0009 000a 69a81c40" + "0000 000a 000a 0001e240" +
				"0000 000b 0007 01" + "0000 000c 000a 000007d1" + "0000 000e 0008 7077" + "0000 0011 0009 613162" + "0000 000f 0009 425945",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := hex.EncodeToString(appendHEP(nil, 2001, tt.auth, &tt.rec, []byte("a1b")))
			if diff := cmp.Diff(strings.ReplaceAll(tt.want, " ", ""), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for transportName, want := range map[string]uint8{"TCP": 6, "WSS": 6, "SCTP": 132} {
		if got := ipProtocol(transportName); got != want {
			t.Errorf("%s: got %d, want %d", transportName, got, want)
		}
	}
}

func TestMessagesReachTheHomer(t *testing.T) {
	homer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer homer.Close()
	r, err := New(Config{Homer: Homer{Addr: homer.LocalAddr().String(), ID: 7}})
	if err != nil {
		t.Fatal(err)
	}
	r.Start(t.Context())
	long := transport.Flow{Transport: "TCP", Local: local, Remote: peer}
	r.Message(noon, false, udp, request("INVITE", "one", "ann", "1000", 1))
	r.Message(noon, true, long, []byte(strings.Repeat("x", 2*MaxText)))
	r.Close() // sends what is queued
	r.Message(noon, false, udp, request("BYE", "one", "ann", "1000", 1))
	_ = homer.SetReadDeadline(time.Now().Add(testWait))
	buf := make([]byte, 65536)
	for _, want := range []string{"INVITE sip:", "xxx"} {
		n, err := homer.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		packet := string(buf[:n])
		if !strings.HasPrefix(packet, "HEP3") || !strings.Contains(packet, want) || int(buf[4])<<8|int(buf[5]) != n {
			t.Errorf("got %q, want %q in it", packet, want)
		}
	}
	if sent, failed := r.homer.sent.Load(), r.homer.failed.Load(); sent != 2 || failed != 0 {
		t.Errorf("counted %d sent and %d failed, want 2 and 0", sent, failed)
	}
}

func TestAHomerThatIsSlowCostsNobody(t *testing.T) {
	r, err := New(Config{Homer: Homer{Addr: "127.0.0.1:9"}}) // not started: nothing is taken off the queue
	if err != nil {
		t.Fatal(err)
	}
	for range queueLen + 5 {
		r.Message(noon, false, udp, request("INVITE", "one", "ann", "1000", 1))
	}
	if got := r.homer.queue.dropped.Load(); got != 5 {
		t.Errorf("dropped %d, want 5", got)
	}
}

func TestAHomerThatIsNotFoundIsLookedForAgainLater(t *testing.T) {
	r := newRecorder(t, Config{Homer: Homer{Addr: "127.0.0.1:no-such-service"}})
	for range 3 {
		r.Message(noon, false, udp, request("INVITE", "one", "ann", "1000", 1))
	}
	r.Close()
	if sent, failed := r.homer.sent.Load(), r.homer.failed.Load(); sent != 0 || failed != 3 {
		t.Errorf("counted %d sent and %d failed, want 0 and 3", sent, failed)
	}
}
