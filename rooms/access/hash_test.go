package access

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// The reference implementation's value of "password" and "somesalt" with one pass over 64 KiB.
func TestHashIsArgon2id(t *testing.T) {
	word := []byte("password")
	got := hex.EncodeToString(recipe{Cost{64, 1, 1}, "somesalt", 24}.key(PIN{func() []byte { return word }}))
	if want := "655ad15eac652dc59f7170a7332bf49b8469be1fdb9c28bb"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHashesAreReadStrictly(t *testing.T) {
	const salt, key = "c29tZXNhbHRzb21lc2FsdA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	good := "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key
	h, err := ParseHash(good)
	if err != nil || h.PHC() != good {
		t.Fatalf("got %q, %v", h.PHC(), err)
	}
	for _, test := range []struct{ name, text string }{
		{"nothing", ""},
		{"another algorithm", strings.Replace(good, "argon2id", "argon2i", 1)},
		{"another version", strings.Replace(good, "v=19", "v=16", 1)},
		{"no version", strings.Replace(good, "$v=19", "", 1)},
		{"no first dollar", good[1:]},
		{"something behind", good + "$"},
		{"costs in another order", strings.Replace(good, "m=19456,t=2", "t=2,m=19456", 1)},
		{"a cost too many", strings.Replace(good, "p=1", "p=1,x=1", 1)},
		{"a cost too few", strings.Replace(good, ",p=1", "", 1)},
		{"zeros before a number", strings.Replace(good, "t=2", "t=02", 1)},
		{"a sign", strings.Replace(good, "t=2", "t=+2", 1)},
		{"no pass", strings.Replace(good, "t=2", "t=0", 1)},
		{"too many passes", strings.Replace(good, "t=2", "t=17", 1)},
		{"no lane", strings.Replace(good, "p=1", "p=0", 1)},
		{"too many lanes", strings.Replace(good, "p=1", "p=257", 1)},
		{"too little memory", strings.Replace(good, "m=19456", "m=7", 1)},
		{"all memory", strings.Replace(good, "m=19456", "m=4294967295", 1)},
		{"more than a number holds", strings.Replace(good, "m=19456", "m=4294967296", 1)},
		{"a short salt", strings.Replace(good, salt, "c29tZQ", 1)},
		{"a short key", strings.Replace(good, key, "AAAA", 1)},
		{"a long key", strings.Replace(good, key, strings.Repeat("AAAA", 22), 1)},
		{"padding", good + "="},
		{"a line end in it", strings.Replace(good, salt, "c29t\nZXNhbHRzb21lc2FsdA", 1)},
		{"bits that count for nothing", good[:len(good)-1] + "B"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, err := ParseHash(test.text)
			if !errors.Is(err, ErrInvalid) || h.Valid() {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "AAAA") {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=08,t=1,p=1$$")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHash(s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || h.Valid() {
				t.Errorf("got %v", err)
			}
			return
		}
		if h.PHC() != s {
			t.Errorf("%q is written as %q", s, h.PHC())
		}
		if err := h.made().cost.check(); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParsePIN(f *testing.F) {
	f.Add("1234")
	f.Add("123")
	f.Add("12345678901234567")
	f.Add("12\x004")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePIN(s)
		if (err == nil) != p.Valid() || p.Valid() && p.Reveal() != s {
			t.Errorf("%q: got %q, %v", s, p.Reveal(), err)
		}
		if strings.Trim(s, "0123456789") != "" && err == nil {
			t.Errorf("%q is taken", s)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	p := mustPIN(b, "1234")
	r := newRecipe(DefaultCost)
	b.ReportAllocs()
	for b.Loop() {
		r.key(p)
	}
}
