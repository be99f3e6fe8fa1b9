package sipua

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/cdr"
	"github.com/confbridge/confbridge/sipua/locate"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// ledger takes records in the order in which they come.
type ledger chan cdr.Record

func (l ledger) Add(r cdr.Record) { l <- r }

// next is the next record, without what differs from run to run, which is checked here.
func (l ledger) next(t *testing.T) cdr.Record {
	t.Helper()
	var r cdr.Record
	select {
	case r = <-l:
	case <-patient(t).Done():
		t.Fatal("no record came")
	}
	if r.ID == "" || r.Remote == "" || r.Began.IsZero() || r.Ended.Before(r.Began) {
		t.Errorf("got %+v", r)
	}
	if answered := !r.Answered.IsZero(); answered != (r.Status == 200) || answered && (r.Answered.Before(r.Began) || r.Ended.Before(r.Answered)) {
		t.Errorf("answered with %d at %v, began %v, ended %v", r.Status, r.Answered, r.Began, r.Ended)
	}
	if s := r.Seat; s != nil {
		if s.Participant == "" || s.Joined.Before(r.Began) || s.Left.Before(s.Joined) || r.Ended.Before(s.Left) {
			t.Errorf("got %+v in a call from %v to %v", s, r.Began, r.Ended)
		}
		s.Participant, s.Joined, s.Left = "", time.Time{}, time.Time{}
	}
	r.ID, r.Remote, r.Began, r.Answered, r.Ended = "", "", time.Time{}, time.Time{}, time.Time{}
	return r
}

func newLedger(t *testing.T, change func(*Config)) (*bridge, ledger) {
	t.Helper()
	l := make(ledger, 16)
	return newBridge(t, func(c *Config) {
		c.Records = l
		if change != nil {
			change(c)
		}
	}), l
}

// taken is the record of an ordinary call of w; the tests change what is different.
func taken(w *wire) cdr.Record {
	return cdr.Record{
		Direction: cdr.In, CallID: w.callID, Address: "sip:alice@example.org", DisplayName: "Alice A.", Number: "1000", Room: "1000",
		Transport: "udp", Status: 200, EndedBy: cdr.Peer, Reason: "caller hung up", Seat: &cdr.Seat{Role: "speaker", Codec: "PCMU"},
	}
}

