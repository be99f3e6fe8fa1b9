package receiver

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// The groups that these tests send to.
var (
	first  = netip.MustParseAddrPort("239.78.0.1:5004")
	second = netip.MustParseAddrPort("239.78.0.2:5004")
)

// eventually waits for what must become true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(waitTime); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", waitTime, what)
		}
	}
}

func (h *house) hears(t *testing.T, p *phone, hz float64) {
	t.Helper()
	eventually(t, "the tone is heard", func() bool {
		pcm := p.last()
		return pcm != nil && measure.ToneDBFS(pcm, 8000, hz) > -30
	})
}

func TestARoomHearsWhatAnotherOneSends(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.room(t, "1000")
	h.room(t, "2000")
	h.feed(t, "1000", first)
	h.call(t, "1000", &phone{toneHz: 700, source: 11})
	got := h.take(t, "2000", first)
	if got.Way != rooms.WaySession || got.Address != "rtp://239.78.0.1:5004" || got.DisplayName != got.Address || got.Role != rooms.RoleSpeaker {
		t.Errorf("taken in as %+v", got)
	}
	listener := &phone{}
	h.call(t, "2000", listener)
	h.hears(t, listener, 700)
	ctx := waitContext(t)
	if _, err := h.reg.UpdateParticipant(ctx, "2000", got.ID, rooms.ParticipantPatch{Muted: new(true)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session is muted", func() bool { return measure.RMSDBFS(listener.last()) < -60 })
	if err := h.reg.Remove(ctx, "2000", got.ID); err != nil {
		t.Fatal(err)
	}
	if n := h.taken.Load(); n != 0 {
		t.Errorf("%d sessions are taken in after the removal", n)
	}
}

// TestARoomHearsWhatIsEncrypted: the key is that of the description, with which another one goes on when the distribution has begun anew.
func TestARoomHearsWhatIsEncrypted(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.room(t, "1000")
	h.room(t, "2000")
	h.feed(t, "1000", first)
	ctx := waitContext(t)
	if _, err := h.spread.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { d.Suite = distribution.SuiteGCM; return nil }); err != nil {
		t.Fatal(err)
	}
	h.call(t, "1000", &phone{toneHz: 700, source: 11})
	described, err := h.spread.Describe(ctx, "1000", "hall")
	if err != nil {
		t.Fatal(err)
	}
	text, err := described.MarshalWithKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := distribution.DescribeSource(string(text))
	if err != nil {
		t.Fatal(err)
	}
	s.Interface = stage
	if _, err := h.Receive(ctx, "2000", s); err != nil {
		t.Fatal(err)
	}
	listener := &phone{}
	h.call(t, "2000", listener)
	h.hears(t, listener, 700)
	own, err := h.Receive(ctx, "1000", s)
	if err != nil {
		t.Fatal(err)
	}
	h.looped(t, "1000", own.ID)
}

// looped waits for a loop, and for the session's end after it.
func (h *house) looped(t *testing.T, room, id string) {
	t.Helper()
	ctx := waitContext(t)
	w, err := h.reg.Watch(ctx, room, new(uint64(0)))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for {
		e, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("no loop is told: %v", err)
		}
		switch {
		case e.Kind == rooms.KindFeedLooped:
			if found = true; e.Feed != "hall" || e.Participant.ID != id {
				t.Errorf("the loop is of %q by participant %q, want hall by %q", e.Feed, e.Participant.ID, id)
			}
		case e.Kind == rooms.KindLeft && e.Participant.ID == id:
			if !found || e.Reason != rooms.ReasonLooped {
				t.Errorf("left for %v, loop told before: %v", e.Reason, found)
			}
			return
		}
	}
}

func TestARoomThatHearsItselfIsALoop(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.room(t, "1000")
	h.feed(t, "1000", first)
	h.looped(t, "1000", h.take(t, "1000", first).ID)
}

func TestALoopByWayOfAnotherRoomIsFound(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.room(t, "1000")
	h.room(t, "2000")
	h.feed(t, "1000", first)
	h.feed(t, "2000", second)
	h.take(t, "2000", first)
	back := h.take(t, "1000", second)
	h.call(t, "1000", &phone{toneHz: 700, source: 11}) // from now on 1000 is in the mix of 2000
	h.looped(t, "1000", back.ID)
	if all, err := h.reg.Participants(waitContext(t), "2000"); err != nil || len(all) != 1 {
		t.Errorf("room 2000 has %d, %v; want what it takes in to go on", len(all), err)
	}
}

