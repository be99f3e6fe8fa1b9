package rooms

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// slowLeg takes that long to receive, as many legs do.
type slowLeg struct {
	loopLeg
	takes time.Duration
}

func (l *slowLeg) Receive(now time.Time, in Inlet) error {
	time.Sleep(l.takes)
	return l.loopLeg.Receive(now, in)
}

// slowRoom is a room of one slow leg, which a test runs in place of its goroutine.
type slowRoom struct {
	*state
	leg *slowLeg
	of  []Event
}

func newSlowRoom(t *testing.T, g *Registry) *slowRoom {
	s := newState(newRoom(g, "1000", newEventLog("1000", 64, nil, 0)), Kept{}, false)
	t.Cleanup(s.stopTimers)
	leg := &slowLeg{loopLeg: loopLeg{newFakeLeg(t, pcmu, 0)}}
	seat(t, s, leg)
	return &slowRoom{state: s, leg: leg}
}

// run has the room tick for so many turns of its clock, with a leg that takes that long.
func (r *slowRoom) run(turns int, takes time.Duration) {
	r.leg.takes = takes
	for range turns {
		time.Sleep(time.Until(r.timers.clock.next()))
		r.runDue()
		for _, e := range r.pending {
			if e.Kind == KindLate {
				r.of = append(r.of, e)
			}
		}
		r.publish()
	}
}

func TestATickThatLeavesLittleTimeIsToldBeforeItIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewRegistry(Config{})
		r := newSlowRoom(t, g)
		r.run(10, 14*time.Millisecond)
		r.run(1, 16*time.Millisecond) // an accident
		r.run(10, 0)
		if len(r.of) != 0 || g.Overruns() != 0 {
			t.Fatalf("in time, but for once: %d overruns, told %v", g.Overruns(), r.of)
		}
		r.run(250, 16*time.Millisecond) // 5 s
		r.run(250, 0)
		if got := g.LateTicks(); got != 0 {
			t.Errorf("%d frames were skipped by ticks of 16 ms", got)
		}
		if got := g.Overruns(); got != 249 {
			t.Errorf("got %d overruns, want one for each turn but the first: 249", got)
		}
		var got []Lateness
		for _, e := range r.of {
			got = append(got, e.Lateness)
		}
		want := []Lateness{{Late: 1, Worst: 16 * time.Millisecond}, {Late: 248, Worst: 16 * time.Millisecond}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if len(r.of) == 2 && r.of[1].Time.Sub(r.of[0].Time) < lateEvery {
			t.Errorf("told at %v and %v", r.of[0].Time, r.of[1].Time)
		}
	})
}

func TestFramesThatAreSkippedAreToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewRegistry(Config{})
		r := newSlowRoom(t, g)
		r.run(1, 0)
		time.Sleep(110 * time.Millisecond)
		r.run(1, 0)
		if len(r.of) != 1 || r.of[0].Lateness != (Lateness{Skipped: 2, Late: 1, Worst: 90 * time.Millisecond}) || g.LateTicks() != 2 || g.Overruns() != 1 {
			t.Errorf("told %v; %d frames skipped, %d overruns", r.of, g.LateTicks(), g.Overruns())
		}
	})
}

func TestWhatIsLeftToTellIsToldBeforeTheConferenceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSlowRoom(t, NewRegistry(Config{}))
		r.run(50, 16*time.Millisecond)
		r.letGo(r.members[0].p, ReasonHangup)
		var told []Kind
		for _, e := range r.pending {
			told = append(told, e.Kind)
		}
		if diff := cmp.Diff([]Kind{KindLeft, KindLate, KindEnded}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if len(r.pending) == 3 && r.pending[1].Lateness.Late != 48 {
			t.Errorf("told of %+v, want 48 times: 49, of which the first has been told", r.pending[1].Lateness)
		}
	})
}

func TestARoomThatStaysLateByItsSizeTakesNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewRegistry(Config{})
		r := newSlowRoom(t, g)
		comes := func(role Role) error {
			p := newParticipant(r.room, Caller{Role: role})
			err := r.admit(p, role)
			r.letGo(p, ReasonHangup)
			return err
		}
		r.run(lateTurns-1, 16*time.Millisecond)
		if err := comes(RoleSpeaker); err != nil {
			t.Errorf("before it stays late: %v", err)
		}
		r.run(1, 16*time.Millisecond)
		if err := comes(RoleSpeaker); !errors.Is(err, ErrOverloaded) {
			t.Errorf("got %v, want ErrOverloaded", err)
		}
		if err := comes(RoleModerator); err != nil {
			t.Errorf("a moderator: %v", err)
		}
		r.run(lateTurns-1, 0)
		if err := comes(RoleSpeaker); !errors.Is(err, ErrOverloaded) {
			t.Errorf("as soon as it is in time again: got %v, want ErrOverloaded", err)
		}
		r.run(1, 0)
		if err := comes(RoleSpeaker); err != nil {
			t.Errorf("in time for 2 s: %v", err)
		}
		for range 2 * lateTurns { // the machine is busy with something else
			time.Sleep(18 * time.Millisecond)
			r.run(1, 0)
		}
		if err := comes(RoleSpeaker); err != nil {
			t.Errorf("late, but not by its own doing: %v", err)
		}
	})
}

func TestABridgeWhoseRoomsStayLateTakesNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewRegistry(Config{})
		var all []*slowRoom
		for range manyRooms {
			all = append(all, newSlowRoom(t, g))
		}
		late := func(n int) {
			for _, r := range all[:n] {
				for range lateTurns {
					r.watchLateness(18*time.Millisecond, time.Millisecond, 0, time.Now())
				}
			}
		}
		admit := func() error {
			r := all[len(all)-1]
			return r.admit(newParticipant(r.room, Caller{}), RoleSpeaker)
		}
		late(manyRooms / 2)
		if err := admit(); err != nil {
			t.Errorf("half of the rooms are late: %v", err)
		}
		late(manyRooms/2 + 1)
		if err := admit(); !errors.Is(err, ErrOverloaded) {
			t.Errorf("most are: got %v, want ErrOverloaded", err)
		}
		all[0].letGo(all[0].members[0].p, ReasonHangup)
		if err := admit(); err != nil {
			t.Errorf("there are few rooms: %v", err)
		}
		if late, ticking := g.lateRooms.Load(), g.tickingRooms.Load(); late != manyRooms/2 || ticking != manyRooms-1 {
			t.Errorf("%d of %d rooms are late", late, ticking)
		}
	})
}

func TestLatenessIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := NewRegistry(Config{Log: slog.New(slog.NewTextHandler(&out, nil))})
		a, b := newSlowRoom(t, g), newSlowRoom(t, g)
		a.run(11, 16*time.Millisecond)
		b.run(6, 17*time.Millisecond)
		time.Sleep(lateLogEvery)
		synctest.Wait()
		time.Sleep(lateLogEvery)
		a.watchLateness(100*time.Millisecond, 0, 2, time.Now())
		if err := g.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			if _, what, ok := strings.Cut(line, `msg="rooms were late" `); ok {
				got = append(got, strings.TrimSpace(what))
			}
		}
		// The second room's clock was begun with the first one's: by the time it ticks it has skipped some.
		want := []string{"rooms=2 turns=16 skipped_frames=8 worst_ms=267", "rooms=1 turns=1 skipped_frames=2 worst_ms=100"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("logged (-want +got):\n%s", diff)
		}
	})
}
