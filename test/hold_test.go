package test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/test/bridge"
)

// quiet is how long nothing may come for it to count as silence.
const quiet = 300 * time.Millisecond

// A call is put on hold in each of its forms (RFC 3264 §8.4, RFC 2543 §B.5), and taken back at another port.
func TestHoldAndBackAtAnotherPort(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	invite(t, newClient(t), "sip:1000@"+b.UDP, codec.PCMU, tone(877, 8000, 120))
	d := b.openWire(t, "udp").dial("1000", plainSDP)
	if !d.hears(patience) {
		t.Fatal("no sound before the hold")
	}
	for version, hold := range []struct{ name, sdp, answered string }{
		{"sendonly", plainSDP + "a=sendonly\n", "a=recvonly"},
		{"inactive", plainSDP + "a=inactive\n", "a=inactive"},
		{"address 0.0.0.0", strings.ReplaceAll(plainSDP, "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"), ""},
	} {
		res := d.reinvite(strings.Replace(hold.sdp, "o=- 1 1", "o=- 1 "+string(rune('2'+version)), 1))
		if res.StatusCode != 200 || !strings.Contains(string(res.Body), hold.answered) {
			t.Fatalf("%s: %d %s, want 200 with %q\n%s", hold.name, res.StatusCode, res.Reason, hold.answered, res.Body)
		}
		eventually(t, hold.name+": no more sound", func() bool { return !d.hears(quiet) })
	}
	before := d.rtp
	d.openRTP()
	if res := d.reinvite(strings.Replace(plainSDP, "o=- 1 1", "o=- 1 9", 1)); res.StatusCode != 200 || strings.Contains(string(res.Body), "only") {
		t.Fatalf("back: %d %s\n%s", res.StatusCode, res.Reason, res.Body)
	}
	if !d.hears(patience) {
		t.Error("no sound at the new port")
	}
	d.rtp, before = before, d.rtp
	if d.hears(quiet) {
		t.Error("sound still comes to the port of before")
	}
	d.rtp = before
	d.bye()
	b.present(t, "1000", 1)
}

// A CANCEL that arrives together with its INVITE ends the call, or comes too late and is answered all the same
// (RFC 3261 §9.2). Nothing is left behind either way.
func TestCancelOnTheHeelsOfTheInvite(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	w := b.openWire(t, "tcp")
	d := &dialogue{wire: w, room: "1000", id: "cancelled@test", cseq: 1}
	d.openRTP()
	sent := string(d.send("INVITE", d.offer(plainSDP)))
	head, _, _ := strings.Cut(sent, "\r\nContact:")
	head = strings.Replace(head, "INVITE sip:", "CANCEL sip:", 1)
	head = strings.Replace(head, "CSeq: 1 INVITE", "CSeq: 1 CANCEL", 1)
	w.raw([]byte(head + "\r\nContent-Length: 0\r\n\r\n"))
	var invited, cancelled *message.Message
	for invited == nil || cancelled == nil {
		m := w.receive(patience)
		switch {
		case m == nil:
			t.Fatalf("INVITE answered: %t, CANCEL answered: %t", invited != nil, cancelled != nil)
		case m.StatusCode < 200:
		case m.CSeq.Method == message.Invite:
			invited = m
		case m.CSeq.Method == message.Cancel:
			cancelled = m
		}
	}
	if cancelled.StatusCode != 200 {
		t.Errorf("CANCEL: %d %s, want 200", cancelled.StatusCode, cancelled.Reason)
	}
	if a, b := invited.To.Tag(), cancelled.To.Tag(); a != b {
		t.Errorf("the To-tags of one transaction are %q and %q", a, b)
	}
	d.toTag = invited.To.Tag()
	d.send("ACK", "")
	switch invited.StatusCode {
	case 487:
	case 200:
		d.bye()
	default:
		t.Errorf("INVITE: %d %s, want 487 or 200", invited.StatusCode, invited.Reason)
	}
	b.present(t, "1000", 0)
}

// rtpPacket is one of PCMU silence, or of another payload.
func rtpPacket(payloadType byte, seq uint16, timestamp, ssrc uint32, payload []byte) []byte {
	p := []byte{0x80, payloadType}
	p = binary.BigEndian.AppendUint16(p, seq)
	p = binary.BigEndian.AppendUint32(p, timestamp)
	p = binary.BigEndian.AppendUint32(p, ssrc)
	return append(p, payload...)
}
