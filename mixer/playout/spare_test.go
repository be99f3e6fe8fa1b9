package playout

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
)

// guest is a member of a room: a stream whose sound is asked for where it is talk, or has been lately.
type guest struct {
	t       *testing.T
	s       *Stream
	vad     mixer.VAD
	enc     codec.Encoder
	spares  bool // what is no talk is not heard
	forge   bool // its packets say that there is no voice in them
	busy    int  // ticks that it is heard still
	p       jitter.Packet
	now     time.Time
	payload [codec.MaxPayloadBytes]byte
	heard   []int16
	talked  int // ticks
}

func newGuest(t *testing.T, f codec.Format, spares bool) *guest {
	t.Helper()
	enc, err := codec.NewEncoder(codec.Profile{Format: f})
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, s: newStream(t, f, f.SampleRateHz), enc: enc, spares: spares, now: time.Unix(1000, 0)}
	g.s.Background(&g.vad)
	return g
}

// tick sends pcm with a level, unless it is lost, and hears 20 ms.
func (g *guest) tick(pcm []int16, level jitter.Level, lost bool) {
	n, err := g.enc.Encode(g.payload[:], pcm)
	if err != nil {
		g.t.Fatal(err)
	}
	if g.forge {
		g.payload[1] &= 0x7f // RFC 6716 §4.2.3
	}
	g.now = g.now.Add(mixer.FrameDuration)
	g.p = jitter.Packet{
		Sequence: g.p.Sequence + 1, Timestamp: g.p.Timestamp + uint32(g.p.Samples), Samples: g.s.format.ClockRateHz / 50,
		Arrival: g.now.Add(-7 * ms), Payload: g.payload[:n], Level: level,
	}
	if !lost {
		g.s.Put(g.p)
	}
	g.hear()
}

func (g *guest) hear() {
	g.s.Spare(g.spares && g.busy == 0)
	frame, sounding := g.s.Pull(g.now)
	g.heard = append(g.heard, frame...)
	switch {
	case sounding:
		g.vad.Observe(frame, g.s.rateHz)
	case g.s.Withheld():
		g.vad.Unheard()
	default:
		g.vad.Silence()
	}
	g.busy = max(g.busy-1, 0)
	if g.vad.Loud() || g.vad.Talking() {
		g.busy = 8
	}
	if g.vad.Talking() {
		g.talked++
	}
}

// quiet sends so many ticks of a background of −60 dBFS.
func (g *guest) quiet(ticks int, level jitter.Level) {
	rnd := rand.New(rand.NewPCG(3, uint64(ticks)))
	for range ticks {
		g.tick(hissOf(rnd, g.s.format.SampleRateHz), level, false)
	}
}

func hissOf(rnd *rand.Rand, rateHz int) []int16 {
	pcm := make([]int16, mixer.FrameSamples(rateHz))
	for i := range pcm {
		pcm[i] = int16(math.Round(23 * rnd.NormFloat64()))
	}
	return pcm
}

// said is tick i of a voice before that background.
func (g *guest) said(i int) []int16 {
	rate := g.s.format.SampleRateHz
	pcm := hissOf(rand.New(rand.NewPCG(4, uint64(i))), rate)
	say := speech(rate, false)
	for j := range pcm {
		pcm[j] += say(i*len(pcm) + j)
	}
	return pcm
}

func below(db uint8) jitter.Level { return jitter.Level{Known: true, Below: db} }

// passes is how many packets are passed over while do is done.
func (g *guest) passes(do func()) uint64 {
	before := g.s.Stats().PacketsPassed
	do()
	return g.s.Stats().PacketsPassed - before
}

func TestOneOfSixteenQuietPacketsIsDecoded(t *testing.T) {
	for _, f := range []codec.Format{pcmu, pcma, opus} {
		level := below(63)
		if f == opus {
			level = jitter.Level{} // its flags say it
		}
		g := newGuest(t, f, true)
		g.quiet(300, level)
		if got := g.passes(func() { g.quiet(160, level) }); got != 150 {
			t.Errorf("%s: %d of 160 packets were not decoded, want 150", f.Name, got)
		}
		if g.talked > 0 {
			t.Errorf("%s: noise is taken for talk", f.Name)
		}
		g.spares = false
		if got := g.passes(func() { g.quiet(50, level) }); got != 0 {
			t.Errorf("%s: %d packets were not decoded that somebody hears", f.Name, got)
		}
		last := g.heard[len(g.heard)-40*len(g.s.frame):]
		if got := measure.RMSDBFS(last); math.Abs(got+60) > 3 {
			t.Errorf("%s: the background is at %.1f dBFS, want -60", f.Name, got)
		}
	}
}

