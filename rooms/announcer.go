package rooms

import (
	"context"
	"fmt"
	"math"

	"github.com/confbridge/confbridge/mixer"
)

// announcer plays to everybody who is inside a room, below those who talk.
type announcer struct {
	player *mixer.Player // nil: nothing has been played yet
	duck   mixer.Gain
	played []chan struct{} // closed when what each waits for has come to its end; one for each call of play
	ends   []int           // of the clips that player counts, the last of each
	queued int             // what player will have counted when all of them have ended
}

// duckDB is how far what is played is turned down while somebody talks.
const duckDB = -12

var ducked = math.Pow(10, duckDB/20.)

// play has clips follow what is played already. False: too many wait.
func (a *announcer) play(clips []*mixer.Clip) (<-chan struct{}, bool) {
	if a.player == nil {
		a.player = new(mixer.Player)
	}
	if len(a.played) == 0 {
		a.queued = a.player.Ended()
		if a.player.Clip() != nil { // it fades out
			a.queued++
		}
	}
	if !a.player.Queue(clips...) {
		return nil, false
	}
	for _, c := range clips {
		if c != nil && len(c.PCM) > 0 {
			a.queued++
		}
	}
	done := make(chan struct{})
	a.played, a.ends = append(a.played, done), append(a.ends, a.queued)
	return done, true
}

// stop ends all of it, softly.
func (a *announcer) stop() {
	if a.player == nil {
		return
	}
	a.player.Stop()
	a.tell(len(a.played))
}

// sounds says whether anything is played. It is part of the tick.
func (a *announcer) sounds() bool { return a.player != nil && a.player.Playing() }

// next is the next 20 ms where anything is played. It is part of the tick.
func (a *announcer) next(rateHz int, talk bool) []int16 {
	sound := a.player.Next(rateHz)
	if talk {
		a.duck.Set(ducked)
	} else {
		a.duck.Set(1)
	}
	a.duck.Apply(sound, rateHz)
	return sound
}

// endPlayed tells of what has been played to its end. It is called between ticks.
func (a *announcer) endPlayed() {
	switch {
	case len(a.played) == 0:
	case !a.player.Playing():
		a.tell(len(a.played))
	default:
		n := 0
		for n < len(a.ends) && a.ends[n] <= a.player.Ended() {
			n++
		}
		a.tell(n)
	}
}

// tell closes the first n channels.
func (a *announcer) tell(n int) {
	for _, done := range a.played[:n] {
		close(done)
	}
	a.played, a.ends = a.played[n:], a.ends[n:]
	if len(a.played) == 0 {
		a.played, a.ends = nil, nil
	}
}

// talking says whether anybody talks.
func (s *state) talking() bool {
	for _, m := range s.members {
		if m.voice.talking {
			return true
		}
	}
	return false
}

// Announce lets everybody who is inside a room hear clips, behind what is announced already, and below those who talk. The channel is
// closed when they have been heard, or are not to be any more: nobody is left, or StopAnnouncing was called (ErrNoRoom; ErrEmpty, where neither
// anybody is there nor a feed goes on; ErrBusy, where more waits than can).
func (g *Registry) Announce(ctx context.Context, number string, clips ...*mixer.Clip) (<-chan struct{}, error) {
	var played <-chan struct{}
	err := g.do(ctx, number, func(s *state) error {
		if !s.audible() {
			return ErrEmpty
		}
		var ok bool
		if played, ok = s.announcer.play(clips); !ok {
			return fmt.Errorf("%d clips wait to be announced: %w", mixer.PlayerQueue, ErrBusy)
		}
		return nil
	})
	return played, err
}

// StopAnnouncing ends what Announce has begun (ErrNoRoom).
func (g *Registry) StopAnnouncing(ctx context.Context, number string) error {
	return g.do(ctx, number, func(s *state) error { s.announcer.stop(); return nil })
}

// PlayMusic lets those who wait in a room hear a clip, over and over; nil is silence (ErrNoRoom).
func (g *Registry) PlayMusic(ctx context.Context, number string, c *mixer.Clip) error {
	return g.do(ctx, number, func(s *state) error { s.musical = true; s.playMusic(c); return nil })
}

func (s *state) playMusic(c *mixer.Clip) {
	if s.mix.music == nil {
		s.mix.music = new(mixer.Player)
	}
	s.mix.music.Loop(c)
}
