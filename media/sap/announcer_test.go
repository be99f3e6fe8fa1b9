package sap

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer/codec"
)

// wire is a network that keeps what is sent. The announcer's goroutine writes to it; tests look when that waits (synctest.Wait).
type wire struct {
	start time.Time
	sent  []said
	down  atomic.Bool
}

var errDown = errors.New("the network is down")

type said struct {
	after time.Duration
	datagram
	Packet
}

func (w *wire) source(nic string, wanted netip.Addr, _ bool) (netip.Addr, error) {
	if nic == "nowhere" {
		return netip.Addr{}, ErrInterface
	}
	return wanted, nil
}

func (w *wire) send(d datagram) error {
	if w.down.Load() {
		return errDown
	}
	p, err := ParsePacket(d.bytes)
	if err != nil {
		return err
	}
	w.sent = append(w.sent, said{time.Since(w.start), d, p})
	return nil
}

// take is what was sent since the last time.
func (w *wire) take() []said {
	synctest.Wait()
	sent := w.sent
	w.sent = nil
	return sent
}

func sessionOf(name string, id, version uint64, group string) Announcement {
	return Announcement{
		Session: session.Session{
			ID: id, Version: version, Name: name, Origin: stage, Group: netip.MustParseAddrPort(group), TTL: 4,
			Stream: session.Stream{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}},
		},
		Interface: "eth0", TTL: 4,
	}
}

// announcerOn starts one in a bubble.
func announcerOn(cfg AnnouncerConfig) (*Announcer, *wire) {
	w := &wire{start: time.Now()}
	cfg.network = w
	return NewAnnouncer(cfg), w
}

func TestASessionIsAnnouncedUntilItIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := announcerOn(AnnouncerConfig{})
		defer a.Close()
		ann := sessionOf("Hall", 1, 1, "239.255.1.2:5004")
		if err := a.Announce("hall", ann); err != nil {
			t.Fatal(err)
		}
		first := w.take()
		if len(first) != 1 || first[0].after != 0 || first[0].to.String() != "239.255.255.255:9875" || first[0].ttl != 4 || first[0].nic != "eth0" ||
			first[0].from != stage || first[0].Source != stage || first[0].Hash == 0 || first[0].Deletion {
			t.Fatalf("got %+v", first)
		}
		if s, err := session.Parse(first[0].Payload); err != nil || s.Name != "Hall" {
			t.Errorf("got %+v, %v", s, err)
		}
		if err := a.Announce("hall", ann); err != nil { // nothing is new
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		last := first[0]
		again := w.take()
		if len(again) < 9 || len(again) > 18 {
			t.Errorf("%d times in an hour, want every 200 to 400 s", len(again))
		}
		different := map[time.Duration]bool{}
		for _, p := range again {
			gap := p.after - last.after
			different[gap] = true
			if gap < 200*time.Second || gap > 400*time.Second || p.Hash != last.Hash {
				t.Errorf("after %v, hash %x; want 200 to 400 s, %x", gap, p.Hash, last.Hash)
			}
			last = p
		}
		if len(different) < 3 {
			t.Errorf("the gaps are %v, want them to differ", different)
		}
		a.Withdraw("nobody")
		a.Withdraw("hall")
		gone := w.take()
		if len(gone) != 1 || !gone[0].Deletion || gone[0].Hash != last.Hash || gone[0].to != last.to || gone[0].ttl != 4 ||
			string(gone[0].Payload) != "o=- 1 1 IN IP4 192.0.2.1\r\n" {
			t.Errorf("got %+v", gone)
		}
		time.Sleep(time.Hour)
		if rest := w.take(); len(rest) != 0 {
			t.Errorf("%d packets after the end", len(rest))
		}
	})
}

