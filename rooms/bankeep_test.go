package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeBanKeeper remembers bans, by room and ID.
type fakeBanKeeper struct {
	mu     sync.Mutex
	kept   map[[2]string]Ban
	broken bool // nothing is done
	silent bool // all is done, and nobody is told so
}

func (k *fakeBanKeeper) PutBan(_ context.Context, number string, b Ban) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return errBroken
	}
	k.kept[[2]string{number, b.ID}] = b
	return k.answer()
}

// answer is that of a store that may have timed out.
func (k *fakeBanKeeper) answer() error {
	if k.silent {
		return context.DeadlineExceeded
	}
	return nil
}

func (k *fakeBanKeeper) RemoveBan(_ context.Context, number, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return errBroken
	}
	delete(k.kept, [2]string{number, id})
	return k.answer()
}

func (k *fakeBanKeeper) breakDown(broken bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken = broken
}

// all is what is kept, in no order.
func (k *fakeBanKeeper) all() (all []KeptBan) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for at, b := range k.kept {
		all = append(all, KeptBan{Room: at[0], Ban: b})
	}
	return all
}

// bannedIn is a life of a bridge with that keeper, in which op is done.
func bannedIn(t *testing.T, k *fakeBanKeeper, op func(g *Registry)) {
	t.Helper()
	g := NewRegistry(Config{OnDemand: true})
	if err := g.Restore(t.Context(), Memory{Bans: k.all(), BanKeeper: k}); err != nil {
		t.Fatal(err)
	}
	op(g)
	closeRegistry(t, g)
}

// caller comes into room 1000 from that address.
func callerFrom(t *testing.T, g *Registry, address string) *Participant {
	t.Helper()
	p, err := g.Admit(t.Context(), "1000", Caller{Address: address})
	if err == nil {
		err = p.Join(t.Context(), newFakeLeg(t, pcmu, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// addresses are those that are banned from room 1000.
func addresses(t *testing.T, g *Registry) (all []string) {
	t.Helper()
	bans, err := g.Bans("1000")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bans {
		all = append(all, b.Address)
	}
	return all
}

func TestBansOutliveTheBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeBanKeeper{kept: map[[2]string]Ban{}}
		bannedIn(t, k, func(g *Registry) {
			for _, b := range []struct {
				address string
				length  time.Duration
			}{{"sip:ann@a", time.Hour}, {"sip:bob@a", 2 * time.Hour}, {"sip:cy@a", 2 * time.Hour}} {
				if err := g.Ban(t.Context(), "1000", callerFrom(t, g, b.address).ID(), b.length); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			bans, _ := g.Bans("1000")
			if err := g.Unban(t.Context(), "1000", bans[2].ID); err != nil {
				t.Fatal(err)
			}
		})
		bannedIn(t, k, func(g *Registry) {
			if got := addresses(t, g); !slices.Equal(got, []string{"sip:ann@a", "sip:bob@a"}) {
				t.Errorf("got %v", got)
			}
			if _, err := g.Admit(t.Context(), "1000", Caller{Address: "sip:ann@a"}); !errors.Is(err, ErrBanned) {
				t.Errorf("got %v, want ErrBanned", err)
			}
			callerFrom(t, g, "sip:cy@a").Leave(ReasonHangup)
			time.Sleep(time.Hour)
		})
		bannedIn(t, k, func(g *Registry) {
			if got := addresses(t, g); !slices.Equal(got, []string{"sip:bob@a"}) {
				t.Errorf("an hour later: got %v", got)
			}
			if _, err := g.Create(t.Context(), "1000", Settings{}); err != nil {
				t.Fatal(err)
			}
			if err := g.Delete(t.Context(), "1000", false); err != nil {
				t.Fatal(err)
			}
		})
		for _, b := range k.all() {
			if b.Expires.After(time.Now()) {
				t.Errorf("the ban of %s is kept, the room was deleted", b.Address)
			}
		}
	})
}

func TestABanTakesTheKeptPlaceOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeBanKeeper{kept: map[[2]string]Ban{}}
		bannedIn(t, k, func(g *Registry) {
			first, second := callerFrom(t, g, "sip:ann@a"), callerFrom(t, g, "SIP:Ann@a")
			for _, p := range []*Participant{first, second} {
				if err := g.Ban(t.Context(), "1000", p.ID(), time.Hour); err != nil {
					t.Fatal(err)
				}
			}
		})
		if all := k.all(); len(all) != 1 || all[0].Address != "SIP:Ann@a" {
			t.Errorf("got %+v", all)
		}
	})
}

