package sipua

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// replaces is the field that names w's dialog, as the bridge sees it.
func (w *wire) replaces(more string) string {
	return fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s%s", w.callID, w.toTag, w.tag, more)
}

func TestAnAttendedTransferLandsInTheSameSeat(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late offer %v", late), func(t *testing.T) {
			b := newBridge(t, nil)
			a, c := b.phone(t, "UDP"), b.phone(t, "TCP")
			a.call()
			before := b.participants(t, "1000", 1)[0]
			muted, role := true, rooms.RoleModerator
			if _, err := b.rooms.UpdateParticipant(patient(t), "1000", before.ID, rooms.ParticipantPatch{Muted: &muted, Role: &role}); err != nil {
				t.Fatal(err)
			}
			locked := true // who takes a seat needs no other
			if _, err := b.rooms.Update(patient(t), "1000", rooms.SettingsPatch{Locked: &locked}); err != nil {
				t.Fatal(err)
			}
			offer, answer := c.sdp(), ""
			if late {
				offer, answer = answer, offer
			}
			c.send("INVITE", offer, "Require: replaces", a.replaces(""))
			c.enter(c.want(message.Invite, 200))
			c.send("ACK", answer)
			bye := a.wantRequest(message.Bye)
			if r := bye.Reasons(); len(r) != 1 || r[0].Protocol != "SIP" || r[0].Cause != 200 || bye.CallID != a.callID {
				t.Errorf("got %s", bye.Bytes())
			}
			// Before its BYE is answered the old call is told that it is no more.
			a.send("INFO", "Signal=1", "Content-Type: application/dtmf-relay")
			a.want(message.Info, 481)
			a.answer(bye, 200)
			after := b.participants(t, "1000", 1)[0]
			if after.ID != before.ID || !after.Muted || after.Role != rooms.RoleModerator || after.CallID != c.callID || after.Joined != before.Joined {
				t.Errorf("got %+v\nwant the seat of %+v", after, before)
			}
			// The new call has all of it: keys, holds, and the end.
			c.send("INFO", "Signal=1", "Content-Type: application/dtmf-relay")
			c.want(message.Info, 200)
			c.send("INVITE", c.sdp("a=sendonly\r\n"))
			c.want(message.Invite, 200)
			c.send("ACK", "")
			c.hangup()
			b.participants(t, "1000", 0)
		})
	}
}

func TestASeatThatHasBeenTakenOverCanBeTakenOverAgain(t *testing.T) {
	b := newBridge(t, nil)
	first := b.phone(t, "UDP")
	first.call()
	id := b.participants(t, "1000", 1)[0].ID
	for range 3 {
		next := b.phone(t, "UDP")
		next.call(first.replaces(""))
		first.answer(first.wantRequest(message.Bye), 200)
		first = next
	}
	if got := b.participants(t, "1000", 1)[0]; got.ID != id || got.CallID != first.callID {
		t.Errorf("got %+v", got)
	}
	if err := b.rooms.Remove(patient(t), "1000", id); err != nil {
		t.Fatal(err)
	}
	bye := first.wantRequest(message.Bye)
	if r := bye.Reasons(); len(r) != 1 || r[0].Text != "removed by a moderator" {
		t.Errorf("got %+v", r)
	}
	first.answer(bye, 200)
}

func TestReplacesIsRefused(t *testing.T) {
	b := newBridge(t, nil)
	a := b.phone(t, "UDP")
	a.call()
	for _, row := range []struct {
		name, method string
		headers      []string
		status       int
	}{
		{"a dialog that is not there", "INVITE", []string{"Replaces: nobody;to-tag=1;from-tag=2"}, 481},
		{"the tags the wrong way round", "INVITE", []string{fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s", a.callID, a.tag, a.toTag)}, 481},
		{"a guessed tag", "INVITE", []string{fmt.Sprintf("Replaces: %s;to-tag=guess;from-tag=%s", a.callID, a.tag)}, 481},
		{"early only, of a call that stands", "INVITE", []string{a.replaces(";early-only")}, 486},
		{"two of them", "INVITE", []string{a.replaces(""), a.replaces("")}, 400},
		{"two of them in one field", "INVITE", []string{a.replaces(",x;to-tag=1;from-tag=2")}, 400},
		{"no from-tag", "INVITE", []string{"Replaces: x;to-tag=1"}, 400},
		{"rubbish", "INVITE", []string{"Replaces: ;;"}, 400},
		{"in OPTIONS", "OPTIONS", []string{a.replaces("")}, 400},
		{"with SDP that cannot be taken", "INVITE", []string{a.replaces(""), "Subject: bad"}, 488},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := b.phone(t, "UDP")
			body := ""
			if row.method == "INVITE" {
				body = w.sdp()
				if row.status == 488 {
					body = strings.Replace(body, "AVP 0", "AVP 18", 1)
				}
			}
			w.send(row.method, body, row.headers...)
			res := w.want(message.Method(row.method), row.status)
			w.toTag = res.To.Tag()
			if row.method == "INVITE" {
				w.send("ACK", "")
			}
		})
	}
	if list := b.participants(t, "1000", 1); list[0].CallID != a.callID {
		t.Errorf("got %+v", list[0])
	}
	a.hangup()
}

