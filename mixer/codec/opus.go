package codec

import (
	"fmt"

	"github.com/hraban/opus"
)

// opusDecoder decodes to mono at one of libopus's own rates; libopus resamples and mixes stereo down.
type opusDecoder struct {
	rateHz int
	state  *opus.Decoder
	spare  []int16 // 2.5 ms, the least that libopus conceals

	lost int // samples concealed since the last packet
}

// After a loss that has begun to fade, sound comes back over so many milliseconds.
const opusFadeInMS = 5

func newOpusDecoder(rateHz int) (*opusDecoder, error) {
	state, err := opus.NewDecoder(rateHz, 1)
	if err != nil {
		return nil, fmt.Errorf("opus decoder at %d Hz: %w", rateHz, err)
	}
	return &opusDecoder{rateHz: rateHz, state: state, spare: make([]int16, rateHz/400)}, nil
}

func (d *opusDecoder) Samples(payload []byte) (int, error) {
	n, err := opusSamples(payload)
	if err != nil {
		return 0, err
	}
	return n / (48000 / d.rateHz), nil
}

func (d *opusDecoder) Decode(dst []int16, payload []byte) (int, error) {
	n, err := d.Samples(payload)
	if err != nil {
		return 0, err
	}
	if len(dst) < n {
		return 0, ErrBuffer
	}
	// The binding writes up to the slice's capacity, so that is cut to what is the packet's.
	dst = dst[:n:n]
	if got, err := d.state.Decode(payload, dst); err != nil || got != n {
		return 0, errOpusBroken
	}
	d.fadeIn(dst)
	return n, nil
}

// Carries implements [Recoverer].
func (d *opusDecoder) Carries(packet []byte) bool { return opusCarriesFEC(packet) }

// Recover implements [Recoverer].
func (d *opusDecoder) Recover(dst []int16, next []byte) bool {
	if len(dst) == 0 || len(dst)%len(d.spare) != 0 || !opusCarriesFEC(next) {
		return false
	}
	if n, err := opusSamples(next); err != nil || len(dst) < n/(48000/d.rateHz) {
		return false // libopus would conceal where the copy is longer than dst
	}
	if d.state.DecodeFEC(next, dst[:len(dst):len(dst)]) != nil {
		return false
	}
	d.fadeIn(dst)
	return true
}

// Conceal leaves the sound to libopus and the fade to silence to itself: libopus goes on for longer than 60 ms.
func (d *opusDecoder) Conceal(dst []int16) {
	ms := d.rateHz / 1000
	if d.lost >= concealSilentMS*ms {
		clear(dst)
		return
	}
	whole := len(dst) / len(d.spare) * len(d.spare)
	if whole > 0 && d.state.DecodePLC(dst[:whole:whole]) != nil {
		clear(dst)
	}
	if rest := dst[whole:]; len(rest) > 0 {
		if d.state.DecodePLC(d.spare) != nil {
			clear(d.spare)
		}
		copy(rest, d.spare)
	}
	for i := range dst {
		if level := d.level(); level < 1 {
			dst[i] = roundToInt16(float32(dst[i]) * level)
		}
		d.lost++
	}
}

// level is the fade of [concealer.level]: 1 for 10 ms of loss, 0 from 60 ms on.
func (d *opusDecoder) level() float32 {
	ms := d.rateHz / 1000
	over := d.lost - concealFullMS*ms
	if over <= 0 {
		return 1
	}
	return max(0, 1-float32(over)/float32((concealSilentMS-concealFullMS)*ms))
}

// fadeIn brings sound back from the level that the loss had faded to.
func (d *opusDecoder) fadeIn(pcm []int16) {
	if d.lost == 0 {
		return
	}
	from := d.level()
	length := opusFadeInMS * d.rateHz / 1000
	if from < 1 {
		for i := range pcm[:min(length, len(pcm))] {
			pcm[i] = roundToInt16(float32(pcm[i]) * (from + (1-from)*float32(i+1)/float32(length)))
		}
	}
	d.lost = 0
}
