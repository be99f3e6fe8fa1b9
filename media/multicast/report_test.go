package multicast

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer"
)

// reported runs s for d of made-up time, with a packet each tick that is up to late late.
func reported(s *Sender, now time.Time, d, late time.Duration) time.Time {
	for i := 0; d > 0; d -= tick {
		at := now.Add(late * time.Duration(i%7) / 7)
		s.Tick(at)
		s.Send(at, []byte{1}, 160)
		now = now.Add(tick)
		i++
	}
	return now
}

// before reads what has come to an ear until now: up to the BYE of another sender to the group, which begins and ends here.
func before(t *testing.T, control ear, group netip.AddrPort) (all [][]rtcp.Packet) {
	t.Helper()
	marker := open(t, config(group))
	marker.Send(time.Now(), []byte{1}, 160)
	if err := marker.Close(); err != nil {
		t.Fatal(err)
	}
	<-marker.Done()
	for {
		packets := control.rtcp()
		if bye, ok := packets[len(packets)-1].(*rtcp.Goodbye); ok && bye.Sources[0] == marker.SSRC() {
			return all
		}
		all = append(all, packets)
	}
}

func TestSenderReportsEveryFiveSeconds(t *testing.T) {
	n := newNetwork(t)
	for _, c := range groups {
		var sources []netip.Addr
		if terms.SourceSpecific(c.group.Addr()) {
			sources = []netip.Addr{c.here}
		}
		heard, control := n.listen(t, c.group, sources...), n.listen(t, nextPort(c.group), sources...)
		s := open(t, config(c.group))
		begin := time.Now()
		reported(s, begin, 2*tick, 0)
		first := heard.rtp()
		// A minute of ticks up to 15 ms late. The kernel's queue of RTP overflows meanwhile; the reports fit.
		reported(s, begin.Add(2*tick), time.Minute, 15*time.Millisecond)
		reports := 0
		for ; control.waits(0); reports++ {
			packets := control.rtcp()
			sr, ok := packets[0].(*rtcp.SenderReport)
			if !ok || len(packets) != 2 || sr.SSRC != s.header.SSRC || sr.OctetCount != sr.PacketCount || len(sr.Reports) != 0 {
				t.Fatalf("%s: got %v", c.name, packets)
			}
			items := packets[1].(*rtcp.SourceDescription).Chunks[0].Items
			if len(items) != 2 || items[0] != (rtcp.SourceDescriptionItem{Type: rtcp.SDESCNAME, Text: "cname"}) ||
				items[1] != (rtcp.SourceDescriptionItem{Type: rtcp.SDESName, Text: "Town hall"}) {
				t.Errorf("%s: got %v", c.name, items)
			}
			// The first packet's timestamp is of begin; the report's pair must be on the same line.
			at := time.Unix(int64(sr.NTPTime>>32)-2208988800, int64(sr.NTPTime&0xffffffff)*1e9>>32)
			said := begin.Add(time.Duration(sr.RTPTime-first.Timestamp) * time.Second / 8000)
			if off := at.Sub(said).Abs(); off > 5*time.Millisecond {
				t.Errorf("%s: after %v NTP and RTP are %v apart", c.name, at.Sub(begin), off)
			}
		}
		if reports < 8 || reports > 20 {
			t.Errorf("%s: %d reports in a minute", c.name, reports)
		}
	}
}

func TestARenamedSenderSaysItsNewName(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	control := n.listen(t, nextPort(group))
	s := open(t, config(group))
	if err := s.Rename(strings.Repeat("n", 256)); !errors.Is(err, ErrInvalid) {
		t.Errorf("256 bytes: got %v, want ErrInvalid", err)
	}
	now := time.Now()
	for _, name := range []string{"Village hall", ""} {
		if err := s.Rename(name); err != nil {
			t.Fatal(err)
		}
		now = reported(s, now, 20*time.Second, 0)
		var items []rtcp.SourceDescriptionItem
		for control.waits(0) {
			items = control.rtcp()[1].(*rtcp.SourceDescription).Chunks[0].Items
		}
		want := []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "cname"}, {Type: rtcp.SDESName, Text: name}}
		if name == "" {
			want = want[:1]
		}
		if !slices.Equal(items, want) {
			t.Errorf("%q: got %v", name, items)
		}
	}
}

func TestByeIsTheLast(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	control := n.listen(t, nextPort(group))
	s := open(t, config(group))
	s.Send(time.Now(), []byte{1}, 160)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	packets := control.rtcp()
	bye, ok := packets[len(packets)-1].(*rtcp.Goodbye)
	if !ok || len(bye.Sources) != 1 || bye.Sources[0] != s.header.SSRC {
		t.Errorf("got %v", packets)
	}
	s.Tick(time.Now()) // closed: nothing comes of these
	s.Send(time.Now(), []byte{1}, 160)
	if s.Stats().Packets != 1 {
		t.Error("sent after Close")
	}

	silent := open(t, config(group))
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	<-silent.Done()
	if got := before(t, control, group); len(got) > 0 {
		t.Errorf("who has sent nothing says %v", got)
	}
}

// crowded is a sender to whom 60 receivers have reported, and what hears the RTCP of its group.
func crowded(t *testing.T, group netip.AddrPort) (s *Sender, control ear) {
	t.Helper()
	n := newNetwork(t)
	t.Parallel()
	control, member := n.listen(t, nextPort(group)), n.bind(t, netip.AddrPortFrom(groups[0].there, 0))
	s = open(t, config(group))
	now := time.Now()
	s.Send(now, []byte{1}, 160)
	for i := range uint32(60) {
		member.say(nextPort(group), &rtcp.ReceiverReport{SSRC: 100 + i, Reports: []rtcp.ReceptionReport{{SSRC: s.header.SSRC, FractionLost: uint8(i)}}})
		control.read()
	}
	until(t, s, now, func() bool { return s.Stats().Receivers == 60 })
	return s, control
}

