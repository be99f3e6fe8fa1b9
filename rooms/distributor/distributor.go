// Package distributor runs the distributions of rooms: it opens what rooms have among their settings (package rooms/distribution), gives it to the room as a
// feed, describes it as SDP, has it announced, and tells what becomes of it.
//
// It is an edge, as package sipua is: it knows rooms and RTP, and neither knows the other.
package distributor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/confbridge/confbridge/media/multicast"
	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// What can go wrong, besides distribution.ErrInvalid and distribution.ErrNotAllowed, those of package rooms, and the context's.
var (
	ErrNoDistribution = errors.New("no such distribution")
	ErrExists         = errors.New("distribution exists already")
	// ErrTaken says that another distribution goes there already.
	ErrTaken = errors.New("destination is taken")
	// ErrPath says that there is no way there: no such interface, or none that could send.
	ErrPath = errors.New("no way to the destination")
	// ErrClear says that a distribution is not encrypted, so there is no key to change.
	ErrClear = errors.New("distribution is not encrypted")
)

// Sounds has what opens pages.
type Sounds interface {
	Clip(ctx context.Context, voice, name string) (*mixer.Clip, error)
}

// Announcer tells the network which sessions there are: sap.Announcer.
type Announcer interface {
	Announce(key string, a sap.Announcement) error
	Withdraw(key string)
}

// Config is how a Distributor behaves.
type Config struct {
	Policy distribution.Policy
	// Sounds has what opens pages; nil: nothing does.
	Sounds Sounds
	// Announcer; nil: nothing is announced.
	Announcer Announcer
	// Origin is the address that descriptions name as that of who made them (RFC 8866 §5.2), where a distribution has no Source; not valid: that of the loopback.
	Origin netip.Addr
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

// Distributor runs the distributions of all rooms. Its methods are safe for concurrent use.
type Distributor struct {
	cfg   Config
	rooms *rooms.Registry
	turn  chan struct{} // one token for who changes distributions, each of which has to fit in with all others

	numbers map[string]*multicast.Numbers // by key; of who has the turn

	own atomic.Pointer[map[string][]*running] // by room; what is in it is never changed

	mu       sync.Mutex
	running  map[name]*running
	changes  map[name]chan struct{} // closed when one has changed; of those that somebody follows
	closed   bool
	watchers sync.WaitGroup
	tally    tally
}

// name is that of a distribution.
type name struct{ room, id string }

func (n name) String() string { return n.room + "/" + n.id }

// New returns one that runs nothing yet: Start does. Close is to be called in the end.
func New(cfg Config, reg *rooms.Registry) *Distributor {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if !cfg.Origin.IsValid() {
		cfg.Origin = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	d := &Distributor{cfg: cfg, rooms: reg, turn: make(chan struct{}, 1), running: map[name]*running{}, changes: map[name]chan struct{}{}, numbers: map[string]*multicast.Numbers{}}
	d.own.Store(&map[string][]*running{})
	return d
}

// pageOfRooms is how many rooms are looked at at once.
const pageOfRooms = 512

// Start runs what rooms have. What is not allowed any more, goes where another one goes, or cannot be opened, is logged and left out; it stays among the room's settings. An interface
// that is not there yet is waited for.
func (d *Distributor) Start(ctx context.Context) error {
	return d.inTurn(ctx, func() error {
		all, err := d.all(ctx)
		if err != nil {
			return err
		}
		var fitting []distribution.Distribution
		var names []name
		for _, n := range byAge(all) {
			dist := all[n]
			err := d.cfg.Policy.Allow(dist)
			if err == nil {
				err = d.cfg.Policy.AllowAll(append(fitting, dist))
			}
			for i := range fitting {
				err = cmp.Or(err, clash(dist, names[i], fitting[i]))
			}
			if err == nil {
				err = d.open(ctx, n, dist, true)
			}
			if err != nil {
				d.cfg.Log.Error("a distribution is left out", "room", n.room, "distribution", n.id, "err", err)
				continue
			}
			fitting, names = append(fitting, dist), append(names, n)
		}
		return nil
	})
}

// byAge are the names of distributions, the oldest first; those of the configuration file, which have no age, before all others.
func byAge(all map[name]distribution.Distribution) []name {
	return slices.SortedFunc(maps.Keys(all), func(a, b name) int {
		return cmp.Or(all[a].Created.Compare(all[b].Created), strings.Compare(a.String(), b.String()))
	})
}

// all are the distributions of all rooms.
func (d *Distributor) all(ctx context.Context) (map[name]distribution.Distribution, error) {
	all := map[name]distribution.Distribution{}
	for after := ""; ; {
		page, err := d.rooms.List(ctx, after, pageOfRooms)
		if err != nil {
			return nil, fmt.Errorf("list rooms: %w", err)
		}
		for _, info := range page {
			for _, dist := range info.Distributions.All() {
				all[name{info.Number, dist.ID}] = dist
			}
			after = info.Number
		}
		if len(page) < pageOfRooms {
			return all, nil
		}
	}
}

// inTurn runs change while no other change runs.
func (d *Distributor) inTurn(ctx context.Context, change func() error) error {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-d.turn }()
	return change()
}

// Close ends all distributions: receivers are told, and announcements are taken back. Its error is the context's.
func (d *Distributor) Close(ctx context.Context) error {
	return d.inTurn(ctx, func() error {
		d.mu.Lock()
		d.closed = true
		all := make([]*running, 0, len(d.running))
		for _, r := range d.running {
			all = append(all, r)
		}
		d.mu.Unlock()
		for _, r := range all {
			r.feeding.Stop()
		}
		ended := make(chan struct{})
		go func() { d.watchers.Wait(); close(ended) }()
		select {
		case <-ended:
			return d.fresh(ctx)
		case <-ctx.Done():
			return fmt.Errorf("distributions: %w", context.Cause(ctx))
		}
	})
}
