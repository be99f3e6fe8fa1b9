package mixer

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

// clipOf is a clip of a sine that begins and ends in the middle of a wave, at its loudest.
func clipOf(hz float64, rateHz int, d time.Duration) *Clip {
	n := int(d.Seconds() * float64(rateHz))
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(10000 * math.Cos(2*math.Pi*hz*float64(i)/float64(rateHz)))
	}
	return &Clip{Name: fmt.Sprintf("%v Hz", hz), RateHz: rateHz, PCM: pcm}
}

// played is what p gives until it is silent, at most 10 s of it, between 20 ms of silence before and behind.
func played(t *testing.T, p *Player, rateHz int) []int16 {
	t.Helper()
	out := make([]int16, FrameSamples(rateHz))
	for range 500 {
		if !p.Playing() {
			if p.Next(rateHz) != nil {
				t.Error("not playing: got a frame, want nil")
			}
			return append(out, make([]int16, FrameSamples(rateHz))...)
		}
		out = append(out, p.Next(rateHz)...)
	}
	t.Fatal("got 10 s of sound, want an end")
	return nil
}

func TestPlayerOfZeroIsSilent(t *testing.T) {
	var p Player
	if p.Playing() || p.Clip() != nil || p.Next(48000) != nil || p.Ended() != 0 {
		t.Error("zero value: got sound, want silence")
	}
	p.Stop()
	p.Play(nil)
	p.Loop(&Clip{RateHz: 8000})
	if !p.Queue(nil, &Clip{RateHz: 8000}) || p.Playing() {
		t.Error("nothing to play: got playing, want silent")
	}
}

func TestPlayerGivesTheWholeClipAtEachRateWithoutAClick(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			var p Player
			c := clipOf(400, from, 330*time.Millisecond) // ends in the middle of a frame
			p.Play(c)
			if p.Clip() != c {
				t.Errorf("%d to %d Hz: Clip: got %v, want the clip that was begun", from, to, p.Clip())
			}
			got := played(t, &p, to)
			want := clipOf(400, to, 330*time.Millisecond).PCM
			peak, lag := measure.Correlation(want, got, 2*FrameSamples(to))
			delay := lag - FrameSamples(to)
			if peak < .98 || delay < 0 || delay > to*2/1000 {
				t.Errorf("%d to %d Hz: got %.3f alike after %d samples, want at least 0.98 within 2 ms", from, to, peak, delay)
			}
			if step, limit := largestStep(got), sineSlope(400, 10000, to)+10000/(to*playerEdgeMS/1000)+50; step > limit {
				t.Errorf("%d to %d Hz: largest step: got %d, want at most %d", from, to, step, limit)
			}
			if p.Ended() != 1 || p.Clip() != nil {
				t.Errorf("%d to %d Hz: got %d ended and clip %v, want 1 and none", from, to, p.Ended(), p.Clip())
			}
		}
	}
}

func TestPlayerIsBitExactBetweenTheRampsAndLeavesTheClipAsItWas(t *testing.T) {
	c := clipOf(400, 16000, 200*time.Millisecond)
	before := slices.Clone(c.PCM)
	var p Player
	p.Play(c)
	got := played(t, &p, 16000)[FrameSamples(16000):]
	edge := 16000 * playerEdgeMS / 1000
	if !slices.Equal(got[edge:len(c.PCM)-edge], c.PCM[edge:len(c.PCM)-edge]) {
		t.Error("got other samples than the clip has")
	}
	if !slices.Equal(c.PCM, before) {
		t.Error("the clip was changed")
	}
}

func TestPlayerLoopsWithoutASeam(t *testing.T) {
	for _, to := range rates {
		var p Player
		p.Loop(clipOf(400, 16000, 55*time.Millisecond)) // 22 waves of 2.5 ms
		var got []int16
		for range 100 {
			got = append(got, p.Next(to)...)
		}
		wave := to / 400
		steady := got[2*FrameSamples(to):]
		for i := range steady[wave:] {
			if d := int(steady[i+wave]) - int(steady[i]); d > 100 || d < -100 {
				t.Fatalf("to %d Hz: sample %d differs by %d from that of the wave before, want the same", to, i, d)
			}
		}
		if p.Ended() != 0 {
			t.Errorf("to %d Hz: got %d ended, want a loop to go on", to, p.Ended())
		}
		p.Stop()
		if rest := played(t, &p, to); len(rest) > 4*FrameSamples(to) {
			t.Errorf("to %d Hz: got %d samples after Stop, want it gone in two frames", to, len(rest)-2*FrameSamples(to))
		}
	}
}

func TestPlayerQueuesWithoutAPause(t *testing.T) {
	a, b := clipOf(400, 8000, 133*time.Millisecond), clipOf(800, 8000, 71*time.Millisecond)
	var p Player
	if !p.Queue(a, b, a) {
		t.Fatal("three clips: got no room, want room")
	}
	got := played(t, &p, 8000)[FrameSamples(8000):]
	want := slices.Concat(a.PCM, b.PCM, a.PCM)
	if peak, lag := measure.Correlation(want, got, 160); peak < .97 || lag != 0 {
		t.Errorf("got %.3f alike at %d, want one behind the other", peak, lag)
	}
	if p.Ended() != 3 {
		t.Errorf("got %d ended, want 3", p.Ended())
	}
	if p.Queue(make([]*Clip, PlayerQueue+1)...) {
		t.Error("more than fit: got true, want false")
	}
}

