package distributor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/confbridge/confbridge/media/multicast"
	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// running is a distribution that is on.
type running struct {
	name    name
	info    rooms.Info                // and
	dist    distribution.Distribution // are what is announced; the distributor's lock guards both
	sender  *multicast.Sender
	feeding *rooms.Feeding
	kept    bool // its room keeps it as it runs: it may be announced, and another name be looked up; the distributor's lock guards it
	stopped bool // by the distributor, which tells those who follow it itself; the distributor's lock guards it
	events  chan multicast.Event
	ended   chan struct{} // closed when all of it has
}

// eventsQueue is how many events of a distribution wait until they are told.
const eventsQueue = 16

// open has a distribution run. A patient one, which its room keeps, waits for its interface, and is announced; another one is once it is kept (settle).
func (d *Distributor) open(ctx context.Context, n name, dist distribution.Distribution, patient bool) error {
	feed, err := d.feedOf(ctx, dist)
	if err != nil {
		return err
	}
	info, err := d.rooms.Info(ctx, n.room)
	if err != nil {
		return err
	}
	cfg, err := senderConfig(info, dist)
	if err != nil {
		return err
	}
	r := &running{name: n, info: info, dist: dist, kept: patient, events: make(chan multicast.Event, eventsQueue), ended: make(chan struct{})}
	cfg.Patient = patient
	if cfg.Key != nil {
		cfg.Numbers = d.numbersOf(*cfg.Key, time.Now())
	}
	cfg.Notify = func(e multicast.Event) {
		select {
		case r.events <- e:
		case <-r.ended:
		}
	}
	if r.sender, err = multicast.Open(cfg); err != nil {
		if errors.Is(err, multicast.ErrPath) {
			err = fmt.Errorf("%w: %w", ErrPath, err)
		}
		return err
	}
	if r.feeding, err = d.rooms.Feed(ctx, n.room, r.sender, feed); err != nil {
		close(r.ended)
		return errors.Join(err, r.sender.Close())
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		r.feeding.Stop()
		close(r.ended)
		return fmt.Errorf("distribution %q: %w", n, rooms.ErrDraining)
	}
	d.running[n] = r
	d.tally.begin(r)
	d.showLocked()
	d.watchers.Go(func() { d.watch(context.WithoutCancel(ctx), r) })
	d.mu.Unlock()
	if patient {
		d.rename(ctx, r) // nobody has told of a name that the room was given before it had the feed
	}
	return nil
}

// feedOf is how a room has a distribution.
func (d *Distributor) feedOf(ctx context.Context, dist distribution.Distribution) (rooms.FeedConfig, error) {
	cfg := rooms.FeedConfig{ID: dist.ID, Occupied: dist.Occupied, Pauses: dist.Silence != distribution.SilenceSound}
	if dist.Opening == "" || d.cfg.Sounds == nil {
		return cfg, nil
	}
	c, err := d.cfg.Sounds.Clip(ctx, "", dist.Opening)
	if err != nil {
		return cfg, &distribution.Error{Field: "opening", Text: err.Error(), Err: distribution.ErrInvalid}
	}
	cfg.Opening = []*mixer.Clip{c}
	return cfg, nil
}

// senderConfig is a distribution in the words of package multicast.
func senderConfig(info rooms.Info, dist distribution.Distribution) (multicast.Config, error) {
	format, err := dist.Format()
	if err != nil {
		return multicast.Config{}, err
	}
	cfg := multicast.Config{
		Path:        pathOf(dist),
		Profile:     codec.Profile{Format: format, Packet: dist.Packet},
		PayloadType: dist.PayloadType(),
		Identity:    multicast.Identity{SSRC: dist.SSRC, Name: roomName(info)},
	}
	if group, ok := dist.Group(); ok {
		cfg.Group = group
	} else {
		cfg.Listeners = dist.To
	}
	if dist.Silence == distribution.SilenceNoise {
		cfg.Noise = distribution.NoiseType
	}
	if dist.Suite != distribution.SuiteNone {
		master, _ := dist.Suite.KeyBytes()
		cfg.Key = &multicast.Key{Suite: dist.Suite, Master: dist.Key[:master], Salt: dist.Key[master:]}
		// Another one each time, of the key's numbers: packets are counted anew, and two of one key, SSRC and count are encrypted by the same stream of bits (RFC 3711 §9.1).
		cfg.Identity.SSRC = 0
	}
	return cfg, nil
}

// pathOf is a distribution's way out in the words of package multicast.
func pathOf(dist distribution.Distribution) multicast.Path {
	p := multicast.Path{Interface: dist.Interface, Source: dist.Source, TTL: dist.TTL, DSCP: dist.DSCP, Loopback: dist.Loopback}
	if dist.DSCP == 0 {
		p.DSCP = -1
	}
	return p
}