func TestOnlyLevelsNearTheBackgroundAreQuiet(t *testing.T) {
	for _, row := range []struct {
		level jitter.Level
		want  bool
	}{
		{below(127), true}, {below(62), true}, {below(58), false}, {below(30), false}, {jitter.Level{}, false},
	} {
		g := newGuest(t, pcmu, true)
		g.quiet(300, below(63))
		if got := g.passes(func() { g.quiet(40, row.level) }) > 0; got != row.want {
			t.Errorf("%+v: passed over: %v, want %v", row.level, got, row.want)
		}
	}
}

func TestWhoSaysSilenceAndTalksIsHeardAndNotBelievedAgain(t *testing.T) {
	g := newGuest(t, pcmu, true)
	g.quiet(300, below(63))
	for i := range 100 {
		g.tick(g.said(i), below(127), false)
		if i == checkEvery+4 && g.talked == 0 {
			t.Errorf("in %d ticks of talk none was found", i)
		}
	}
	if g.talked < 100-checkEvery-4 {
		t.Errorf("%d of 100 ticks of talk were taken for it", g.talked)
	}
	if got := g.passes(func() { g.quiet(300, below(127)) }); got != 0 {
		t.Errorf("%d packets were believed behind that", got)
	}
	if got := g.s.Stats().PacketsPassed; got == 0 {
		t.Error("nothing was believed before it")
	}
	if err := g.s.Restart(pcmu); err != nil {
		t.Fatal(err)
	}
	g.quiet(newSender+attentive, below(63))
	if got := g.passes(func() { g.quiet(100, below(63)) }); got == 0 {
		t.Error("another sender is not believed either")
	}
}

// TestAVoiceFlagThatIsNeverSetIsNotBelieved has somebody talk in packets that say to have no voice in them.
func TestAVoiceFlagThatIsNeverSetIsNotBelieved(t *testing.T) {
	g := newGuest(t, opus, true)
	g.forge = true
	g.quiet(300, jitter.Level{})
	if g.s.Stats().PacketsPassed == 0 {
		t.Error("nothing was believed before it")
	}
	for i := range 100 {
		g.tick(g.said(i), jitter.Level{}, false)
	}
	if g.talked == 0 {
		t.Error("no talk was found")
	}
	if got := g.passes(func() { g.quiet(300, jitter.Level{}) }); got != 0 {
		t.Errorf("%d packets were believed behind that", got)
	}
}

// TestPausesBetweenWordsAreNoLies has somebody with flags that are true talk for long, and be silent.
func TestPausesBetweenWordsAreNoLies(t *testing.T) {
	g := newGuest(t, opus, true)
	rate := opus.SampleRateHz
	say := speech(rate, true)
	for i := range 8 * 50 {
		pcm := hissOf(rand.New(rand.NewPCG(9, uint64(i))), rate)
		for j := range pcm {
			if i/8%3 > 0 { // syllables
				pcm[j] += say(i*len(pcm) + j)
			}
		}
		g.tick(pcm, jitter.Level{}, false)
	}
	g.quiet(100, jitter.Level{})
	if got := g.passes(func() { g.quiet(100, jitter.Level{}) }); got < 80 {
		t.Errorf("%d of 100 packets are passed over behind talk", got)
	}
}

// TestWhatBehindQuietPacketsIsLoudSoundsAsEver has somebody begin to talk many times, and compares what is heard of each beginning to what is
// where all packets are decoded.
func TestWhatBehindQuietPacketsIsLoudSoundsAsEver(t *testing.T) {
	for _, f := range []codec.Format{pcmu, opus} {
		all, spared := newGuest(t, f, false), newGuest(t, f, true)
		level := func(n uint8) jitter.Level {
			if f == opus {
				return jitter.Level{}
			}
			return below(n)
		}
		var worst []float64
		for word := range 5 {
			for _, g := range []*guest{all, spared} {
				g.quiet(160+word, level(63))
				for i := range 50 {
					g.tick(g.said(word*37+i), level(20), false)
				}
			}
			n := len(all.s.frame)
			from := len(all.heard) - 51*n // it is heard a tick late
			for ; measure.RMSDBFS(all.heard[from:from+n]) < -45; from += n {
			}
			worst = append(worst, signalToError(all.heard[from:from+3*n], spared.heard[from:from+3*n]))
			if got, want := clicks(spared.heard[from-5*n:], f.SampleRateHz), clicks(all.heard[from-5*n:], f.SampleRateHz); got > want {
				t.Errorf("%s, word %d: %d clicks, %d where all is decoded", f.Name, word, got, want)
			}
		}
		if got := slices.Min(worst); got < 15 {
			t.Errorf("%s: the beginnings differ from those that were decoded throughout: %.1f dB", f.Name, worst)
		}
		if a, b := all.talked, spared.talked; math.Abs(float64(a-b)) > 12 {
			t.Errorf("%s: talk in %d ticks, %d where all is decoded", f.Name, b, a)
		}
		if spared.s.Stats().PacketsPassed < 100 {
			t.Errorf("%s: only %d packets were passed over", f.Name, spared.s.Stats().PacketsPassed)
		}
	}
}

