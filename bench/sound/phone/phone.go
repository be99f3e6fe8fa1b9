package phone

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/bench/sound/network"
	"github.com/confbridge/confbridge/bench/uac"
	"github.com/confbridge/confbridge/bench/wire"
	"github.com/confbridge/confbridge/mixer/codec"
)

const (
	eventType   = 101 // payload type of telephone-event
	headerBytes = 12
)

// Phone is one telephone in one call.
type Phone struct {
	lab     *Lab
	call    *uac.Call
	socket  wire.Socket
	session uint32 // of o= in SDP

	// The control's: what the next packet of what is played is like.
	profile   codec.Profile
	ssrc      uint32
	sequence  uint16
	timestamp uint32
	talked    bool

	// The thread's; to be read when the lab is closed.
	queue  []sending
	heard  []Packet
	unsent int // packets that the kernel did not take

	last atomic.Int64 // when the last packet came, Unix nanoseconds
}

// sending is one datagram that is to be sent.
type sending struct {
	at    time.Time
	data  []byte
	track *Track // which packet of which it is; nil for keys
	index int
	delay time.Duration
}

// Packet is one that came.
type Packet struct {
	Arrival int64 // Unix nanoseconds, by the kernel
	Data    []byte
}

// Call places a call to a room and returns when it is answered. name is what others see.
func (l *Lab) Call(ctx context.Context, room, name string, p codec.Profile) (*Phone, error) {
	f := &Phone{lab: l, profile: p, ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), timestamp: rand.Uint32(), session: rand.Uint32()}
	if err := l.add(f); err != nil {
		return nil, err
	}
	call, err := l.agent.Place(ctx, room, name, f.offer(1))
	if err != nil {
		return nil, err
	}
	f.call = call
	return f, f.socket.Connect(call.Media)
}

// Change goes over to another codec or packet time by a re-INVITE. What is played after it is in that.
func (p *Phone) Change(ctx context.Context, profile codec.Profile) error {
	before := p.profile
	p.profile = profile
	if err := p.call.Change(ctx, p.offer(2+rand.IntN(1000))); err != nil {
		p.profile = before
		return err
	}
	return p.socket.Connect(p.call.Media)
}

// Hangup ends the call. A telephone without one is none the worse for it.
func (p *Phone) Hangup(ctx context.Context) error {
	if p == nil || p.call == nil {
		return nil
	}
	return p.call.Hangup(ctx)
}

// payloadType is what a codec goes by: its own number, or one of ours.
func payloadType(f codec.Format) uint8 {
	switch f.Name {
	case "PCMU":
		return 0
	case "PCMA":
		return 8
	case "G722":
		return 9
	}
	return 111
}

func (p *Phone) offer(version int) string {
	kind, rate := payloadType(p.profile.Format), p.profile.ClockRateHz
	rtpmap, extra := fmt.Sprintf("%s/%d", p.profile.Name, rate), ""
	if p.profile.Name == codec.Opus {
		rtpmap, extra = rtpmap+"/2", fmt.Sprintf("a=fmtp:%d useinbandfec=1\r\n", kind)
	}
	return fmt.Sprintf("v=0\r\no=phone %d %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d RTP/AVP %d %d\r\na=rtpmap:%d %s\r\n%sa=rtpmap:%d telephone-event/%d\r\na=fmtp:%d 0-15\r\na=ptime:%d\r\n",
		p.session, version, p.socket.Port(), kind, eventType, kind, rtpmap, extra, eventType, rate, eventType, p.profile.PacketTime().Milliseconds())
}

// packet is an RTP header (RFC 3550 §5.1) with its payload.
func (p *Phone) packet(kind uint8, sequence uint16, timestamp uint32, marked bool, payload []byte) []byte {
	out := make([]byte, headerBytes, headerBytes+len(payload))
	out[0], out[1] = 2<<6, kind
	if marked {
		out[1] |= 1 << 7
	}
	binary.BigEndian.PutUint16(out[2:], sequence)
	binary.BigEndian.PutUint32(out[4:], timestamp)
	binary.BigEndian.PutUint32(out[8:], p.ssrc)
	return append(out, payload...)
}

