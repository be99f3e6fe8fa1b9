package multicast

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
)

// inlet notes what a leg hands on.
type inlet struct {
	source    uint32
	sequences []uint16
}

func (i *inlet) Restart(_ codec.Format, source uint32) { i.source = source }
func (i *inlet) Absent(uint16)                         {}
func (i *inlet) Report(quality.Peer)                   {}
func (i *inlet) Key(byte, time.Duration)               {}

func (i *inlet) Audio(p jitter.Packet) jitter.Verdict {
	i.sequences = append(i.sequences, p.Sequence)
	return jitter.Stored
}

var listening = media.Stream{Receive: true, Payloads: []media.Payload{{Profile: pcmu}}}

// join has a leg listen there.
func (n *network) join(t testing.TB, m media.Membership) *media.Leg {
	t.Helper()
	e, err := media.NewEngine(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m.Interface = usual.there
	var l *media.Leg
	if err := n.do(func() error { l, err = e.Join(m); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Configure(listening); err != nil {
		t.Fatal(err)
	}
	return l
}

// hears calls Receive until ok, or until it fails.
func hears(t testing.TB, l *media.Leg, now time.Time, in media.Inlet, ok func() bool) error {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); {
		if err := l.Receive(now, in); err != nil {
			return err
		}
		if time.Now().After(end) {
			t.Fatal("it never came")
		}
	}
	return nil
}

func membership(group netip.AddrPort, here netip.Addr) media.Membership {
	m := media.Membership{Group: group}
	if terms.SourceSpecific(group.Addr()) {
		m.Sources = []netip.Addr{here}
	}
	return m
}

func TestALegListensToAGroup(t *testing.T) {
	n := newNetwork(t)
	for _, c := range groups {
		l := n.join(t, membership(c.group, c.here))
		beside := n.join(t, membership(c.group, c.here)) // both hear it
		cfg := config(c.group)
		cfg.Identity = Identity{SSRC: 7, Sequence: 100, Begun: true}
		s, now := open(t, cfg), time.Now()
		for range 10 {
			s.Send(now, make([]byte, 160), 160)
		}
		for _, leg := range []*media.Leg{l, beside} {
			var in inlet
			if err := hears(t, leg, now, &in, func() bool { return len(in.sequences) == 8 }); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if in.source != 7 || in.sequences[0] != 102 || in.sequences[7] != 109 {
				t.Errorf("%s: heard %v of %d; the first two are probation", c.name, in.sequences, in.source)
			}
		}
		if got := l.Stats(); got.PacketsLost != 0 || got.PacketsSent != 0 || got.Source.Addr() != c.here {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

// TestAGroupIsHeardAlone has others send to the same port: another group, the host itself, and a source that was not asked for.
func TestAGroupIsHeardAlone(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	l := n.join(t, media.Membership{Group: group, Sources: []netip.Addr{groups[0].here}})
	elsewhere := netip.AddrPortFrom(netip.MustParseAddr("239.9.9.9"), group.Port())
	n.listen(t, elsewhere)
	stranger := n.bind(t, netip.AddrPortFrom(groups[0].there, 0))
	s, other := open(t, config(group)), open(t, config(elsewhere))
	single := open(t, Config{Listeners: []netip.AddrPort{netip.AddrPortFrom(groups[0].there, group.Port())}, Profile: pcmu})
	to := stranger.ToGroup(group)
	now := time.Now()
	var in inlet
	for range 5 {
		other.Send(now, make([]byte, 160), 160)
		single.Send(now, make([]byte, 160), 160)
		stranger.Send(make([]byte, 172), &to)
		s.Send(now, make([]byte, 160), 160)
	}
	if err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 3 }); err != nil {
		t.Fatal(err)
	}
	if got := l.Stats(); in.source != s.Stats().SSRC || got.PacketsRejected != 2 {
		t.Errorf("heard %d, %+v", in.source, got)
	}
}

func TestTheFirstSourceIsKeptWhileItSends(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	l := n.join(t, media.Membership{Group: group})
	first, second := open(t, config(group)), open(t, config(group))
	now := time.Now()
	var in inlet
	for range 20 {
		first.Send(now, make([]byte, 160), 160)
	}
	if err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 18 }); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		second.Send(now, make([]byte, 160), 160)
		first.Send(now, make([]byte, 160), 160)
	}
	if err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 38 && l.Stats().PacketsRejected >= 22 }); err != nil {
		t.Fatal(err)
	}
	if in.source != first.Stats().SSRC || l.Stats().PacketsRejected != 22 {
		t.Errorf("heard %d, want %d; %+v", in.source, first.Stats().SSRC, l.Stats())
	}
	for range 5 { // the first one has stopped
		second.Send(now, make([]byte, 160), 160)
	}
	if err := hears(t, l, now, &in, func() bool { return in.source == second.Stats().SSRC }); err != nil {
		t.Fatal(err)
	}
}

