package gen

import (
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

// Leg is one telephone. Sound and Last may be set before Connect; all else may be read after Stop.
type Leg struct {
	// Sound is PCMU to say over and over, a multiple of a packet; nil means silence, and chirps if the plan has some.
	Sound []byte
	// Last is what it says in place of Sound once the plan's chirps are over; nil means Sound.
	Last []byte
	// Heard is everything that came within the plan, if this leg keeps it.
	Heard []Packet
	// Tone is what was heard in the plan's tone window: PCMU, missing packets as silence.
	Tone []byte
	// Sent and Unsent count packets, Unsent those that the kernel did not take.
	Sent, Unsent int

	socket    wire.Socket
	slot      int
	ssrc      uint32
	connected atomic.Bool
	dialling  atomic.Pointer[dialling]
	marked    bool
	memory    []byte

	heard     bool
	firstAt   int64
	firstTS   uint32
	firstSeq  uint16
	lastSeq   int64 // extended
	repeated  int
	drift     []float32 // of each packet: ms by which it came later than its timestamp says, from the first
	toneTS    uint32
	toneBegun bool
}

// Port is where the leg listens.
func (l *Leg) Port() uint16 { return l.socket.Port() }

// header writes the RTP header of packet n (RFC 3550 §5.1).
func (l *Leg) header(out []byte, n int64) {
	out[0], out[1] = 2<<6, 0
	if !l.marked {
		out[1], l.marked = 1<<7, true
	}
	binary.BigEndian.PutUint16(out[2:], uint16(n))
	binary.BigEndian.PutUint32(out[4:], uint32(n*PacketSamples))
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

// take notes one RTP packet of PCMU.
func (l *Leg) take(data []byte, at int64, plan *Plan) {
	start := payloadStart(data)
	if start == 0 || data[1]&0x7f != 0 {
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
		l.drift = append(l.drift, float32(float64(at-l.firstAt)/1e6-float64(int32(ts-l.firstTS))/8))
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

func (l *Leg) keepTone(ts uint32, payload []byte, plan *Plan) {
	if !l.toneBegun {
		l.toneBegun, l.toneTS = true, ts
		l.Tone = slices.Repeat([]byte{silence}, int((plan.ToneTo-plan.ToneFrom)/int64(PacketTime))*PacketSamples)
	}
	if at := int64(int32(ts - l.toneTS)); at >= 0 && at < int64(len(l.Tone)) {
		copy(l.Tone[at:], payload)
	}
}

// Quality is how well a leg was served.
type Quality struct {
	Received, Lost, Late int
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
