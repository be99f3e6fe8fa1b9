package rooms

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestEverybodyWaitsForTheHost(t *testing.T) {
	atMeeting(t, Modes{WaitForHost: true}, func(m *meeting) {
		m.comes("ann")
		m.comes("bob")
		m.tells("ann joins", "ann waits for the host", "bob joins", "bob waits for the host")
		m.comes("EVE")
		m.tells("EVE joins", "EVE arrives as host", "ann is let in", "bob is let in")
		m.comes("cy")
		m.tells("cy joins")
		m.goes("EVE")
		m.tells("EVE leaves: caller hung up", "EVE was the last host")
		m.comes("dee")
		m.tells("dee joins", "dee waits for the host")
		m.patch("cy", ParticipantPatch{Role: ptr(RoleModerator)})
		m.tells("cy is changed", "cy arrives as host", "dee is let in")
		m.patch("cy", ParticipantPatch{Role: ptr(RoleSpeaker)})
		m.tells("cy is changed", "cy was the last host") // who is inside stays
		m.set(ModesPatch{Lecture: ptr(true)})
		m.events()
		m.set(ModesPatch{WaitForHost: ptr(false)})
		m.comes("eli")
		m.tells("settings", "eli joins, muted by the lecture")
		m.set(ModesPatch{WaitForHost: ptr(true), Lecture: ptr(false)})
		m.tells("settings", "ann is unmuted", "ann waits for the host", "bob is unmuted", "bob waits for the host", "cy is unmuted", "cy waits for the host",
			"dee is unmuted", "dee waits for the host", "eli is unmuted", "eli waits for the host")
		m.patch("eli", ParticipantPatch{Role: ptr(RoleModerator)})
		m.tells("eli is changed", "eli is let in", "eli arrives as host", "ann is let in", "bob is let in", "cy is let in", "dee is let in")
	})
}

func TestTheLobbyIsLeftByWhoIsLetIn(t *testing.T) {
	atMeeting(t, Modes{Lobby: true, WaitForHost: true}, func(m *meeting) {
		m.comes("ann")
		m.comes("bob")
		m.comes("cy")
		m.tells("ann joins", "ann in the lobby", "bob joins", "bob in the lobby", "cy joins", "cy in the lobby")
		m.do(m.g.LetIn(m.ctx, "1000", m.id("ann"))) // there is no host yet
		m.tells("ann waits for the host")
		m.comes("EVE")
		m.tells("EVE joins", "EVE arrives as host", "ann is let in")
		if n, err := m.g.LetAllIn(m.ctx, "1000"); n != 2 || err != nil {
			m.Errorf("LetAllIn: got %d, %v, want 2", n, err)
		}
		m.tells("bob is let in", "cy is let in")
		if _, err := m.g.LetIn(m.ctx, "1000", m.id("ann")); !errors.Is(err, ErrNotWaiting) {
			m.Errorf("LetIn of one inside: got %v, want ErrNotWaiting", err)
		}
		m.comes("dee")
		m.comes("eli")
		m.do(nil, m.g.Remove(m.ctx, "1000", m.id("dee")))
		m.tells("dee joins", "dee in the lobby", "eli joins", "eli in the lobby", "dee leaves: removed by moderator")
		m.patch("eli", ParticipantPatch{Role: ptr(RoleModerator)})
		m.tells("eli is changed", "eli is let in")
		m.comes("fay")
		m.set(ModesPatch{Lobby: ptr(false)})
		m.tells("fay joins", "fay in the lobby", "settings", "fay is let in")
	})
}

func TestWhoWaitsForAHostIsLetInAlone(t *testing.T) {
	atMeeting(t, Modes{WaitForHost: true}, func(m *meeting) {
		m.comes("ann")
		m.comes("bob")
		m.do(m.g.LetIn(m.ctx, "1000", m.id("ann")))
		m.tells("ann joins", "ann waits for the host", "bob joins", "bob waits for the host", "ann is let in")
	})
}