func TestOurOwnSoundEndsALeg(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	own := []uint32{42, 43}
	isOwn := func(ssrc uint32) bool { return slices.Contains(own, ssrc) }
	for _, c := range []struct {
		name string
		ssrc uint32
		csrc []mixer.Source
		want error
	}{
		{"somebody else's", 41, []mixer.Source{{ID: 40}}, nil},
		{"our SSRC", 42, nil, media.ErrLoop},
		{"our SSRC among those who are mixed", 41, []mixer.Source{{ID: 40}, {ID: 43}}, media.ErrLoop},
	} {
		l := n.join(t, media.Membership{Group: group, Own: isOwn})
		cfg := config(group)
		cfg.Identity.SSRC = c.ssrc
		s, now := open(t, cfg), time.Now()
		s.Mixed(c.csrc)
		for range 5 { // two of them are probation
			s.Send(now, make([]byte, 160), 160)
		}
		var in inlet
		err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 3 })
		if !errors.Is(err, c.want) || err != nil && len(in.sequences) > 0 {
			t.Errorf("%s: got %v, want %v; %d packets were handed on", c.name, err, c.want, len(in.sequences))
		}
	}
}

// TestForgedPacketsDoNotEndALeg: who is not the source says nothing of it, and one packet of the source is no proof.
func TestForgedPacketsDoNotEndALeg(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	l := n.join(t, media.Membership{Group: group, Own: func(ssrc uint32) bool { return ssrc == 42 }})
	forger, now := n.bind(t, netip.AddrPortFrom(groups[0].there, 0)), time.Now()
	to := forger.ToGroup(group)
	forge := func(sequence uint16) {
		packet, err := (&rtp.Header{Version: 2, SSRC: 42, SequenceNumber: sequence}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if !forger.Send(append(packet, make([]byte, 160)...), &to) {
			t.Fatal("it could not be sent")
		}
	}
	forge(1) // before there is a source
	s := open(t, config(group))
	for range 5 {
		s.Send(now, make([]byte, 160), 160)
	}
	var in inlet
	if err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 3 }); err != nil {
		t.Fatal(err)
	}
	for i := range uint16(20) {
		forge(2 + i)
		forger.say(nextPort(group), &rtcp.SenderReport{SSRC: 42})
	}
	for range 2 { // as the source would say it, twice
		s.Mixed([]mixer.Source{{ID: 42}})
		s.Send(now, make([]byte, 160), 160)
		s.Send(now, make([]byte, 160), 160)
		s.Mixed(nil)
		s.Send(now, make([]byte, 160), 160)
	}
	if err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 5 }); err != nil {
		t.Fatalf("the leg has ended: %v", err)
	}
	if got := l.Stats(); got.PacketsRejected != 2+1+20+4 || in.source != s.Stats().SSRC {
		t.Errorf("heard %d, %+v", in.source, got)
	}
}

