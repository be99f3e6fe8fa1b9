package sap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// ListenerConfig is what a [Listener] may be told. The zero value works.
type ListenerConfig struct {
	// Interfaces are the names of those to listen on; none: all that are up and can multicast.
	Interfaces []string
	// MaxSessions and MaxPerSource bound what is kept: 0 means 1000 in all, and 100 of one source.
	MaxSessions, MaxPerSource int
}

// Listener hears what is announced. Each of its sockets, two for each interface, has a goroutine that reads it; what they have heard is behind a lock.
type Listener struct {
	ears []*ear
	wg   sync.WaitGroup

	mu  sync.Mutex
	dir directory
}

// Stats are what has come, and why it was not taken.
type Stats struct {
	Packets uint64
	Refused map[Refusal]uint64
}

// Listen joins the addresses of all scopes; ctx is for that and no longer. The error is ErrInterface, or that of a socket.
func Listen(ctx context.Context, cfg ListenerConfig) (*Listener, error) {
	nics, err := interfaces(cfg.Interfaces)
	if err != nil {
		return nil, err
	}
	l := &Listener{dir: newDirectory(cfg)}
	for _, nic := range nics {
		for _, v4 := range []bool{true, false} {
			if has, err := hasAddress(nic, v4); err != nil || !has {
				continue
			}
			e, err := openEar(ctx, nic, v4)
			if err != nil {
				l.closeEars()
				return nil, err
			}
			l.ears = append(l.ears, e)
		}
	}
	if len(l.ears) == 0 {
		return nil, fmt.Errorf("%w: none has an address and can multicast", ErrInterface)
	}
	for _, e := range l.ears {
		l.wg.Go(func() { l.read(e) })
	}
	return l, nil
}

func newDirectory(cfg ListenerConfig) directory {
	d := directory{max: cfg.MaxSessions, maxPerSource: cfg.MaxPerSource, refused: map[Refusal]uint64{}}
	if d.max <= 0 {
		d.max = 1000
	}
	if d.maxPerSource <= 0 {
		d.maxPerSource = 100
	}
	return d
}

// interfaces are those of the names, or all that will do.
func interfaces(names []string) ([]*net.Interface, error) {
	var nics []*net.Interface
	for _, name := range names {
		nic, err := net.InterfaceByName(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrInterface, name, err)
		}
		nics = append(nics, nic)
	}
	if len(names) > 0 {
		return nics, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInterface, err)
	}
	for i := range all {
		if all[i].Flags&(net.FlagUp|net.FlagMulticast) == net.FlagUp|net.FlagMulticast {
			nics = append(nics, &all[i])
		}
	}
	return nics, nil
}

// hasAddress says whether an interface has an address of IPv4 or IPv6.
func hasAddress(nic *net.Interface, v4 bool) (bool, error) {
	all, err := nic.Addrs()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap().Is4() == v4
	}), nil
}

// read is the goroutine of one socket. It ends when that is closed; other errors of a socket that is only read pass.
func (l *Listener) read(e *ear) {
	b := make([]byte, MaxReadBytes+1) // one more tells what is longer
	for {
		n, from, to, nic, err := e.read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || nic != e.nic.Index || !to.IsMulticast() {
			continue // of another interface: its own socket has it too
		}
		l.mu.Lock()
		l.dir.take(arrival{from: from, to: netip.AddrPortFrom(to, Port), nic: e.nic.Name, bytes: b[:n]}, time.Now())
		l.mu.Unlock()
	}
}

// Sessions are those that are announced now, by name.
func (l *Listener) Sessions() []Heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dir.list(time.Now())
}

// Count is how many announcements are heard at an address, also of what cannot be played, without those of ours, for the pace of an [Announcer].
func (l *Listener) Count(to netip.AddrPort, ours func(source netip.Addr, hash uint16) bool) int {
	n := 0
	for _, h := range l.Sessions() {
		if h.To == to && !ours(h.Source, h.Hash) {
			n++
		}
	}
	return n
}

// Stats are counted from the start.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Packets: l.dir.packets, Refused: maps.Clone(l.dir.refused)}
}

// Close leaves the groups, and returns when nothing is read any more.
func (l *Listener) Close() {
	l.closeEars()
	l.wg.Wait()
}

func (l *Listener) closeEars() {
	for _, e := range l.ears {
		_ = e.conn.Close()
	}
}
