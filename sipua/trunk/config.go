package trunk

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config is who may call. The zero value lets everybody call from loopback, private and link-local addresses, and nobody
// else: strangers are challenged, and there are no credentials that would do.
type Config struct {
	// Trunks are asked in this order.
	Trunks []Trunk
	// Anonymous is what becomes of requests from nobody's trunk.
	Anonymous Policy
	// DialOut is who may be called from here.
	DialOut DialOut
	// Guests are the terms for those that Anonymous lets in; Trusted is not looked at.
	Guests Terms
	// Realm is what telephones show or look up when they are challenged: printable ASCII without quotes and backslashes.
	// Empty means "confbridge". Credential.SHA256 and MD5 hold for one realm only.
	Realm string
	// Algorithms are those that challenges offer, of trunks that name none; nil means SHA-256 and MD5. Many telephones of
	// today give up when they see SHA-256 even next to MD5 (RFC 8760 §2.4 has them pass over it): these need MD5 alone.
	Algorithms []Algorithm
	// NonceLife is how long a nonce can be used; 0 means 5 min.
	NonceLife time.Duration
	// MaxFailures is how often in FailureWindow a source may show wrong credentials before it is blocked for what is left
	// of the window; 0 means 10, and 0 for the window 10 min.
	MaxFailures   int
	FailureWindow time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log takes one line for each source and window that fails too often, in the form that deploy/fail2ban reads; nil
	// discards it.
	Log *slog.Logger
}

// Policy is what becomes of requests from nobody's trunk.
type Policy string

// Policies. With Reject a 401 is still what callers get where a trunk has users and no Networks and TLSNames: nobody could
// show who they are otherwise.
const (
	PrivateOnly Policy = ""          // "auto" means it too: Allow from loopback, RFC 1918, RFC 4193 and link-local addresses, Challenge from all others
	Allow       Policy = "allow"     // let in
	Challenge   Policy = "challenge" // 401
	Reject      Policy = "reject"    // 403
	auto        Policy = "auto"      // PrivateOnly
)

// Algorithm is a hash of RFC 8760 §2.2.
type Algorithm string

// Algorithms.
const (
	SHA256 Algorithm = "SHA-256"
	MD5    Algorithm = "MD5"
)

// NumberSource is where the dialled number is read from.
type NumberSource string

// Number sources. Where a request lacks the field, the Request-URI counts.
const (
	RequestURI  NumberSource = ""                  // "request-uri" means it too
	To          NumberSource = "to"                // the To field's URI
	HistoryInfo NumberSource = "history-info"      // the first entry of History-Info: what was dialled (RFC 7044)
	Diversion   NumberSource = "diversion"         // the last value of Diversion: the first that diverted (RFC 5806)
	CalledParty NumberSource = "p-called-party-id" // P-Called-Party-ID (RFC 7315 §4.2)
	requestURI  NumberSource = "request-uri"
)

// Trunk is a named peer. A request is the trunk's if all kinds of proof hold that are given: it comes from one of Networks,
// over TLS from one of TLSNames, with the credentials of one of Users. At least one kind must be given, or Registered. Two ways
// in of which either is enough are two trunks.
type Trunk struct {
	// Name is the trunk's in logs and metrics: up to 64 letters, digits, "-", "_", "."; "anonymous" is not free.
	Name string
	// Networks are source addresses. UDP sources can be forged: who can do without answers needs no more to be heard.
	Networks []netip.Prefix
	// Ports are source ports within Networks; nil: any.
	Ports []uint16
	// TLSNames are verified identities of the peer's certificate (RFC 5922 §7.1): "sbc.example.com"; no wildcards.
	TLSNames []string
	// Users are credentials for digest. A user's name is unique in the whole Config.
	Users []Credential
	// Algorithms are those that Users may take; nil: Config.Algorithms. A source is offered those of all trunks whose users
	// could call from there, SHA-256 first.
	Algorithms []Algorithm
	// Registered says that we register there: what comes in by that registration (Source.Registered) is the trunk's without
	// another proof.
	Registered bool
	// Transport is what requests to the trunk prefer: UDP, TCP, TLS, WS, WSS, SCTP; empty: what RFC 3263 finds.
	Transport string
	// Dial is how it is called from here.
	Dial Dial
	// Terms are what holds for its calls.
	Terms
}

// Terms are what holds for a trunk's calls.
type Terms struct {
	// Trusted believes P-Asserted-Identity (RFC 3325 §5).
	Trusted bool
	// Rooms are patterns of the room numbers that may be called, after Rewrite: "1000", "2*"; nil: all.
	Rooms []string
	// Rewrite turns what was dialled into a room's number: the first rule that matches. None: the number as it is.
	Rewrite []Rule
	// NumberFrom is where the number is read from.
	NumberFrom NumberSource
	// MaxCalls is how many calls there may be at once; 0: any.
	MaxCalls int
	// CallsPerSecond is how many calls may come on average, in bursts of at most one second's; 0: any.
	CallsPerSecond float64
	// Codecs are those that are spoken with it, by name; nil: the server's.
	Codecs []string
	// Keys is how the keys that its callers press come in.
	Keys Keys
}

// Keys is how keys come in. Those that come as events (RFC 4733) or by INFO are taken in any case; looking for them in the sound costs time.
type Keys string

// Ways of keys.
const (
	KeysAuto    Keys = "auto"    // in the sound of callers that have not agreed to telephone-event; what a trunk's empty Keys means
	KeysRFC4733 Keys = "rfc4733" // never in the sound; what the guests' empty Keys means
	KeysInBand  Keys = "inband"  // in the sound of all
)

