package entry

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

func TestAPINThatIsChangedWhileItIsDialledOpensNothing(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		old, now := b.dial("1000", rooms.Origin{}), b.dial("1000", rooms.Origin{})
		old.leg.press("135")
		now.leg.press("987")
		time.Sleep(time.Second)
		if _, err := b.desk.Update(b.ctx, "1000", rooms.SettingsPatch{}, PINs{Participant: b.pin("9876")}); err != nil {
			t.Fatal(err)
		}
		old.leg.press("7#")
		now.leg.press("6#")
		time.Sleep(5 * time.Second)
		if got := b.of(old).room; got == "1000" {
			t.Error("the old PIN has opened")
		}
		if got := b.of(now).room; got != "1000" {
			t.Errorf("by the new PIN into %q", got)
		}
	})
}

func TestAPINThatIsTakenAwayWhileItIsDialledIsAskedForNoLonger(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		c := b.dial("5000", rooms.Origin{})
		time.Sleep(time.Second)
		if _, err := b.desk.Update(b.ctx, "5000", rooms.SettingsPatch{}, PINs{Participant: &access.PIN{}}); err != nil {
			t.Fatal(err)
		}
		c.leg.press("1111#")
		time.Sleep(5 * time.Second)
		if got := b.of(c); got.room != "5000" || got.role != rooms.RoleSpeaker {
			t.Errorf("got %+v", got)
		}
	})
}

// A change of PINs makes a new ring, and a caller may have been let in by the old one.
func TestAGrantIsGoodInTheRingThatTheRoomHas(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		guest, pin, err := b.desk.Invite(b.ctx, "1000", access.Invitation{Name: "Zoe"}, 8)
		if err != nil {
			t.Fatal(err)
		}
		d := &dialogue{desk: b.desk, room: "1000", log: b.desk.cfg.Log}
		ring := func() *access.Ring {
			r, err := d.ring(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		old := ring()
		if err := d.stands(b.ctx, old, access.Grant{}); err != nil {
			t.Errorf("a PIN, nothing has changed: %v", err)
		}
		if _, err := b.desk.Update(b.ctx, "1000", rooms.SettingsPatch{}, PINs{Moderator: b.pin("8642")}); err != nil {
			t.Fatal(err)
		}
		if err := d.stands(b.ctx, old, access.Grant{}); !errors.Is(err, access.ErrWrongPIN) {
			t.Errorf("a PIN of a ring that was: got %v, want ErrWrongPIN", err)
		}
		if _, err := d.check(b.ctx, old, pin.Reveal()); err != nil {
			t.Errorf("the first who is invited: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := d.check(b.ctx, ring(), pin.Reveal()); !errors.Is(err, access.ErrWrongPIN) {
			t.Errorf("the second: got %v, want ErrWrongPIN", err)
		}
		if err := b.desk.release(b.ctx, "1000", guest.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := d.check(b.ctx, ring(), pin.Reveal()); err != nil {
			t.Errorf("once it is given back: %v", err)
		}
	})
}

// failing forgets everything, and keeps nothing while it is broken.
type failing struct{ broken bool }

var errBroken = errors.New("the disk is gone")

func (f *failing) failed() error {
	if f.broken {
		return errBroken
	}
	return nil
}

func (f *failing) Put(context.Context, rooms.Kept) error                   { return f.failed() }
func (f *failing) Remove(context.Context, string) error                    { return f.failed() }
func (f *failing) Tell(context.Context, []rooms.Event, []rooms.Mark) error { return nil }
func (f *failing) Recall(context.Context, string, uint64, int) (rooms.Past, error) {
	return rooms.Past{}, nil
}

func TestInvitationsThatCannotBeKeptChangeNothing(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		disk := &failing{}
		if err := b.rooms.Restore(b.ctx, rooms.Memory{Keeper: disk}); err != nil {
			t.Fatal(err)
		}
		guest, pin, err := b.desk.Invite(b.ctx, "1000", access.Invitation{Name: "Zoe"}, 8)
		if err != nil {
			t.Fatal(err)
		}
		disk.broken = true
		for _, number := range []string{"1000", "3000"} {
			if _, _, err := b.desk.Invite(b.ctx, number, access.Invitation{Name: "Hal"}, 8); !errors.Is(err, rooms.ErrStorage) {
				t.Errorf("invite to %s: got %v, want ErrStorage", number, err)
			}
		}
		if err := b.desk.Withdraw(b.ctx, "1000", guest.ID); !errors.Is(err, rooms.ErrStorage) {
			t.Errorf("withdraw: got %v, want ErrStorage", err)
		}
		for number, want := range map[string]int{"1000": 1, "3000": 0} {
			if all, err := b.desk.Invitations(b.ctx, number); err != nil || len(all) != want {
				t.Errorf("%s has %+v, %v; want %d", number, all, err, want)
			}
		}
		c := b.dial("1000", rooms.Origin{})
		c.leg.press(pin.Reveal() + "#")
		time.Sleep(5 * time.Second)
		if got := b.of(c); got.room != "1000" || got.name != "Zoe" {
			t.Errorf("by the invitation that could not be withdrawn: got %+v", got)
		}
	})
}