func (l ledger) want(t *testing.T, want cdr.Record) {
	t.Helper()
	if diff := cmp.Diff(want, l.next(t), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestACallsRecordTellsWhoWhereAndHowItEnded(t *testing.T) {
	b, l := newLedger(t, nil)
	t.Run("the caller hangs up", func(t *testing.T) {
		w := b.phone(t, "UDP")
		w.call()
		w.hangup()
		l.want(t, taken(w))
	})
	t.Run("the caller hangs up and says why", func(t *testing.T) {
		w := b.phone(t, "TCP")
		w.call()
		w.send("BYE", "", `Reason: Q.850;cause=16;text="battery"`)
		w.want(message.Bye, 200)
		want := taken(w)
		want.Transport, want.Reason = "tcp", `Q.850 16 "battery"`
		l.want(t, want)
	})
	t.Run("a moderator removes a moderator", func(t *testing.T) {
		w := b.phone(t, "UDP")
		w.call()
		id, role := b.participants(t, "1000", 1)[0].ID, rooms.RoleModerator
		if _, err := b.rooms.UpdateParticipant(patient(t), "1000", id, rooms.ParticipantPatch{Role: &role}); err != nil {
			t.Fatal(err)
		}
		if err := b.rooms.Remove(patient(t), "1000", id); err != nil {
			t.Fatal(err)
		}
		w.answer(w.wantRequest(message.Bye), 200)
		want := taken(w)
		want.EndedBy, want.Reason, want.Seat.Role = cdr.Bridge, "removed by a moderator", "moderator"
		l.want(t, want)
	})
}

func TestACallThatIsRefusedLeavesARecord(t *testing.T) {
	b, l := newLedger(t, func(c *Config) {
		c.Trunks = trunk.Config{Guests: trunk.Terms{Rooms: []string{"1*", "l*", "f*"}, MaxCalls: 1}}
	})
	for number, s := range map[string]rooms.Settings{"locked": {Locked: true}, "full": {MaxParticipants: 1}} {
		if _, err := b.rooms.Create(patient(t), number, s); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name, number, sdp string
		status            int
		reason            string
		room              string
	}{
		{"a room that is locked", "locked", "", 480, `admit to room "locked": room is locked`, "locked"},
		{"a number that leads to no room", "2000", "", 404, "not a number of this trunk", ""},
		{"nothing to speak", "1000", "m", 400, "", "1000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := b.phone(t, "UDP")
			w.target = "sip:" + row.number + "@" + w.server
			offer := w.sdp()
			if row.sdp != "" {
				offer = row.sdp
			}
			w.send("INVITE", offer)
			w.want(message.Invite, row.status)
			w.send("ACK", "")
			got := l.next(t)
			if row.reason == "" {
				row.reason = got.Reason
			}
			want := taken(w)
			want.Number, want.Room, want.Status, want.Reason, want.EndedBy, want.Seat = row.number, row.room, row.status, row.reason, "", nil
			if diff := cmp.Diff(want, got); diff != "" || got.Reason == "" {
				t.Error(diff)
			}
		})
	}
	t.Run("no line of the trunk is free", func(t *testing.T) {
		first, second := b.phone(t, "UDP"), b.phone(t, "UDP")
		first.call()
		second.send("INVITE", second.sdp())
		second.want(message.Invite, 486)
		second.send("ACK", "")
		if got := l.next(t); got.Status != 486 || got.CallID != second.callID || got.Seat != nil || got.Room != "" {
			t.Errorf("got %+v", got)
		}
		first.hangup()
		l.want(t, taken(first))
	})
	t.Run("who has an own reason not to be known", func(t *testing.T) {
		w := b.phone(t, "UDP")
		w.target = "sip:2000@" + w.server
		w.send("INVITE", w.sdp(), "Privacy: id")
		w.want(message.Invite, 404)
		w.send("ACK", "")
		if got := l.next(t); got.Address != "" || got.DisplayName != "" {
			t.Errorf("got %q %q", got.DisplayName, got.Address)
		}
	})
}

func TestACallThatIsGivenUpWhileItRingsLeavesARecord(t *testing.T) {
	b, l := newLedger(t, func(c *Config) { c.Ring = time.Hour })
	w := b.phone(t, "UDP")
	w.send("INVITE", w.sdp())
	for w.read().StatusCode != 180 {
	}
	w.send("CANCEL", "")
	w.want(message.Invite, 487)
	w.send("ACK", "")
	got := l.next(t)
	if got.Status != 487 || got.Room != "1000" || got.Seat != nil || got.Reason == "" || got.EndedBy != "" {
		t.Errorf("got %+v", got)
	}
}

func TestEachOfTwoCallsInOneSeatHasItsRecord(t *testing.T) {
	b, l := newLedger(t, nil)
	a, c := b.phone(t, "UDP"), b.phone(t, "UDP")
	a.call()
	c.send("INVITE", c.sdp(), "Require: replaces", a.replaces(""))
	c.enter(c.want(message.Invite, 200))
	c.send("ACK", "")
	a.answer(a.wantRequest(message.Bye), 200)
	first := taken(a)
	first.EndedBy, first.Reason = cdr.Bridge, "replaced by another call"
	l.want(t, first)
	c.hangup()
	l.want(t, taken(c))
}

func TestACallOutLeavesARecord(t *testing.T) {
	l := make(ledger, 16)
	b := dialingBridge(t, func(c *Config) { c.Records = l })
	call := func(t *testing.T) (*callee, cdr.Record) {
		t.Helper()
		peer := newCallee(t)
		b.dialOut(t, DialOut{Address: peer.uri(), DisplayName: "Bob", Role: rooms.RoleModerator})
		peer.invite = peer.read(message.Invite)
		return peer, cdr.Record{
			Direction: cdr.Out, CallID: peer.invite.CallID, Address: peer.uri(), DisplayName: "Bob", Number: "callee", Room: "1000", Transport: "udp",
		}
	}
	t.Run("that is answered", func(t *testing.T) {
		peer, want := call(t)
		peer.respond(200, "callee")
		peer.read(message.Ack)
		b.participants(t, "1000", 1)
		peer.send(peer.request(message.Bye, 1, ""))
		want.Status, want.EndedBy, want.Reason = 200, cdr.Peer, "caller hung up"
		want.Seat = &cdr.Seat{Role: "moderator", Codec: "PCMU"}
		l.want(t, want)
	})
	t.Run("that is busy", func(t *testing.T) {
		peer, want := call(t)
		peer.refuse(486, nil)
		got := l.next(t)
		want.Status, want.Reason = 486, got.Reason
		if diff := cmp.Diff(want, got); diff != "" || got.Reason == "" {
			t.Error(diff)
		}
	})
	t.Run("that nobody waits for any more", func(t *testing.T) {
		peer, want := call(t)
		peer.respond(180, "callee")
		for ctx := patient(t); ; {
			dials, err := b.rooms.Dials(ctx, "1000")
			if err != nil || len(dials) != 1 {
				t.Fatalf("got %+v, %v, want one", dials, err)
			}
			if dials[0].State == rooms.DialRinging {
				break
			}
		}
		if err := b.rooms.End(patient(t), "1000", rooms.ReasonEnded); err != nil {
			t.Fatal(err)
		}
		peer.send(message.NewResponse(peer.read(message.Cancel), 200, ""))
		peer.respond(487, "callee")
		want.Status, want.Reason = 487, errLetGo.Error()
		l.want(t, want)
	})
	t.Run("that has no answer to the offer", func(t *testing.T) {
		peer, want := call(t)
		res := message.NewResponse(peer.invite, 200, "")
		res.To = res.To.WithTag("callee")
		uri, _ := message.ParseURI(peer.uri())
		res.Contact = []message.Address{{URI: uri}}
		peer.send(res)
		peer.ok(peer.read(message.Bye))
		got := l.next(t)
		want.Status, want.EndedBy, want.Reason = 200, cdr.Bridge, got.Reason
		if diff := cmp.Diff(want, got); diff != "" || got.Reason == "" {
			t.Error(diff)
		}
	})
}

func TestACallOutWithoutAStatusHasOneInItsRecord(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want int
	}{
		{"nobody has answered in time", errRungOut, 487},
		{"the room has let go", errLetGo, 487},
		{"the bridge shuts down", ErrShutdown, 487},
		{"nothing came", fmt.Errorf("%w: timer B", ErrNoAnswer), 408},
		{"there is no such host", locate.ErrNotFound, 503},
		{"the peer's own counts", &StatusError{Status: 603}, 603},
	} {
		a := &account{}
		a.failed(row.err)
		if a.record.Status != row.want || a.record.Reason != row.err.Error() {
			t.Errorf("%s: got %d %q, want %d %q", row.name, a.record.Status, a.record.Reason, row.want, row.err)
		}
	}
}

