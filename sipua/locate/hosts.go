package locate

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxHostsBytes = 1 << 20         // of the file that are read
	rereadAfter   = 5 * time.Second // how old what was read from a system file may be
)

// hosts is the system's own table of names.
type hosts struct {
	file string

	mu    sync.Mutex
	read  time.Time
	names map[string][]netip.Addr
}

// find returns a name's addresses; nil where it is not in the table. A file that cannot be read is an empty one.
func (h *hosts) find(name string) []netip.Addr {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); h.names == nil || now.Sub(h.read) >= rereadAfter {
		h.read, h.names = now, make(map[string][]netip.Addr)
		if f, err := os.Open(h.file); err == nil {
			h.names = parseHosts(io.LimitReader(f, maxHostsBytes))
			_ = f.Close()
		}
	}
	if ips := h.names[name]; len(ips) > 0 {
		return slices.Clone(ips)
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761 §6.3
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	return nil
}

// parseHosts reads lines of an address and its names (hosts(5)).
func parseHosts(r io.Reader) map[string][]netip.Addr {
	names := make(map[string][]netip.Addr)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		ip, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			if ip := ip.Unmap(); !slices.Contains(names[name], ip) {
				names[name] = append(names[name], ip)
			}
		}
	}
	return names
}
