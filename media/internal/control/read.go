package control

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

const (
	blockSize = 4 * BlockWords
	// blocksAt is where the reception report blocks of a receiver report begin, and of a sender report.
	blocksAtReceiver = 8
	blocksAtSender   = 28
)

// Read takes a compound packet that is Valid: who reports is a member, with what it says of self, and who says BYE is none any
// more. It returns false where a packet in it is shorter than it says.
func (m *Members) Read(compound []byte, self uint32, now time.Time) bool {
	for rest := compound; len(rest) >= HeaderSize; {
		size := 4 * (int(binary.BigEndian.Uint16(rest[2:])) + 1)
		b := rest[:size]
		rest = rest[size:]
		whole := true
		switch rtcp.PacketType(b[1]) {
		case rtcp.TypeSenderReport:
			whole = m.readReport(b, blocksAtSender, self, now)
		case rtcp.TypeReceiverReport:
			whole = m.readReport(b, blocksAtReceiver, self, now)
		case rtcp.TypeGoodbye:
			whole = m.readGoodbye(b, self)
		}
		if !whole {
			return false
		}
	}
	return true
}

// readReport reads a report (RFC 3550 §6.4), whose blocks begin at byte at.
func (m *Members) readReport(b []byte, at int, self uint32, now time.Time) bool {
	count := int(b[0] & 0x1f)
	if len(b) < at+blockSize*count {
		return false
	}
	ssrc := binary.BigEndian.Uint32(b[HeaderSize:])
	if ssrc == self {
		return true
	}
	m.Hear(ssrc, now, at == blocksAtSender)
	for i := range count {
		block := b[at+blockSize*i:]
		if binary.BigEndian.Uint32(block) == self {
			m.Report(ssrc, block[4], binary.BigEndian.Uint32(block[12:]))
		}
	}
	return true
}

// readGoodbye reads a BYE (RFC 3550 §6.6); who says it of self is not obeyed.
func (m *Members) readGoodbye(b []byte, self uint32) bool {
	count := int(b[0] & 0x1f)
	if len(b) < HeaderSize+4*count {
		return false
	}
	for i := range count {
		if ssrc := binary.BigEndian.Uint32(b[HeaderSize+4*i:]); ssrc != self {
			m.Leave(ssrc)
		}
	}
	return true
}

// Holds says whether a packet of kind is in a compound that is Valid.
func Holds(compound []byte, kind rtcp.PacketType) bool {
	for rest := compound; len(rest) >= HeaderSize; {
		if rtcp.PacketType(rest[1]) == kind {
			return true
		}
		rest = rest[4*(int(binary.BigEndian.Uint16(rest[2:]))+1):]
	}
	return false
}
