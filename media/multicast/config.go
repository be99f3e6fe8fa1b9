package multicast

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
)

// Config says where a distribution goes and what it is. Either Group or Listeners is given.
type Config struct {
	// Group is where RTP goes, to an even port; RTCP goes to the next (RFC 3550 §11).
	Group netip.AddrPort
	// Listeners are single hosts that are sent the same, each at an even port, all IPv4 or all IPv6.
	Listeners []netip.AddrPort
	Path      Path
	Profile   codec.Profile
	// PayloadType is what the sound is sent under.
	PayloadType uint8
	// Noise is the payload type of comfort noise (RFC 3389), which is sent as a silence begins and every 200 ms of it, so that the stream
	// never stops; 0: nothing is sent in silence. It is for codecs with a clock of 8000 Hz.
	Noise    uint8
	Identity Identity
	// Key encrypts RTP and RTCP (RFC 3711, RFC 7714); nil: they are sent in the clear. Of an encrypted group the receivers' reports are
	// not read. Before its sequence would begin anew it takes another SSRC: who joins knows nothing of how often that was (RFC 3711 §3.3.1).
	Key *Key
	// Numbers are those of Key; nil: they are made. Who has several Senders with one key gives them the same.
	Numbers *Numbers
	// Notify is told what happens to the distribution, one event after the other, on a goroutine of the Sender's own. It must return
	// before the next can be told; what does not wait in a queue of 16 is lost. nil: nobody is told.
	Notify func(Event)
	// Patient says that an interface that is not there yet, or is down, is waited for: Open succeeds, and the distribution begins as one that is
	// down.
	Patient bool

	every time.Duration // between two looks at the path; 0 means keeperEvery
}

// Path is the way out. The zero value is the kernel's route, one hop far, expedited.
type Path struct {
	Interface string     // its name; empty: the route's
	Source    netip.Addr // the address of ours to send from; not valid: the route's. Source-specific groups are known by it (RFC 4607)
	TTL       int        // or hop limit, 1 to 255; 0 means 1 to groups and 64 to listeners
	DSCP      int        // 1 to 63; 0 means 46, expedited (RFC 3246), and −1 none
	Loopback  bool       // who listens on this host hears it too
}

// Identity is how a distribution is known to its receivers. What is zero is drawn by chance (RFC 3550 §5.1, RFC 7022).
type Identity struct {
	SSRC  uint32
	CNAME string // up to 255 bytes
	Name  string // shown to people: the room's; up to 255 bytes, empty: none
	// Sequence and Timestamp are those of the first packet, where Begun is set.
	Sequence  uint16
	Timestamp uint32
	Begun     bool
}

const (
	maxListeners = 1024
	maxItem      = 255 // RFC 3550 §6.5
	noiseClockHz = 8000
	// unicastHops are for listeners, as the kernel's own default is.
	unicastHops = 64
)

// Validate says all that is wrong with c (ErrInvalid).
func (c *Config) Validate() error {
	return errors.Join(c.validateTarget(), c.Path.validate(c.isIPv4()), c.validateSound(), c.Key.validate())
}

// plain has addresses as sockets compare them, IPv4 in IPv6 as IPv4.
func (c *Config) plain() {
	if c.Group.IsValid() {
		c.Group = udp.Plain(c.Group)
	}
	c.Listeners = slices.Clone(c.Listeners)
	for i, a := range c.Listeners {
		c.Listeners[i] = udp.Plain(a)
	}
	if c.Path.Source.IsValid() {
		c.Path.Source = c.Path.Source.Unmap()
	}
}

func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrInvalid)...)
}

func (c *Config) validateTarget() error {
	switch {
	case c.Group.IsValid() == (len(c.Listeners) > 0):
		return invalid("either a group or listeners")
	case len(c.Listeners) > maxListeners:
		return invalid("%d listeners, %d are possible", len(c.Listeners), maxListeners)
	case !c.Group.IsValid():
		return c.validateListeners()
	case !c.Group.Addr().IsMulticast():
		return invalid("%s is no group", c.Group.Addr())
	}
	return validatePort(c.Group)
}

func (c *Config) validateListeners() error {
	seen := make(map[netip.AddrPort]bool, len(c.Listeners))
	for _, a := range c.Listeners {
		switch {
		case !udp.Reachable(a):
			return invalid("%s is no address of a listener", a)
		case a.Addr().Is4() != c.isIPv4():
			return invalid("listeners of IPv4 and of IPv6 in one distribution")
		case seen[a]:
			return invalid("%s is in the list twice", a)
		}
		seen[a] = true
		if err := validatePort(a); err != nil {
			return err
		}
	}
	return nil
}

func validatePort(a netip.AddrPort) error {
	if a.Port()%2 != 0 || a.Port() == 0 {
		return invalid("port %d of %s is not even", a.Port(), a.Addr())
	}
	return nil
}

func (c *Config) isIPv4() bool { return c.first().Addr().Is4() }

// first is the group, or the first listener.
func (c *Config) first() netip.AddrPort {
	if c.Group.IsValid() || len(c.Listeners) == 0 {
		return c.Group
	}
	return c.Listeners[0]
}

func (p *Path) validate(isIPv4 bool) error {
	var errs []error
	if p.TTL < 0 || p.TTL > 255 {
		errs = append(errs, invalid("TTL %d is not 1 to 255", p.TTL))
	}
	if p.DSCP < -1 || p.DSCP > 63 {
		errs = append(errs, invalid("DSCP %d is not 1 to 63", p.DSCP))
	}
	if s := p.Source; s.IsValid() && (s.Is4() != isIPv4 || s.IsMulticast() || s.IsUnspecified()) {
		errs = append(errs, invalid("nothing can be sent from %s", s))
	}
	return errors.Join(errs...)
}

func (c *Config) validateSound() error {
	var errs []error
	if err := c.Profile.Format.Valid(); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	if c.PayloadType > 127 || c.PayloadType >= 64 && c.PayloadType < 96 { // those look like RTCP (RFC 5761 §4)
		errs = append(errs, invalid("payload type %d", c.PayloadType))
	}
	if c.Noise != 0 && (c.Noise > 127 || c.Noise == c.PayloadType || c.Profile.ClockRateHz != noiseClockHz) {
		errs = append(errs, invalid("comfort noise as payload type %d of %s", c.Noise, c.Profile.Name))
	}
	if len(c.Identity.CNAME) > maxItem || len(c.Identity.Name) > maxItem {
		errs = append(errs, invalid("a CNAME of %d bytes, a name of %d", len(c.Identity.CNAME), len(c.Identity.Name)))
	}
	return errors.Join(errs...)
}

// route is the path as sockets take it.
func (c *Config) route(index int) udp.Route {
	r := udp.Route{Interface: index, Hops: c.Path.TTL, DSCP: c.Path.DSCP, Loopback: c.Path.Loopback}
	switch r.DSCP {
	case 0:
		r.DSCP = udp.Expedited
	case -1:
		r.DSCP = 0
	}
	if r.Hops == 0 {
		r.Hops = 1
		if !c.Group.IsValid() {
			r.Hops = unicastHops
		}
	}
	return r
}