// signalToError is the level of want over that of what got differs by, in dB.
func signalToError(want, got []int16) float64 {
	var signal, wrong float64
	for i, w := range want {
		d := float64(w) - float64(got[i])
		signal += float64(w) * float64(w)
		wrong += d * d
	}
	return 10 * math.Log10(signal/(wrong+1))
}

func TestStatisticsDoNotTellWhatWasPassedOver(t *testing.T) {
	for _, f := range []codec.Format{pcmu, opus} {
		level := below(63)
		if f == opus {
			level = jitter.Level{}
		}
		var stats [2]Stats
		for i, spares := range []bool{false, true} {
			g := newGuest(t, f, spares)
			rnd := rand.New(rand.NewPCG(1, 7))
			for range 1000 {
				g.tick(hissOf(rnd, f.SampleRateHz), level, rnd.IntN(50) == 0)
			}
			stats[i] = g.s.Stats()
		}
		if stats[1].PacketsPassed < 500 || stats[1].PacketsLost == 0 {
			t.Errorf("%s: %+v: too few were passed over, or lost", f.Name, stats[1])
		}
		stats[1].PacketsPassed = stats[0].PacketsPassed
		if diff := cmp.Diff(stats[0], stats[1]); diff != "" {
			t.Errorf("%s: all decoded (-) and not (+):\n%s", f.Name, diff)
		}
	}
}

func TestSilentG711IsNeverDecodedAndNoOtherSoundChanges(t *testing.T) {
	for _, f := range []codec.Format{pcmu, pcma} {
		g, plain := newGuest(t, f, false), newGuest(t, f, false)
		plain.s.spare.silence = nil
		silence := make([]int16, mixer.FrameSamples(f.SampleRateHz))
		passed := uint64(0)
		for i := range 400 {
			pcm := silence
			if i%60 < 20 {
				pcm = g.said(i)
			}
			lost := i%41 == 0
			if i%60 > 25 && !lost && (i-1)%41 != 0 {
				passed++
			}
			g.tick(pcm, jitter.Level{}, lost)
			plain.tick(pcm, jitter.Level{}, lost)
		}
		for i, v := range g.heard {
			if d := int(v) - int(plain.heard[i]); d > 8 || d < -8 {
				t.Fatalf("%s: sample %d is %d, and %d where all is decoded", f.Name, i, v, plain.heard[i])
			}
		}
		if got := g.s.Stats().PacketsPassed; got < passed {
			t.Errorf("%s: %d packets were passed over, want %d", f.Name, got, passed)
		}
	}
}

func TestNoiseThatNobodyHearsIsNotMadeAndComesUpWhereItIs(t *testing.T) {
	g := newGuest(t, pcmu, false)
	g.quiet(200, jitter.Level{})
	pause := func(ticks int) []int16 {
		from := len(g.heard)
		for range ticks {
			g.now = g.now.Add(mixer.FrameDuration)
			g.p.Timestamp += 160
			g.hear()
		}
		return g.heard[from:]
	}
	if got := measure.RMSDBFS(pause(40)[20*160:]); math.Abs(got+60) > 4 {
		t.Errorf("in a pause that is heard: %.1f dBFS, want the background's -60", got)
	}
	g.spares = true
	if got := pause(40); !isBelow(got, 0) || !g.s.Withheld() {
		t.Errorf("in a pause that nobody hears there is sound to %.1f dBFS; withheld: %v", measure.RMSDBFS(got), g.s.Withheld())
	}
	g.spares = false
	back := pause(20)
	if got := measure.RMSDBFS(back[5*160:]); math.Abs(got+60) > 4 || g.s.Withheld() {
		t.Errorf("heard again: %.1f dBFS, want the background's -60; withheld: %v", got, g.s.Withheld())
	}
	if first, later := measure.RMSDBFS(back[:40]), measure.RMSDBFS(back[5*160:]); first > later-6 {
		t.Errorf("it begins at %.1f dBFS and goes on at %.1f, want it to come up", first, later)
	}
}

func TestWhatIsPassedOverAllocatesNothing(t *testing.T) {
	for _, f := range []codec.Format{pcmu, opus} {
		g := newGuest(t, f, true)
		g.quiet(300, jitter.Level{})
		pcm := make([]int16, mixer.FrameSamples(f.SampleRateHz))
		g.heard = make([]int16, 0, 400*len(pcm))
		g.passes(func() {
			if got := testing.AllocsPerRun(200, func() { g.heard = g.heard[:0]; g.tick(pcm, jitter.Level{}, false) }); got != 0 {
				t.Errorf("%s: %.2f allocations a tick", f.Name, got)
			}
		})
	}
}