func TestALegEndsForItsReason(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*sender)
		wait time.Duration // from then on
		want rooms.Reason  // ReasonUnspecified: it goes on
	}{
		{"it goes on while sound comes", func(*sender) {}, byeTime, rooms.ReasonUnspecified},
		{"a goodbye is waited out", func(s *sender) { s.bye() }, byeTime / 2, rooms.ReasonUnspecified},
		{"a goodbye", func(s *sender) { s.bye() }, byeTime + time.Second, rooms.ReasonHangup},
		{"a goodbye, and another stream of the same sender", func(s *sender) {
			s.bye()
			s.ssrc++
			s.say(5)
		}, byeTime + time.Second, rooms.ReasonUnspecified},
		{"a pause, and the sound again", func(s *sender) { s.say(5) }, 29 * time.Second, rooms.ReasonUnspecified},
		{"silence", func(*sender) {}, 31 * time.Second, rooms.ReasonMediaTimeout},
		{"our own SSRC", func(s *sender) {
			s.ssrc = 4711
			s.say(5)
		}, 0, rooms.ReasonLooped},
		{"our own SSRC in one packet", func(s *sender) {
			s.ssrc = 4711
			s.say(1)
		}, 0, rooms.ReasonUnspecified},
		{"our own as CSRC", func(s *sender) { s.say(3, 11, 4711) }, 0, rooms.ReasonLooped},
		{"our own as CSRC in one packet", func(s *sender) { s.say(1, 11, 4711) }, 0, rooms.ReasonUnspecified},
		{"others as CSRC", func(s *sender) { s.say(1, 11, 4712) }, 0, rooms.ReasonUnspecified},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHouse(t, distribution.Policy{})
			h.room(t, "1000")
			l, in := h.join(t, first, owner{"1000", "hall", 4711}), &counter{}
			s := newSender(t, first, 77)
			s.say(5)
			now := time.Now()
			receive := func() error { return l.Receive(now, in) }
			for in.packets == 0 {
				if err := receive(); err != nil {
					t.Fatal(err)
				}
			}
			row.do(s)
			// The loopback has delivered when write returns. RTCP is looked at in each fifth call.
			var err error
			for range 10 {
				now = now.Add(time.Millisecond)
				err = errors.Join(err, receive())
			}
			now = now.Add(row.wait)
			err = errors.Join(err, receive())
			if got := reasonOf(err); got != row.want {
				t.Errorf("got %v (%v), want %v", got, err, row.want)
			}
			if e, ok := errors.AsType[*rooms.EndError](err); ok && row.want == rooms.ReasonLooped && e.Feed != "hall" {
				t.Errorf("the loop is that of %q, want hall", e.Feed)
			}
		})
	}
}

