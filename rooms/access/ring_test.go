package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cheap is the least that argon2id can cost.
var cheap = Cost{MemoryKiB: 8, Passes: 1, Lanes: 1}

// newTestRing is a ring without PINs, quick to check.
func newTestRing(t testing.TB) *Ring {
	t.Helper()
	r, err := NewRing(cheap)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lockedRing is a ring with the PINs 1357 for participants and 2468 for moderators.
func lockedRing(t testing.TB, g *Guard) *Ring {
	t.Helper()
	r := newTestRing(t)
	if err := g.SetPINs(context.Background(), r, mustPIN(t, "1357"), mustPIN(t, "2468")); err != nil {
		t.Fatal(err)
	}
	return r
}

// from is a caller with an address of its own.
func from(n int) Caller {
	return Caller{Address: netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}), Identity: "sip:1@carrier.example", Trunk: "carrier", Room: "1000"}
}

func TestEachPINOpensItsDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{})
		r := lockedRing(t, g)
		now := time.Now()
		invite := func(id, pin string, i Invitation) {
			t.Helper()
			i.ID = id
			if err := g.Invite(t.Context(), r, i, mustPIN(t, pin)); err != nil {
				t.Fatal(err)
			}
		}
		invite("any", "111111", Invitation{Name: "Ann"})
		invite("later", "222222", Invitation{From: now.Add(time.Hour)})
		invite("over", "333333", Invitation{From: now.Add(-time.Hour), Until: now})
		invite("host", "444444", Invitation{Name: "Hal", Moderator: true, From: now, Until: now.Add(time.Second)})
		for i, test := range []struct {
			name, pin string
			grant     Grant
			err       error
		}{
			{"a participant's", "1357", Grant{}, nil},
			{"a moderator's", "2468", Grant{Moderator: true}, nil},
			{"another one", "9999", Grant{}, ErrWrongPIN},
			{"one that begins like it", "13570", Grant{}, ErrWrongPIN},
			{"an invitation", "111111", Grant{Invitation: "any", Name: "Ann"}, nil},
			{"an invitation for the second time", "111111", Grant{}, ErrWrongPIN},
			{"an invitation for later", "222222", Grant{}, ErrWrongPIN},
			{"an invitation that is over", "333333", Grant{}, ErrWrongPIN},
			{"a host's invitation", "444444", Grant{Moderator: true, Invitation: "host", Name: "Hal"}, nil},
		} {
			c := from(i)
			c.Room = fmt.Sprint(i)
			got, err := g.Check(t.Context(), c, r, mustPIN(t, test.pin))
			if !errors.Is(err, test.err) || err != nil && test.err == nil || got != test.grant {
				t.Errorf("%s: got %+v, %v", test.name, got, err)
			}
		}
		time.Sleep(time.Hour)
		c := from(20)
		c.Room = "20"
		if got, err := g.Check(t.Context(), c, r, mustPIN(t, "222222")); err != nil || got.Invitation != "later" {
			t.Errorf("when its time has come: got %+v, %v", got, err)
		}
		r.Remove("later")
		if _, _, left := r.Kept(); len(left) != 3 {
			t.Errorf("%d invitations are left, want 3", len(left))
		}
		if _, err := g.Check(t.Context(), c, r, PIN{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("no PIN: %v", err)
		}
	})
}

func TestRingWithoutPINsOpensToNobody(t *testing.T) {
	g := NewGuard(Config{})
	if _, err := g.Check(t.Context(), from(1), newTestRing(t), mustPIN(t, "0000")); !errors.Is(err, ErrWrongPIN) {
		t.Errorf("got %v", err)
	}
}

func TestPINsOfARoomDiffer(t *testing.T) {
	g := NewGuard(Config{})
	r := lockedRing(t, g)
	ctx := t.Context()
	if err := g.Invite(ctx, r, Invitation{ID: "a"}, mustPIN(t, "5555")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		err  error
		want error
	}{
		{"both the same", g.SetPINs(ctx, r, mustPIN(t, "7777"), mustPIN(t, "7777")), ErrTaken},
		{"a participant's that is an invitation", g.SetPINs(ctx, r, mustPIN(t, "5555"), PIN{}), ErrTaken},
		{"a moderator's that is an invitation", g.SetPINs(ctx, r, PIN{}, mustPIN(t, "5555")), ErrTaken},
		{"an invitation that is a participant's", g.Invite(ctx, r, Invitation{ID: "b"}, mustPIN(t, "1357")), ErrTaken},
		{"an invitation that is a moderator's", g.Invite(ctx, r, Invitation{ID: "b"}, mustPIN(t, "2468")), ErrTaken},
		{"an invitation that is another", g.Invite(ctx, r, Invitation{ID: "b"}, mustPIN(t, "5555")), ErrTaken},
		{"an ID twice", g.Invite(ctx, r, Invitation{ID: "a"}, mustPIN(t, "6666")), ErrInvalid},
		{"no ID", g.Invite(ctx, r, Invitation{}, mustPIN(t, "6666")), ErrInvalid},
		{"no PIN", g.Invite(ctx, r, Invitation{ID: "b"}, PIN{}), ErrInvalid},
		{"a time that ends before it begins", g.Invite(ctx, r, Invitation{ID: "b", From: time.Unix(2, 0), Until: time.Unix(1, 0)}, mustPIN(t, "6666")), ErrInvalid},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, test.err, test.want)
		}
	}
	if err := g.SetPINs(ctx, r, mustPIN(t, "2468"), mustPIN(t, "1357")); err != nil {
		t.Errorf("exchanging both: %v", err)
	}
}

