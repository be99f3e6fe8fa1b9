package rooms

import (
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

// maxPayload is the longest payload that is sent for one frame, in bytes.
const maxPayload = codec.MaxPayloadBytes

// ownEncodeTicks is how long a member keeps an encode of its own after it was last heard (5 s): changing over between
// two encoders of a codec with memory is audible, so it is not done in the pauses of speech.
const ownEncodeTicks = 250

// outlet turns a mix at the room's rate into payloads of one format.
//
//	mix (room's rate) -> resample -> encode -> payload
type outlet struct {
	format    codec.Format
	encoder   codec.Encoder
	resampler mixer.Resampler
	pcm       []int16 // 20 ms at format.SampleRateHz
}

func newOutlet(f codec.Format) (outlet, error) {
	enc, err := codec.NewEncoder(f)
	return outlet{format: f, encoder: enc, pcm: make([]int16, mixer.FrameSamples(f.SampleRateHz))}, err
}

// encode writes mix's payload to dst and returns it. An empty payload means that the encoder failed or had nothing to
// send.
func (o *outlet) encode(dst []byte, mix []int16) []byte {
	o.resampler.Process(o.pcm, mix)
	n, err := o.encoder.Encode(dst, o.pcm)
	if err != nil {
		return nil
	}
	return dst[:n]
}

// downlink is the way of the sound from the mix to one leg.
type downlink struct {
	own      outlet // for what only this member hears: everybody but itself
	limiter  mixer.Limiter
	ownTicks int    // how long it still has an encode of its own; 0: it hears what its group hears
	group    *group // of those who hear the same in the same format
}

// group is all members that hear the same in the same format. They share one encode a tick.
type group struct {
	key     groupKey
	out     outlet
	payload []byte // of this tick, once it is encoded
	encoded bool
	members int
}

type groupKey struct {
	format codec.Format
	deaf   bool // hears silence
}

// leaveGroup goes over to an encode of its own, which goes on where the group's is.
func (d *downlink) leaveGroup(mix *mixdown) {
	d.limiter = mix.limiter
	d.own.resampler = d.group.out.resampler
}