func TestPlayerQueuesClipsOfAllRates(t *testing.T) {
	var p Player
	var want []int16
	for _, from := range []int{48000, 8000, 16000, 8000} {
		p.Queue(clipOf(400, from, 95*time.Millisecond))
		want = append(want, clipOf(400, 16000, 95*time.Millisecond).PCM...)
	}
	got := played(t, &p, 16000)
	if step, limit := largestStep(got), sineSlope(400, 10000, 16000)+10000/(16*playerEdgeMS)+50; step > limit {
		t.Errorf("largest step: got %d, want at most %d", step, limit)
	}
	if got, want := sumOfSquares(got), sumOfSquares(want); got < .9*want || got > 1.02*want {
		t.Errorf("got energy %.3g, want all four clips: %.3g", got, want)
	}
	if p.Ended() != 4 {
		t.Errorf("got %d ended, want 4", p.Ended())
	}
}

func sumOfSquares(pcm []int16) (sum float64) {
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return sum
}

func TestPlayerStopsAndIsTakenOverWithinTenMilliseconds(t *testing.T) {
	for _, to := range rates {
		long, other := clipOf(400, 48000, 3*time.Second), clipOf(700, 8000, 100*time.Millisecond)
		var p Player
		p.Queue(long, long)
		out := slices.Clone(p.Next(to))
		out = append(out, p.Next(to)...)
		p.Play(other)
		if p.Clip() != long {
			t.Errorf("to %d Hz: got %v, want the long one to fade", to, p.Clip())
		}
		faded := slices.Clone(p.Next(to))
		for i, s := range faded[to*13/1000:] { // 10 ms, and the resampler's delay and ringing
			if s > 3 || s < -3 {
				t.Fatalf("to %d Hz: sample %d after 13 ms: got %d, want silence", to, i, s)
			}
		}
		out = append(out, faded...)
		out = append(out, p.Next(to)...)
		if p.Clip() != other || p.Ended() != 1 {
			t.Errorf("to %d Hz: got %v with %d ended, want the other one", to, p.Clip(), p.Ended())
		}
		out = append(out, played(t, &p, to)[FrameSamples(to):]...)
		if step, limit := largestStep(out[FrameSamples(to):]), sineSlope(700, 10000, to)+10000/(to*playerEdgeMS/1000)+50; step > limit {
			t.Errorf("to %d Hz: largest step: got %d, want at most %d", to, step, limit)
		}
	}
}

func TestPlayerLoopGivesWayToWhatIsQueued(t *testing.T) {
	music, words := clipOf(400, 16000, time.Second), clipOf(800, 16000, 60*time.Millisecond)
	var p Player
	p.Loop(music)
	for range 3 {
		p.Next(16000)
	}
	p.Queue(words)
	p.Next(16000)
	p.Next(16000)
	if p.Clip() != words {
		t.Errorf("got %v, want what was queued", p.Clip())
	}
	p.Loop(music)
	p.Queue(words)
	for p.Playing() {
		if p.Clip() == music {
			t.Error("got the loop, want what was queued behind it")
		}
		p.Next(16000)
	}
}

func TestPlayerStoppedBeforeItBeganWasNeverHeard(t *testing.T) {
	var p Player
	c := clipOf(400, 8000, 20*time.Millisecond)
	p.Play(c)
	p.Stop()
	if p.Playing() || p.Ended() != 0 {
		t.Errorf("got playing %v and %d ended, want silence that never was sound", p.Playing(), p.Ended())
	}
	p.Queue(c, c)
	p.Next(48000) // exactly the first
	p.Stop()
	if got := played(t, &p, 48000); len(got) != 3*960 || p.Ended() != 1 {
		t.Errorf("got %d samples and %d ended, want one frame of the resampler's rest and 1", len(got), p.Ended())
	}
}

func TestPlayerGoesOnWhenTheRateChanges(t *testing.T) {
	var p Player
	p.Loop(clipOf(400, 16000, time.Second))
	for i := range 30 {
		to := rates[i%len(rates)]
		frame := p.Next(to)
		if len(frame) != FrameSamples(to) {
			t.Fatalf("frame %d at %d Hz: got %d samples, want %d", i, to, len(frame), FrameSamples(to))
		}
		if step, limit := largestStep(frame), sineSlope(400, 10000, to)*3/2+10000/(to*playerEdgeMS/1000)+50; step > limit {
			t.Errorf("frame %d at %d Hz: largest step: got %d, want at most %d", i, to, step, limit)
		}
	}
}

func TestClipOfARateThatNobodyHasPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got no panic, want one")
		}
	}()
	new(Player).Play(&Clip{RateHz: 44100, PCM: []int16{1}})
}

func TestPlayerDoesNotAllocate(t *testing.T) {
	var p Player
	a, b := clipOf(400, 16000, 50*time.Millisecond), clipOf(400, 8000, 50*time.Millisecond)
	if got := testing.AllocsPerRun(200, func() {
		if !p.Playing() {
			p.Queue(a, a, b)
		}
		p.Next(48000)
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
