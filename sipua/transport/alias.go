package transport

import (
	"cmp"
	"net/netip"

	"github.com/confbridge/confbridge/sipua/message"
)

// maxAliases is how many aliases one connection may have: a peer has one listener, or one for each of its names.
const maxAliases = 8

// alias lets our requests to a peer's listener go by the connection that it has opened itself, where it asks for that with the
// alias parameter in its Via (RFC 5923 §8.2). Only a peer that has proved its names by TLS is believed (§9.2), and only for these.
func (m *Manager) alias(via message.Via, f Flow) {
	if f.Transport != "TLS" || !via.Params.Has("alias") {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.conns[f.ID]
	if c == nil || !c.inbound || len(c.keys) > maxAliases {
		return
	}
	c.mu.Lock()
	names := c.names
	c.mu.Unlock()
	port := uint16(cmp.Or(via.Port, message.DefaultPort(f.Transport)))
	for _, name := range names[:min(len(names), maxAliases-len(c.keys)+1)] {
		m.keyLocked(c, Target{Transport: f.Transport, Addr: netip.AddrPortFrom(f.Remote.Addr(), port), Name: name})
	}
}
