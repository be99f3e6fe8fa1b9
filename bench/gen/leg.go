package gen

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/confbridge/confbridge/bench/wire"
)

// Packet is one that was heard.
type Packet struct {
	Arrival   int64  // Unix nanoseconds
	Timestamp uint32 // RTP
	Payload   []byte
}

// Coding is how a telephone's sound goes over the wire.
type Coding struct {
	Kind  byte // RTP payload type, both ways
	Units int  // of the RTP clock that a packet lasts
	// Silence is what is sent where there is nothing to say, one payload a packet, over and over; Chirp is what a chirp
	// is, with the packets in which it dies away.
	Silence, Chirp [][]byte
}

// PCMU is that of a telephone which nothing else was said of. It has no chirp.
func PCMU() Coding {
	const zero = 0xff // RFC 3551 §4.5.14
	return Coding{Units: PacketSamples, Silence: [][]byte{bytes.Repeat([]byte{zero}, PacketSamples)}}
}

// Leg is one telephone. Coding, Sound and Last may be set before Connect; all else may be read after Stop.
type Leg struct {
	Coding
	// Sound is payloads to say over and over; nil means silence, and chirps if the plan has some.
	Sound [][]byte
	// Last is what it says in place of Sound once the plan's chirps are over; nil means Sound.
	Last [][]byte
	// Heard is everything that came within the plan, if this leg keeps it.
	Heard []Packet
	// Tone is the payloads heard in the plan's tone window, in the order of their timestamps; nil where one is missing.
	Tone [][]byte
	// Sent and Unsent count packets, Unsent those that the kernel did not take.
	Sent, Unsent int

	socket    wire.Socket
	slot      int
	ssrc      uint32
	connected atomic.Bool
	dialling  atomic.Pointer[dialling]
	marked    bool
	chirped   int // packets of a chirp that were sent; 0 where none is under way
	memory    []byte

	heard     bool
	firstAt   int64
	firstTS   uint32
	firstSeq  uint16
	lastSeq   int64 // extended
	repeated  int
	drift     []float32 // of each packet: ms by which it came later than its timestamp says, from the first
	toneTS    uint32
	toneBytes []byte
}

// Port is where the leg listens.
func (l *Leg) Port() uint16 { return l.socket.Port() }

// header writes the RTP header of packet n (RFC 3550 §5.1).
func (l *Leg) header(out []byte, n int64) {
	out[0], out[1] = 2<<6, l.Kind
	if !l.marked {
		out[1], l.marked = l.Kind|1<<7, true
	}
	binary.BigEndian.PutUint16(out[2:], uint16(n))
	binary.BigEndian.PutUint32(out[4:], uint32(n*int64(l.Units)))
	binary.BigEndian.PutUint32(out[8:], l.ssrc)
}

// count counts a packet that was sent, or was not.
func (l *Leg) count(sent bool) {
	l.Sent++
	if !sent {
		l.Unsent++
	}
}

// receive takes in everything that has come.
func (l *Leg) receive(in *wire.Inbox, plan *Plan) {
	for {
		n := in.Receive(l.socket)
		for i := range n {
			data, at := in.Datagram(i)
			if d := l.dialling.Load(); d != nil {
				d.hear(data, at)
			}
			if plan != nil && at >= plan.From && at < plan.To {
				l.take(data, at, plan)
			}
		}
		if n < wire.Batch {
			return
		}
	}
}

// take notes one RTP packet of the leg's coding.
func (l *Leg) take(data []byte, at int64, plan *Plan) {
	start := payloadStart(data)
	if start == 0 || data[1]&0x7f != l.Kind {
		return // something else: RTCP, or another payload
	}
	seq, ts := binary.BigEndian.Uint16(data[2:]), binary.BigEndian.Uint32(data[4:])
	if !l.heard {
		l.heard, l.firstAt, l.firstTS, l.firstSeq, l.lastSeq = true, at, ts, seq, int64(seq)-1
	}
	if step := int64(int16(seq - uint16(l.lastSeq))); step > 0 {
		l.lastSeq += step
	} else {
		l.repeated++ // or reordered, which loopback does not do
	}
	if len(l.drift) < cap(l.drift) {
		l.drift = append(l.drift, float32(float64(at-l.firstAt)/1e6-float64(int32(ts-l.firstTS))*l.unitMs()))
	}
	payload := data[start:]
	if l.Heard != nil && len(l.Heard) < cap(l.Heard) && len(l.memory)+len(payload) <= cap(l.memory) {
		from := len(l.memory)
		l.memory = append(l.memory, payload...)
		l.Heard = append(l.Heard, Packet{at, ts, l.memory[from:len(l.memory):len(l.memory)]})
	}
	if at >= plan.ToneFrom && at < plan.ToneTo {
		l.keepTone(ts, payload, plan)
	}
}

// payloadStart is where the payload begins, behind CSRC list and extension (RFC 3550 §5.1, §5.3.1); 0 where there is none.
func payloadStart(data []byte) int {
	const extension = 1 << 4
	if len(data) < headerSize || data[0]&^(extension|0x0f) != 2<<6 {
		return 0 // padding too: this bridge does not send it
	}
	start := headerSize + 4*int(data[0]&0x0f)
	if data[0]&extension != 0 {
		if len(data) < start+4 {
			return 0
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(data[start+2:]))
	}
	if len(data) <= start {
		return 0
	}
	return start
}

// unitMs is how many milliseconds a unit of the RTP clock is.
func (l *Leg) unitMs() float64 { return PacketTime.Seconds() * 1000 / float64(l.Units) }

func (l *Leg) keepTone(ts uint32, payload []byte, plan *Plan) {
	if l.Tone == nil {
		packets := int((plan.ToneTo - plan.ToneFrom) / int64(PacketTime))
		l.Tone, l.toneTS, l.toneBytes = make([][]byte, packets), ts, make([]byte, 0, packets*keptBytes)
	}
	at := int(int32(ts-l.toneTS)) / l.Units
	if at < 0 || at >= len(l.Tone) || len(l.toneBytes)+len(payload) > cap(l.toneBytes) {
		return
	}
	from := len(l.toneBytes)
	l.toneBytes = append(l.toneBytes, payload...)
	l.Tone[at] = l.toneBytes[from:len(l.toneBytes):len(l.toneBytes)]
}

// Quality is how well a leg was served.
type Quality struct {
	Received, Lost, Late int
}

// LateMs appends to all how much later than its turn each of the leg's packets came, in ms; what came before it is 0.
func (l *Leg) LateMs(all []float32) []float32 {
	if len(l.drift) == 0 {
		return all
	}
	sorted := slices.Sorted(slices.Values(l.drift))
	median := sorted[len(sorted)/2]
	for _, d := range l.drift {
		all = append(all, max(d-median, 0))
	}
	return all
}

// Quality counts the packets of the plan's time. Late is one that came more than 20 ms after its turn: its arrival
// less its timestamp, against the median of that of the leg's packets. want is how many packets there should be: a
// leg that falls silent has lost the rest.
func (l *Leg) Quality(want int) Quality {
	q := Quality{Received: len(l.drift) - l.repeated}
	if !l.heard {
		q.Lost = want
		return q
	}
	span := int(l.lastSeq-int64(l.firstSeq)) + 1
	q.Lost = max(span-q.Received, want-2-q.Received, 0) // one packet at each end may fall outside
	sorted := slices.Sorted(slices.Values(l.drift))
	median := sorted[len(sorted)/2]
	for _, d := range l.drift {
		if d-median > 20 {
			q.Late++
		}
	}
	return q
}
