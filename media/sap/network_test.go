package sap

import (
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/test/netns"
)

// inside is the network of a host in a namespace.
type inside struct{ *netns.Host }

func (i inside) source(nic string, wanted netip.Addr, v4 bool) (addr netip.Addr, err error) {
	i.Do(func() { addr, err = host{}.source(nic, wanted, v4) })
	return addr, err
}

func (i inside) send(d datagram) (err error) {
	i.Do(func() { err = host{}.send(d) })
	return err
}

func listenOn(t *testing.T, h *netns.Host, cfg ListenerConfig) *Listener {
	t.Helper()
	var l *Listener
	var err error
	h.Do(func() { l, err = Listen(t.Context(), cfg) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func heard(l *Listener) string {
	var all []string
	for _, h := range l.Sessions() {
		all = append(all, h.Session.Name+" at "+h.To.Addr().String()+" from "+h.Source.String())
	}
	return strings.Join(all, "; ")
}

// groups are one of each kind, by the name of their sessions.
var groups = []struct{ name, group, at string }{
	{"any", "239.1.2.3:5004", "224.2.127.254"},
	{"building", "239.255.1.2:5004", "239.255.255.255"},
	{"company", "239.192.1.2:5004", "239.195.255.255"},
	{"site", "[ff15::1234]:5004", "ff05::2:7ffe"},
	{"ssm", "232.1.2.3:5004", "224.2.127.254"},
	{"ssm6", "[ff3e::4321]:5004", "ff0e::2:7ffe"},
}

func TestAnnouncementsCrossANetwork(t *testing.T) {
	t.Parallel()
	n := netns.New(t, "stage", "ear", "forger")
	from, ear := n.Host("stage"), n.Host("ear")
	frames := filepath.Join(t.TempDir(), "sap.pcap")
	stop := ear.Capture(frames)
	l := listenOn(t, ear, ListenerConfig{Interfaces: []string{netns.Interface}})
	a := NewAnnouncer(AnnouncerConfig{Least: time.Second, network: inside{from}})
	defer a.Close()
	var want []string
	for i, g := range groups {
		ann := sessionOf(g.name, uint64(i+1), 1, g.group)
		ann.Interface, ann.Session.Origin = netns.Interface, from.IPv4
		if !ann.Session.Group.Addr().Is4() {
			ann.Session.Origin, ann.Session.TTL = from.IPv6, 0
		}
		if strings.HasPrefix(g.name, "ssm") {
			ann.Session.Sources = []netip.Addr{ann.Session.Origin}
		}
		if err := a.Announce(g.name, ann); err != nil {
			t.Fatal(err)
		}
		want = append(want, g.name+" at "+g.at+" from "+ann.Session.Origin.String())
	}
	slices.Sort(want)
	eventually(t, "all are heard", func() bool { return heard(l) == strings.Join(want, "; ") })
	forge(t, n.Host("forger"), l)
	if got := heard(l); got != strings.Join(want, "; ") {
		t.Errorf("after forgeries: %s", got)
	}
	all := func(netip.Addr, uint16) bool { return false }
	if got := l.Count(netip.AddrPortFrom(globalIPv4, Port), all); got != 2 {
		t.Errorf("%d are counted at %v, want 2", got, globalIPv4)
	}
	if got := l.Count(netip.AddrPortFrom(globalIPv4, Port), func(netip.Addr, uint16) bool { return true }); got != 0 {
		t.Errorf("%d are counted beside our own, want 0", got)
	}
	a.Close()
	eventually(t, "all are gone", func() bool { return heard(l) == "" })
	stop()
	checkFrames(t, frames)
}

// forge has another host send what is not its own to say, and waits until it is refused.
func forge(t *testing.T, h *netns.Host, l *Listener) {
	t.Helper()
	victim := l.Sessions()[0]
	deletion := Packet{Deletion: true, Hash: victim.Hash, Source: victim.Source, Payload: []byte(victim.Session.OriginLine())}
	change := Packet{Hash: victim.Hash + 1, Source: victim.Source, Payload: []byte(strings.Replace(string(victim.Text), "s=any", "s=evil", 1))}
	for _, p := range []Packet{deletion, change} {
		if err := (inside{h}).send(datagram{to: victim.To, from: h.IPv4, nic: netns.Interface, ttl: 4, bytes: mustMarshal(t, p)}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both are refused", func() bool { return l.Stats().Refused[Forged] == 2 })
}

// columns are what tshark is asked of each packet.
var columns = []string{
	"ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "ip.ttl", "ipv6.hlim", "sap.flags.v", "sap.flags.t", "sap.originating_source",
	"sap.originating_source.ipv6", "sap.payload_type", "sdp.connection_info.address", "_ws.malformed", "_ws.expert.severity",
}

// checkFrames has tshark look at all that came: our packets by its own reading of the protocol.
func checkFrames(t *testing.T, file string) {
	t.Helper()
	args := []string{"-n", "-r", file, "-Y", "udp.port == 9875", "-T", "fields", "-E", "occurrence=f"}
	for _, name := range columns {
		args = append(args, "-e", name)
	}
	out, err := exec.CommandContext(t.Context(), "tshark", args...).Output()
	if err != nil {
		t.Fatalf("this test needs tshark: %v", err)
	}
	announced, deleted := map[string]bool{}, 0
	for row := range strings.Lines(string(out)) {
		f := map[string]string{}
		for i, value := range strings.Split(strings.TrimSuffix(row, "\n"), "\t") {
			f[columns[i]] = value
		}
		if f["ip.src"] == "192.0.2.3" { // the forger's
			continue
		}
		source, by, to, hops := f["ip.src"], f["sap.originating_source"], f["ip.dst"], f["ip.ttl"]
		if source == "" {
			source, by, to, hops = f["ipv6.src"], f["sap.originating_source.ipv6"], f["ipv6.dst"], f["ipv6.hlim"]
		}
		if source != by || hops != "4" || f["sap.flags.v"] != "1" || f["sap.payload_type"] != "application/sdp" ||
			f["_ws.malformed"] != "" || f["_ws.expert.severity"] != "" {
			t.Errorf("tshark says %v", f)
		}
		if f["sap.flags.t"] == "1" {
			deleted++
		} else {
			announced[f["sdp.connection_info.address"]+" at "+to] = true
		}
	}
	for _, g := range groups {
		if what := netip.MustParseAddrPort(g.group).Addr().String() + " at " + g.at; !announced[what] {
			t.Errorf("no announcement of %s among %v", what, announced)
		}
	}
	if deleted != len(groups) {
		t.Errorf("%d deletions, want %d", deleted, len(groups))
	}
}

func TestWhereThereIsNothingToListenOnItSaysSo(t *testing.T) {
	t.Parallel()
	h := netns.New(t, "ear").Host("ear")
	h.Do(func() {
		if l, err := Listen(t.Context(), ListenerConfig{Interfaces: []string{"nowhere"}}); err == nil {
			l.Close()
			t.Error("listens on an interface that there is not")
		} else if !strings.Contains(err.Error(), `"nowhere"`) {
			t.Errorf("got %v", err)
		}
	})
	l := listenOn(t, h, ListenerConfig{})
	if len(l.ears) != 2 {
		t.Errorf("%d sockets, want one of IPv4 and one of IPv6 on %s", len(l.ears), netns.Interface)
	}
	second := listenOn(t, h, ListenerConfig{}) // beside the first, as any player may
	p := Packet{Hash: 1, Source: h.IPv4, Payload: described(1, 1)}
	if err := (inside{h}).send(datagram{to: netip.AddrPortFrom(localIPv4, Port), from: h.IPv4, nic: netns.Interface, ttl: 1, bytes: mustMarshal(t, p)}); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Listener{l, second} {
		eventually(t, "both hear it, on the host that announces it", func() bool { return strings.HasPrefix(heard(l), "Hall 1.1 ") })
	}
}

// ffmpeg announces by code of its own: -f sap.
func TestAnnouncementsOfFfmpegAreHeard(t *testing.T) {
	t.Parallel()
	n := netns.New(t, "stage", "ear")
	from := n.Host("stage")
	l := listenOn(t, n.Host("ear"), ListenerConfig{})
	cmd := from.Command("ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "sine", "-ac", "1", "-ar", "8000", "-c:a", "pcm_alaw",
		"-metadata", "title=Lecture", "-f", "sap", "sap://239.255.1.2:5004?ttl=3")
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs ffmpeg: %v", err)
	}
	eventually(t, "ffmpeg is heard", func() bool {
		return heard(l) == "Lecture at 239.255.255.255 from 192.0.2.1" || heard(l) == "Lecture at 224.2.127.254 from 192.0.2.1"
	})
	h := l.Sessions()[0]
	if s := h.Session; s.Group.String() != "239.255.1.2:5004" || s.Stream.Format.Name != codec.PCMA || s.TTL != 3 {
		t.Errorf("got %+v", s)
	}
	_ = cmd.Process.Signal(syscall.SIGINT) // ip has become ffmpeg: it ends by itself
	_ = cmd.Wait()
	eventually(t, "its end is heard", func() bool { return heard(l) == "" })
	if stats := l.Stats(); len(stats.Refused) != 0 {
		t.Errorf("refused: %v", stats.Refused)
	}
}
