package access

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestARightPINIsComputedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{AtOnce: 1, Queue: 1})
		r := lockedRing(t, g)
		if _, err := g.Check(t.Context(), from(0), r, mustPIN(t, "1357")); err != nil {
			t.Fatal(err)
		}
		done, err := g.turn(t.Context()) // no further computation now
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Check(t.Context(), from(1), r, mustPIN(t, "1357")); err != nil {
			t.Errorf("the PIN that was right before: %v", err)
		}
		done()
		before := len(g.known.keys)
		if _, err := g.Check(t.Context(), from(2), r, mustPIN(t, "0000")); !errors.Is(err, ErrWrongPIN) {
			t.Errorf("another PIN: %v", err)
		}
		if got := len(g.known.keys); before != 1 || got != before {
			t.Errorf("%d PINs are known, and %d behind a wrong one, want one", before, got)
		}
		other, err := g.Rekey(t.Context(), r, new(mustPIN(t, "9753")), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Check(t.Context(), from(3), other, mustPIN(t, "1357")); !errors.Is(err, ErrWrongPIN) {
			t.Errorf("a PIN that was right, after it was changed: %v", err)
		}
	})
}

// A right PIN that is known would be refused at once where a wrong one waits for its turn: a dialler who is locked out could tell them apart.
func TestWhoIsLockedOutLearnsNothingByTheTimeItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{AtOnce: 1})
		r := lockedRing(t, g)
		if _, err := g.Check(t.Context(), from(0), r, mustPIN(t, "1357")); err != nil {
			t.Fatal(err)
		}
		for {
			_, err := g.Check(t.Context(), from(1), r, mustPIN(t, "0000"))
			if errors.Is(err, ErrLockedOut) {
				break
			}
			if !errors.Is(err, ErrWrongPIN) {
				t.Fatal(err)
			}
		}
		done, err := g.turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		time.AfterFunc(time.Second, done)
		_, err = g.Check(t.Context(), from(1), r, mustPIN(t, "1357"))
		if took := time.Since(begun); !errors.Is(err, ErrLockedOut) || took != time.Second {
			t.Errorf("the right PIN: %v after %v, want to have waited for the turn", err, took)
		}
	})
}

func TestOfTheKnownPINsTheOldestMakeRoom(t *testing.T) {
	k := newKnown()
	for i := range mostKnown + 1 {
		k.add(tag{byte(i), byte(i >> 8)}, keys{recipe{}: nil})
	}
	if len(k.keys) != mostKnown || k.find(tag{}) != nil || k.find(tag{1}) == nil {
		t.Errorf("%d are known, the first %v, the second %v", len(k.keys), k.find(tag{}) != nil, k.find(tag{1}) != nil)
	}
}

func TestATagIsThatOfAPINAndItsRecipes(t *testing.T) {
	k, pin := newKnown(), mustPIN(t, "1357")
	recipes := []recipe{newRecipe(DefaultCost)}
	same := k.tag(recipes, pin)
	for name, other := range map[string]tag{
		"another PIN":    k.tag(recipes, mustPIN(t, "1358")),
		"another salt":   k.tag([]recipe{newRecipe(DefaultCost)}, pin),
		"another cost":   k.tag([]recipe{{Cost{8, 1, 1}, recipes[0].salt, recipes[0].size}}, pin),
		"one more":       k.tag(append(recipes, newRecipe(DefaultCost)), pin),
		"another secret": newKnown().tag(recipes, pin),
	} {
		if other == same {
			t.Errorf("%s has the same tag", name)
		}
	}
	if k.tag(recipes, pin) != same {
		t.Error("a tag is not the same twice")
	}
}
