package trunk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// DialOut is who may be called from here. The zero value: nobody. It is there against toll fraud: what is not allowed by name is not
// called, whoever asks.
type DialOut struct {
	// Domains are hosts whose SIP URIs may be called without a trunk: "example.com", "*.example.com" for all below it, or an
	// address.
	Domains []string
	// Rooms narrow what rooms may call: the first entry whose pattern fits the room's number counts, and what none fits calls nobody. nil: all
	// rooms call what Domains and the trunks' prefixes allow.
	Rooms []RoomDial
	// MaxCalls and RoomCalls are how many may be called or talked to at once, in all and from one room; 0 means 50 and 10.
	MaxCalls, RoomCalls int
	// PerMinute and RoomPerMinute are how many may be called in any 60 s; 0 means 60 and 20.
	PerMinute, RoomPerMinute int
}

// RoomDial is what some rooms may call, of what may be called at all.
type RoomDial struct {
	// Rooms are patterns of room numbers: "1000", "2*".
	Rooms []string
	// Prefixes and Domains are as in Dial and DialOut.
	Prefixes, Domains []string
}

// Dial is how a trunk is called. The zero value: not at all.
type Dial struct {
	// Prefixes are beginnings of the numbers that may be called: "+49", "0". None: the trunk is not called.
	Prefixes []string
	// URI is where calls go, with the number as user: "sip:sip.carrier.example".
	URI string
	// Proxy is a URI that calls go through; empty: none.
	Proxy string
	// From is who calls, a SIP URI; empty: the room at the local address. A request may put another user in its place.
	From string
	// User and Password answer challenges.
	User, Password string
}

// Limits of what there is to say.
const (
	maxDials       = 50
	maxRoomDials   = 10
	dialsMinute    = 60
	dialsMinRoom   = 20
	maxDialAddress = 512 // bytes
	maxDialNumber  = 64
)

func (d DialOut) withDefaults() DialOut {
	or := func(n *int, otherwise int) {
		if *n == 0 {
			*n = otherwise
		}
	}
	or(&d.MaxCalls, maxDials)
	or(&d.RoomCalls, maxRoomDials)
	or(&d.PerMinute, dialsMinute)
	or(&d.RoomPerMinute, dialsMinRoom)
	return d
}

func (d DialOut) check(f *faults) {
	f.add(min(d.MaxCalls, d.RoomCalls, d.PerMinute, d.RoomPerMinute) >= 0, "dial out: a limit is negative")
	checkDomains(f, d.Domains)
	for _, r := range d.Rooms {
		f.add(len(r.Rooms) > 0, "dial out: an entry names no room")
		checkTexts(f, "dial out: room", r.Rooms)
		checkTexts(f, "dial out: prefix", r.Prefixes)
		checkDomains(f, r.Domains)
	}
}

func (d Dial) check(f *faults, whose string) {
	checkTexts(f, whose+": prefix", d.Prefixes)
	if len(d.Prefixes) == 0 {
		return
	}
	for _, text := range []string{d.URI, d.Proxy, d.From} {
		u, err := message.ParseURI(text)
		f.add(err == nil && u.IsSIP() && u.Host != "" || text == "" && text != d.URI, "%s: dial: %q is no SIP URI", whose, text)
	}
}

func checkTexts(f *faults, what string, list []string) {
	for _, p := range list {
		f.add(p != "" && len(p) <= maxPattern, "%s %q is empty or too long", what, p)
	}
}

func checkDomains(f *faults, list []string) {
	for _, d := range list {
		host := strings.TrimPrefix(d, "*.")
		f.add(host != "" && len(host) <= 255 && !strings.ContainsAny(host, "*/@ "), "dial out: domain %q is no host", d)
	}
}

// Route is a call that may be placed, and how. End must be called when it is over, or is not placed.
type Route struct {
	// Call is the line that it has; its Address and DisplayName are empty.
	*Call
	// URI is whom the INVITE is for; Via is where it is sent if that is elsewhere.
	URI, Via message.URI
	// From is who calls, or zero.
	From message.URI
	// User and Password answer challenges; User may be empty.
	User, Password string

	redirect func(message.URI) bool
}

