package sdp

import (
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"
)

// attributes are the attributes of one stream that matter here. Of repeated ones the first counts.
type attributes struct {
	rtpmap, fmtp    map[uint8]string
	direction, rtcp string
	mux             bool
	packet, longest time.Duration // ptime and maxptime; 0: not said
	extensions      []extension
}

func readAttributes(m *pion.MediaDescription) attributes {
	a := attributes{rtpmap: map[uint8]string{}, fmtp: map[uint8]string{}}
	for _, at := range m.Attributes {
		switch {
		case at.Key == "rtpmap":
			keepFirst(a.rtpmap, at.Value)
		case at.Key == "fmtp":
			keepFirst(a.fmtp, at.Value)
		case at.Key == "rtcp" && a.rtcp == "":
			a.rtcp = at.Value
		case at.Key == "rtcp-mux":
			a.mux = true
		case at.Key == "ptime" && a.packet == 0:
			a.packet = packetTime(at.Value)
		case at.Key == "maxptime" && a.longest == 0:
			a.longest = packetTime(at.Value)
		case isDirection(at.Key) && a.direction == "":
			a.direction = at.Key
		}
	}
	a.readExtensions(m.Attributes)
	return a
}

// readExtensions reads the extmap attributes of a stream, or of a session (RFC 8285 §5).
func (a *attributes) readExtensions(all []pion.Attribute) {
	for _, at := range all {
		if at.Key == "extmap" {
			a.extension(at.Value)
		}
	}
}

// keepFirst puts "number rest" into m, unless the number is there.
func keepFirst(m map[uint8]string, value string) {
	number, rest, _ := strings.Cut(value, " ")
	n, ok := payloadType(number)
	if _, had := m[n]; ok && !had {
		m[n] = strings.TrimSpace(rest)
	}
}

func payloadType(text string) (uint8, bool) {
	n, err := strconv.ParseUint(text, 10, 8)
	return uint8(n), err == nil && n < 128
}
