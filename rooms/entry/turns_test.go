package entry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
)

func TestARoomsPINsWaitForNoOtherRooms(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		done, err := b.desk.changes.take(b.ctx, "1000")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.desk.Update(b.ctx, "5000", rooms.SettingsPatch{}, PINs{Participant: b.pin("9876")}); err != nil {
			t.Errorf("another room: %v", err)
		}
		ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
		defer cancel()
		if _, err := b.desk.Update(ctx, "1000", rooms.SettingsPatch{}, PINs{Participant: b.pin("9876")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the same room: got %v, want it to wait until the context ends", err)
		}
		changed := make(chan error, 1)
		go func() {
			_, err := b.desk.Update(b.ctx, "1000", rooms.SettingsPatch{}, PINs{Participant: b.pin("9876")})
			changed <- err
		}()
		synctest.Wait()
		select {
		case err := <-changed:
			t.Errorf("two change the PINs of one room at once: %v", err)
		default:
		}
		done()
		if err := <-changed; err != nil {
			t.Error(err)
		}
		if n := len(b.desk.changes.all); n > 0 {
			t.Errorf("%d turns are left", n)
		}
	})
}

// What became of an invitation is not waited for without end: its caller is in the dialogue.
func TestAnInvitationThatCannotBeRememberedInTimeLetsIn(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		_, pin, err := b.desk.Invite(b.ctx, "1000", access.Invitation{Name: "Zoe"}, 8)
		if err != nil {
			t.Fatal(err)
		}
		done, err := b.desk.changes.take(b.ctx, "1000")
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		c := b.dial("1000", rooms.Origin{})
		c.leg.press(pin.Reveal() + "#")
		time.Sleep(keepTime + 5*time.Second)
		if got := b.of(c); got.room != "1000" || got.name != "Zoe" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWhoClosesTheDeskWaitsNoLongerThanWanted(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		b.desk.asked.Add(1) // a dialogue that does not end
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		if err := b.desk.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		b.desk.asked.Done()
		if err := b.desk.Close(b.ctx); err != nil {
			t.Error(err)
		}
	})
}
