package rooms

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/mixer/playout"
)

// beatLeg is a telephone whose packets come when they come, and not when the room ticks.
type beatLeg struct {
	*scriptLeg
	first   time.Time                 // its first packet comes then
	held    func(i int) time.Duration // on the way; nil: none is
	split   int                       // of each packet so many are made; 0: one
	made    []jitter.Packet           // and not come yet
	brought int
	newest  time.Time // when the last one came that the room has
	waited  time.Duration
}

func newBeatLeg(t testing.TB, millis int, first time.Time) *beatLeg {
	p := codec.Profile{Format: pcmu, Packet: time.Duration(millis) * time.Millisecond}
	return &beatLeg{scriptLeg: newScriptLeg(t, p, tone(700, 6000, 8000)), first: first}
}

func (l *beatLeg) Receive(now time.Time, in Inlet) error {
	for {
		for len(l.made) == 0 {
			if err := l.scriptLeg.Receive(now, collector{discard{}, l}); err != nil {
				return err
			}
		}
		at := l.first.Add(time.Duration(l.brought) * l.profile.PacketTime() / time.Duration(max(l.split, 1)))
		if l.held != nil {
			at = at.Add(l.held(l.brought))
		}
		if at.After(now) {
			l.waited = now.Sub(l.newest)
			return nil
		}
		if l.brought == 0 {
			in.Restart(l.profile.Format, l.source)
		}
		p := l.made[0]
		p.Sequence, p.Arrival, l.newest = uint16(l.brought), at, at
		in.Audio(p)
		l.made = l.made[1:]
		l.brought++
	}
}

// collector keeps packets for a beatLeg, before they go on their way.
type collector struct {
	discard
	leg *beatLeg
}

func (c collector) Audio(p jitter.Packet) jitter.Verdict {
	parts := max(c.leg.split, 1)
	p.Samples /= parts
	for part := range slices.Chunk(slices.Clone(p.Payload), len(p.Payload)/parts) {
		p.Payload = part
		c.leg.made = append(c.leg.made, p)
		p.Timestamp += uint32(p.Samples)
	}
	return jitter.Stored
}

// beatRoom is a room that a test runs in place of its goroutine, by the clock of a bubble.
type beatRoom struct {
	*state
	short, long time.Duration // the shortest and the longest time between two ticks
	last        time.Time
}

func newBeatRoom(t testing.TB, g *Registry) *beatRoom {
	s := newState(newRoom(g, "1000", newEventLog("", 64, nil, 0)), Kept{}, false)
	t.Cleanup(s.stopTimers)
	return &beatRoom{state: s, short: time.Hour}
}

// phasedRegistry has 8 phases, however many processors there are.
func phasedRegistry() *Registry {
	g := NewRegistry(Config{})
	g.phases = newPhases(time.Now(), 8)
	return g
}

// tickOnce waits for the next tick, and does it.
func (r *beatRoom) tickOnce() {
	time.Sleep(time.Until(r.timers.clock.next()))
	now := time.Now()
	if !r.last.IsZero() {
		r.short, r.long = min(r.short, now.Sub(r.last)), max(r.long, now.Sub(r.last))
	}
	r.last = now
	r.runDue()
	r.publish()
}

func (r *beatRoom) run(d time.Duration) {
	for end := time.Now().Add(d); r.timers.clock.next().Before(end); {
		r.tickOnce()
	}
}

// phaseOf is the phase that a room ticks in, checked against its clock.
func (r *beatRoom) phaseOf(t testing.TB) int {
	t.Helper()
	c := &r.timers.clock
	if off := c.next().Sub(c.phase.origin) % frameDuration; off != 0 {
		t.Errorf("the clock is %v off its phase", off)
	}
	return c.phase.index
}

// TestARoomTicksSoonAfterItsFirstSendersPackets: whenever they come within the 20 ms, and however long they are; and nobody hears that the room has moved.
func TestARoomTicksSoonAfterItsFirstSendersPackets(t *testing.T) {
	for _, millis := range []int{10, 20, 30, 40, 60} {
		for after := time.Duration(0); after < frameDuration; after += 2300 * time.Microsecond {
			t.Run(fmt.Sprintf("%d ms, at %v", millis, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testBeat(t, millis, after) })
			})
		}
	}
}