func TestABanThatOutlivedItsSuccessorByACrashDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeBanKeeper{kept: map[[2]string]Ban{}}
		now := time.Now()
		for i, id := range []string{"older", "newer"} {
			k.kept[[2]string{"1000", id}] = Ban{ID: id, Address: "sip:ann@a", Created: now.Add(time.Duration(i) * time.Second), Expires: now.Add(time.Hour)}
		}
		bannedIn(t, k, func(g *Registry) {
			if err := g.Unban(t.Context(), "1000", "newer"); err != nil {
				t.Fatal(err)
			}
		})
		bannedIn(t, k, func(g *Registry) {
			if got := addresses(t, g); len(got) != 0 {
				t.Errorf("after the next start: got %v, want nobody", got)
			}
		})
	})
}

func TestWhoIsBannedInASideRoomIsKeptOutOfTheRoomThatItIsOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeBanKeeper{kept: map[[2]string]Ban{}}
		bannedIn(t, k, func(g *Registry) {
			host, guest := callerFrom(t, g, "sip:host@a"), callerFrom(t, g, "sip:ann@a")
			side, err := g.OpenSideRoom(t.Context(), "1000", host.ID(), guest.ID())
			if err != nil {
				t.Fatal(err)
			}
			w, err := g.Watch(t.Context(), "1000", nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Ban(t.Context(), side.Number, guest.ID(), time.Hour); err != nil {
				t.Fatal(err)
			}
			if _, err := g.Admit(t.Context(), "1000", Caller{Address: "sip:ann@a"}); !errors.Is(err, ErrBanned) {
				t.Errorf("calls again: got %v, want ErrBanned", err)
			}
			if got := addresses(t, g); !slices.Equal(got, []string{"sip:ann@a"}) {
				t.Errorf("got %v", got)
			}
			soon, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			for e := range eventsOf(soon, t, w, KindBanned) {
				if e.Participant.ID != guest.ID() || e.Ban == nil || e.Ban.Address != "sip:ann@a" {
					t.Errorf("told: got %+v", e)
				}
			}
		})
		if all := k.all(); len(all) != 1 || all[0].Room != "1000" {
			t.Errorf("kept: got %+v, want one of room 1000", all)
		}
	})
}

func TestABanThatCannotBeKeptIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeBanKeeper{kept: map[[2]string]Ban{}}
		bannedIn(t, k, func(g *Registry) {
			k.breakDown(true)
			p := callerFrom(t, g, "sip:ann@a")
			if err := g.Ban(t.Context(), "1000", p.ID(), time.Hour); !errors.Is(err, ErrStorage) {
				t.Errorf("Ban: got %v, want ErrStorage", err)
			}
			if got := addresses(t, g); len(got) != 0 || p.Reason() != ReasonUnspecified {
				t.Errorf("banned %v, left because %v", got, p.Reason())
			}
			k.breakDown(false)
			if err := g.Ban(t.Context(), "1000", p.ID(), time.Hour); err != nil {
				t.Fatal(err)
			}
			bans, _ := g.Bans("1000")
			k.breakDown(true)
			if err := g.Unban(t.Context(), "1000", bans[0].ID); !errors.Is(err, ErrStorage) {
				t.Errorf("Unban: got %v, want ErrStorage", err)
			}
			if got := addresses(t, g); len(got) != 1 {
				t.Errorf("after Unban that failed: got %v", got)
			}
		})
	})
}

