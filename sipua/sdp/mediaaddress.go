package sdp

import (
	"fmt"
	"net/netip"

	pion "github.com/pion/sdp/v3"
)

// MediaAddress is where an offer wants its sound sent: the address of the first audio stream that is not disabled. It says nothing (false)
// of an offer that cannot be read, has no such stream, or is on hold by an unspecified address. A host with both versions of IP may
// signal by one and talk by the other (RFC 6157 §4.2): our own address has to be of the version asked for here.
func MediaAddress(offer []byte) (netip.Addr, bool) {
	desc, err := parse(offer)
	if err != nil {
		return netip.Addr{}, false
	}
	for _, m := range desc.MediaDescriptions {
		if m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
			continue
		}
		addr, err := connectionAddress(desc, m)
		return addr, err == nil && !addr.IsUnspecified()
	}
	return netip.Addr{}, false
}

var errNoConnection = fmt.Errorf("%w: there is no c= line", ErrAddress)

// connectionAddress is the address of a stream's own c= line, or the session's (RFC 8866 §5.7).
func connectionAddress(desc *pion.SessionDescription, m *pion.MediaDescription) (netip.Addr, error) {
	c := m.ConnectionInformation
	if c == nil {
		c = desc.ConnectionInformation
	}
	if c == nil {
		return netip.Addr{}, errNoConnection
	}
	return parseAddress(c.Address.Address)
}
