package rooms

import (
	"context"
	"fmt"
	"math"

	"github.com/confbridge/confbridge/mixer"
)

// aside is what is between one member and the bridge alone: sounds that nobody else hears, and keys that are not told.
type aside struct {
	player *mixer.Player // nil: nothing has been played yet
	played chan struct{} // closed when what is played has come to its end, or is stopped; nil: nothing is
	under  mixer.Gain    // of the mix, while something is said over it
	keys   chan<- byte   // who is told of keys; nil: the room
	take   *take         // of what the member says; nil: it is not taken down
	// unheard says that the member hears the room elsewhere, and so nothing of this: it is over as soon as it begins.
	unheard bool
}

// underDB is how far the others are turned down while somebody is told something.
const underDB = -12

// next is the next 20 ms of what the member is told; nil where that is nothing. It is part of the tick.
func (a *aside) next(rateHz int) []int16 {
	if a.player == nil {
		return nil
	}
	return a.player.Next(rateHz)
}

// speaks says whether next has something, or may have. It is part of the tick.
func (a *aside) speaks() bool { return a.player != nil && a.player.Playing() }

// lay puts what is said over what is heard. It is part of the tick.
func (a *aside) lay(heard, said []int16, rateHz int) {
	if a.player == nil {
		return
	}
	if said == nil {
		a.under.Set(1)
		a.under.Apply(heard, rateHz)
		return
	}
	a.under.Set(asideUnder)
	a.under.Apply(heard, rateHz)
	mixer.Overlay(heard, said)
}

var asideUnder = math.Pow(10, underDB/20.)

// play begins clips in place of what is played.
func (a *aside) play(clips []*mixer.Clip) <-chan struct{} {
	a.stop()
	if a.unheard {
		return playedAlready
	}
	if a.player == nil {
		a.player = new(mixer.Player)
	}
	a.player.Queue(clips...)
	a.played = make(chan struct{})
	return a.played
}

// playedAlready is what has been played to its end.
var playedAlready = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// add has clips follow what is played. False: too much waits, and they are left out.
func (a *aside) add(clips []*mixer.Clip) bool {
	if a.played == nil {
		a.play(clips)
		return true
	}
	return a.player.Queue(clips...)
}

// stop ends what is played, softly.
func (a *aside) stop() {
	if a.played == nil {
		return
	}
	a.player.Stop()
	a.end()
}

// end tells whoever waits that nothing is played any more.
func (a *aside) end() {
	if a.played != nil {
		close(a.played)
		a.played = nil
	}
}

// endAsides tells of what has been played to its end, and of what has been taken down. It is called between ticks.
func (s *state) endAsides() {
	for _, m := range s.members {
		if m.aside.played != nil && !m.aside.player.Playing() {
			m.aside.end()
		}
		if m.aside.take != nil {
			m.aside.take.tell()
		}
	}
}

// whispered is a key that goes to one listener.
type whispered struct {
	to    chan<- byte
	digit byte
}

// whisper notes a key in the tick; passKeys passes it on.
func (s *state) whisper(to chan<- byte, digit byte) {
	s.whispered = append(s.whispered, whispered{to, digit})
}

// passKeys passes on what was whispered. Who does not listen misses it.
func (s *state) passKeys() {
	for i, w := range s.whispered {
		select {
		case w.to <- w.digit:
		default:
		}
		s.whispered[i] = whispered{}
	}
	s.whispered = s.whispered[:0]
}

// Play lets the participant, and nobody else, hear clips, one after the other, in place of what is played to them already. What
// they hear otherwise is turned down meanwhile. The channel is closed at the end of the last clip, when something else is
// played or Hush is called, and when the participant leaves. ErrClosed: the participant is not there.
func (p *Participant) Play(ctx context.Context, clips ...*mixer.Clip) (<-chan struct{}, error) {
	var played <-chan struct{}
	err := p.withMember(ctx, func(_ *state, m *member) error {
		played = m.aside.play(clips)
		return nil
	})
	return played, err
}

// Queue is Play behind what is played to the participant already, also by the room (ErrClosed; ErrBusy where too much waits: then it is left out).
func (p *Participant) Queue(ctx context.Context, clips ...*mixer.Clip) error {
	return p.withMember(ctx, func(s *state, m *member) error {
		if !m.aside.add(clips) {
			s.metrics.wordsDropped.Add(1)
			return fmt.Errorf("%d clips wait to be played to %q: %w", mixer.PlayerQueue, p.id, ErrBusy)
		}
		return nil
	})
}

// AnnounceTo is Play for a participant by its ID (ErrNoRoom, ErrNoParticipant, ErrElsewhere).
func (g *Registry) AnnounceTo(ctx context.Context, number, id string, clips ...*mixer.Clip) (<-chan struct{}, error) {
	var played <-chan struct{}
	err := g.withMember(ctx, number, id, func(_ *state, m *member) error {
		if m.elsewhere {
			return fmt.Errorf("participant %q: %w", id, ErrElsewhere)
		}
		played = m.aside.play(clips)
		return nil
	})
	return played, err
}

// StopAnnouncingTo ends what AnnounceTo has begun (ErrNoRoom, ErrNoParticipant).
func (g *Registry) StopAnnouncingTo(ctx context.Context, number, id string) error {
	return g.withMember(ctx, number, id, func(_ *state, m *member) error {
		m.aside.stop()
		return nil
	})
}

// Hush ends what Play has begun (ErrClosed).
func (p *Participant) Hush(ctx context.Context) error {
	return p.withMember(ctx, func(_ *state, m *member) error {
		m.aside.stop()
		return nil
	})
}

// TakeKeys has the participant's keys go to a channel from now on, and to nobody else: they are in no event. What it has no place
// for is lost. nil gives them back to the room. ErrClosed: the participant is not there.
func (p *Participant) TakeKeys(ctx context.Context, to chan<- byte) error {
	return p.withMember(ctx, func(_ *state, m *member) error {
		m.aside.keys = to
		return nil
	})
}

// GoTo puts the participant somewhere else in its room (ErrClosed).
func (p *Participant) GoTo(ctx context.Context, to Place) error {
	return p.withMember(ctx, func(_ *state, m *member) error {
		m.goTo(to)
		m.state.watchHosts(m.state.describe(m))
		return nil
	})
}
