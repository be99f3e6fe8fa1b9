package rooms

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

// newTestState makes the inside of a room that no goroutine runs. Its tests are left out under the race detector.
func newTestState(t testing.TB) *state {
	t.Helper()
	if raceEnabled {
		t.Skip("one goroutine: there is nothing for the race detector to find")
	}
	g := NewRegistry(Config{})
	return newState(newRoom(g, "1000", newEventLog("1000", 64, nil, 0)), Kept{}, false)
}

// seat puts a leg into a state that no goroutine runs.
func seat(t testing.TB, s *state, leg Leg) *member {
	t.Helper()
	p := newParticipant(s.room, Caller{})
	if err := s.admit(p, p.caller.Role); err != nil {
		t.Fatal(err)
	}
	if err := s.join(p, leg); err != nil {
		t.Fatal(err)
	}
	s.publish()
	return s.members[len(s.members)-1]
}

// loopLeg brings the same payload for ever and throws away what it is sent: nothing of it can allocate.
type loopLeg struct {
	*fakeLeg
}

func (l loopLeg) Send(time.Time, []byte, int) {}

func TestTickDoesNotAllocate(t *testing.T) {
	s := newTestState(t)
	s.set = Settings{MaxTalkers: 4, AGC: true, NoiseSuppression: true}
	formats := [...]codec.Format{pcmu, pcma, opus, g722}
	for i := range 50 {
		f := formats[i%len(formats)]
		leg := newFakeLeg(t, f, toneHz(i%8))
		if i%5 > 1 {
			leg.toneHz = 0 // a listener
		}
		seat(t, s, loopLeg{leg})
	}
	s.members[49].caller.Way = WaySession
	s.members[49].goTo(PlaceInside)
	whole := &mixer.Clip{Name: "a minute", RateHz: 16000, PCM: make([]int16, 60*16000)}
	s.playMusic(whole)
	if _, ok := s.announcer.play([]*mixer.Clip{whole}); !ok {
		t.Fatal("the clip found no place")
	}
	for i, m := range s.members[30:] {
		m.goTo([...]Place{PlaceWaiting, PlaceAsked, PlaceInside}[i%3])
		if i%2 == 0 {
			m.aside.play([]*mixer.Clip{whole})
		}
	}
	if err := s.setWhisper(s.members[0], s.members[1].p.id); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.members[20:40] {
		m.aside.take = newTake(time.Minute)
	}
	s.members[20].aside.take = newTake(time.Second) // which is full before long
	now := time.Now()
	tick := func() {
		now = now.Add(frameDuration)
		s.tick(now)
		s.pending = s.pending[:0]
	}
	for range 60 {
		tick()
	}
	second := func() { // quality is told once in it, and voices come and go
		for range framesPerSecond {
			tick()
		}
		for i, m := range s.members {
			leg := m.leg.(loopLeg)
			leg.toneHz = 0
			if (i+int(s.mix.ticks)/framesPerSecond)%5 > 1 {
				leg.toneHz = toneHz(i % 8)
			}
		}
	}
	if got := testing.AllocsPerRun(5, second); got != 0 {
		t.Errorf("%.1f allocations a second of 50 legs, want 0", got)
	}
	if got := len(s.mix.groups); got != len(formats)*3+1 {
		t.Errorf("%d groups of listeners, want one for each of 4 formats and each of 3 places, and that of the session", got)
	}
}

func TestAllWhoBeginToTalkAtOnceCostNoAllocation(t *testing.T) {
	s := newTestState(t)
	const members = 50
	for i := range members {
		seat(t, s, loopLeg{newFakeLeg(t, pcmu, toneHz(i%8))})
	}
	reserved := cap(s.pending)
	now := time.Now()
	for range 10 { // none is published: all of it must fit
		now = now.Add(frameDuration)
		s.tick(now)
	}
	if got := len(s.pending); got != members {
		t.Errorf("%d of %d began to talk", got, members)
	}
	for range 30 {
		s.members[0].Key('1', frameDuration)
	}
	if cap(s.pending) != reserved {
		t.Errorf("the events had to grow from %d to %d", reserved, cap(s.pending))
	}
}

