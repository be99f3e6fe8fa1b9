package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/network"
	"github.com/confbridge/confbridge/bench/sound/page"
	"github.com/confbridge/confbridge/bench/sound/phone"
	"github.com/confbridge/confbridge/bench/sound/voices"
	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// pair is a talker and a listener, alone in a room, and the network between the talker and the bridge.
type pair struct {
	name    string // of the case; with the codec it names the room
	codec   string
	millis  int // packet time
	at      time.Duration
	length  time.Duration
	phase   time.Duration // by which the talker's packets come after the bridge's tick
	path    network.Path
	speaker int
	toneHz  float64 // said instead of speech, if it is not 0
	judged  func(p *pair, f *page.File)

	profile  codec.Profile
	track    *phone.Track
	listener *phone.Phone
	heard    *phone.Recording
	failed   error // why there is nothing to judge
	states   []state

	clean   []float64 // what the codec alone makes of it, coded twice as it is on its way
	delays  []metric.Delay
	aligned []float64 // what was heard, in the time of clean
	call    page.Call
}

// state is what the bridge says of the talker at one time of the track.
type state struct {
	seconds              float64
	concealed            time.Duration
	moved                time.Duration // stretched and cut
	buffer               time.Duration
	lost, late, received uint64
}

const (
	reach     = 0.9 // seconds that a window may be late
	settled   = 1.0 // seconds into the call from which on it counts
	stateTime = 250 * time.Millisecond
	beatTime  = 300 * time.Millisecond // before it begins to talk, a telephone looks when packets come
)

func (p *pair) title() string         { return p.name + " " + p.codec }
func (p *pair) begins() time.Duration { return p.at }

func (p *pair) prepare() error {
	if p.millis == 0 {
		p.millis = 20
	}
	var err error
	if p.profile, err = phone.Profile(p.codec, p.millis); err != nil {
		return err
	}
	pcm, err := p.sound()
	if err != nil {
		return err
	}
	p.track, err = phone.NewTrack(p.profile, pcm, p.path)
	return err
}

func (p *pair) sound() ([]float64, error) {
	rate := p.profile.SampleRateHz
	n := int(p.length.Seconds() * float64(rate))
	if p.toneHz > 0 {
		return voices.Tone(p.toneHz, toneDB, rate, n), nil
	}
	speech, err := voices.Speech(p.speaker, rate)
	return voices.Repeat(speech, n), err
}

// toneDB is the level of a tone that is said by itself.
const toneDB = -20.0

var roomNumbers = struct {
	sync.Mutex
	last int
}{last: 7000}

// newRoom is a number that nobody has yet.
func newRoom() string {
	roomNumbers.Lock()
	defer roomNumbers.Unlock()
	roomNumbers.last++
	return fmt.Sprint(roomNumbers.last)
}

func (p *pair) live(ctx context.Context, b *bench, at time.Time) (err error) {
	room := newRoom()
	if err := b.room(ctx, room, false, 0); err != nil {
		return err
	}
	listener, err := b.lab.Call(ctx, room, "listener", p.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, listener.Hangup(ctx)) }()
	talker, err := b.lab.Call(ctx, room, "talker", p.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, talker.Hangup(ctx)) }()
	who, err := b.in(ctx, room, "talker")
	if err != nil {
		return err
	}
	if err := phone.Wait(ctx, at.Add(-beatTime)); err != nil {
		return err
	}
	start := onBeat(listener, at, p.phase)
	talker.Play(p.track, start)
	end := start.Add(p.track.Length() + time.Second)
	for next := start; next.Before(end); next = next.Add(stateTime) {
		if err := phone.Wait(ctx, next); err != nil {
			return err
		}
		if err := p.ask(ctx, b, who.GetName(), start); err != nil {
			return err
		}
	}
	p.listener = listener
	return phone.Wait(ctx, end)
}

// onBeat is the first time from at on that lies phase behind a tick of the room that a telephone is in: packets come to it with
// the tick.
func onBeat(f *phone.Phone, at time.Time, phase time.Duration) time.Time {
	const tick = 20 * time.Millisecond
	beat, ok := f.LastArrival()
	if !ok {
		return at.Add(phase)
	}
	return beat.Add(at.Sub(beat).Truncate(tick) + tick + phase)
}

// ask notes what the bridge says of the talker.
func (p *pair) ask(ctx context.Context, b *bench, name string, start time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, apiTime)
	defer cancel()
	who, err := b.participants.GetParticipant(ctx, &confbridgev1.GetParticipantRequest{Name: name})
	if err != nil {
		return fmt.Errorf("talker: %w", err)
	}
	m := who.GetMedia()
	p.states = append(p.states, state{
		time.Since(start).Seconds(), m.GetConcealed().AsDuration(), m.GetStretched().AsDuration() + m.GetCut().AsDuration(), m.GetBufferDelay().AsDuration(),
		m.GetPacketsLost(), m.GetPacketsLate(), m.GetPacketsReceived(),
	})
	return nil
}

// concealed is how much the bridge says it made up between two times of the track.
func (p *pair) concealed(from, to float64) time.Duration {
	var first, last time.Duration
	for _, s := range p.states {
		if s.seconds <= from {
			first = s.concealed
		}
		if s.seconds <= to {
			last = s.concealed
		}
	}
	return last - first
}

