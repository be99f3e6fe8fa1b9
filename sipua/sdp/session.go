// Package sdp is the offer/answer model of RFC 3264 for one audio stream, as pure functions: bytes in, bytes and an
// [Agreed] out. It opens nothing, waits for nothing and resolves no names.
//
// The descriptions are those of github.com/pion/sdp/v3, which also writes them. They are read here, line by line,
// because telephones do not keep to the order of lines, and because pion refuses what must be answered with port 0:
// m=image, udptl, bandwidths it has not heard of.
package sdp

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// Bounds on what a peer may send.
const (
	// MaxBytes is the longest description that is read.
	MaxBytes = 64 << 10
	// MaxStreams is how many m= lines are answered (ErrTooMany beyond).
	MaxStreams = 64
	// maxFormats is how many formats of one stream are looked at: payload types are 0 to 127.
	maxFormats = 128
)

// Local is our side of a session, for one description.
type Local struct {
	// RTP is the address and port for c= and m=; RTCP is on the next port, unless multiplexed.
	RTP netip.AddrPort
	// Codecs are those we speak, in order of preference, in offers and in answers. Nil means opus, G722, PCMU, PCMA.
	Codecs []codec.Name
	// Linear says that L16, which is for machines, is answered after all of Codecs where it is offered.
	Linear bool
	// Packet is what a packet is to last where the peer does not ask for anything, and what an offer asks for: 10, 20, 30, 40
	// or 60 ms; 0 means 20 ms.
	Packet time.Duration
	// SessionID is the sess-id of o=, one for the whole dialog.
	SessionID uint64
	// Previous is the description that we sent last in this dialog, nil at its start. The new one has the same
	// version if it is the same in all else, and the next one otherwise (RFC 3264 §8).
	Previous []byte
}

func (l Local) codecs() []codec.Name {
	if l.Codecs == nil {
		return []codec.Name{codec.Opus, codec.G722, codec.PCMU, codec.PCMA}
	}
	return l.Codecs
}

// answered are those that an answer can have.
func (l Local) answered() []codec.Name {
	ours := l.codecs()
	if l.Linear && !slices.Contains(ours, codec.L16) {
		return append(slices.Clip(ours), codec.L16)
	}
	return ours
}

func (l Local) packet() time.Duration { return cmp.Or(l.Packet, codec.DefaultPacket) }

// Agreed is what an offer and its answer settle for the audio stream, seen from here.
type Agreed struct {
	// Ended says that the stream was given up (port 0); all else is then zero.
	Ended bool
	// Remote is where RTP goes, RemoteRTCP where RTCP goes. Remote is not valid where the peer has said that it wants
	// nothing sent by the address 0.0.0.0 or :: (RFC 3264 §8.4); Send is then false. RemoteRTCP is not valid where
	// there is no such port.
	Remote, RemoteRTCP netip.AddrPort
	// Mux says that RTCP shares the RTP port (RFC 5761).
	Mux bool
	// Send and Receive are the direction.
	Send, Receive bool
	// Payloads are the codecs, at least one; the first is to be sent.
	Payloads []Payload
	// Events are the telephone-event payload types (RFC 4733).
	Events []EventPayload
	// Noise is the payload type of comfort noise (RFC 3389) that may come, where there is G.711; 0: none.
	Noise uint8
	// LevelID and MixID are the header extensions of RFC 6464, for what the peer sends, and of RFC 6465, for what we
	// send (RFC 8285); 0: not agreed.
	LevelID, MixID uint8
	// Metrics says that the peer has asked in its offer for VoIP metrics (RFC 3611 §5.1).
	Metrics bool
	// PtimeMilliseconds is the packet length that the peer asked for; 0 if it did not, or for nothing that makes sense. What
	// is sent instead, where that is no length of ours, the Payloads say.
	PtimeMilliseconds int
}

// Payload binds payload types to a codec. Ours is where we receive, theirs is what we send (RFC 3264 §5.1).
type Payload struct {
	ReceiveType, SendType uint8
	// ReceiveRateHz is the rate at which what comes is to be decoded. With Opus it may be another one than that of Profile: what
	// the peer captures and what it plays are two things (RFC 7587 §6.1).
	ReceiveRateHz int
	codec.Profile // what is to be sent; what comes may be of any packet time
}

// EventPayload binds payload types to telephone-event at a clock rate.
type EventPayload struct {
	ReceiveType, SendType uint8
	ClockRateHz           int
}