func TestClockCatchesUpAtMostThreeFrames(t *testing.T) {
	start := time.Now()
	for _, row := range []struct {
		name           string
		late           time.Duration
		ticks, skipped int64
	}{
		{"too early", 19 * time.Millisecond, 0, 0},
		{"in time", 20 * time.Millisecond, 1, 0},
		{"one frame late", 45 * time.Millisecond, 2, 0},
		{"as late as can be made up for", 79 * time.Millisecond, 3, 0},
		{"too late", time.Second, 3, 47},
	} {
		c := clock{timer: newStoppedTimer()}
		c.restart(start, nil)
		ticks, skipped := c.due(start.Add(row.late))
		if ticks != row.ticks || skipped != row.skipped {
			t.Errorf("%s: %d ticks, %d skipped, want %d, %d", row.name, ticks, skipped, row.ticks, row.skipped)
		}
		if again, _ := c.due(start.Add(row.late)); again != 0 {
			t.Errorf("%s: %d frames due a second time", row.name, again)
		}
		c.timer.Stop()
	}
}

func TestListenersShareOneEncode(t *testing.T) {
	s := newTestState(t)
	talker := seat(t, s, newFakeLeg(t, pcmu, 700))
	a, b := seat(t, s, newFakeLeg(t, pcmu, 0)), seat(t, s, newFakeLeg(t, pcmu, 0))
	now := time.Now()
	for range 20 {
		now = now.Add(frameDuration)
		s.tick(now)
	}
	if a.down.group != b.down.group || a.down.own != nil {
		t.Error("two listeners of one format do not share a group")
	}
	if talker.down.ownTicks != ownEncodeTicks {
		t.Error("who talks has no mix of its own")
	}
	talker.leg.(*fakeLeg).toneHz = 0
	for range ownEncodeTicks + 20 {
		now = now.Add(frameDuration)
		s.tick(now)
	}
	if talker.down.own != nil {
		t.Error("who has been silent for long still has an encode of its own")
	}
}

func TestOneEncodeATickForAllWhoListen(t *testing.T) {
	s := newTestState(t)
	listeners := make([]*fakeLeg, 10)
	for i := range listeners {
		listeners[i] = newFakeLeg(t, pcmu, 0)
		seat(t, s, listeners[i])
	}
	talker := newFakeLeg(t, pcmu, 700)
	seat(t, s, talker)
	now := time.Now()
	for range 20 {
		now = now.Add(frameDuration)
		s.tick(now)
		for i, l := range listeners {
			if l.sent != listeners[0].sent {
				t.Fatalf("listener %d was sent another payload than listener 0", i)
			}
		}
		if talker.sent == listeners[0].sent {
			t.Fatal("the talker was sent what the listeners were")
		}
	}
}

// TestTurningTalkerIsNotHeardAsAClick lets a listener in a room of 48 kHz, whose mix is being limited, begin to talk: what
// it hears comes from another limiter and another resampler from then on, and must go on as it was.
func TestTurningTalkerIsNotHeardAsAClick(t *testing.T) {
	s := newTestState(t)
	for range 4 {
		leg := newFakeLeg(t, opus, 300)
		leg.amp = 20000
		seat(t, s, leg)
	}
	leg := newFakeLeg(t, pcmu, 0)
	seat(t, s, leg)
	now := time.Now()
	tick := func(n int) {
		for range n {
			now = now.Add(frameDuration)
			s.tick(now)
		}
	}
	tick(100)
	leg.toneHz, leg.amp = 1000, 300
	tick(100)
	heard := leg.lastHeard(2500 * time.Millisecond) // 25 ticks before it, 100 after it
	steepest := 0
	for i := 1; i < len(heard); i++ {
		steepest = max(steepest, abs(int(heard[i])-int(heard[i-1])))
	}
	// A tone of 300 Hz at full scale rises by 7,700 a sample at most, and μ-law's steps there are 1,024.
	if limit := 9000; steepest > limit {
		t.Errorf("a step of %d in what the listener hears, want at most %d", steepest, limit)
	}
	before, after := measure.RMSDBFS(heard[:4000]), measure.RMSDBFS(heard[4000:4800])
	if after-before > 0.5 || before-after > 0.5 {
		t.Errorf("the level goes from %.1f to %.1f dBFS, want no jump", before, after)
	}
}

func abs(v int) int { return max(v, -v) }