// TestReceiversReport has the sender learn of its receivers, and nobody of those who listen to one source.
func TestReceiversReport(t *testing.T) {
	n := newNetwork(t)
	for _, c := range groups {
		s, now := open(t, config(c.group)), time.Now()
		l := n.join(t, membership(c.group, c.here))
		var in inlet
		for i := range 10 {
			if i != 5 {
				s.Send(now, make([]byte, 160), 160)
			} else {
				s.sequence++ // one is lost
			}
		}
		if err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 7 }); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 { // 20 s, less than the timeout
			if err := l.Receive(now.Add(time.Duration(i)*tick), &in); err != nil {
				t.Fatal(err)
			}
		}
		if terms.SourceSpecific(c.group.Addr()) {
			s.Tick(now)
			if got := s.Stats().Receivers; got != 0 {
				t.Errorf("%s: %d receivers are known", c.name, got)
			}
			continue
		}
		until(t, s, now, func() bool { return s.Stats().Receivers == 1 })
		if got := s.Stats(); got.LossWorst == 0 || got.SSRC != in.source {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

// TestReportsOfTheSourceKeepALegAlive: a stage may be silent for longer than the timeout.
func TestReportsOfTheSourceKeepALegAlive(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	l := n.join(t, media.Membership{Group: group, Timeout: 30 * time.Second})
	s, now := open(t, config(group)), time.Now()
	for range 5 {
		s.Send(now, make([]byte, 160), 160)
	}
	var in inlet
	if err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 3 }); err != nil {
		t.Fatal(err)
	}
	// Two minutes of silence; the sender's own reports are what comes.
	for i := range 6000 {
		at := now.Add(time.Duration(i) * tick)
		s.Tick(at)
		s.Send(at, nil, 160)
		if err := l.Receive(at, &in); err != nil {
			t.Fatalf("after %v: %v", at.Sub(now), err)
		}
	}
	gone := now.Add(2*time.Minute + 31*time.Second)
	if err := hears(t, l, gone, &in, func() bool { return false }); !errors.Is(err, media.ErrTimeout) {
		t.Errorf("got %v, want ErrTimeout", err)
	}
}

