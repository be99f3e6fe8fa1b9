package sipua

import (
	"strings"
	"testing"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
)

func version(t *testing.T, body []byte) string {
	t.Helper()
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "o=") {
			return strings.Fields(line)[2]
		}
	}
	t.Fatalf("no o= in %q", body)
	return ""
}

func TestRequestsWithAWrongTagLeaveTheCallAlone(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.call()
	right := w.toTag
	for _, wrong := range []string{"", "nonsense"} {
		w.toTag = wrong
		for _, method := range []string{"BYE", "INFO", "UPDATE"} {
			w.send(method, "")
			w.want(message.Method(method), 481)
		}
		if wrong != "" {
			w.send("INVITE", w.sdp())
			w.want(message.Invite, 481)
			w.send("ACK", "")
		}
	}
	w.toTag = right
	tag := w.tag
	w.tag = "somebody-else"
	w.send("BYE", "")
	w.want(message.Bye, 481)
	w.tag = tag
	b.participants(t, "1000", 1)
	w.hangup()
}

func TestARequestOutOfOrderIsRefused(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.call()
	w.seq = 10
	w.send("OPTIONS", "")
	w.want(message.Options, 200)
	w.seq = 5
	w.send("BYE", "")
	w.want(message.Bye, 500)
	w.seq = 20
	w.hangup()
}

func TestLateOffers(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.send("INVITE", "")
	res := w.want(message.Invite, 200)
	w.enter(res)
	for _, want := range []string{" RTP/AVP 96 9 0 8 100 101\r\n", "a=sendrecv", "a=rtcp-mux", "opus/48000/2"} {
		if !strings.Contains(string(res.Body), want) {
			t.Errorf("the offer has no %q: %q", want, res.Body)
		}
	}
	w.send("ACK", w.sdp())
	list := b.participants(t, "1000", 1)
	if list[0].Format.Name != "PCMU" {
		t.Errorf("got %+v, want PCMU", list[0].Format)
	}
	w.hangup()
}

func TestALateOfferAnsweredBadlyEndsTheCall(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":       "",
		"unknown codec": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 18\r\n",
		"declined":      "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBridge(t, nil)
			w := b.phone(t, "UDP")
			w.send("INVITE", "")
			w.enter(w.want(message.Invite, 200))
			w.send("ACK", answer)
			bye := w.wantRequest(message.Bye)
			if r := bye.Reasons(); len(r) != 1 || r[0].Protocol != "SIP" || r[0].Text == "" {
				t.Errorf("got %+v", r)
			}
			w.answer(bye, 200)
		})
	}
}

func TestHoldAndResume(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	first := w.call()
	step := func(offer, direction, ver string) {
		t.Helper()
		w.send("INVITE", offer)
		res := w.want(message.Invite, 200)
		if got := version(t, res.Body); got != ver {
			t.Errorf("got version %s, want %s", got, ver)
		}
		if !strings.Contains(string(res.Body), "a="+direction+"\r\n") {
			t.Errorf("got %q, want %s", res.Body, direction)
		}
		if res.To.Tag() != w.toTag || len(res.Contact) != 1 {
			t.Errorf("got %s", res.Bytes())
		}
		w.send("ACK", "")
	}
	if got := version(t, first.Body); got != "1" {
		t.Errorf("got version %s, want 1", got)
	}
	step(w.sdp(), "sendrecv", "1")
	step(w.sdp("a=sendonly\r\n"), "recvonly", "2")
	step(w.sdp("a=inactive\r\n"), "inactive", "3")
	step(strings.Replace(w.sdp(), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1), "recvonly", "4")
	step(w.sdp(), "sendrecv", "5")
	w.rtp = 40010
	step(w.sdp(), "sendrecv", "5")
	step(strings.Replace(w.sdp(), "RTP/AVP 0", "RTP/AVP 0 9", 1), "sendrecv", "6")
	list := b.participants(t, "1000", 1)
	if list[0].Format.Name != "G722" {
		t.Errorf("got %+v, want G722 after the change", list[0].Format)
	}
	w.hangup()
}

