package rooms

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// hold keeps the room from ticking for so long, in turns of that length.
func hold(ctx context.Context, t *testing.T, p *Participant, turn, total time.Duration) {
	t.Helper()
	for range total / turn {
		if err := p.Change(ctx, func() error { time.Sleep(turn); return nil }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // in the bubble: the room ticks
	}
}

// complexities is what the room has told of its encoders' complexity.
func complexities(s *state) (all []ComplexityChange) {
	for _, e := range s.pending {
		if e.Kind == KindOpusComplexity {
			all = append(all, *e.Complexity)
		}
	}
	return all
}

// late has a room look at seconds of which each has so many late ticks.
func (s *stage) late(seconds, ticks int) {
	for range seconds {
		for i := range framesPerSecond {
			s.now = s.now.Add(frameDuration)
			each := 1
			if i < ticks {
				each = 2
			}
			s.watchStrain(s.now, each, 0)
		}
	}
}

func TestComplexityGoesDownWhileTicksRunLateAndUpAgain(t *testing.T) {
	s := newStage(t, Settings{})
	m := seat(t, s.state, newFakeLeg(t, opus, 0))
	s.late(1, 0)
	s.late(1, 10)
	s.late(1, 0)
	if got := complexities(s.state); len(got) != 0 {
		t.Fatalf("one bad second changes the complexity: %v", got)
	}
	s.late(10, 10)
	if got, want := complexities(s.state), []ComplexityChange{{5, 3}, {3, 1}}; !slices.Equal(got, want) {
		t.Fatalf("ten bad seconds: got %v, want %v", got, want)
	}
	if got := s.mix.effort.Complexity; got != 1 || s.info().OpusComplexity != 1 || s.info().Opus.Complexity != 0 {
		t.Errorf("encoders work with %d, the room shows %d of %d, want 1 of 0", got, s.info().OpusComplexity, s.info().Opus.Complexity)
	}
	s.late(calmSpans-1, 0)
	if got := len(complexities(s.state)); got != 2 {
		t.Errorf("more is spent again after %d s", calmSpans-1)
	}
	s.late(4*calmSpans+2, 0)
	if got, want := complexities(s.state)[2:], []ComplexityChange{{1, 2}, {2, 3}, {3, 4}, {4, 5}}; !slices.Equal(got, want) {
		t.Errorf("when all is well: got %v, want %v", got, want)
	}
	if m.down.group.out == nil || s.mix.effort.Complexity != 5 {
		t.Errorf("encoders work with %d, want 5", s.mix.effort.Complexity)
	}
}

// TestComplexityDoesNotFlap has a room run late whenever it spends more than 3, for half an hour.
func TestComplexityDoesNotFlap(t *testing.T) {
	s := newStage(t, Settings{Opus: codec.Effort{Complexity: 6}})
	s.applyEffort()
	seat(t, s.state, newFakeLeg(t, opus, 0))
	last, shortest, changes := time.Time{}, time.Hour, 0
	for range 1800 {
		before := s.complexity()
		bad := 0
		if before > 3 {
			bad = 10
		}
		s.late(1, bad)
		if s.complexity() == before {
			continue
		}
		changes++
		if !last.IsZero() {
			shortest = min(shortest, s.now.Sub(last))
		}
		last = s.now
	}
	if shortest < strainSpans*strainSpan-frameDuration || changes > 60 || changes < 10 {
		t.Errorf("%d changes in half an hour, two of them within %v; want 10 to 60, and 2 s at least", changes, shortest)
	}
}

func TestOnlyOpusIsSpentLessOn(t *testing.T) {
	s := newStage(t, Settings{})
	seat(t, s.state, newFakeLeg(t, pcmu, 0))
	s.late(10, 10)
	if got := complexities(s.state); len(got) != 0 || s.strain.lowered != 0 {
		t.Errorf("a room of G.711 that ticks late tells %v", got)
	}
}

func TestLateTicksOfOtherRoomsCountToo(t *testing.T) {
	s := newStage(t, Settings{})
	seat(t, s.state, newFakeLeg(t, opus, 0))
	s.late(1, 0)
	for range 3 {
		s.metrics.lateTicks.Add(20)
		s.late(1, 0)
	}
	if got, want := complexities(s.state), []ComplexityChange{{5, 3}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestARoomThatIsHeldUpSpendsLessAndTellsOfIt(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		p := join(t, g, "1000", "Alice", newFakeLeg(t, opus, 0))
		time.Sleep(2 * time.Second)
		hold(ctx, t, p, 100*time.Millisecond, 5*time.Second)
		info, err := g.Info(ctx, "1000")
		if err != nil || info.OpusComplexity >= codec.DefaultComplexity || info.OpusComplexity < leastComplexity {
			t.Errorf("a room that ticks late encodes with complexity %d, %v, want less than %d", info.OpusComplexity, err, codec.DefaultComplexity)
		}
		if g.LateTicks() == 0 {
			t.Error("no ticks were late")
		}
		time.Sleep(2 * time.Minute)
		if info, err = g.Info(ctx, "1000"); err != nil || info.OpusComplexity != codec.DefaultComplexity {
			t.Errorf("two minutes later: complexity %d, %v, want %d", info.OpusComplexity, err, codec.DefaultComplexity)
		}
		p.Leave(ReasonHangup)
	})
}

func TestWhatIsSpentOnOpusIsSetAtOnce(t *testing.T) {
	inBubble(t, Config{OnDemand: true, Defaults: Settings{Opus: codec.Effort{Complexity: 4}}}, func(ctx context.Context, t *testing.T, g *Registry) {
		l := &sizesLeg{scriptLeg: newScriptLeg(t, cleanOpus(0), nil)}
		p, q := join(t, g, "1000", "Alice", newScriptLeg(t, cleanOpus(0), vowel(48000))), join(t, g, "1000", "Bob", l)
		total := func() (n int) {
			if err := q.Change(ctx, func() error { n = l.bytes; return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		sizes := func() int {
			before := total()
			time.Sleep(2 * time.Second)
			return total() - before
		}
		info, err := g.Info(ctx, "1000")
		if err != nil || info.Opus.Complexity != 4 || info.OpusComplexity != 4 {
			t.Errorf("a room on demand: %+v and %d, %v, want complexity 4", info.Opus, info.OpusComplexity, err)
		}
		usual := sizes()
		if info, err = g.Update(ctx, "1000", SettingsPatch{OpusBitrateBps: new(96000), OpusComplexity: new(9)}); err != nil {
			t.Fatal(err)
		}
		if want := (codec.Effort{Complexity: 9, BitrateBps: 96000}); info.Opus != want || info.OpusComplexity != 9 {
			t.Errorf("got %+v and %d, want %+v", info.Opus, info.OpusComplexity, want)
		}
		if more := sizes(); more < usual*3/2 {
			t.Errorf("%d bytes in two seconds at twice the bitrate, and %d before", more, usual)
		}
		for _, patch := range []SettingsPatch{{OpusComplexity: new(11)}, {OpusBitrateBps: new(1000)}} {
			if _, err := g.Update(ctx, "1000", patch); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		}
		if info, err = g.Update(ctx, "1000", SettingsPatch{OpusComplexity: new(0), OpusBitrateBps: new(0)}); err != nil || info.Opus != (codec.Effort{Complexity: 4}) {
			t.Errorf("got %+v, %v, want what the bridge is configured with", info.Opus, err)
		}
		p.Leave(ReasonHangup)
		q.Leave(ReasonHangup)
	})
}

// sizesLeg counts the bytes of what it is sent. Its members are the room's goroutine's.
type sizesLeg struct {
	*scriptLeg
	bytes int
}

func (l *sizesLeg) Send(now time.Time, payload []byte, units int) {
	l.bytes += len(payload)
	l.scriptLeg.Send(now, payload, units)
}

func TestSettingAndWatchingAllocateNothing(t *testing.T) {
	s := newStage(t, Settings{})
	seat(t, s.state, newFakeLeg(t, opus, 0))
	s.late(1, 0)
	if got := testing.AllocsPerRun(200, func() {
		s.now = s.now.Add(frameDuration)
		s.watchStrain(s.now, 1, 0)
		s.fillSpares()
	}); got != 0 {
		t.Errorf("%v allocations between ticks, want 0", got)
	}
}
