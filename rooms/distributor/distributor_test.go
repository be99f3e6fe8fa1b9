package distributor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

func (c clips) Clip(_ context.Context, _, name string) (*mixer.Clip, error) {
	if c.before != nil {
		c.before()
	}
	if name != "gong" {
		return nil, errors.New("no such sound: " + name)
	}
	return &mixer.Clip{Name: name, RateHz: 8000, PCM: make([]int16, 8000)}, nil
}

func TestADistributionIsSentKeptDescribedAndEnded(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	e := newEar(t)
	v, err := h.Create(ctx, "1000", to(e.to))
	if err != nil {
		t.Fatal(err)
	}
	first := e.next()
	if !v.Runs || !v.Stats.Up || first.SSRC != v.SSRC || first.PayloadType != 0 || len(first.Payload) != 160 {
		t.Errorf("got %v of %+v", first.Header, v)
	}
	if second := e.next(); second.SequenceNumber != first.SequenceNumber+1 || second.Timestamp != first.Timestamp+160 {
		t.Errorf("packet %v follows %v", second.Header, first.Header)
	}
	info, err := h.reg.Info(ctx, "1000")
	if _, there := info.Distributions.Find("hall"); err != nil || !there {
		t.Errorf("the room has %v, %v", info.Distributions, err)
	}
	s, err := h.Describe(ctx, "1000", "hall")
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Marshal()
	if err != nil || !strings.Contains(string(text), "a=rtpmap:0 PCMU/8000") || !strings.Contains(string(text), "s=1000") {
		t.Errorf("described as %s, %v", text, err)
	}
	if err := h.Delete(ctx, "1000", "hall"); err != nil {
		t.Fatal(err)
	}
	e.bye()
	if _, err := h.Get(ctx, "1000", "hall"); !errors.Is(err, ErrNoDistribution) {
		t.Errorf("after its end: got %v, want ErrNoDistribution", err)
	}
	if all, err := h.List(ctx, "1000"); err != nil || len(all) != 0 {
		t.Errorf("after its end: got %v, %v", all, err)
	}
}

func TestADistributionThatChangesKeepsItsSSRC(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	e, other := newEar(t), newEar(t)
	before, err := h.Create(ctx, "1000", to(e.to))
	if err != nil {
		t.Fatal(err)
	}
	e.next()
	after, err := h.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error {
		d.To, d.Codec = append(d.To, other.to), codec.PCMA
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := other.next()
	if p.PayloadType != 8 || p.SSRC != before.SSRC || after.SSRC != before.SSRC || after.Session != before.Session || after.Version <= before.Version {
		t.Errorf("got %v of %+v, was %+v", p.Header, after, before)
	}
	same, err := h.Change(ctx, "1000", "hall", func(*distribution.Distribution) error { return nil })
	if err != nil || same.Version != after.Version {
		t.Errorf("changed by nothing: version %d, was %d, %v", same.Version, after.Version, err)
	}
	if _, err := h.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { d.Interface = "none0"; return nil }); !errors.Is(err, ErrPath) {
		t.Errorf("to an interface that is not there: got %v, want ErrPath", err)
	}
	e.next()
	if v, err := h.Get(ctx, "1000", "hall"); err != nil || !v.Runs || v.Interface != "" {
		t.Errorf("after a change that failed: got %+v, %v", v, err)
	}
	if _, err := h.Change(ctx, "1000", "attic", nil); !errors.Is(err, ErrNoDistribution) {
		t.Errorf("got %v, want ErrNoDistribution", err)
	}
}

// With 50 members and more a BYE is put off (RFC 3550 §6.3.7): by then it would be that of what was begun anew.
func TestAChangeAmongManySaysNoByeForWhatGoesOn(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	e := newEar(t)
	v, err := h.Create(ctx, "1000", to(e.to))
	if err != nil {
		t.Fatal(err)
	}
	_, from := e.nextFrom()
	for i := range uint32(60) {
		e.report(netip.AddrPortFrom(from.Addr(), from.Port()+1), 100+i, v.SSRC)
	}
	for v.Stats.Receivers < 60 {
		e.next()
		if v, err = h.Get(ctx, "1000", "hall"); err != nil {
			t.Fatal(err)
		}
	}
	before := h.runningOf(name{"1000", "hall"})
	if _, err := h.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { d.Codec = codec.PCMA; return nil }); err != nil {
		t.Fatal(err)
	}
	<-before.sender.Done()
	e.mark()
	if e.byes() {
		t.Error("BYE was said for the SSRC that goes on")
	}
}