// Credential is one user of a trunk: a password, or what is left of it when user and realm are hashed in.
type Credential struct {
	User string
	// Password is not kept.
	Password string
	// SHA256 and MD5 are H(user:realm:password) in hexadecimal (RFC 7616 §3.4.2). Without Password, the algorithm whose
	// hash is missing cannot be used by this user.
	SHA256, MD5 string
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Realm = cmp.Or(c.Realm, "confbridge")
	c.NonceLife = cmp.Or(c.NonceLife, 5*time.Minute)
	c.MaxFailures = cmp.Or(c.MaxFailures, 10)
	c.FailureWindow = cmp.Or(c.FailureWindow, 10*time.Minute)
	// What looks for keys in the sound costs time for each caller, and may mistake a voice: that is for trunks that need it.
	c.Guests.Keys = cmp.Or(c.Guests.Keys, KeysRFC4733)
	c.DialOut = c.DialOut.withDefaults()
	if c.Algorithms == nil {
		c.Algorithms = []Algorithm{SHA256, MD5}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// faults collects what is wrong, each with where.
type faults []error

func (f *faults) add(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
}

// Validate returns all faults at once, each wrapping ErrConfig.
func (c Config) Validate() error {
	var f faults
	c = c.withDefaults()
	f.add(oneOf(c.Anonymous, PrivateOnly, auto, Allow, Challenge, Reject), "anonymous %q: not allow, challenge or reject", c.Anonymous)
	f.add(plain(c.Realm), "realm %q: not printable ASCII without quotes and backslashes", c.Realm)
	f.add(len(c.Algorithms) > 0, "no algorithm")
	checkAlgorithms(&f, c.Algorithms)
	f.add(c.NonceLife > 0 && c.FailureWindow > 0 && c.MaxFailures > 0, "nonce life, failure window and failures must not be negative")
	c.DialOut.check(&f)
	c.Guests.check(&f, "anonymous callers")
	f.add(!c.Guests.Trusted, "anonymous callers cannot be trusted")
	names, users := map[string]bool{guests: true}, map[string]bool{}
	for _, t := range c.Trunks {
		t.check(&f)
		f.add(!names[t.Name], "trunk %q: name is taken", t.Name)
		names[t.Name] = true
		for _, u := range t.Users {
			f.add(!users[u.User], "trunk %q: user %q is given twice", t.Name, u.User)
			users[u.User] = true
		}
	}
	return errors.Join(f...)
}

func checkAlgorithms(f *faults, list []Algorithm) {
	for i, a := range list {
		f.add(oneOf(a, SHA256, MD5), "algorithm %q: not SHA-256 or MD5", a)
		f.add(slices.Index(list, a) == i, "algorithm %q twice", a)
	}
}

func (t Trunk) check(f *faults) {
	checkAlgorithms(f, t.Algorithms)
	f.add(t.Name != "" && len(t.Name) <= 64 && strings.Trim(t.Name, nameChars) == "", "trunk %q: name is not 1 to 64 letters, digits, - _ .", t.Name)
	f.add(t.Registered || len(t.Networks)+len(t.TLSNames)+len(t.Users) > 0, "trunk %q: no networks, TLS names, users or registration", t.Name)
	f.add(len(t.Ports) == 0 || len(t.Networks) > 0, "trunk %q: ports without networks", t.Name)
	for _, n := range t.Networks {
		f.add(n.IsValid(), "trunk %q: network %q is invalid", t.Name, n)
	}
	for _, n := range t.TLSNames {
		f.add(n != "" && !strings.Contains(n, "*"), "trunk %q: TLS name %q is empty or has a wildcard", t.Name, n)
	}
	f.add(oneOf(strings.ToUpper(t.Transport), "", "UDP", "TCP", "TLS", "WS", "WSS", "SCTP"), "trunk %q: transport %q is unknown", t.Name, t.Transport)
	for _, u := range t.Users {
		f.add(plain(u.User) && !strings.Contains(u.User, ":"), "trunk %q: user %q is empty or has characters that cannot be in it", t.Name, u.User)
		f.add(u.Password != "" || u.SHA256 != "" || u.MD5 != "", "trunk %q: user %q has no password", t.Name, u.User)
		f.add(isHash(u.SHA256, 32) && isHash(u.MD5, 16), "trunk %q: user %q has a hash that is not hexadecimal or not of its length", t.Name, u.User)
	}
	t.Dial.check(f, fmt.Sprintf("trunk %q", t.Name))
	t.Terms.check(f, fmt.Sprintf("trunk %q", t.Name))
}

func (t Terms) check(f *faults, whose string) {
	f.add(t.MaxCalls >= 0 && t.CallsPerSecond >= 0 && t.CallsPerSecond <= 1e6, "%s: a limit is negative or too large", whose)
	f.add(oneOf(t.NumberFrom, RequestURI, requestURI, To, HistoryInfo, Diversion, CalledParty), "%s: number from %q is unknown", whose, t.NumberFrom)
	f.add(oneOf(t.Keys, "", KeysAuto, KeysRFC4733, KeysInBand), "%s: keys %q: not auto, rfc4733 or inband", whose, t.Keys)
	for _, p := range t.Rooms {
		f.add(p != "" && len(p) <= maxPattern, "%s: room %q is empty or too long", whose, p)
	}
	for _, r := range t.Rewrite {
		if err := r.check(); err != nil {
			f.add(false, "%s: rule %q: %v", whose, r.Match, err)
		}
	}
}

const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// plain says whether s can be in a quoted string as it is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return s != ""
}

// isHash says whether s is empty or n octets in hexadecimal.
func isHash(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return s == "" || err == nil && len(b) == n
}

func oneOf[T comparable](v T, list ...T) bool { return slices.Contains(list, v) }
