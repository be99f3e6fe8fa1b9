package test

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/sipua/phone"
)

// voice is one of the speakers.
type voice struct {
	file string
	pcm  []int16 // at 8000 Hz
}

// voices are three people who say different things at once.
var voices = sync.OnceValues(func() ([]voice, error) {
	var all []voice
	for i, s := range [][]string{
		{"-v", "en+m1", "-p", "30", "Bob here. I can hear you well. Please send me the numbers for October before the meeting ends."},
		{"-v", "en+f3", "-p", "70", "Good morning, this is Ann. The north gate is open, and the train from Hamburg is on time today."},
		{"-v", "en+m7", "-p", "50", "Hello everybody, Cyd speaking. Seventeen crates have arrived, and nine of them are broken."},
	} {
		v := voice{file: filepath.Join(workDir, fmt.Sprintf("voice%d.wav", i))}
		if out, err := exec.Command("espeak-ng", append([]string{"-w", v.file}, s...)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("espeak-ng: %w: %s", err, out)
		}
		var err error
		if v.pcm, err = phone.LoadWAV(v.file, 8000); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
})

func speakers(t *testing.T) []voice {
	t.Helper()
	have(t, "espeak-ng")
	all, err := voices()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// likeness says how much of a voice is in a recording, 0 to 1, both at 8000 Hz: the median over its seconds of how well
// each is found, at whatever time.
func likeness(v voice, heard []int16) float64 {
	const second = 8000
	var peaks []float64
	for from := 0; from+second <= len(v.pcm); from += second {
		if part := v.pcm[from : from+second]; measure.RMSDBFS(part) >= -40 {
			peak, _ := measure.Correlation(part, heard, len(heard))
			peaks = append(peaks, math.Abs(peak))
		}
	}
	return median(peaks)
}

// likenessMoved is likeness for a recording in which time has been stretched and cut, as a listener does whose machine is busy:
// of each second the half counts that is found better.
func likenessMoved(v voice, heard []int16) float64 {
	const half = 4000
	var peaks []float64
	for from := 0; from+2*half <= len(v.pcm); from += 2 * half {
		best := 0.0
		for _, part := range [][]int16{v.pcm[from : from+half], v.pcm[from+half : from+2*half]} {
			if measure.RMSDBFS(part) >= -40 {
				peak, _ := measure.Correlation(part, heard, len(heard))
				best = max(best, math.Abs(peak))
			}
		}
		if best > 0 {
			peaks = append(peaks, best)
		}
	}
	return median(peaks)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// Speech that is there is well above heardFrom even between others; speech that is not finds no more than unheardTo
// among other speech.
const (
	heardFrom = 0.30
	unheardTo = 0.22
)

// checkHeard wants each voice but the own one in a recording.
func checkHeard(t *testing.T, who string, heard []int16, own int, others ...int) {
	t.Helper()
	all := speakers(t)
	for _, i := range others {
		got := likenessMoved(all[i], heard)
		t.Logf("%s: likeness to voice %d: %.2f", who, i, got)
		if !(got >= heardFrom) {
			t.Errorf("%s does not hear voice %d: likeness %.2f, want %.2f or more", who, i, got, heardFrom)
		}
	}
	got := likeness(all[own], heard)
	t.Logf("%s: likeness to the own voice: %.2f", who, got)
	if !(got <= unheardTo) {
		t.Errorf("%s hears the own voice: likeness %.2f, want %.2f or less", who, got, unheardTo)
	}
}

// tone is a sine of 8000 Hz sampling rate.
func tone(hz, amplitude float64, seconds int) []int16 {
	pcm := make([]int16, 8000*seconds)
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(i)/8000)))
	}
	return pcm
}

// toneLevel is the level of a tone in dBFS: the median over windows, so that one slip of a loaded machine is none of the
// sound's. The longer the window (in samples), the less of G.711's noise is taken for the tone.
func toneLevel(pcm []int16, hz float64, window int) float64 {
	var levels []float64
	for from := 0; from+window <= len(pcm); from += window {
		levels = append(levels, measure.ToneDBFS(pcm[from:from+window], 8000, hz))
	}
	return median(levels)
}
