package sap

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/confbridge/confbridge/media/session"
)

// Heard is a session that is announced. It is a copy; Text is not to be changed.
type Heard struct {
	Session session.Session
	// Unfit is why it cannot be played; empty: it can. Of a session that cannot, Session has what it is of and where it goes, and no more.
	Unfit string
	Text  []byte // the description as it came
	// Source and Hash identify the announcement: who makes it, and which version it is.
	Source netip.Addr
	Hash   uint16
	// To is the address it was heard at, Interface the one of ours that it came in by first.
	To          netip.AddrPort
	Interface   string
	First, Last time.Time
	// Interval is the time between the last two announcements; 0 until there were two.
	Interval time.Duration
}

// ID is a name for the announcement that is short enough to type. Two sources can have the same.
func (h *Heard) ID() string { return fmt.Sprintf("%04x", h.Hash) }

// FullID is one that nobody else has.
func (h *Heard) FullID() string { return h.Source.String() + "/" + h.ID() }

// expires is when it is forgotten: after ten intervals without an announcement, or an hour, whichever is longer (RFC 2974 §4). An interval of hours is
// believed up to a day.
func (h *Heard) expires() time.Time {
	return h.Last.Add(min(max(10*h.Interval, time.Hour), 24*time.Hour))
}

// Refusal is why a packet counts for nothing.
type Refusal string

// The refusals.
const (
	Taken      Refusal = ""
	Malformed  Refusal = "malformed"  // no packet of this protocol
	Encrypted  Refusal = "encrypted"  // nobody here has a key
	Compressed Refusal = "compressed" // may be of any size
	NoSDP      Refusal = "no_sdp"     // another type of payload
	Faulty     Refusal = "faulty"     // SDP with a fault
	Forged     Refusal = "forged"     // does not come from whom it names as its source
	Unknown    Refusal = "unknown"    // takes back what was not announced
	Full       Refusal = "full"       // one more than are kept, of this source or of all
	Paced      Refusal = "paced"      // more descriptions in a second than are read
)

// directory is what is announced. It has no clock, no socket and no lock.
type directory struct {
	max, maxPerSource int
	heard             []*Heard
	packets           uint64
	refused           map[Refusal]uint64

	tokens float64 // descriptions that may be read at once
	filled time.Time
}

// The pace at which descriptions that are not known yet are read. All else of a packet takes next to no time.
const (
	readsPerSecond = 100
	readsAtOnce    = 200
)

// arrival is a packet that has come.
type arrival struct {
	from  netip.Addr
	to    netip.AddrPort
	nic   string
	bytes []byte // the reader's, who overwrites them
}

// take is told of a packet.
func (d *directory) take(a arrival, now time.Time) {
	d.packets++
	if why := d.judge(a, now); why != Taken {
		d.refused[why]++
	}
}

func (d *directory) judge(a arrival, now time.Time) Refusal {
	p, err := ParsePacket(a.bytes)
	switch {
	case errors.Is(err, ErrEncrypted):
		return Encrypted
	case errors.Is(err, ErrCompressed):
		return Compressed
	case errors.Is(err, ErrPayloadType):
		return NoSDP
	case err != nil:
		return Malformed
	case p.Source != a.from:
		return Forged
	}
	i := slices.IndexFunc(d.heard, func(h *Heard) bool { return h.Source == p.Source && h.Hash == p.Hash })
	if p.Deletion {
		return d.withdraw(i, p)
	}
	if i >= 0 && bytes.Equal(d.heard[i].Text, p.Payload) {
		h := d.heard[i]
		h.Interval, h.Last = now.Sub(h.Last), now
		return Taken
	}
	return d.add(a, p, now)
}

// withdraw takes back what has the packet's source and hash, if its o= line is the same.
func (d *directory) withdraw(i int, p Packet) Refusal {
	if i < 0 {
		return Unknown
	}
	if line := originLine(p.Payload); line == nil || !bytes.Equal(line, originLine(d.heard[i].Text)) {
		return Malformed
	}
	d.heard = slices.Delete(d.heard, i, i+1)
	return Taken
}

// originLine is the first o= line of a text without its end; nil: none.
func originLine(text []byte) []byte {
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("o=")) {
			return bytes.TrimRight(line, "\r\n")
		}
	}
	return nil
}

// add takes a description that is new, in place of the version before it.
func (d *directory) add(a arrival, p Packet, now time.Time) Refusal {
	if !d.token(now) {
		return Paced
	}
	s, err := session.Parse(p.Payload)
	unfit := ""
	switch {
	case originLine(p.Payload) == nil: // nobody's: it could not be taken back
		return Faulty
	case errors.Is(err, session.ErrNoStream) && s.Group.IsValid(): // a session for others, which takes its share of the bandwidth too
		unfit = strings.TrimPrefix(err.Error(), "session: ")
	case err != nil:
		return Faulty
	}
	h := &Heard{
		Session: s, Unfit: unfit, Text: bytes.Clone(p.Payload), Source: p.Source, Hash: p.Hash, To: a.to, Interface: a.nic, First: now, Last: now,
	}
	if i := slices.IndexFunc(d.heard, h.follows); i >= 0 {
		h.First = d.heard[i].First
		d.heard[i] = h
		return Taken
	}
	d.age(now)
	if !d.place(h) {
		return Full
	}
	d.heard = append(d.heard, h)
	return Taken
}

// place says whether there is a place for one more. What can be played takes the place of what cannot, of its source where that has as many as it may have.
func (d *directory) place(h *Heard) bool {
	ofSource := 0
	for _, other := range d.heard {
		if other.Source == h.Source {
			ofSource++
		}
	}
	full := ofSource >= d.maxPerSource
	if !full && len(d.heard) < d.max {
		return true
	}
	i := slices.IndexFunc(d.heard, func(other *Heard) bool { return other.Unfit != "" && (!full || other.Source == h.Source) })
	if h.Unfit != "" || i < 0 {
		return false
	}
	d.heard = slices.Delete(d.heard, i, i+1)
	return true
}

// follows says whether h is a newer version of other: of the same source, with the same hash or the same session's ID. Encoders that know no better
// give all their sessions the ID 0.
func (h *Heard) follows(other *Heard) bool {
	return h.Source == other.Source && (h.Hash == other.Hash || h.Session.ID != 0 && h.Session.ID == other.Session.ID)
}

// token takes one, if there is one.
func (d *directory) token(now time.Time) bool {
	d.tokens = min(d.tokens+max(now.Sub(d.filled).Seconds(), 0)*readsPerSecond, readsAtOnce)
	d.filled = now
	if d.tokens < 1 {
		return false
	}
	d.tokens--
	return true
}

// age forgets what has not been repeated.
func (d *directory) age(now time.Time) {
	d.heard = slices.DeleteFunc(d.heard, func(h *Heard) bool { return !h.expires().After(now) })
}

// list is a copy, by name.
func (d *directory) list(now time.Time) []Heard {
	d.age(now)
	all := make([]Heard, 0, len(d.heard))
	for _, h := range d.heard {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b Heard) int {
		return cmp.Or(cmp.Compare(a.Session.Name, b.Session.Name), a.Source.Compare(b.Source), cmp.Compare(a.Hash, b.Hash))
	})
	return all
}
