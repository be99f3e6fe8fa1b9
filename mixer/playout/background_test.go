package playout

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
)

var g722 = codec.Format{Name: codec.G722, ClockRateHz: 8000, SampleRateHz: 16000}

// somebody speaks in front of a background, to a stream whose frames a VAD sees, as in a room. What is not worth sending is not
// sent.
type somebody struct {
	*script
	enc   codec.Encoder
	vad   mixer.VAD
	rnd   *rand.Rand
	level float64 // of the background, dBFS
	last  [2]float64
	said  int // samples of the present word
	toc   byte
	dtx   bool    // in a pause: the word of it has been sent
	sent  []int16 // the background that went out last
	talks int     // ticks in which the VAD has heard talk
}

func newSomebody(t *testing.T, f codec.Format, level float64) *somebody {
	t.Helper()
	b := &somebody{script: newScript(t, f, f.SampleRateHz), rnd: rand.New(rand.NewPCG(1, 2)), level: level}
	b.s.Background(&b.vad)
	profile := codec.Profile{Format: f}
	if f.Name == codec.Opus {
		profile.Opus.DTX = true
	}
	var err error
	if b.enc, err = codec.NewEncoder(profile); err != nil {
		t.Fatal(err)
	}
	return b
}

// sound is the next 20 ms: the background, falling above 1 kHz, and a voice before it.
func (b *somebody) sound(speaks bool) []int16 {
	rate := b.s.format.SampleRateHz
	pcm := make([]int16, rate/50)
	pole := math.Exp(-2 * math.Pi * 1000 / float64(rate))
	amplitude := 32768 / math.Sqrt2 * math.Pow(10, b.level/20) * math.Sqrt(1-pole*pole)
	for i := range pcm {
		b.last[0] = pole*b.last[0] + amplitude*b.rnd.NormFloat64()
		v := b.last[0]
		if at := float64(b.said) / float64(rate); speaks {
			for h := 1.0; h <= 6; h++ {
				v += 2500 * math.Abs(math.Sin(math.Pi*at/0.2)) / h * math.Sin(2*math.Pi*h*140*at+h*h)
			}
		}
		pcm[i] = int16(math.Round(v))
		b.said++
	}
	return pcm
}

// hear is a tick.
func (b *somebody) hear(packets ...jitter.Packet) {
	if b.vad.Observe(b.tick(packets...), b.s.format.SampleRateHz) {
		b.talks++
	}
}

// send is a tick in which pcm goes out; what its encoder leaves out is announced where it begins.
func (b *somebody) send(pcm []int16) {
	units := b.s.format.ClockRateHz / 50
	payload := make([]byte, codec.MaxPayloadBytes)
	n, err := b.enc.Encode(payload, pcm)
	if err != nil {
		b.t.Fatal(err)
	}
	switch {
	case n > 0:
		b.toc, b.dtx = payload[0]&^3, false
	case !b.dtx:
		payload[0], n, b.dtx = b.toc, 1, true
	default:
		b.ts += uint32(units)
		b.hear()
		return
	}
	b.hear(jitter.Packet{Sequence: b.seq, Timestamp: b.ts, Samples: units, Payload: payload[:n]})
	b.seq++
	b.ts += uint32(units)
}

// speak sends n ticks of voice, in syllables of ten, then hang of background.
func (b *somebody) speak(n, hang int) {
	b.said = 0
	for range n {
		b.send(b.sound(true))
	}
	b.sent = nil
	for range hang {
		pcm := b.sound(false)
		b.sent = append(b.sent, pcm...)
		b.send(pcm)
	}
}

// pause is n ticks of background that are not sent, but for what Opus wants to send of it.
func (b *somebody) pause(n int) {
	for range n {
		if pcm := b.sound(false); b.s.format.Name == codec.Opus {
			b.send(pcm)
		} else {
			b.quiet(1, false)
			b.hear()
		}
	}
}

// levels are those of the last n ticks.
func (b *somebody) levels(n int) (levels []float64) {
	frame := len(b.s.frame)
	for pcm := b.script.last(n); len(pcm) > 0; pcm = pcm[frame:] {
		levels = append(levels, measure.RMSDBFS(pcm[:frame]))
	}
	return levels
}

