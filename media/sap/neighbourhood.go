package sap

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Neighbourhood knows how much others announce where we do, so that all together keep to the limit (RFC 2974 §3.1). It listens on the interfaces that it is asked about, from the
// first question on. It is safe for concurrent use.
type Neighbourhood struct {
	log    *slog.Logger
	listen func(nic string) (*Listener, error)

	mu     sync.Mutex
	ears   map[string]*neighbour // by the names of interfaces
	closed bool
}

// neighbour is an interface that is listened on.
type neighbour struct {
	listener *Listener // nil: it could not be opened
	index    int       // of the interface as it was then
	tried    time.Time
}

// NewNeighbourhood listens to nothing yet. Of ctx the values are kept; nil for log: nothing is logged. Close ends it.
func NewNeighbourhood(ctx context.Context, log *slog.Logger) *Neighbourhood {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx = context.WithoutCancel(ctx)
	return &Neighbourhood{log: log, ears: map[string]*neighbour{}, listen: func(nic string) (*Listener, error) {
		return Listen(ctx, ListenerConfig{Interfaces: []string{nic}})
	}}
}

// Count is how many announcements are heard at an address on an interface, without those of ours: none where it cannot be listened on, which is tried again.
func (n *Neighbourhood) Count(nic string, to netip.AddrPort, ours func(source netip.Addr, hash uint16) bool) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.on(nic, time.Now()); l != nil {
		return l.Count(to, ours)
	}
	return 0
}

// on is who listens on an interface; nil: nobody. One that was taken away and made again is another one under its name.
func (n *Neighbourhood) on(nic string, now time.Time) *Listener {
	if n.closed {
		return nil
	}
	index := 0
	if i, err := net.InterfaceByName(nic); err == nil {
		index = i.Index
	}
	e, known := n.ears[nic]
	switch {
	case known && e.listener != nil && e.index == index:
		return e.listener
	case known && e.listener != nil:
		e.listener.Close()
	case known && now.Sub(e.tried) < retryInterval:
		return nil
	}
	l, err := n.listen(nic)
	if err != nil && (!known || e.listener != nil) {
		n.log.Warn("what others announce is not heard", "interface", nic, "err", err)
	}
	n.ears[nic] = &neighbour{listener: l, index: index, tried: now}
	return l
}

// Close leaves the groups; nothing is counted any more.
func (n *Neighbourhood) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for nic, e := range n.ears {
		if e.listener != nil {
			e.listener.Close()
		}
		delete(n.ears, nic)
	}
}
