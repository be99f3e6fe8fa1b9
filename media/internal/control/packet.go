// Package control is what everybody who takes part in an RTP session needs of RTCP (RFC 3550 §6): packets written without an
// allocation, the times at which they are due, who is in a session, and whose SSRC is ours.
package control

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

// What is sent is written here and not by pion/rtcp, because that makes each packet in a slice of its own: at 5 s a
// report, a room of 50 legs would allocate twice a tick. The tests read it back with pion/rtcp.

const (
	// HeaderSize is the header of each packet of a compound, in bytes.
	HeaderSize = 4
	// BlockWords is a reception report block, in words of 32 bits.
	BlockWords = 6
	// DatagramOverhead is what IP and UDP add to a packet (RFC 3550 §6.2 counts it).
	DatagramOverhead = 28

	version = 2
	// longestItem is what an item of a source description can hold (RFC 3550 §6.5).
	longestItem = 255
)

// AppendHeader begins a packet of words 32-bit words behind the header (RFC 3550 §6.4.1).
func AppendHeader(b []byte, count int, kind rtcp.PacketType, words int) []byte {
	return append(b, version<<6|byte(count), byte(kind), byte(words>>8), byte(words))
}

// Sender is what a sender report says of its sender.
type Sender struct {
	SSRC            uint32
	At              time.Time // and
	Timestamp       uint32    // are the same moment
	Packets, Octets uint32    // sent under SSRC; octets of payload
}

// AppendSenderReport writes a sender report up to its reception report blocks, which the caller writes behind it (RFC 3550 §6.4.1).
func AppendSenderReport(b []byte, blocks int, s Sender) []byte {
	b = AppendHeader(b, blocks, rtcp.TypeSenderReport, 6+BlockWords*blocks)
	b = binary.BigEndian.AppendUint32(b, s.SSRC)
	b = binary.BigEndian.AppendUint64(b, NTPTime(s.At))
	b = binary.BigEndian.AppendUint32(b, s.Timestamp)
	b = binary.BigEndian.AppendUint32(b, s.Packets)
	return binary.BigEndian.AppendUint32(b, s.Octets)
}

// AppendReceiverReport is AppendSenderReport of one who sends nothing (RFC 3550 §6.4.2).
func AppendReceiverReport(b []byte, blocks int, ssrc uint32) []byte {
	b = AppendHeader(b, blocks, rtcp.TypeReceiverReport, 1+BlockWords*blocks)
	return binary.BigEndian.AppendUint32(b, ssrc)
}

// AppendDescription writes a source description of a CNAME and, unless it is empty, a NAME (RFC 3550 §6.5), closed by at least one
// zero octet. Of each the first 255 bytes are taken.
func AppendDescription(b []byte, ssrc uint32, cname, name string) []byte {
	cname, name = cname[:min(len(cname), longestItem)], name[:min(len(name), longestItem)]
	items := 2 + len(cname)
	if name != "" {
		items += 2 + len(name)
	}
	words := 1 + items/4 + 1
	end := len(b) + HeaderSize + 4*words
	b = AppendHeader(b, 1, rtcp.TypeSourceDescription, words)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(append(b, byte(rtcp.SDESCNAME), byte(len(cname))), cname...)
	if name != "" {
		b = append(append(b, byte(rtcp.SDESName), byte(len(name))), name...)
	}
	for len(b) < end {
		b = append(b, 0)
	}
	return b
}

// AppendGoodbye writes a BYE of one source, without a reason (RFC 3550 §6.6).
func AppendGoodbye(b []byte, ssrc uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendHeader(b, 1, rtcp.TypeGoodbye, 1), ssrc)
}

// Valid is the check of RFC 3550 §A.2: a compound packet that begins with a report without padding, and whose
// lengths add up. At least one SSRC is in it then.
func Valid(b []byte) bool {
	if len(b) < 2*HeaderSize || b[0]>>6 != version || b[0]&0x20 != 0 || b[1] != 200 && b[1] != 201 || b[2] == 0 && b[3] == 0 {
		return false
	}
	for len(b) > 0 {
		if len(b) < HeaderSize || b[0]>>6 != version {
			return false
		}
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size > len(b) {
			return false
		}
		b = b[size:]
	}
	return true
}

// NTPTime is t in the 64 bits of RFC 3550 §4.
func NTPTime(t time.Time) uint64 {
	const from1900to1970 = 2208988800
	ns := t.UnixNano()
	return uint64(ns/1e9+from1900to1970)<<32 | uint64(ns%1e9)<<32/1e9
}

// NTPMiddle is the middle 32 bits, units of 1/65536 s.
func NTPMiddle(ntp uint64) uint32 { return uint32(ntp >> 16) }

// DelaySince is the time between two moments in units of 1/65536 s.
func DelaySince(then, now time.Time) uint32 {
	return uint32(min(max(now.Sub(then), 0), time.Hour) * 65536 / time.Second)
}
