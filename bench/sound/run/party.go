package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/network"
	"github.com/confbridge/confbridge/bench/sound/page"
	"github.com/confbridge/confbridge/bench/sound/phone"
	"github.com/confbridge/confbridge/bench/sound/voices"
	"github.com/confbridge/confbridge/mixer/codec"
)

// guest is one of a party: who says nothing only listens.
type guest struct {
	name   string
	codec  string
	millis int // packet time; 0: 20
	pcm    func(rateHz int) ([]float64, error)
	path   network.Path

	profile codec.Profile
	track   *phone.Track
	phone   *phone.Phone
	heard   *phone.Recording

	said, listened rates
}

// party is a room with some guests.
type party struct {
	name    string
	at      time.Duration
	length  time.Duration
	leveled bool
	talkers int32
	guests  []*guest
	extra   []*guest                                                                          // that are prepared, and left to during
	during  func(ctx context.Context, b *bench, p *party, room string, start time.Time) error // beside what is said
	judged  func(p *party, f *page.File)

	failed error
	start  float64 // lab seconds
}

func (p *party) title() string         { return p.name }
func (p *party) begins() time.Duration { return p.at }

func (p *party) prepare() error {
	var errs []error
	for _, g := range append(p.extra, p.guests...) {
		errs = append(errs, g.prepare())
	}
	return errors.Join(errs...)
}

func (g *guest) prepare() (err error) {
	if g.millis == 0 {
		g.millis = 20
	}
	if g.profile, err = phone.Profile(g.codec, g.millis); err != nil || g.pcm == nil {
		return err
	}
	pcm, err := g.pcm(g.profile.SampleRateHz)
	if err != nil {
		return err
	}
	g.track, err = phone.NewTrack(g.profile, pcm, g.path)
	return err
}

func (p *party) live(ctx context.Context, b *bench, at time.Time) (err error) {
	room := newRoom()
	if err := b.room(ctx, room, p.leveled, p.talkers); err != nil {
		return err
	}
	defer func() {
		for _, g := range p.guests {
			err = errors.Join(err, g.phone.Hangup(ctx))
		}
	}()
	for _, g := range p.guests {
		if g.phone, err = b.lab.Call(ctx, room, g.name, g.profile); err != nil {
			return fmt.Errorf("%s (%s of %d ms): %w", g.name, g.codec, g.millis, err)
		}
	}
	if err := phone.Wait(ctx, at.Add(-beatTime)); err != nil {
		return err
	}
	at = onBeat(p.guests[0].phone, at, time.Millisecond)
	p.start = b.lab.Seconds(at)
	for i, g := range p.guests {
		if g.track != nil {
			g.phone.Play(g.track, at.Add(time.Duration(i*7%20)*time.Millisecond)) // each at a phase of its own
		}
	}
	if p.during != nil {
		if err := p.during(ctx, b, p, room, at); err != nil {
			return err
		}
	}
	return phone.Wait(ctx, at.Add(p.length+time.Second))
}

func (p *party) judge(f *page.File) error {
	for _, g := range p.guests {
		if p.failed == nil {
			g.heard, p.failed = g.phone.Heard()
		}
		if p.failed == nil && len(g.heard.PCM) == 0 {
			p.failed = fmt.Errorf("%s heard nothing", g.name)
		}
	}
	p.judged(p, f)
	return nil
}

// clean is what the guest's own codec makes of what it says, at a rate.
func (g *guest) clean(rateHz int) []float64 {
	return g.said.at(rateHz, func() ([]float64, int) {
		pcm, err := phone.Clean(g.profile, g.track.PCM)
		if err != nil {
			return nil, rateHz // what could be coded before can be coded again
		}
		return pcm, g.profile.SampleRateHz
	})
}

// ear is what the guest heard, at a rate.
func (g *guest) ear(rateHz int) []float64 {
	return g.listened.at(rateHz, func() ([]float64, int) { return g.heard.PCM, g.heard.RateHz })
}

// rates is one sound at several sampling rates, each made when it is asked for.
type rates map[int][]float64

func (r *rates) at(rateHz int, make func() ([]float64, int)) []float64 {
	if *r == nil {
		*r = rates{}
	}
	if _, ok := (*r)[rateHz]; !ok {
		pcm, from := make()
		(*r)[rateHz] = metric.Resample(pcm, from, rateHz)
	}
	return (*r)[rateHz]
}

// hearing is what a listener hears of one talker.
type hearing struct {
	said, aligned []float64 // at rateHz
	delays        []metric.Delay
	rateHz        int
}

// of compares what g heard with what a talker said, at a rate.
func (g *guest) of(talker *guest, rateHz int) hearing {
	said, heard := talker.clean(rateHz), g.ear(rateHz)
	delays := metric.Delays(talker.clean(metric.DelayRateHz), g.ear(metric.DelayRateHz), talker.track.SaidAt(metric.DelayRateHz), g.heard.HeardAt(metric.DelayRateHz), reach)
	return hearing{said, metric.Align(said, heard, delays, rateHz), delays, rateHz}
}

// speech is a speaker's, again and again, at a level while it speaks.
func speech(speaker int, length time.Duration, dbfs float64) func(int) ([]float64, error) {
	return func(rateHz int) ([]float64, error) {
		pcm, err := voices.Speech(speaker, rateHz)
		if err != nil {
			return nil, err
		}
		return voices.Scale(voices.Repeat(pcm, samplesOf(length, rateHz)), dbfs-voices.ActiveDBFS), nil
	}
}

func samplesOf(d time.Duration, rateHz int) int { return int(d.Seconds() * float64(rateHz)) }
