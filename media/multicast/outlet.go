package multicast

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/media/terms"
)

// outlet is the sockets of a distribution on one interface. The pair that it sends by also takes what receivers send to its address alone;
// what they send to an any-source group comes by a third.
type outlet struct {
	rtp, rtcp udp.Socket
	group     *udp.Socket    // nil: none
	self      netip.AddrPort // where its RTCP comes from
	index     int            // of the interface; 0: the route's

	to, toRTCP     udp.Destination
	list, listRTCP *udp.List // nil: it is a group
	listeners      int
}

// pairTries bounds the search for a port whose successor is free too.
const pairTries = 64

// longestPosted is how many listeners a list has at most whose packets go out with those of others: more take a system call that is theirs alone anyway.
const longestPosted = 8

// openOutlet opens what c needs, from port where that is not 0 and free.
func openOutlet(c *Config, port uint16) (*outlet, error) {
	o := &outlet{}
	if c.Path.Interface != "" {
		link, err := udp.LinkNamed(c.Path.Interface)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPath, err)
		}
		if !link.Up {
			return nil, fmt.Errorf("interface %q is down: %w", c.Path.Interface, ErrPath)
		}
		o.index = link.Index
	}
	route := c.route(o.index)
	source := c.Path.Source
	if !source.IsValid() {
		var err error
		if source, err = udp.SourceFor(c.first(), route); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPath, err)
		}
	}
	if err := o.bind(source, port, route); err != nil {
		return nil, fmt.Errorf("%w: from %s: %w", ErrPath, source, err)
	}
	if err := o.aim(c, route); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

// bind opens the pair: at port, or else at any even one with its successor (RFC 3550 §11).
func (o *outlet) bind(source netip.Addr, port uint16, route udp.Route) error {
	var last error
	for range pairTries {
		rtp, err := udp.OpenSender(source, port, route)
		if err != nil {
			if port != 0 && udp.IsPortTaken(err) {
				port = 0
				continue
			}
			return err
		}
		port = 0
		local, err := rtp.Local()
		if err == nil && local.Port()%2 == 0 {
			var rtcp udp.Socket
			if rtcp, err = udp.OpenSender(source, local.Port()+1, route); err == nil {
				o.rtp, o.rtcp, o.self = rtp, rtcp, udp.Plain(netip.AddrPortFrom(source, local.Port()+1))
				return nil
			}
		}
		last = errors.Join(err, rtp.Close())
		if last != nil && !udp.IsPortTaken(last) {
			return last
		}
	}
	return errors.Join(errors.New("no pair of ports is free"), last)
}

func (o *outlet) aim(c *Config, route udp.Route) error {
	if !c.Group.IsValid() {
		o.list, o.listRTCP, o.listeners = &udp.List{}, &udp.List{}, len(c.Listeners)
		next := make([]netip.AddrPort, len(c.Listeners))
		for i, a := range c.Listeners {
			next[i] = nextPort(a)
		}
		o.list.Init(o.rtp, c.Listeners)
		o.listRTCP.Init(o.rtcp, next)
		return nil
	}
	o.to, o.toRTCP = o.rtp.ToGroup(c.Group), o.rtcp.ToGroup(nextPort(c.Group))
	if terms.SourceSpecific(c.Group.Addr()) {
		return nil
	}
	group, err := udp.OpenMember(nextPort(c.Group), nil, route)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPath, err)
	}
	o.group = &group
	return nil
}

func nextPort(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// port is that of RTP.
func (o *outlet) port() uint16 { return o.self.Port() - 1 }

// sendRTP sends one packet, at once, and says to how many it has gone, and has not.
func (o *outlet) sendRTP(packet []byte) (sent, failed int) {
	if o.list != nil {
		sent = o.list.Send(o.rtp, packet)
		return sent, o.listeners - sent
	}
	if !o.rtp.Send(packet, &o.to) {
		return 0, 1
	}
	return 1, 0
}

// postRTP has one packet go out with what others send, and returns to how many; 0: it does not, since a call of its own for all of a long list costs no more.
func (o *outlet) postRTP(packet []byte, by udp.Poster, out *udp.Outbox) (posted int) {
	if o.list != nil {
		if o.listeners > longestPosted {
			return 0
		}
		o.list.Post(o.rtp, packet, by, out)
		return o.listeners
	}
	out.Post(o.rtp, packet, &o.to, by)
	return 1
}

func (o *outlet) sendRTCP(packet []byte) bool {
	if o.list != nil {
		return o.listRTCP.Send(o.rtcp, packet) > 0
	}
	return o.rtcp.Send(packet, &o.toRTCP)
}

func (o *outlet) close() error {
	err := errors.Join(o.rtp.Close(), o.rtcp.Close())
	if o.group != nil {
		err = errors.Join(err, o.group.Close())
	}
	return err
}
