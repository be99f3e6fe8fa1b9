package sctp

import (
	"encoding/binary"
)

// Parameters of INIT and INIT ACK (RFC 9260 §3.3.2, §3.3.3).
const (
	paramIPv4            = 5
	paramIPv6            = 6
	paramStateCookie     = 7
	paramUnrecognized    = 8
	paramPreservative    = 9
	paramHostName        = 11
	paramAddressTypes    = 12
	initLen              = 16
	maxUnrecognized      = 512 // octets of unknown parameters that we tell about
	minWindow            = 1500
	maxStreams           = 16 // each way; pion queues as many that it has not yet given out
	reportBit, keepGoing = 0x4000, 0x8000
)

// initiation is what INIT and INIT ACK say (RFC 9260 §3.3.2).
type initiation struct {
	tag     uint32
	window  uint32
	out, in uint16 // streams that the sender would like to send on, and takes
	tsn     uint32
	cookie  []byte // of INIT ACK only
	unknown []byte // parameters that must be reported, each with its header
}

// parseInit reads the value of an INIT or INIT ACK. The slices share its memory. Further addresses of the peer are not used.
func parseInit(v []byte) (initiation, bool) {
	if len(v) < initLen {
		return initiation{}, false
	}
	i := initiation{
		tag: binary.BigEndian.Uint32(v), window: binary.BigEndian.Uint32(v[4:]),
		out: binary.BigEndian.Uint16(v[8:]), in: binary.BigEndian.Uint16(v[10:]), tsn: binary.BigEndian.Uint32(v[12:]),
	}
	for v = v[initLen:]; len(v) >= 4; {
		kind, n := binary.BigEndian.Uint16(v), int(binary.BigEndian.Uint16(v[2:]))
		if n < 4 || n > len(v) {
			return i, false
		}
		switch kind {
		case paramStateCookie:
			i.cookie = v[4:n]
		case paramHostName: // deprecated, and to be refused (RFC 9260 §3.3.2.4)
			return i, false
		case paramIPv4, paramIPv6, paramPreservative, paramAddressTypes, paramUnrecognized:
		default: // the two highest bits say what to do with one that is not known (RFC 9260 §3.2.1)
			if kind&reportBit != 0 && len(i.unknown)+padded(n) <= maxUnrecognized {
				i.unknown = append(i.unknown, cause(paramUnrecognized, v[:n])...)
			}
			if kind&keepGoing == 0 {
				return i, true
			}
		}
		v = v[min(padded(n), len(v)):]
	}
	return i, true
}

// usable says whether an association can be made of it (RFC 9260 §3.3.2: values that must be refused).
func (i initiation) usable() bool {
	return i.tag != 0 && i.out != 0 && i.in != 0 && i.window >= minWindow
}

// fixed is the value of an INIT without parameters.
func (i initiation) fixed() []byte {
	v := binary.BigEndian.AppendUint32(make([]byte, 0, 256), i.tag)
	v = binary.BigEndian.AppendUint32(v, i.window)
	v = binary.BigEndian.AppendUint16(v, i.out)
	v = binary.BigEndian.AppendUint16(v, i.in)
	return binary.BigEndian.AppendUint32(v, i.tsn)
}

// token is the INIT chunk as pion takes it for an association whose handshake was held elsewhere.
func (i initiation) token() []byte {
	return appendChunk(nil, chunk{kind: chunkInit, value: i.fixed()})
}
