// Package netns makes small networks for tests: hosts in network namespaces of their own, joined by a switch that forwards a group only to
// who has joined it (IGMPv3 and MLDv2 snooping). Nothing of it is seen by the machine's own interfaces.
//
//	network := netns.New(t, "source", "ear")
//	network.Host("ear").Do(func() { conn, err = net.ListenMulticastUDP(...) })
//	out, err := network.Host("source").Command("ffmpeg", ...).CombinedOutput()
//
// It needs root and iproute2, and fails the test without them.
package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Interface is what each host's only interface beside the loopback is called.
const Interface = "eth0"

// maxHosts is how many hosts have an address.
const maxHosts = 200

// answerTime is what the switch leaves for answers to its questions.
const answerTime = 100 * time.Millisecond

// networks counts those of this process, so that each has names of its own.
var networks atomic.Int32

// Network is hosts on one switch. It is taken away at the end of the test.
type Network struct {
	t     testing.TB
	name  string // what its namespaces are called, with a dash and the host's name behind it
	hosts map[string]*Host
	names []string // of those, by their ports
	sw    *Host
}

// Host is one of them.
type Host struct {
	t testing.TB
	// Name is the one it was given; Namespace is the system's (ip netns).
	Name, Namespace string
	// IPv4 and IPv6 are its addresses: 192.0.2.1 and 2001:db8::1 for the first, and so on (RFC 5737, RFC 3849). There is a link-local
	// address too.
	IPv4, IPv6 netip.Addr
}

// New makes a network of as many hosts as there are names, of lower case letters and digits.
func New(t testing.TB, names ...string) *Network {
	t.Helper()
	if len(names) > maxHosts {
		t.Fatalf("netns: %d hosts, at most %d have an address", len(names), maxHosts)
	}
	n := &Network{t: t, name: fmt.Sprintf("cb%d-%d", os.Getpid(), networks.Add(1)), hosts: map[string]*Host{}, names: names}
	sw := n.add("switch")
	n.sw = sw
	// The switch asks who is there itself, as nothing is forwarded by membership before somebody does; and it floods until the time is over
	// that it leaves for answers, counted from when it is told to ask.
	sw.ip(fmt.Sprintf("link add switch type bridge mcast_snooping 1 mcast_igmp_version 3 mcast_mld_version 2 mcast_query_response_interval %d",
		answerTime/(10*time.Millisecond)),
		"link set switch addrgenmode none up",
		"addr add 192.0.2.254/24 dev switch",
		"addr add fe80::ff/64 dev switch nodad",
		"link set switch type bridge mcast_querier 1")
	knows := time.Now().Add(answerTime)
	for i, name := range names {
		h := n.add(name)
		h.IPv4, h.IPv6 = netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
		h.plug(sw, i)
		n.hosts[name] = h
	}
	time.Sleep(time.Until(knows)) // the kernel shows nothing that could be waited for
	return n
}

// Host is the one of that name.
func (n *Network) Host(name string) *Host {
	n.t.Helper()
	h, ok := n.hosts[name]
	if !ok {
		n.t.Fatalf("netns: there is no host %q", name)
	}
	return h
}

// Members are the names of the hosts that the switch forwards a group to because they have asked for it: of all sources, where source is not valid, or of that one.
func (n *Network) Members(group, source netip.Addr) (names []string) {
	n.t.Helper()
	out, err := exec.CommandContext(n.t.Context(), "ip", "netns", "exec", n.name+"-switch", "bridge", "-d", "mdb", "show").CombinedOutput()
	if err != nil {
		n.t.Fatalf("netns: %v\n%s", err, out)
	}
	want := " grp " + group.String() + " "
	if source.IsValid() {
		want += "src " + source.String() + " "
	}
	for i, name := range n.names {
		port := fmt.Sprintf(" port port%d ", i)
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, port) && strings.Contains(line, want) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// Switch is the host that all are plugged into: commands that ask it can be run there.
func (n *Network) Switch() *Host { return n.sw }

// add makes a namespace, which goes with the test.
func (n *Network) add(name string) *Host {
	n.t.Helper()
	h := &Host{t: n.t, Name: name, Namespace: n.name + "-" + name}
	if out, err := exec.CommandContext(h.t.Context(), "ip", "netns", "add", h.Namespace).CombinedOutput(); err != nil {
		n.t.Fatalf("netns: this test needs root and iproute2, to make network namespaces: %v\n%s", err, out)
	}
	n.t.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(n.t.Context()), "ip", "netns", "delete", h.Namespace).CombinedOutput(); err != nil {
			n.t.Errorf("netns: %v\n%s", err, out)
		}
	})
	return h
}

// plug connects h with a port of the switch and gives it its addresses. They are used at once, without a look at who else has them.
func (h *Host) plug(sw *Host, port int) {
	h.t.Helper()
	sw.ip(fmt.Sprintf("link add port%d type veth peer name %s netns %s", port, Interface, h.Namespace),
		fmt.Sprintf("link set port%d master switch up", port))
	h.ip("link set lo up",
		"link set "+Interface+" addrgenmode none up",
		fmt.Sprintf("addr add fe80::%x/64 dev %s nodad", port+1, Interface),
		fmt.Sprintf("addr add %v/24 dev %s", h.IPv4, Interface),
		fmt.Sprintf("addr add %v/64 dev %s nodad", h.IPv6, Interface),
		"route add default dev "+Interface)
}

// ip runs lines of the command ip in the namespace.
func (h *Host) ip(lines ...string) {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), "ip", "-n", h.Namespace, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("netns: %s: %v\n%s", h.Name, err, bytes.TrimSpace(out))
	}
}

// Do runs f in the host's namespace and waits for it. Sockets that f opens stay there, whoever uses them; goroutines that it starts do
// not. Where f ends the test (FailNow), so does Do.
func (h *Host) Do(f func()) {
	h.t.Helper()
	returned := false
	err := h.inside(func() {
		f()
		returned = true
	})
	switch {
	case err != nil:
		h.t.Fatalf("netns: %s: %v", h.Name, err)
	case !returned:
		h.t.FailNow()
	}
}

// inside runs f on a thread in the namespace, and waits for it. The thread comes back: one that ended would take the programs with it that have been started by it and
// are to end with whoever has started them (PR_SET_PDEATHSIG).
func (h *Host) inside(f func()) (err error) {
	done := make(chan struct{})
	go func() { // ends with f
		defer close(done)
		runtime.LockOSThread()
		home, failed := os.Open("/proc/thread-self/ns/net")
		if err = failed; err != nil {
			runtime.UnlockOSThread()
			return
		}
		defer func() { _ = home.Close() }()
		if err = h.enter(); err == nil {
			f()
		}
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil { // else nobody else may have the thread: it ends with this
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return err
}

// Dial connects from the host to an address in figures, as net.Dialer.DialContext does.
func (h *Host) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	failed := h.inside(func() { conn, err = new(net.Dialer).DialContext(ctx, network, address) })
	return conn, errors.Join(failed, err)
}

// enter takes the calling thread into the namespace.
func (h *Host) enter() error {
	file, err := os.Open("/run/netns/" + h.Namespace)
	if err != nil {
		return err
	}
	defer file.Close()
	return os.NewSyscallError("setns", unix.Setns(int(file.Fd()), unix.CLONE_NEWNET))
}

// Command is a program that runs in the host's namespace, until the end of the test at the latest. It is started by the caller.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	return exec.CommandContext(h.t.Context(), "ip", append([]string{"netns", "exec", h.Namespace, name}, args...)...)
}