// Play sends a track, whose first packet goes into the network at a time. Tracks must not overlap.
func (p *Phone) Play(t *Track, at time.Time) {
	t.begun = p.lab.Seconds(at)
	for i := range t.entered {
		t.entered[i] += t.begun
	}
	kind, units := payloadType(t.Profile.Format), t.Profile.PacketUnits()
	queue := make([]sending, 0, len(t.sendings))
	for _, s := range t.sendings {
		if len(t.payloads[s.Packet]) == 0 {
			continue // DTX
		}
		data := p.packet(kind, p.sequence+uint16(s.Packet), p.timestamp+uint32(s.Packet*units), s.Packet == 0 && !p.talked, t.payloads[s.Packet])
		queue = append(queue, sending{at.Add(s.At), data, t, s.Packet, s.Delay})
	}
	p.talked = true
	p.sequence += uint16(len(t.payloads))
	p.timestamp += uint32(len(t.payloads) * units)
	p.enqueue(queue)
}

// keyPackets is how many packets a key is told of with, one each 20 ms: two while it sounds, three of its end.
const keyPackets = 5

// Keys presses digits by telephone-event (RFC 4733 §2.5) through path: tones of 50 ms, one each 100 ms.
func (p *Phone) Keys(digits string, path network.Path, at time.Time) {
	const step = 20 * time.Millisecond
	perStep := uint32(p.profile.ClockRateHz / 50)
	var queue []sending
	out, _ := path.Schedule(keyPackets*len(digits), step)
	for _, s := range out {
		key, part := s.Packet/keyPackets, s.Packet%keyPackets
		payload := []byte{digits[key] - '0', 10, 0, 0}
		if digits[key] == '*' || digits[key] == '#' {
			payload[0] = map[byte]byte{'*': 10, '#': 11}[digits[key]]
		}
		held := perStep * uint32(part+1)
		if part >= 2 {
			held = perStep * 5 / 2
			payload[1] |= 1 << 7
		}
		binary.BigEndian.PutUint16(payload[2:], uint16(held))
		data := p.packet(eventType, p.sequence+uint16(s.Packet), p.timestamp+uint32(key)*keyPackets*perStep, part == 0, payload)
		queue = append(queue, sending{at: at.Add(step + s.At), data: data})
	}
	p.sequence += uint16(keyPackets * len(digits))
	p.timestamp += perStep * uint32(keyPackets*len(digits))
	p.enqueue(queue)
}

// enqueue has the thread send what is in order of time, behind all that it has.
func (p *Phone) enqueue(queue []sending) {
	p.lab.orders <- func() {
		sorted := len(p.queue) == 0 || len(queue) == 0 || !queue[0].at.Before(p.queue[len(p.queue)-1].at)
		p.queue = append(p.queue, queue...)
		if !sorted { // the end of one track may be late, and the next begin before it
			slices.SortStableFunc(p.queue, func(a, b sending) int { return a.at.Compare(b.at) })
		}
	}
}

// send sends what is due.
func (p *Phone) send(now time.Time) {
	for len(p.queue) > 0 && !p.queue[0].at.After(now) {
		s := p.queue[0]
		p.queue = p.queue[1:]
		at := time.Now()
		if !p.socket.Send(s.data) {
			p.unsent++
		}
		// If the thread was late, so was all the telephone: that is not the bridge's delay.
		if s.track != nil && !s.track.sent[s.index] {
			s.track.entered[s.index], s.track.sent[s.index] = p.lab.Seconds(at)-s.delay.Seconds(), true
		}
	}
}

// receive keeps what has come.
func (p *Phone) receive(in *wire.Inbox) {
	for {
		n := in.Receive(p.socket)
		for i := range n {
			data, at := in.Datagram(i)
			p.heard = append(p.heard, Packet{at, slices.Clone(data)})
			p.last.Store(at)
		}
		if n < wire.Batch {
			return
		}
	}
}

// LastArrival is when the last packet came, if one has.
func (p *Phone) LastArrival() (time.Time, bool) {
	at := p.last.Load()
	return time.Unix(0, at), at != 0
}
