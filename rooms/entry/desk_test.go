package entry

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

func TestReachable(t *testing.T) {
	inBubble(t, Config{Numbers: []dialplan.Number{{Dialled: "1", Room: "nowhere"}, {Dialled: "2", Trunk: "carrier"}}}, func(b *bridge) {
		for number, want := range map[string]error{"1000": nil, "9000": nil, "1": rooms.ErrNoRoom, "2": nil, "77": rooms.ErrNoRoom} {
			if err := b.desk.Reachable(number); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", number, err, want)
			}
		}
		b.rooms.Drain()
		for _, number := range []string{"1000", "9000", "2"} {
			if err := b.desk.Reachable(number); !errors.Is(err, rooms.ErrDraining) {
				t.Errorf("%s: got %v, want ErrDraining", number, err)
			}
		}
	})
}

func TestANumberOfATrunkHasItsVoice(t *testing.T) {
	inBubble(t, Config{Numbers: []dialplan.Number{{Dialled: "+49*", Trunk: "carrier", Room: "1000", Voice: "de"}}}, func(b *bridge) {
		c := b.dial("+4930123", rooms.Origin{Trunk: "carrier"})
		c.leg.press("1357#")
		time.Sleep(10 * time.Second)
		if got, want := b.of(c).said, "de:welcome de:enter-pin de:entering"; got != want || c.Room() != "1000" {
			t.Errorf("in room %s was said %q, want %q", c.Room(), got, want)
		}
		if _, err := b.desk.Admit(b.ctx, "+4930123", rooms.Caller{}); !errors.Is(err, rooms.ErrNoRoom) {
			t.Errorf("by no trunk: got %v, want ErrNoRoom", err)
		}
	})
}

func TestAnIdentityStandsForAPINWhereTheRoomSaysSo(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		known := rooms.Origin{Trunk: "carrier", Identity: "sip:ann@example.com"}
		ask := func(from rooms.Origin, number, keys string) outcome {
			t.Helper()
			b.voice.said = nil
			c := b.dial(number, from)
			defer c.Leave(rooms.ReasonHangup)
			c.leg.press(keys)
			time.Sleep(5 * time.Second)
			return b.of(c)
		}
		if got := ask(known, "1000", ""); got.said != asked {
			t.Errorf("where the room does not say so: %+v", got)
		}
		yes := true
		if _, err := b.rooms.Update(b.ctx, "1000", rooms.SettingsPatch{IdentityForPIN: &yes}); err != nil {
			t.Fatal(err)
		}
		if got := ask(known, "1000", ""); got.said != "" || got.room != "1000" || got.role != rooms.RoleSpeaker {
			t.Errorf("known by identity: %+v", got)
		}
		if got := ask(known, "9000", "1000#"); got.said != entrance+" entering" || got.room != "1000" {
			t.Errorf("known by identity, through an entrance: %+v", got)
		}
		if got := ask(rooms.Origin{Trunk: "carrier"}, "1000", ""); got.said != asked {
			t.Errorf("not known: %+v", got)
		}
	})
}

func TestAnInvitationIsGoodOnceAndNames(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		now := time.Now()
		guest, pin, err := b.desk.Invite(b.ctx, "3000", access.Invitation{Name: "Zoe", Until: now.Add(time.Hour), Used: now}, 8)
		if err != nil || len(pin.Reveal()) != 8 || !guest.Used.IsZero() || guest.ID == "" {
			t.Fatalf("got %+v, %v", guest, err)
		}
		host, hostPIN, err := b.desk.Invite(b.ctx, "3000", access.Invitation{Name: "Hal", Moderator: true}, 6)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(digits string) outcome {
			t.Helper()
			b.voice.said = nil
			c := b.dial("3000", rooms.Origin{Source: "192.0.2.9"})
			defer c.Leave(rooms.ReasonHangup)
			c.leg.press(digits + "#")
			time.Sleep(5 * time.Second)
			return b.of(c)
		}
		locked, unlocked := true, false
		if _, err := b.rooms.Update(b.ctx, "3000", rooms.SettingsPatch{Locked: &locked}); err != nil {
			t.Fatal(err)
		}
		if got := ask(pin.Reveal()); got.said != asked+" conference-locked"+bye {
			t.Errorf("into a locked room: %+v", got)
		}
		if _, err := b.rooms.Update(b.ctx, "3000", rooms.SettingsPatch{Locked: &unlocked}); err != nil {
			t.Fatal(err)
		}
		if got, want := ask(pin.Reveal()), (outcome{room: "3000", name: "Zoe", said: asked + " entering"}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got := ask(pin.Reveal()); got.said != asked+" wrong-pin" {
			t.Errorf("the second time: %+v", got)
		}
		if got, want := ask(hostPIN.Reveal()), (outcome{room: "3000", role: rooms.RoleModerator, name: "Hal", said: asked + " entering"}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		all, err := b.desk.Invitations(b.ctx, "3000")
		if err != nil || len(all) != 2 || all[0].Used.IsZero() || all[1].Used.IsZero() {
			t.Errorf("got %+v, %v", all, err)
		}
		for _, id := range []string{guest.ID, host.ID} {
			if err := b.desk.Withdraw(b.ctx, "3000", id); err != nil {
				t.Error(err)
			}
		}
		for _, number := range []string{"3000", "2000"} {
			if err := b.desk.Withdraw(b.ctx, number, guest.ID); !errors.Is(err, ErrNoInvitation) {
				t.Errorf("room %s: got %v, want ErrNoInvitation", number, err)
			}
		}
		if _, _, err := b.desk.Invite(b.ctx, "3000", access.Invitation{}, 3); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("a PIN of three digits: got %v", err)
		}
		if _, _, err := b.desk.Invite(b.ctx, "77", access.Invitation{}, 6); !errors.Is(err, rooms.ErrNoRoom) {
			t.Errorf("to no room: got %v", err)
		}
	})
}

