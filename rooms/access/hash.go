package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost is what one hash costs (RFC 9106 §3.1).
type Cost struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultCost is the least that is recommended today for passwords: 19 MiB, twice over. More does not save a PIN of four digits from one who has the
// hash: there are no more than 10,000 of them.
var DefaultCost = Cost{MemoryKiB: 19 * 1024, Passes: 2, Lanes: 1}

// Bounds of what a hash may cost and hold, so that one from outside cannot take all memory.
const (
	maxMemoryKiB = 256 * 1024
	maxPasses    = 16
	maxLanes     = 8
	saltSize     = 16
	keySize      = 32
	leastSalt    = 8
	leastKey     = 16
	mostBytes    = 64 // of salt and of key
	maxPHC       = 256
)

func (c Cost) check() error {
	if c.Lanes < 1 || c.Lanes > maxLanes || c.Passes < 1 || c.Passes > maxPasses ||
		c.MemoryKiB < 8*uint32(c.Lanes) || c.MemoryKiB > maxMemoryKiB { // RFC 9106 §3.1: 8 KiB a lane at least
		return fmt.Errorf("cost of %d KiB, %d passes and %d lanes: %w", c.MemoryKiB, c.Passes, c.Lanes, ErrInvalid)
	}
	return nil
}

// Hash is what is kept of a PIN. It is not shown either: whoever has the hash of four digits has the digits after 10,000 tries. The zero value is that of
// no PIN.
type Hash struct{ made func() *made } // a function, as in PIN

func newHash(m *made) Hash { return Hash{func() *made { return m }} }

// made is how a hash was made, and what came out.
type made struct {
	cost Cost
	salt []byte
	key  []byte
}

// recipe is what two hashes have in common that one computation serves.
type recipe struct {
	cost Cost
	salt string
	size int // of the key
}

func newRecipe(c Cost) recipe {
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails: crypto/rand.Read
	return recipe{c, string(salt[:]), keySize}
}

func (r recipe) key(p PIN) []byte {
	return argon2.IDKey(p.digits(), []byte(r.salt), r.cost.Passes, r.cost.MemoryKiB, r.cost.Lanes, uint32(r.size))
}

// Valid says whether there is a hash.
func (h Hash) Valid() bool { return h.made != nil }

func (h Hash) recipe() recipe { return recipe{h.made().cost, string(h.made().salt), len(h.made().key)} }

func (h Hash) equal(o Hash) bool {
	return h.recipe() == o.recipe() && subtle.ConstantTimeCompare(h.made().key, o.made().key) == 1
}

const phcPrefix = "$argon2id$v=19$" // version 0x13, RFC 9106 §3.1

// PHC is the hash as a PHC string, "$argon2id$v=19$m=19456,t=2,p=1$salt$key", for where it is kept; empty of no hash.
func (h Hash) PHC() string {
	if !h.Valid() {
		return ""
	}
	m := h.made()
	return fmt.Sprintf("%sm=%d,t=%d,p=%d$%s$%s", phcPrefix, m.cost.MemoryKiB, m.cost.Passes, m.cost.Lanes, coding.EncodeToString(m.salt), coding.EncodeToString(m.key))
}

// coding refuses what could be written in two ways.
var coding = base64.RawStdEncoding.Strict()

// ParseHash reads a PHC string of argon2id, version 19, exactly as PHC writes it (ErrInvalid).
func ParseHash(s string) (Hash, error) {
	m, err := parsePHC(s)
	if err != nil {
		return Hash{}, fmt.Errorf("PHC string: %w", err)
	}
	h := newHash(m)
	if h.PHC() != s { // numbers with zeros before them, line ends in base64
		return Hash{}, fmt.Errorf("PHC string that is not written as it should be: %w", ErrInvalid)
	}
	return h, nil
}

func parsePHC(s string) (*made, error) {
	rest, ok := strings.CutPrefix(s, phcPrefix)
	parts := strings.Split(rest, "$")
	if !ok || len(s) > maxPHC || len(parts) != 3 {
		return nil, fmt.Errorf("not %sCOST$SALT$KEY: %w", phcPrefix, ErrInvalid)
	}
	cost, err := parseCost(parts[0])
	if err != nil {
		return nil, err
	}
	salt, err := decode(parts[1], leastSalt)
	if err != nil {
		return nil, fmt.Errorf("salt: %w", err)
	}
	key, err := decode(parts[2], leastKey)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return &made{cost, salt, key}, nil
}

func parseCost(s string) (Cost, error) {
	parts := strings.Split(s, ",")
	if len(parts) != 3 {
		return Cost{}, fmt.Errorf("cost is not m=,t=,p=: %w", ErrInvalid)
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(parts[i], name)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil {
			return Cost{}, fmt.Errorf("cost is not m=,t=,p=: %w", ErrInvalid)
		}
		n[i] = v
	}
	if n[2] > maxLanes {
		return Cost{}, fmt.Errorf("cost of %d lanes: %w", n[2], ErrInvalid)
	}
	c := Cost{uint32(n[0]), uint32(n[1]), uint8(n[2])}
	return c, c.check()
}

// decode does not say what it could not read: it is secret.
func decode(s string, least int) ([]byte, error) {
	b, err := coding.DecodeString(s)
	if err != nil || len(b) < least || len(b) > mostBytes {
		return nil, fmt.Errorf("not %d to %d bytes in base64: %w", least, mostBytes, ErrInvalid)
	}
	return b, nil
}

// String hides the hash.
func (Hash) String() string { return hidden }

// GoString hides the hash.
func (Hash) GoString() string { return hidden }

// Format hides the hash from every verb.
func (Hash) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue hides the hash.
func (Hash) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the hash.
func (Hash) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText hides the hash.
func (Hash) MarshalText() ([]byte, error) { return []byte(hidden), nil }
