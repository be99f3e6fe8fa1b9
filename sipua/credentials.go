package sipua

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/icholy/digest"

	"github.com/confbridge/confbridge/sipua/message"
)

const (
	maxChallenges = 16 // values of one response that are looked at
	maxRealms     = 8  // remembered at once
)

// credentials are a user and password, and the challenges that they answer (RFC 3261 §22.2, §22.3, RFC 8760). What one
// request was challenged with the next ones answer at once, with a counted nonce. nil answers nothing. Its methods are
// safe for concurrent use.
type credentials struct {
	user, password string

	mu     sync.Mutex
	realms []realm
}

// realm is what one challenger wants.
type realm struct {
	proxy     bool // challenged with 407
	challenge *digest.Challenge
	count     int // how often the nonce has been used
}

// newCredentials returns nil where there is no user.
func newCredentials(user, password string) *credentials {
	if user == "" {
		return nil
	}
	return &credentials{user: user, password: password}
}

// round is how often one request has been challenged, by realm: so that a wrong password is sent once only.
type round struct {
	answered map[string]bool // by realm: with a nonce that this very request was given
	stale    int
}

// learn takes the challenges of a response and says whether the request should be sent again with answers. It should
// not where the credentials have been refused (RFC 3261 §22.2: not the same again), or where nothing can be answered.
func (c *credentials) learn(res *message.Message, r *round) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	again := false
	for _, kind := range []struct {
		field string
		proxy bool
	}{{"WWW-Authenticate", false}, {"Proxy-Authenticate", true}} {
		for _, chal := range strongest(res.Values(kind.field)) {
			key := kind.field + "\x00" + chal.Realm
			if r.answered[key] {
				if !chal.Stale || r.stale > 0 {
					return false
				}
				r.stale++
			}
			if len(r.answered) == maxRealms { // another realm each time, for ever
				return false
			}
			if r.answered == nil {
				r.answered = make(map[string]bool)
			}
			r.answered[key] = true
			c.remember(realm{proxy: kind.proxy, challenge: chal})
			again = true
		}
	}
	return again
}

// remember puts a challenge in place of an older one of its realm.
func (c *credentials) remember(next realm) {
	for i, old := range c.realms {
		if old.proxy == next.proxy && old.challenge.Realm == next.challenge.Realm {
			c.realms[i] = next
			return
		}
	}
	if len(c.realms) == maxRealms {
		c.realms = slices.Delete(c.realms, 0, 1)
	}
	c.realms = append(c.realms, next)
}

// strongest reads challenges and keeps one of each realm: the topmost that we can answer (RFC 8760 §2.4), but MD5 only
// where there is nothing better.
func strongest(values []string) []*digest.Challenge {
	var out []*digest.Challenge
	for _, v := range values[:min(len(values), maxChallenges)] {
		chal, err := digest.ParseChallenge(strings.TrimSpace(v))
		if err != nil || chal.Nonce == "" {
			continue
		}
		for i, q := range chal.QOP {
			chal.QOP[i] = strings.ToLower(strings.TrimSpace(q))
		}
		if !digest.CanDigest(chal) {
			continue
		}
		i := slices.IndexFunc(out, func(o *digest.Challenge) bool { return o.Realm == chal.Realm })
		switch {
		case i < 0:
			out = append(out, chal)
		case isMD5(out[i]) && !isMD5(chal):
			out[i] = chal
		}
	}
	return out
}

func isMD5(c *digest.Challenge) bool {
	return c.Algorithm == "" || strings.EqualFold(c.Algorithm, "MD5")
}

// apply puts the answers to all challenges that are known into a request that has none yet.
func (c *credentials) apply(req *message.Message) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.realms {
		r := &c.realms[i]
		r.count++
		cred, err := digest.Digest(r.challenge, digest.Options{
			Method: string(req.Method), URI: req.RequestURI.String(), Count: r.count, Username: c.user, Password: c.password,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Body)), nil },
		})
		if err != nil {
			continue // strongest has seen to it that it can be answered
		}
		name := "Authorization"
		if r.proxy {
			name = "Proxy-Authorization"
		}
		req.Add(name, cred.String())
	}
}

// copyCredentials gives the ACK of a 2xx the credentials of its INVITE (RFC 3261 §22.1): it cannot be challenged.
func copyCredentials(ack, invite *message.Message) {
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, v := range invite.Values(name) {
			ack.Add(name, v)
		}
	}
}
