package sipua

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/message"
)

func TestForgedRequestsLeaveTheSoundAlone(t *testing.T) {
	b, c := newBridge(t, nil), newClient(t)
	var outs []*OutCall
	for range 2 {
		out, err := c.Dial(patient(t), DialConfig{URI: "sip:1000@" + b.addrs["udp"], Codecs: []codec.Name{codec.PCMU}})
		if err != nil {
			t.Fatal(err)
		}
		outs = append(outs, out)
	}
	victim := outs[0].call.d.id // as the caller sees it
	forger := b.phone(t, "UDP")
	forger.callID, forger.seq = victim.callID, 100
	for _, tags := range []struct{ name, from, to string }{
		{"no To-tag", victim.localTag, ""},
		{"a guessed To-tag", victim.localTag, "guess"},
		{"a guessed From-tag", "guess", victim.remoteTag},
		{"the tags the wrong way round", victim.remoteTag, victim.localTag},
	} {
		for _, method := range []string{"BYE", "INVITE", "UPDATE", "INFO", "PRACK", "NOTIFY", "REFER", "OPTIONS"} {
			if tags.to == "" && (method == "INVITE" || method == "NOTIFY" || method == "REFER" || method == "OPTIONS") {
				continue // those are new requests
			}
			forger.tag, forger.toTag = tags.from, tags.to
			body, headers := "", []string(nil)
			switch method {
			case "INVITE", "UPDATE":
				body = forger.sdp("a=inactive\r\n")
			case "INFO":
				body, headers = "Signal=5", []string{"Content-Type: application/dtmf-relay"}
			case "PRACK":
				headers = []string{"RAck: 1 1 INVITE"}
			}
			forger.send(method, body, headers...)
			if res := forger.final(message.Method(method)); res.StatusCode != 481 {
				t.Errorf("%s with %s: got %d, want 481", method, tags.name, res.StatusCode)
			}
			if method == "INVITE" {
				forger.send("ACK", "")
			}
		}
	}
	forger.tag, forger.toTag, forger.branch = victim.localTag, "", "z9hG4bKguess"
	forger.sendSeq("CANCEL", 1, "")
	for res := forger.read(); ; res = forger.read() {
		if res.CSeq.Method == message.Cancel {
			if res.StatusCode != 481 {
				t.Errorf("CANCEL: got %d, want 481", res.StatusCode)
			}
			break
		}
	}

	if got := b.participants(t, "1000", 2); got[0].Format.Name != codec.PCMU {
		t.Errorf("got %+v", got[0])
	}
	ears := []*ear{{}, {}}
	loud := make([]byte, 160)
	for i := range loud {
		loud[i] = byte(i * 37)
	}
	give := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ears[0].packets < 10 || ears[1].packets < 10 { // both ways, as before
		now := <-tick.C
		if now.After(give) {
			t.Fatalf("heard %d and %d packets", ears[0].packets, ears[1].packets)
		}
		for i, out := range outs {
			out.Leg().Send(now, loud, 160)
			if err := out.Leg().Receive(now, ears[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, out := range outs {
		if err := errors.Join(out.Hangup(patient(t)), out.Leg().Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyINVITEAndUPDATERefreshTheTarget(t *testing.T) {
	for _, row := range []struct {
		method string
		moves  bool
	}{{"INVITE", true}, {"UPDATE", true}, {"INFO", false}, {"OPTIONS", false}, {"PRACK", false}} {
		t.Run(row.method, func(t *testing.T) {
			b := newBridge(t, nil)
			w := b.phone(t, "TCP") // the way back is the connection, wherever the Contact points
			w.call()
			w.send(row.method, "", fmt.Sprintf("Contact: <sip:moved@%s;transport=tcp>", w.host()))
			if res := w.final(message.Method(row.method)); row.method == "INVITE" {
				w.enter(res)
				w.send("ACK", w.sdp())
			}
			list := b.participants(t, "1000", 1)
			if err := b.rooms.Remove(patient(t), "1000", list[0].ID); err != nil {
				t.Fatal(err)
			}
			bye := w.wantRequest(message.Bye)
			if got := bye.RequestURI.User == "moved"; got != row.moves {
				t.Errorf("the BYE goes to %v, moved should be %v", bye.RequestURI, row.moves)
			}
			w.answer(bye, 200)
		})
	}
}

func TestARefusedINVITEMovesNothing(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "TCP")
	w.call()
	w.send("INVITE", "rubbish", fmt.Sprintf("Contact: <sip:moved@%s;transport=tcp>", w.host()))
	w.want(message.Invite, 400)
	w.send("ACK", "")
	list := b.participants(t, "1000", 1)
	if err := b.rooms.Remove(patient(t), "1000", list[0].ID); err != nil {
		t.Fatal(err)
	}
	bye := w.wantRequest(message.Bye)
	if bye.RequestURI.User != "alice" {
		t.Errorf("the BYE goes to %v", bye.RequestURI)
	}
	w.answer(bye, 200)
}
