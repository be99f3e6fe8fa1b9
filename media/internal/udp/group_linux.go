package udp

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Options of <linux/in.h> and <linux/in6.h> that package unix does not name.
const (
	ipMulticastAll   = 49
	ipv6MulticastAll = 29
)

// Route is the way out to groups, or to single hosts. The zero value is the kernel's choice, one hop far.
type Route struct {
	Interface int // its index; 0: the route's
	Hops      int // TTL or hop limit, 1 to 255; 0 means 1
	DSCP      int
	Loopback  bool // what is sent is heard on this host too
}

// OpenSender binds port at ip, to send by r.
func OpenSender(ip netip.Addr, port uint16, r Route) (Socket, error) {
	s, err := open(ip)
	if err != nil {
		return Socket{}, err
	}
	if ip.Is6() && s.scope == 0 {
		s.scope = uint32(r.Interface)
	}
	if err := errors.Join(s.setUp(), s.route(r), s.bind(ip, port)); err != nil {
		return Socket{}, errors.Join(err, s.Close())
	}
	return s, nil
}

// option is one of a socket: of level, by IPv4's and IPv6's numbers.
type option struct {
	name   string
	v4, v6 int
	value  int
}

func (s Socket) set(options ...option) error {
	for _, o := range options {
		level, name := unix.IPPROTO_IP, o.v4
		if !s.V4 {
			level, name = unix.IPPROTO_IPV6, o.v6
		}
		if err := unix.SetsockoptInt(s.FD, level, name, o.value); err != nil {
			return fmt.Errorf("%s of %d: %w", o.name, o.value, err)
		}
	}
	return nil
}

func (s Socket) route(r Route) error {
	loop := 0
	if r.Loopback {
		loop = 1
	}
	err := s.set(
		option{"DSCP", unix.IP_TOS, unix.IPV6_TCLASS, r.DSCP << 2},
		option{"hop limit to groups", unix.IP_MULTICAST_TTL, unix.IPV6_MULTICAST_HOPS, max(r.Hops, 1)},
		option{"hop limit to single hosts", unix.IP_TTL, unix.IPV6_UNICAST_HOPS, max(r.Hops, 1)},
		option{"multicast loopback", unix.IP_MULTICAST_LOOP, unix.IPV6_MULTICAST_LOOP, loop},
	)
	if err != nil || r.Interface == 0 {
		return err
	}
	if s.V4 {
		err = unix.SetsockoptIPMreqn(s.FD, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(r.Interface)})
	} else {
		err = unix.SetsockoptInt(s.FD, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, r.Interface)
	}
	if err != nil {
		return fmt.Errorf("multicast by interface %d: %w", r.Interface, err)
	}
	return nil
}

// OpenMember binds group's port at group itself, so that other groups on that port are not heard, and joins it on the interface of r,
// whose hops and loopback are for what is sent. Sources are whom it is heard from (RFC 4607), by IGMPv3 or MLDv2; none: from
// all. Other sockets may be bound to the same.
func OpenMember(group netip.AddrPort, sources []netip.Addr, r Route) (Socket, error) {
	s, err := open(group.Addr().WithZone(""))
	if err != nil {
		return Socket{}, err
	}
	if !s.V4 {
		s.scope = uint32(r.Interface)
	}
	if err := errors.Join(s.setUp(), s.route(r), s.join(group, sources, r.Interface)); err != nil {
		return Socket{}, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s Socket) join(group netip.AddrPort, sources []netip.Addr, index int) error {
	if err := unix.SetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fmt.Errorf("SO_REUSEADDR: %w", err)
	}
	// Without it the kernel also brings what others on this host have joined on other interfaces.
	if err := s.set(option{"only groups of its own", ipMulticastAll, ipv6MulticastAll, 0}); err != nil {
		return err
	}
	if err := s.bind(group.Addr().WithZone(""), group.Port()); err != nil {
		return err
	}
	if len(sources) == 0 {
		req := groupRequest{index: uint32(index), group: storageOf(group.Addr())}
		return s.request("join group", unix.MCAST_JOIN_GROUP, unsafe.Pointer(&req), unsafe.Sizeof(req))
	}
	for _, source := range sources {
		req := sourceRequest{groupRequest{index: uint32(index), group: storageOf(group.Addr())}, storageOf(source)}
		if err := s.request("join source of group", unix.MCAST_JOIN_SOURCE_GROUP, unsafe.Pointer(&req), unsafe.Sizeof(req)); err != nil {
			return err
		}
	}
	return nil
}