func TestAConferenceEndsWithoutAHost(t *testing.T) {
	modes := Modes{EndWithoutHost: true, HostGrace: 10 * time.Second}
	atMeeting(t, modes, func(m *meeting) {
		m.comes("ann")
		time.Sleep(20 * time.Second) // no host has been there yet
		m.comes("EVE")
		m.goes("EVE")
		time.Sleep(9 * time.Second)
		m.comes("GUS")
		m.tells("ann joins", "EVE joins", "EVE arrives as host", "EVE leaves: caller hung up", "EVE was the last host",
			"GUS joins", "GUS arrives as host")
		time.Sleep(20 * time.Second)
		m.goes("GUS")
		m.events()
		time.Sleep(11 * time.Second)
		m.tells("ann leaves: no moderator left", "ends: no moderator left")
		m.comes("ann")
		m.comes("EVE")
		m.goes("EVE")
		m.events()
		m.set(ModesPatch{EndWithoutHost: ptr(false)})
		time.Sleep(time.Minute)
		m.tells("settings") // it goes on
		m.set(ModesPatch{EndWithoutHost: ptr(true)})
		time.Sleep(time.Second)
		m.tells("settings", "ann leaves: no moderator left", "ends: no moderator left")
		time.Sleep(time.Minute)
		m.tells()
	})
}

func TestALectureIsHeldByWhoHasTheFloor(t *testing.T) {
	atMeeting(t, Modes{}, func(m *meeting) {
		for _, name := range []string{"EVE", "ann", "bob", "cy", "dee"} {
			m.comes(name)
		}
		m.patch("dee", ParticipantPatch{Role: ptr(RoleListener)})
		m.do(nil, m.people["cy"].ToggleSelfMute(m.ctx))
		m.events()
		m.set(ModesPatch{Lecture: ptr(true), AllowSelfUnmute: ptr(true)})
		m.tells("settings", "ann is muted by the lecture", "bob is muted by the lecture", "cy is changed", "dee is muted by the lecture")
		for _, name := range []string{"bob", "ann", "cy", "bob"} {
			m.do(m.g.RaiseHand(m.ctx, "1000", m.id(name)))
		}
		m.tells("bob raises a hand, number 1", "ann raises a hand, number 2", "cy raises a hand, number 3")
		if _, err := m.g.RaiseHand(m.ctx, "1000", m.id("dee")); !errors.Is(err, ErrNotAllowed) {
			m.Errorf("a listener raises a hand: got %v, want ErrNotAllowed", err)
		}
		if err := m.people["ann"].ToggleSelfMute(m.ctx); !errors.Is(err, ErrNotAllowed) {
			m.Errorf("unmutes itself in a lecture: got %v, want ErrNotAllowed", err)
		}
		m.do(m.g.NextHand(m.ctx, "1000"))
		m.tells("ann may not unmute", "bob lowers the hand", "bob has the floor", "bob is unmuted")
		if info, err := m.g.Participant(m.ctx, "1000", m.id("cy")); err != nil || info.HandPosition != 2 || info.HasFloor {
			m.Errorf("cy: got number %d, floor %v, %v; want 2, no floor", info.HandPosition, info.HasFloor, err)
		}
		m.do(m.g.NextHand(m.ctx, "1000"))
		m.tells("bob gives the floor back", "bob is muted by the lecture", "ann lowers the hand", "ann has the floor", "ann is unmuted")
		m.do(m.g.NextHand(m.ctx, "1000")) // cy has muted itself, and stays so until it says otherwise
		m.tells("ann gives the floor back", "ann is muted by the lecture", "cy lowers the hand", "cy has the floor", "cy is changed")
		m.do(nil, m.people["cy"].ToggleSelfMute(m.ctx))
		m.tells("cy is unmuted")
		m.do(m.g.YieldFloor(m.ctx, "1000", m.id("cy")))
		m.tells("cy gives the floor back", "cy is muted by the lecture")
		if _, err := m.g.YieldFloor(m.ctx, "1000", m.id("cy")); !errors.Is(err, ErrNoFloor) {
			m.Errorf("YieldFloor twice: got %v, want ErrNoFloor", err)
		}
		m.patch("ann", ParticipantPatch{Muted: ptr(false)})
		m.tells("ann has the floor", "ann is unmuted")
		m.patch("ann", ParticipantPatch{Muted: ptr(true)})
		m.tells("ann gives the floor back", "ann is muted by a moderator")
		m.patch("dee", ParticipantPatch{Muted: ptr(false)}) // a listener has no use for the floor
		m.tells()
		m.do(m.g.RaiseHand(m.ctx, "1000", m.id("bob")))
		m.do(m.g.LowerHand(m.ctx, "1000", m.id("bob")))
		if info, err := m.g.NextHand(m.ctx, "1000"); info.ID != "" || err != nil {
			m.Errorf("NextHand without hands: got %q, %v, want nobody", info.ID, err)
		}
		m.tells("bob raises a hand, number 1", "bob lowers the hand")
		m.set(ModesPatch{Lecture: ptr(false)})
		m.tells("settings", "bob is unmuted", "cy is unmuted", "dee is unmuted")
	})
}