// Follows says whether a redirection may be followed there: of a trunk none is.
func (r *Route) Follows(u message.URI) bool { return r.redirect(u) }

// Dial takes a line for a call from a room to a SIP URI (trunk is empty then), or to a number through a trunk. Errors: ErrAddress, ErrNoTrunk,
// *DeniedError.
func (b *Book) Dial(room, trunk, address string) (*Route, error) {
	if len(address) > maxDialAddress {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrAddress, maxDialAddress)
	}
	var r *Route
	var err error
	if trunk == "" {
		r, err = b.direct(room, address)
	} else {
		r, err = b.through(room, trunk, address)
	}
	if err != nil {
		return nil, err
	}
	now := b.cfg.Now()
	if err := b.dials.take(b.cfg.DialOut, room, now); err != nil {
		return nil, err
	}
	if err := r.entry.line.take(r.entry.Terms, 0, now); err != nil {
		b.dials.release(room)
		return nil, &DeniedError{Rule: "sip.trunks", Text: fmt.Sprintf("trunk %q: %v", r.entry.Name, err), Limit: true}
	}
	r.dialled = func() { b.dials.release(room) }
	return r, nil
}

// direct is a call to a SIP URI.
func (b *Book) direct(room, address string) (*Route, error) {
	u, err := message.ParseURI(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	case u.Scheme == "tel":
		return nil, fmt.Errorf("%w: a telephone number needs a trunk", ErrAddress)
	case !u.IsSIP() || u.Host == "" || u.Password != "" || u.Headers != "":
		return nil, fmt.Errorf("%w: not of the form sip:bob@example.com", ErrAddress)
	}
	for _, p := range u.Params { // maddr would send it elsewhere, and the others have no place here
		if !oneOf(strings.ToLower(p.Name), "transport", "user") {
			return nil, fmt.Errorf("%w: parameter %q cannot be dialled", ErrAddress, p.Name)
		}
	}
	allowed := func(u message.URI) bool {
		return u.IsSIP() && !u.Params.Has("maddr") && inDomains(b.cfg.DialOut.Domains, u.Host) && b.roomMay(room, func(r RoomDial) bool {
			return inDomains(r.Domains, u.Host)
		})
	}
	switch {
	case !inDomains(b.cfg.DialOut.Domains, u.Host):
		return nil, &DeniedError{Rule: "sip.dial_out.domains", Text: fmt.Sprintf("%q is none of the domains that may be called", u.Host)}
	case !allowed(u):
		return nil, &DeniedError{Rule: "sip.dial_out.rooms", Text: fmt.Sprintf("room %q may not call %q", room, u.Host)}
	}
	return &Route{Call: &Call{Number: room, Codecs: b.guests.Codecs, entry: b.guests}, URI: u, redirect: allowed}, nil
}

// through is a call to a number through a trunk.
func (b *Book) through(room, trunk, address string) (*Route, error) {
	i := slices.IndexFunc(b.trunks, func(e *entry) bool { return e.Name == trunk })
	if i < 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoTrunk, trunk)
	}
	number, err := dialNumber(address)
	if err != nil {
		return nil, err
	}
	e := b.trunks[i]
	switch {
	case !begins(e.Dial.Prefixes, number):
		return nil, &DeniedError{Rule: "sip.trunks.dial.prefixes", Text: fmt.Sprintf("trunk %q may not be asked for %q", trunk, number)}
	case !b.roomMay(room, func(r RoomDial) bool { return begins(r.Prefixes, number) }):
		return nil, &DeniedError{Rule: "sip.dial_out.rooms", Text: fmt.Sprintf("room %q may not call %q", room, number)}
	}
	r := &Route{
		Call: &Call{Trunk: trunk, Number: room, Codecs: e.Codecs, entry: e},
		User: e.Dial.User, Password: e.Dial.Password,
		redirect: func(message.URI) bool { return false },
	}
	var faults [3]error
	r.URI, faults[0] = message.ParseURI(e.Dial.URI)
	if e.Dial.Proxy != "" {
		r.Via, faults[1] = message.ParseURI(e.Dial.Proxy)
	}
	if e.Dial.From != "" {
		r.From, faults[2] = message.ParseURI(e.Dial.From)
	}
	r.URI = r.URI.Requested()
	r.URI.User, r.URI.Password = message.EscapeUser(number), ""
	return r, errors.Join(faults[:]...) // nil: Validate has read them
}

