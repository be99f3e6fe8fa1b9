package playout

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

// heardOf tells how a scenario went; -v shows it.
func heardOf(t *testing.T, name string, r *hearing) {
	t.Helper()
	s := r.stats
	n := 0
	if len(r.heard) > 0 {
		n = clicks(r.heard, r.rateHz)
	}
	t.Logf("%s: %d clicks in %v, %+v", name, n, time.Duration(len(r.delay))*mixer.FrameDuration, s)
	if n > 0 {
		t.Errorf("%s: %d clicks", name, n)
	}
}

func TestACleanPathAddsNoMoreThanTheTick(t *testing.T) {
	for _, ptime := range []time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 60 * ms} {
		var added []time.Duration
		for phase := ms / 4; phase < 20*ms; phase += 5 * ms / 4 {
			r := network{ptime: ptime, phase: phase, say: speech(8000, false)}.run(t, 6*time.Second)
			if s := r.stats; s.Concealed > 0 || s.PacketsLost > 0 || s.PacketsLate > 0 {
				t.Errorf("packets of %v, phase %v: %+v", ptime, phase, s)
			}
			added = append(added, r.ear(4*time.Second))
		}
		slices.Sort(added)
		p50, most := added[len(added)/2], added[len(added)-1]
		t.Logf("packets of %v: p50 %v, most %v", ptime, p50, most)
		limit := 12 * ms
		if ptime%(20*ms) != 0 {
			limit = 17 * ms // every other one comes in mid-tick, and waits for its successor
		}
		if p50 > limit || most > 23*ms {
			t.Errorf("packets of %v: p50 %v, most %v, want %v and 23ms", ptime, p50, most, limit)
		}
	}
}