func TestRestoredRingOpensAsBefore(t *testing.T) {
	g := NewGuard(Config{})
	r := lockedRing(t, g)
	if err := g.Invite(t.Context(), r, Invitation{ID: "a", Name: "Ann"}, mustPIN(t, "5555")); err != nil {
		t.Fatal(err)
	}
	through := func(h Hash) Hash {
		got, err := ParseHash(h.PHC())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	participant, moderator, invitations := r.Kept()
	for i := range invitations {
		invitations[i].Hash = through(invitations[i].Hash)
	}
	again, err := RestoreRing(through(participant), through(moderator), invitations)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(again.recipes()); n != 1 {
		t.Errorf("a check computes %d hashes, want 1", n)
	}
	for pin, want := range map[string]Grant{"1357": {}, "2468": {Moderator: true}, "5555": {Invitation: "a", Name: "Ann"}} {
		if got, err := g.Check(t.Context(), from(1), again, mustPIN(t, pin)); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: got %+v, %v", pin, got, err)
		}
	}
	if _, err := RestoreRing(participant, participant, nil); !errors.Is(err, ErrTaken) {
		t.Errorf("the same twice: %v", err)
	}
}

func TestHashesFromElsewhereAreBounded(t *testing.T) {
	var list []Invitation
	for i := range maxRecipes + 1 {
		h := newTestRing(t).fresh(mustPIN(t, "1234")).hash
		list = append(list, Invitation{ID: fmt.Sprint(i), Hash: h})
	}
	r, err := RestoreRing(list[0].Hash, list[1].Hash, list[2:4])
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.recipes()); n != maxRecipes {
		t.Errorf("%d recipes, want %d", n, maxRecipes)
	}
	if _, err := RestoreRing(list[0].Hash, list[1].Hash, list[2:]); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if _, err := NewRing(Cost{MemoryKiB: 1 << 30, Passes: 1, Lanes: 1}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a terabyte: %v", err)
	}
}

