// Package sap announces sessions to a network, and lists what others announce there: the Session Announcement Protocol, version 1 in its
// header (RFC 2974).
//
// An [Announcer] sends descriptions of package session from time to time to a group that is known to everybody, and takes them back at the
// end. A [Listener] joins such groups, and keeps what it hears for as long as it is repeated. Neither believes anything but addresses: there
// are no signatures.
package sap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"

	"github.com/confbridge/confbridge/media/session"
)

// Bounds of a packet in bytes: what is sent (RFC 2974 §6: below 1 kByte), and what is read of others, who do not all keep to it.
const (
	MaxSentBytes = 1024
	MaxReadBytes = 2048
)

// Packet is one message of the protocol (RFC 2974 §6):
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	| V=1 |A|R|T|E|C|   auth len    |         msg id hash           |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	:     originating source (32 or, with A, 128 bits)              :
//	:     authentication data, auth len words of 32 bits            :
//	:     optional payload type, with a 0 behind it                 :
//	:     payload                                                   :
type Packet struct {
	Deletion bool // T: what was announced is taken back
	// Hash tells the versions of all that one source announces apart; together with Source it identifies an announcement.
	Hash   uint16
	Source netip.Addr
	// Payload is a description, or, of a deletion, at least the o= line of one. [ParsePacket] leaves it in the bytes it was given.
	Payload []byte
}

const (
	version     = 1
	bitIPv6     = 1 << 4
	bitDeletion = 1 << 2
	bitEncrypt  = 1 << 1
	bitCompress = 1 << 0
	headerBytes = 4
)

// Marshal writes the packet, with its payload type. The error is ErrTooLong or ErrMalformed.
func (p Packet) Marshal() ([]byte, error) {
	if !p.Source.IsValid() || p.Source.Is4In6() || p.Source.Zone() != "" || p.Hash == 0 {
		return nil, fmt.Errorf("%w: of %v with hash %d", ErrMalformed, p.Source, p.Hash)
	}
	first := byte(version << 5)
	if !p.Source.Is4() {
		first |= bitIPv6
	}
	if p.Deletion {
		first |= bitDeletion
	}
	b := binary.BigEndian.AppendUint16([]byte{first, 0}, p.Hash)
	b = append(b, p.Source.AsSlice()...)
	b = append(b, session.ContentType+"\x00"...)
	b = append(b, p.Payload...)
	if len(b) > MaxSentBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(b), MaxSentBytes)
	}
	return b, nil
}

// ParsePacket reads a packet. The error is ErrMalformed, ErrEncrypted, ErrCompressed or ErrPayloadType.
func ParsePacket(b []byte) (Packet, error) {
	if len(b) < headerBytes || len(b) > MaxReadBytes {
		return Packet{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	if v := b[0] >> 5; v != version {
		return Packet{}, fmt.Errorf("%w: version %d", ErrMalformed, v)
	}
	switch {
	case b[0]&bitEncrypt != 0:
		return Packet{}, ErrEncrypted
	case b[0]&bitCompress != 0:
		return Packet{}, ErrCompressed
	}
	addressBytes := 4
	if b[0]&bitIPv6 != 0 {
		addressBytes = 16
	}
	head := headerBytes + addressBytes + 4*int(b[1])
	if len(b) < head {
		return Packet{}, fmt.Errorf("%w: %d bytes, its header has %d", ErrMalformed, len(b), head)
	}
	source, _ := netip.AddrFromSlice(b[headerBytes : headerBytes+addressBytes])
	p := Packet{Deletion: b[0]&bitDeletion != 0, Hash: binary.BigEndian.Uint16(b[2:]), Source: source.Unmap()}
	var err error
	p.Payload, err = description(b[head:])
	return p, err
}

// description cuts the payload type off. Without one it is SDP, whose first lines cannot be meant for a type (RFC 2974 §6).
func description(b []byte) ([]byte, error) {
	if bytes.HasPrefix(b, []byte("v=0")) || bytes.HasPrefix(b, []byte("o=")) {
		return b, nil
	}
	name, payload, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return nil, fmt.Errorf("%w: neither a payload type nor SDP", ErrMalformed)
	}
	if !bytes.EqualFold(name, []byte(session.ContentType)) {
		return nil, fmt.Errorf("%w: payload type %.40q", ErrPayloadType, name)
	}
	return payload, nil
}

// HashOf is a hash for a payload. It is never 0, which older versions of the protocol gave a meaning of its own. Two payloads can have the
// same one: who announces both takes the next for one of them.
func HashOf(payload []byte) uint16 {
	h := fnv.New32a()
	h.Write(payload)
	sum := h.Sum32()
	return nonzero(uint16(sum>>16) ^ uint16(sum))
}

func nonzero(hash uint16) uint16 { return max(hash, 1) }
