package distributor

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/confbridge/confbridge/media/multicast"
	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// View is a distribution as it stands.
type View struct {
	Room string
	distribution.Distribution
	// Runs says that it is on: one that is not could not be opened, which is in the log.
	Runs bool
	// Stats are of a distribution that is on.
	Stats multicast.Stats
}

// Get is one distribution (rooms.ErrNoRoom, ErrNoDistribution).
func (d *Distributor) Get(ctx context.Context, room, id string) (View, error) {
	_, dist, err := d.find(ctx, room, id)
	if err != nil {
		return View{}, err
	}
	return d.view(room, dist), nil
}

// List is a room's, in order of ID (rooms.ErrNoRoom).
func (d *Distributor) List(ctx context.Context, room string) ([]View, error) {
	info, err := d.rooms.Info(ctx, room)
	if err != nil {
		return nil, err
	}
	var all []View
	for _, dist := range info.Distributions.All() {
		all = append(all, d.view(room, dist))
	}
	return all, nil
}

// Own says which of a room's distributions is sent under an SSRC, if one is. It is called for packets that come in, in the tick: it does not wait.
func (d *Distributor) Own(room string, ssrc uint32) (id string, own bool) {
	for _, r := range (*d.own.Load())[room] {
		if r.sender.SSRC() == ssrc {
			return r.name.id, true
		}
	}
	return "", false
}

// showLocked has Own know what runs.
func (d *Distributor) showLocked() {
	own := make(map[string][]*running)
	for n, r := range d.running {
		own[n.room] = append(own[n.room], r)
	}
	d.own.Store(&own)
}

func (d *Distributor) view(room string, dist distribution.Distribution) View {
	v := View{Room: room, Distribution: dist}
	if r := d.runningOf(name{room, dist.ID}); r != nil {
		v.Runs, v.Stats = true, r.sender.Stats()
	}
	return v
}

// find looks a distribution up.
func (d *Distributor) find(ctx context.Context, room, id string) (rooms.Info, distribution.Distribution, error) {
	info, err := d.rooms.Info(ctx, room)
	if err != nil {
		return rooms.Info{}, distribution.Distribution{}, err
	}
	dist, there := info.Distributions.Find(id)
	if !there {
		return rooms.Info{}, distribution.Distribution{}, fmt.Errorf("room %q: distribution %q: %w", room, id, ErrNoDistribution)
	}
	return info, dist, nil
}

// Describe is a distribution's description for players (rooms.ErrNoRoom, ErrNoDistribution). It has the key, if there is one.
func (d *Distributor) Describe(ctx context.Context, room, id string) (session.Session, error) {
	info, dist, err := d.find(ctx, room, id)
	if err != nil {
		return session.Session{}, err
	}
	return d.session(info, dist)
}

// session describes a distribution. Of a list of listeners it describes the stream to the first: each has the same at its own address.
func (d *Distributor) session(info rooms.Info, dist distribution.Distribution) (session.Session, error) {
	format, err := dist.Format()
	if err != nil {
		return session.Session{}, err
	}
	s := session.Session{
		ID: dist.Session, Version: dist.Version, Name: roomName(info), Origin: d.origin(dist), Group: dist.To[0],
		Stream: session.Stream{PayloadType: dist.PayloadType(), Format: format, Packet: dist.Packet},
	}
	if group, ok := dist.Group(); ok {
		if group.Addr().Is4() {
			s.TTL = dist.TTL
		}
		if dist.Source.IsValid() {
			s.Sources = []netip.Addr{dist.Source}
		}
	}
	if dist.Suite != distribution.SuiteNone {
		s.Key = session.Key{Suite: string(dist.Suite), Master: dist.Key}
	}
	return s, nil
}
