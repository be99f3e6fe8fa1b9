package rooms

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/packetizer"
	"github.com/confbridge/confbridge/mixer/quality"
)

// scriptLeg is a telephone that says what a script has for each sample, in packets of its profile's length, and keeps what it hears. Its
// network loses and delays nothing.
type scriptLeg struct {
	profile codec.Profile
	source  uint32
	says    func(sample int) float64 // at profile.SampleRateHz; nil: sends nothing at all

	keysInSound bool

	out     *packetizer.Stream
	decoder codec.Decoder
	seq     uint16
	stamp   uint32
	ticks   uint64
	started codec.Format
	frame   []int16
	payload [maxPayload]byte

	sent     []int16 // what it has said, decoded: what a perfect bridge would hand on
	echo     codec.Decoder
	heard    []int16 // at profile.SampleRateHz
	units    int     // of what it was sent
	sources  []mixer.Source
	observed []quality.Local
}

func newScriptLeg(t testing.TB, p codec.Profile, says func(int) float64) *scriptLeg {
	t.Helper()
	l := &scriptLeg{says: says}
	l.use(t, p)
	return l
}

// use makes the leg one of another profile.
func (l *scriptLeg) use(t testing.TB, p codec.Profile) {
	t.Helper()
	var err error
	if l.out, err = packetizer.New(p); err != nil {
		t.Fatal(err)
	}
	if l.decoder, err = codec.NewDecoder(p.Format); err != nil {
		t.Fatal(err)
	}
	if l.echo, err = codec.NewDecoder(p.Format); err != nil {
		t.Fatal(err)
	}
	l.out.Tune(p.SampleRateHz)
	l.profile, l.frame = p, make([]int16, mixer.FrameSamples(p.SampleRateHz))
}

func (l *scriptLeg) Profile() codec.Profile { return l.profile }

func (l *scriptLeg) Expects() codec.Format      { return l.Profile().Format }
func (l *scriptLeg) KeysInSound() bool          { return l.keysInSound }
func (l *scriptLeg) Observe(q quality.Local)    { l.observed = append(l.observed, q) }
func (l *scriptLeg) Close() error               { return nil }
func (l *scriptLeg) Mixed(heard []mixer.Source) { l.sources = append(l.sources[:0], heard...) }

func (l *scriptLeg) Receive(now time.Time, in Inlet) error {
	if l.says == nil {
		return nil
	}
	if l.started != l.profile.Format {
		in.Restart(l.profile.Format, l.source)
		l.started = l.profile.Format
	}
	for i := range l.frame {
		v := l.says(int(l.ticks)*len(l.frame) + i)
		l.frame[i] = int16(min(max(math.Round(v), -32768), 32767))
	}
	l.out.Push(l.frame, l.ticks)
	l.ticks++
	for {
		payload, units, ok := l.out.Next(l.payload[:])
		if !ok {
			return nil
		}
		in.Audio(jitter.Packet{Sequence: l.seq, Timestamp: l.stamp, Samples: units, Arrival: now.Add(-time.Millisecond), Payload: payload})
		l.seq++
		l.stamp += uint32(units)
		var pcm [codec.MaxPacketMilliseconds * 48]int16
		n, err := l.echo.Decode(pcm[:], payload)
		if err != nil {
			return err
		}
		l.sent = append(l.sent, pcm[:n]...)
	}
}

func (l *scriptLeg) Send(_ time.Time, payload []byte, units int) {
	l.units += units
	var pcm [codec.MaxPacketMilliseconds * 48]int16
	n := units * l.profile.SampleRateHz / l.profile.ClockRateHz
	if len(payload) > 0 {
		var err error
		if n, err = l.decoder.Decode(pcm[:], payload); err != nil {
			panic("the room sent what cannot be decoded: " + err.Error())
		}
	}
	l.heard = append(l.heard, pcm[:n]...)
}

// since is what the leg heard from a tick on.
func (l *scriptLeg) since(tick int) []int16 {
	return l.heard[min(tick*mixer.FrameSamples(l.profile.SampleRateHz), len(l.heard)):]
}

// between is what the leg heard from a tick to another.
func (l *scriptLeg) between(from, to int) []int16 {
	n := mixer.FrameSamples(l.profile.SampleRateHz)
	return l.heard[min(from*n, len(l.heard)):min(to*n, len(l.heard))]
}