// TestAChangeHasAHashOfItsOwn, and takes back what was where that is no version of the same: before it is announced, or it would be taken back itself by who knows sessions by
// their origin (RFC 2974 §5).
func TestAChangeHasAHashOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := announcerOn(AnnouncerConfig{})
		defer a.Close()
		announce := func(ann Announcement) {
			t.Helper()
			if err := a.Announce("hall", ann); err != nil {
				t.Fatal(err)
			}
		}
		announce(sessionOf("Hall", 1, 1, "239.255.1.2:5004"))
		before := w.take()[0]
		time.Sleep(time.Minute)
		announce(sessionOf("Hall B", 1, 2, "239.255.1.2:5004"))
		sent := w.take()
		if len(sent) != 1 || sent[0].Deletion || sent[0].Hash == before.Hash {
			t.Fatalf("got %+v, want the new one alone", sent)
		}
		for _, row := range []struct {
			name   string
			change func(*Announcement)
		}{
			{"another ID", func(a *Announcement) { a.Session.ID = 2 }},
			{"another scope", func(a *Announcement) { a.Session.Group = netip.MustParseAddrPort("239.1.2.3:5004") }},
			{"another interface", func(a *Announcement) { a.Interface = "eth1" }},
			{"not as far", func(a *Announcement) { a.Interface, a.TTL = "eth1", 2 }},
		} {
			time.Sleep(time.Minute)
			ann := sessionOf("Hall", 1, 4, "239.255.1.2:5004")
			row.change(&ann)
			announce(ann)
			sent := w.take()
			if len(sent) != 2 || !sent[0].Deletion || sent[1].Deletion || sent[0].Hash == sent[1].Hash {
				t.Errorf("%s: got %+v, want the end of the old one, and then the new", row.name, sent)
			}
		}
		// A change before the one before is out: what was heard of is taken back, once.
		time.Sleep(time.Minute)
		announce(sessionOf("Hall C", 7, 1, "239.255.1.2:5004"))
		w.take()
		for id := range uint64(3) {
			announce(sessionOf("Hall D", 8+id, 1, "239.255.1.2:5004"))
		}
		time.Sleep(time.Minute)
		sent = w.take()
		if len(sent) != 2 || !strings.HasPrefix(string(sent[0].Payload), "o=- 7 1 ") || !strings.Contains(string(sent[1].Payload), "o=- 10 1 ") {
			t.Errorf("got %+v", sent)
		}
	})
}

func TestWhatIsAnnouncedAtOnceKeepsToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := announcerOn(AnnouncerConfig{Least: time.Second})
		defer a.Close()
		for i := range uint64(20) {
			if err := a.Announce(string(rune('a'+i)), sessionOf("Hall", 100+i, 1, "239.255.1.2:5004")); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Announce("elsewhere", sessionOf("Hall", 1, 1, "239.192.1.2:5004")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		sent, bits, elsewhere := w.take(), 0, 0
		hashes := map[uint16]bool{}
		for _, p := range sent {
			if p.to.Addr() == organizationIPv4 {
				elsewhere++
				continue
			}
			bits += 8 * len(p.bytes)
			hashes[p.Hash] = true
		}
		if rate := bits / 300; rate > limitBitsPerSecond*105/100 || rate < limitBitsPerSecond/2 {
			t.Errorf("%d bit/s, want nearly %d", rate, limitBitsPerSecond)
		}
		if len(hashes) != 20 {
			t.Errorf("%d hashes for 20 sessions", len(hashes))
		}
		if elsewhere < 200 {
			t.Errorf("another scope had %d announcements in 300 s, want its own pace", elsewhere)
		}
	})
}

func TestOthersMakeTheIntervalLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var others atomic.Int64
		a, w := announcerOn(AnnouncerConfig{Others: func(string, netip.AddrPort, func(netip.Addr, uint16) bool) int { return int(others.Load()) }})
		if err := a.Announce("hall", sessionOf("Hall", 1, 1, "239.255.1.2:5004")); err != nil {
			t.Fatal(err)
		}
		size := len(w.take()[0].bytes)
		others.Store(20_000)
		time.Sleep(time.Hour) // most of an interval, whose timer was set when there were none
		base := 20_001 * airtime(size)
		if sent := w.take(); len(sent) != 0 || base < 90*time.Minute {
			t.Errorf("%d announcements in an hour, want none in %v", len(sent), base)
		}
		others.Store(0)
		time.Sleep(time.Hour)
		if sent := w.take(); len(sent) < 1 {
			t.Error("no announcement in an hour when the others are gone")
		}
		a.Close()
		if gone := w.take(); len(gone) != 1 || !gone[0].Deletion {
			t.Errorf("got %+v", gone)
		}
	})
}

func TestCloseTakesAllBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := announcerOn(AnnouncerConfig{})
		for key, group := range map[string]string{"a": "239.255.1.2:5004", "b": "239.255.1.3:5004", "c": "239.192.1.2:5004"} {
			if err := a.Announce(key, sessionOf(key, uint64(key[0]), 1, group)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		w.take()
		a.Close()
		a.Close()
		if gone := w.take(); len(gone) != 3 || slices.ContainsFunc(gone, func(p said) bool { return !p.Deletion }) {
			t.Errorf("got %+v, want three deletions", gone)
		}
		if err := a.Announce("d", sessionOf("d", 1, 1, "239.255.1.2:5004")); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		a.Withdraw("a")
	})
}

func TestWhatCouldNotBeSentIsTriedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		a, w := announcerOn(AnnouncerConfig{Log: textLog(&log)})
		defer a.Close()
		w.down.Store(true)
		if err := a.Announce("hall", sessionOf("Hall", 1, 1, "239.255.1.2:5004")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if sent, failed := a.Sent(); sent != 0 || failed < 5 || failed > 8 {
			t.Errorf("%d sent, %d failed in a minute", sent, failed)
		}
		w.down.Store(false)
		time.Sleep(retryInterval)
		if sent := w.take(); len(sent) != 1 {
			t.Errorf("got %+v, want the announcement", sent)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "the network is down") {
			t.Errorf("want one line for down and one for up:\n%s", log.String())
		}
	})
}

func TestWhatCannotBeAnnouncedIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := announcerOn(AnnouncerConfig{})
		defer a.Close()
		for name, row := range map[string]struct {
			change func(*Announcement)
			want   error
		}{
			"a unicast address": {func(x *Announcement) { x.Session.Group = netip.MustParseAddrPort("192.0.2.9:5004") }, ErrNoScope},
			"TTL 0":             {func(x *Announcement) { x.TTL = 0 }, ErrNoScope},
			"TTL 256":           {func(x *Announcement) { x.TTL = 256 }, ErrNoScope},
			"no such interface": {func(x *Announcement) { x.Interface = "nowhere" }, ErrInterface},
			"no session":        {func(x *Announcement) { x.Session = session.Session{} }, session.ErrInvalid},
			"a long description": {func(x *Announcement) {
				x.Session.Name, x.Session.Info = strings.Repeat("é", 128), strings.Repeat("é", 256)
				x.Session.Sources = slices.Repeat([]netip.Addr{stage}, 30)
			}, ErrTooLong},
		} {
			ann := sessionOf("Hall", 1, 1, "239.255.1.2:5004")
			row.change(&ann)
			if err := a.Announce("hall", ann); !errors.Is(err, row.want) {
				t.Errorf("%s: got %v, want %v", name, err, row.want)
			}
		}
		for i := range MaxAnnounced {
			if err := a.Announce(string(rune(0x4e00+i)), sessionOf("Hall", uint64(i+1), 1, "239.255.1.2:5004")); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Announce("hall", sessionOf("Hall", 1, 1, "239.255.1.2:5004")); !errors.Is(err, ErrTooMany) {
			t.Errorf("one too many: got %v, want ErrTooMany", err)
		}
		w.take()
	})
}

func TestTheKeyIsNotAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := announcerOn(AnnouncerConfig{})
		defer a.Close()
		ann := sessionOf("Board", 1, 1, "239.255.1.2:5004")
		ann.Session.Key = session.Key{Suite: "AES_CM_128_HMAC_SHA1_80", Master: make([]byte, 30)}
		if err := a.Announce("board", ann); err != nil {
			t.Fatal(err)
		}
		sent := w.take()
		if len(sent) != 1 || strings.Contains(string(sent[0].bytes), "crypto") || !strings.Contains(string(sent[0].bytes), "RTP/SAVP") {
			t.Errorf("got %+v", sent)
		}
	})
}
