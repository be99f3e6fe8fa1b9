package access

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
)

// Lengths of a PIN in digits.
const (
	ShortestPIN = 4
	LongestPIN  = 16
)

// PIN is a number that is dialled to come in. It can be checked and hashed, and not be looked at: fmt, slog and encoding/json get a word in its place. The zero
// value is no PIN.
type PIN struct {
	digits func() []byte // fmt prints unexported fields of others without asking, and what pointers lead to, but no function's variables
}

// hidden is what a PIN and a hash look like.
const hidden = "[hidden]"

// ParsePIN reads 4 to 16 digits (ErrInvalid).
func ParsePIN(s string) (PIN, error) {
	if len(s) < ShortestPIN || len(s) > LongestPIN {
		return PIN{}, fmt.Errorf("PIN of %d characters, want %d to %d digits: %w", len(s), ShortestPIN, LongestPIN, ErrInvalid)
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return PIN{}, fmt.Errorf("PIN with something else than digits: %w", ErrInvalid)
		}
	}
	digits := []byte(s)
	return PIN{func() []byte { return digits }}, nil
}

// NewPIN is a random PIN of so many digits, 4 to 16 (ErrInvalid).
func NewPIN(length int) (PIN, error) {
	if length < ShortestPIN || length > LongestPIN {
		return PIN{}, fmt.Errorf("PIN of %d digits, want %d to %d: %w", length, ShortestPIN, LongestPIN, ErrInvalid)
	}
	digits := make([]byte, length)
	for i := range digits {
		digits[i] = '0' + randomDigit()
	}
	return PIN{func() []byte { return digits }}, nil
}

// randomDigit is 0 to 9, each as likely.
func randomDigit() byte {
	for {
		var b [1]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand.Read
		if b[0] < 250 {
			return b[0] % 10
		}
	}
}

// Valid says whether there is a PIN.
func (p PIN) Valid() bool { return p.digits != nil }

// Reveal is the digits, for the one who is to dial them.
func (p PIN) Reveal() string {
	if !p.Valid() {
		return ""
	}
	return string(p.digits())
}

// String hides the digits.
func (PIN) String() string { return hidden }

// GoString hides the digits.
func (PIN) GoString() string { return hidden }

// Format hides the digits from every verb.
func (PIN) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue hides the digits.
func (PIN) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the digits.
func (PIN) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText hides the digits.
func (PIN) MarshalText() ([]byte, error) { return []byte(hidden), nil }
