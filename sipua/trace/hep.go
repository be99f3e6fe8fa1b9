package trace

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// HEPv3 is a header "HEP3" with the packet's length, and chunks: vendor, type and length in 16 bits each, then the value.
//
//	 0                   1                   2                   3
//	+-------------------------------+-------------------------------+
//	|  'H'             'E'          |  'P'             '3'          |
//	+-------------------------------+-------------------------------+
//	|  length of the whole packet   |  vendor: 0, generic           |
//	+-------------------------------+-------------------------------+
//	|  type of the chunk            |  length of the chunk, with    |
//	+-------------------------------+  these 6 octets               +
//	|  value ...
const (
	hepFamily      = 1 // 2 = IPv4, 10 = IPv6
	hepProtocol    = 2 // as in the IP header
	hepSource4     = 3
	hepTarget4     = 4
	hepSource6     = 5
	hepTarget6     = 6
	hepSourcePort  = 7
	hepTargetPort  = 8
	hepSeconds     = 9
	hepMicros      = 10
	hepKind        = 11 // 1 = SIP
	hepAgent       = 12
	hepAuth        = 14
	hepPayload     = 15
	hepCorrelation = 17
)

const hepSIP = 1

// IP protocol numbers; TLS, WS and WSS are over TCP.
const (
	ipTCP  = 6
	ipUDP  = 17
	ipSCTP = 132
)

// appendHEP appends one packet to b. auth may be empty. What would not fit into the packet's 16 bits of length is cut off; texts of
// MaxText octets fit.
func appendHEP(b []byte, agent uint32, auth string, rec *record, callID []byte) []byte {
	start := len(b)
	b = append(b, "HEP3\x00\x00"...)
	from, to := rec.remote, rec.local
	if rec.sent {
		from, to = to, from
	}
	b = appendAddrs(b, from.Addr().Unmap(), to.Addr().Unmap())
	b = chunk8(b, hepProtocol, ipProtocol(rec.transport))
	b = chunk16(b, hepSourcePort, from.Port())
	b = chunk16(b, hepTargetPort, to.Port())
	b = chunk32(b, hepSeconds, uint32(rec.at.Unix()))
	b = chunk32(b, hepMicros, uint32(rec.at.Nanosecond()/int(time.Microsecond)))
	b = chunk8(b, hepKind, hepSIP)
	b = chunk32(b, hepAgent, agent)
	if auth != "" {
		b = chunk(b, hepAuth, []byte(auth))
	}
	if len(callID) > 0 {
		b = chunk(b, hepCorrelation, callID)
	}
	b = chunk(b, hepPayload, rec.text)
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start))
	return b
}

// appendAddrs writes both in the family of IPv4 if both are of it.
func appendAddrs(b []byte, from, to netip.Addr) []byte {
	if from.Is4() && to.Is4() {
		b = chunk8(b, hepFamily, 2)
		b = chunk(b, hepSource4, from.AsSlice())
		return chunk(b, hepTarget4, to.AsSlice())
	}
	b = chunk8(b, hepFamily, 10)
	a, z := from.As16(), to.As16()
	b = chunk(b, hepSource6, a[:])
	return chunk(b, hepTarget6, z[:])
}

func ipProtocol(transport string) uint8 {
	switch transport {
	case "UDP":
		return ipUDP
	case "SCTP":
		return ipSCTP
	}
	return ipTCP
}

func chunkHead(b []byte, kind, length uint16) []byte {
	b = append(b, 0, 0) // vendor
	b = binary.BigEndian.AppendUint16(b, kind)
	return binary.BigEndian.AppendUint16(b, length+6)
}

func chunk(b []byte, kind uint16, value []byte) []byte {
	return append(chunkHead(b, kind, uint16(len(value))), value...)
}

func chunk8(b []byte, kind uint16, v uint8) []byte { return append(chunkHead(b, kind, 1), v) }

func chunk16(b []byte, kind, v uint16) []byte {
	return binary.BigEndian.AppendUint16(chunkHead(b, kind, 2), v)
}

func chunk32(b []byte, kind uint16, v uint32) []byte {
	return binary.BigEndian.AppendUint32(chunkHead(b, kind, 4), v)
}
