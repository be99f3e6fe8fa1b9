package rooms

import (
	"context"
	"fmt"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

const (
	// takeRateHz is the rate of what is taken down: enough for a voice, whatever the room's rate is and becomes.
	takeRateHz = 16000
	// MaxTake is the longest that Participant.Listen takes down: 320 kB.
	MaxTake = 10 * time.Second
)

// take is what one member says, taken down for the bridge. All its memory is there from the start.
type take struct {
	pcm       []int16
	resampler mixer.Resampler
	full      chan struct{} // closed between ticks when no more fits
	told      bool          // and it is
}

func newTake(longest time.Duration) *take {
	frames := int((longest + frameDuration - 1) / frameDuration)
	return &take{pcm: make([]int16, 0, frames*mixer.FrameSamples(takeRateHz)), full: make(chan struct{})}
}

// add takes 20 ms down that have come at the room's rate, if they fit. It is part of the tick.
func (t *take) add(frame []int16, rateHz int) {
	n := len(t.pcm)
	if n == cap(t.pcm) {
		return
	}
	t.resampler.Retune(rateHz, takeRateHz)
	t.pcm = t.pcm[:n+mixer.FrameSamples(takeRateHz)]
	t.resampler.Process(t.pcm[n:], frame)
}

// tell says that no more fits, once. It is not for the tick.
func (t *take) tell() {
	if len(t.pcm) == cap(t.pcm) && !t.told {
		t.told = true
		close(t.full)
	}
}

// Listen takes down what the participant says from now on, in place of what was taken down before, for longest at most (ErrInvalid: that is not above 0, or more than
// MaxTake). The channel is closed when so much has been taken down. ErrClosed: the participant is not there.
func (p *Participant) Listen(ctx context.Context, longest time.Duration) (<-chan struct{}, error) {
	if longest <= 0 || longest > MaxTake {
		return nil, fmt.Errorf("listen for %v, want more than 0 and at most %v: %w", longest, MaxTake, ErrInvalid)
	}
	t := newTake(longest)
	err := p.withMember(ctx, func(_ *state, m *member) error {
		m.aside.take = t
		return nil
	})
	return t.full, err
}

// Heard ends what Listen has begun, and is what it has taken down: 16 kHz, and the caller's; nil where nothing was begun (ErrClosed).
func (p *Participant) Heard(ctx context.Context) (*mixer.Clip, error) {
	var t *take
	err := p.withMember(ctx, func(_ *state, m *member) error {
		t, m.aside.take = m.aside.take, nil
		return nil
	})
	if err != nil || t == nil {
		return nil, err
	}
	return &mixer.Clip{Name: "of " + p.id, RateHz: takeRateHz, PCM: t.pcm}, nil
}