func TestHandAndFloorGoWithWhoLeaves(t *testing.T) {
	atMeeting(t, Modes{Lecture: true}, func(m *meeting) {
		for _, name := range []string{"ann", "bob", "cy"} {
			m.comes(name)
			m.do(m.g.RaiseHand(m.ctx, "1000", m.id(name)))
		}
		m.do(m.g.NextHand(m.ctx, "1000"))
		m.events()
		m.goes("ann")
		m.tells("ann gives the floor back", "ann leaves: caller hung up")
		m.goes("bob")
		m.tells("bob lowers the hand", "bob leaves: caller hung up")
		m.do(m.g.NextHand(m.ctx, "1000"))
		m.patch("cy", ParticipantPatch{Role: ptr(RoleListener)})
		m.tells("cy lowers the hand", "cy has the floor", "cy is unmuted", "cy is changed", "cy gives the floor back", "cy is muted by the lecture")
	})
}

func TestAllAreMutedButModerators(t *testing.T) {
	for _, self := range []bool{true, false} {
		t.Run(fmt.Sprintf("unmute themselves %v", self), func(t *testing.T) {
			atMeeting(t, Modes{AllowSelfUnmute: !self}, func(m *meeting) { // the call counts, not the setting
				for _, name := range []string{"EVE", "ann", "bob"} {
					m.comes(name)
				}
				m.do(nil, m.people["bob"].ToggleSelfMute(m.ctx))
				m.events()
				if n, err := m.g.MuteAll(m.ctx, "1000", self); n != 2 || err != nil {
					m.Errorf("MuteAll: got %d, %v, want 2", n, err)
				}
				m.tells("all muted", "ann is muted by a moderator", "bob is changed")
				m.comes("cy")
				m.tells("cy joins") // who comes later is not muted by it
				err := m.people["ann"].ToggleSelfMute(m.ctx)
				if self {
					m.do(nil, err)
					m.tells("ann is unmuted")
				} else {
					if !errors.Is(err, ErrNotAllowed) {
						m.Errorf("got %v, want ErrNotAllowed", err)
					}
					m.tells("ann may not unmute")
				}
				if n, err := m.g.UnmuteAll(m.ctx, "1000"); n == 0 || err != nil {
					m.Errorf("UnmuteAll: got %d, %v, want some", n, err)
				}
				if self {
					m.tells("all unmuted", "bob is changed") // it has muted itself
				} else {
					m.tells("all unmuted", "ann is unmuted", "bob is changed")
				}
				m.do(nil, m.people["bob"].ToggleSelfMute(m.ctx))
				m.tells("bob is unmuted")
			})
		})
	}
}

func TestWhoIsMutedOnEntryMayBeAllowedToUnmute(t *testing.T) {
	atMeeting(t, Modes{MuteOnEntry: true}, func(m *meeting) {
		m.comes("EVE")
		m.comes("ann")
		if err := m.people["ann"].ToggleSelfMute(m.ctx); !errors.Is(err, ErrNotAllowed) {
			m.Errorf("got %v, want ErrNotAllowed", err)
		}
		m.set(ModesPatch{AllowSelfUnmute: ptr(true)})
		m.do(nil, m.people["ann"].ToggleSelfMute(m.ctx))
		m.tells("EVE joins", "EVE arrives as host", "ann joins, muted by a moderator", "ann may not unmute", "settings", "ann is unmuted")
		m.patch("EVE", ParticipantPatch{Muted: ptr(true)})
		m.set(ModesPatch{AllowSelfUnmute: ptr(false)})
		m.do(nil, m.people["EVE"].ToggleSelfMute(m.ctx)) // a moderator always may
		m.tells("EVE is muted by a moderator", "settings", "EVE is unmuted")
	})
}

