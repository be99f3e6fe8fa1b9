package config

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/sipua/trunk"
)

// Trunk is a peer with a name: a carrier, a PBX, a proxy, or a group of telephones.
type Trunk struct {
	Name string
	// Networks, TLSNames and Users are how it is known: where its calls come from, whom its certificate names, its passwords.
	Networks []netip.Prefix
	TLSNames []string
	Users    []User
	// Algorithms are those that its users are asked for; none means SIP.Algorithms.
	Algorithms []string
	// Trusted says that its P-Asserted-Identity is believed (RFC 3325).
	Trusted bool
	// Rooms are the numbers it may call, as patterns with *; none means all.
	Rooms []string
	// NumberFrom says where the dialled number stands.
	NumberFrom string
	Rewrite    []string // rules "from -> to" for the dialled number
	Calls      int      // at once; 0 means any number
	// CallsPerSecond bounds new calls; 0 means no bound.
	CallsPerSecond float64
	Codecs         []string // in order of preference; none means those of Media
	// Keys is how its callers' keys come in: rfc4733, inband, or auto, which is what empty means.
	Keys string
	// Transport is what the bridge's own requests to it go by where their URI names none: udp, tcp, tls, ws, wss or sctp; empty: as DNS has it.
	Transport string
	Register  Register
	Ping      Ping
	Dial      Dial
}

// User is a name and password for digest authentication.
type User struct{ Name, Password string }

// Register is a registration that the bridge keeps at a provider (RFC 3261 §10).
type Register struct {
	Registrar string // a SIP URI; empty: none is kept
	Address   string // the address of record; empty: user at the registrar
	User      string
	Password  string
	Contact   string // the user part that calls come in for; empty: User
	Expires   time.Duration
	Proxy     string // a SIP URI that all goes through
}

// Ping is how a trunk is watched with OPTIONS.
type Ping struct {
	URI      string // empty: it is not
	Interval time.Duration
}

// maxTrunks and maxUsers bound the lists.
const (
	maxTrunks = 256
	maxUsers  = 4096
)

var trunkName = regexp.MustCompile(`^[A-Za-z0-9][-_.A-Za-z0-9]{0,62}$`)

func trunkFields() []field[Trunk] {
	return slices.Concat([]field[Trunk]{
		{
			name: "name", needed: true,
			set: func(t *Trunk, s string) error {
				t.Name = s
				switch {
				case !trunkName.MatchString(s):
					return fmt.Errorf("%q is not 1 to 63 letters, digits, - _ and dots", s)
				case s == "anonymous":
					return errors.New("is the name of those who come from no trunk")
				}
				return nil
			},
			get: func(t *Trunk) string { return strconv.Quote(t.Name) },
		},
		listField("networks", func(t *Trunk) *[]netip.Prefix { return &t.Networks }, addPrefix, netip.Prefix.String),
		listField("tls_names", func(t *Trunk) *[]string { return &t.TLSNames }, addText(checkHost), strings.Clone),
		{
			name: "users", shape: table, secret: true,
			put: func(t *Trunk, name, s string) error {
				if len(t.Users) == maxUsers {
					return fmt.Errorf("more than %d users", maxUsers)
				}
				if s == "" {
					return errors.New("has no password")
				}
				t.Users = append(t.Users, User{name, s})
				return nil
			},
			get: func(t *Trunk) string { return usersYAML(t.Users) },
		},
		listField("algorithms", func(t *Trunk) *[]string { return &t.Algorithms }, addText(checkAlgorithm), strings.Clone),
		{
			name: "trusted", shape: flag,
			set: func(t *Trunk, s string) (err error) { t.Trusted, err = strconv.ParseBool(s); return err },
			get: func(t *Trunk) string { return unless(!t.Trusted, "true") },
		},
		listField("rooms", func(t *Trunk) *[]string { return &t.Rooms }, addText(nil), strings.Clone),
		{
			name: "number_from",
			set: func(t *Trunk, s string) error {
				t.NumberFrom = s
				return oneOf(s, "request-uri", "to", "history-info", "diversion", "p-called-party-id")
			},
			get: func(t *Trunk) string { return t.NumberFrom },
		},
		listField("rewrite", func(t *Trunk) *[]string { return &t.Rewrite }, addText(checkRule), strings.Clone),
		{
			name: "calls",
			set:  func(t *Trunk, s string) (err error) { t.Calls, err = parseCount(s, 1, 100000); return err },
			get:  func(t *Trunk) string { return unless(t.Calls == 0, strconv.Itoa(t.Calls)) },
		},
		{
			name: "calls_per_second",
			set: func(t *Trunk, s string) (err error) {
				t.CallsPerSecond, err = strconv.ParseFloat(s, 64)
				if err != nil || !(t.CallsPerSecond >= 0.01 && t.CallsPerSecond <= 10000) {
					return fmt.Errorf("%q is not a number from 0.01 to 10000", s)
				}
				return nil
			},
			get: func(t *Trunk) string {
				return unless(t.CallsPerSecond == 0, strconv.FormatFloat(t.CallsPerSecond, 'g', -1, 64))
			},
		},
		listField("codecs", func(t *Trunk) *[]string { return &t.Codecs }, addCodec, strings.Clone),
		{
			name: "keys",
			set:  func(t *Trunk, s string) error { t.Keys = s; return oneOf(s, "auto", "rfc4733", "inband") },
			get:  func(t *Trunk) string { return t.Keys },
		},
		{
			name: "transport",
			set: func(t *Trunk, s string) error {
				t.Transport = s
				return oneOf(s, "udp", "tcp", "tls", "ws", "wss", "sctp")
			},
			get: func(t *Trunk) string { return t.Transport },
		},
		uriField("register.registrar", func(t *Trunk) *string { return &t.Register.Registrar }),
		uriField("register.address", func(t *Trunk) *string { return &t.Register.Address }),
		textField("register.user", func(t *Trunk) *string { return &t.Register.User }),
		{
			name: "register.password", secret: true,
			set: func(t *Trunk, s string) error { t.Register.Password = s; return nil },
			get: func(t *Trunk) string { return unless(t.Register.Password == "", masked) },
		},
		textField("register.contact", func(t *Trunk) *string { return &t.Register.Contact }),
		durationField("register.expires", func(t *Trunk) *time.Duration { return &t.Register.Expires }, time.Minute, 24*time.Hour),
		uriField("register.proxy", func(t *Trunk) *string { return &t.Register.Proxy }),
		uriField("ping.uri", func(t *Trunk) *string { return &t.Ping.URI }),
		durationField("ping.interval", func(t *Trunk) *time.Duration { return &t.Ping.Interval }, time.Second, time.Hour),
	}, dialFields())
}