// storage is struct sockaddr_storage, aligned as the kernel wants it.
type storage struct {
	raw unix.RawSockaddrInet6
	_   [128 - unix.SizeofSockaddrInet6]byte
}

// groupRequest is struct group_req, sourceRequest struct group_source_req (RFC 3678 §5.1).
type groupRequest struct {
	index uint32
	_     [4]byte // storage begins at a multiple of 8
	group storage
}

type sourceRequest struct {
	groupRequest
	source storage
}

func storageOf(a netip.Addr) storage {
	return storage{raw: raw(netip.AddrPortFrom(a, 0), 0).raw}
}

func (s Socket) request(what string, name int, req unsafe.Pointer, size uintptr) error {
	level := unix.IPPROTO_IP
	if !s.V4 {
		level = unix.IPPROTO_IPV6
	}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(s.FD), uintptr(level), uintptr(name), uintptr(req), size, 0)
	if errno != 0 {
		return fmt.Errorf("%s: %w", what, errno)
	}
	return nil
}

// ToGroup translates the address of a group; what is none becomes nowhere.
func (s Socket) ToGroup(group netip.AddrPort) (d Destination) {
	if !group.Addr().IsMulticast() || group.Port() == 0 || group.Addr().Is4() != s.V4 {
		return d
	}
	return raw(group, s.scope)
}

// SourceFor is the address that what is sent to a comes from, by the kernel's routes and r. It has the zone of r where it is
// of the link alone.
func SourceFor(a netip.AddrPort, r Route) (netip.Addr, error) {
	s, err := open(a.Addr().WithZone(""))
	if err != nil {
		return netip.Addr{}, err
	}
	defer func() { _ = s.Close() }()
	if err := s.route(r); err != nil {
		return netip.Addr{}, err
	}
	if err := unix.Connect(s.FD, sockaddr(a, uint32(r.Interface))); err != nil {
		return netip.Addr{}, fmt.Errorf("route to %s: %w", a, err)
	}
	local, err := s.Local()
	if err != nil {
		return netip.Addr{}, err
	}
	if ip := local.Addr(); ip.Is6() && ip.IsLinkLocalUnicast() && r.Interface != 0 {
		return ip.WithZone(fmt.Sprint(r.Interface)), nil
	}
	return local.Addr(), nil
}

// Link is an interface as it is now.
type Link struct {
	Index int
	Up    bool // and something is plugged in
}

// LinkNamed looks at an interface; it fails where there is none of that name.
func LinkNamed(name string) (Link, error) {
	l, err := OpenLinks()
	if err != nil {
		return Link{}, err
	}
	defer func() { _ = l.Close() }()
	return l.Named(name)
}

// Links looks at interfaces again and again: it keeps the socket to ask the kernel by, which costs more than to ask.
type Links struct{ fd int }

// OpenLinks opens one, in the network namespace of its thread.
func OpenLinks() (Links, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Links{}, fmt.Errorf("socket: %w", err)
	}
	return Links{fd}, nil
}

// Named is LinkNamed. It asks the kernel for that one alone.
func (l Links) Named(name string) (Link, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return Link{}, fmt.Errorf("interface %q: %w", name, err)
	}
	if err := unix.IoctlIfreq(l.fd, unix.SIOCGIFINDEX, req); err != nil {
		return Link{}, fmt.Errorf("interface %q: %w", name, err)
	}
	index := int(req.Uint32())
	if err := unix.IoctlIfreq(l.fd, unix.SIOCGIFFLAGS, req); err != nil {
		return Link{}, fmt.Errorf("interface %q: %w", name, err)
	}
	const ready = unix.IFF_UP | unix.IFF_RUNNING
	return Link{Index: index, Up: req.Uint16()&ready == ready}, nil
}

// Close gives the socket back.
func (l Links) Close() error { return unix.Close(l.fd) }