func TestARefusedReinviteLeavesTheCallAsItWas(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.call()
	w.send("INVITE", strings.Replace(w.sdp(), "RTP/AVP 0", "RTP/AVP 18", 1))
	w.want(message.Invite, 488)
	w.send("ACK", "")
	w.send("INVITE", w.sdp())
	if res := w.want(message.Invite, 200); version(t, res.Body) != "1" {
		t.Errorf("the refused offer counted: %q", res.Body)
	}
	w.send("ACK", "")
	b.participants(t, "1000", 1)
	w.hangup()
}

func TestAReinviteWithoutOfferIsGivenOne(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "TCP")
	w.call()
	w.send("INVITE", "")
	res := w.want(message.Invite, 200)
	if !strings.Contains(string(res.Body), "opus/48000/2") || version(t, res.Body) != "2" {
		t.Errorf("got %q", res.Body)
	}
	ack := w.seq
	// While that offer has no answer, there must be no other (RFC 3261 §14.2, RFC 3311 §5.2).
	w.send("UPDATE", w.sdp())
	w.want(message.Update, 491)
	w.send("INVITE", w.sdp())
	w.want(message.Invite, 491)
	w.sendSeq("ACK", ack+2, "")
	w.sendSeq("ACK", ack, w.sdp())
	w.send("UPDATE", w.sdp("a=inactive\r\n"))
	if res := w.want(message.Update, 200); version(t, res.Body) != "3" || !strings.Contains(string(res.Body), "a=inactive") {
		t.Errorf("got %q", res.Body)
	}
	w.send("UPDATE", "")
	if res := w.want(message.Update, 200); len(res.Body) != 0 {
		t.Errorf("got body %q to an UPDATE without one", res.Body)
	}
	w.hangup()
}

func TestKeysByINFOReachTheRoom(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.call()
	b.participants(t, "1000", 1)
	watch, err := b.rooms.Watch(patient(t), "1000", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.send("INFO", "Signal=5\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
	w.want(message.Info, 200)
	for {
		ev, err := watch.Next(patient(t))
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == rooms.KindKeyPressed {
			if ev.Key != '5' || ev.Held.Milliseconds() != 160 {
				t.Errorf("got key %q held %v", ev.Key, ev.Held)
			}
			break
		}
	}
	w.send("INFO", "Signal=x", "Content-Type: application/dtmf-relay")
	w.want(message.Info, 400)
	w.send("INFO", "<xml/>", "Content-Type: application/media_control+xml")
	if res := w.want(message.Info, 415); !res.HasToken("Accept", "application/dtmf-relay") {
		t.Errorf("got %s", res.Bytes())
	}
	w.send("INFO", "", "Info-Package: foo")
	w.want(message.Info, 469)
	w.send("INFO", "")
	w.want(message.Info, 200)
	w.send("PRACK", "")
	w.want(message.Prack, 400)
	w.send("PRACK", "", "RAck: 1 1 INVITE")
	w.want(message.Prack, 481)
	w.send("REFER", "", "Refer-To: <sip:x@y>") // toll fraud: nobody is called for anybody
	if res := w.want(message.Refer, 405); !res.HasToken("Allow", "PRACK") {
		t.Errorf("got %s", res.Bytes())
	}
	w.send("OPTIONS", "", "Require: nothing-we-know")
	w.want(message.Options, 420)
	w.hangup()
}

func TestARemovedParticipantIsToldWhy(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.call("Record-Route: <sip:" + w.host() + ";lr>")
	list := b.participants(t, "1000", 1)
	if err := b.rooms.Remove(patient(t), "1000", list[0].ID); err != nil {
		t.Fatal(err)
	}
	bye := w.wantRequest(message.Bye)
	if r := bye.Reasons(); len(r) != 1 || r[0].Text != "removed by a moderator" {
		t.Errorf("got %+v", r)
	}
	if bye.From.Tag() != w.toTag || bye.To.Tag() != w.tag || len(bye.Route) != 1 || bye.RequestURI.User != "alice" {
		t.Errorf("got %s", bye.Bytes())
	}
	// Our BYE crosses theirs: it is answered all the same.
	w.send("BYE", "")
	w.want(message.Bye, 200)
	w.answer(bye, 200)
}

func TestByeBeforeAckIsFine(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.send("INVITE", w.sdp())
	w.enter(w.want(message.Invite, 200))
	w.hangup()
	b.participants(t, "1000", 0)
}
