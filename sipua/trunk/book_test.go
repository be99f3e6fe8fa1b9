package trunk

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/icholy/digest"

	"github.com/confbridge/confbridge/sipua/message"
)

// request is a request with these fields, "Name: value"; From and To may be among them.
func request(method, uri string, lines ...string) *message.Message {
	text := method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCall-ID: c\r\nCSeq: 1 " + method + "\r\n"
	all := strings.Join(lines, "\r\n")
	if !strings.Contains(all, "From: ") {
		lines = append(lines, `From: "Alice" <sip:alice@example.org>;tag=a`)
	}
	if !strings.Contains(all, "To: ") {
		lines = append(lines, "To: <sip:4711@bridge.example>")
	}
	m, err := message.Parse([]byte(text + strings.Join(lines, "\r\n") + "\r\n\r\n"))
	if err != nil {
		panic(err)
	}
	return m
}

const room = "sip:1000@bridge.example"

// watch is a clock that stands still.
type watch struct{ now time.Time }

func (w *watch) Now() time.Time { return w.now }

func newWatch() *watch { return &watch{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func newBook(t *testing.T, cfg Config) *Book {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = newWatch().Now
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dare is a challenge for a source, without a request.
func (b *Book) dare(source netip.Addr) *ChallengeError {
	return b.verifier.challenge(asked{source: source.Unmap().WithZone(""), offer: []Algorithm{SHA256, MD5}, now: b.cfg.Now()}, false)
}

func from(addr string, names ...string) Source {
	if !strings.Contains(addr, "]:") && strings.Count(addr, ":") != 1 {
		return Source{Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 5060), TLSNames: names}
	}
	return Source{Addr: netip.MustParseAddrPort(addr), TLSNames: names}
}

// challenged wants a 401 and returns its fields.
func challenged(t *testing.T, err error) *ChallengeError {
	t.Helper()
	var c *ChallengeError
	if !errors.As(err, &c) || !errors.Is(err, ErrUnauthorized) {
		t.Fatalf("got %v, want a challenge", err)
	}
	return c
}

// answer is the Authorization field of a client with a password.
func answer(t *testing.T, field, method, uri, user, password string, nc int) string {
	t.Helper()
	c, err := digest.ParseChallenge(field)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: method, URI: uri, Username: user, Password: password, Count: nc})
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + cred.String()
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// several is a book with a trunk of each kind.
func several() Config {
	return Config{Anonymous: Challenge, Trunks: []Trunk{
		{Name: "carrier", Networks: prefixes("192.0.2.0/24", "2001:db8:1::/48")},
		{Name: "ported", Networks: prefixes("198.51.100.1/32"), Ports: []uint16{5080}},
		{Name: "tls", TLSNames: []string{"SBC.example.com"}},
		{Name: "both", Networks: prefixes("203.0.113.0/24"), Users: []Credential{{User: "both", Password: "secret"}}},
		{Name: "office", Users: []Credential{{User: "alice", Password: "wonder"}, {User: "bob", Password: "build"}}},
	}}
}

func TestWhoseRequestItIs(t *testing.T) {
	for _, row := range []struct {
		name           string
		policy         Policy
		source         Source
		user, password string // none: no credentials
		trunk          string
		err            error
	}{
		{"an address of a trunk's", Challenge, from("192.0.2.9"), "", "", "carrier", nil},
		{"the same, mapped into IPv6", Challenge, from("[::ffff:192.0.2.9]:5060"), "", "", "carrier", nil},
		{"an IPv6 address of a trunk's", Challenge, from("2001:db8:1::7"), "", "", "carrier", nil},
		{"an address beside it", Challenge, from("192.0.3.9"), "", "", "", ErrUnauthorized},
		{"an address and port", Reject, from("198.51.100.1:5080"), "", "", "ported", nil},
		{"an address and another port", Challenge, from("198.51.100.1:5060"), "", "", "", ErrUnauthorized},
		{"a certificate", Challenge, from("9.9.9.9", "other", "sip:sbc.EXAMPLE.com"), "", "", "tls", nil},
		{"a certificate of a subdomain", Challenge, from("9.9.9.9", "x.sbc.example.com"), "", "", "", ErrUnauthorized},
		{"a user from anywhere", Challenge, from("9.9.9.9"), "alice", "wonder", "office", nil},
		{"a wrong password", Challenge, from("9.9.9.9"), "alice", "wonder2", "", ErrUnauthorized},
		{"a wrong password is no way to be anonymous", Allow, from("9.9.9.9"), "alice", "wonder2", "", ErrUnauthorized},
		{"an unknown user", Allow, from("9.9.9.9"), "mallory", "x", "", ErrUnauthorized},
		{"an address and a user", Challenge, from("203.0.113.5"), "both", "secret", "both", nil},
		{"an address without its user, whatever the policy", Allow, from("203.0.113.5"), "", "", "", ErrUnauthorized},
		{"a user without its address", Challenge, from("9.9.9.9"), "both", "secret", "", ErrUnauthorized},
		{"a user of another trunk at an address", Challenge, from("203.0.113.5"), "bob", "build", "office", nil},
		{"everybody is let in", Allow, from("9.9.9.9"), "", "", "", nil},
		{"rejected, but who has a password must be asked for it", Reject, from("9.9.9.9"), "", "", "", ErrUnauthorized},
		{"by default a private address is let in", PrivateOnly, from("10.1.2.3"), "", "", "", nil},
		{"by default so are loopback", PrivateOnly, from("::1"), "", "", "", nil},
		{"and link-local addresses", PrivateOnly, from("[fe80::1%eth0]:5060"), "", "", "", nil},
		{"and RFC 4193", PrivateOnly, from("fd00::1"), "", "", "", nil},
		{"auto is the same", auto, from("192.168.1.1"), "", "", "", nil},
		{"auto is the same for strangers", auto, from("8.8.8.8"), "", "", "", ErrUnauthorized},
		{"but not a carrier's shared ones", PrivateOnly, from("100.64.0.1"), "", "", "", ErrUnauthorized},
		{"nor public ones", PrivateOnly, from("8.8.8.8"), "", "", "", ErrUnauthorized},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := several()
			cfg.Anonymous = row.policy
			b := newBook(t, cfg)
			req := request("INVITE", room)
			if row.user != "" {
				field := b.dare(row.source.Addr.Addr()).Fields[0]
				req = request("INVITE", room, answer(t, field, "INVITE", room, row.user, row.password, 1))
			}
			got, err := b.Identify(req, row.source)
			if !errors.Is(err, row.err) || got.Trunk() != row.trunk {
				t.Errorf("got %q, %v; want %q, %v", got.Trunk(), err, row.trunk, row.err)
			}
		})
	}
}

