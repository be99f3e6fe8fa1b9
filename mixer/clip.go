package mixer

import (
	"fmt"
	"time"
)

// Clip is a sound that is whole in memory: mono, at 8000, 16000 or 48000 Hz. Nobody changes it once it was made, so any number of
// players may share it.
type Clip struct {
	Name   string
	RateHz int
	PCM    []int16
}

// Duration is how long it sounds.
func (c *Clip) Duration() time.Duration {
	return time.Duration(len(c.PCM)) * time.Second / time.Duration(c.RateHz)
}

// PlayerQueue is how many clips can wait in a Player.
const PlayerQueue = 32

const (
	playerEdgeMS = 5  // in which a clip comes, and in which it goes at its end
	playerFadeMS = 10 // in which it goes when it is stopped
	playerTailMS = 3  // in which the resampler has given all of it, at the lowest rate
)

// Player plays clips, one behind the other, in frames of 20 ms at the rate that is asked for. Each comes and goes by a ramp, so
// that nothing clicks whatever was cut where. The zero value is silent.
type Player struct {
	turn  turn // that sounds; its clip is nil where none does
	at    int  // the next sample of it
	again bool // a loop is not in its first round any more
	fade  int  // samples until it is gone; 0: nobody stops it
	ended int

	queue  [PlayerQueue]turn
	queued int

	resampler Resampler
	rateHz    int // of the last clip
	tail      int // samples of silence at that rate until the resampler has given all of it
	pcm       [MaxFrameSamples]int16
}

// turn is a clip that plays or waits to.
type turn struct {
	clip *Clip
	loop bool
}

// Play plays c in place of whatever sounds or waits: that fades out first, in 10 ms. Nil, or a clip without sound, is Stop. It
// panics on a rate that a clip cannot have.
func (p *Player) Play(c *Clip) {
	p.Stop()
	p.Queue(c)
}

// Loop is Play again and again, from the last sample to the first without a seam, until it is stopped or something is queued
// behind it.
func (p *Player) Loop(c *Clip) {
	p.Stop()
	p.add(c, true)
}

// Queue has clips follow what sounds and waits, without a pause between those of the same rate; behind a loop, they end it
// as Stop does. Where not all of them find room, none is taken, and it returns false. Nil and clips without sound are passed over.
// It panics on a rate that a clip cannot have.
func (p *Player) Queue(clips ...*Clip) bool {
	if p.queued+len(clips) > len(p.queue) {
		return false
	}
	for _, c := range clips {
		p.add(c, false)
	}
	return true
}

func (p *Player) add(c *Clip, loop bool) {
	if c == nil || len(c.PCM) == 0 {
		return
	}
	if !resamples(c.RateHz) {
		panic(fmt.Sprintf("mixer: clip %q at %d Hz", c.Name, c.RateHz))
	}
	if p.turn.loop {
		p.fadeOut()
	}
	if p.queued > 0 && p.queue[p.queued-1].loop { // over before it began
		p.queued--
	}
	p.queue[p.queued] = turn{c, loop}
	p.queued++
}

// Stop fades out what sounds, in 10 ms, and forgets what waits.
func (p *Player) Stop() {
	clear(p.queue[:p.queued])
	p.queued = 0
	p.fadeOut()
}

// fadeOut begins the end of what sounds.
func (p *Player) fadeOut() {
	switch {
	case p.turn.clip == nil || p.fade > 0:
	case p.at == 0 && !p.again: // nobody has heard any of it, but of the one before the resampler holds the end
		p.turn, p.tail = turn{}, p.rateHz*playerTailMS/1000
	default:
		p.fade = p.rateHz * playerFadeMS / 1000
	}
}

// Playing says that there is sound to come: Next will not be nil.
func (p *Player) Playing() bool { return p.turn.clip != nil || p.queued > 0 || p.tail > 0 }

// Clip is the one that sounds, or will with the next frame; nil where none does.
func (p *Player) Clip() *Clip {
	if p.turn.clip == nil && p.queued > 0 {
		return p.queue[0].clip
	}
	return p.turn.clip
}

