package phone

import (
	"slices"
	"sort"
	"time"

	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/mixer/codec"
)

// Recording is what a telephone heard, on the clock of the timestamps; what never came is silence.
type Recording struct {
	RateHz int
	PCM    []float64
	// Packets came, Lost is how many sequence numbers are missing, Bad how many could not be decoded.
	Packets, Lost, Bad int

	marks []mark
}

// mark says when one packet came.
type mark struct {
	sample  int // its first
	seconds float64
}

// Heard decodes what came with the telephone's codec, in the order of the sequence numbers. To be called when the
// lab is closed.
func (p *Phone) Heard() (*Recording, error) {
	f := p.profile.Format
	decoder, err := codec.NewDecoder(f)
	if err != nil {
		return nil, err
	}
	r := &Recording{RateHz: f.SampleRateHz}
	packets := p.packets(payloadType(f))
	for i, in := range packets {
		if i > 0 {
			r.Lost += int(in.SequenceNumber-packets[i-1].SequenceNumber) - 1
		}
		start := int(int32(in.Timestamp-packets[0].Timestamp)) * f.SampleRateHz / f.ClockRateHz
		if start < 0 || start > len(r.PCM)+60*f.SampleRateHz {
			r.Bad++
			continue
		}
		if start > len(r.PCM) {
			r.PCM = append(r.PCM, make([]float64, start-len(r.PCM))...)
		}
		pcm, err := decode(decoder, r.PCM[:start], in.Payload)
		if err != nil {
			r.Bad++
			continue
		}
		r.PCM = pcm
		r.Packets++
		r.marks = append(r.marks, mark{start, p.lab.seconds(in.arrival)})
	}
	return r, nil
}

// received is an RTP packet and its time.
type received struct {
	rtp.Packet
	arrival int64
}

// packets are those of a payload type, each once, in the order of their sequence numbers.
func (p *Phone) packets(kind uint8) []received {
	var out []received
	for _, h := range p.heard {
		in := received{arrival: h.Arrival}
		if in.Unmarshal(h.Data) == nil && in.Version == 2 && in.PayloadType == kind {
			out = append(out, in)
		}
	}
	slices.SortStableFunc(out, func(a, b received) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
	return slices.CompactFunc(out, func(a, b received) bool { return a.SequenceNumber == b.SequenceNumber })
}

// HeardAt says when sample i of the recording, at rateHz, came: the arrival of the packet that carries it, and how far behind
// that packet's first sample it is.
func (r *Recording) HeardAt(rateHz int) func(i int) float64 {
	return func(i int) float64 {
		if len(r.marks) == 0 {
			return 0
		}
		at := float64(i) / float64(rateHz)
		sample := int(at*float64(r.RateHz) + 1e-6)
		k := sort.Search(len(r.marks), func(k int) bool { return r.marks[k].sample > sample })
		m := r.marks[max(k-1, 0)]
		return m.seconds + at - float64(m.sample)/float64(r.RateHz)
	}
}

// Received are all RTP packets of the telephone's codec as they came, each once, in the order of their sequence numbers. To be called
// when the lab is closed.
func (p *Phone) Received() []Packet {
	var out []Packet
	for _, in := range p.packets(payloadType(p.profile.Format)) {
		data, err := in.Marshal()
		if err == nil { // what was parsed can be written
			out = append(out, Packet{in.arrival, data})
		}
	}
	return out
}

// Time is when the packet came.
func (p Packet) Time() time.Time { return time.Unix(0, p.Arrival) }