// A store that does not answer in time may have written all the same. What has been lifted is not in force again because it was tried twice.
func TestABanWhoseAnswerWasLostDoesNotComeBack(t *testing.T) {
	for name, lose := range map[string]func(k *fakeBanKeeper){
		"it is taken back at once": func(*fakeBanKeeper) {},
		"it is taken back with the next change": func(k *fakeBanKeeper) {
			k.silent, k.broken = false, true // by the time that it is taken back
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &losing{fakeBanKeeper: fakeBanKeeper{kept: map[[2]string]Ban{}, silent: true}, then: lose}
				g := NewRegistry(Config{OnDemand: true})
				if err := g.Restore(t.Context(), Memory{BanKeeper: k}); err != nil {
					t.Fatal(err)
				}
				p := callerFrom(t, g, "sip:ann@a")
				if err := g.Ban(t.Context(), "1000", p.ID(), time.Hour); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want DeadlineExceeded", err)
				}
				k.silent, k.then = false, nil
				k.breakDown(false)
				if err := g.Ban(t.Context(), "1000", p.ID(), time.Hour); err != nil {
					t.Fatal(err)
				}
				bans, _ := g.Bans("1000")
				if err := g.Unban(t.Context(), "1000", bans[0].ID); err != nil {
					t.Fatal(err)
				}
				if all := k.all(); len(all) != 0 {
					t.Errorf("kept is %+v", all)
				}
				closeRegistry(t, g)
			})
		})
	}
}

// losing is a keeper to which something happens behind the first ban that it keeps.
type losing struct {
	fakeBanKeeper
	then func(*fakeBanKeeper)
}

func (l *losing) PutBan(ctx context.Context, number string, b Ban) error {
	err := l.fakeBanKeeper.PutBan(ctx, number, b)
	if l.then != nil {
		l.then(&l.fakeBanKeeper)
	}
	return err
}

func TestBansThatAreNotForgottenAreAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeBanKeeper{kept: map[[2]string]Ban{}}
		bannedIn(t, k, func(g *Registry) {
			if _, err := g.Create(t.Context(), "1000", Settings{}); err != nil {
				t.Fatal(err)
			}
			for _, address := range []string{"sip:ann@a", "sip:bob@a"} {
				if err := g.Ban(t.Context(), "1000", callerFrom(t, g, address).ID(), time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			k.breakDown(true)
			if err := g.Delete(t.Context(), "1000", true); !errors.Is(err, ErrStorage) {
				t.Errorf("got %v, want ErrStorage", err)
			}
			if all := k.all(); len(all) != 2 {
				t.Errorf("kept is %+v, want both: the store did not answer", all)
			}
			k.breakDown(false)
		})
		if all := k.all(); len(all) != 0 {
			t.Errorf("kept is %+v", all)
		}
	})
}

func TestStraysAreBounded(t *testing.T) {
	var b bans
	for i := range maxStrays + 5 {
		b.stray(KeptBan{Ban: Ban{ID: fmt.Sprint(i)}})
	}
	if len(b.strays) != maxStrays || b.strays[0].ID != "5" {
		t.Errorf("%d, the first is %q", len(b.strays), b.strays[0].ID)
	}
}

func TestBansThatCannotBeAreNotPutThere(t *testing.T) {
	g := NewRegistry(Config{})
	later := time.Now().Add(time.Hour)
	kept := []KeptBan{
		{Room: "no number", Ban: Ban{ID: "a", Address: "sip:a", Expires: later}},
		{Room: "1000", Ban: Ban{ID: "b", Expires: later}},
		{Room: "1000", Ban: Ban{Address: "sip:c", Expires: later}},
		{Room: "1000", Ban: Ban{ID: "d", Address: "sip:d", Created: later, Expires: later}},
		{Room: "1000", Ban: Ban{ID: "e", Address: "SIP:D", Expires: later}},
	}
	if err := g.Restore(t.Context(), Memory{Bans: kept}); err != nil {
		t.Fatal(err)
	}
	if bans, err := g.Bans("1000"); err != nil || len(bans) != 1 || bans[0].ID != "d" || g.bans.all != 1 {
		t.Errorf("got %+v, %v, want the newer one of two of one address", bans, err)
	}
}