// Ended is how many clips have ended since the player was made, by themselves or because they were stopped. Those that were never
// heard do not count.
func (p *Player) Ended() int { return p.ended }

// Next is the next 20 ms at rateHz, which may be another one than last time; nil where it is silent. The frame is the caller's
// until the next call. It panics on rates other than 8000, 16000 and 48000 Hz.
func (p *Player) Next(rateHz int) []int16 {
	if !p.Playing() {
		return nil
	}
	if p.turn.clip == nil && p.queued > 0 && (p.tail == 0 || p.queue[0].clip.RateHz == p.rateHz) {
		p.begin()
	}
	var work [MaxFrameSamples]int16
	frame := work[:FrameSamples(p.rateHz)]
	p.fill(frame, rateHz)
	p.resampler.Retune(p.rateHz, rateHz)
	out := p.pcm[:FrameSamples(rateHz)]
	p.resampler.Process(out, frame)
	return out
}

// begin takes the first clip that waits, after silence.
func (p *Player) begin() {
	if p.tail == 0 {
		p.resampler = Resampler{}
	}
	p.take()
}

// take makes the first that waits the one that sounds.
func (p *Player) take() {
	p.turn, p.at, p.again, p.fade, p.tail = p.queue[0], 0, false, 0, 0
	p.rateHz = p.turn.clip.RateHz
	copy(p.queue[:], p.queue[1:p.queued])
	p.queued--
	p.queue[p.queued] = turn{}
}

// fill writes the next frame at the clip's rate, which is to be resampled to rateHz.
func (p *Player) fill(frame []int16, rateHz int) {
	n := 0
	for n < len(frame) && p.turn.clip != nil {
		n += p.read(frame[n:])
		p.turnOver()
	}
	switch {
	case p.turn.clip != nil:
	case n > 0: // it ended in this frame
		p.tail = max(2*delayAt(p.rateHz, p.rateHz, rateHz)-(len(frame)-n), 0)
	default:
		p.tail = 0
	}
}

// turnOver goes on behind the last sample: with the loop's first, or with the next clip.
func (p *Player) turnOver() {
	switch stopped := p.fade < 0; {
	case stopped:
		p.end()
	case p.at < len(p.turn.clip.PCM):
	case p.turn.loop:
		p.at, p.again = 0, true
	default:
		p.end()
		if p.queued > 0 && p.queue[0].clip.RateHz == p.rateHz {
			p.take()
		}
	}
}

// end lets go of what sounds.
func (p *Player) end() {
	p.ended++
	p.turn, p.at, p.again, p.fade = turn{}, 0, false, 0
}

// read copies as much of the clip as fits, up to its end or to the end of its fading; there fade becomes negative.
func (p *Player) read(dst []int16) int {
	pcm := p.turn.clip.PCM
	n := min(len(dst), len(pcm)-p.at)
	if p.fade > 0 {
		n = min(n, p.fade)
	}
	dst = dst[:n]
	copy(dst, pcm[p.at:])
	edge := p.rateHz * playerEdgeMS / 1000
	if !p.again {
		for i := p.at; i < min(p.at+n, edge); i++ {
			weigh(dst, i-p.at, i+1, edge+1)
		}
	}
	if !p.turn.loop {
		for i := max(p.at, len(pcm)-edge); i < p.at+n; i++ {
			weigh(dst, i-p.at, len(pcm)-i, edge+1)
		}
	}
	p.at += n
	if p.fade > 0 {
		whole := p.rateHz*playerFadeMS/1000 + 1
		for i := range dst {
			weigh(dst, i, p.fade-i, whole)
		}
		if p.fade -= n; p.fade == 0 {
			p.fade = -1
		}
	}
	return n
}

// weigh multiplies a sample by part of whole.
func weigh(pcm []int16, i, part, whole int) { pcm[i] = int16(int(pcm[i]) * part / whole) }
