package rooms

import (
	"fmt"
	"slices"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// How a room's encoders of Opus are brought to spend less while ticks run late. Complexity 1 costs half to two thirds of 5 (decision 0051).
const (
	strainSpan  = time.Second // what is judged
	strainTicks = 3           // that came a frame late in that time, or were skipped: it is too much for the processors
	strainSpans = 2           // one after the other, before anything is done: a moment is nobody's fault
	lowerBy     = 2
	raiseBy     = 1
	// calmSpans have no late tick before more is spent again. Where that was too much within raiseStands, it takes twice as long the next time, up to calmMost.
	calmSpans   = 10
	calmMost    = 160
	raiseStands = time.Minute
)

// leastComplexity is the lowest that a room goes down to by itself.
const leastComplexity = 1

// strain is whether a room's ticks come in time, or those of the bridge: they have the same processors.
type strain struct {
	began    time.Time // of the span that is looked at
	late     int       // ticks of the room in it that came a frame late
	skipped  uint64    // by all rooms, until it began
	strained int       // spans in a row
	calm     int       // likewise
	need     int       // spans of calm before more is spent; 0: calmSpans
	raised   time.Time
	lowered  int // complexity that is not spent
}

// verdict is what becomes of a room's complexity.
type verdict int8

const (
	spendAsBefore verdict = iota
	spendLess
	spendMore
)

// observe looks at a turn: how many frames it has ticked, how many were skipped, and by all rooms since the bridge began.
func (t *strain) observe(now time.Time, ticks, skipped int, bySkips uint64) verdict {
	if t.began.IsZero() {
		t.begin(now, bySkips)
	}
	t.late += ticks - 1 + skipped
	if now.Sub(t.began) < strainSpan {
		return spendAsBefore
	}
	late := max(uint64(t.late), bySkips-t.skipped)
	t.begin(now, bySkips)
	switch {
	case late >= strainTicks:
		t.calm = 0
		t.strained++
	case late > 0: // neither
		t.calm, t.strained = 0, 0
	default:
		t.strained = 0
		t.calm++
	}
	return t.judge(now)
}

func (t *strain) begin(now time.Time, bySkips uint64) { t.began, t.late, t.skipped = now, 0, bySkips }

func (t *strain) judge(now time.Time) verdict {
	switch {
	case t.strained >= strainSpans:
		t.strained = 0
		return spendLess
	case t.lowered > 0 && t.calm >= max(t.need, calmSpans):
		t.calm, t.raised = 0, now
		return spendMore
	}
	return spendAsBefore
}

// wasTooMuch says that less is spent again than before, so that the next try takes longer if the last has not stood.
func (t *strain) wasTooMuch(now time.Time) {
	if !t.raised.IsZero() && now.Sub(t.raised) < raiseStands {
		t.need = min(2*max(t.need, calmSpans), calmMost)
		return
	}
	t.need = calmSpans
}

// watchStrain has the room spend less on Opus, or more again. It is called between ticks.
func (s *state) watchStrain(now time.Time, ticks, skipped int) {
	t := &s.strain
	change := t.observe(now, ticks, skipped, s.metrics.lateTicks.Load())
	if change == spendAsBefore {
		return
	}
	usual := s.set.Opus.ComplexityOr(codec.DefaultComplexity)
	before := t.lowered
	switch change {
	case spendLess:
		if !s.encodesOpus() {
			return
		}
		t.lowered = min(t.lowered+lowerBy, usual-leastComplexity)
		if t.lowered > before {
			t.wasTooMuch(now)
		}
	case spendMore:
		t.lowered = max(t.lowered-raiseBy, 0)
	}
	if t.lowered == before {
		return
	}
	s.applyEffort()
	s.raise(Event{Kind: KindOpusComplexity, Complexity: &ComplexityChange{From: usual - before, To: usual - t.lowered}})
}

// ComplexityChange is that a room's encoders of Opus work with another complexity than before.
type ComplexityChange struct{ From, To int }

// encodesOpus says whether anybody hears the room by Opus.
func (s *state) encodesOpus() bool {
	return slices.ContainsFunc(s.mix.groups, func(g *group) bool { return g.key.profile.Name == codec.Opus })
}

// complexity is what the room's encoders work with.
func (s *state) complexity() int {
	return max(s.set.Opus.ComplexityOr(codec.DefaultComplexity)-s.strain.lowered, leastComplexity)
}

// applyEffort has all encoders work as the room is set, as far as there is time for it. It is called between ticks.
func (s *state) applyEffort() {
	s.strain.lowered = min(s.strain.lowered, s.set.Opus.ComplexityOr(codec.DefaultComplexity)-leastComplexity)
	to := codec.Effort{Complexity: s.complexity(), BitrateBps: s.set.Opus.BitrateBps}
	if err := s.mix.setEffort(s.members, to); err != nil {
		s.room.registry.cfg.Log.Error("an encoder of Opus cannot be set", "room", s.room.number, "err", err)
	}
}

// setEffort has all encoders of a room work so.
func (x *mixdown) setEffort(members []*member, to codec.Effort) error {
	if to == x.effort {
		return nil
	}
	if err := to.Valid(); err != nil {
		return fmt.Errorf("set effort: %w", err)
	}
	x.effort = to
	for _, g := range x.groups {
		if err := g.out.SetEffort(to); err != nil {
			return fmt.Errorf("set effort: %w", err)
		}
	}
	for _, m := range members {
		if m.down.own == nil {
			continue
		}
		if err := m.down.own.SetEffort(to); err != nil {
			return fmt.Errorf("set effort: %w", err)
		}
	}
	return x.spares.setEffort(to)
}