func TestWhatComesByARegistrationOfOurs(t *testing.T) {
	b := newBook(t, Config{Anonymous: Challenge, Trunks: []Trunk{
		{Name: "provider", Registered: true}, {Name: "office", Users: []Credential{{User: "u", Password: "p"}}},
	}})
	for registered, want := range map[string]error{"provider": nil, "office": ErrUnauthorized, "": ErrUnauthorized, "other": ErrUnauthorized} {
		source := from("9.9.9.9")
		source.Registered = registered
		who, err := b.Identify(request("INVITE", room), source)
		if !errors.Is(err, want) || err == nil && who.Trunk() != registered {
			t.Errorf("registered at %q: got %q, %v", registered, who.Trunk(), err)
		}
	}
}

func TestACarriersCallCostsNoMemory(t *testing.T) {
	b, req, source := newBook(t, several()), request("INVITE", room), from("192.0.2.9")
	if n := testing.AllocsPerRun(100, func() { _, _ = b.Identify(req, source) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestNobodysCallerIsRejectedWhereNobodyHasAPassword(t *testing.T) {
	b := newBook(t, Config{Anonymous: Reject, Trunks: []Trunk{{Name: "a", Networks: prefixes("192.0.2.0/24"), Users: []Credential{{User: "u", Password: "p"}}}}})
	if _, err := b.Identify(request("INVITE", room), from("127.0.0.1")); !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v, want ErrForbidden", err)
	}
	if got := b.Failures()[Rejected]; got != 1 {
		t.Errorf("got %d rejections counted, want 1", got)
	}
}

func TestTermsHold(t *testing.T) {
	clock := newWatch()
	b := newBook(t, Config{Now: clock.Now, Trunks: []Trunk{
		{Name: "few", Networks: prefixes("192.0.2.1/32"), Terms: Terms{
			Rooms: []string{"1000", "2*"}, Rewrite: []Rule{{Match: "+49*", Strip: 3}}, MaxCalls: 2, Codecs: []string{"PCMA"},
		}},
		{Name: "slow", Networks: prefixes("192.0.2.2/32"), Transport: "TLS", Terms: Terms{CallsPerSecond: 2}},
	}})
	call := func(addr, uri string) (*Call, error) {
		who, err := b.Identify(request("INVITE", uri), from(addr))
		if err != nil {
			t.Fatal(err)
		}
		return b.Admit(who, request("INVITE", uri), nil)
	}
	first, err := call("192.0.2.1", "sip:+491000@h")
	if err != nil || first.Number != "1000" || first.Trunk != "few" || !cmp.Equal(first.Codecs, []string{"PCMA"}) {
		t.Fatalf("got %+v, %v", first, err)
	}
	if _, err := call("192.0.2.1", "sip:3000@h"); !errors.Is(err, ErrNoNumber) {
		t.Errorf("a room of others: got %v, want ErrNoNumber", err)
	}
	if _, err := call("192.0.2.1", "sip:2@h"); err != nil {
		t.Error(err)
	}
	if _, err := call("192.0.2.1", "sip:2@h"); !errors.Is(err, ErrLimit) {
		t.Errorf("a third call of two: got %v, want ErrLimit", err)
	}
	first.End()
	first.End() // counts once
	if _, err := call("192.0.2.1", "sip:2@h"); err != nil {
		t.Errorf("when a line is free again: %v", err)
	}
	if _, err := call("192.0.2.1", "sip:2@h"); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v, want ErrLimit: one line was given back, not two", err)
	}
	for i, want := range []error{nil, nil, ErrRate} {
		if _, err := call("192.0.2.2", room); !errors.Is(err, want) {
			t.Errorf("call %d at once: got %v, want %v", i+1, err, want)
		}
	}
	clock.now = clock.now.Add(500 * time.Millisecond)
	for i, want := range []error{nil, ErrRate} {
		if _, err := call("192.0.2.2", room); !errors.Is(err, want) {
			t.Errorf("call %d half a second later: got %v, want %v", i+1, err, want)
		}
	}
	clock.now = clock.now.Add(time.Hour)
	for i, want := range []error{nil, nil, ErrRate} {
		if _, err := call("192.0.2.2", room); !errors.Is(err, want) {
			t.Errorf("call %d at once after an hour: got %v, want %v", i+1, err, want)
		}
	}
	clock.now = clock.now.Add(-time.Hour) // the clock is set back
	if _, err := call("192.0.2.2", room); !errors.Is(err, ErrRate) {
		t.Errorf("got %v, want ErrRate", err)
	}
	want := []State{
		{Name: "few", Calls: 2, Total: 3, Refused: 3, MaxCalls: 2},
		{Name: "slow", Calls: 5, Total: 5, Refused: 4, CallsPerSecond: 2, Transport: "TLS"},
		{Name: "anonymous"},
	}
	if d := cmp.Diff(want, b.States()); d != "" {
		t.Error(d)
	}
	if (Caller{}).Trunk() != "" {
		t.Error("the zero Caller has a trunk")
	}
	(*Call)(nil).End()
}

func TestWhereKeysAreLookedFor(t *testing.T) {
	b := newBook(t, Config{Anonymous: Allow, Trunks: []Trunk{
		{Name: "silent", Networks: prefixes("192.0.2.1/32")},
		{Name: "auto", Networks: prefixes("192.0.2.2/32"), Terms: Terms{Keys: KeysAuto}},
		{Name: "events", Networks: prefixes("192.0.2.3/32"), Terms: Terms{Keys: KeysRFC4733}},
		{Name: "sound", Networks: prefixes("192.0.2.4/32"), Terms: Terms{Keys: KeysInBand}},
	}})
	for addr, want := range map[string][2]bool{ // without telephone-event, and with it
		"192.0.2.1": {true, false}, "192.0.2.2": {true, false}, "192.0.2.3": {false, false}, "192.0.2.4": {true, true},
		"192.0.2.5": {false, false}, // from no trunk
	} {
		who, err := b.Identify(request("INVITE", room), from(addr))
		if err != nil {
			t.Fatal(err)
		}
		call, err := b.Admit(who, request("INVITE", room), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{call.KeysInSound(false), call.KeysInSound(true)}; got != want {
			t.Errorf("%s: in the sound without and with telephone-event: got %v, want %v", addr, got, want)
		}
	}
	if (*Call)(nil).KeysInSound(false) {
		t.Error("a call that has not come in")
	}
	if err := (Config{Guests: Terms{Keys: "loud"}}).Validate(); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v, want ErrConfig", err)
	}
}

func TestWhoIsShown(t *testing.T) {
	const pai = `P-Asserted-Identity: <tel:+4930>, "Frau Müller" <sip:mueller@carrier>`
	for _, row := range []struct {
		name           string
		trusted        bool
		lines          []string
		shown, address string
	}{
		{"From", false, nil, "Alice", "sip:alice@example.org"},
		{"what anybody asserts is not believed", false, []string{pai}, "Alice", "sip:alice@example.org"},
		{"what a trusted trunk asserts is", true, []string{pai}, "Frau Müller", "tel:+4930"},
		{"of two that are asserted the first", true, []string{`P-Asserted-Identity: "A" <sip:a@b>, "C" <tel:1>`}, "A", "sip:a@b"},
		{"a trusted trunk that asserts nothing", true, nil, "Alice", "sip:alice@example.org"},
		{"an anonymous From with an identity", true, []string{pai, "From: Anonymous <sip:anonymous@anonymous.invalid>;tag=1"}, "Frau Müller", "tel:+4930"},
		{"who asks for it is anonymous", true, []string{pai, "Privacy: id;critical"}, "Anonymous", "sip:anonymous@anonymous.invalid"},
		{"also where nothing is asserted", false, []string{"Privacy: user"}, "Anonymous", "sip:anonymous@anonymous.invalid"},
		{"no privacy", true, []string{pai, "Privacy: none"}, "Frau Müller", "tel:+4930"},
		{"a password is shown to nobody", false, []string{"From: <sip:alice:geheim@example.org;x=y>;tag=1"}, "", "sip:alice@example.org;x=y"},
		{"nor one that is asserted", true, []string{"P-Asserted-Identity: <sip:a:geheim@b?Subject=geheim>"}, "", "sip:a@b"},
		{"what is preferred is for proxies", true, []string{"P-Preferred-Identity: <sip:x@y>"}, "Alice", "sip:alice@example.org"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBook(t, Config{Trunks: []Trunk{{Name: "a", Networks: prefixes("192.0.2.0/24"), Terms: Terms{Trusted: row.trusted}}}})
			req := request("INVITE", room, row.lines...)
			who, err := b.Identify(req, from("192.0.2.1"))
			if err != nil {
				t.Fatal(err)
			}
			call, err := b.Admit(who, req, nil)
			if err != nil || call.DisplayName != row.shown || call.Address != row.address {
				t.Errorf("got %+v, %v; want %q %s", call, err, row.shown, row.address)
			}
		})
	}
}