// roomMay says whether what a room may call is allowed.
func (b *Book) roomMay(room string, allows func(RoomDial) bool) bool {
	if len(b.cfg.DialOut.Rooms) == 0 {
		return true
	}
	for _, r := range b.cfg.DialOut.Rooms {
		if matchesAny(r.Rooms, room) {
			return allows(r)
		}
	}
	return false
}

// dialNumber reads what is to be dialled through a trunk: a tel URI, or a number with or without visual separators (RFC 3966 §5.1.1), or a name of
// letters and digits.
func dialNumber(address string) (string, error) {
	number := strings.TrimSpace(address)
	if rest, ok := strings.CutPrefix(strings.ToLower(number), "tel:"); ok {
		u, err := message.ParseURI("tel:" + rest)
		if err != nil || len(u.Params) > 0 {
			return "", fmt.Errorf("%w: not of the form tel:+4930123456", ErrAddress)
		}
		number = u.UserText()
	}
	if plain := dialSeparators.Replace(number); strings.Trim(plain, "+0123456789*#") == "" {
		number = plain
	}
	if number == "" || len(number) > maxDialNumber {
		return "", fmt.Errorf("%w: number of %d bytes, want 1 to %d", ErrAddress, len(number), maxDialNumber)
	}
	if strings.Trim(number, nameChars+"+*#") != "" || strings.LastIndexByte(number, '+') > 0 {
		return "", fmt.Errorf("%w: neither a number nor a name", ErrAddress)
	}
	return number, nil
}

var dialSeparators = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "", "/", "")

func begins(prefixes []string, number string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(number, p) })
}

// inDomains says whether a host is one of a list, or below one that begins with "*.".
func inDomains(list []string, host string) bool {
	host = identity(host)
	return slices.ContainsFunc(list, func(d string) bool {
		d = strings.Trim(identity(d), "[]") // of IPv6
		if below, ok := strings.CutPrefix(d, "*"); ok {
			return len(host) > len(below) && strings.HasSuffix(host, below)
		}
		return d == host
	})
}

// dials counts the calls that are placed. The zero value has placed none.
type dials struct {
	mu    sync.Mutex
	all   dialCount
	rooms map[string]*dialCount // those that have called lately
}

// dialCount is the calls that stand, and when those of the last minute were placed.
type dialCount struct {
	standing int
	placed   []time.Time
}

// forget drops what is older than a minute.
func (c *dialCount) forget(now time.Time) {
	i := 0
	for i < len(c.placed) && now.Sub(c.placed[i]) >= time.Minute {
		i++
	}
	c.placed = slices.Delete(c.placed, 0, i)
}

// take counts one more call, or says which limit it would break.
func (d *dials) take(limit DialOut, room string, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all.forget(now)
	for number, c := range d.rooms {
		if c.forget(now); c.standing == 0 && len(c.placed) == 0 {
			delete(d.rooms, number)
		}
	}
	own := d.rooms[room]
	if own == nil {
		own = &dialCount{}
	}
	for _, l := range []struct {
		have, most int
		key, what  string
	}{
		{d.all.standing, limit.MaxCalls, "calls", "calls at once"},
		{own.standing, limit.RoomCalls, "calls_per_room", "calls of one room at once"},
		{len(d.all.placed), limit.PerMinute, "per_minute", "calls a minute"},
		{len(own.placed), limit.RoomPerMinute, "per_minute_per_room", "calls of one room a minute"},
	} {
		if l.have >= l.most {
			return &DeniedError{Rule: "sip.dial_out." + l.key, Text: fmt.Sprintf("at most %d %s", l.most, l.what), Limit: true}
		}
	}
	for _, c := range []*dialCount{&d.all, own} {
		c.standing++
		c.placed = append(c.placed, now)
	}
	if d.rooms == nil {
		d.rooms = map[string]*dialCount{}
	}
	d.rooms[room] = own
	return nil
}

// release takes a call that has ended out of the count of those that stand.
func (d *dials) release(room string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all.standing--
	d.rooms[room].standing-- // it is kept as long as there are calls
}