func TestACallThatRingsCannotBeReplaced(t *testing.T) {
	slow := slowRooms{asked: make(chan struct{}, 2)}
	b := newBridgeWith(t, media.Config{PortMin: 31000, PortMax: 31999}, func(*rooms.Registry) Rooms { return slow }, nil)
	a, c := b.phone(t, "UDP"), b.phone(t, "UDP")
	a.send("INVITE", a.sdp())
	<-slow.asked
	a.toTag = "unknown"
	for id := range b.dialogs() {
		a.toTag = id.localTag
	}
	c.send("INVITE", c.sdp(), a.replaces(""))
	c.toTag = c.want(message.Invite, 481).To.Tag() // RFC 3891 §3: an early one that we have not begun
	c.send("ACK", "")
}

// dialogs are the ids of all calls.
func (b *bridge) dialogs() map[dialogID]bool {
	b.ep.mu.Lock()
	defer b.ep.mu.Unlock()
	ids := map[dialogID]bool{}
	for id := range b.ep.calls {
		ids[id] = true
	}
	return ids
}

func TestACallOutIsReplacedAsSoonAsItIsAnswered(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	b.dialOut(t, DialOut{Address: peer.uri()})
	peer.invite = peer.read(message.Invite)
	peer.respond(200, "callee")
	replaces := fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=callee", peer.invite.CallID, peer.invite.From.Tag())
	for ctx := patient(t); ; { // from before its answer is read until it can be replaced
		w := b.phone(t, "UDP")
		w.send("INVITE", w.sdp(), replaces)
		res := w.final(message.Invite)
		if w.toTag = res.To.Tag(); res.StatusCode == 200 {
			w.enter(res)
		}
		w.send("ACK", "")
		if res.StatusCode == 200 {
			peer.ok(peer.read(message.Bye))
			if list := b.participants(t, "1000", 1); list[0].CallID != w.callID {
				t.Errorf("got %+v, want the seat of the call out", list[0])
			}
			w.hangup()
			return
		}
		if res.StatusCode != 481 || ctx.Err() != nil {
			t.Fatalf("got %d, want 481 until the call is confirmed, and then 200", res.StatusCode)
		}
	}
}

func TestACallOutIsWholeWhenItIsConfirmed(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	route, err := b.book.Dial("1000", "", peer.uri())
	if err != nil {
		t.Fatal(err)
	}
	o := b.newOutward(b.ep, route, DialOut{Room: "1000"})
	if o.seat.participant, err = b.rooms.Dial(patient(t), "1000", o.seat.caller); err != nil {
		t.Fatal(err)
	}
	go func() {
		peer.invite = peer.read(message.Invite)
		peer.respond(200, "callee")
	}()
	got, err := o.d.ask(patient(t), outgoing{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := o.d.answered(got, o.seat, func(c *call, _ sdp.Agreed) error {
		if !c.confirmed.Load() || c.admitted != route.Call || !c.focus {
			t.Errorf("confirmed %v, admitted %v, focus %v; want all of it", c.confirmed.Load(), c.admitted != nil, c.focus)
		}
		return ErrShutdown // it is not taken any further
	})
	if c == nil || !errors.Is(err, ErrShutdown) {
		t.Fatalf("got %v, %v", c, err)
	}
	o.d.close()
	ended := make(chan struct{})
	go func() { c.live(); close(ended) }()
	peer.ok(peer.read(message.Bye))
	<-ended
	b.idle(t)
}

func TestACallThatIsOverGivesNoSeat(t *testing.T) {
	c := &call{takeovers: make(chan *takeover), gone: make(chan struct{}), side: noSide{}}
	close(c.gone)
	if _, err := c.yield(t.Context(), nil, rooms.Caller{}); !errors.Is(err, errReplaced) {
		t.Errorf("got %v", err)
	}
	if got := refuse(errReplaced).status; got != 603 { // RFC 3891 §3: a terminated dialog
		t.Errorf("got %d, want 603", got)
	}
	gave := &takeover{done: make(chan error, 1)}
	c.giveSeat(gave)
	if err := <-gave.done; !errors.Is(err, errReplaced) {
		t.Errorf("got %v", err)
	}
}

// phoneAt is a telephone with an address of its own.
func (b *bridge) phoneAt(t *testing.T, ip string) *wire {
	t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(b.addrs["udp"])))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	w := b.phone(t, "UDP")
	w.conn, w.in = conn, bufio.NewReaderSize(conn, 65536)
	return w
}

func TestACallerOfAnotherTrunkGetsNoSeat(t *testing.T) {
	b := newBridge(t, func(c *Config) {
		for name, network := range map[string]string{"carrier": "127.0.0.2/32", "office": "127.0.0.3/32"} {
			c.Trunks.Trunks = append(c.Trunks.Trunks, trunk.Trunk{Name: name, Networks: []netip.Prefix{netip.MustParsePrefix(network)}})
		}
	})
	a := b.phoneAt(t, "127.0.0.2")
	a.call()
	for _, from := range []string{"127.0.0.3", "127.0.0.1"} {
		w := b.phoneAt(t, from)
		w.send("INVITE", w.sdp(), a.replaces(""))
		w.toTag = w.want(message.Invite, 403).To.Tag()
		w.send("ACK", "")
	}
	same := b.phoneAt(t, "127.0.0.2")
	same.call(a.replaces(""))
	a.answer(a.wantRequest(message.Bye), 200)
	if got := b.participants(t, "1000", 1)[0]; got.CallID != same.callID {
		t.Errorf("got %+v", got)
	}
	same.hangup()
}