func testBeat(t *testing.T, millis int, after time.Duration) {
	stays, moves := listenToBeat(t, NewRegistry(Config{}), millis, after), listenToBeat(t, phasedRegistry(), millis, after)
	if most := beatMargin + frameDuration/8; stays.wait > most && moves.wait > most {
		t.Errorf("packets wait %v, want no more than %v", moves.wait, most)
	}
	saved := stays.wait - moves.wait
	if stays.late { // for the tick that comes before beatMargin is over: it could save nearly a frame
		saved += divisor(time.Duration(millis)*time.Millisecond, frameDuration)
	}
	if saved < 0 || saved >= frameDuration {
		t.Errorf("packets wait %v, and %v where the room stays", moves.wait, stays.wait)
	}
	if got := stays.BufferDelay - moves.BufferDelay - saved; got < -time.Millisecond/10 || got > time.Millisecond/10 {
		t.Errorf("sound is heard after %v, and %v where the room stays: want it %v sooner", moves.BufferDelay, stays.BufferDelay, saved)
	}
	if moves.long > frameDuration || moves.short != frameDuration-saved {
		t.Errorf("ticks were %v to %v apart, want one time to be %v shorter", moves.short, moves.long, saved)
	}
	moves.BufferDelay, moves.BufferMax, moves.PacketsReceived = stays.BufferDelay, stays.BufferMax, stays.PacketsReceived
	if diff := cmp.Diff(stays.Stats, moves.Stats); diff != "" {
		t.Errorf("more was made up, moved or lost than where the room stays: %s", diff)
	}
	if !slices.Equal(stays.heard, moves.heard) {
		t.Errorf("the listener hears something else than where the room stays")
	}
}

// beatStory is what became of a talker's packets.
type beatStory struct {
	playout.Stats
	wait        time.Duration // of the newest packet, at the tick where that is the least
	late        bool          // less than the jitter buffer's margin
	short, long time.Duration // the shortest and the longest time between two ticks
	heard       []int16       // by another one
}

func listenToBeat(t *testing.T, g *Registry, millis int, after time.Duration) beatStory {
	room := newBeatRoom(t, g)
	talker := newBeatLeg(t, millis, time.Now().Add(100*time.Millisecond+after))
	listener := newScriptLeg(t, pcmuProfile(), nil)
	seat(t, room.state, listener)
	m := seat(t, room.state, talker)
	for range 200 {
		room.tickOnce()
	}
	story := beatStory{wait: time.Hour}
	for range 12 { // as long as it takes packets and ticks to come together again
		room.tickOnce()
		story.wait = min(story.wait, talker.waited)
	}
	story.late = story.wait < time.Millisecond
	story.Stats, story.short, story.long, story.heard = m.voice.stream.Stats(), room.short, room.long, listener.heard
	if story.PacketsReceived == 0 || measure.RMSDBFS(story.heard) < -30 {
		t.Errorf("%d packets came, and %.1f dBFS are heard", story.PacketsReceived, measure.RMSDBFS(story.heard))
	}
	return story
}

func TestARoomMovesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := newBeatRoom(t, phasedRegistry())
		talker := newBeatLeg(t, 20, time.Now().Add(107*time.Millisecond))
		m := seat(t, room.state, talker)
		room.run(2 * time.Second)
		if got := room.phaseOf(t); got != 6 { // it comes at 7 ms, and the phase is that of 15 ms: 13 ms would do
			t.Errorf("the room ticks in phase %d, want 6", got)
		}
		start := room.timers.clock.start
		other := newBeatLeg(t, 20, time.Now().Add(2*time.Millisecond))
		o := seat(t, room.state, other)
		room.run(time.Second)
		talker.held = func(int) time.Duration { return 6 * time.Millisecond }
		room.run(time.Second)
		room.letGo(m.p, ReasonHangup)
		room.run(time.Second)
		if got := room.timers.clock.start; !got.Equal(start) {
			t.Errorf("the clock was set another time, by %v", got.Sub(start))
		}
		room.letGo(o.p, ReasonHangup)
		if got := room.room.registry.phases; got.used != 0 || slices.Max(got.rooms) != 0 || slices.Min(got.rooms) != 0 {
			t.Errorf("the room is empty, and phases are taken: %d", got.rooms)
		}
		time.Sleep(time.Second + 11*time.Millisecond)
		next := newBeatLeg(t, 20, time.Now().Add(time.Millisecond))
		seat(t, room.state, next)
		room.run(2 * time.Second)
		if next.waited < beatMargin || next.waited > beatMargin+frameDuration/8 {
			t.Errorf("in the next conference packets wait %v, want them to be followed anew", next.waited)
		}
	})
}

