// Package distribution says what a distribution of a room's mix is, and which there may be: where it goes, by which way, as what. It opens nothing and
// knows no room: package rooms keeps a [Set] among a room's settings, and package rooms/distributor runs what is in it.
package distribution

import (
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer/codec"
)

// Silence is what is sent while nobody in the room can be heard.
type Silence string

// The silences.
const (
	SilenceSound   Silence = "sound"   // silence, coded as any other sound
	SilenceNoise   Silence = "noise"   // comfort noise (RFC 3389), a fifth of the packets' number or less
	SilenceNothing Silence = "nothing" // nothing: the timestamp goes on
)

// Suite is how RTP and RTCP are encrypted; empty: not at all.
type Suite = terms.Suite

// The suites.
const (
	SuiteNone Suite = ""
	SuiteCM         = terms.AES128CMHMACSHA180
	SuiteGCM        = terms.AEADAES128GCM
)

// KeyBytes is how long a master key and salt of one of these suites are together; 0 of none, and of others.
func KeyBytes(s Suite) int {
	if s != SuiteCM && s != SuiteGCM {
		return 0
	}
	master, salt := s.KeyBytes()
	return master + salt
}

// Distribution is one way out for a room's mix: to one group, or to a list of single listeners.
type Distribution struct {
	ID string
	// To is the group, or the listeners: RTP to that port, which is even, and RTCP to the next.
	To []netip.AddrPort
	// Interface is its name; empty: the route's.
	Interface string
	// Source is the address of ours to send from; not valid: the route's. Source-specific groups (RFC 4607) need one.
	Source netip.Addr
	// TTL is that of IPv4, and the hop limit of IPv6: 1 to 255.
	TTL int
	// DSCP is 0 to 63 (RFC 2474).
	DSCP int
	// Loopback has listeners on this machine hear a group too.
	Loopback bool
	Codec    codec.Name
	// RateHz is the clock of L16: 8000, 16000 or 48000; that of other codecs follows from Codec.
	RateHz  int
	Packet  time.Duration // 10, 20, 30, 40 or 60 ms
	Silence Silence
	// Occupied distributions are on while somebody is in the room: pages. Others always.
	Occupied bool
	// Opening is a sound that is heard when the first one comes into the room; empty: none.
	Opening string
	// Announced distributions are announced by SAP (RFC 2974): groups, whose Interface is named.
	Announced bool
	Suite     Suite
	// Key is master key and salt, of KeyBytes. It is shown to those who may hear the distribution, and to nobody else.
	Key []byte
	// SSRC stays the same over restarts, unless somebody else in the group has it. What is encrypted has another one each time it begins.
	SSRC uint32
	// Session and Version are the numbers of its description's o= line (RFC 8866 §5.2).
	Session, Version uint64
	Created          time.Time
}

// Bounds of a Distribution.
const (
	MaxListeners = 1024
	MaxOpening   = 256 // bytes
	// SiteTTL is the greatest TTL that is taken to stay within a site.
	SiteTTL = 31
	// DefaultDSCP (expedited, RFC 3246) is that of distributions that say nothing else; their TTL is that of DefaultTTL.
	DefaultDSCP = 46
)

// DefaultTTL is how far what is sent there gets where nothing else is said: a group no farther than the link, listeners wherever they are, as the kernel's own
// default has it.
func DefaultTTL(to []netip.AddrPort) int {
	if len(to) > 0 && !to[0].Addr().IsMulticast() {
		return 64
	}
	return 1
}

