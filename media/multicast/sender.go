// Package multicast sends one stream of RTP to a group, or to a list of listeners: what is encoded once is sent once, whoever and however
// many hear it. RTCP follows RFC 3550 §6 for sessions of any size.
//
// A [Sender] belongs to one goroutine, a room's, which calls Tick, Mixed and Send every 20 ms and is never held up. What may take
// time, looking at the interface and opening sockets anew, is done once a second by a goroutine of the Sender's own.
package multicast

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

const (
	rtpVersion = 2
	headerSize = 12
	// longestHeader is an RTP header with all the CSRCs that it can have.
	longestHeader = headerSize + 4*mixer.MaxSources
	// rtcpRoom is the longest compound: an SR, and a description with two items of 255 bytes, and BYE.
	rtcpRoom = 28 + 8 + 2*(2+maxItem) + 8 + 8
	// rtcpEvery is how many ticks there are to one look for RTCP: half a second. All that come in a session keep to 5 % of its bandwidth, and whose reports are for
	// statistics and the interval of ours need not be read at once.
	rtcpEvery = 25
	// noiseEvery is how often comfort noise is sent in a silence.
	noiseEvery = 200 * time.Millisecond
	// noiseLevel is what it is: −70 dBov, next to nothing (RFC 3389 §3).
	noiseLevel = 70
	// firstSecret is below which the sequence of what is encrypted begins, far from its end, where the SSRC is another.
	firstSecret = 256
	// downAfter is for how long nothing can be sent until the path is taken to be down.
	downAfter = 500 * time.Millisecond
	// knownAfter is how much of a stream there has been when who listens knows it. That undoes a BYE before it, if it is the same SSRC's.
	knownAfter = 500 * time.Millisecond
)

// Sender is one distribution. All methods but Stats, SSRC, Rekey, Rename, Replaced and Done are its owner's, and none of them waits, takes a lock, logs or, but for Close
// and another SSRC of what is encrypted, allocates.
type Sender struct {
	cfg    Config
	closed bool

	out      *outlet     // nil: the path is down
	outbox   *udp.Outbox // by which RTP goes out; nil: by itself
	posted   posted
	failures int   // for how long nothing could be sent, in units of the clock
	calls    uint8 // of Tick, up to rtcpEvery
	batch    udp.Batch

	stream
	report   reporter
	secret   *secret
	conflict control.Conflicts
	counters counters
	keeper   keeper
}

// stream is the RTP of a Sender.
type stream struct {
	header   rtp.Header
	sequence uint16
	spent    bool   // of what is encrypted: the sequence is at its end, and the next packet is of another SSRC
	next     uint32 // timestamp of the next sample
	pairing  pairing
	silence  int       // units of the clock since comfort noise was sent
	tried    uint32    // what next was at the last packet that was to be sent
	known    int       // packets of knownAfter
	heard    int       // those that were sent since it has begun, up to known
	talking  bool      // the last Send sent sound
	rested   time.Time // since when it does; zero: it does not
	csrc     [mixer.MaxSources]uint32
	longest  int    // payload
	buf      []byte // a packet's payload is behind the longest header, its header ends there
	safe     []byte // it, encrypted
}

// Open begins a distribution (ErrInvalid, ErrPath). The slices in cfg are not kept. Who opens it must Close it. What is encrypted must not be opened again under its
// SSRC with the key that it had: nothing is remembered of how far the counts of SRTP and SRTCP have come (RFC 3711 §9.1).
func Open(cfg Config) (*Sender, error) {
	cfg.plain()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open distribution: %w", err)
	}
	s := &Sender{cfg: cfg}
	out, err := openOutlet(&cfg, 0)
	if err != nil && !(cfg.Patient && errors.Is(err, ErrPath)) {
		return nil, fmt.Errorf("open distribution: %w", err)
	}
	if s.secret, err = newSecret(cfg.Key, cfg.Numbers); err != nil {
		return nil, errors.Join(fmt.Errorf("open distribution: %w", err), s.abandon(out))
	}
	s.out = out
	s.init(time.Now())
	s.keeper.start(s, out)
	return s, nil
}

