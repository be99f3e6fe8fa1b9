package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/confbridge/confbridge/sipua/message"
)

// listenAll opens all listeners.
func (m *Manager) listenAll(ctx context.Context) (err error) {
	if m.shown, err = parseShown(m.cfg.Advertise, m.cfg.External); err != nil {
		return err
	}
	if err := m.openCerts(); err != nil {
		return err
	}
	for _, l := range m.cfg.listeners() {
		s, err := parseShown(l.Advertise, l.External)
		if err == nil {
			err = m.listen(ctx, l.URL)
		}
		if err != nil {
			return err
		}
		m.shownAt = append(m.shownAt, s)
	}
	return nil
}

// openCerts reads the certificates.
func (m *Manager) openCerts() (err error) {
	var hosts []string
	serve := false
	for _, l := range m.cfg.listeners() {
		name, addr, err := m.parseListen(l.URL)
		if err != nil {
			return err
		}
		serve = serve || name == "TLS" || name == "WSS"
		if s, err := parseShown(l.Advertise, nil); err == nil {
			hosts = append(hosts, s.host)
		}
		if !addr.Addr().IsUnspecified() {
			hosts = append(hosts, addr.Addr().String())
		}
	}
	m.certs, err = newCerts(m.cfg.TLS, hosts, serve, m.cfg.Log)
	return err
}

// listen opens one URL.
func (m *Manager) listen(ctx context.Context, url string) error {
	name, addr, err := m.parseListen(url)
	if err != nil {
		return err
	}
	if name == "UDP" {
		err = m.listenUDP(ctx, addr)
	} else {
		err = m.listenStream(ctx, name, addr)
	}
	if err != nil {
		return listenError(url, addr, err)
	}
	return nil
}

// parseListen reads "udp://0.0.0.0:5060". An empty host is all IPv4 addresses; no port is the transport's default.
func (m *Manager) parseListen(url string) (name string, addr netip.AddrPort, err error) {
	wrong := func(why string) (string, netip.AddrPort, error) {
		return "", netip.AddrPort{}, fmt.Errorf("%w: listen %q: %s", ErrConfig, url, why)
	}
	scheme, rest, ok := strings.Cut(url, "://")
	name = strings.ToUpper(scheme)
	if !ok {
		return wrong("want a form such as udp://0.0.0.0:5060")
	}
	if _, known := m.stream(name); !known && name != "UDP" {
		return wrong("unknown transport " + strconv.Quote(scheme))
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		host, port = strings.Trim(rest, "[]"), strconv.Itoa(defaultListenPort(name))
	}
	if host == "" {
		host = "0.0.0.0"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return wrong("the host must be an IP address of this machine")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return wrong("the port must be a number from 0 to 65535")
	}
	return name, netip.AddrPortFrom(ip.Unmap(), uint16(n)), nil
}

// listenError says what is wrong in a way that helps.
func listenError(url string, addr netip.AddrPort, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen %s: %w: another program has port %d, maybe another bridge or a PBX; find it with "+
			"\"ss -lnptu sport = :%d\", stop it, or choose another port", url, ErrAddressUsed, addr.Port(), addr.Port())
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("listen %s: this machine has no address %s: %w", url, addr.Addr(), err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen %s: no permission for port %d; ports below 1024 need a privilege: %w", url, addr.Port(), err)
	}
	return fmt.Errorf("listen %s: %w", url, err)
}

// network is "udp4", "tcp6", ...: each socket is of one family, so that "0.0.0.0" and "[::]" can be open side by side.
func network(base string, ip netip.Addr) string {
	if ip.Is4() {
		return base + "4"
	}
	return base + "6"
}

// LocalIP is the address of ours that a peer is reached from, for SDP and Contact: no packet is sent to find it. It is
// one that we listen on.
func (m *Manager) LocalIP(peer netip.Addr) (netip.Addr, error) {
	peer = peer.Unmap()
	var ours []netip.Addr
	for _, t := range m.addrs {
		if a := t.Addr.Addr(); a.Is4() == peer.Is4() && !slices.Contains(ours, a) {
			ours = append(ours, a)
		}
	}
	if len(ours) == 0 {
		return netip.Addr{}, fmt.Errorf("%s: %w", peer, ErrNoListener)
	}
	if len(ours) == 1 && !ours[0].IsUnspecified() {
		return ours[0], nil
	}
	local, err := probe(m.ctx, peer)
	if err != nil || slices.Contains(ours, local) || slices.ContainsFunc(ours, netip.Addr.IsUnspecified) {
		return local, err
	}
	return ours[0], nil
}

// Route is the address of ours that packets to a peer leave from, whether or not we listen on it: for the media of a peer that does not
// talk by the address it signals by.
func (m *Manager) Route(peer netip.Addr) (netip.Addr, error) { return probe(m.ctx, peer.Unmap()) }

// probe asks the kernel's routing table by connecting a UDP socket.
func probe(ctx context.Context, peer netip.Addr) (netip.Addr, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network("udp", peer), netip.AddrPortFrom(peer, 9).String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("no way to %s: %w", peer, err)
	}
	defer func() { _ = c.Close() }()
	return addrPort(c.LocalAddr()).Addr(), nil
}

// addrPort is the address of a socket; IPv4 is never in its IPv6 form.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	if a, ok := a.(interface{ AddrPort() netip.AddrPort }); ok { // *net.UDPAddr, *net.TCPAddr, and who does as they do
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// TransportOf is the transport that a sip or sips URI names: by its transport parameter; for sips the secure one of it (RFC 3261
// §26.2.2, RFC 7118 §5.2.2); else UDP, and TLS for sips. Names that are not known come back in upper case.
func TransportOf(u message.URI) string {
	p, _ := u.Param("transport")
	name := strings.ToUpper(p)
	if u.Scheme != "sips" {
		return cmp.Or(name, "UDP")
	}
	switch name {
	case "WS", "WSS":
		return "WSS"
	case "", "UDP", "TCP": // nothing secure is carried by UDP; TLS is what there is on TCP
		return "TLS"
	}
	return name
}