// idGrammar is that of IDs: they stand in URLs and names of resources.
var idGrammar = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$`)

// idWords is what an ID is, to who has got it wrong.
const idWords = "want 1 to 32 of a to z, 0 to 9 and hyphens, none of them first or last"

// IsID says whether a distribution, or a source, can have that ID.
func IsID(id string) bool { return idGrammar.MatchString(id) }

// Group is where it goes, if that is a group.
func (d *Distribution) Group() (netip.AddrPort, bool) {
	if len(d.To) == 1 && d.To[0].Addr().IsMulticast() {
		return d.To[0], true
	}
	return netip.AddrPort{}, false
}

// Format is how sound is coded; ErrInvalid where there is no such codec.
func (d *Distribution) Format() (codec.Format, error) {
	for _, f := range codec.Formats() {
		if f.Name == d.Codec && (d.RateHz == 0 || f.ClockRateHz == d.RateHz) {
			return f, nil
		}
	}
	return codec.Format{}, invalid("codec", "%s with a clock of %d Hz is none", d.Codec, d.RateHz)
}

// DefaultPacket is what a packet of a codec lasts where nothing else is said: 20 ms, and 10 of L16 at 48 kHz, of which no more goes into a datagram.
func DefaultPacket(c codec.Name, rateHz int) time.Duration {
	if c == codec.L16 && (rateHz == 0 || rateHz == 48000) {
		return 10 * time.Millisecond
	}
	return codec.DefaultPacket
}

// PayloadType is the number that RTP has for its sound: the static one (RFC 3551 §6), or 96 for Opus and 97 for L16. It never changes.
func (d *Distribution) PayloadType() uint8 {
	return map[codec.Name]uint8{codec.PCMU: 0, codec.PCMA: 8, codec.G722: 9, codec.Opus: 96, codec.L16: 97}[d.Codec]
}

// NoiseType is the number of comfort noise (RFC 3551 §6, table 4).
const NoiseType = 13

// Error says which field cannot be so, and why; it is an ErrInvalid or an ErrNotAllowed.
type Error struct {
	Field string // as in the API
	Text  string
	Err   error
}

func (e *Error) Error() string { return e.Field + ": " + e.Text }
func (e *Error) Unwrap() error { return e.Err }

func invalid(field, format string, args ...any) error {
	return &Error{Field: field, Text: fmt.Sprintf(format, args...), Err: ErrInvalid}
}

// Check says whether there can be such a distribution anywhere: nil, or an Error.
func (d *Distribution) Check() error {
	if faults := d.Faults(); len(faults) > 0 {
		return faults[0]
	}
	return nil
}

// Faults are why there cannot be such a distribution anywhere, an Error each: of its ID, where it goes, by which way, as what, and under which key, the
// first that is found. None: there can.
func (d *Distribution) Faults() (faults []error) {
	checks := []func() error{d.checkID, d.checkTo, d.checkPath, d.checkSound, d.checkKey}
	for _, check := range checks {
		if err := check(); err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

func (d *Distribution) checkID() error {
	if !IsID(d.ID) {
		return invalid("id", "%q: %s", d.ID, idWords)
	}
	return nil
}

func (d *Distribution) checkTo() error {
	switch {
	case len(d.To) == 0:
		return invalid("destinations", "none is given: want a group, or listeners")
	case len(d.To) > MaxListeners:
		return invalid("destinations", "%d listeners, at most %d", len(d.To), MaxListeners)
	}
	seen := make(map[netip.AddrPort]bool, len(d.To))
	for _, to := range d.To {
		a := to.Addr()
		switch {
		case !to.IsValid(), a.IsUnspecified(), a.Is4In6(), a.Zone() != "":
			return invalid("destinations", "%s is no address to send to (an interface is given by its name)", to)
		case to.Port() == 0, to.Port()%2 != 0:
			return invalid("destinations", "%s: port %d is not even, and RTCP is to go to the one behind it (RFC 3550 §11)", to, to.Port())
		case a.IsMulticast() && len(d.To) > 1:
			return invalid("destinations", "%s is a group among others: a distribution has one group, or listeners", to)
		case a.Is4() != d.To[0].Addr().Is4():
			return invalid("destinations", "%s and %s: IPv4 and IPv6 in one distribution", d.To[0], to)
		case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
			return invalid("destinations", "%s reaches everybody: want a group", to)
		case seen[to]:
			return invalid("destinations", "%s is given twice", to)
		}
		seen[to] = true
	}
	return nil
}

func (d *Distribution) checkPath() error {
	if len(d.To) == 0 {
		return nil // checkTo says so
	}
	to := d.To[0].Addr()
	switch {
	case d.TTL < 1 || d.TTL > 255:
		return invalid("ttl", "%d, want 1 to 255", d.TTL)
	case d.DSCP < 0 || d.DSCP > 63:
		return invalid("dscp", "%d, want 0 to 63", d.DSCP)
	case d.Announced && to.IsMulticast() && d.Interface == "":
		return invalid("interface", "none is named, and announcements go out by the one that the sound goes out by")
	case len(d.Interface) > 15: // IFNAMSIZ, its zero left out
		return invalid("interface", "%q is too long to be the name of an interface", d.Interface)
	case d.Source.IsValid() && (d.Source.Is4() != to.Is4() || d.Source.IsMulticast() || d.Source.IsUnspecified() || d.Source.Is4In6() || d.Source.Zone() != ""):
		return invalid("source", "nothing can be sent from %s to %s", d.Source, to)
	case !d.Source.IsValid() && terms.SourceSpecific(to):
		return invalid("source", "%s is source-specific (RFC 4607): who listens has to name the address that is sent from", to)
	}
	return nil
}

func (d *Distribution) checkSound() error {
	f, err := d.Format()
	if err != nil {
		return err
	}
	if err := (codec.Profile{Format: f, Packet: d.Packet}).Valid(); err != nil || d.Packet == 0 {
		return invalid("packet_time", "%v of %s cannot be sent", d.Packet, d.Codec)
	}
	switch {
	case d.Silence != SilenceSound && d.Silence != SilenceNoise && d.Silence != SilenceNothing:
		return invalid("silence", "%q, want %s, %s or %s", d.Silence, SilenceSound, SilenceNoise, SilenceNothing)
	case d.Silence == SilenceNoise && f.ClockRateHz != 8000:
		return invalid("silence", "comfort noise has a clock of 8000 Hz (RFC 3389), %s one of %d", d.Codec, f.ClockRateHz)
	case len(d.Opening) > MaxOpening:
		return invalid("opening", "%d bytes, at most %d", len(d.Opening), MaxOpening)
	}
	return nil
}

func (d *Distribution) checkKey() error {
	if d.Suite != SuiteNone && KeyBytes(d.Suite) == 0 {
		return invalid("encryption", "%q, want %s or %s", d.Suite, SuiteCM, SuiteGCM)
	}
	if len(d.Key) != KeyBytes(d.Suite) {
		return invalid("encryption", "a key and salt of %d bytes, want %d", len(d.Key), KeyBytes(d.Suite))
	}
	return nil
}
