package media

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
)

// Stream is what offer and answer have agreed on, for one leg.
type Stream struct {
	// Remote is where RTP goes; RemoteRTCP where RTCP goes, unused with Mux (RFC 5761); if it is not valid, the port
	// after Remote's (RFC 3605 §2). An unspecified address (c=0.0.0.0) or port 0 means that nothing is sent.
	Remote, RemoteRTCP netip.AddrPort
	Mux                bool
	// Send and Receive are the direction, seen from here (RFC 3264 §6.1).
	Send, Receive bool
	// Payloads are the audio payload types that may come, at least one; the first is what is sent.
	Payloads []Payload
	// Events are the telephone-event payload types (RFC 4733).
	Events []EventPayload
	// KeysInSound says that keys are to be looked for in the sound, since they come in no other way.
	KeysInSound bool
	// Noise is the payload type of comfort noise (RFC 3389) that may come, 13 where it is the static one; 0: none.
	Noise uint8
	// LevelID and MixID are the header extensions that were agreed (RFC 8285), 1 to 14; 0: not agreed. LevelID brings the
	// level of what the peer sends (RFC 6464), MixID takes those of who is in the mix (RFC 6465).
	LevelID, MixID uint8
	// Metrics says that the peer wants to be told how well its sound comes in (a=rtcp-xr:voip-metrics, RFC 3611 §5.1). Who
	// sends extended reports gets some in any case.
	Metrics bool
}

// Payload binds an RTP payload type to a format. Receiving and sending numbers may differ (RFC 3264 §5.1).
type Payload struct {
	ReceiveType, SendType uint8
	// ReceiveRateHz is the rate at which what comes is decoded, where that is another one than what is sent at: Opus can be
	// decoded at any. 0 means that of Profile.
	ReceiveRateHz int
	codec.Profile // what is sent; what comes may be of any packet time
}

// received is the format of what comes.
func (p *Payload) received() codec.Format {
	f := p.Format
	f.SampleRateHz = cmp.Or(p.ReceiveRateHz, f.SampleRateHz)
	return f
}

// EventPayload binds payload types to telephone-event at a clock rate.
type EventPayload struct {
	ReceiveType, SendType uint8
	ClockRateHz           int
}

// Inlet takes what a leg receives; the same as rooms.Inlet, see there. Slices are valid during the call only.
type Inlet interface {
	Restart(f codec.Format, source uint32)
	Audio(p jitter.Packet) jitter.Verdict
	Absent(sequence uint16)
	Key(digit byte, held time.Duration)
	Report(p quality.Peer)
}

const (
	maxPayloads = 32
	maxClockHz  = 192000
)

// kind says what a received payload type stands for: 0 nothing, 1+i Payloads[i], eventKind|i Events[i], noiseKind Noise.
type kind uint8

const (
	eventKind kind = 0x80
	noiseKind kind = 0x40
)

// noiseClockHz is the clock of comfort noise: that of the narrowband codecs, as payload type 13 has it (RFC 3389 §4).
const noiseClockHz = 8000

// maxExtensionID is the highest number of an element in the short form of header extensions (RFC 8285 §4.2).
const maxExtensionID = 14

// payloadTypes builds the table that receiving looks payload types up in.
func (s *Stream) payloadTypes() (*[128]kind, error) {
	if len(s.Payloads) == 0 || len(s.Payloads) > maxPayloads || len(s.Events) > maxPayloads {
		return nil, fmt.Errorf("%d audio and %d event payload types: %w", len(s.Payloads), len(s.Events), ErrInvalid)
	}
	if s.LevelID > maxExtensionID || s.MixID > maxExtensionID {
		return nil, fmt.Errorf("header extensions %d and %d: %w", s.LevelID, s.MixID, ErrInvalid)
	}
	var t [128]kind
	put := func(receive, send uint8, clockRateHz int, k kind) error {
		if receive > 127 || send > 127 || t[receive] != 0 {
			return fmt.Errorf("payload types %d and %d: %w", receive, send, ErrInvalid)
		}
		if clockRateHz < 1 || clockRateHz > maxClockHz {
			return fmt.Errorf("payload type %d has clock rate %d: %w", receive, clockRateHz, ErrInvalid)
		}
		t[receive] = k
		return nil
	}
	for i, p := range s.Payloads {
		if err := p.Format.Valid(); err != nil {
			return nil, fmt.Errorf("payload type %d: %w: %w", p.ReceiveType, ErrInvalid, err)
		}
		if err := p.received().Valid(); err != nil {
			return nil, fmt.Errorf("payload type %d as it comes: %w: %w", p.ReceiveType, ErrInvalid, err)
		}
		if err := put(p.ReceiveType, p.SendType, p.ClockRateHz, kind(1+i)); err != nil {
			return nil, err
		}
	}
	for i, p := range s.Events {
		if err := put(p.ReceiveType, p.SendType, p.ClockRateHz, eventKind|kind(i)); err != nil {
			return nil, err
		}
	}
	if s.Noise != 0 {
		if err := put(s.Noise, s.Noise, noiseClockHz, noiseKind); err != nil {
			return nil, err
		}
	}
	return &t, nil
}

// remotes checks the addresses against the local one and fills in what was left out. Zones are dropped: the socket
// is bound in its own.
func (s *Stream) remotes(local netip.Addr) (rtp, rtcp netip.AddrPort, err error) {
	rtp, rtcp = udp.Plain(s.Remote), udp.Plain(s.RemoteRTCP)
	if s.Mux {
		rtcp = rtp
	} else if !rtcp.IsValid() && rtp.IsValid() && rtp.Port() != 0 && rtp.Port() < 65535 {
		rtcp = netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
	}
	for _, a := range []netip.AddrPort{rtp, rtcp} {
		if a.IsValid() && a.Addr().Is4() != local.Is4() {
			return rtp, rtcp, fmt.Errorf("remote %s cannot be reached from %s: %w", a, local, ErrInvalid)
		}
	}
	return rtp, rtcp, nil
}