// stage runs a room without a goroutine, tick by tick in virtual time.
type stage struct {
	*state
	now time.Time
}

func newStage(t testing.TB, set Settings) *stage {
	t.Helper()
	s := &stage{state: newTestState(t), now: time.Now()}
	s.set = set
	return s
}

func (s *stage) run(ticks int) {
	for range ticks {
		s.now = s.now.Add(frameDuration)
		s.tick(s.now)
		s.adapt()
		s.publish()
	}
}

func pcmuProfile() codec.Profile { return codec.Profile{Format: pcmu} }

// silent says nothing, in packets.
func silent(int) float64 { return 0 }

func tone(hz, amplitude float64, rateHz int) func(int) float64 {
	return func(i int) float64 { return amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rateHz)) }
}

// recorded plays pcm, and silence after it.
func recorded(pcm []float64) func(int) float64 {
	return func(i int) float64 {
		if i < len(pcm) {
			return pcm[i]
		}
		return 0
	}
}

// hiss is white noise of a level in dBFS.
func hiss(seed uint64, level float64, samples int) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	rms := 32768 / math.Sqrt2 * math.Pow(10, level/20)
	pcm := make([]float64, samples)
	for i := range pcm {
		pcm[i] = r.NormFloat64() * rms
	}
	return pcm
}

// word is what speech is made of: a fricative's hiss that swells, a vowel with harmonics, and a decay.
func word(seed uint64, amplitude float64, rateHz int, length time.Duration) []float64 {
	r := rand.New(rand.NewPCG(seed, 9))
	pcm := make([]float64, int(length.Seconds()*float64(rateHz)))
	pitch := 90 + r.Float64()*120
	onset := float64(rateHz) * 0.04
	for i := range pcm {
		x := float64(i)
		vowel := 0.0
		for k := 1.0; k <= 12 && k*pitch < float64(rateHz)/2; k++ {
			vowel += math.Sin(2*math.Pi*k*pitch*x/float64(rateHz)+k*k) / k
		}
		left := float64(len(pcm)) - x
		rise := min(max((x-onset/2)/onset, 0), 1) * min(left/(2*onset), 1)
		pcm[i] = amplitude * (rise*vowel/1.6*(1+0.3*math.Sin(2*math.Pi*5*x/float64(rateHz))) + 0.12*min(x/onset, 1)*min(left/onset, 1)*r.NormFloat64())
	}
	return pcm
}

// overlay adds pcm to a longer piece from a place on.
func overlay(to, pcm []float64, at int) {
	for i, v := range pcm {
		if at+i < len(to) {
			to[at+i] += v
		}
	}
}

// speech is words with gaps of 60 to 260 ms, from one place to another, in silence as long as samples.
func speech(seed uint64, amplitude float64, rateHz, from, to, samples int) []float64 {
	r := rand.New(rand.NewPCG(seed, 11))
	pcm := make([]float64, samples)
	for at := from; at < to; {
		length := time.Duration(150+r.IntN(350)) * time.Millisecond
		overlay(pcm, word(seed+uint64(at), amplitude, rateHz, length), at)
		at += int((length + time.Duration(60+r.IntN(200))*time.Millisecond).Seconds() * float64(rateHz))
	}
	return pcm
}

// worstStep is the greatest step in pcm in multiples of the RMS of the steps around it, 20 ms to each side. What is below −60 dBFS
// is not looked at.
func worstStep(pcm []int16, rateHz int) (worst float64, at int) {
	around := rateHz / 50
	var squares []float64
	for i := 1; i < len(pcm); i++ {
		d := float64(pcm[i]) - float64(pcm[i-1])
		squares = append(squares, d*d)
	}
	sums := make([]float64, len(squares)+1)
	for i, q := range squares {
		sums[i+1] = sums[i] + q
	}
	for i, q := range squares {
		from, to := max(i-around, 0), min(i+around+1, len(squares))
		rms := math.Sqrt((sums[to] - sums[from] - q) / float64(to-from-1))
		if q < 33*33 {
			continue
		}
		if step := math.Sqrt(q) / max(rms, 1); step > worst {
			worst, at = step, i+1
		}
	}
	return worst, at
}
