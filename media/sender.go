package media

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
)

// sender is our own RTP stream.
type sender struct {
	to      udp.Destination
	ssrc    uint32
	next    uint32 // timestamp of the next sample
	at      uint32 // timestamp of the last Send, and when that was
	sentAt  time.Time
	seq     uint16
	talking bool // the last Send sent sound
	header  rtp.Header
	mix     contributors
	buf     []byte // a packet's payload is behind the longest header, its header ends there

	packets, octets uint32 // since the SSRC is ours (RFC 3550 §6.4.1)
}

// init begins with random numbers for everything that RFC 3550 §5.1 wants random.
func (s *sender) init() {
	s.renew()
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	s.seq = binary.BigEndian.Uint16(b[:])
	s.next = binary.BigEndian.Uint32(b[2:])
	s.at = s.next
	s.header.Version = rtpVersion
	s.header.Extensions = make([]rtp.Extension, 0, 1)
}

// renew takes another SSRC; the counts begin anew with it (RFC 3550 §6.4.1).
func (s *sender) renew() {
	old := s.ssrc
	for s.ssrc == old || s.ssrc == 0 {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		s.ssrc = binary.BigEndian.Uint32(b[:])
	}
	s.packets, s.octets = 0, 0
}

// fit makes room for the longest packets of f: no packet time that is agreed on makes longer ones.
func (s *sender) fit(f codec.Format) {
	if n := longestHeader + f.LongestPayload(); len(s.buf) < n {
		s.buf = make([]byte, n)
	}
}

// Send sends payload, which lasts units of the clock; an empty one only advances the timestamp. The timestamp
// advances also while Stream.Send is false or there is no remote, when nothing is sent. While a key of PressKey is
// going out, it takes the payload's place. An error of the socket is counted and otherwise ignored; so is a payload that
// is longer than the LongestPayload of Format.
func (l *Leg) Send(now time.Time, payload []byte, units int) {
	if l.closed {
		return
	}
	if l.posted != 0 {
		l.outbox.Flush() // what waits is in the buffer
	}
	l.now = now
	s := &l.sender
	timestamp := s.next
	s.next += uint32(units)
	s.at, s.sentAt = timestamp, now
	if !l.stream.Send || s.to.None() {
		s.talking = false
		return
	}
	if l.keys.active() && l.sendKey(timestamp, units) {
		s.talking = false
		return
	}
	if len(payload) == 0 {
		s.talking = false
		return
	}
	if longestHeader+len(payload) > len(s.buf) {
		l.counters.outError.Add(1)
		return
	}
	copy(s.buf[longestHeader:], payload)
	s.mix.label(&s.header, l.stream.MixID)
	// The marker begins a talkspurt (RFC 3551 §4.1).
	l.transmit(l.stream.Payloads[0].SendType, timestamp, !s.talking, len(payload))
	s.talking = true
}

// transmit sends the first n bytes of payload in the buffer, with the header before them.
func (l *Leg) transmit(payloadType uint8, timestamp uint32, marker bool, n int) {
	s := &l.sender
	s.header.PayloadType, s.header.Marker = payloadType, marker
	s.header.SequenceNumber, s.header.Timestamp, s.header.SSRC = s.seq, timestamp, s.ssrc
	packet := s.buf[longestHeader-s.header.MarshalSize() : longestHeader+n]
	if _, err := s.header.MarshalTo(packet); err != nil {
		l.counters.outError.Add(1)
		return
	}
	s.seq++
	if l.outbox != nil {
		l.posted = n
		l.outbox.Post(l.rtp, packet, &s.to, (*poster)(l))
	} else if !l.rtp.Send(packet, &s.to) {
		l.counters.outError.Add(1)
		return
	}
	s.packets++
	s.octets += uint32(n)
	l.report.sent()
	l.bytesOut += uint64(len(packet))
	l.counters.out.Add(1)
}

// poster is a leg as its outbox sees it.
type poster Leg

// Posted takes back what transmit has counted of a packet that the kernel did not take.
func (p *poster) Posted(bytes int, sent bool) {
	sound := p.posted
	p.posted = 0
	if sent {
		return
	}
	p.sender.packets--
	p.sender.octets -= uint32(sound)
	p.bytesOut -= uint64(bytes)
	p.counters.out.Add(^uint64(0))
	p.counters.outError.Add(1)
}

// clockAt is our RTP timestamp at now, which corresponds to the NTP time of a sender report (RFC 3550 §6.4.1).
func (s *sender) clockAt(now time.Time, clockRateHz int) uint32 {
	since := min(max(now.Sub(s.sentAt), 0), time.Minute)
	return s.at + uint32(int64(since)*int64(clockRateHz)/int64(time.Second))
}

// PressKey queues a key to be sent as telephone-event (RFC 4733 §2.5.1.2) in place of sound by the coming Sends.
// digit is '0' to '9', '*', '#' or 'A' to 'D' (ErrInvalid); held 0 means 100 ms, and is kept between 40 ms and what
// 16 bits of event clock can hold, 8.19 s at 8 kHz. ErrNoEvents where the peer takes none, ErrKeyQueue when 32 keys wait.
func (l *Leg) PressKey(digit byte, held time.Duration) error {
	if l.closed {
		return ErrClosed
	}
	event, ok := eventOf(digit)
	if !ok {
		return fmt.Errorf("key %q: %w", digit, ErrInvalid)
	}
	return l.keys.press(event, held, keyPause)
}

// PressKeys is PressKey for several keys, with a pause of 40 ms to 2.55 s behind each: all of them are queued, or none.
func (l *Leg) PressKeys(keys string, held, pause time.Duration) error {
	if l.closed {
		return ErrClosed
	}
	for i := range len(keys) {
		if _, ok := eventOf(keys[i]); !ok {
			return fmt.Errorf("key %q: %w", keys[i], ErrInvalid)
		}
	}
	if l.keys.n+len(keys) > keysQueued && l.keys.clockRate != 0 {
		return ErrKeyQueue
	}
	for i := range len(keys) {
		event, _ := eventOf(keys[i])
		if err := l.keys.press(event, held, pause); err != nil {
			return err // ErrNoEvents, of the first
		}
	}
	return nil
}
