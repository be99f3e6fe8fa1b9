package sap

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	noon   = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	stage  = netip.MustParseAddr("192.0.2.1")
	forger = netip.MustParseAddr("192.0.2.66")
)

// described is a description with an ID and a version.
func described(id, version int) []byte {
	text := strings.Replace(hall, "o=- 7 1 ", fmt.Sprintf("o=- %d %d ", id, version), 1)
	return []byte(strings.Replace(text, "Town hall", fmt.Sprintf("Hall %d.%d", id, version), 1))
}

// hear tells d of a packet of the stage's, and says how it was refused.
func hear(t *testing.T, d *directory, p Packet, from netip.Addr, now time.Time) Refusal {
	t.Helper()
	b := mustMarshal(t, p)
	before := fmt.Sprint(d.refused)
	d.take(arrival{from: from, to: netip.AddrPortFrom(localIPv4, Port), nic: "eth0", bytes: b}, now)
	clear(b) // it is the reader's
	if fmt.Sprint(d.refused) == before {
		return Taken
	}
	why := d.refusedLast(before)
	return why
}

// refusedLast is the one reason whose count has changed since.
func (d *directory) refusedLast(before string) Refusal {
	for why := range d.refused {
		d.refused[why]--
		if d.refused[why] == 0 {
			delete(d.refused, why)
		}
		was := fmt.Sprint(d.refused) == before
		d.refused[why]++
		if was {
			return why
		}
	}
	return "several"
}

func names(d *directory, now time.Time) string {
	var all []string
	for _, h := range d.list(now) {
		all = append(all, h.Session.Name)
	}
	return strings.Join(all, ", ")
}

func TestWhatIsAnnouncedIsListedAndTakenBack(t *testing.T) {
	d := newDirectory(ListenerConfig{})
	one := Packet{Hash: 0x11, Source: stage, Payload: described(1, 1)}
	two := Packet{Hash: 0x22, Source: stage, Payload: described(2, 1)}
	for _, p := range []Packet{two, one, one} {
		if why := hear(t, &d, p, stage, noon); why != Taken {
			t.Fatalf("%s: refused as %s", p.Payload, why)
		}
	}
	if got := names(&d, noon); got != "Hall 1.1, Hall 2.1" {
		t.Errorf("got %s", got)
	}
	h := d.list(noon)[0]
	if h.ID() != "0011" || h.FullID() != "192.0.2.1/0011" || h.Interface != "eth0" || !bytes.Equal(h.Text, one.Payload) {
		t.Errorf("got %s, %s, %s, %s", h.ID(), h.FullID(), h.Interface, h.Text)
	}
	gone := Packet{Deletion: true, Hash: 0x11, Source: stage, Payload: []byte("o=- 1 1 IN IP4 192.0.2.1\r\n")}
	if why := hear(t, &d, gone, stage, noon); why != Taken {
		t.Errorf("the deletion is refused as %s", why)
	}
	whole := Packet{Deletion: true, Hash: 0x22, Source: stage, Payload: two.Payload} // as some do it
	if why := hear(t, &d, whole, stage, noon); why != Taken {
		t.Errorf("the deletion with all lines is refused as %s", why)
	}
	if got := names(&d, noon); got != "" {
		t.Errorf("got %s, want nothing", got)
	}
}

func TestANewVersionStandsInPlaceOfTheOld(t *testing.T) {
	d := newDirectory(ListenerConfig{})
	hear(t, &d, Packet{Hash: 0x11, Source: stage, Payload: described(1, 1)}, stage, noon)
	hear(t, &d, Packet{Hash: 0x12, Source: stage, Payload: described(1, 2)}, stage, noon.Add(time.Minute))
	if got := names(&d, noon); got != "Hall 1.2" {
		t.Errorf("got %s", got)
	}
	if h := d.list(noon)[0]; !h.First.Equal(noon) || !h.Last.Equal(noon.Add(time.Minute)) {
		t.Errorf("first %v, last %v", h.First, h.Last)
	}
	// The old one is taken back after the new one is out.
	old := Packet{Deletion: true, Hash: 0x11, Source: stage, Payload: []byte("o=- 1 1 IN IP4 192.0.2.1\r\n")}
	if why := hear(t, &d, old, stage, noon.Add(time.Minute)); why != Unknown {
		t.Errorf("refused as %q, want %q", why, Unknown)
	}
	if got := names(&d, noon); got != "Hall 1.2" {
		t.Errorf("got %s", got)
	}
	// Of sessions without an ID each hash is one.
	hear(t, &d, Packet{Hash: 0x21, Source: stage, Payload: described(0, 0)}, stage, noon)
	hear(t, &d, Packet{Hash: 0x22, Source: stage, Payload: described(0, 1)}, stage, noon)
	if got := names(&d, noon); got != "Hall 0.0, Hall 0.1, Hall 1.2" {
		t.Errorf("got %s", got)
	}
}