// steps counts the samples that are further from the one before than 8 times the steps of the 10 ms around them.
func steps(pcm []int16, rateHz int) (count int) {
	window := rateHz / 100
	step := func(i int) float64 { return float64(pcm[i]) - float64(pcm[i-1]) }
	var sum float64
	for i := 1; i < len(pcm); i++ {
		sum += step(i) * step(i)
		if i <= window {
			continue
		}
		sum -= step(i-window) * step(i-window)
		middle := step(i - window/2)
		if size := math.Abs(middle); size > 8 && size > 8*math.Sqrt((sum-size*size)/float64(window-1)) {
			count++
		}
	}
	return count
}

// TestAPauseSoundsLikeTheBackground: what goes on between the words of one who sends only words.
func TestAPauseSoundsLikeTheBackground(t *testing.T) {
	for _, f := range []codec.Format{pcmu, pcma, g722, opus} {
		for _, level := range []float64{-45, -55} {
			b := newSomebody(t, f, level)
			b.speak(20, 60)
			for range 3 { // libopus needs some pauses until it knows a background
				b.speak(50, 20)
				b.pause(40)
			}
			from := len(b.all)
			var means []float64
			for range 12 {
				b.speak(50, 20)
				want := measure.RMSDBFS(b.script.last(10))
				b.pause(40)
				b.talks = 0
				b.pause(40)
				if b.talks > 0 {
					t.Errorf("%s, %.0f dBFS: talk in %d ticks of a pause", f.Name, level, b.talks)
				}
				levels := b.levels(76) // behind the last word there is nothing but background
				mean := measure.RMSDBFS(b.script.last(76))
				means = append(means, mean-want)
				if least, most := slices.Min(levels), slices.Max(levels); least < want-5 || most > want+5 {
					t.Errorf("%s, %.0f dBFS: a pause of %.1f to %.1f dBFS, behind %.1f", f.Name, level, least, most, want)
				}
				if got, want := measure.TiltDB(b.script.last(60)), measure.TiltDB(b.sent); f != opus && math.Abs(got-want) > 4 {
					t.Errorf("%s, %.0f dBFS: %.1f dB more above than below in a pause, %.1f in the background", f.Name, level, got, want)
				}
			}
			t.Logf("%s, %.0f dBFS: pauses above what was before by %.1f dB", f.Name, level, means)
			for i, mean := range means {
				if math.Abs(mean) > 2.5 {
					t.Errorf("%s, %.0f dBFS: pause %d is %.1f dB above what was before", f.Name, level, i, mean)
				}
			}
			if n := steps(b.all[from:], f.SampleRateHz); n > 0 {
				t.Errorf("%s, %.0f dBFS: %d steps", f.Name, level, n)
			}
		}
	}
}

// TestAWordThatIsCutOffLeavesItsBackground: where the network stops in mid-word, what goes on is the background, not the word.
func TestAWordThatIsCutOffLeavesItsBackground(t *testing.T) {
	const level = -50
	for _, f := range []codec.Format{pcmu, g722} {
		b := newSomebody(t, f, level)
		b.speak(20, 60)
		for range 8 {
			b.speak(30, 20)
		}
		b.speak(55, 0)
		b.pause(40)
		if got := measure.RMSDBFS(b.script.last(30)); math.Abs(got-level) > 3 {
			t.Errorf("%s: %.1f dBFS behind half a word, want the %d of the background", f.Name, got, level)
		}
		if n := steps(b.all, f.SampleRateHz); n > 0 {
			t.Errorf("%s: %d steps", f.Name, n)
		}
	}
}