func TestSomeSeatsAreForHosts(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{MaxParticipants: 4, Modes: Modes{ReservedForHosts: 2}}); err != nil {
			t.Fatal(err)
		}
		enter := func(role Role, want error) *Participant {
			t.Helper()
			p, err := g.Admit(ctx, "1000", Caller{Role: role})
			if !errors.Is(err, want) {
				t.Fatalf("role %d: got %v, want %v", role, err, want)
			}
			return p
		}
		first := enter(RoleSpeaker, nil)
		if err := first.Join(ctx, newFakeLeg(t, pcmu, 0)); err != nil {
			t.Fatal(err)
		}
		second := enter(RoleListener, nil) // has not joined yet, but has its seat
		enter(RoleSpeaker, ErrFull)
		host := enter(RoleModerator, nil)
		enter(RoleSpeaker, ErrFull)
		if _, err := g.UpdateParticipant(ctx, "1000", first.ID(), ParticipantPatch{Role: ptr(RoleModerator)}); err != nil {
			t.Fatal(err)
		}
		third := enter(RoleSpeaker, nil)
		enter(RoleModerator, ErrFull)
		for _, p := range []*Participant{first, second, host, third} {
			p.Leave(ReasonHangup)
		}
	})
}

func TestTheEndIsWarnedOf(t *testing.T) {
	atMeeting(t, Modes{}, func(m *meeting) {
		warn := []time.Duration{5 * time.Second, 50 * time.Second, 2 * time.Hour}
		m.do(m.g.Update(m.ctx, "1000", SettingsPatch{MaxDuration: ptr(time.Minute), ModesPatch: ModesPatch{WarnBefore: &warn}}))
		m.comes("ann")
		time.Sleep(9 * time.Second)
		m.tells("settings", "ann joins")
		time.Sleep(2 * time.Second)
		m.tells("ends in 50s")
		time.Sleep(45 * time.Second)
		m.tells("ends in 5s")
		m.do(m.g.Update(m.ctx, "1000", SettingsPatch{MaxDuration: ptr(2 * time.Minute)}))
		time.Sleep(65 * time.Second)
		m.tells("settings", "ends in 50s", "ends in 5s", "ann leaves: maximum duration reached", "ends: maximum duration reached")
		time.Sleep(3 * time.Hour)
		m.tells()
	})
}