func TestPINsChangeAtOnceAndInvitationsStay(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		if _, _, err := b.desk.Invite(b.ctx, "1000", access.Invitation{Name: "Zoe"}, 8); err != nil {
			t.Fatal(err)
		}
		name := "Board"
		info, err := b.desk.Update(b.ctx, "1000", rooms.SettingsPatch{DisplayName: &name}, PINs{Participant: b.pin("9876")})
		if err != nil || info.DisplayName != name || !info.HasPIN || !info.HasModeratorPIN {
			t.Errorf("got %+v, %v", info, err)
		}
		if _, err := b.desk.Update(b.ctx, "1000", rooms.SettingsPatch{}, PINs{Participant: b.pin("2468")}); !errors.Is(err, access.ErrTaken) {
			t.Errorf("the moderators' PIN for participants: got %v, want ErrTaken", err)
		}
		long, other := strings.Repeat("x", 1000), b.pin("5555")
		if _, err := b.desk.Update(b.ctx, "1000", rooms.SettingsPatch{DisplayName: &long}, PINs{Participant: other}); !errors.Is(err, rooms.ErrInvalid) {
			t.Errorf("a name that is too long: got %v", err)
		}
		c := b.dial("1000", rooms.Origin{})
		c.leg.press("9876#")
		time.Sleep(5 * time.Second)
		if got := b.of(c).room; got != "1000" {
			t.Errorf("by the new PIN into %q", got)
		}
		if all, err := b.desk.Invitations(b.ctx, "1000"); err != nil || len(all) != 1 {
			t.Errorf("got %+v, %v", all, err)
		}
		info, err = b.desk.Update(b.ctx, "2000", rooms.SettingsPatch{}, PINs{Moderator: &access.PIN{}})
		if err != nil || info.HasModeratorPIN {
			t.Errorf("taken away: %+v, %v", info, err)
		}
	})
}

// TestADiallerGetsFewTries calls with three PINs each, as a dialler would, and looks at how many of them were looked at. With CONFBRIDGE_LONG there are
// 10,000 calls.
func TestADiallerGetsFewTries(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		n, in, calls := 0, 0, 400
		if os.Getenv("CONFBRIDGE_LONG") != "" {
			calls = 10000
		}
		for range calls {
			c := b.dial("1000", rooms.Origin{Source: "192.0.2.66", Trunk: "carrier"})
			for range 3 {
				for n = (n + 1) % 10000; n == 1357 || n == 2468; n++ { // the bad luck is not the point
				}
				c.leg.press(fmt.Sprintf("%04d#", n))
				time.Sleep(1500 * time.Millisecond)
			}
			time.Sleep(3 * time.Second)
			if c.Room() == "1000" {
				in++
			}
			c.Leave(rooms.ReasonHangup)
		}
		if got := b.desk.metrics.wrongPINs.Load(); got > 20 || got < 5 || in != 0 {
			t.Errorf("%d PINs were looked at, want 20 at most; %d calls came in", got, in)
		} else {
			t.Logf("%d PINs were looked at", got)
		}
		b.voice.said = nil
		c := b.dial("1000", rooms.Origin{Source: "192.0.2.66", Trunk: "carrier"})
		c.leg.press("1357#")
		time.Sleep(10 * time.Second)
		if got, want := b.of(c), (outcome{why: rooms.ReasonLockedOut, said: asked + " locked-out"}); got != want {
			t.Errorf("the dialler: got %+v, want %+v", got, want)
		}
		b.voice.said = nil
		honest := b.dial("1000", rooms.Origin{Source: "198.51.100.1", Trunk: "carrier"})
		honest.leg.press("1357#")
		time.Sleep(10 * time.Second)
		if got := b.of(honest); got.room != "1000" {
			t.Errorf("an honest caller: got %+v", got)
		}
	})
}

func TestTheLogHasNoPIN(t *testing.T) {
	var log bytes.Buffer
	inBubble(t, Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, func(b *bridge) {
		for range 3 {
			c := b.dial("9000", rooms.Origin{Source: "192.0.2.1"})
			c.leg.press("1000#")
			for _, pin := range []string{"80808080#", "80808081#", "1357#"} {
				time.Sleep(5 * time.Second)
				c.leg.press(pin)
			}
			time.Sleep(10 * time.Second)
			c.Leave(rooms.ReasonHangup)
		}
	})
	if log.Len() == 0 || !strings.Contains(log.String(), "wrong PIN") || !strings.Contains(log.String(), "locked out") {
		t.Errorf("the log does not tell of wrong PINs and of who is locked out:\n%s", &log)
	}
	for _, secret := range []string{"8080808", "1357"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %s:\n%s", secret, &log)
		}
	}
}

func TestWithoutSoundsThereAreTones(t *testing.T) {
	var s tones
	heard := map[string]string{}
	for _, name := range Prompts() {
		c := s.Prompt("", name)
		if c != s.Prompt("de", name) || c.Duration() < 200*time.Millisecond || c.Duration() > time.Second {
			t.Errorf("%s: %v", name, c.Duration())
		}
		if other, same := heard[fmt.Sprint(c.PCM)]; same {
			t.Errorf("%s sounds like %s", name, other)
		}
		heard[fmt.Sprint(c.PCM)] = name
	}
}