func TestWhomATrunkVouchesFor(t *testing.T) {
	const pai = "P-Asserted-Identity: <tel:+4930>"
	for _, row := range []struct {
		name    string
		trusted bool
		lines   []string
		want    string
	}{
		{"a trusted trunk", true, []string{pai}, "tel:+4930"},
		{"also where others are not to know", true, []string{pai, "Privacy: id"}, "tel:+4930"},
		{"one that is not trusted", false, []string{pai}, ""},
		{"nobody", true, nil, ""},
		{"who withholds their number", true, []string{"P-Asserted-Identity: <sip:anonymous@anonymous.invalid>"}, ""},
		{"whose number the network does not have", true, []string{"P-Asserted-Identity: <sip:unavailable@unknown.invalid>"}, ""},
		{"a name that is nobody's, in capitals and with a dot", true, []string{"P-Asserted-Identity: <sip:4711@Anonymous.INVALID.>"}, ""},
		{"nobody at the carrier's own host", true, []string{"P-Asserted-Identity: <sip:Restricted@carrier.example>"}, ""},
		{"unknown at the carrier's own host", true, []string{"P-Asserted-Identity: <sip:unknown@192.0.2.1;user=phone>"}, ""},
		{"nobody's name written in escapes", true, []string{"P-Asserted-Identity: <sip:%61nonymous@carrier.example>"}, ""},
		{"of two the one that is somebody", true, []string{"P-Asserted-Identity: <sip:anonymous@anonymous.invalid>, <tel:+4930>"}, "tel:+4930"},
		{"a host that only sounds like it", true, []string{"P-Asserted-Identity: <sip:4711@valid.example>"}, "sip:4711@valid.example"},
		{"what is preferred is not asserted", true, []string{"P-Preferred-Identity: <sip:x@y>"}, ""},
	} {
		b := newBook(t, Config{Trunks: []Trunk{{Name: "a", Networks: prefixes("192.0.2.0/24"), Terms: Terms{Trusted: row.trusted, Rooms: []string{"1*"}}}}})
		req := request("INVITE", room, row.lines...)
		who, err := b.Identify(req, from("192.0.2.1"))
		if err != nil {
			t.Fatal(err)
		}
		call, err := b.Admit(who, req, nil)
		if err != nil || call.Identity != row.want {
			t.Errorf("%s: got %+v, %v; want %q", row.name, call, err, row.want)
		}
		if err == nil && (!call.MayEnter("1000") || call.MayEnter("2000")) {
			t.Errorf("%s: may enter 1000 %v, 2000 %v", row.name, call.MayEnter("1000"), call.MayEnter("2000"))
		}
	}
	if (*Call)(nil).MayEnter("1000") {
		t.Error("a call that has not come in may enter")
	}
}

