package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/page"
	"github.com/confbridge/confbridge/bench/sound/voices"
)

const (
	newcomerAt   = 6 * time.Second // when the fifth begins to talk
	newcomerLast = 14 * time.Second
)

// newcomer has four who talk, and a fifth, louder, who begins later. Each word has the talker's tone under it.
func newcomer() scene {
	p := &party{name: "a new talker while 4 speak", at: partyTime, length: newcomerLast, judged: judgeNewcomer}
	p.guests = append(p.guests, &guest{name: "listener", codec: "PCMU"})
	for i := range voices.Speakers {
		peak, before := 0.25, time.Duration(0)
		if i == voices.Speakers-1 {
			peak, before = 0.5, newcomerAt
		}
		p.guests = append(p.guests, &guest{name: fmt.Sprint("talker ", i), codec: "PCMU", pcm: func(rateHz int) ([]float64, error) {
			said, err := marked(i, newcomerLast-before, peak, -32)(rateHz)
			return append(make([]float64, samplesOf(before, rateHz)), said...), err
		}})
	}
	return p
}

const (
	toneFrame  = 20 * time.Millisecond // of the tone's level over time
	toneHop    = rate8 / 500
	wordHeard  = -6.0 // dB, of a word's tone against the newcomer's usual
	wordCut    = 60 * time.Millisecond
	wordLeast  = 250 * time.Millisecond
	soonEnough = 60.0 // ms
)

func judgeNewcomer(p *party, f *page.File) {
	const name = "a new talker while 4 speak"
	if p.failed != nil {
		f.Rows = append(f.Rows, missed(name, "PCMU", p.failed))
		return
	}
	row := page.Row{Case: name, What: "PCMU", Wanted: "in the mix within 60 ms; no word cut"}
	listener, new := p.guests[0], p.guests[voices.Speakers]
	soon, cut, all := wordsHeard(listener, new, voices.Speakers-1)
	othersCut := 0
	for i := range voices.Speakers - 1 {
		_, c, n := wordsHeard(listener, p.guests[1+i], i)
		othersCut, all = othersCut+c, all+n
	}
	row.Got = fmt.Sprintf("in the mix after %.0f ms; cut: %d of the newcomer's words, %d of the others'", soon, cut, othersCut)
	row.OK = soon <= soonEnough && cut+othersCut == 0 && all > 10
	f.Rows = append(f.Rows, row)
}

// wordsHeard looks for talker i's tone in what a listener heard. It returns how many ms after the first word was sent it is
// there, how many words end early after they were there, and how many there are. +Inf: the first was never heard.
func wordsHeard(listener, talker *guest, i int) (soon float64, cut, all int) {
	level := toneOverTime(listener.heard.PCM, marker(i))
	usual := metric.Quantile(level, 0.98)
	at, clock := listener.heard.HeardAt(rate8), talker.track.SaidAt(rate8)
	index := func(seconds float64) int { // in level
		low, high := 0, len(level)
		for low < high {
			if m := (low + high) / 2; at(m*toneHop) < seconds {
				low = m + 1
			} else {
				high = m
			}
		}
		return low
	}
	there := func(k int) bool { return k >= 0 && k < len(level) && level[k] > usual+wordHeard }
	soon = math.Inf(1)
	for n, w := range spans(talker.track.PCM, rate8) {
		from, to := index(clock(w[0])), index(clock(w[1]-1))
		all++
		k := from
		for k < to && !there(k) {
			k++
		}
		if n == 0 && k < to {
			soon = 1000 * (at(k*toneHop) - clock(w[0]))
		}
		if k == to || w[1]-w[0] < samplesOf(wordLeast, rate8) {
			continue // never there: others were louder
		}
		end := to + int(0.2*rate8)/toneHop
		for end > k && !there(end) {
			end--
		}
		if float64(to-end)*toneHop/rate8 > wordCut.Seconds() {
			cut++
		}
	}
	return soon, cut, all
}

// toneOverTime is the level of a tone in pcm every toneHop samples, of the 20 ms around.
func toneOverTime(pcm []float64, hz float64) []float64 {
	n := samplesOf(toneFrame, rate8)
	out := make([]float64, len(pcm)/toneHop)
	for k := range out {
		from, to := max(k*toneHop-n/2, 0), min(k*toneHop+n/2, len(pcm))
		out[k] = metric.ToneDBFS(pcm[from:to], hz, rate8)
	}
	return out
}

// hum is a low voice without words: two harmonics of 100 Hz that come and go as syllables do. It has no steps of its own, and
// one where it is cut off is far above those around.
func hum(length time.Duration) func(int) ([]float64, error) {
	return func(rateHz int) ([]float64, error) {
		out := make([]float64, samplesOf(length, rateHz))
		for i := range out {
			t := float64(i) / float64(rateHz)
			syllable := 0.55 - 0.45*math.Cos(2*math.Pi*3*t)
			out[i] = 0.25 * syllable * (math.Sin(2*math.Pi*100*t) + 0.3*math.Sin(2*math.Pi*200*t))
		}
		return out, nil
	}
}