func TestARoomStaysWhereMovingWouldNotDo(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(r *beatRoom, talker *beatLeg)
	}{
		{"another one sends too", func(r *beatRoom, _ *beatLeg) {
			seat(t, r.state, newBeatLeg(t, 20, time.Now().Add(150*time.Millisecond)))
		}},
		{"one in ten comes late", func(_ *beatRoom, talker *beatLeg) {
			talker.held = func(i int) time.Duration {
				if i%10 == 9 {
					return 15 * time.Millisecond
				}
				return 0
			}
		}},
		{"packets come anyhow", func(_ *beatRoom, talker *beatLeg) {
			talker.held = func(i int) time.Duration { return time.Duration(i*7%16) * time.Millisecond }
		}},
		{"it is recorded", func(r *beatRoom, _ *beatLeg) {
			if err := r.startRecording(&fakeTape{}); err != nil {
				t.Error(err)
			}
		}},
		{"packets of 5 ms", func(_ *beatRoom, talker *beatLeg) { talker.split = 4 }},
		{"packets come in time for the tick before", func(_ *beatRoom, talker *beatLeg) {
			talker.first = talker.first.Add(18500 * time.Microsecond)
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			room := newBeatRoom(t, phasedRegistry())
			talker := newBeatLeg(t, 20, time.Now().Add(100*time.Millisecond))
			seat(t, room.state, talker)
			start := room.timers.clock.start
			row.do(room, talker)
			room.run(3 * time.Second)
			if got := room.timers.clock.start; !got.Equal(start) {
				t.Errorf("%s: the room has moved by %v", row.name, got.Sub(start))
			}
			if !room.timers.beat.known {
				t.Errorf("%s: still looking after 3 s", row.name)
			}
		})
	}
}

// TestARecordingIsAsLongAsItRanInARoomThatMoves: its frames are 20 ms of the clock each, and the move is none of them.
func TestARecordingIsAsLongAsItRanInARoomThatMoves(t *testing.T) {
	for _, after := range []time.Duration{0, 500 * time.Millisecond, 1100 * time.Millisecond, 1120 * time.Millisecond, 1140 * time.Millisecond, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			room := newBeatRoom(t, phasedRegistry())
			seat(t, room.state, newBeatLeg(t, 20, time.Now().Add(103*time.Millisecond)))
			room.run(after)
			tape, began := &fakeTape{}, time.Now()
			if err := room.startRecording(tape); err != nil {
				t.Fatal(err)
			}
			room.run(time.Minute)
			ran := time.Since(began)
			room.stopRecording(ReasonStopped)
			if off := time.Duration(tape.frames)*frameDuration - ran; off <= -frameDuration || off >= frameDuration {
				t.Errorf("begun after %v: %d frames in %v", after, tape.frames, ran)
			}
		})
	}
}

// TestRoomsThatAreSentToAtOnceDoNotCrowd: a hundred rooms whose packets come in the same instant.
func TestRoomsThatAreSentToAtOnceDoNotCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 100
		g := phasedRegistry()
		var all []*beatRoom
		var talkers []*beatLeg
		for range count {
			room, talker := newBeatRoom(t, g), newBeatLeg(t, 20, time.Now().Add(103*time.Millisecond))
			seat(t, room.state, talker)
			all, talkers = append(all, room), append(talkers, talker)
		}
		byNext := func(a, b *beatRoom) int { return a.timers.clock.next().Compare(b.timers.clock.next()) }
		waited := func(ticks int) (sum time.Duration) {
			for range ticks * count {
				slices.MinFunc(all, byNext).tickOnce()
			}
			for _, l := range talkers {
				sum += l.waited
			}
			return sum / count
		}
		before, after := waited(12), waited(60)
		if after >= before {
			t.Errorf("packets wait %v on average, and %v before the rooms moved", after, before)
		}
		var rooms [8]int
		for _, r := range all {
			rooms[r.phaseOf(t)]++
		}
		if got := slices.Max(rooms[:]); got > count/8+crowd {
			t.Errorf("the phases have %d rooms, want %d at most", rooms, count/8+crowd)
		}
		if !slices.Equal(rooms[:], g.phases.rooms) {
			t.Errorf("the phases have %d rooms, and %d are counted", rooms, g.phases.rooms)
		}
		for _, r := range all {
			r.end(ReasonEnded)
		}
		if g.phases.used != 0 || slices.Max(g.phases.rooms) != 0 || slices.Min(g.phases.rooms) != 0 {
			t.Errorf("all have left, and phases are taken: %d", g.phases.rooms)
		}
	})
}

func TestToKnowWhenPacketsComeCostsNoAllocation(t *testing.T) {
	s := newTestState(t)
	s.room.registry.phases = newPhases(time.Now(), 8)
	m := seat(t, s, loopLeg{newFakeLeg(t, pcmu, 700)})
	t.Cleanup(s.stopTimers)
	c, phases := &s.timers.clock, s.room.registry.phases
	now, moved := time.Now(), 0
	second := func() {
		c.restart(now, phases.take())
		from := c.phase
		s.timers.beat = beat{}
		for range framesPerSecond + 10 {
			now = now.Add(frameDuration)
			s.tick(now)
			s.keepBeat()
			s.pending = s.pending[:0]
		}
		if c.phase != from {
			moved++
		}
		phases.leave(c.phase)
	}
	for range 2 {
		second()
	}
	if got := testing.AllocsPerRun(8, second); got != 0 {
		t.Errorf("%.1f allocations a second, want 0", got)
	}
	if moved == 0 || m.voice.stream.Stats().Concealed > 0 {
		t.Errorf("the room has moved %d times, and %v are concealed", moved, m.voice.stream.Stats().Concealed)
	}
}