func TestAmongManyByeIsPutOff(t *testing.T) {
	group := netip.MustParseAddrPort("239.1.2.3:5104")
	s, control := crowded(t, group)
	if got := s.Stats(); got.LossWorst != 59./256 || got.LossMean < 29./256 || got.LossMean > 30./256 {
		t.Errorf("got %+v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := before(t, control, group); len(got) > 0 { // 1.02 s at the soonest
		t.Errorf("BYE is not put off: got %v", got)
	}
	packets := control.rtcp()
	if _, ok := packets[len(packets)-1].(*rtcp.Goodbye); !ok {
		t.Errorf("got %v", packets)
	}
	<-s.Done()
}

func TestWhoIsReplacedSaysNoByeForTheNext(t *testing.T) {
	group := netip.MustParseAddrPort("239.1.2.3:5118")
	s, control := crowded(t, group)
	s.Replaced()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if got := before(t, control, group); len(got) > 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

func TestReceiversThatAreSilentAreForgotten(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	member := n.bind(t, netip.AddrPortFrom(groups[0].there, 0))
	s := open(t, config(group))
	now := time.Now()
	member.say(nextPort(group), &rtcp.ReceiverReport{SSRC: 100, Reports: []rtcp.ReceptionReport{{SSRC: s.header.SSRC, Jitter: 80}}})
	member.say(nextPort(group), &rtcp.ReceiverReport{SSRC: 101})
	to := member.ToGroup(nextPort(group))
	member.Send([]byte("garbage"), &to)
	until(t, s, now, func() bool { return s.Stats().Receivers == 1 && s.Stats().Garbage == 1 })
	if got := s.Stats().Jitter; got != 10*time.Millisecond {
		t.Errorf("got a jitter of %v", got)
	}
	until(t, s, now.Add(24*time.Second), func() bool { return s.Stats().Receivers == 1 })
	until(t, s, now.Add(time.Hour), func() bool { return s.Stats().Receivers == 0 })
}

func TestACollisionTakesAnotherSSRC(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	control, member := n.listen(t, nextPort(group)), n.bind(t, netip.AddrPortFrom(groups[0].there, 0))
	cfg := config(group)
	cfg.Path.Loopback = true // our own reports come back, and are no collision
	events := make(chan Event, 10)
	cfg.Notify = func(e Event) { events <- e }
	s := open(t, cfg)
	now := reported(s, time.Now(), time.Minute, 0)
	before(t, control, group)
	old := s.header.SSRC
	if got := s.Stats(); got.Collisions+got.Loops != 0 {
		t.Fatalf("by our own reports: %+v", got)
	}
	member.say(nextPort(group), &rtcp.ReceiverReport{SSRC: old})
	control.read()
	until(t, s, now, func() bool { return s.Stats().Collisions == 1 })
	for { // a report may have been due
		packets := control.rtcp()
		if bye, ok := packets[len(packets)-1].(*rtcp.Goodbye); ok {
			if bye.Sources[0] != old {
				t.Errorf("got BYE of %d, want %d", bye.Sources[0], old)
			}
			break
		}
	}
	if e := <-events; e.Kind != Collided || e.Before != old || e.SSRC != s.Stats().SSRC || e.SSRC == old || e.From.Addr() != groups[0].there {
		t.Errorf("got %+v", e)
	}
	// Again from there: somebody sends ours back. The SSRC stays.
	now, old = now.Add(time.Second), s.header.SSRC
	member.say(nextPort(group), &rtcp.ReceiverReport{SSRC: old})
	until(t, s, now, func() bool { return s.Stats().Loops == 1 })
	if e := <-events; e.Kind != Looped || s.header.SSRC != old {
		t.Errorf("got %+v", e)
	}
}

// TestForgedReportsDoNotChangeTheSSRCForEver: each new one interrupts all who listen.
func TestForgedReportsDoNotChangeTheSSRCForEver(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	cfg := config(group)
	told := make(chan Event, 1000)
	cfg.Notify = func(e Event) { told <- e }
	s := open(t, cfg)
	now := time.Now()
	const forgers = 20
	for i := range uint64(forgers) {
		n.bind(t, netip.AddrPortFrom(groups[0].there, 0)).say(nextPort(group), &rtcp.ReceiverReport{SSRC: s.header.SSRC})
		until(t, s, now, func() bool { return s.Stats().Collisions+s.Stats().Loops == i+1 })
	}
	if got := s.Stats(); got.Collisions != 4 || got.Loops != forgers-4 {
		t.Errorf("%d collisions and %d loops, want 4 and the rest", got.Collisions, got.Loops)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-s.Done()
	close(told)
	for e := range told {
		if e.Kind != Collided {
			t.Errorf("told of %+v", e)
		}
	}
}

func TestMixedTakesFifteen(t *testing.T) {
	n := newNetwork(t)
	group := groups[0].group
	heard := n.listen(t, group)
	s := open(t, config(group))
	sources := []mixer.Source{{ID: s.header.SSRC}}
	for i := range uint32(20) {
		sources = append(sources, mixer.Source{ID: 1 + i})
	}
	s.Mixed(sources)
	s.Send(time.Now(), make([]byte, pcmu.LongestPayload()), 480)
	p := heard.rtp()
	if len(p.CSRC) != 15 || p.CSRC[0] != 1 || p.CSRC[14] != 15 {
		t.Errorf("got %v", p.CSRC)
	}
	s.Send(time.Now(), make([]byte, pcmu.LongestPayload()+1), 480)
	if s.Stats().SendErrors != 1 {
		t.Error("a payload that is too long is not counted")
	}
}