// moved says whether the bridge has made up sound or changed the delay, by its own account, between two times of the track.
func (p *pair) moved(from, to float64) bool {
	var before time.Duration
	for _, s := range p.states {
		now := s.concealed + s.moved
		if s.seconds > from && s.seconds <= to && now != before {
			return true
		}
		before = now
	}
	return false
}

// since is the delays in ms of what was said between two times of the track.
func (p *pair) since(from, to float64) []float64 {
	return metric.Between(p.delays, p.track.Start()+from, p.track.Start()+to)
}

// seconds is the length of the track.
func (p *pair) seconds() float64 { return p.track.Length().Seconds() }

// part cuts pcm, in the time of the track, to what was said between two times.
func (p *pair) part(pcm []float64, from, to float64) []float64 {
	rate := float64(p.profile.SampleRateHz)
	return pcm[min(int(from*rate), len(pcm)):min(int(to*rate), len(pcm))]
}

// compare is the part of judging that takes long.
func (p *pair) compare() {
	if p.failed == nil {
		p.heard, p.failed = p.listener.Heard()
	}
	if p.failed == nil && len(p.heard.PCM) == 0 {
		p.failed = errors.New("nothing was heard")
	}
	if p.failed == nil {
		p.failed = p.measure()
	}
}

func (p *pair) judge(f *page.File) error {
	p.judged(p, f)
	return nil
}

// measure compares what was heard with what the codec alone makes of what was said.
func (p *pair) measure() error {
	var err error
	if p.clean, err = tandem(p.profile, p.track.PCM); err != nil {
		return err
	}
	rate := p.profile.SampleRateHz
	said, heard := metric.Resample(p.clean, rate, metric.DelayRateHz), metric.Resample(p.heard.PCM, rate, metric.DelayRateHz)
	p.delays = metric.Delays(said, heard, p.track.SaidAt(metric.DelayRateHz), p.heard.HeardAt(metric.DelayRateHz), reach)
	p.aligned = metric.Align(p.clean, p.heard.PCM, p.delays, rate)
	c := &p.call
	c.Name, c.Codec, c.SampleRateHz, c.PacketTimeMilli = p.name, p.codec, rate, p.millis
	a, b := p.part(p.clean, settled, p.seconds()), p.part(p.aligned, settled, p.seconds())
	all := p.since(settled, p.seconds())
	c.DelayMsP50, c.DelayMsP95, c.DelayMsMax = metric.Quantile(all, 0.5), metric.Quantile(all, 0.95), metric.Quantile(all, 1)
	gaps := metric.Gaps(a, b, rate)
	c.Gaps, c.LongestGapMs, c.Clicks = len(gaps), metric.Longest(gaps), len(p.clicks())
	c.LevelDB, c.PacketsLost = metric.Gain(a, b, rate), p.heard.Lost
	if p.toneHz == 0 {
		c.ESTOI, c.SpectralDB = metric.ESTOI(a, b, rate), metric.SpectralDistance(a, b, rate)
		c.NoiseFloorDBFS = pauseLevel(a, b, rate)
	}
	c.ConcealedMs = p.concealed(settled, p.seconds()).Seconds() * 1000
	for _, s := range p.states {
		c.BridgeBufferMs = max(c.BridgeBufferMs, s.buffer.Seconds()*1000)
	}
	return nil
}

// clicks are those of the recording that what was said does not have near there.
func (p *pair) clicks() []int {
	if len(p.delays) == 0 {
		return nil
	}
	rate := p.profile.SampleRateHz
	// What was said, in the time of the recording.
	back := make([]metric.Delay, len(p.delays))
	for i, d := range p.delays {
		back[i] = metric.Delay{Said: d.Heard, Heard: d.Said}
	}
	said := metric.Align(p.heard.PCM, p.clean, back, rate)
	from := int(settled * float64(rate))
	if from >= len(said) {
		return nil
	}
	return metric.NewClicks(said[from:], p.heard.PCM[from:], rate)
}

// pauseLevel is the level of heard where nothing is said around.
func pauseLevel(said, heard []float64, rate int) float64 {
	active := metric.Active(said, rate)
	size := rate / 50
	var quiet []float64
	for i := range active {
		pause := true
		for j := i - 8; j <= i+4; j++ {
			pause = pause && j >= 0 && j < len(active) && !active[j]
		}
		if pause {
			quiet = append(quiet, heard[i*size:min((i+1)*size, len(heard))]...)
		}
	}
	if len(quiet) == 0 {
		return metric.Silence
	}
	return metric.RMSDBFS(quiet)
}

// tandem is what pcm becomes by the talker's codec, and by the listener's of the same profile. A codec that looks ahead says the end
// of it when there is more to encode.
func tandem(profile codec.Profile, pcm []float64) ([]float64, error) {
	once, err := phone.Clean(profile, append(slices.Clone(pcm), make([]float64, profile.SampleRateHz/20)...))
	if err != nil {
		return nil, err
	}
	return phone.Clean(profile, once)
}
