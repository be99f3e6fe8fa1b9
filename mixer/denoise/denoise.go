// Package denoise takes steady noise out of speech: libspeexdsp's preprocessor, a spectral suppressor with a noise floor that
// it tracks by itself. It is pure, as package mixer is.
package denoise

/*
#cgo pkg-config: speexdsp
#include <speex/speex_preprocess.h>

static SpeexPreprocessState *denoise_new(int samples, int rate, int suppress) {
	int on = 1;
	SpeexPreprocessState *st = speex_preprocess_state_init(samples, rate);
	if (st) {
		speex_preprocess_ctl(st, SPEEX_PREPROCESS_SET_DENOISE, &on);
		speex_preprocess_ctl(st, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &suppress);
	}
	return st;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// ErrRate is what New returns for a rate that it does not take.
var ErrRate = errors.New("no noise suppression at this rate")

// suppressDB is how far noise is brought down at the most. More is possible, and makes what is left of it sing.
const suppressDB = -15

// framesPerSecond is how many frames Process takes of a second.
const framesPerSecond = 50

// Suppressor takes the noise out of one leg's sound. One goroutine owns it.
type Suppressor struct {
	state   *C.SpeexPreprocessState
	samples int
}

// New makes a suppressor for frames of 20 ms at rateHz, 8000 to 48000 (ErrRate). It must be closed.
func New(rateHz int) (*Suppressor, error) {
	if rateHz < 8000 || rateHz > 48000 || rateHz%framesPerSecond != 0 {
		return nil, fmt.Errorf("%d Hz: %w", rateHz, ErrRate)
	}
	samples := rateHz / framesPerSecond
	state := C.denoise_new(C.int(samples), C.int(rateHz), suppressDB)
	if state == nil {
		return nil, fmt.Errorf("speexdsp has no memory for %d samples at %d Hz", samples, rateHz)
	}
	return &Suppressor{state: state, samples: samples}, nil
}

// Process takes the noise out of one frame in place. A frame of another length, and any after Close, stays as it is.
func (s *Suppressor) Process(frame []int16) {
	if s.state == nil || len(frame) != s.samples {
		return
	}
	C.speex_preprocess_run(s.state, (*C.spx_int16_t)(unsafe.Pointer(unsafe.SliceData(frame))))
}

// Close gives the memory back. More calls do nothing.
func (s *Suppressor) Close() {
	if s.state != nil {
		C.speex_preprocess_state_destroy(s.state)
		s.state = nil
	}
}