func TestNobodyChangesOrEndsWhatAnotherAnnounces(t *testing.T) {
	d := newDirectory(ListenerConfig{})
	hear(t, &d, Packet{Hash: 0x11, Source: stage, Payload: described(1, 1)}, stage, noon)
	gone := Packet{Deletion: true, Hash: 0x11, Source: stage, Payload: []byte("o=- 1 1 IN IP4 192.0.2.1\r\n")}
	if why := hear(t, &d, gone, forger, noon); why != Forged {
		t.Errorf("a deletion from elsewhere: %q", why)
	}
	if why := hear(t, &d, Packet{Hash: 0x12, Source: stage, Payload: described(1, 2)}, forger, noon); why != Forged {
		t.Errorf("a modification from elsewhere: %q", why)
	}
	gone.Source = forger
	if why := hear(t, &d, gone, forger, noon); why != Unknown {
		t.Errorf("a deletion of another source's hash: %q", why)
	}
	if why := hear(t, &d, Packet{Hash: 0x11, Source: forger, Payload: described(1, 2)}, forger, noon); why != Taken {
		t.Errorf("the same hash and ID of another source: %q", why)
	}
	gone.Source, gone.Payload = stage, []byte("o=- 1 9 IN IP4 192.0.2.1\r\n")
	if why := hear(t, &d, gone, stage, noon); why != Malformed {
		t.Errorf("a deletion with another origin: %q", why)
	}
	if got := names(&d, noon); got != "Hall 1.1, Hall 1.2" {
		t.Errorf("got %s, want both", got)
	}
}

func TestWhatIsNoSessionIsCounted(t *testing.T) {
	d := newDirectory(ListenerConfig{})
	head := "\x20\x00\x12\x34\xc0\x00\x02\x01"
	for _, text := range []string{
		"garbage", "\x22" + head[1:] + hall, "\x21" + head[1:] + hall, head + "text/plain\x00hello",
		head + "v=0\r\nnonsense",
		head + "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n",                        // no stream
		head + "v=0\r\nc=IN IP4 239.1.2.3/1\r\nm=video 5004 RTP/AVP 96\r\n", // nobody's: it could not be taken back
		head + strings.Replace(hall, "o=- 7 1 IN IP4 192.0.2.1\r\n", "", 1), // nor could this
	} {
		d.take(arrival{from: stage, bytes: []byte(text)}, noon)
	}
	want := fmt.Sprint(map[Refusal]uint64{Malformed: 1, Encrypted: 1, Compressed: 1, NoSDP: 1, Faulty: 4})
	if got := fmt.Sprint(d.refused); got != want || d.packets != 8 || len(d.heard) != 0 {
		t.Errorf("got %s of %d, %d heard; want %s", got, d.packets, len(d.heard), want)
	}
}

// TestWhatCannotBePlayedIsListedToo: it is announced, and counts for the pace of all (RFC 2974 §3.1).
func TestWhatCannotBePlayedIsListedToo(t *testing.T) {
	d := newDirectory(ListenerConfig{})
	film := []byte("v=0\r\no=- 9 1 IN IP4 192.0.2.1\r\ns=Film\r\nc=IN IP4 239.255.2.3/3\r\nt=0 0\r\nm=video 5006 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n")
	p := Packet{Hash: 0x99, Source: stage, Payload: film}
	if why := hear(t, &d, p, stage, noon); why != Taken {
		t.Fatalf("refused as %s", why)
	}
	hear(t, &d, Packet{Hash: 0x11, Source: stage, Payload: described(1, 1)}, stage, noon)
	all := d.list(noon)
	if len(all) != 2 || all[1].Unfit != "" {
		t.Fatalf("got %+v", all)
	}
	got := all[0]
	if got.Session.Name != "Film" || got.Session.ID != 9 || got.Session.Group != netip.MustParseAddrPort("239.255.2.3:5006") || got.Session.TTL != 3 {
		t.Errorf("got %+v", got.Session)
	}
	if want := `no audio stream that can be played: line 6: "video" is not audio`; got.Unfit != want {
		t.Errorf("it cannot be played for %q, want %q", got.Unfit, want)
	}
	l := &Listener{dir: newDirectory(ListenerConfig{})}
	hear(t, &l.dir, p, stage, time.Now())
	if n := l.Count(netip.AddrPortFrom(localIPv4, Port), func(netip.Addr, uint16) bool { return false }); n != 1 {
		t.Errorf("%d are counted, want 1", n)
	}
	gone := Packet{Deletion: true, Hash: 0x99, Source: stage, Payload: []byte("o=- 9 1 IN IP4 192.0.2.1\r\n")}
	if why := hear(t, &d, gone, stage, noon); why != Taken || names(&d, noon) != "Hall 1.1" {
		t.Errorf("taken back: refused as %q, and %s are there", why, names(&d, noon))
	}
}