func TestMembershipsThatCannotBe(t *testing.T) {
	newNetwork(t)
	e, err := media.NewEngine(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	group := groups[0].group
	for name, m := range map[string]media.Membership{
		"no group":            {Group: netip.MustParseAddrPort("10.0.0.1:5004")},
		"an odd port":         {Group: nextPort(group)},
		"RTCP by RTP's port":  {Group: group, RTCPPort: group.Port()},
		"TTL 256":             {Group: group, TTL: 256},
		"a negative timeout":  {Group: group, Timeout: -1},
		"a source of IPv6":    {Group: group, Sources: []netip.Addr{netip.IPv6Loopback()}},
		"a missing interface": {Group: group, Interface: "nosuch0"},
		"a suite of nobody's": {Group: group, Key: session.Key{Suite: "ROT13", Master: make([]byte, 30)}},
		"a short key":         {Group: group, Key: session.Key{Suite: "AEAD_AES_128_GCM", Master: make([]byte, 27)}},
	} {
		if _, err := e.Join(m); !errors.Is(err, media.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	l, err := e.Join(media.Membership{Group: group, Interface: usual.here})
	if err != nil {
		t.Fatal(err)
	}
	sending := listening
	sending.Send = true
	if err := l.Configure(sending); !errors.Is(err, media.ErrInvalid) {
		t.Errorf("to send: got %v, want ErrInvalid", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// sessionKey is a key as descriptions have it.
func sessionKey(k Key) session.Key {
	return session.Key{Suite: string(k.Suite), Master: slices.Concat(k.Master, k.Salt)}
}

// TestALegHearsAnEncryptedGroup has one who joins late hear it over the end of the sequence, where the SSRC is another, without missing a packet, and nothing of what is not by the key.
func TestALegHearsAnEncryptedGroup(t *testing.T) {
	n := newNetwork(t)
	for _, c := range groups {
		for i, key := range keys {
			m := membership(c.group, c.here)
			m.Key = sessionKey(key)
			l := n.join(t, m)
			other := Key{Suite: key.Suite, Master: slices.Clone(key.Master), Salt: key.Salt}
			other.Master[0]++
			m.Key = sessionKey(other)
			deaf := n.join(t, m)
			cfg := config(c.group)
			cfg.Key, cfg.Identity.Begun, cfg.Identity.Sequence = &keys[i], true, 65530
			s, now := open(t, cfg), time.Now()
			clear := open(t, config(c.group))
			first := s.Stats().SSRC
			var in inlet
			for range 12 {
				clear.Send(now, make([]byte, 160), 160)
				s.Send(now, make([]byte, 160), 160)
			}
			if err := hears(t, l, now, &in, func() bool { return len(in.sequences) == 12 }); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if got := l.Stats(); in.source == first || in.source != s.Stats().SSRC || got.PacketsRejected != 12 || got.PacketsSent != 0 {
				t.Errorf("%s: heard %v of %08x, which was %08x; %+v", c.name, in.sequences, in.source, first, got)
			}
			if want := []uint16{65530, 65531, 65532, 65533, 65534, 65535}; !slices.Equal(in.sequences[:6], want) || in.sequences[11]-in.sequences[6] != 5 {
				t.Errorf("%s: heard %v", c.name, in.sequences)
			}
			if err := hears(t, deaf, now, &in, func() bool { return deaf.Stats().PacketsRejected == 24 }); err != nil {
				t.Fatal(err)
			}
			if len(in.sequences) != 12 {
				t.Errorf("%s: heard by another key", c.name)
			}
		}
	}
}

// TestWhatWasHeardIsNotHeardAgain: who has no key can send again what others have sent (RFC 3711 §3.3.2).
func TestWhatWasHeardIsNotHeardAgain(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	heard := n.listen(t, group)
	m := membership(group, groups[0].here)
	m.Key = sessionKey(keys[0])
	l := n.join(t, m)
	cfg := config(group)
	cfg.Key = &keys[0]
	s, now := open(t, cfg), time.Now()
	var in inlet
	s.Send(now, make([]byte, 160), 160)
	packet, to := heard.read().data, s.out.to
	for range 3 {
		s.out.rtp.Send(packet, &to)
	}
	s.Send(now, make([]byte, 160), 160)
	if err := hears(t, l, now, &in, func() bool { return l.Stats().PacketsRejected == 3 && len(in.sequences) == 2 }); err != nil {
		t.Fatal(err)
	}
}

func TestListeningToSecretsDoesNotAllocate(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	for i := range keys {
		if raceEnabled && strings.Contains(string(keys[i].Suite), "_CM_") {
			continue
		}
		m := membership(group, groups[0].here)
		m.Key = sessionKey(keys[i])
		l := n.join(t, m)
		cfg := config(group)
		cfg.Key = &keys[i]
		s, now := open(t, cfg), time.Now()
		in := inlet{sequences: make([]uint16, 0, 10_000)}
		if got := testing.AllocsPerRun(500, func() {
			now = now.Add(tick)
			s.Tick(now)
			s.Send(now, s.buf[longestHeader:longestHeader+160], 160)
			if err := l.Receive(now, &in); err != nil {
				t.Error(err)
			}
		}); got != 0 || len(in.sequences) < 400 {
			t.Errorf("suite %s: %v allocations, %d packets", keys[i].Suite, got, len(in.sequences))
		}
	}
}

func TestListeningDoesNotAllocate(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	l := n.join(t, media.Membership{Group: group, Own: func(uint32) bool { return false }})
	s, now := open(t, config(group)), time.Now()
	in := inlet{sequences: make([]uint16, 0, 10_000)}
	if got := testing.AllocsPerRun(500, func() {
		now = now.Add(tick)
		s.Tick(now)
		s.Send(now, s.buf[longestHeader:longestHeader+160], 160)
		if err := l.Receive(now, &in); err != nil {
			t.Error(err)
		}
	}); got != 0 || len(in.sequences) < 400 {
		t.Errorf("%v allocations, %d packets", got, len(in.sequences))
	}
}
