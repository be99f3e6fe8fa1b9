// Package terms is what all who send, describe or configure RTP sessions have to agree on: which groups are source-specific, and how long the keys of a suite are. It is
// pure: it has no network and no state.
package terms

import "net/netip"

// SourceSpecific says whether a group is one that is joined together with a source, 232/8 and ff3x::/32 (RFC 4607 §1, RFC 3306 §4): only those who name the source hear it,
// and nobody else's RTCP comes by it.
func SourceSpecific(group netip.Addr) bool {
	if group.Is4() {
		return group.As4()[0] == 232
	}
	b := group.As16()
	return b[0] == 0xff && b[1]>>4 == 3 && b[2] == 0 && b[3] == 0
}
