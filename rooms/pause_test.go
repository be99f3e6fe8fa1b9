package rooms

import (
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
)

// Its sender speaks for a second, goes on sending for 400 ms, and sends nothing for a second.
const (
	spokenTicks  = 50
	hangTicks    = 20
	unsentTicks  = 50
	pausingTicks = spokenTicks + hangTicks + unsentTicks
)

// pausing sends nothing in its pauses, but for the first packet of each where its codec has a word for that.
type pausing struct {
	*scriptLeg
	seq uint16
}

// newPausing speaks in front of noise of that level.
func newPausing(t *testing.T, f codec.Format, level float64, ticks int) *pausing {
	rate := f.SampleRateHz
	pcm := hiss(3, level, ticks*rate/framesPerSecond)
	for from := 0; from < ticks; from += pausingTicks {
		overlay(pcm, word(uint64(from), 5000, rate, 450*time.Millisecond), from*rate/framesPerSecond)
		overlay(pcm, word(uint64(from)+1, 5000, rate, 500*time.Millisecond), (from+25)*rate/framesPerSecond)
	}
	return &pausing{scriptLeg: newScriptLeg(t, codec.Profile{Format: f}, recorded(pcm))}
}

func (p *pausing) Receive(now time.Time, in Inlet) error {
	return p.scriptLeg.Receive(now, pausingInlet{in, p})
}

type pausingInlet struct {
	Inlet
	leg *pausing
}

func (in pausingInlet) Audio(p jitter.Packet) jitter.Verdict {
	unsent := int(in.leg.ticks-1)%pausingTicks - spokenTicks - hangTicks
	switch {
	case unsent == 0 && in.leg.profile.Name == codec.Opus:
		p.Payload = []byte{p.Payload[0] &^ 3}
	case unsent >= 0:
		return jitter.Stored // it was never sent
	}
	p.Sequence = in.leg.seq
	in.leg.seq++
	return in.Inlet.Audio(p)
}

// TestTheLineIsHeardInAPause: who listens to one who sends nothing between his words hears the background of those words, and nobody
// takes it for talk.
func TestTheLineIsHeardInAPause(t *testing.T) {
	const rounds, level = 12, -50
	for _, f := range []codec.Format{pcmu, g722, opus} {
		s := newStage(t, Settings{})
		talker := newPausing(t, f, level, rounds*pausingTicks)
		listener := newScriptLeg(t, codec.Profile{Format: f}, silent)
		m := seat(t, s.state, talker)
		seat(t, s.state, listener)
		heard := func(ticks int) float64 {
			from := len(listener.heard)
			s.run(ticks)
			return measure.RMSDBFS(listener.heard[from:])
		}
		var before, within []float64
		for round := range rounds {
			heard(spokenTicks + 5)
			b := heard(hangTicks - 5)
			heard(2)
			w, talked := 0.0, 0
			least, most := 0.0, -200.0
			for range unsentTicks - 2 {
				now := heard(1)
				w, least, most = w+now/(unsentTicks-2), min(least, now), max(most, now)
				if m.voice.vad.Loud() {
					talked++
				}
			}
			before, within = append(before, b), append(within, w)
			if round < 2 {
				continue // the background is not known yet
			}
			if math.Abs(w-b) > 3 || least < b-6 || most > b+6 {
				t.Errorf("%s: pause %d at %.1f dBFS, from %.1f to %.1f, behind a background of %.1f", f.Name, round, w, least, most, b)
			}
			if talked > 0 {
				t.Errorf("%s: pause %d is loud in %d ticks", f.Name, round, talked)
			}
		}
		t.Logf("%s: backgrounds of %.1f dBFS, pauses of %.1f", f.Name, before, within)
		if worst, at := worstStep(listener.heard[len(listener.heard)/4:], f.SampleRateHz); worst > 8 {
			t.Errorf("%s: a step of %.1f times those around it at %d", f.Name, worst, at)
		}
	}
}

// TestAPauseAddsNothingToAnothersVoice: while somebody else speaks, the noise of a pause is gated as any background is.
func TestAPauseAddsNothingToAnothersVoice(t *testing.T) {
	const rounds = 4
	listen := func(pauses bool) []int16 {
		s := newStage(t, Settings{})
		talker := newPausing(t, pcmu, -45, rounds*pausingTicks)
		other := newScriptLeg(t, pcmuProfile(), recorded(speech(9, 5000, 8000, 0, rounds*pausingTicks*160, rounds*pausingTicks*160)))
		listener := newScriptLeg(t, pcmuProfile(), silent)
		if pauses {
			seat(t, s.state, talker)
		}
		seat(t, s.state, other)
		seat(t, s.state, listener)
		s.run(rounds * pausingTicks)
		return listener.heard
	}
	with, without := listen(true), listen(false)
	for round := 1; round < rounds; round++ {
		added := make([]int16, pausingTicks*160)
		for i := range added {
			added[i] = with[round*len(added)+i] - without[round*len(added)+i]
		}
		if got := measure.RMSDBFS(added[:spokenTicks*160]); got < -30 {
			t.Errorf("the words before pause %d add %.1f dBFS, want to hear them", round, got)
		}
		unheard := (spokenTicks + hangTicks + 10) * 160 // when the VAD's hang-over is past
		if got := measure.RMSDBFS(added[unheard:]); got > -75 {
			t.Errorf("pause %d adds %.1f dBFS to what another one says, want nothing", round, got)
		}
	}
}
