package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func mustPIN(t testing.TB, s string) PIN {
	t.Helper()
	p, err := ParsePIN(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNothingPrintsAPINOrAHash(t *testing.T) {
	const digits = "48151623"
	pin := mustPIN(t, digits)
	ring := newTestRing(t)
	hash := ring.fresh(pin).hash
	parts := strings.Split(hash.PHC(), "$")
	type holder struct {
		pin  PIN
		hash Hash
		Pin  PIN
		Hash Hash
	}
	inside := holder{pin, hash, pin, hash}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t", "%c", "%U", "%e", "%p"} {
		for _, v := range []any{pin, &pin, hash, &hash, inside, &inside, []PIN{pin}, map[string]Hash{"a": hash}, ring} {
			fmt.Fprintf(&shown, verb+"\n", v)
		}
	}
	fmt.Fprintln(&shown, pin.String(), pin.GoString(), hash.String(), hash.GoString())
	for _, h := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(h).Info("x", "pin", pin, "hash", hash, "inside", inside, "list", []PIN{pin})
	}
	text, err := json.Marshal(map[string]any{"pin": pin, "hash": hash, "inside": inside})
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(text)
	if !strings.Contains(shown.String(), hidden) {
		t.Error("nothing was printed at all")
	}
	for _, secret := range []string{digits, parts[4], parts[5], fmt.Sprintf("%x", digits), fmt.Sprintf("%d", []byte(digits)), fmt.Sprintf("%d", hash.made().key)} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

func TestPINsAreDigits(t *testing.T) {
	for _, s := range []string{"", "123", "12345678901234567", "12a4", "12 4", "١٢٣٤", "-123", "1234\n"} {
		p, err := ParsePIN(s)
		if !errors.Is(err, ErrInvalid) || p.Valid() {
			t.Errorf("%q: got %v", s, err)
		}
		if s != "" && err != nil && strings.Contains(err.Error(), s) {
			t.Errorf("the error shows %q", s)
		}
	}
	for _, s := range []string{"0000", "1234567890123456"} {
		if got := mustPIN(t, s).Reveal(); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
	}
	if got := (PIN{}).Reveal(); got != "" {
		t.Errorf("no PIN reveals %q", got)
	}
}

func TestNewPINIsRandomDigits(t *testing.T) {
	var seen [10]int
	different := map[string]bool{}
	for range 1000 {
		p, err := NewPIN(8)
		if err != nil {
			t.Fatal(err)
		}
		s := p.Reveal()
		if _, err := ParsePIN(s); err != nil || len(s) != 8 {
			t.Fatalf("got %q", s)
		}
		different[s] = true
		for _, c := range s {
			seen[c-'0']++
		}
	}
	if len(different) < 990 {
		t.Errorf("only %d of 1000 differ", len(different))
	}
	for d, n := range seen {
		if n < 600 || n > 1000 { // 800 on average, 27 of standard deviation
			t.Errorf("%d comes %d times in 8000", d, n)
		}
	}
	for _, n := range []int{3, 17, -1} {
		if _, err := NewPIN(n); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d digits: %v", n, err)
		}
	}
}