// roomName is what a room is called to those who listen.
func roomName(info rooms.Info) string {
	if info.DisplayName != "" {
		return info.DisplayName
	}
	return info.Number
}

// watch tells the room what becomes of a distribution, until it has ended.
func (d *Distributor) watch(ctx context.Context, r *running) {
	for {
		select {
		case e := <-r.events:
			d.tell(r, e)
		case <-r.feeding.Renamed():
			d.rename(ctx, r)
		case <-r.feeding.Stopped():
			d.cfg.withdraw(r.name)
			close(r.ended)
			<-r.sender.Done()
			d.mu.Lock()
			d.tally.end(r)
			last := d.running[r.name] == r
			if last {
				delete(d.running, r.name)
				d.showLocked()
			}
			if last || !r.stopped { // not stopped: with its room; else who has begun to follow it since it was stopped would wait for ever
				d.changedLocked(r.name)
			}
			d.mu.Unlock()
			return
		}
	}
}

// rename has a distribution be known by its room's new name: to who listens (SDES), by its description, and to those who follow it. One that is not kept yet is looked at
// once it is.
func (d *Distributor) rename(ctx context.Context, r *running) {
	d.mu.Lock()
	kept := r.kept
	d.mu.Unlock()
	if !kept {
		return
	}
	info, dist, err := d.find(ctx, r.name.room, r.name.id)
	if err != nil {
		d.cfg.Log.Warn("a distribution keeps its room's old name", "room", r.name.room, "distribution", r.name.id, "err", err)
		return
	}
	d.settle(r, info, dist)
	d.changed(r.name)
}

// settle has a distribution be known as its room, which has that name, keeps it; what is older than what is known of it changes nothing.
func (d *Distributor) settle(r *running, info rooms.Info, kept distribution.Distribution) {
	d.mu.Lock()
	if !r.kept || kept.Version > r.dist.Version { // each name and each key has a greater version
		r.info, r.dist, r.kept = info, kept, true
	}
	d.mu.Unlock()
	d.announce(r)
}

// tell passes on what has happened to a distribution.
func (d *Distributor) tell(r *running, e multicast.Event) {
	log := d.cfg.Log.With("room", r.name.room, "distribution", r.name.id)
	switch e.Kind {
	case multicast.Down:
		log.Warn("a distribution is down", "err", e.Err)
		r.feeding.Tell(rooms.KindFeedDown)
	case multicast.Up:
		log.Info("a distribution is up")
		r.feeding.Tell(rooms.KindFeedUp)
		d.announce(r) // it could not be while its interface was not there
	case multicast.Collided:
		log.Warn("another sender had our SSRC; we have taken another", "ssrc", e.SSRC, "before", e.Before, "from", e.From)
	case multicast.Looped:
		log.Warn("what is distributed comes back from elsewhere", "ssrc", e.SSRC, "from", e.From)
	}
}

// announce has the network told of a distribution as it stands, if it is to be, and unless it has ended or is not kept yet, and who listens told of its room's name.
func (d *Distributor) announce(r *running) {
	for {
		d.mu.Lock()
		info, dist, kept := r.info, r.dist, r.kept
		d.mu.Unlock()
		if !kept {
			return
		}
		if err := r.sender.Rename(roomName(info)); err != nil {
			d.cfg.Log.Warn("who hears a distribution is told its room's old name", "room", r.name.room, "distribution", r.name.id, "err", err)
		}
		d.say(r.name, info, dist)
		d.mu.Lock()
		same := r.dist.Version == dist.Version
		d.mu.Unlock()
		if same {
			break
		}
	}
	select {
	case <-r.feeding.Stopped():
		d.cfg.withdraw(r.name)
	default:
	}
}

func (d *Distributor) say(n name, info rooms.Info, dist distribution.Distribution) {
	if _, group := dist.Group(); d.cfg.Announcer == nil || !dist.Announced || !group {
		d.cfg.withdraw(n)
		return
	}
	s, err := d.session(info, dist)
	if err == nil {
		err = d.cfg.Announcer.Announce(n.String(), sap.Announcement{Session: s, Interface: dist.Interface, TTL: dist.TTL})
	}
	if err != nil {
		d.cfg.Log.Error("a distribution is not announced", "room", n.room, "distribution", n.id, "err", err)
	}
}

func (c *Config) withdraw(n name) {
	if c.Announcer != nil {
		c.Announcer.Withdraw(n.String())
	}
}

// origin is the address of ours that a description names.
func (d *Distributor) origin(dist distribution.Distribution) netip.Addr {
	if dist.Source.IsValid() {
		return dist.Source
	}
	return d.cfg.Origin
}
