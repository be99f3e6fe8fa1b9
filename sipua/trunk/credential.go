package trunk

import (
	"crypto/md5" // RFC 8760 keeps it for old telephones; it is offered last, and can be left out
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// String names the user and nothing else: a Credential may come into a log by mistake.
func (c Credential) String() string { return "user " + c.User }

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// MarshalText is String, for the encoders of logs.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// user is a credential as it is checked: without its password.
type user struct {
	trunk  *entry
	hashes map[Algorithm]string // H(A1) in lower-case hexadecimal
}

func (c Credential) hashed(e *entry, realm string) *user {
	u := &user{trunk: e, hashes: map[Algorithm]string{}}
	if c.Password != "" {
		a1 := []byte(c.User + ":" + realm + ":" + c.Password)
		long, short := sha256.Sum256(a1), md5.Sum(a1)
		u.hashes[SHA256], u.hashes[MD5] = hex.EncodeToString(long[:]), hex.EncodeToString(short[:])
	}
	if c.SHA256 != "" {
		u.hashes[SHA256] = strings.ToLower(c.SHA256)
	}
	if c.MD5 != "" {
		u.hashes[MD5] = strings.ToLower(c.MD5)
	}
	for a := range u.hashes {
		if !oneOf(a, e.Algorithms...) {
			delete(u.hashes, a)
		}
	}
	return u
}