// abandon closes what a Sender that is not to be would have had.
func (s *Sender) abandon(out *outlet) error {
	if out == nil {
		return nil
	}
	return out.close()
}

func (s *Sender) init(now time.Time) {
	id := s.cfg.Identity
	s.batch.Init()
	s.header.Version = rtpVersion
	s.header.SSRC, s.sequence, s.next = id.SSRC, id.Sequence, id.Timestamp
	if !id.Begun {
		s.sequence, s.next = uint16(random()), random()
		if s.cfg.Key != nil {
			s.sequence %= firstSecret
		}
	}
	s.tried = s.next
	packet := s.cfg.Profile.PacketTime()
	s.known = int((knownAfter + packet - 1) / packet)
	if s.header.SSRC == 0 {
		s.renew(now)
	}
	s.counters.ssrc.Store(s.header.SSRC)
	s.longest = s.cfg.Profile.LongestPayload()
	s.buf = make([]byte, max(longestHeader+s.longest, rtcpRoom))
	s.safe = make([]byte, 0, len(s.buf)+secretRoom)
	s.pairing.rateHz = s.cfg.Profile.ClockRateHz
	s.report.init(&s.cfg, now)
	if s.secret != nil {
		s.counters.keys.Store(1)
	}
}

// random is never 0.
func random() (n uint32) {
	for n == 0 {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		n = binary.BigEndian.Uint32(b[:])
	}
	return n
}

// newCNAME says nothing about us (RFC 7022 §4.2: 96 random bits).
func newCNAME() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawStdEncoding.EncodeToString(b[:])
}

// renew takes another SSRC; the counts begin anew with it (RFC 3550 §6.4.1).
func (s *Sender) renew(now time.Time) {
	old := s.header.SSRC
	for s.header.SSRC == old {
		if s.secret != nil {
			s.header.SSRC = s.secret.numbers.next(now)
		} else {
			s.header.SSRC = random()
		}
	}
	s.counters.ssrc.Store(s.header.SSRC)
	s.report.packets, s.report.octets, s.report.sentAny = 0, 0, false
	s.heard = 0
}

// Begins says that the stream has only just begun, under its SSRC or behind a rest: whoever said BYE has to be heard again, or is taken to be gone, so it does not begin with
// a silence.
func (s *Sender) Begins() bool { return s.heard < s.known }

// Profile is how Send's payloads are to be made.
func (s *Sender) Profile() codec.Profile { return s.cfg.Profile }

// Mixed says who is heard in what the coming calls of Send carry, the loudest first (RFC 3550 §7.1). Who has no ID is left out, and what is
// more than 15. The slice is copied.
func (s *Sender) Mixed(sources []mixer.Source) {
	n := 0
	for _, source := range sources {
		if n == len(s.csrc) {
			break
		}
		if source.ID != 0 && source.ID != s.header.SSRC {
			s.csrc[n] = source.ID
			n++
		}
	}
	s.header.CSRC = s.csrc[:n]
}

// Send sends one packet of payload, which lasts units of the clock; an empty one is a silence, in which only the timestamp advances, and comfort noise
// is sent where Config.Noise says so. What cannot be sent is counted and otherwise ignored; so is a payload that is longer than the longest of Profile.
func (s *Sender) Send(now time.Time, payload []byte, units int) {
	if s.closed {
		return
	}
	s.flush() // what waits is in the buffer
	if s.spent {
		s.leaveSSRC(now)
	}
	timestamp := s.next
	s.next += uint32(units)
	s.pairing.sent(timestamp, now)
	if len(payload) == 0 {
		s.quiet(timestamp, units)
		return
	}
	if len(payload) > s.longest {
		s.counters.errors.Add(1)
		return
	}
	copy(s.buf[longestHeader:], payload)
	s.header.PayloadType, s.header.Marker = s.cfg.PayloadType, !s.talking // the marker begins a talkspurt (RFC 3551 §4.1)
	s.talking = true
	s.transmit(timestamp, len(payload))
}