func TestASourceThatGoesOnBehindItsGoodbyeStays(t *testing.T) {
	for _, row := range []struct {
		name    string
		jump    uint16 // of the sequence, behind the goodbye
		packets int    // behind it
		want    rooms.Reason
	}{
		{"it has begun anew under its SSRC", 10_000, 10, rooms.ReasonUnspecified},
		{"its goodbye was late, or somebody else's", 0, 10, rooms.ReasonUnspecified},
		{"one packet was under way", 0, 1, rooms.ReasonHangup},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHouse(t, distribution.Policy{})
			h.room(t, "1000")
			l, in := h.join(t, first, owner{}), &counter{}
			s, now := newSender(t, first, 77), time.Now()
			receive := func() error {
				now = now.Add(time.Millisecond)
				return l.Receive(now, in)
			}
			s.say(5)
			for in.packets == 0 {
				if err := receive(); err != nil {
					t.Fatal(err)
				}
			}
			s.bye()
			for !l.Gone() {
				if err := receive(); err != nil {
					t.Fatal(err)
				}
			}
			s.sequence += row.jump
			s.say(row.packets)
			err := receive()
			now = now.Add(byeTime + time.Second)
			if got := reasonOf(errors.Join(err, receive())); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

// TestAChangeInASilenceKeepsWhoListens: the distribution says BYE and begins anew under its SSRC, and a stream that is silent from there on would be taken to be gone.
func TestAChangeInASilenceKeepsWhoListens(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.room(t, "1000")
	h.feed(t, "1000", first)
	ctx := waitContext(t)
	change := func(c func(*distribution.Distribution)) {
		t.Helper()
		if _, err := h.spread.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { c(d); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	change(func(d *distribution.Distribution) { d.Silence = distribution.SilenceNothing }) // and nobody is there who could say anything
	l, in := h.join(t, first, owner{}), &counter{}
	until := func(what string, ok func() bool) {
		t.Helper()
		for !ok() {
			select {
			case <-ctx.Done():
				t.Fatalf("%s: it never came, %+v", what, l.Stats())
			case <-time.After(time.Millisecond):
				if err := l.Receive(time.Now(), in); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			}
		}
	}
	until("the beginning", func() bool { return in.packets > 10 })
	last, since := 0, time.Now()
	until("the silence", func() bool {
		if in.packets != last {
			last, since = in.packets, time.Now()
		}
		return time.Since(since) > 200*time.Millisecond
	})
	change(func(d *distribution.Distribution) { d.DSCP = 10 })
	until("the goodbye", l.Gone)
	until("the stream behind it", func() bool { return !l.Gone() })
	if in.packets == last {
		t.Error("it goes on, and nothing was heard")
	}
}

// reasonOf is why a participant leaves whose leg fails so.
func reasonOf(err error) rooms.Reason {
	if e, ok := errors.AsType[*rooms.EndError](err); ok {
		return e.Reason
	}
	if errors.Is(err, rooms.ErrMediaTimeout) {
		return rooms.ReasonMediaTimeout
	}
	if err != nil {
		return rooms.ReasonFailed
	}
	return rooms.ReasonUnspecified
}

func TestReceivingDoesNotAllocate(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.room(t, "1000")
	h.feed(t, "1000", second)
	l, in := h.join(t, first, owner{}), &counter{}
	l.own = h.spread
	s := newSender(t, first, 77)
	s.say(30)
	now := time.Now()
	for in.packets == 0 {
		if err := l.Receive(now, in); err != nil {
			t.Fatal(err)
		}
	}
	s.say(30, 11, 12)
	got := testing.AllocsPerRun(10, func() {
		now = now.Add(20 * time.Millisecond)
		if err := l.Receive(now, in); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("%.1f allocations a tick, want 0", got)
	}
	l.own = owner{"1000", "hall", 77}
	s.say(3)
	if err := l.Receive(now, in); reasonOf(err) != rooms.ReasonLooped {
		t.Fatalf("got %v, want a loop", err)
	}
	if got := testing.AllocsPerRun(10, func() { _ = l.Receive(now, in) }); got != 0 {
		t.Errorf("%.1f allocations a tick after a loop, want 0", got)
	}
}

func TestWhatCannotBeTakenInIsRefused(t *testing.T) {
	h := newHouse(t, distribution.Policy{Max: 1})
	h.room(t, "1000")
	for _, row := range []struct {
		name, room, field string
		change            func(*Source)
		want              error
	}{
		{"no such room", "9", "", func(*Source) {}, rooms.ErrNoRoom},
		{"a unicast address", "1000", "group", func(s *Source) { s.Group = netip.MustParseAddrPort("192.0.2.1:5004") }, distribution.ErrInvalid},
		{"an odd port", "1000", "group", func(s *Source) { s.Group = netip.AddrPortFrom(first.Addr(), 5005) }, distribution.ErrInvalid},
		{"no port", "1000", "group", func(s *Source) { s.Group = netip.AddrPortFrom(first.Addr(), 0) }, distribution.ErrInvalid},
		{"RTP and RTCP on one port", "1000", "group", func(s *Source) { s.RTCPPort = 5004 }, distribution.ErrInvalid},
		{"a group of all the world", "1000", "group", func(s *Source) { s.Group = netip.MustParseAddrPort("224.2.3.4:5004") }, distribution.ErrNotAllowed},
		{"a source-specific group without a source", "1000", "sources", func(s *Source) { s.Group = netip.MustParseAddrPort("232.1.2.3:5004") }, distribution.ErrInvalid},
		{"a source that is a group", "1000", "sources", func(s *Source) { s.Sources = []netip.Addr{second.Addr()} }, distribution.ErrInvalid},
		{"no codec", "1000", "codec", func(s *Source) { s.Format.Name = "" }, distribution.ErrInvalid},
		{"no such interface", "1000", "", func(s *Source) { s.Interface = "none0" }, ErrPath},
		{"a name that no interface has", "1000", "interface", func(s *Source) { s.Interface = strings.Repeat("x", 16) }, distribution.ErrInvalid},
		{"a TTL of 256", "1000", "sdp", func(s *Source) { s.TTL = 256 }, distribution.ErrInvalid},
		{"encrypted, and no key", "1000", "key", func(s *Source) { s.Secure = true }, distribution.ErrInvalid},
		{"a key that is too short", "1000", "key", func(s *Source) { s.Key = session.Key{Suite: "AEAD_AES_128_GCM", Master: make([]byte, 30)} }, distribution.ErrInvalid},
		{"patience for two days", "1000", "timeout", func(s *Source) { s.Timeout = 2 * distribution.MaxTimeout }, distribution.ErrInvalid},
	} {
		s := sourceAt(first)
		row.change(&s)
		_, err := h.Receive(waitContext(t), row.room, s)
		e, _ := errors.AsType[*distribution.Error](err)
		if !errors.Is(err, row.want) || row.field != "" && (e == nil || e.Field != row.field) {
			t.Errorf("%s: got %v, want %v of field %q", row.name, err, row.want, row.field)
		}
	}
	if n := h.taken.Load(); n != 0 {
		t.Errorf("%d sessions are counted", n)
	}
	if all, err := h.reg.Participants(waitContext(t), "1000"); err != nil || len(all) != 0 {
		t.Errorf("the room has %v, %v", all, err)
	}
	h.take(t, "1000", first)
	if _, err := h.Receive(waitContext(t), "1000", sourceAt(second)); !errors.Is(err, distribution.ErrNotAllowed) {
		t.Errorf("one more than allowed: got %v, want ErrNotAllowed", err)
	}
}

func TestAnInterfaceThatIsNotAllowedIsRefused(t *testing.T) {
	h := newHouse(t, distribution.Policy{Interfaces: []string{"lan0"}})
	h.room(t, "1000")
	if _, err := h.Receive(waitContext(t), "1000", sourceAt(first)); !errors.Is(err, distribution.ErrNotAllowed) {
		t.Errorf("got %v, want ErrNotAllowed", err)
	}
}
