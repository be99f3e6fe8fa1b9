package sctp

import (
	"encoding/binary"
	"hash/crc32"
)

// Chunk types (RFC 9260 §3.2) that this package knows.
const (
	chunkData             = 0
	chunkInit             = 1
	chunkInitAck          = 2
	chunkSack             = 3
	chunkHeartbeat        = 4
	chunkHeartbeatAck     = 5
	chunkAbort            = 6
	chunkShutdown         = 7
	chunkShutdownAck      = 8
	chunkError            = 9
	chunkCookieEcho       = 10
	chunkCookieAck        = 11
	chunkShutdownComplete = 14
)

// Error causes (RFC 9260 §3.3.10).
const (
	causeStaleCookie       = 3
	causeOutOfResource     = 4
	causeUnrecognizedChunk = 6
	causeInvalidMandatory  = 7
	causeUserAbort         = 12
	causeViolation         = 13
)

// flagT of ABORT and SHUTDOWN COMPLETE: the verification tag is the receiver's own (RFC 9260 §8.5.1).
const flagT = 1

const (
	headerLen      = 12
	chunkHeaderLen = 4
	dataHeaderLen  = 12 // of a DATA chunk's value
)

// header is the common header without its checksum (RFC 9260 §3.1).
type header struct {
	src, dst uint16
	tag      uint32
}

//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-------------------------------+-------------------------------+
//	|          source port          |       destination port        |
//	+-------------------------------+-------------------------------+
//	|                       verification tag                        |
//	+---------------------------------------------------------------+
//	|                           checksum                            |
//	+---------------------------------------------------------------+

// parsePacket checks a packet's common header and checksum and returns the chunks, which share b's memory. A checksum of zero is one
// like others: RFC 9653 is not negotiated.
func parsePacket(b []byte) (h header, chunks []byte, ok bool) {
	if len(b) < headerLen+chunkHeaderLen {
		return header{}, nil, false
	}
	h = header{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])}
	if h.src == 0 || h.dst == 0 || binary.LittleEndian.Uint32(b[8:]) != checksum(b) {
		return header{}, nil, false
	}
	return h, b[headerLen:], true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC32c of a packet with its checksum taken as zero (RFC 9260 §6.8, appendix A).
func checksum(b []byte) uint32 {
	var zero [4]byte
	sum := crc32.Update(0, castagnoli, b[:8])
	sum = crc32.Update(sum, castagnoli, zero[:])
	return crc32.Update(sum, castagnoli, b[headerLen:])
}

// chunk is one chunk; value has neither its header nor its padding.
type chunk struct {
	kind, flags byte
	value       []byte
}

// nextChunk cuts the first chunk off. Padding may be missing after the last, and is not looked at (RFC 9260 §3.2).
func nextChunk(b []byte) (c chunk, rest []byte, ok bool) {
	if len(b) < chunkHeaderLen {
		return chunk{}, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < chunkHeaderLen || n > len(b) {
		return chunk{}, nil, false
	}
	return chunk{b[0], b[1], b[chunkHeaderLen:n]}, b[min(padded(n), len(b)):], true
}

func padded(n int) int { return (n + 3) &^ 3 }

// newPacket begins a packet; appendChunk adds to it and seal finishes it.
func newPacket(h header) []byte {
	b := make([]byte, headerLen, 256)
	h.put(b)
	return b
}

func (h header) put(b []byte) {
	binary.BigEndian.PutUint16(b, h.src)
	binary.BigEndian.PutUint16(b[2:], h.dst)
	binary.BigEndian.PutUint32(b[4:], h.tag)
}

// appendChunk adds a chunk with its padding.
func appendChunk(b []byte, c chunk) []byte {
	b = append(b, c.kind, c.flags)
	b = binary.BigEndian.AppendUint16(b, uint16(chunkHeaderLen+len(c.value)))
	b = append(b, c.value...)
	return append(b, make([]byte, padded(len(c.value))-len(c.value))...)
}

// seal writes the checksum.
func seal(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[8:], checksum(b))
	return b
}

// single is a packet of one chunk.
func single(h header, c chunk) []byte { return seal(appendChunk(newPacket(h), c)) }

// cause is an error cause, or a parameter: both are a type, a length and a value (RFC 9260 §3.2.1, §3.3.10).
func cause(kind uint16, value []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(value)))
	b = append(b, value...)
	return append(b, make([]byte, padded(len(value))-len(value))...)
}
