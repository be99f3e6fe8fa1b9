package rooms

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// wordsSaid is somebody who says a few words, at 16 kHz.
func wordsSaid(t *testing.T) []int16 {
	t.Helper()
	l, err := sounds.Open(sounds.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it has only been read
	c := l.Prompt(sounds.English, sounds.HostLeft)
	if c.RateHz != takeRateHz {
		t.Fatalf("the prompt has %d Hz", c.RateHz)
	}
	return c.PCM
}

// says has a leg in a reception say something, and is what was taken down of it.
func says(t *testing.T, p *Participant, leg *fakeLeg, pcm []int16) *mixer.Clip {
	t.Helper()
	full, err := p.Listen(t.Context(), 4*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	leg.with(func(l *fakeLeg) { l.says = pcm })
	<-full
	c, err := p.Heard(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// holds says how alike a sound of 16 kHz is to what is somewhere in another.
func holds(sound, name []int16) float64 {
	peak := 0.0
	for at := 0; at+len(name) < len(sound); at += len(name) / 2 { // each piece is as long as the name, and they overlap
		p, _ := measure.Correlation(name, sound[at:at+len(name)], len(name)/2)
		peak = max(peak, p)
	}
	return peak
}

// enters brings a leg from a reception into a room under a name.
func enters(t *testing.T, g *Registry, leg *fakeLeg, to string, name *mixer.Clip) *Participant {
	t.Helper()
	p := receive(t, g, "Bob", leg)
	if err := p.MoveTo(t.Context(), to, Pass{Name: name}); err != nil {
		t.Fatal(err)
	}
	return p
}

// namesConfig is that of rooms that tell comings and goings in words.
func namesConfig(voice Sounds) Config {
	return Config{OnDemand: true, Sounds: voice, Defaults: Settings{Modes: Modes{RecordNames: true}, Speech: Speech{Announce: AnnounceWords}}}
}

func TestASpokenNameIsHeardWhenItsSpeakerComesMovesAndGoes(t *testing.T) {
	voice := &toneVoice{}
	said := wordsSaid(t)
	inBubble(t, namesConfig(voice), func(ctx context.Context, t *testing.T, g *Registry) {
		here, there, leg := newFakeLeg(t, g722, 0), newFakeLeg(t, g722, 0), newFakeLeg(t, g722, 0)
		defer join(t, g, "1000", "ann", here).Leave(ReasonHangup)
		defer join(t, g, "2000", "cy", there).Leave(ReasonHangup)
		p := receive(t, g, "Bob", leg)
		name := mixer.Spoken(says(t, p, leg, said))
		if name == nil || holds(append(make([]int16, 8000), append(slices.Clone(said), make([]int16, 16000)...)...), name.PCM) < 0.9 {
			t.Fatal("what was taken down is not what was said")
		}
		heard := func(what string, leg *fakeLeg, want bool) {
			t.Helper()
			time.Sleep(4 * time.Second)
			if peak := holds(leg.lastHeard(4*time.Second), name.PCM); (peak > 0.9) != want {
				t.Errorf("%s: the name is in it by %.2f, want it there: %v", what, peak, want)
			}
		}
		if err := p.MoveTo(ctx, "1000", Pass{Name: name}); err != nil {
			t.Fatal(err)
		}
		heard("a coming", here, true)
		heard("and then", here, false)
		if _, err := g.Move(ctx, "1000", p.ID(), "2000"); err != nil {
			t.Fatal(err)
		}
		heard("a move, where from", here, true)
		if peak := holds(there.lastHeard(4*time.Second), name.PCM); peak < 0.9 {
			t.Errorf("a move, where to: the name is in it by %.2f", peak)
		}
		p.Leave(ReasonHangup)
		heard("a going", there, true)
		heard("and not where it was before", here, false)
	})
	voice.mu.Lock()
	defer voice.mu.Unlock()
	for name, want := range map[string]bool{sounds.HasJoined: true, sounds.HasLeft: true, sounds.SomebodyJoined: false, sounds.SomebodyLeft: false} {
		if slices.Contains(voice.names, name) != want {
			t.Errorf("%q is said: %v", name, !want)
		}
	}
}

func TestWhoHasNoNameIsToldOfWithoutOne(t *testing.T) {
	voice := &toneVoice{}
	inBubble(t, namesConfig(voice), func(_ context.Context, t *testing.T, g *Registry) {
		defer join(t, g, "1000", "ann", newFakeLeg(t, g722, 0)).Leave(ReasonHangup)
		leg := newFakeLeg(t, g722, 0)
		p := receive(t, g, "Bob", leg)
		silent := mixer.Spoken(says(t, p, leg, nil))
		p.Leave(ReasonHangup)
		if silent != nil {
			t.Errorf("of silence %v are spoken", silent.Duration())
		}
		q := enters(t, g, leg, "1000", silent)
		time.Sleep(time.Second)
		q.Leave(ReasonHangup)
		time.Sleep(time.Second)
	})
	for name, want := range map[string]bool{sounds.SomebodyJoined: true, sounds.SomebodyLeft: true, sounds.HasJoined: false, sounds.HasLeft: false} {
		if slices.Contains(voice.names, name) != want {
			t.Errorf("%q is said: %v", name, !want)
		}
	}
}

// Who has another's seat is not called by that one's name, and of a name nothing is left when its speaker has gone.
func TestANameGoesWithItsSpeaker(t *testing.T) {
	inBubble(t, namesConfig(&toneVoice{}), func(ctx context.Context, t *testing.T, g *Registry) {
		defer join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup)
		p := enters(t, g, newFakeLeg(t, pcmu, 0), "1000", &mixer.Clip{RateHz: 8000, PCM: make([]int16, 8000)})
		names := func() (n int) {
			if err := g.do(ctx, "1000", func(s *state) error {
				if n = len(s.gone); s.nameOf(p.ID()) != nil {
					n++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if got := names(); got != 1 {
			t.Errorf("got %d names, want 1", got)
		}
		q := enters(t, g, newFakeLeg(t, pcmu, 0), "1000", &mixer.Clip{RateHz: 8000, PCM: make([]int16, 8000)})
		q.Leave(ReasonHangup)
		synctest.Wait()
		if err := p.Swap(ctx, newFakeLeg(t, pcmu, 0), Caller{DisplayName: "Dee"}); err != nil {
			t.Fatal(err)
		}
		if got := names(); got != 0 {
			t.Errorf("after one has left and another has a new call: %d names, want none", got)
		}
		p.Leave(ReasonHangup)
	})
}

// The rate of the room may change while somebody says a name: another one with a better telephone comes.
func TestWhatIsTakenDownHasOneRate(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		p := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 440))
		time.Sleep(200 * time.Millisecond)
		full, err := p.Listen(ctx, 2*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		q := join(t, g, "1000", "bob", newFakeLeg(t, opus, 0))
		<-full
		c, err := p.Heard(ctx)
		if err != nil || c.RateHz != takeRateHz || c.Duration() != 2*time.Second {
			t.Fatalf("got %v at %d Hz, %v", c.Duration(), c.RateHz, err)
		}
		before, after := measure.ToneDBFS(c.PCM[3200:14400], takeRateHz, 440), measure.ToneDBFS(c.PCM[17600:28800], takeRateHz, 440)
		if before < -25 || before-after > 1 || after-before > 1 {
			t.Errorf("the tone is at %.1f dBFS before, and %.1f after", before, after)
		}
		if again, err := p.Heard(ctx); again != nil || err != nil {
			t.Errorf("once more: got %v, %v", again, err)
		}
		for _, longest := range []time.Duration{0, -1, MaxTake + 1} {
			if _, err := p.Listen(ctx, longest); !errors.Is(err, ErrInvalid) {
				t.Errorf("Listen for %v: got %v, want ErrInvalid", longest, err)
			}
		}
		p.Leave(ReasonHangup)
		q.Leave(ReasonHangup)
		if _, err := p.Listen(ctx, time.Second); !errors.Is(err, ErrClosed) {
			t.Errorf("Listen, gone: got %v, want ErrClosed", err)
		}
	})
}