// keeping is a failing that remembers whose invitations a room has, and of a number of changes tells nobody that they are kept.
type keeping struct {
	failing
	silent int
	names  map[string][]string
}

func (k *keeping) Put(_ context.Context, room rooms.Kept) error {
	k.names[room.Number] = nil
	if room.PINs != nil {
		_, _, all := room.PINs.Kept()
		for _, i := range all {
			k.names[room.Number] = append(k.names[room.Number], i.Name)
		}
	}
	if k.silent > 0 {
		k.silent--
		return context.DeadlineExceeded
	}
	return nil
}

// A ring changes within: what the store has of it would be in force at the next start, and not what has been answered.
func TestInvitationsThatTheStoreDidNotAnswerForAreTakenBack(t *testing.T) {
	for after, silent := range map[string]int{"at once": 1, "with the next change": 2} {
		t.Run(after, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bridge) {
				disk := &keeping{names: map[string][]string{}}
				if err := b.rooms.Restore(b.ctx, rooms.Memory{Keeper: disk}); err != nil {
					t.Fatal(err)
				}
				guest, _, err := b.desk.Invite(b.ctx, "1000", access.Invitation{Name: "Zoe"}, 8)
				if err != nil {
					t.Fatal(err)
				}
				for what, change := range map[string]func() error{
					"invite":   func() error { _, _, err := b.desk.Invite(b.ctx, "1000", access.Invitation{Name: "Hal"}, 8); return err },
					"withdraw": func() error { return b.desk.Withdraw(b.ctx, "1000", guest.ID) },
				} {
					disk.silent = silent
					if err := change(); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: got %v, want DeadlineExceeded", what, err)
					}
					if silent > 1 {
						name := what
						if _, err := b.rooms.Update(b.ctx, "3000", rooms.SettingsPatch{DisplayName: &name}); err != nil {
							t.Fatal(err)
						}
					}
					if got := disk.names["1000"]; !slices.Equal(got, []string{"Zoe"}) {
						t.Errorf("%s: kept are invitations of %v, want Zoe's", what, got)
					}
				}
			})
		})
	}
}

func TestARoomThatHasEndedIsNoHangUp(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		p, err := b.rooms.AdmitToReception(b.ctx, rooms.Caller{})
		if err != nil {
			t.Fatal(err)
		}
		d := &dialogue{desk: b.desk, p: p}
		if d.isCutOff(b.ctx, rooms.ErrClosed) || d.isCutOff(b.ctx, rooms.ErrStorage) || !d.isCutOff(b.ctx, rooms.ErrNoParticipant) {
			t.Error("who is there still has hung up, or who is gone has not")
		}
		p.Leave(rooms.ReasonHangup)
		if !d.isCutOff(b.ctx, rooms.ErrClosed) {
			t.Error("who has left has not hung up")
		}
	})
}

func TestADamagedRoomIsNoOpenOne(t *testing.T) {
	inBubbleOf(t, Config{Numbers: []dialplan.Number{{Dialled: "7", Room: "7000"}}}, rooms.Config{OnDemand: true}, func(b *bridge) {
		if err := b.rooms.Restore(b.ctx, rooms.Memory{Blocked: []string{"7000"}}); err != nil {
			t.Fatal(err)
		}
		if err := b.desk.Reachable("7000"); !errors.Is(err, rooms.ErrStorage) {
			t.Errorf("reachable: got %v, want ErrStorage", err)
		}
		for _, number := range []string{"7", "7000"} {
			if _, err := b.desk.Admit(b.ctx, number, rooms.Caller{}); !errors.Is(err, rooms.ErrStorage) {
				t.Errorf("admit to %s: got %v, want ErrStorage", number, err)
			}
		}
		c := b.dial("9000", rooms.Origin{})
		c.leg.press("7000#")
		time.Sleep(2 * time.Minute)
		if got := b.of(c); got.why == rooms.ReasonUnspecified {
			t.Errorf("by the entrance: got %+v", got)
		}
		if _, err := b.desk.Create(b.ctx, "7000", rooms.Settings{}, PINs{Participant: b.pin("1357")}); err != nil {
			t.Fatal(err)
		}
		again := b.dial("7", rooms.Origin{})
		again.leg.press("1357#")
		time.Sleep(10 * time.Second)
		if got := b.of(again).room; got != "7000" {
			t.Errorf("made anew: in room %q", got)
		}
	})
}