func TestAStallIsCaughtUp(t *testing.T) {
	for _, pauses := range []bool{false, true} {
		from, to := 5*time.Second, 5300*ms
		r := network{phase: 7 * ms, say: speech(8000, pauses), arrives: func(_ int, t time.Duration) []time.Duration {
			if t > from && t < to {
				return []time.Duration{to}
			}
			return []time.Duration{t}
		}}.run(t, 15*time.Second)
		heardOf(t, "stall of 300 ms", r)
		t.Logf("extra delay after 1, 2, 5 s: %v %v %v", r.ear(to+time.Second)-r.ear(3*time.Second), r.ear(to+2*time.Second)-r.ear(3*time.Second), r.ear(to+5*time.Second)-r.ear(3*time.Second))
		if extra := r.most(to+2*time.Second, 15*time.Second) - r.most(4*time.Second, 5*time.Second); extra > 20*ms {
			t.Errorf("%v more delay two seconds after it", extra)
		}
		if extra := r.ear(to+2*time.Second) - r.ear(3*time.Second); extra > 20*ms {
			t.Errorf("%v more delay two seconds after it, by ear", extra)
		}
		if s := r.stats; s.PacketsLost > 0 || s.PacketsLate > 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestJitterLeavesNoDelay(t *testing.T) {
	for seed := range uint64(10) {
		noise := jittered(seed, 100*ms)
		r := network{phase: 7 * ms, say: speech(8000, seed%2 == 1), arrives: func(i int, t time.Duration) []time.Duration {
			if t < 5*time.Second || t > 15*time.Second {
				return []time.Duration{t}
			}
			return noise(i, t)
		}}.run(t, 30*time.Second)
		heardOf(t, "jitter", r)
		share := float64(r.made(8*time.Second, 15100*ms)) / float64(7100*ms)
		t.Logf("seed %d: concealed %v, %.2f %% after 3 s, delay before %v, in it %v, after it %v %v %v %v, late %d", seed, r.stats.Concealed, 100*share,
			r.most(4*time.Second, 5*time.Second), r.most(8*time.Second, 15*time.Second), r.delay[900], r.delay[1000], r.delay[1100], r.delay[1250], r.stats.PacketsLate)
		if share > 0.01 {
			t.Errorf("seed %d: %.2f %% concealed after the first 3 s", seed, 100*share)
		}
		if extra := r.most(25*time.Second, 30*time.Second) - r.most(4*time.Second, 5*time.Second); extra > 20*ms {
			t.Errorf("seed %d: %v more delay after ten seconds", seed, extra)
		}
		if most := r.most(8*time.Second, 15*time.Second); most > 160*ms {
			t.Errorf("seed %d: delay %v of a jitter of 100 ms", seed, most)
		}
	}
}

func TestAnHourOfSkewIsNotHeard(t *testing.T) {
	for _, skew := range []float64{-500e-6, -200e-6, 200e-6, 500e-6} {
		const steepest = 8000 * 2 * 3.1416 * 1000 / 8000 // of the tone, a sample
		last, clicks, worst := int16(0), 0, 0
		r := network{
			phase: 10 * ms, skew: skew, say: tone(1000, 8000), arrives: jittered(1, 2*ms), deaf: true,
			watch: func(at time.Duration, frame []int16, _ *Stream) {
				for _, v := range frame {
					step := max(int(v)-int(last), int(last)-int(v))
					if at > time.Second {
						worst = max(worst, step)
						if float64(step) > 1.5*steepest {
							clicks++
						}
					}
					last = v
				}
			},
		}.run(t, time.Hour)
		begin, most := r.delay[100], r.most(2*time.Second, time.Hour)
		least := slices.Min(r.delay[100:])
		heardOf(t, "skew", r)
		t.Logf("skew %+.0f ppm: %d clicks, steepest step %.2f of the tone's, delay at first %v, then %v to %v", skew*1e6, clicks, float64(worst)/steepest, begin, least, most)
		if clicks > 0 {
			t.Errorf("skew %v: %d clicks", skew, clicks)
		}
		if most > begin+20*ms || least < begin-20*ms {
			t.Errorf("skew %v: delay from %v to %v, at first %v", skew, least, most, begin)
		}
		if s := r.stats; s.PacketsLost+s.PacketsLate > 0 || s.Concealed > 0 {
			t.Errorf("skew %v: %+v", skew, s)
		}
	}
}

func TestLossLeavesNoGap(t *testing.T) {
	for _, f := range []codec.Format{pcmu, opus} {
		rnd := rand.New(rand.NewPCG(3, 1))
		r := network{format: f, phase: 7 * ms, say: speech(f.SampleRateHz, false), arrives: func(i int, t time.Duration) []time.Duration {
			if i > 10 && rnd.IntN(20) == 0 {
				return nil
			}
			return []time.Duration{t}
		}}.run(t, 30*time.Second)
		heardOf(t, string(f.Name), r)
		if gap := r.longestGap(time.Second, 30*time.Second); gap > 60*ms {
			t.Errorf("%s: a gap of %v", f.Name, gap)
		}
		t.Logf("%s: dropped %d, longest gap %v", f.Name, r.dropped, r.longestGap(time.Second, 30*time.Second))
		if d := r.dropped - int(r.stats.PacketsLost); d < 0 || d > 3 {
			t.Errorf("%s: dropped %d, %d counted", f.Name, r.dropped, r.stats.PacketsLost)
		}
		limit := 15 * ms
		if f == opus { // the next packet has a copy, and is waited for
			limit += 27 * ms
			if share := float64(r.stats.Recovered) / float64(r.stats.Recovered+r.stats.Concealed); share < 0.6 {
				t.Errorf("%.0f %% of what was lost was recovered", 100*share)
			}
		}
		if most := r.most(time.Second, 30*time.Second); most > limit {
			t.Errorf("%s: delay %v", f.Name, most)
		}
	}
}

func TestDuplicatesCostNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	r := network{phase: 7 * ms, say: speech(8000, false), arrives: func(_ int, t time.Duration) []time.Duration {
		if rnd.IntN(10) == 0 {
			return []time.Duration{t, t + time.Duration(rnd.IntN(100))*ms}
		}
		return []time.Duration{t}
	}}.run(t, 20*time.Second)
	heardOf(t, "duplicates", r)
	if s := r.stats; r.most(time.Second, time.Minute) > 14*ms || s.Concealed > 0 || s.PacketsLost+s.PacketsLate > 0 {
		t.Errorf("delay %v, %+v", r.most(time.Second, time.Minute), s)
	}
}

// TestReorderedPacketsAreWaitedFor: who comes after the next one, or after two, comes one or two packets later. That, and
// no more, is the delay that saves them.
func TestReorderedPacketsAreWaitedFor(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	r := network{phase: 7 * ms, say: speech(8000, false), arrives: func(i int, t time.Duration) []time.Duration {
		if i > 50 && rnd.IntN(20) == 0 {
			return []time.Duration{t + time.Duration(1+rnd.IntN(2))*20*ms + ms/10}
		}
		return []time.Duration{t}
	}}.run(t, 60*time.Second)
	heardOf(t, "reordered", r)
	t.Logf("delay up to %v, concealed after 5 s: %v", r.most(time.Second, time.Minute), r.made(5*time.Second, time.Minute))
	if most := r.most(time.Second, time.Minute); most > 58*ms {
		t.Errorf("delay %v", most)
	}
	if made := r.made(5*time.Second, time.Minute); made > 200*ms {
		t.Errorf("concealed %v after 5 s", made)
	}
}

func TestBurstsOfLossAndSpikesOfDelay(t *testing.T) {
	for _, every := range []time.Duration{2 * time.Second, 4 * time.Second} {
		rnd := rand.New(rand.NewPCG(1, 1))
		left := 0
		r := network{phase: 7 * ms, say: speech(8000, false), arrives: func(i int, t time.Duration) []time.Duration {
			if left == 0 && i > 50 && rnd.IntN(60) == 0 {
				left = 3
			}
			if left > 0 {
				left--
				return nil
			}
			if since := t % every; t > 2*time.Second && since < 250*ms { // what waits there comes all at once
				t += 250*ms - since
			}
			return []time.Duration{t}
		}}.run(t, 60*time.Second)
		heardOf(t, "spikes", r)
		lost := time.Duration(r.dropped) * 20 * ms
		extra := r.made(20*time.Second, time.Minute) - (r.at[time.Minute-20*ms].lostTime() - r.at[20*time.Second].lostTime())
		t.Logf("a spike each %v: lost %v, concealed besides that after 20 s %v, delay up to %v", every, lost, extra, r.most(time.Second, time.Minute))
		if extra > 800*ms {
			t.Errorf("a spike each %v: concealed %v besides what was lost", every, extra)
		}
		if most := r.most(time.Second, time.Minute); most > 380*ms {
			t.Errorf("a spike each %v: delay %v", every, most)
		}
	}
}

func (s Stats) lostTime() time.Duration { return time.Duration(s.PacketsLost) * 20 * ms }

func TestTalkspurtsKeepTheirDelay(t *testing.T) {
	r := network{phase: 7 * ms, say: speech(8000, true), arrives: jittered(3, 15*ms), silent: func(_ int, t time.Duration) bool {
		return t%(3*time.Second) > 1600*ms
	}}.run(t, 60*time.Second)
	heardOf(t, "talkspurts", r)
	if s := r.stats; s.PacketsLost+s.PacketsLate > 0 || s.Concealed > 20*100*ms {
		t.Errorf("%+v", s)
	}
	if most := r.most(10*time.Second, time.Minute); most > 45*ms {
		t.Errorf("delay %v", most)
	}
}
