package codec

import (
	"errors"
	"fmt"
	"time"

	"github.com/hraban/opus"
)

// opusEncoder encodes mono speech, able to be repaired after a loss where the receiver has use for that.
//
// libopus knows no packets of 30 ms: those are three frames of 10 ms, put together here (RFC 6716 §3.2.5).
type opusEncoder struct {
	rateHz  int
	samples int // of a packet
	frame   int // samples that libopus takes: a packet, or a third of one
	dtx     bool
	state   *opus.Encoder
	frames  opusFrames // of a packet of three
}

const (
	opusComplexity      = 5 // 210 µs a frame at 48 kHz; 10 costs 370 and is hard to tell from it
	opusExpectedLossPct = 5
)

var (
	errOpusFrameLength = errors.New("codec: Opus: the encoder takes the samples of one packet")
	errOpusEncode      = errors.New("codec: Opus: libopus cannot encode")
)

// opusBitrate is in bit/s: what it takes that levels stay within some half a decibel and libopus puts copies in (decision 0017),
// above the sweet spots of RFC 7587 §3.1.1 and below what G.711 has. Frames of 10 ms need more for their headers.
func opusBitrate(rateHz int, shortFrames bool) int {
	bitrate := 48000
	switch rateHz {
	case 8000:
		bitrate = 28000
	case 16000:
		bitrate = 36000
	}
	if shortFrames {
		bitrate += 16000
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

// opusBandwidth is the most that is encoded for a receiver that plays that rate; the sampling rate bounds it in any case.
func opusBandwidth(playbackHz int) opus.Bandwidth {
	switch playbackHz {
	case OpusMediumbandHz:
		return opus.Mediumband
	case OpusSuperWidebandHz:
		return opus.SuperWideband
	}
	return opus.Fullband
}

// newOpusEncoder makes an encoder by one of two ways. Where packets may be lost, or nothing is to be sent in silence, SILK must
// have a part in it, for only SILK makes copies and knows silence; from 4 to 8 kHz that is 2 to 3 dB quieter than it should be.
// Elsewhere CELT does it alone: flat, 4 ms sooner, at a quarter of the work.
func newOpusEncoder(p Profile) (*opusEncoder, error) {
	e := &opusEncoder{rateHz: p.SampleRateHz, samples: p.PacketSamples(), dtx: p.Opus.DTX}
	e.frame = e.samples
	if p.PacketTime() == 30*time.Millisecond {
		e.frame = e.samples / len(e.frames)
	}
	bitrate := opusBitrate(p.SampleRateHz, e.frame*100 == p.SampleRateHz)
	if most := p.Opus.MaxBitrateBps; most != 0 {
		bitrate = min(bitrate, most)
	}
	app := opus.AppVoIP
	plain := p.Opus.PlaybackHz != OpusMediumbandHz // which CELT has not (RFC 6716 §2)
	if plain && (p.Opus.Clean || p.Opus.NoFEC) && !p.Opus.DTX && bitrate >= opusLeastPlain(p.SampleRateHz) {
		app = opus.AppRestrictedLowdelay
	}
	copies := app == opus.AppVoIP && !p.Opus.NoFEC
	state, err := opus.NewEncoder(p.SampleRateHz, 1, app)
	if err == nil {
		err = errors.Join(
			state.SetBitrate(bitrate),
			state.SetComplexity(opusComplexity),
			state.SetInBandFEC(copies),
			state.SetDTX(p.Opus.DTX),
			state.SetVBR(!p.Opus.CBR),
			state.SetMaxBandwidth(opusBandwidth(p.Opus.PlaybackHz)),
		)
		if copies {
			err = errors.Join(err, state.SetPacketLossPerc(opusExpectedLossPct))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opus encoder at %d Hz: %w", p.SampleRateHz, err)
	}
	e.state = state
	return e, nil
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
	// The binding writes up to the slice's capacity.
	n, err := e.state.Encode(pcm, dst[:len(dst):len(dst)])
	switch {
	case errors.Is(err, opus.ErrBufferTooSmall):
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
