package trunk

import (
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/icholy/digest"

	"github.com/confbridge/confbridge/sipua/message"
)

// Reason is why a caller was not let in, for metrics and logs.
type Reason string

// Reasons.
const (
	NoCredentials    Reason = "no-credentials"    // challenged
	WrongCredentials Reason = "wrong-credentials" // unknown user, wrong password, or a user of another source
	Malformed        Reason = "malformed"         // Authorization that cannot be read or lacks qop=auth
	Downgrade        Reason = "algorithm"         // an algorithm that was not offered
	Stale            Reason = "stale"             // right but for the nonce: old, ours no more, or another source's
	Replay           Reason = "replay"            // right, but seen before
	WrongURI         Reason = "uri"               // right, but for another Request-URI
	Rejected         Reason = "rejected"          // nobody's trunk, and Reject
	Blocked          Reason = "blocked"           // failed too often before
)

// verifier is the server side of digest (RFC 3261 §22, RFC 7616, RFC 8760).
type verifier struct {
	realm string
	users map[string]*user
	mint  *mint
	uses  *uses
}

// maxAuthorizations is how many Authorization fields are looked at: a request may carry those of proxies on the way.
const maxAuthorizations = 8

// asked is a source that may have to show who it is.
type asked struct {
	source netip.Addr
	offer  []Algorithm       // best first
	fits   func(*entry) bool // the trunks whose users there are for it
	now    time.Time
}

// challenge makes the WWW-Authenticate fields of a 401, one for each algorithm (RFC 8760 §2.4), all with one nonce.
func (v *verifier) challenge(q asked, stale bool) *ChallengeError {
	e := &ChallengeError{Stale: stale}
	middle := `", nonce="` + v.mint.make(q.now, q.source) + `", `
	if stale {
		middle += "stale=true, "
	}
	for _, a := range q.offer { // all strangers get one: no library for this
		e.Fields = append(e.Fields, `Digest realm="`+v.realm+middle+"algorithm="+string(a)+`, qop="auth"`)
	}
	return e
}

// proof is what came of a request's credentials.
type proof struct {
	user *user  // nil where nothing is proved
	why  Reason // why not
	own  bool   // the nonce was made for that source
}

// credentials finds the request's credentials for our realm.
func (v *verifier) credentials(req *message.Message) (*digest.Credentials, Reason) {
	why := NoCredentials
	for i, value := range req.Values("Authorization") {
		if i == maxAuthorizations {
			break
		}
		if !digest.IsDigest(value) {
			continue
		}
		c, err := digest.ParseCredentials(value)
		switch {
		case err != nil:
			why = Malformed
		case c.Realm == v.realm:
			return c, ""
		}
	}
	return nil, why
}

// verify checks a request's credentials. What it does, and what a peer is told, is the same for users that exist and those
// that do not.
func (v *verifier) verify(req *message.Message, q asked) proof {
	c, why := v.credentials(req)
	if c == nil {
		return proof{why: why}
	}
	algorithm, ok := offered(q.offer, c.Algorithm)
	if !ok {
		return proof{why: Downgrade}
	}
	if !strings.EqualFold(c.QOP, "auth") || c.Cnonce == "" || c.Nc <= 0 || c.Userhash {
		return proof{why: Malformed}
	}
	id, own := v.mint.read(c.Nonce, q.source)
	u := v.users[c.Username]
	if u != nil && !q.fits(u.trunk) {
		u = nil
	}
	a1 := hex.EncodeToString(v.mint.fake(c.Username, 32))
	if u != nil && u.hashes[algorithm] != "" {
		a1 = u.hashes[algorithm]
	}
	right := subtle.ConstantTimeCompare([]byte(response(c, string(req.Method), a1)), []byte(strings.ToLower(c.Response))) == 1
	switch {
	case !right || u == nil:
		return proof{why: WrongCredentials, own: own}
	case !sameURI(c.URI, req.RequestURI):
		return proof{why: WrongURI}
	case !own || !v.uses.fresh(id, q.now):
		return proof{why: Stale}
	case !v.uses.take(id, uint32(c.Nc), q.now):
		return proof{why: Replay}
	}
	return proof{user: u}
}

// offered finds an algorithm that was offered; none given means MD5 (RFC 7616 §3.4).
func offered(offer []Algorithm, name string) (Algorithm, bool) {
	if name == "" {
		name = string(MD5)
	}
	for _, a := range offer {
		if strings.EqualFold(name, string(a)) {
			return a, true
		}
	}
	return "", false
}

// response computes the response that belongs to credentials (RFC 7616 §3.4.1). The algorithm is one of ours.
func response(c *digest.Credentials, method, a1 string) string {
	got, err := digest.Digest(
		&digest.Challenge{Realm: c.Realm, Nonce: c.Nonce, Algorithm: c.Algorithm, QOP: []string{"auth"}},
		digest.Options{Method: method, URI: c.URI, Count: c.Nc, Username: c.Username, A1: a1, Cnonce: c.Cnonce},
	)
	if err != nil {
		return ""
	}
	return got.Response
}

// sameURI says whether credentials are for the resource of a Request-URI (RFC 7616 §3.4.6). The resource is the number, or the
// bridge where there is none: proxies on the way change the host of a Request-URI and leave the credentials as they are.
func sameURI(given string, uri message.URI) bool {
	if given == uri.String() {
		return true
	}
	u, err := message.ParseURI(given)
	if err != nil {
		return false
	}
	known := func(u message.URI) bool { return u.IsSIP() || u.Scheme == "tel" }
	return u.Equal(uri) || known(u) && known(uri) && Number(u) == Number(uri)
}