func TestAnInvitationOpensOnceForManyAtOnce(t *testing.T) {
	g := NewGuard(Config{AtOnce: 8})
	r := newTestRing(t)
	if err := g.Invite(t.Context(), r, Invitation{ID: "a"}, mustPIN(t, "5555")); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	opened := 0
	for i := range 8 {
		wg.Go(func() {
			c := from(i)
			c.Room = fmt.Sprint(i)
			if _, err := g.Check(t.Context(), c, r, mustPIN(t, "5555")); err == nil {
				mu.Lock()
				opened++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if opened != 1 {
		t.Errorf("it opens %d times", opened)
	}
}

func TestPINsAreChangedOneByOne(t *testing.T) {
	g := NewGuard(Config{Cost: cheap})
	none, one, two := PIN{}, mustPIN(t, "1357"), mustPIN(t, "9999")
	first, err := g.Rekey(t.Context(), nil, &one, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Invite(t.Context(), first, Invitation{ID: "ann"}, mustPIN(t, "123456")); err != nil {
		t.Fatal(err)
	}
	type state struct{ participant, moderator, some, all bool }
	of := func(r *Ring) (s state) {
		s.participant, s.moderator = r.Has()
		s.some, s.all = r.Asks()
		return s
	}
	opens := func(r *Ring, pin string) bool {
		_, ok := r.open(keysOf(r.recipes(), mustPIN(t, pin)), time.Now())
		return ok
	}
	for _, row := range []struct {
		name                   string
		ring                   *Ring
		participant, moderator *PIN
		want                   state
		err                    error
	}{
		{name: "a moderator's beside the participants'", ring: first, moderator: &two, want: state{true, true, true, true}},
		{name: "the participants' alone is taken away: the invitation is asked for", ring: first, participant: &none, want: state{false, false, true, true}},
		{name: "a moderator's that is the participants'", ring: first, moderator: &one, err: ErrTaken},
		{name: "a moderator's alone asks only who has one", moderator: &two, want: state{false, true, true, false}},
		{name: "nothing at all", want: state{}},
	} {
		next, err := g.Rekey(t.Context(), row.ring, row.participant, row.moderator)
		if !errors.Is(err, row.err) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.err)
		}
		if err == nil && of(next) != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, of(next), row.want)
		}
		if err == nil && row.moderator == &two && (!opens(next, "9999") || opens(next, "0000")) {
			t.Errorf("%s: the moderators' PIN does not open, or another one does", row.name)
		}
	}
	if of(first) != (state{true, false, true, true}) || !opens(first, "1357") || opens(first, "9999") {
		t.Error("the ring that others were made of has changed")
	}
	if of(nil) != (state{}) {
		t.Errorf("no ring: got %+v", of(nil))
	}
}

func TestAnInvitationThatLedNowhereOpensOnceMore(t *testing.T) {
	g := NewGuard(Config{})
	r := newTestRing(t)
	if err := g.Invite(t.Context(), r, Invitation{ID: "ann"}, mustPIN(t, "123456")); err != nil {
		t.Fatal(err)
	}
	open := func() bool { _, ok := r.open(keysOf(r.recipes(), mustPIN(t, "123456")), time.Now()); return ok }
	if !open() || open() {
		t.Fatal("it opens once")
	}
	r.Release("ann")
	if !open() || open() {
		t.Error("after Release it opens once more")
	}
	removed, ok := r.Remove("ann")
	if _, again := r.Remove("ann"); !ok || again || removed.ID != "ann" {
		t.Error("it is there once")
	}
	if err := r.PutBack(removed); err != nil || open() || !r.used("ann").Equal(removed.Used) {
		t.Errorf("put back it is not as it was: %v", err)
	}
	if err := r.PutBack(removed); !errors.Is(err, ErrInvalid) {
		t.Errorf("put back twice: got %v, want ErrInvalid", err)
	}
}

func TestARingComesBackFromItsRecord(t *testing.T) {
	g := NewGuard(Config{Cost: cheap})
	one, two := mustPIN(t, "1357"), mustPIN(t, "2468")
	now := time.Now().Round(0)
	whole, err := g.Rekey(t.Context(), nil, &one, &two)
	if err != nil {
		t.Fatal(err)
	}
	invited, err := g.Rekey(t.Context(), nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Ring{whole, invited} {
		if err := g.Invite(t.Context(), r, Invitation{ID: "ann", Name: "Ann", Moderator: true, From: now, Until: now.Add(time.Hour), Used: now}, mustPIN(t, "123456")); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]*Ring{"all there can be": whole, "an invitation alone": invited, "nothing": newTestRing(t), "no ring": nil} {
		text, err := json.Marshal(r.Record())
		if err != nil {
			t.Fatal(err)
		}
		var rec *Record
		if err := json.Unmarshal(text, &rec); err != nil {
			t.Fatal(err)
		}
		back, err := rec.Ring()
		if err != nil || (back == nil) != (r == nil) {
			t.Fatalf("%s: got %v, %v", name, back, err)
		}
		if diff := cmp.Diff(r.Record(), back.Record()); diff != "" {
			t.Errorf("%s (-kept +back):\n%s", name, diff)
		}
		if r != nil && len(back.recipes()) != 1 && name != "nothing" {
			t.Errorf("%s: new PINs get a salt of their own, %d in all", name, len(back.recipes()))
		}
	}
	for name, rec := range map[string]*Record{
		"a participants' hash":  {Participant: "$argon2id$x"},
		"a moderators' hash":    {Moderator: "1357"},
		"an invitation's":       {Invitations: []InvitationRecord{{ID: "ann"}}},
		"the same for both":     {Participant: whole.Record().Participant, Moderator: whole.Record().Participant},
		"two of the same names": {Invitations: append(whole.Record().Invitations, invited.Record().Invitations...)},
	} {
		if _, err := rec.Ring(); !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrTaken) {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
}

func TestAnInvitationIsClaimedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{})
		invited := func() *Ring {
			r := newTestRing(t)
			if err := g.Invite(t.Context(), r, Invitation{ID: "ann"}, mustPIN(t, "111111")); err != nil {
				t.Fatal(err)
			}
			return r
		}
		opens := func(r *Ring) {
			t.Helper()
			time.Sleep(time.Second)
			if _, err := g.Check(t.Context(), from(1), r, mustPIN(t, "111111")); err != nil {
				t.Fatal(err)
			}
		}
		copied := func(r *Ring) *Ring {
			next, err := g.Rekey(t.Context(), r, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
		r := invited()
		if r.Claim("ann", r) || r.Claim("ann", nil) {
			t.Error("one that has not opened is claimed")
		}
		before := copied(r)
		opens(r)
		after := copied(r)
		for name, to := range map[string]*Ring{"the same ring": r, "a ring made before": before, "a ring made after": after} {
			if !to.Claim("ann", r) || to.used("ann").IsZero() {
				t.Errorf("%s: not claimed", name)
			}
		}
		other := invited()
		opens(other)
		if other.Claim("ann", r) || before.Claim("bob", r) {
			t.Error("one that somebody else has used, or that is not there, is claimed")
		}
	})
}
