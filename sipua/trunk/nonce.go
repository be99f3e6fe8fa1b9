package trunk

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

// MaxNonces is how many nonces that have been used are remembered, some 100 bytes each.
const MaxNonces = 1 << 15

// nonceID tells one nonce from another: when it was made, and a random number.
type nonceID [16]byte

func (id nonceID) made() time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(id[:8]))) }

// mint makes nonces that can be known again without being kept (RFC 7616 §5.4): time and a random number, signed together
// with the source's address. It is safe for concurrent use.
type mint struct{ key [32]byte }

func newMint() *mint {
	m := &mint{}
	_, _ = rand.Read(m.key[:]) // it does not fail: crypto/rand
	return m
}

// make returns a nonce for a source: 48 characters.
func (m *mint) make(now time.Time, source netip.Addr) string {
	var id nonceID
	binary.BigEndian.PutUint64(id[:8], uint64(now.UnixNano()))
	_, _ = rand.Read(id[8:])
	return base64.RawURLEncoding.EncodeToString(append(id[:], m.sign(id, source)...))
}

func (m *mint) sign(id nonceID, source netip.Addr) []byte {
	h := hmac.New(sha256.New, m.key[:])
	h.Write(id[:])
	addr := source.As16()
	h.Write(addr[:])
	return h.Sum(nil)[:20]
}

// read returns the identity of a nonce, and whether it was made by us for that source.
func (m *mint) read(nonce string, source netip.Addr) (nonceID, bool) {
	var id nonceID
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != len(id)+20 {
		return id, false
	}
	copy(id[:], b)
	return id, hmac.Equal(b[len(id):], m.sign(id, source))
}

// fake is a hash of no password, for users that are not there: the same each time, so that they cannot be told from others.
func (m *mint) fake(user string, size int) []byte {
	h := hmac.New(sha256.New, m.key[:])
	h.Write([]byte("user "))
	h.Write([]byte(user))
	return h.Sum(nil)[:size]
}

// uses remembers which counts of a nonce have been used (RFC 7616 §3.3, nc). A nonce comes in when it was used with the
// right password, so strangers cannot fill the table. When it is full it is emptied, and all nonces made until then are
// stale: their owners are challenged once more.
type uses struct {
	life time.Duration

	mu        sync.Mutex
	notBefore time.Time
	swept     time.Time
	used      map[nonceID]counts
}

// counts are the newest count and, as bits, the 64 up to it: requests over UDP may overtake each other.
type counts struct {
	newest uint32
	seen   uint64
}

func newUses(life time.Duration) *uses { return &uses{life: life, used: map[nonceID]counts{}} }

// fresh says whether a nonce of ours is young enough.
func (u *uses) fresh(id nonceID, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	age := now.Sub(id.made())
	return age >= 0 && age <= u.life && !id.made().Before(u.notBefore)
}

// take uses a fresh nonce for a count. It is false if it was used for that count before.
func (u *uses) take(id nonceID, nc uint32, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if id.made().Before(u.notBefore) {
		return false
	}
	c, known := u.used[id]
	if !known && len(u.used) >= MaxNonces {
		u.sweep(now)
		if id.made().Before(u.notBefore) {
			return false
		}
	}
	switch {
	case nc > c.newest:
		shift := nc - c.newest
		c.newest = nc
		c.seen = c.seen<<shift | 1
	case c.newest-nc >= 64 || c.seen&(1<<(c.newest-nc)) != 0:
		return false
	default:
		c.seen |= 1 << (c.newest - nc)
	}
	u.used[id] = c
	return true
}

// sweep makes room: of what is too old, or of everything. At most once in a tenth of a nonce's life it looks at all.
func (u *uses) sweep(now time.Time) {
	if now.Sub(u.swept) > u.life/10 {
		u.swept = now
		for id := range u.used {
			if now.Sub(id.made()) > u.life {
				delete(u.used, id)
			}
		}
	}
	if len(u.used) >= MaxNonces {
		clear(u.used)
		u.notBefore = now
	}
}