// listField is a key whose value is a list of texts.
func listField[T any](name string, at func(*Trunk) *[]T, add func(*[]T, string) error, text func(T) string) field[Trunk] {
	return field[Trunk]{
		name: name, shape: list,
		set: func(t *Trunk, s string) error { return add(at(t), s) },
		get: func(t *Trunk) string { return unless(len(*at(t)) == 0, quotedList(*at(t), text)) },
	}
}

// addText appends what check, where there is one, has no fault with.
func addText(check func(string) error) func(*[]string, string) error {
	return func(to *[]string, s string) error {
		if s == "" {
			return errors.New("is empty")
		}
		if len(*to) == maxUsers {
			return fmt.Errorf("more than %d entries", maxUsers)
		}
		*to = append(*to, s)
		if check == nil {
			return nil
		}
		return check(s)
	}
}

func textField(name string, at func(*Trunk) *string) field[Trunk] {
	return field[Trunk]{
		name: name,
		set:  func(t *Trunk, s string) error { *at(t) = s; return nil },
		get:  func(t *Trunk) string { return unless(*at(t) == "", strconv.Quote(*at(t))) },
	}
}

// uriField is a key that takes a SIP URI; what is wrong inside of it, the one who uses it says.
func uriField(name string, at func(*Trunk) *string) field[Trunk] {
	f := textField(name, at)
	f.set = func(t *Trunk, s string) error {
		*at(t) = s
		if !strings.HasPrefix(s, "sip:") && !strings.HasPrefix(s, "sips:") {
			return fmt.Errorf("%q is no SIP URI, like sip:sip.example.com", s)
		}
		return nil
	}
	return f
}

func durationField(name string, at func(*Trunk) *time.Duration, shortest, longest time.Duration) field[Trunk] {
	return field[Trunk]{
		name: name,
		set:  func(t *Trunk, s string) (err error) { *at(t), err = parseDuration(s, shortest, longest); return err },
		get:  func(t *Trunk) string { return unless(*at(t) == 0, durationYAML(*at(t))) },
	}
}

// usersYAML writes a mapping of users, whose passwords are not shown.
func usersYAML(users []User) string {
	if len(users) == 0 {
		return ""
	}
	entries := make([]string, len(users))
	for i, u := range users {
		entries[i] = strconv.Quote(u.Name) + ": " + masked
	}
	return "{" + strings.Join(entries, ", ") + "}"
}

// unless is s, or nothing where it need not be written.
func unless(needless bool, s string) string {
	if needless {
		return ""
	}
	return s
}

func parseCount(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a number from %d to %d", s, least, most)
	}
	return n, nil
}

func checkAlgorithm(s string) error { return oneOf(s, "SHA-256", "MD5") }

func checkRule(s string) error {
	if _, err := trunk.ParseRule(s); err != nil {
		return fmt.Errorf("%q is not FROM -> TO, like +49301234* -> *", s)
	}
	return nil
}

// crossTrunks checks what no key of a trunk can know by itself.
func (l *loader) crossTrunks() {
	trunks := l.cfg.SIP.Trunks
	for i, t := range trunks {
		path := fmt.Sprintf("sip.trunks[%d]", i)
		at := l.places[path]
		if slices.ContainsFunc(trunks[:i], func(o Trunk) bool { return o.Name == t.Name }) {
			l.fault(at, path, "there is another trunk of the name %q", t.Name)
		}
		if l.seen[path+".name"] && !l.seen[path+".networks"] && !l.seen[path+".tls_names"] && !l.seen[path+".users"] &&
			!l.seen[path+".register.registrar"] {
			l.fault(at, path, "nothing tells who it is: networks, tls_names, users or register.registrar")
		}
		if r := t.Register; r.Registrar == "" && r != (Register{}) {
			l.fault(at, path+".register.registrar", "is missing")
		}
		l.crossDial(path, t)
		if t.Ping.URI == "" && t.Ping.Interval != 0 {
			l.fault(at, path+".ping.uri", "is missing")
		}
	}
	if len(trunks) > maxTrunks {
		l.fault(l.places["sip.trunks"], "sip.trunks", "more than %d trunks", maxTrunks)
	}
	if tls := l.cfg.SIP.TLS; (tls.Certificate == "") != (tls.Key == "") {
		l.fault(l.places["sip.tls.certificate"], "sip.tls", "certificate and key belong together")
	}
	if tls := l.cfg.SIP.TLS; tls.Clients != "none" && tls.CA == "" {
		l.fault(l.places["sip.tls.clients"], "sip.tls.clients", "needs sip.tls.ca, the authorities that are believed")
	}
}