// clickRow asks for no click in what the first guest heard.
func clickRow(p *party, f *page.File, what string, times int) {
	const name = "mute, unmute, join, leave, codec and ptime change"
	if p.failed != nil {
		f.Rows = append(f.Rows, missed(name, what, p.failed))
		return
	}
	heard := p.guests[0].heard
	clicks := metric.Clicks(heard.PCM, heard.RateHz)
	// What is only ever silent has no clicks either.
	level := metric.RMSDBFS(p.middle(p.guests[0], 1, p.length.Seconds()))
	f.Rows = append(f.Rows, page.Row{
		Case: name, What: what, Wanted: "no step over 8 × the local RMS step", Got: fmt.Sprintf("%d clicks in %d changes", len(clicks), times),
		OK: len(clicks) == 0 && level > -35,
	})
}

const (
	muteTimes = 24
	comeTimes = 6
)

// muting has one who is muted and unmuted all the time.
func muting() scene {
	const length = 14 * time.Second
	p := &party{name: "mute and unmute", at: partyTime, length: length}
	p.guests = []*guest{{name: "listener", codec: "PCMU"}, {name: "talker", codec: "PCMU", pcm: hum(length)}}
	p.judged = func(p *party, f *page.File) { clickRow(p, f, "mute, unmute", muteTimes) }
	p.during = func(ctx context.Context, b *bench, p *party, room string, start time.Time) error {
		who, err := b.in(ctx, room, "talker")
		if err != nil {
			return err
		}
		for i := range muteTimes {
			if err := waitUntil(ctx, start.Add(time.Second+time.Duration(i)*523*time.Millisecond)); err != nil {
				return err
			}
			if err := b.mute(ctx, who.GetName(), i%2 == 0); err != nil {
				return err
			}
		}
		return nil
	}
	return p
}

// comingAndGoing has one who comes, hums, and hangs up in the middle of it, again and again, while another hums softly.
func comingAndGoing() scene {
	const length = 13 * time.Second
	p := &party{name: "join and leave", at: partyTime, length: length}
	p.guests = []*guest{{name: "listener", codec: "PCMU"}}
	var visits []*guest
	for i := range comeTimes {
		visits = append(visits, &guest{name: fmt.Sprint("visitor ", i), codec: "PCMU", pcm: hum(time.Second + time.Duration(i)*13*time.Millisecond)})
	}
	p.extra = visits
	p.judged = func(p *party, f *page.File) { clickRow(p, f, "join, leave", 2*comeTimes) }
	p.during = func(ctx context.Context, b *bench, _ *party, room string, start time.Time) error {
		for i, g := range visits {
			if err := waitUntil(ctx, start.Add(time.Duration(i)*2*time.Second)); err != nil {
				return err
			}
			visitor, err := b.lab.Call(ctx, room, g.name, g.profile)
			if err != nil {
				return err
			}
			visitor.Play(g.track, time.Now()) // from the middle of its first syllable on it is loud
			err = waitUntil(ctx, time.Now().Add(g.track.Length()-40*time.Millisecond))
			if err := errors.Join(err, visitor.Hangup(ctx)); err != nil {
				return err
			}
		}
		return nil
	}
	return p
}

// changes are the codecs and packet times that one talker goes through.
var changes = []struct {
	codec  string
	millis int
}{{"PCMU", 20}, {"PCMA", 10}, {"G722", 20}, {"opus", 20}, {"PCMU", 60}, {"opus", 60}, {"G722", 40}, {"opus", 10}, {"PCMA", 30}}

// changing has one who goes over to another codec or packet time every other second, while humming.
func changing() scene {
	const each = 2000 * time.Millisecond // six syllables: each part begins where the one before it has ended
	length := time.Duration(len(changes)) * each
	p := &party{name: "codec and ptime change", at: partyTime, length: length}
	talker := &guest{name: "talker", codec: changes[0].codec, millis: changes[0].millis}
	p.guests = []*guest{{name: "listener", codec: "PCMU"}, talker}
	for _, c := range changes {
		p.extra = append(p.extra, &guest{name: "talker", codec: c.codec, millis: c.millis, pcm: hum(each)})
	}
	p.judged = func(p *party, f *page.File) { clickRow(p, f, "codec and ptime change", len(changes)-1) }
	p.during = func(ctx context.Context, b *bench, p *party, _ string, start time.Time) error {
		for i, g := range p.extra {
			if i > 0 {
				// The offer goes out while the part before still sounds.
				if err := waitUntil(ctx, start.Add(time.Duration(i)*each-30*time.Millisecond)); err != nil {
					return err
				}
				if err := talker.phone.Change(ctx, g.profile); err != nil {
					return fmt.Errorf("%s of %d ms: %w", g.codec, g.millis, err)
				}
			}
			talker.phone.Play(g.track, start.Add(time.Duration(i)*each))
		}
		return nil
	}
	return p
}
