package sipua

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
)

func TestARepeatedINVITEIsOneCall(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	text := fmt.Sprintf("INVITE sip:1000@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%%s\r\nFrom: <sip:a@b>;tag=x\r\n"+
		"To: <sip:1000@b>\r\nCall-ID: repeated\r\nCSeq: 1 INVITE\r\nContact: <sip:a@%s>\r\nContent-Type: application/sdp\r\n\r\n%s",
		w.server, w.host(), w.host(), w.sdp())
	w.seq = 1
	w.raw(fmt.Sprintf(text, "z9hG4bK1"))
	first := w.want(message.Invite, 200)
	w.raw(fmt.Sprintf(text, "z9hG4bK2")) // by another way: RFC 3261 §8.2.2.2
	merged := w.want(message.Invite, 482)
	if merged.To.Tag() == first.To.Tag() {
		t.Error("the merged request got the tag of the call")
	}
	w.callID, w.tag, w.refused = "repeated", "x", false
	w.enter(first)
	w.send("ACK", "")
	b.participants(t, "1000", 1)
	w.hangup()
	b.participants(t, "1000", 0)
}

// TestAPeerOfRFC2543IsCalledBack has a caller without branch, tags and Contact: our BYE goes to what From says.
func TestAPeerOfRFC2543IsCalledBack(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.seq = 56
	w.raw(fmt.Sprintf("INVITE sip:1000@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\nFrom: <sip:old@%s>\r\nTo: <sip:1000@b>\r\nCall-ID: 2543\r\n"+
		"CSeq: 56 INVITE\r\nContent-Type: application/sdp\r\n\r\n%s", w.server, w.host(), w.host(), w.sdp()))
	res := w.want(message.Invite, 200)
	w.raw(fmt.Sprintf("ACK %s SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\nFrom: <sip:old@%s>\r\nTo: %s\r\nCall-ID: 2543\r\nCSeq: 56 ACK\r\n\r\n",
		res.Contact[0].URI, w.host(), w.host(), res.To))
	list := b.participants(t, "1000", 1)
	if err := b.rooms.Remove(patient(t), "1000", list[0].ID); err != nil {
		t.Fatal(err)
	}
	bye := w.wantRequest(message.Bye)
	if got, want := bye.RequestURI.String(), "sip:old@"+w.host(); got != want || bye.To.Tag() != "" {
		t.Errorf("got %s to %s, want %s", got, bye.To, want)
	}
	w.answer(bye, 200)
}

func TestAStrayACKIsDropped(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.send("ACK", "")
	w.toTag = "nobody"
	w.send("ACK", w.sdp())
	w.toTag = ""
	w.send("OPTIONS", "")
	if res := w.read(); res.StatusCode != 200 || res.CSeq.Method != message.Options {
		t.Errorf("got %s, want the answer to OPTIONS alone", res.Bytes())
	}
}

func TestIPv6(t *testing.T) {
	if conn, err := net.ListenPacket("udp", "[::1]:0"); err != nil {
		t.Skip("there is no IPv6 loopback here:", err)
	} else {
		_ = conn.Close()
	}
	b := newBridge(t, func(c *Config) { c.Listen = []string{"udp://[::1]:0", "tcp://[::1]:0"} })
	for _, over := range []string{"UDP", "TCP"} {
		w := b.phone(t, over)
		res := w.call()
		if !strings.Contains(string(res.Body), "c=IN IP6 ::1\r\n") || res.Contact[0].URI.Host != "::1" {
			t.Errorf("got %s", res.Bytes())
		}
		list := b.participants(t, "1000", 1)
		if err := b.rooms.Remove(patient(t), "1000", list[0].ID); err != nil {
			t.Fatal(err)
		}
		w.answer(w.wantRequest(message.Bye), 200)
		b.participants(t, "1000", 0)
	}
}

func TestTheAdvertisedHostIsShown(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Advertise, c.Domain = "198.51.100.7", "bridge.example" })
	w := b.phone(t, "UDP")
	w.target = "sip:1000@198.51.100.7"
	w.send("INVITE", w.sdp())
	res := w.want(message.Invite, 200)
	if !strings.Contains(string(res.Body), "c=IN IP4 198.51.100.7\r\n") || res.Contact[0].URI.Host != "198.51.100.7" {
		t.Errorf("got %s", res.Bytes())
	}
	w.enter(res)
	w.send("ACK", "")
	w.hangup()
}

func TestACallerBehindANATIsReached(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.seq = 1
	w.raw(fmt.Sprintf("INVITE sip:1000@%s SIP/2.0\r\nVia: SIP/2.0/UDP 10.255.0.5:5060;rport;branch=z9hG4bKnat\r\n"+
		"From: <sip:a@b>;tag=x\r\nTo: <sip:1000@b>\r\nCall-ID: nat\r\nCSeq: 1 INVITE\r\nContact: <sip:a@10.255.0.5:5060>\r\n"+
		"Content-Type: application/sdp\r\n\r\n%s", w.server, w.sdp()))
	res := w.want(message.Invite, 200)
	w.callID, w.tag = "nat", "x"
	w.enter(res)
	w.send("ACK", "")
	list := b.participants(t, "1000", 1)
	if err := b.rooms.Remove(patient(t), "1000", list[0].ID); err != nil {
		t.Fatal(err)
	}
	bye := w.wantRequest(message.Bye)
	if bye.RequestURI.Host != "10.255.0.5" {
		t.Errorf("got Request-URI %v, want the Contact", bye.RequestURI)
	}
	w.answer(bye, 200)
}

func TestAByeGoesToTheContactWhenTheConnectionIsGone(t *testing.T) {
	b := newBridge(t, nil)
	w, other := b.phone(t, "TCP"), b.phone(t, "UDP")
	w.call("Contact: <sip:alice@" + other.host() + ">")
	list := b.participants(t, "1000", 1)
	if err := w.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.rooms.Remove(patient(t), "1000", list[0].ID); err != nil {
		t.Fatal(err)
	}
	bye := other.wantRequest(message.Bye)
	if bye.CallID != w.callID {
		t.Errorf("got %s", bye.Bytes())
	}
	other.answer(bye, 200)
}