func TestAllFaultsAreNamed(t *testing.T) {
	_, err := New(Config{
		Anonymous: "maybe", Realm: `a"b`, Algorithms: []Algorithm{"MD5", "MD5", "CRC32"}, NonceLife: -1, Guests: Terms{Trusted: true},
		Trunks: []Trunk{
			{Name: "a b"},
			{Name: "anonymous", Networks: []netip.Prefix{{}}},
			{Name: "p", Ports: []uint16{1}, Users: []Credential{{User: "u", Password: "hush"}}},
			{Name: "q", Users: []Credential{{User: "u", SHA256: "hush"}, {User: "v"}, {User: "", Password: "hush"}}, Transport: "pigeon"},
			{Name: "r", TLSNames: []string{"*.example.com"}, Terms: Terms{
				MaxCalls: -1, NumberFrom: "moon", Rooms: []string{""}, Rewrite: []Rule{{}, {Match: "x", To: "y", Strip: 1}, {Match: "x", Strip: -1}},
			}},
		},
	})
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		`"maybe"`, "realm", `"CRC32"`, `"MD5" twice`, "nonce life", "cannot be trusted", `"a b": name`, `"a b": no networks`, `"anonymous": name is taken`,
		"network", "ports without", `"u" is given twice`, "hexadecimal", `"v" has no password`, "user \"\" is empty", "pigeon", "wildcard", "limit", "moon", `room ""`, `rule ""`,
		"to goes without", "more is stripped",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about %s in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("there is a secret in\n%v", err)
	}
	if err := several().Validate(); err != nil {
		t.Error(err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	cfg := several()
	b := newBook(t, cfg)
	var out bytes.Buffer
	for _, v := range []any{cfg, cfg.Trunks[3].Users[0], b.trunks[3].Trunk} {
		fmt.Fprintf(&out, "%v %+v %#v %s", v, v, v, v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	}
	if strings.Contains(out.String(), "secret") || !strings.Contains(out.String(), "user both") {
		t.Errorf("got %s", out.String())
	}
	for _, e := range b.trunks {
		for _, c := range e.Users {
			if c.Password != "" {
				t.Errorf("the password of %s is kept", c.User)
			}
		}
	}
}

func TestACallThatReplacesAnotherNeedsNoLine(t *testing.T) {
	b := newBook(t, Config{Anonymous: Allow, Guests: Terms{MaxCalls: 1, Rooms: []string{"1*"}}, Trunks: []Trunk{
		{Name: "a", Networks: prefixes("192.0.2.1/32"), Terms: Terms{MaxCalls: 1}},
	}})
	call := func(addr string, instead *Call) (*Call, error) {
		t.Helper()
		who, err := b.Identify(request("INVITE", room), from(addr))
		if err != nil {
			t.Fatal(err)
		}
		return b.Admit(who, request("INVITE", room), instead)
	}
	first, err := call("192.0.2.1", nil)
	if err != nil {
		t.Fatal(err)
	}
	guest, err := call("8.8.8.8", first)
	if err != nil || guest.Trunk != "" {
		t.Fatalf("got %+v, %v", guest, err)
	}
	if _, err := call("8.8.4.4", first); !errors.Is(err, ErrLimit) {
		t.Errorf("a guest for a call of a trunk's: got %v, want ErrLimit", err)
	}
	second, err := call("192.0.2.1", first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call("192.0.2.1", nil); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
	first.End()
	if _, err := call("192.0.2.1", first); !errors.Is(err, ErrLimit) {
		t.Errorf("for a call that is over: got %v, want ErrLimit", err)
	}
	second.End()
	if got := b.States()[0].Calls; got != 0 {
		t.Errorf("got %d calls, want none", got)
	}
}
