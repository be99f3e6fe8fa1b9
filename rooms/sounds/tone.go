package sounds

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

const (
	tonePrefix     = "tone:"
	toneRateHz     = 16000
	toneLowestHz   = 20
	toneHighestHz  = 7000
	toneMost       = 4    // frequencies at once
	toneAmplitude  = 5827 // of all together: -15 dBFS
	toneEdgeMS     = 5    // in which a segment comes and goes
	toneMostLength = 8192 // bytes of text
)

// toneSegment is some frequencies for some time; none is silence.
type toneSegment struct {
	hz []float64
	ms int
}

// toneClip is a sequence of tones: SEGMENT{,SEGMENT}, a segment FREQUENCY{+FREQUENCY}/MS.
func toneClip(text string, longest time.Duration) (*mixer.Clip, error) {
	segments, err := parseTones(text, longest)
	if err != nil {
		return nil, err
	}
	clip := &mixer.Clip{RateHz: toneRateHz}
	for _, s := range segments {
		clip.PCM = append(clip.PCM, s.sound()...)
	}
	return clip, nil
}

func parseTones(text string, longest time.Duration) ([]toneSegment, error) {
	if len(text) > toneMostLength {
		return nil, fmt.Errorf("%w: tones of %d characters, want at most %d", ErrFormat, len(text), toneMostLength)
	}
	var segments []toneSegment
	total := time.Duration(0)
	for part := range strings.SplitSeq(text, ",") {
		frequencies, length, _ := strings.Cut(part, "/")
		ms, err := strconv.ParseUint(length, 10, 31)
		if err != nil || ms == 0 {
			return nil, fmt.Errorf("%w: %q of a tone: want HZ/MS, as 425/200", ErrFormat, part)
		}
		if total += time.Duration(ms) * time.Millisecond; total > longest {
			return nil, fmt.Errorf("%w: over %v", ErrTooLong, longest)
		}
		s := toneSegment{ms: int(ms)}
		if frequencies != "0" {
			if s.hz, err = parseFrequencies(frequencies); err != nil {
				return nil, err
			}
		}
		segments = append(segments, s)
	}
	return segments, nil
}

func parseFrequencies(text string) ([]float64, error) {
	var all []float64
	for one := range strings.SplitSeq(text, "+") {
		hz, err := strconv.ParseUint(one, 10, 31)
		if err != nil || hz < toneLowestHz || hz > toneHighestHz {
			return nil, fmt.Errorf("%w: frequency %q of a tone: want 0, or %d to %d", ErrFormat, one, toneLowestHz, toneHighestHz)
		}
		all = append(all, float64(hz))
	}
	if len(all) > toneMost {
		return nil, fmt.Errorf("%w: %d frequencies at once, want at most %d", ErrFormat, len(all), toneMost)
	}
	return all, nil
}

// sound is the segment's.
func (s toneSegment) sound() []int16 {
	pcm := make([]int16, s.ms*toneRateHz/1000)
	if len(s.hz) == 0 {
		return pcm
	}
	edge := min(toneEdgeMS*toneRateHz/1000, len(pcm)/2)
	for i := range pcm {
		sum := 0.
		for _, hz := range s.hz {
			sum += math.Sin(2 * math.Pi * hz * float64(i) / toneRateHz)
		}
		level := min(float64(i+1), float64(len(pcm)-i), float64(edge)) / float64(max(edge, 1))
		pcm[i] = int16(math.Round(toneAmplitude * level * sum / float64(len(s.hz))))
	}
	return pcm
}
