package transport

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

func TestSocketsOnAllAddressesAnswerFromTheOneAsked(t *testing.T) {
	m, e := open(t, listenOn("udp://0.0.0.0:0 tcp://0.0.0.0:0"))
	port := m.Addrs()[0].Addr.Port()
	for _, ip := range []string{"127.0.0.1", "127.0.0.2"} { // all of 127/8 is ours on Linux
		to := netip.AddrPortFrom(netip.MustParseAddr(ip), port)
		c := call(t, Target{Transport: "UDP", Addr: to})
		c.say("%s\n", options("UDP 10.0.0.1;rport;branch=z9hG4bK1", 1))
		r := e.next(t)
		if r.flow.Local != to || r.flow.SentBy.Host != ip {
			t.Errorf("got %+v, want local %v", r.flow, to)
		}
		if err := m.Respond(r.flow, r.msg.Via[0], []byte("pong")); err != nil {
			t.Fatal(err)
		}
		if got := c.hear(); got != "pong" {
			t.Errorf("got %q", got)
		}
	}
	ip, err := m.LocalIP(netip.MustParseAddr("127.0.0.1"))
	if err != nil || ip.String() != "127.0.0.1" {
		t.Errorf("LocalIP: got %v, %v", ip, err)
	}
	f, err := m.Open(Target{Transport: "UDP", Addr: netip.MustParseAddrPort("127.0.0.1:9")})
	if err != nil || f.SentBy != (HostPort{"127.0.0.1", int(port)}) || f.Reliable() {
		t.Errorf("Open: got %+v, %v", f, err)
	}
	f, err = m.Open(Target{Transport: "TCP", Addr: netip.MustParseAddrPort("127.0.0.1:" + strconv.Itoa(int(m.Addrs()[1].Addr.Port())))})
	if err != nil || f.SentBy.Host != "127.0.0.1" || !f.Reliable() {
		t.Errorf("Open: got %+v, %v", f, err)
	}
}

func TestIPv6(t *testing.T) {
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6:", err)
	} else {
		_ = c.Close()
	}
	m, e := open(t, listenOn("udp://[::]:0 tcp://[::1]:0"))
	for _, l := range m.Addrs() {
		c := call(t, Target{Transport: l.Transport, Addr: netip.AddrPortFrom(netip.IPv6Loopback(), l.Addr.Port())})
		c.say("%sl: 0\n\n", options(l.Transport+" [2001:db8::9];rport;branch=z9hG4bK1", 1))
		r := e.next(t)
		if r.flow.SentBy.Host != "::1" || r.msg.Via[0].Received() != "::1" {
			t.Errorf("got %+v %+v", r.flow, r.msg.Via[0])
		}
		if err := m.Respond(r.flow, r.msg.Via[0], []byte("pong")); err != nil {
			t.Fatal(err)
		}
		if got := c.hear(); got != "pong" {
			t.Errorf("got %q", got)
		}
	}
}

func TestListenErrorsHelp(t *testing.T) {
	m, _ := open(t, listenOn(both))
	for _, a := range m.Addrs() {
		_, err := Listen(t.Context(), Config{Listen: []string{"udp://127.0.0.1:0", a.String()}})
		if !errors.Is(err, ErrAddressUsed) || !strings.Contains(err.Error(), a.String()) || !strings.Contains(err.Error(), "ss -lnptu sport = :") {
			t.Errorf("got %v", err)
		}
	}
	for url, want := range map[string]string{
		"127.0.0.1:5060":          "want a form such as udp://0.0.0.0:5060",
		"smtp://127.0.0.1:25":     `unknown transport "smtp"`,
		"udp://host.invalid:5060": "must be an IP address",
		"udp://127.0.0.1:70000":   "port must be a number",
		"udp://192.0.2.77:0":      "this machine has no address 192.0.2.77",
	} {
		if _, err := Listen(t.Context(), Config{Listen: []string{url}}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: got %v", url, err)
		}
	}
	if _, err := Listen(t.Context(), Config{Listen: []string{"udp://x:1"}}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v, want ErrConfig", err)
	}
}