func TestTheRoomOfACallIsNotTheNumberThatWasDialled(t *testing.T) {
	b := newBridge(t, nil)
	asked, err := b.rooms.AdmitToReception(patient(t), rooms.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Leave(rooms.ReasonHangup)
	inside, err := b.rooms.Admit(patient(t), "4242", rooms.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Leave(rooms.ReasonHangup)
	for _, row := range []struct {
		name string
		p    *rooms.Participant
		err  error
		want string
	}{
		{"who is in a room", inside, nil, "4242"},
		{"who is asked for a PIN", asked, nil, ""},
		{"whom a room refuses", nil, fmt.Errorf("admit: %w", &rooms.RoomError{What: "admit to room", Number: "4242", Err: rooms.ErrLocked}), "4242"},
		{"a room that is not there", nil, &rooms.RoomError{What: "admit to room", Number: "4242", Err: rooms.ErrNoRoom}, ""},
		{"whom the reception refuses", nil, rooms.ErrDraining, ""},
	} {
		if got := ledTo(row.p, row.err); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// renumbered has callers in another room than that whose number they dial; "ask" leads to the reception.
type renumbered struct{ *rooms.Registry }

func (r renumbered) Admit(ctx context.Context, number string, c rooms.Caller) (*rooms.Participant, error) {
	if number == "ask" {
		return r.AdmitToReception(ctx, c)
	}
	return r.Registry.Admit(ctx, "4242", c)
}

func TestARecordHasTheRoomThatANumberLeadsTo(t *testing.T) {
	l := make(ledger, 16)
	front := func(r *rooms.Registry) Rooms { return renumbered{r} }
	b := newBridgeWith(t, media.Config{PortMin: 31000, PortMax: 31999}, front, func(c *Config) { c.Records = l })
	for number, room := range map[string]string{"1000": "4242", "ask": ""} {
		w := b.phone(t, "UDP")
		w.target = "sip:" + number + "@" + w.server
		w.call()
		w.hangup()
		if got := l.next(t); got.Number != number || got.Room != room || got.Seat == nil {
			t.Errorf("%s: got %+v, want the room %q", number, got, room)
		}
		refused := b.phone(t, "UDP") // after its seat has been taken
		refused.target = w.target
		refused.send("INVITE", "m")
		refused.want(message.Invite, 400)
		refused.send("ACK", "")
		if got := l.next(t); got.Number != number || got.Room != room || got.Seat != nil {
			t.Errorf("%s: got %+v, want the room %q without a seat", number, got, room)
		}
	}
}

func TestTheShutdownLeavesRecords(t *testing.T) {
	b, l := newLedger(t, nil)
	w := b.phone(t, "UDP")
	w.call()
	done := make(chan error, 1)
	ctx := patient(t)
	go func() { done <- b.Shutdown(ctx) }()
	w.answer(w.wantRequest(message.Bye), 200)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := taken(w)
	want.EndedBy, want.Reason = cdr.Bridge, "bridge is shutting down"
	l.want(t, want)
}