// TestWhatCanBePlayedTakesThePlaceOfWhatCannot: a headend's radios come behind a hundred films.
func TestWhatCanBePlayedTakesThePlaceOfWhatCannot(t *testing.T) {
	d := newDirectory(ListenerConfig{MaxSessions: 4, MaxPerSource: 2})
	film := func(id int) []byte {
		return []byte(strings.Replace(string(described(id, 1)), "m=audio 5004 RTP/AVP 0", "m=video 5004 RTP/AVP 96", 1))
	}
	other := netip.MustParseAddr("192.0.2.3")
	for i, row := range []struct {
		source netip.Addr
		text   []byte
		want   Refusal
	}{
		{stage, film(1), Taken},
		{stage, film(2), Taken},
		{stage, film(3), Full},
		{stage, described(4, 1), Taken}, // for 1
		{forger, film(5), Taken},
		{stage, described(6, 1), Taken}, // for 2, and not for what is another's
		{stage, described(7, 1), Full},
		{forger, film(8), Taken},
		{other, film(9), Full},
		{other, described(10, 1), Taken}, // for 5
	} {
		if why := hear(t, &d, Packet{Hash: uint16(i + 1), Source: row.source, Payload: row.text}, row.source, noon); why != row.want {
			t.Errorf("packet %d: refused as %q, want %q", i+1, why, row.want)
		}
	}
	if got, want := names(&d, noon), "Hall 10.1, Hall 4.1, Hall 6.1, Hall 8.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHowManyAreKeptIsBounded(t *testing.T) {
	d := newDirectory(ListenerConfig{MaxSessions: 5, MaxPerSource: 3})
	full := 0
	for i := range 8 {
		source := []netip.Addr{stage, forger}[i/4]
		if hear(t, &d, Packet{Hash: uint16(i + 1), Source: source, Payload: described(i+1, 1)}, source, noon) == Full {
			full++
		}
	}
	if got := names(&d, noon); got != "Hall 1.1, Hall 2.1, Hall 3.1, Hall 5.1, Hall 6.1" || full != 3 {
		t.Errorf("got %s, %d refused", got, full)
	}
	// Who is there goes on being heard, and what is too old makes room.
	if why := hear(t, &d, Packet{Hash: 1, Source: stage, Payload: described(1, 1)}, stage, noon.Add(50*time.Minute)); why != Taken {
		t.Errorf("refused as %s", why)
	}
	if why := hear(t, &d, Packet{Hash: 9, Source: forger, Payload: described(9, 1)}, forger, noon.Add(61*time.Minute)); why != Taken {
		t.Errorf("refused as %s", why)
	}
	if got := names(&d, noon.Add(61*time.Minute)); got != "Hall 1.1, Hall 9.1" {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsNotRepeatedIsForgotten(t *testing.T) {
	for name, row := range map[string]struct {
		gap, gone time.Duration // between two announcements; from the last until it is gone
	}{
		"announced once":              {0, time.Hour},
		"every five minutes":          {5 * time.Minute, time.Hour},
		"every ten minutes":           {10 * time.Minute, 100 * time.Minute},
		"every fifty minutes":         {50 * time.Minute, 500 * time.Minute},
		"in a burst":                  {time.Millisecond, time.Hour},
		"so seldom that it is a day":  {59 * time.Minute, 590 * time.Minute},
		"and then again after longer": {3 * time.Minute, time.Hour},
	} {
		d := newDirectory(ListenerConfig{})
		p, last := Packet{Hash: 1, Source: stage, Payload: described(1, 1)}, noon
		hear(t, &d, p, stage, last)
		if row.gap > 0 {
			last = last.Add(row.gap)
			hear(t, &d, p, stage, last)
		}
		if got := names(&d, last.Add(row.gone-time.Millisecond)); got != "Hall 1.1" {
			t.Errorf("%s: gone before %v", name, row.gone)
		}
		if got := names(&d, last.Add(row.gone)); got != "" {
			t.Errorf("%s: still there after %v", name, row.gone)
		}
	}
}

func TestAFloodIsNotReadAndWhatIsKnownStaysKnown(t *testing.T) {
	d := newDirectory(ListenerConfig{})
	known := Packet{Hash: 1, Source: stage, Payload: described(1, 1)}
	hear(t, &d, known, stage, noon)
	// A second of a thousand packets of 1 kB, all with a header that is right.
	flood := mustMarshal(t, Packet{Hash: 2, Source: forger, Payload: slices.Concat([]byte("v=0\r\n"), bytes.Repeat([]byte("a=x\r\n"), 180))})
	for i := range 1000 {
		flood[2], flood[3] = byte(i>>8)|0x80, byte(i)
		d.take(arrival{from: forger, bytes: flood}, noon.Add(time.Duration(i)*time.Millisecond))
	}
	read := d.refused[Faulty]
	if most := uint64(readsAtOnce + readsPerSecond); read > most || d.refused[Paced] != 1000-read {
		t.Errorf("%d of 1000 were read, %d refused; want at most %d", read, d.refused[Paced], most)
	}
	if why := hear(t, &d, known, stage, noon.Add(time.Second)); why != Taken {
		t.Errorf("what is known is refused as %s", why)
	}
	if len(d.heard) != 1 {
		t.Errorf("%d are kept", len(d.heard))
	}
	if got := testing.AllocsPerRun(100, func() { d.take(arrival{from: forger, bytes: flood}, noon) }); got > 0 {
		t.Errorf("a packet that is not read costs %v allocations", got)
	}
}