func TestWhoIsBannedStaysOutForAWhile(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		enter := func(number, address string) (*Participant, error) {
			p, err := g.Admit(ctx, number, Caller{DisplayName: "Ann", Address: address})
			if err == nil {
				err = p.Join(ctx, newFakeLeg(t, pcmu, 0))
			}
			return p, err
		}
		p, err := enter("1000", "sip:ann@192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		for _, length := range []time.Duration{0, -1, MaxBanTime + 1} {
			if err := g.Ban(ctx, "1000", p.ID(), length); !errors.Is(err, ErrInvalid) {
				t.Errorf("ban for %v: got %v, want ErrInvalid", length, err)
			}
		}
		if err := g.Ban(ctx, "1000", p.ID(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if <-p.Left(); p.Reason() != ReasonRemoved {
			t.Errorf("left because %v, want %v", p.Reason(), ReasonRemoved)
		}
		time.Sleep(time.Minute) // the room is gone, the ban is not
		if _, err := enter("1000", "SIP:ANN@192.0.2.1"); !errors.Is(err, ErrBanned) {
			t.Errorf("got %v, want ErrBanned", err)
		}
		other, err := enter("1001", "sip:ann@192.0.2.1")
		if err != nil {
			t.Fatalf("another room: %v", err)
		}
		if _, err := g.Move(ctx, "1001", other.ID(), "1000"); !errors.Is(err, ErrBanned) {
			t.Errorf("Move: got %v, want ErrBanned", err)
		}
		other.Leave(ReasonHangup)
		bans, err := g.Bans("1000")
		if err != nil || len(bans) != 1 || bans[0].Address != "sip:ann@192.0.2.1" || bans[0].DisplayName != "Ann" {
			t.Fatalf("got %+v, %v", bans, err)
		}
		if err := g.Unban(ctx, "1000", bans[0].ID); err != nil {
			t.Fatal(err)
		}
		if err := g.Unban(ctx, "1000", bans[0].ID); !errors.Is(err, ErrNoBan) {
			t.Errorf("Unban twice: got %v, want ErrNoBan", err)
		}
		p, err = enter("1000", "sip:ann@192.0.2.1")
		if err != nil {
			t.Fatalf("after Unban: %v", err)
		}
		if err := g.Ban(ctx, "1000", p.ID(), time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		p, err = enter("1000", "sip:ann@192.0.2.1")
		if err != nil {
			t.Fatalf("after an hour: %v", err)
		}
		if bans, err := g.Bans("1000"); len(bans) != 0 || err != nil {
			t.Errorf("after an hour: got %v, %v", bans, err)
		}
		p.Leave(ReasonHangup)
	})
}

func TestBansAreBounded(t *testing.T) {
	var b bans
	now := time.Now()
	ban := func(i int) Ban {
		return Ban{ID: fmt.Sprint(i), Address: fmt.Sprintf("sip:%d@192.0.2.1", i), Expires: now.Add(time.Hour)}
	}
	add := func(number string, ban Ban, now time.Time) bool {
		_, ok := b.add(number, ban, now)
		return ok
	}
	for i := range maxBans {
		if !add("1000", ban(i), now) {
			t.Fatalf("ban %d is refused", i)
		}
	}
	if add("1000", ban(maxBans), now) {
		t.Errorf("more than %d bans of one room", maxBans)
	}
	if !add("1000", ban(0), now) || len(b.list("1000", now)) != maxBans {
		t.Error("a ban cannot be made anew")
	}
	for number := 1001; b.all < maxAllBans; number++ {
		for i := range maxBans {
			if !add(fmt.Sprint(number), ban(i), now) {
				t.Fatalf("ban %d is refused", b.all)
			}
		}
	}
	if add("1", ban(0), now) {
		t.Errorf("more than %d bans", maxAllBans)
	}
	if !add("1", Ban{ID: "x", Address: "sip:x", Expires: now.Add(2 * time.Hour)}, now.Add(time.Hour)) || b.all != 1 || len(b.of) != 1 {
		t.Errorf("what is over is kept: %d bans of %d rooms", b.all, len(b.of))
	}
	if got := b.forget("1"); len(got) != 1 || got[0].ID != "x" {
		t.Errorf("forgotten: got %v", got)
	}
	if b.all != 0 || len(b.of) != 0 {
		t.Errorf("%d bans of %d rooms are left", b.all, len(b.of))
	}
}

func TestModesAreChecked(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{}); err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string]ModesPatch{
			"a grace time below 0":     {HostGrace: ptr(-time.Second)},
			"a grace time too long":    {HostGrace: ptr(maxHostGrace + 1)},
			"fewer than no seats":      {ReservedForHosts: ptr(-1)},
			"too many seats":           {ReservedForHosts: ptr(maxMaxMembers + 1)},
			"a warning at the end":     {WarnBefore: &[]time.Duration{0}},
			"a warning after the end":  {WarnBefore: &[]time.Duration{-time.Minute}},
			"a warning a month before": {WarnBefore: &[]time.Duration{30 * 24 * time.Hour}},
			"five warnings":            {WarnBefore: &[]time.Duration{1, 2, 3, 4, 5}},
		} {
			if _, err := g.Update(ctx, "1000", SettingsPatch{ModesPatch: p}); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: got %v, want ErrInvalid", name, err)
			}
		}
		if _, err := g.Create(ctx, "1001", Settings{Modes: Modes{WarnBefore: [MaxWarnings]time.Duration{-1}}}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a room with a warning below 0: got %v, want ErrInvalid", err)
		}
		info, err := g.Update(ctx, "1000", SettingsPatch{ModesPatch: ModesPatch{WarnBefore: &[]time.Duration{time.Minute, time.Hour, time.Second}}})
		if got := info.Warnings(); err != nil || len(got) != 3 || got[0] != time.Hour || got[1] != time.Minute || got[2] != time.Second {
			t.Errorf("got %v, %v, want the longest first", got, err)
		}
	})
}
