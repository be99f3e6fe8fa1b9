package main

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/test/netns"
)

// announced are sessions as they are heard.
func announced(t *testing.T) []sap.Heard {
	t.Helper()
	hall := session.Session{
		ID: 1, Version: 1, Name: "Town hall", Info: "All of us", Origin: netip.MustParseAddr("192.0.2.1"), Group: netip.MustParseAddrPort("239.255.1.2:5004"), TTL: 4,
		Stream: session.Stream{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}},
	}
	stage := hall
	stage.ID, stage.Name, stage.Info, stage.Secure = 2, "A stage with a very long name\x1b[31m, in the other building", "", true
	stage.Group, stage.TTL, stage.Origin = netip.MustParseAddrPort("[ff35::4321]:5004"), 0, netip.MustParseAddr("2001:db8::1")
	stage.Sources = []netip.Addr{stage.Origin}
	stage.Stream = session.Stream{PayloadType: 111, Format: codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}}
	film := session.Session{ID: 3, Version: 1, Name: "Film", Origin: hall.Origin, Group: netip.MustParseAddrPort("239.255.1.3:5006"), TTL: 1}
	all := []sap.Heard{
		{Session: stage, Source: stage.Origin, Hash: 0xbeef, Interface: "eth0", First: noon.Add(-26 * time.Hour), Last: noon.Add(-time.Minute), Interval: 5 * time.Minute},
		{Session: hall, Source: hall.Origin, Hash: 0x11, Interface: "eth1", First: noon.Add(-90 * time.Second), Last: noon},
		{Session: film, Unfit: `no audio stream that can be played: line 6: "video" is not audio`, Source: hall.Origin, Hash: 0x22, Interface: "eth1", First: noon.Add(-time.Hour), Last: noon},
	}
	for i := range all {
		to, err := sap.AddressFor(all[i].Session.Group.Addr())
		if err != nil {
			t.Fatal(err)
		}
		all[i].To, all[i].Text = to, []byte("v=0\r\ns="+all[i].Session.Name+"\r\n")
	}
	return all
}

// consoleAtNoon is one that writes into buffers.
func consoleAtNoon() (c *console, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &console{
		program: "confbridge", stdout: stdout, stderr: stderr, getenv: func(string) string { return "" },
		now: func() time.Time { return noon }, zone: time.UTC,
	}, stdout, stderr
}

func TestAnnouncedSessionsAreListed(t *testing.T) {
	stats := sap.Stats{Packets: 40, Refused: map[sap.Refusal]uint64{sap.Forged: 2, sap.NoSDP: 7}}
	for name, cmd := range map[string]sessionsListCmd{"sessions_list.txt": {}, "sessions_list.json": {sapFlags: sapFlags{JSON: true}}} {
		c, stdout, stderr := consoleAtNoon()
		if err := cmd.print(c, announced(t), stats); err != nil {
			t.Fatal(err)
		}
		golden(t, name, stdout.String())
		if want := "9 of 40 packets were refused: forged 2, no sdp 7\n"; !cmd.JSON && stderr.String() != want {
			t.Errorf("got %q on stderr, want %q", stderr, want)
		}
	}
	c, stdout, stderr := consoleAtNoon()
	if err := (&sessionsListCmd{For: time.Second}).print(c, nil, sap.Stats{Packets: 3}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stdout.String(), "nothing was announced in 1s;") || stderr.Len() != 0 {
		t.Errorf("got %q and %q", stdout, stderr)
	}
}

func TestWhatBecomesOfSessionsIsTold(t *testing.T) {
	for _, json := range []bool{false, true} {
		c, stdout, _ := consoleAtNoon()
		s := sessionStory{c: c, json: json, known: map[string]sap.Heard{}}
		all := announced(t)
		changed := all[1]
		changed.Hash, changed.Session.Name = 0x12, "Town hall, moved"
		withoutID := all[0]
		withoutID.Session.ID = 0
		for _, heard := range [][]sap.Heard{nil, all, all, {all[0], changed}, {all[0]}, {withoutID}} {
			if err := s.look(heard); err != nil {
				t.Fatal(err)
			}
		}
		golden(t, map[bool]string{false: "sessions_follow.txt", true: "sessions_follow.json"}[json], stdout.String())
	}
}

