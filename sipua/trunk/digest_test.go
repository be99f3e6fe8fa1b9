package trunk

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/confbridge/confbridge/sipua/message"
)

// TestVectors are those of RFC 7616 §3.9.1, whose algorithms RFC 8760 brings to SIP, and of RFC 2617 §3.5.
func TestVectors(t *testing.T) {
	for _, row := range []struct {
		name, algorithm, realm, user, password, nonce, cnonce, want string
	}{
		{
			"RFC 7616 SHA-256", "SHA-256", "http-auth@example.org", "Mufasa", "Circle of Life",
			"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		},
		{
			"RFC 7616 MD5", "MD5", "http-auth@example.org", "Mufasa", "Circle of Life",
			"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			"8ca523f5e9506fed4657c9700eebdbec",
		},
		{
			"RFC 2617", "", "testrealm@host.com", "Mufasa", "Circle Of Life",
			"dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b", "6629fae49393a05397450978507c4ef1",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := Credential{User: row.user, Password: row.password}.hashed(&entry{Trunk: Trunk{Algorithms: []Algorithm{SHA256, MD5}}}, row.realm)
			algorithm, ok := offered([]Algorithm{SHA256, MD5}, row.algorithm)
			got := response(&digest.Credentials{
				Realm: row.realm, Nonce: row.nonce, URI: "/dir/index.html", Algorithm: row.algorithm, Cnonce: row.cnonce, Nc: 1,
			}, "GET", u.hashes[algorithm])
			if !ok || got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestAChallengeHasTheBestAlgorithmFirst(t *testing.T) {
	b := newBook(t, several())
	_, err := b.Identify(request("INVITE", room), from("9.9.9.9"))
	fields := challenged(t, err).Fields
	if len(fields) != 2 {
		t.Fatalf("got %q", fields)
	}
	var nonces []string
	for i, want := range []string{"SHA-256", "MD5"} {
		c, err := digest.ParseChallenge(fields[i])
		if err != nil || c.Algorithm != want || c.Realm != "confbridge" || len(c.QOP) != 1 || c.QOP[0] != "auth" || c.Stale {
			t.Errorf("got %+v, %v", c, err)
		}
		nonces = append(nonces, c.Nonce)
	}
	if nonces[0] != nonces[1] || len(nonces[0]) != 48 {
		t.Errorf("got nonces %q", nonces)
	}
}

// visit asks for a challenge and answers it.
type visit struct {
	t      *testing.T
	b      *Book
	source Source
	field  string // of the last challenge
}

func newVisit(t *testing.T, cfg Config, algorithm int) *visit {
	v := &visit{t: t, b: newBook(t, cfg), source: from("9.9.9.9")}
	_, err := v.b.Identify(request("INVITE", room), v.source)
	v.field = challenged(t, err).Fields[algorithm]
	return v
}

func (v *visit) line(user, password string, nc int) string {
	return answer(v.t, v.field, "INVITE", room, user, password, nc)
}

// try sends credentials and returns the error and what was counted for it.
func (v *visit) try(lines ...string) (Caller, error) {
	return v.b.Identify(request("INVITE", room, lines...), v.source)
}

func (v *visit) refused(why Reason, stale bool, lines ...string) {
	v.t.Helper()
	before := v.b.Failures()[why]
	who, err := v.try(lines...)
	c := challenged(v.t, err)
	if c.Stale != stale || strings.Contains(c.Fields[0], "stale=true") != stale || who.Trunk() != "" {
		v.t.Errorf("got %q, stale %v; want stale %v", c.Fields, c.Stale, stale)
	}
	if got := v.b.Failures()[why]; got != before+1 {
		v.t.Errorf("got %v, want one more for %s", v.b.Failures(), why)
	}
}

func TestBothAlgorithmsAreTaken(t *testing.T) {
	for i, want := range []string{"SHA-256", "MD5"} {
		v := newVisit(t, several(), i)
		if who, err := v.try(v.line("bob", "build", 1)); err != nil || who.Trunk() != "office" {
			t.Errorf("%s: got %q, %v", want, who.Trunk(), err)
		}
	}
}

func TestHashesInsteadOfPasswords(t *testing.T) {
	u := Credential{User: "alice", Password: "wonder"}.hashed(&entry{Trunk: Trunk{Algorithms: []Algorithm{SHA256}}}, "confbridge")
	cfg := Config{Trunks: []Trunk{{Name: "a", Users: []Credential{{User: "alice", SHA256: strings.ToUpper(u.hashes[SHA256])}}}}}
	v := newVisit(t, cfg, 0)
	if _, err := v.try(v.line("alice", "wonder", 1)); err != nil {
		t.Error(err)
	}
	v = newVisit(t, cfg, 1) // there is no MD5 hash, so nobody can get in by that
	v.refused(WrongCredentials, false, v.line("alice", "wonder", 1))
}

func TestANonceIsUsedOnceForACount(t *testing.T) {
	v := newVisit(t, several(), 0)
	if _, err := v.try(v.line("alice", "wonder", 3)); err != nil {
		t.Fatal(err)
	}
	v.refused(Replay, true, v.line("alice", "wonder", 3))
	for _, nc := range []int{1, 4, 2, 200, 137} { // over UDP they may overtake each other
		if _, err := v.try(v.line("alice", "wonder", nc)); err != nil {
			t.Errorf("count %d: %v", nc, err)
		}
		v.refused(Replay, true, v.line("alice", "wonder", nc))
	}
	v.refused(Replay, true, v.line("alice", "wonder", 136)) // too far behind to be known
	v.refused(Replay, true, v.line("bob", "build", 200))    // a nonce is not a user's
}

func TestANonceGrowsStale(t *testing.T) {
	clock := newWatch()
	cfg := several()
	cfg.Now = clock.Now
	v := newVisit(t, cfg, 0)
	clock.now = clock.now.Add(5 * time.Minute)
	if _, err := v.try(v.line("alice", "wonder", 1)); err != nil {
		t.Errorf("at the end of its life: %v", err)
	}
	clock.now = clock.now.Add(time.Nanosecond)
	v.refused(Stale, true, v.line("alice", "wonder", 2))
	v.refused(WrongCredentials, false, v.line("alice", "guess", 2)) // stale says that the password was right
	clock.now = clock.now.Add(-time.Hour)
	v.refused(Stale, true, v.line("alice", "wonder", 2)) // made in the future
}

func TestANonceIsOneSources(t *testing.T) {
	v := newVisit(t, several(), 0)
	v.source = from("9.9.9.8")
	v.refused(Stale, true, v.line("alice", "wonder", 1))
	v.source = from("9.9.9.9:40000") // another port of the same host: a NAT
	if _, err := v.try(v.line("alice", "wonder", 1)); err != nil {
		t.Error(err)
	}
	other := newVisit(t, several(), 0) // as after a restart: the key is another
	other.field = v.field
	other.refused(Stale, true, other.line("alice", "wonder", 1))
}

func TestCredentialsThatCannotBeTaken(t *testing.T) {
	v := newVisit(t, several(), 0)
	good := v.line("alice", "wonder", 1)
	for _, row := range []struct {
		name, old, with string
		why             Reason
	}{
		{"an algorithm that was not offered", "algorithm=SHA-256", "algorithm=SHA-512", Downgrade},
		{"the response of one algorithm for another", "algorithm=SHA-256", "algorithm=MD5", WrongCredentials},
		{"no qop", "qop=auth, ", "", Malformed},
		{"a qop with the body", "qop=auth", "qop=auth-int", Malformed},
		{"count 0", "nc=00000001", "nc=00000000", Malformed},
		{"a count below", "nc=00000001", "nc=-0000001", Malformed},
		{"a count that is none", "nc=00000001", "nc=zzz", Malformed},
		{"no cnonce", "cnonce=", "xnonce=", Malformed},
		{"a hashed user", "response=", "userhash=true, response=", Malformed},
		{"no response", "response=", "xresponse=", WrongCredentials},
		{"no user", "username=", "xusername=", WrongCredentials},
		{"another realm", `realm="confbridge"`, `realm="elsewhere"`, NoCredentials},
		{"another scheme", "Digest ", "Basic ", NoCredentials},
		{"half a field", `realm="confbridge"`, `realm="confbridge`, Malformed},
		{"another nonce", `nonce="`, `nonce="A`, WrongCredentials},
		{"another method's", "", "", WrongCredentials},
	} {
		t.Run(row.name, func(t *testing.T) {
			v.t = t
			line := strings.Replace(good, row.old, row.with, 1)
			if row.old == "" {
				line = answer(t, v.field, "OPTIONS", room, "alice", "wonder", 1)
			} else if line == good {
				t.Fatalf("there is no %q in %q", row.old, good)
			}
			v.b.guard = newGuard(v.b.cfg)
			v.refused(row.why, false, line)
		})
	}
	v.t = t
	elsewhere := strings.Replace(good, "confbridge", "proxy", 1)
	if _, err := v.try(elsewhere, good); err != nil {
		t.Errorf("credentials for a proxy stand before ours: %v", err)
	}
}

func TestTheURIMustBeTheRequestURI(t *testing.T) {
	v := newVisit(t, several(), 0)
	for i, row := range []struct {
		name, uri, given string
		ok               bool
	}{
		{"the same", room, room, true},
		{"an equal one (RFC 3261 §19.1.4)", room, "sip:1000@BRIDGE.example;x=y", true},
		{"the number, at a proxy", room, "sip:1000@proxy.example:5070;transport=tcp", true},
		{"the number in another form", "tel:+49-30", "sip:+4930@proxy.example;user=phone", true},
		{"the bridge itself", "sip:bridge.example", "sip:proxy.example", true},
		{"another number", room, "sip:1001@bridge.example", false},
		{"no number", room, "sip:bridge.example", false},
		{"another scheme", "http://1000", "sip:1000@bridge.example", false},
		{"two of no scheme that is known", "http://a", "http://b", false},
		{"no URI", room, "/", false},
	} {
		req := request("INVITE", row.uri, answer(t, v.field, "INVITE", row.given, "alice", "wonder", i+1))
		if _, err := v.b.Identify(req, v.source); (err == nil) != row.ok || err != nil && !errors.Is(err, ErrURI) {
			t.Errorf("%s: got %v", row.name, err)
		}
	}
}

func TestUsersCannotBeFoundOut(t *testing.T) {
	v := newVisit(t, several(), 0)
	var seen []string
	for _, user := range []string{"alice", "mallory", "both"} { // there, not there, not there from this source
		_, err := v.try(v.line(user, "guess", 1))
		c := challenged(t, err)
		masked, _ := digest.ParseChallenge(c.Fields[0])
		masked.Nonce = ""
		seen = append(seen, masked.String())
	}
	if seen[0] != seen[1] || seen[0] != seen[2] {
		t.Errorf("got %q", seen)
	}
	if a, b := v.b.verifier.mint.fake("x", 32), v.b.verifier.mint.fake("x", 32); string(a) != string(b) {
		t.Error("a user who is not there has another hash each time")
	}
}

func TestTheTableOfNoncesIsBounded(t *testing.T) {
	clock := newWatch()
	u := newUses(5 * time.Minute)
	id := func(i int) (n nonceID) {
		binary.BigEndian.PutUint64(n[:8], uint64(clock.now.UnixNano()))
		binary.BigEndian.PutUint64(n[8:], uint64(i))
		return n
	}
	old := id(0)
	clock.now = clock.now.Add(time.Second)
	for i := range MaxNonces {
		if !u.take(id(i), 1, clock.now) {
			t.Fatalf("nonce %d was not taken", i)
		}
	}
	first := id(0)
	clock.now = clock.now.Add(time.Second)
	if !u.take(id(1), 1, clock.now) || len(u.used) != 1 {
		t.Errorf("one more: got %d in the table", len(u.used))
	}
	if u.fresh(first, clock.now) || u.take(first, 2, clock.now) || u.take(old, 1, clock.now) {
		t.Error("a nonce whose count was forgotten can be used again")
	}
	for i := range MaxNonces - 1 {
		u.take(id(i+2), 1, clock.now)
	}
	clock.now = clock.now.Add(6 * time.Minute)
	if !u.take(id(0), 1, clock.now) || len(u.used) != 1 || !u.notBefore.Before(clock.now.Add(-time.Minute)) {
		t.Errorf("when all are old they are swept, and nothing else grows stale: %d left, not before %v", len(u.used), u.notBefore)
	}
}

func FuzzAuthorization(f *testing.F) {
	book, err := New(several())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`Digest username="alice", realm="confbridge", nonce="x", uri="sip:1000@bridge.example", algorithm=SHA-256, cnonce="y", qop=auth, nc=00000001, response="z"`)
	f.Add(`Digest realm="confbridge",qop="auth",nc=7fffffff,cnonce=a,username="\"",algorithm=md5,userhash=false`)
	f.Add("Digest ")
	f.Add(`digest realm = "confbridge" , ,`)
	q := asked{
		source: netip.MustParseAddr("9.9.9.9"), offer: []Algorithm{SHA256, MD5}, fits: func(*entry) bool { return true }, now: time.Now(),
	}
	f.Fuzz(func(t *testing.T, value string) {
		req := message.NewRequest(message.Invite, message.URI{Scheme: "sip", Host: "h"})
		req.Add("Authorization", value)
		p := book.verifier.verify(req, q)
		if p.user != nil || p.why == "" {
			t.Errorf("got %+v for %q", p, value)
		}
	})
}

func TestAlgorithmsAreThoseOfTheTrunks(t *testing.T) {
	b := newBook(t, Config{Algorithms: []Algorithm{SHA256}, Trunks: []Trunk{
		{Name: "old", Networks: prefixes("192.0.2.0/24"), Users: []Credential{{User: "old", Password: "p"}}, Algorithms: []Algorithm{MD5}},
		{Name: "new", Networks: prefixes("192.0.2.1/32", "198.51.100.1/32"), Users: []Credential{{User: "new", Password: "p"}}},
		{Name: "any", Networks: prefixes("203.0.113.1/32"), Users: []Credential{{User: "any", Password: "p"}}, Algorithms: []Algorithm{MD5, SHA256}},
	}})
	for addr, want := range map[string]string{
		"192.0.2.2": "MD5", "198.51.100.1": "SHA-256", "192.0.2.1": "SHA-256 MD5", "203.0.113.1": "SHA-256 MD5", "9.9.9.9": "SHA-256",
	} {
		_, err := b.Identify(request("INVITE", room), from(addr))
		var got []string
		for _, f := range challenged(t, err).Fields {
			c, err := digest.ParseChallenge(f)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c.Algorithm)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	// What another trunk takes is no way round what one's own trunk wants.
	fields := b.dare(netip.MustParseAddr("192.0.2.1")).Fields
	for i, want := range []string{"new", ""} {
		who, _ := b.Identify(request("INVITE", room, answer(t, fields[i], "INVITE", room, "new", "p", i+1)), from("192.0.2.1"))
		if who.Trunk() != want {
			t.Errorf("%s: got %q, want %q", fields[i], who.Trunk(), want)
		}
	}
}

func TestTheHashOfNobodyIsNoPassword(t *testing.T) {
	v := newVisit(t, several(), 0)
	c, err := digest.ParseChallenge(v.field)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{
		Method: "INVITE", URI: room, Username: "mallory", A1: hex.EncodeToString(v.b.verifier.mint.fake("mallory", 32)),
	})
	if err != nil {
		t.Fatal(err)
	}
	v.refused(WrongCredentials, false, "Authorization: "+cred.String())
}

func TestFewAuthorizationsAreLookedAt(t *testing.T) {
	v := newVisit(t, several(), 0)
	var lines []string
	for range maxAuthorizations - 1 {
		lines = append(lines, `Authorization: Digest realm="proxy"`)
	}
	v.refused(NoCredentials, false, append(lines, "Authorization: Basic x", v.line("alice", "wonder", 1))...)
	if _, err := v.try(append(lines, v.line("alice", "wonder", 1))...); err != nil {
		t.Errorf("the last that is looked at: %v", err)
	}
}
