package sdp

import (
	"slices"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// xrKey is the attribute in which a side lists the extended reports that it wants to get, and voipMetrics the one of them
// that we have (RFC 3611 §5.1).
const (
	xrKey       = "rtcp-xr"
	voipMetrics = "voip-metrics"
)

// wantsMetrics says whether the side of m asks for VoIP metrics. What the stream says counts, or else what the session says.
func wantsMetrics(desc *pion.SessionDescription, m *pion.MediaDescription) bool {
	value, ok := m.Attribute(xrKey)
	if !ok {
		value, _ = desc.Attribute(xrKey)
	}
	return slices.ContainsFunc(strings.Fields(value), func(format string) bool {
		name, _, _ := strings.Cut(format, "=")
		return name == voipMetrics
	})
}

// askForMetrics has our stream ask for the same of a peer that knows them (RFC 3611 §5.2).
func askForMetrics(m *pion.MediaDescription) {
	m.Attributes = append(m.Attributes, pion.Attribute{Key: xrKey, Value: voipMetrics})
}