func TestASessionIsFoundByItsID(t *testing.T) {
	all := announced(t)
	twin := all[1]
	twin.Source = netip.MustParseAddr("192.0.2.9")
	heard := append(all, twin)
	for id, want := range map[string]string{"beef": "2001:db8::1/beef", "BEEF": "2001:db8::1/beef", "192.0.2.9/0011": "192.0.2.9/0011", "4711": ""} {
		h, err := (&sessionsShowCmd{ID: id}).find(heard)
		if err != nil || (h == nil) != (want == "") || h != nil && h.FullID() != want {
			t.Errorf("%s: got %v, %v; want %s", id, h, err, want)
		}
	}
	if _, err := (&sessionsShowCmd{ID: "0011"}).find(heard); err == nil || !strings.Contains(err.Error(), "say 192.0.2.1/0011 or 192.0.2.9/0011") {
		t.Errorf("an ID of two: got %v", err)
	}
}

func TestSessionsThatCannotBeListenedToAreAFaultOfUsage(t *testing.T) {
	for _, args := range [][]string{{"sessions", "--for", "0s"}, {"sessions", "show", "beef", "--for=-1s"}, {"sessions", "show"}} {
		if got := runAt(t.Context(), nil, args...); got.code != exitUsage {
			t.Errorf("%v: got exit %d, %s", args, got.code, got.stderr)
		}
	}
	if got := runAt(t.Context(), nil, "sessions", "--interface", "nowhere0"); got.code != exitError || !strings.Contains(got.stderr, `"nowhere0"`) {
		t.Errorf("an interface that there is not: got exit %d, %s", got.code, got.stderr)
	}
}

// announceAt has a host say a session again and again, as fast as a test wants it, until the test is over.
func announceAt(t *testing.T, h *netns.Host, heard sap.Heard) {
	t.Helper()
	text, err := heard.Session.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	packet, err := sap.Packet{Hash: heard.Hash, Source: h.IPv4, Payload: text}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var conn *net.UDPConn
	h.Do(func() {
		nic, err := net.InterfaceByName(netns.Interface)
		if err != nil {
			t.Fatal(err)
		}
		if conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(h.IPv4, 0))); err != nil {
			t.Fatal(err)
		}
		if err := ipv4.NewPacketConn(conn).SetMulticastInterface(nic); err != nil {
			t.Fatal(err)
		}
	})
	done, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			_, _ = conn.WriteToUDPAddrPort(packet, heard.To) // the listener says whether it has come
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done; conn.Close() })
}

func TestSessionsAreHeardOnANetwork(t *testing.T) {
	n := netns.New(t, "stage", "ear")
	hall := announced(t)[1]
	announceAt(t, n.Host("stage"), hall)
	file := filepath.Join(t.TempDir(), "hall.sdp")
	run := func(ctx context.Context, args ...string) (got result) {
		n.Host("ear").Do(func() { got = runAt(ctx, nil, args...) })
		return got
	}
	if got := run(t.Context(), "sessions", "show", "0011", "--interface", netns.Interface, "-o", file); got.code != exitOK || got.stdout != "192.0.2.1/0011 is in "+file+"\n" {
		t.Fatalf("got %+v", got)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := session.Parse(text); err != nil || s.Name != "Town hall" || s.Group != hall.Session.Group {
		t.Errorf("the file has %+v, %v", s, err)
	}
	if got := run(t.Context(), "sessions", "show", "0011", "-o", file); got.code != exitError || !strings.Contains(got.stderr, "file exists") {
		t.Errorf("onto a file that is there: got %+v", got)
	}
	if got := run(t.Context(), "sessions", "show", "0011"); got.code != exitOK || !strings.Contains(got.stdout, "\nc=IN IP4 239.255.1.2/4\n") {
		t.Errorf("got %+v", got)
	}
	if got := run(t.Context(), "sessions", "show", "4711", "--for", "200ms"); got.code != exitError || !strings.Contains(got.stderr, `no session "4711" was announced`) {
		t.Errorf("got %+v", got)
	}
	if got := run(t.Context(), "sessions", "--for", "150ms"); got.code != exitOK || !strings.Contains(got.stdout, "\n0011  Town hall  239.255.1.2:5004  PCMU/8  192.0.2.1  ttl 4") {
		t.Errorf("got %+v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // Ctrl-C
	defer cancel()
	if got := run(ctx, "sessions", "--follow"); got.code != exitOK || got.stdout != "12:00:00  new      0011  239.255.1.2:5004  Town hall\n" {
		t.Errorf("got %+v", got)
	}
}