// quiet is a Send of nothing.
func (s *Sender) quiet(timestamp uint32, units int) {
	begins := s.talking
	s.talking = false
	if s.cfg.Noise == 0 {
		return
	}
	s.silence += units
	if !begins && time.Duration(s.silence)*time.Second/noiseClockHz < noiseEvery {
		return
	}
	s.silence = 0
	s.buf[longestHeader] = noiseLevel
	s.header.PayloadType, s.header.Marker = s.cfg.Noise, false
	s.transmit(timestamp, 1)
}

// transmit sends the first n bytes of payload in the buffer, with the header before them. The sequence goes on also where the path is
// down: receivers see then what they have missed.
func (s *Sender) transmit(timestamp uint32, n int) {
	s.header.SequenceNumber, s.header.Timestamp = s.sequence, timestamp
	s.sequence++
	s.spent = s.secret != nil && s.sequence == 0
	packet := s.buf[longestHeader-s.header.MarshalSize() : longestHeader+n]
	if _, err := s.header.MarshalTo(packet); err != nil {
		s.counters.errors.Add(1)
		return
	}
	if s.secret != nil {
		var err error
		if packet, err = s.secret.protectRTP(s.safe, packet); err != nil {
			s.counters.errors.Add(1)
			return
		}
	}
	if s.out == nil {
		s.counters.errors.Add(1)
		return
	}
	if s.outbox != nil {
		s.posted = posted{sound: n, bytes: len(packet)}
		if s.posted.waiting = s.out.postRTP(packet, (*poster)(s), s.outbox); s.posted.waiting != 0 {
			return
		}
	}
	sent, failed := s.out.sendRTP(packet)
	s.count(n, len(packet), sent, failed)
}

// count notes what has become of a packet of so many octets of payload.
func (s *Sender) count(sound, bytes, sent, failed int) {
	s.counters.errors.Add(uint64(failed))
	lasts := int(min(s.next-s.tried, s.units(noiseEvery))) // longer silences are not sent at all
	s.tried = s.next
	if sent == 0 {
		down := int(s.units(downAfter))
		before := s.failures
		if s.failures += lasts; before < down && s.failures >= down {
			s.keeper.ail()
		}
		return
	}
	s.failures = 0
	s.heard = min(s.heard+1, s.known)
	s.report.sent(sound)
	s.counters.packets.Add(uint64(sent))
	s.counters.octets.Add(uint64(sent * bytes))
}

// units are a time in units of the clock.
func (s *Sender) units(d time.Duration) uint32 {
	return uint32(d * time.Duration(s.cfg.Profile.ClockRateHz) / time.Second)
}

// Tick is called once every 20 ms, before Send. now is from time.Now. It takes what receivers have reported, without waiting, sends the report that is
// due, and goes over to sockets or a key that are ready.
func (s *Sender) Tick(now time.Time) {
	if s.closed {
		return
	}
	s.flush()
	s.wake(now)
	s.out, s.failures = s.keeper.exchange(s.out, s.failures)
	if fresh := s.counters.freshKey.Swap(nil); fresh != nil {
		s.sayBye(now) // by the old one
		s.secret = fresh
		s.beginSSRC(now)
		s.counters.keys.Add(1)
	}
	if s.calls++; s.calls >= rtcpEvery {
		s.calls = 0
		s.rename()
		s.hear(now)
	} else if s.report.timer.Waits(now) {
		return
	}
	s.report.due(s, now)
}

// Replaced says that another Sender goes on under this one's SSRC, to the same receivers, once this one is closed: a BYE that Close would put off is left out, since it would
// be taken for the other's. Safe for concurrent use.
func (s *Sender) Replaced() { s.counters.replaced.Store(true) }

// Close says BYE, which is put off where many may be leaving at once (RFC 3550 §6.3.7): Done tells when all is given back. Close does not
// wait for it. More calls do nothing.
func (s *Sender) Close() error {
	if s.closed {
		return nil
	}
	s.flush()
	s.closed = true
	return s.keeper.leave(s, time.Now())
}

// Done is closed when a Sender that was closed has said goodbye and its goroutine has ended.
func (s *Sender) Done() <-chan struct{} { return s.keeper.done }
