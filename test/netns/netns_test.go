package netns

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// memberOf opens a socket of h that hears a group and nothing else.
func memberOf(t *testing.T, h *Host, group netip.AddrPort) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	h.Do(func() {
		nic, err := net.InterfaceByName(Interface)
		if err != nil {
			t.Fatal(err)
		}
		if conn, err = net.ListenMulticastUDP("udp", nic, net.UDPAddrFromAddrPort(group)); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { conn.Close() })
	return conn
}

// sender opens a socket of h whose packets to groups go out of its interface.
func sender(t *testing.T, h *Host, from netip.Addr) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	h.Do(func() {
		nic, err := net.InterfaceByName(Interface)
		if err != nil {
			t.Fatal(err)
		}
		if conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))); err != nil {
			t.Fatal(err)
		}
		if from.Is4() {
			err = ipv4.NewPacketConn(conn).SetMulticastInterface(nic)
		} else {
			err = ipv6.NewPacketConn(conn).SetMulticastInterface(nic)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { conn.Close() })
	return conn
}

// came is how many packets of a group's address h's interface has taken in: what the switch has sent there, asked for or not.
func came(t *testing.T, h *Host, before int) int {
	t.Helper()
	out, err := h.Command("cat", "/sys/class/net/"+Interface+"/statistics/rx_bytes").Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return n - before
}

func TestAGroupReachesItsMembersAndNobodyElse(t *testing.T) {
	t.Parallel()
	network := New(t, "source", "ear", "other")
	source, ear, other := network.Host("source"), network.Host("ear"), network.Host("other")
	for _, row := range []struct {
		group string
		from  netip.Addr
	}{{"239.1.2.3:5004", source.IPv4}, {"[ff15::1234]:5004", source.IPv6}} {
		group := netip.AddrPortFrom(netip.MustParseAddrPort(row.group).Addr(), 5004)
		in, out := memberOf(t, ear, group), sender(t, source, row.from)
		packet, got := bytes.Repeat([]byte("sound"), 200), make([]byte, 1500)
		waitForSwitch(t, network, group.Addr())
		if got := network.Members(group.Addr(), netip.Addr{}); !slices.Equal(got, []string{"ear"}) {
			t.Errorf("%v: the members are %v", group, got)
		}
		before := came(t, other, 0)
		const packets = 20
		for range packets {
			if _, err := out.WriteToUDPAddrPort(packet, group); err != nil {
				t.Fatal(err)
			}
			n, from, err := in.ReadFromUDPAddrPort(got)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[:n], packet) || from.Addr().Unmap() != row.from {
				t.Fatalf("%v: got %d bytes from %v, want the %d of %v", group, n, from, len(packet), row.from)
			}
		}
		if n := came(t, other, before); n > packets*len(packet)/2 {
			t.Errorf("%v: %d bytes came to a host that is no member", group, n)
		}
	}
}

// waitForSwitch waits until the switch knows a member of the group and forwards by that.
func waitForSwitch(t *testing.T, n *Network, group netip.Addr) {
	t.Helper()
	for t.Context().Err() == nil {
		if len(n.Members(group, netip.Addr{})) > 0 {
			return
		}
	}
	t.Fatal("the switch has not heard of the group")
}

func TestACommandRunsAmongTheHostsInterfaces(t *testing.T) {
	t.Parallel()
	h := New(t, "alone").Host("alone")
	out, err := h.Command("ip", "-o", "addr", "show", "dev", Interface).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{h.IPv4.String() + "/24", h.IPv6.String() + "/64", "fe80::1/64"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no address %s among\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "tentative") {
		t.Errorf("an address cannot be used yet:\n%s", out)
	}
}

func TestNamespacesGoWithTheTest(t *testing.T) {
	t.Parallel()
	var names []string
	t.Run("inner", func(t *testing.T) {
		n := New(t, "a", "b")
		for _, name := range []string{"a", "b"} {
			names = append(names, n.Host(name).Namespace)
		}
		for _, name := range names {
			if _, err := os.Stat("/run/netns/" + name); err != nil {
				t.Error(err)
			}
		}
	})
	for _, name := range names {
		if _, err := os.Stat("/run/netns/" + name); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}

func TestWhatRunsElsewhereDoesNotEnterTheNamespace(t *testing.T) {
	t.Parallel()
	h := New(t, "alone").Host("alone")
	own, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var inside string
	h.Do(func() { inside, err = os.Readlink("/proc/thread-self/ns/net") })
	if err != nil || inside == own {
		t.Errorf("inside: %q, %v; want another than %q", inside, err, own)
	}
	if after, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || after != own {
		t.Errorf("after: %q, %v; want %q", after, err, own)
	}
}

func TestACaptureHasWhatHasArrived(t *testing.T) {
	t.Parallel()
	network := New(t, "source", "ear")
	source, ear := network.Host("source"), network.Host("ear")
	group := netip.MustParseAddrPort("239.1.2.3:5004")
	file := t.TempDir() + "/frames.pcap"
	stop := ear.Capture(file)
	in, out := memberOf(t, ear, group), sender(t, source, source.IPv4)
	packet, got := []byte("sound that nothing else on this network says"), make([]byte, 1500)
	waitForSwitch(t, network, group.Addr())
	const packets = 10
	for range packets {
		if _, err := out.WriteToUDPAddrPort(packet, group); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Read(got); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(raw, packet); n != packets {
		t.Errorf("%d packets are in the file, want %d", n, packets)
	}
	if !bytes.HasPrefix(raw, []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00")) {
		t.Errorf("no header of libpcap: %x", raw[:8])
	}
}

func TestDialConnectsFromTheHost(t *testing.T) {
	t.Parallel()
	h := New(t, "alone").Host("alone")
	var listener net.Listener
	h.Do(func() {
		var err error
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	})
	defer listener.Close()
	conn, err := h.Dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if conn, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		conn.Close()
		t.Error("the host's loopback is this machine's")
	}
}

// Programs that are to end with whoever has started them end with the thread that has.
func TestProgramsOutliveWhatIsDoneInANamespace(t *testing.T) {
	h := New(t, "a").Host("a")
	var sleepers []*exec.Cmd
	for range 20 {
		cmd := exec.Command("sleep", "60")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		sleepers = append(sleepers, cmd)
		h.Do(func() {})
	}
	for _, cmd := range sleepers {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("it has ended before: %v", err)
		}
		_ = cmd.Wait() // it was killed
		if got := cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != syscall.SIGKILL {
			t.Errorf("ended by %v, want %v, which is ours", got, syscall.SIGKILL)
		}
	}
}
