// Package session describes one-way RTP sessions, as SDP that players open (RFC 8866): sound that is sent to a group, or to one address, for
// whoever listens. It is pure: text in, a [Session] out, and back.
//
//	s, err := session.Parse(text)   // of ffmpeg, GStreamer, VLC, another bridge
//	text, err := s.Marshal()        // without its key
//
// An offer or answer of a call is something else: package sipua/sdp.
package session

import (
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer/codec"
)

// ContentType is what a description is called where types are named (RFC 8866 §8.1).
const ContentType = "application/sdp"

// Bounds of what is read and written.
const (
	MaxBytes     = 16 << 10 // a description
	MaxStreams   = 32       // its m= lines
	MaxSources   = 32       // of a source-filter
	MaxNameBytes = 256
	MaxInfoBytes = 512
)

// Session is what a description says. It is a value: nobody changes Sources and Key.Master in place.
type Session struct {
	// ID and Version are those of the o= line: the ID stays, the version grows with each change (RFC 8866 §5.2). [Number] makes both.
	ID, Version uint64
	Name, Info  string     // s= and i=; may be empty
	Origin      netip.Addr // of the host that describes it; the zero Addr where it was given by name
	// Group is where the sound is sent: an address that many can join, or one listener's.
	Group netip.AddrPort
	// RTCPPort is where RTCP goes, at the same address; 0 means the port behind Group's (RFC 3550 §11).
	RTCPPort uint16
	// TTL is how far packets get, of an IPv4 group; 0 where nothing is said, as of unicast and IPv6 addresses, whose scope is in the
	// address (RFC 8866 §5.7).
	TTL int
	// Sources are the only ones whose packets are to be heard; none means any (RFC 4570).
	Sources []netip.Addr
	Stream  Stream
	// Secure says that the sound is encrypted (RTP/SAVP, RFC 3711). A session with a Key is, whether this is set or not.
	Secure bool
	Key    Key
}

// Stream is what is in the packets.
type Stream struct {
	PayloadType uint8
	Format      codec.Format
	// Packet is what a packet lasts, MaxPacket the longest; 0 where nothing is said.
	Packet, MaxPacket time.Duration
	Direction         Direction
}

// Direction is who may send in the session.
//
// A description of a session that is sent to listeners says recvonly. As announced, the attribute tells a tool how to start: to receive only
// (RFC 8866 §6.7.1). In an offer or answer it says of a multicast stream what everybody in it does, not what the sender of the
// description does, as it does of a unicast one: "can only receive on that stream" (RFC 3264 §5.2). Both ask for recvonly, though we are
// the one who sends.
type Direction int

// The directions. ReceiveOnly is the zero value; a description without one means SendReceive.
const (
	ReceiveOnly Direction = iota
	SendReceive
	SendOnly
	Inactive
)

// directions are their attributes.
var directions = [...]string{ReceiveOnly: "recvonly", SendReceive: "sendrecv", SendOnly: "sendonly", Inactive: "inactive"}

func (d Direction) String() string {
	if d < 0 || int(d) >= len(directions) {
		return "unknown"
	}
	return directions[d]
}

// epoch is where NTP counts from, in seconds before that of Unix (RFC 5905 §6).
const epoch = 2_208_988_800

// Number is a number for [Session.ID] and [Session.Version], made of the time as NTP counts it (RFC 8866 §5.2), in microseconds: it grows, two
// sessions that are not begun at once have different ones, and it fits into what readers hold such numbers in (RFC 3264 §5: 63 bits).
func Number(at time.Time) uint64 { return uint64(at.UnixMicro() + epoch*1_000_000) }

// RTCP is where RTCP goes.
func (s Session) RTCP() netip.AddrPort {
	if s.RTCPPort != 0 {
		return netip.AddrPortFrom(s.Group.Addr(), s.RTCPPort)
	}
	return netip.AddrPortFrom(s.Group.Addr(), s.Group.Port()+1)
}

// Encrypted says whether the sound is encrypted.
func (s Session) Encrypted() bool { return s.Secure || !s.Key.IsZero() }

// Validate says whether the session can be described: nil, or ErrInvalid and what is wrong.
func (s Session) Validate() error {
	if err := textual("name", s.Name, MaxNameBytes); err != nil {
		return err
	}
	if err := textual("information", s.Info, MaxInfoBytes); err != nil {
		return err
	}
	if !s.Origin.IsValid() || s.Origin.IsMulticast() || s.Origin.Zone() != "" {
		return invalid("%v is no origin", s.Origin)
	}
	if err := s.validateGroup(); err != nil {
		return err
	}
	if err := s.Stream.validate(); err != nil {
		return err
	}
	if !s.Key.IsZero() {
		return s.Key.Valid()
	}
	return nil
}

func (s Session) validateGroup() error {
	group := s.Group.Addr()
	v4 := group.Is4()
	switch {
	case !group.IsValid() || group.Is4In6() || group.Zone() != "" || group.IsUnspecified():
		return invalid("%v is no address to send to", s.Group)
	case s.Group.Port() == 0, s.Group.Port() == 65535 && s.RTCPPort == 0:
		return invalid("port %d leaves none for RTCP behind it", s.Group.Port())
	case v4 && group.IsMulticast() && (s.TTL < 1 || s.TTL > 255):
		return invalid("a TTL of %d", s.TTL)
	case terms.SourceSpecific(group) && len(s.Sources) == 0:
		return invalid("%v is a source-specific group (RFC 4607) without a source", group)
	case len(s.Sources) > MaxSources:
		return invalid("%d sources, at most %d", len(s.Sources), MaxSources)
	}
	for _, a := range s.Sources {
		if a.Is4() != v4 || !a.IsValid() || a.IsMulticast() || a.IsUnspecified() || a.Zone() != "" || a.Is4In6() {
			return invalid("%v is no source for %v", a, group)
		}
	}
	return nil
}

func (m Stream) validate() error {
	if m.PayloadType > 127 || m.PayloadType < 96 && static[m.PayloadType] != m.Format.Name {
		return invalid("payload type %d for %s (RFC 3551 §6)", m.PayloadType, m.Format.Name)
	}
	if m.Direction < 0 || int(m.Direction) >= len(directions) {
		return invalid("direction %d", int(m.Direction))
	}
	if err := (codec.Profile{Format: m.Format, Packet: m.Packet}).Valid(); err != nil {
		return invalid("%w", err)
	}
	if m.MaxPacket < 0 || m.MaxPacket%time.Millisecond != 0 || m.MaxPacket != 0 && m.MaxPacket < m.Packet {
		return invalid("packets of %v where the longest are %v", m.Packet, m.MaxPacket)
	}
	return nil
}

// textual refuses what would not stay on its line.
func textual(what, text string, most int) error {
	switch {
	case len(text) > most:
		return invalid("a %s of %d bytes, at most %d", what, len(text), most)
	case !utf8.ValidString(text):
		return invalid("the %s is not UTF-8", what)
	case strings.ContainsFunc(text, unicode.IsControl):
		return invalid("a control character in the %s", what)
	}
	return nil
}

// static are the payload types that need no a=rtpmap, of the codecs that can be played (RFC 3551 §6).
var static = map[uint8]codec.Name{0: codec.PCMU, 8: codec.PCMA, 9: codec.G722}