// TestNoiseOfOneWhoIsGoneEnds: how long it goes on depends on whether its sender is known to make pauses.
func TestNoiseOfOneWhoIsGoneEnds(t *testing.T) {
	for _, row := range []struct {
		name   string
		f      codec.Format
		breaks bool // the sender has been silent before
		stays  time.Duration
	}{
		{"PCMU, always there until now", pcmu, false, aloneTime},
		{"PCMU, often silent", pcmu, true, noiseTime},
		{"Opus, which says that it is silent as long as it is", opus, true, aloneTime},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newSomebody(t, row.f, -50)
			for range 4 {
				b.speak(40, 30)
				if row.breaks {
					b.pause(40)
				}
			}
			b.speak(40, 30)
			for range int(row.stays/mixer.FrameDuration) - 10 {
				b.hear()
			}
			if got := measure.RMSDBFS(b.script.last(5)); math.Abs(got+50) > 4 {
				t.Errorf("%.1f dBFS shortly before %v are over, want -50", got, row.stays)
			}
			for range 40 {
				b.hear()
			}
			if got := measure.RMSDBFS(b.script.last(5)); got > measure.Silence {
				t.Errorf("%.1f dBFS when they are over, want silence", got)
			}
			b.speak(40, 30)
			if n := steps(b.all, row.f.SampleRateHz); n > 0 {
				t.Errorf("%d steps", n)
			}
		})
	}
}

// TestOpusIsSilentForAsLongAsItSays: packets without sound come twice a second.
func TestOpusIsSilentForAsLongAsItSays(t *testing.T) {
	b := newSomebody(t, opus, -55)
	b.speak(60, 60)
	b.speak(60, 20)
	before := b.s.Stats()
	for i := range 3000 {
		if i%20 == 0 {
			b.hear(jitter.Packet{Sequence: b.seq, Timestamp: b.ts, Samples: 960, Payload: []byte{b.toc}})
			b.seq++
		} else {
			b.hear()
		}
		b.ts += 960
	}
	if got := measure.RMSDBFS(b.script.last(100)); math.Abs(got+55) > 3 {
		t.Errorf("%.1f dBFS after a minute, want -55", got)
	}
	if got := b.s.Stats(); got.Concealed > before.Concealed+100*ms || got.PacketsLost > 0 {
		t.Errorf("%+v after %+v: a pause that was announced is not concealed", got, before)
	}
}

// TestOneWhoSendsSilenceHasNoNoise: where the background is nothing, a pause is.
func TestOneWhoSendsSilenceHasNoNoise(t *testing.T) {
	b := newSomebody(t, pcmu, -120)
	for range 5 {
		b.speak(40, 10)
		b.pause(40)
		if got := measure.RMSDBFS(b.script.last(30)); got > measure.Silence {
			t.Errorf("%.1f dBFS, want silence", got)
		}
	}
}

type passing struct{}

func (passing) Process([]int16) {}

// TestNoiseIsNotMadeForAFilterThatTakesItOut: a filter that learns from noise is told none that has been through it.
func TestNoiseIsNotMadeForAFilterThatTakesItOut(t *testing.T) {
	for rateHz, want := range map[int]float64{8000: measure.Silence, 16000: -50} {
		b := newSomebody(t, pcmu, -50)
		b.s.Filter(passing{}, rateHz)
		b.speak(40, 50)
		b.speak(40, 30)
		b.pause(40)
		if got := measure.RMSDBFS(b.script.last(30)); math.Abs(got-want) > 3 {
			t.Errorf("a filter for %d Hz before PCMU: a pause at %.1f dBFS, want %.1f", rateHz, got, want)
		}
	}
}

func TestNoiseAllocatesNothing(t *testing.T) {
	for _, f := range []codec.Format{pcmu, opus} {
		b := newSomebody(t, f, -50)
		b.speak(50, 50)
		p := jitter.Packet{Samples: f.ClockRateHz / 50, Payload: make([]byte, codec.MaxPayloadBytes)}
		n, err := b.enc.Encode(p.Payload, b.sound(true))
		if err != nil {
			t.Fatal(err)
		}
		p.Payload = p.Payload[:n]
		i := 0
		got := testing.AllocsPerRun(2000, func() {
			b.now = b.now.Add(mixer.FrameDuration)
			if i++; i%50 < 20 {
				p.Sequence, p.Timestamp, p.Arrival = b.seq, b.ts, b.now.Add(-7*ms)
				b.seq++
				b.s.Put(p)
			}
			b.ts += uint32(p.Samples)
			frame, _ := b.s.Pull(b.now)
			b.vad.Observe(frame, f.SampleRateHz)
		})
		if got != 0 {
			t.Errorf("%s: %.2f allocations a tick", f.Name, got)
		}
	}
}
