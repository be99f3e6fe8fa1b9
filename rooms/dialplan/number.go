package dialplan

import (
	"errors"
	"fmt"
	"strings"
)

// Anonymous is what a Number calls those who come by no trunk.
const Anonymous = "anonymous"

// Bounds, in bytes.
const (
	maxDialled = 128
	maxTrunk   = 64
)

// ErrInvalid says that a number, or a list of them, cannot be.
var ErrInvalid = errors.New("invalid value")

// Number says what becomes of calls to a number.
type Number struct {
	// Dialled is the number as it comes from the trunk, after rewriting. With a star at its end it stands for all that begin so.
	Dialled string
	// Trunk is the trunk that the call must come by; Anonymous: by none; empty: by any or none.
	Trunk string `json:",omitempty"`
	// Room is the number of the room that it leads to; empty: an entrance, where callers are asked for the room's number.
	Room string `json:",omitempty"`
	// Voice is that of the prompts; empty: the usual one.
	Voice string `json:",omitempty"`
	// Declared numbers stand in the configuration file.
	Declared bool `json:"-"`
	// Unreadable numbers are there, and where they lead is not known.
	Unreadable bool `json:"-"`
}

// Key is what tells a number from all others: of each there is one at most.
type Key struct{ Dialled, Trunk string }

// Key is the number's.
func (n Number) Key() Key { return Key{n.Dialled, n.Trunk} }

// String is the key in people's words.
func (k Key) String() string {
	if k.Trunk == "" {
		return fmt.Sprintf("%q", k.Dialled)
	}
	return fmt.Sprintf("%q of trunk %q", k.Dialled, k.Trunk)
}

// Check says what is wrong with a key (ErrInvalid).
func (k Key) Check() error {
	switch {
	case k.Dialled == "" || len(k.Dialled) > maxDialled:
		return fmt.Errorf("number of %d bytes, want 1 to %d: %w", len(k.Dialled), maxDialled, ErrInvalid)
	case strings.HasSuffix(k.Dialled, "*") && strings.Count(k.Dialled, "*") > 1:
		return fmt.Errorf("number %q: not a number, or its beginning and a star: %w", k.Dialled, ErrInvalid)
	case len(k.Trunk) > maxTrunk || strings.Trim(k.Trunk, plain) != "":
		return fmt.Errorf("%q is no name of a trunk: %w", k.Trunk, ErrInvalid)
	}
	return nil
}

// prefix is what a number begins with for a key that has a star; false: it has none.
func (k Key) prefix() (string, bool) { return strings.CutSuffix(k.Dialled, "*") }

// plain are the bytes that an ID has as they are; they are also those of trunks' names.
const plain = "-_.+*#0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// ID is the key in one word: the number, whose bytes that are no letters, digits or -_.+*# are written %XX, and where there is one an @ and the trunk.
func (k Key) ID() string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(k.Dialled) {
		if strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	if k.Trunk != "" {
		b.WriteString("@" + k.Trunk)
	}
	return b.String()
}

// ParseID is the key of an ID, which is written as Key.ID writes it (ErrInvalid).
func ParseID(id string) (Key, error) {
	if len(id) > 3*maxDialled+1+maxTrunk {
		return Key{}, fmt.Errorf("ID of %d bytes: %w", len(id), ErrInvalid)
	}
	escaped, trunk, _ := strings.Cut(id, "@")
	k := Key{Dialled: unescape(escaped), Trunk: trunk}
	if k.ID() != id { // there is one way to write it
		return Key{}, fmt.Errorf("%q is no ID of a number: %w", id, ErrInvalid)
	}
	return k, k.Check()
}

// unescape reads what stands before the trunk; what is no escape stays.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, low := nibble(s[i+1]), nibble(s[i+2])
			if high >= 0 && low >= 0 {
				b.WriteByte(byte(high<<4 | low))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func nibble(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }
