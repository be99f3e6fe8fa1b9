package media

import (
	"fmt"
	"sync"
)

// ports is the queue of free port pairs, each named by its even RTP port; RTCP is on the next (RFC 3550 §11). A pair
// that comes back goes to the end, so it rests before reuse and stragglers of an old call meet nobody. Taking and
// giving cost the same however many legs there are.
type ports struct {
	mu   sync.Mutex
	ring []uint16
	head int
	free int
}

func newPorts(low, high int) (*ports, error) {
	if low < 1 || high > 65535 || low > high {
		return nil, fmt.Errorf("RTP ports %d to %d: %w", low, high, ErrInvalid)
	}
	p := &ports{}
	for port := low + low%2; port+1 <= high; port += 2 {
		p.ring = append(p.ring, uint16(port))
	}
	if len(p.ring) == 0 {
		return nil, fmt.Errorf("RTP ports %d to %d hold no even port with its successor: %w", low, high, ErrInvalid)
	}
	p.free = len(p.ring)
	return p, nil
}

func (p *ports) total() int { return len(p.ring) }

func (p *ports) take() (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == 0 {
		return 0, false
	}
	port := p.ring[p.head]
	p.head = (p.head + 1) % len(p.ring)
	p.free--
	return port, true
}

func (p *ports) give(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring[(p.head+p.free)%len(p.ring)] = port
	p.free++
}