// TestAKeyEncryptsNoTwoStreamsOfOneSSRC: the counts of SRTP and SRTCP begin anew, so what was sent before would be encrypted by the same stream (RFC 3711 §9.1).
func TestAKeyEncryptsNoTwoStreamsOfOneSSRC(t *testing.T) {
	for _, suite := range []distribution.Suite{distribution.SuiteCM, distribution.SuiteGCM} {
		ctx := waitContext(t)
		h := newHouse(t, rooms.Memory{}, loopback)
		h.room(t, "1000")
		e := newEar(t)
		dist := to(e.to)
		dist.Suite = suite
		before, err := h.Create(ctx, "1000", dist)
		if err != nil {
			t.Fatal(err)
		}
		first := e.next()
		after, err := h.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { d.DSCP = 0; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if string(after.Key) != string(before.Key) {
			t.Errorf("%s: the key is another one: who listens has not got it", suite)
		}
		if after.Stats.SSRC == first.SSRC {
			t.Errorf("%s: SSRC %08x again, under the same key", suite, first.SSRC)
		}
		info, err := h.reg.Info(ctx, "1000")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Close(ctx); err != nil { // and after a restart
			t.Fatal(err)
		}
		again := newHouse(t, rooms.Memory{Rooms: []rooms.Kept{{Number: "1000", Settings: rooms.Settings{Distributions: info.Distributions}}}}, loopback)
		if err := again.Start(ctx); err != nil {
			t.Fatal(err)
		}
		v, err := again.Get(ctx, "1000", "hall")
		if err != nil || !v.Runs || v.Stats.SSRC == first.SSRC || v.Stats.SSRC == after.Stats.SSRC {
			t.Errorf("%s: after a restart: got %+v, %v", suite, v, err)
		}
	}
}

func TestWhatCannotBeIsRefusedAndNothingIsSent(t *testing.T) {
	ctx := waitContext(t)
	e := newEar(t)
	declared := rooms.Kept{Number: "2000"}
	h := newHouse(t, rooms.Memory{Declared: []rooms.Kept{declared}}, loopback)
	h.room(t, "1000")
	h.room(t, "1001")
	if _, err := h.Create(ctx, "1001", to(newEar(t).to)); err != nil {
		t.Fatal(err)
	}
	taken, err := h.Get(ctx, "1001", "hall")
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.reg.Admit(ctx, "3000", rooms.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Leave(rooms.ReasonHangup)
	for _, row := range []struct {
		name, room string
		change     func(*distribution.Distribution)
		want       error
	}{
		{"no such room", "9", func(*distribution.Distribution) {}, rooms.ErrNoRoom},
		{"a room of the file", "2000", func(*distribution.Distribution) {}, rooms.ErrDeclared},
		{"a room on demand", "3000", func(*distribution.Distribution) {}, rooms.ErrInvalid},
		{"another's destination", "1000", func(d *distribution.Distribution) { d.To = taken.To }, ErrTaken},
		{"another's destination, by the interface's name", "1000", func(d *distribution.Distribution) { d.To, d.Interface = taken.To, "lo" }, ErrTaken},
		{"another's destination, by its address", "1000", func(d *distribution.Distribution) { d.To, d.Source = taken.To, taken.To[0].Addr() }, ErrTaken},
		{"an ID that is taken", "1001", func(*distribution.Distribution) {}, ErrExists},
		{"a host off the list", "1000", func(d *distribution.Distribution) { d.To = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:5004")} }, distribution.ErrNotAllowed},
		{"an odd port", "1000", func(d *distribution.Distribution) {
			d.To = []netip.AddrPort{netip.AddrPortFrom(e.to.Addr(), e.to.Port()+1)}
		}, distribution.ErrInvalid},
		{"no such interface", "1000", func(d *distribution.Distribution) { d.Interface = "none0" }, ErrPath},
		{"no such sound", "1000", func(d *distribution.Distribution) { d.Opening = "bell" }, distribution.ErrInvalid},
	} {
		dist := to(e.to)
		row.change(&dist)
		if _, err := h.Create(ctx, row.room, dist); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
	if all, err := h.List(ctx, "1000"); err != nil || len(all) != 0 {
		t.Errorf("the room has %v, %v", all, err)
	}
	marker, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(e.to))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = marker.Close() }()
	if _, err := marker.Write([]byte("marker")); err != nil {
		t.Fatal(err)
	}
	_ = e.rtp.SetReadDeadline(time.Now().Add(waitTime))
	got := make([]byte, 2048)
	if size, err := e.rtp.Read(got); err != nil || string(got[:size]) != "marker" {
		t.Errorf("%x was sent, %v", got[:size], err)
	}
}

func TestDistributionsGoOnAfterARestart(t *testing.T) {
	ctx := waitContext(t)
	e := newEar(t)
	dist := to(e.to)
	dist.SSRC, dist.Session, dist.Version, dist.Created = 77, 1, 2, time.Now()
	gone := to(newEar(t).to)
	gone.ID, gone.Interface = "attic", "none0"
	forbidden := to(netip.MustParseAddrPort("192.0.2.1:5004"))
	forbidden.ID = "world"
	set, err := distribution.NewSet(dist, gone, forbidden)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, rooms.Memory{Rooms: []rooms.Kept{{Number: "1000", Settings: rooms.Settings{Distributions: set}}}}, loopback)
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if p := e.next(); p.SSRC != 77 {
		t.Errorf("SSRC %d, was 77", p.SSRC)
	}
	for id, want := range map[string]struct{ runs, up bool }{"hall": {true, true}, "attic": {true, false}, "world": {}} {
		if v, err := h.Get(ctx, "1000", id); err != nil || v.Runs != want.runs || v.Stats.Up != want.up {
			t.Errorf("%s: runs %v, up %v, %v; want %v", id, v.Runs, v.Stats.Up, err, want)
		}
	}
}

func TestOfTwoThatGoToOnePlaceTheDeclaredOrOlderOneIsStarted(t *testing.T) {
	ctx := waitContext(t)
	kept := func(created time.Time, all ...*ear) *distribution.Set {
		t.Helper()
		var list []distribution.Distribution
		for i, e := range all {
			d := to(e.to)
			d.ID, d.SSRC, d.Created = string(rune('a'+i)), uint32(i+1), created
			list = append(list, d)
		}
		set, err := distribution.NewSet(list...)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	first, second := newEar(t), newEar(t)
	room := func(number string, set *distribution.Set) rooms.Kept {
		return rooms.Kept{Number: number, Settings: rooms.Settings{Distributions: set}}
	}
	now := time.Now()
	h := newHouse(t, rooms.Memory{
		Declared: []rooms.Kept{room("9", kept(time.Time{}, first))},
		Rooms:    []rooms.Kept{room("1", kept(now, first, second)), room("2", kept(now.Add(-time.Hour), newEar(t), second))},
	}, loopback)
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[name]bool{{"9", "a"}: true, {"1", "a"}: false, {"1", "b"}: false, {"2", "a"}: true, {"2", "b"}: true} {
		if v, err := h.Get(ctx, n.room, n.id); err != nil || v.Runs != want {
			t.Errorf("%s: runs %v, %v; want %v", n, v.Runs, err, want)
		}
	}
}

func TestADistributionEndsWithItsRoom(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	e := newEar(t)
	if _, err := h.Create(ctx, "1000", to(e.to)); err != nil {
		t.Fatal(err)
	}
	e.next()
	if err := h.reg.Delete(ctx, "1000", false); err != nil {
		t.Fatal(err)
	}
	e.bye()
	h.room(t, "1000")
	if _, err := h.Create(ctx, "1000", to(e.to)); err != nil {
		t.Errorf("the destination of a room that is gone: %v", err)
	}
}

func TestWhileTheBridgeDrainsADistributionStaysAsItIs(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	e := newEar(t)
	before, err := h.Create(ctx, "1000", to(e.to))
	if err != nil {
		t.Fatal(err)
	}
	h.reg.Drain()
	if _, err := h.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { d.DSCP = 0; return nil }); !errors.Is(err, rooms.ErrDraining) {
		t.Errorf("got %v, want ErrDraining", err)
	}
	after, err := h.Get(ctx, "1000", "hall")
	if err != nil || !after.Runs || !after.Equal(before.Distribution) {
		t.Errorf("got %+v, %v; it was %+v", after, err, before)
	}
}

func TestAKeyIsMadeShownAndChanged(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	e := newEar(t)
	dist := to(e.to)
	dist.Suite = distribution.SuiteGCM
	first, err := h.Create(ctx, "1000", dist)
	if err != nil {
		t.Fatal(err)
	}
	if p := e.next(); len(p.Payload) != 160+16 {
		t.Errorf("a payload of %d bytes, want 160 and a tag of 16", len(p.Payload))
	}
	s, err := h.Describe(ctx, "1000", "hall")
	if err != nil {
		t.Fatal(err)
	}
	open, err := s.Marshal()
	shown, err2 := s.MarshalWithKey()
	if err := errors.Join(err, err2); err != nil || strings.Contains(string(open), "a=crypto") || !strings.Contains(string(shown), "a=crypto:1 AEAD_AES_128_GCM inline:") {
		t.Errorf("described as\n%s and with the key as\n%s, %v", open, shown, err)
	}
	second, err := h.Rekey(ctx, "1000", "hall")
	if err != nil || string(second.Key) == string(first.Key) || second.Version <= first.Version {
		t.Errorf("the key is not another: %v", err)
	}
	for end := time.Now().Add(waitTime); ; e.next() {
		if v, err := h.Get(ctx, "1000", "hall"); err != nil || v.Stats.KeyGeneration == 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the new key is not used")
		}
	}
	if _, err := h.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { d.Suite = distribution.SuiteNone; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Rekey(ctx, "1000", "hall"); !errors.Is(err, ErrClear) {
		t.Errorf("a key for what is in the clear: got %v, want ErrClear", err)
	}
}
