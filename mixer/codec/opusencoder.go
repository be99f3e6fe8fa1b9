package codec

import (
	"errors"
	"fmt"
	"time"
)

// opusEncoder encodes mono speech, able to be repaired after a loss where the receiver has use for that.
//
// libopus knows no packets of 30 ms: those are three frames of 10 ms, put together here (RFC 6716 §3.2.5).
type opusEncoder struct {
	rateHz  int
	samples int // of a packet
	frame   int // samples that libopus takes: a packet, or a third of one
	dtx     bool
	state   *libopusEncoder
	frames  opusFrames // of a packet of three
	bitrate opusRate
	usual   int // complexity
}

// opusRate is what an encoder's bitrate depends on besides its effort.
type opusRate struct {
	usualBps int
	mostBps  int  // of its receiver; 0: any
	copies   bool // there are none below the usual
	short    bool
}

// at is the bitrate of an effort.
func (r opusRate) at(e Effort) int {
	bps := r.usualBps
	if e.BitrateBps != 0 {
		bps = e.BitrateBps
		if r.short {
			bps += opusShortBps
		}
		if r.copies {
			bps = max(bps, r.usualBps)
		}
	}
	if r.mostBps != 0 {
		bps = min(bps, r.mostBps)
	}
	return bps
}

const (
	opusExpectedLossPct = 5
	opusShortBps        = 16000 // that frames of 10 ms need more for their headers
)

var (
	errOpusFrameLength = errors.New("codec: Opus: the encoder takes the samples of one packet")
	errOpusEncode      = errors.New("codec: Opus: libopus cannot encode")
)

// opusBitrate is in bit/s: what it takes that levels stay within some half a decibel and libopus puts copies in (decision 0017),
// above the sweet spots of RFC 7587 §3.1.1 and below what G.711 has.
func opusBitrate(rateHz int, shortFrames bool) int {
	bitrate := 48000
	switch rateHz {
	case 8000:
		bitrate = 28000
	case 16000:
		bitrate = 36000
	}
	if shortFrames {
		bitrate += opusShortBps
	}
	return bitrate
}

// opusLeastPlain is the bitrate below which SILK is understood better, copies or not.
func opusLeastPlain(rateHz int) int {
	if rateHz == 8000 {
		return 16000
	}
	return 24000
}

// newOpusEncoder makes an encoder by one of two ways. Where packets may be lost, or nothing is to be sent in silence, SILK must
// have a part in it, for only SILK makes copies and knows silence; from 4 to 8 kHz that is 2 to 3 dB quieter than it should be.
// Elsewhere CELT does it alone: flat, 4 ms sooner, at a quarter of the work.
func newOpusEncoder(p Profile) (*opusEncoder, error) {
	e := &opusEncoder{rateHz: p.SampleRateHz, samples: p.PacketSamples(), dtx: p.Opus.DTX, usual: DefaultComplexity}
	if p.Opus.Thrifty {
		e.usual = 0
	}
	e.frame = e.samples
	if p.PacketTime() == 30*time.Millisecond {
		e.frame = e.samples / len(e.frames)
	}
	short := e.frame*100 == p.SampleRateHz
	e.bitrate = opusRate{usualBps: opusBitrate(p.SampleRateHz, short), mostBps: p.Opus.MaxBitrateBps, short: short}
	plain := p.Opus.PlaybackHz != OpusMediumbandHz && // which CELT has not (RFC 6716 §2)
		(p.Opus.Clean || p.Opus.NoFEC) && !p.Opus.DTX && e.bitrate.at(Effort{}) >= opusLeastPlain(p.SampleRateHz)
	e.bitrate.copies = !plain && !p.Opus.NoFEC
	setup := libopusSetup{rateHz: p.SampleRateHz, plain: plain, bandwidth: opusBandwidth(p.Opus.PlaybackHz), copies: e.bitrate.copies, dtx: p.Opus.DTX, cbr: p.Opus.CBR}
	if setup.copies {
		setup.lossPct = opusExpectedLossPct
	}
	state, err := newLibopusEncoder(setup)
	if err != nil {
		return nil, fmt.Errorf("opus encoder at %d Hz: %w", p.SampleRateHz, err)
	}
	e.state = state
	if err := e.SetEffort(Effort{}); err != nil {
		return nil, fmt.Errorf("opus encoder at %d Hz: %w", p.SampleRateHz, err)
	}
	return e, nil
}

// SetEffort implements [Tunable].
func (e *opusEncoder) SetEffort(to Effort) error {
	if err := to.Valid(); err != nil {
		return err
	}
	return e.state.setEffort(to.ComplexityOr(e.usual), e.bitrate.at(to))
}

// Continue implements [Continuer].
func (e *opusEncoder) Continue(from Encoder) bool {
	o, ok := from.(*opusEncoder)
	if !ok {
		return false
	}
	e.state.copyFrom(o.state)
	return true
}

// Begin implements [Beginner].
func (e *opusEncoder) Begin(dst []byte, pcm []int16) (int, error) {
	if len(pcm) > e.samples || !e.whole(len(pcm)) {
		return 0, errOpusFrameLength
	}
	if dst = dst[:min(len(dst), MaxPayloadBytes)]; len(dst) == 0 {
		return 0, ErrBuffer
	}
	return opusPacket(e.state.encodeAlone(dst, pcm))
}

func (e *opusEncoder) Encode(dst []byte, pcm []int16) (int, error) {
	switch {
	case len(pcm) == e.samples && e.frame != e.samples:
		return e.encodeThree(dst, pcm)
	case len(pcm) > e.samples || !e.whole(len(pcm)):
		return 0, errOpusFrameLength
	}
	n, err := e.encode(dst[:min(len(dst), MaxPayloadBytes)], pcm)
	if err != nil || e.dtx && n <= opusPause {
		return 0, err
	}
	return n, nil
}

// whole says whether libopus makes one frame of samples.
func (e *opusEncoder) whole(samples int) bool {
	tenth := e.rateHz / 100
	return samples == tenth || samples == 2*tenth || samples == 4*tenth || samples == 6*tenth
}

// encode has libopus make one packet.
func (e *opusEncoder) encode(dst []byte, pcm []int16) (int, error) {
	if len(dst) == 0 {
		return 0, ErrBuffer
	}
	return opusPacket(e.state.encode(dst, pcm))
}

// opusPacket is the length of a packet of libopus's, or one of our errors.
func opusPacket(n int, err error) (int, error) {
	switch {
	case errors.Is(err, errLibopusShort):
		return 0, ErrBuffer
	case err != nil:
		return 0, errOpusEncode
	}
	return n, nil
}

// encodeThree makes one packet of three frames.
func (e *opusEncoder) encodeThree(dst []byte, pcm []int16) (int, error) {
	size := min((len(dst)-opusThreeHeader)/len(e.frames), opusThirdBytes)
	if size < 1 {
		return 0, ErrBuffer
	}
	spoken := false
	for i := range e.frames {
		f := &e.frames[i]
		n, err := e.encode(f.memory[:size], pcm[i*e.frame:(i+1)*e.frame])
		if err != nil {
			return 0, err
		}
		f.length = n
		spoken = spoken || n > opusPause
	}
	if e.dtx && !spoken {
		return 0, nil
	}
	return e.frames.join(dst), nil
}
