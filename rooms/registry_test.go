package rooms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/mixer/measure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs f with a registry in virtual time, and closes the registry.
func inBubble(t *testing.T, cfg Config, f func(ctx context.Context, t *testing.T, g *Registry)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := NewRegistry(cfg)
		defer func() {
			if err := g.Close(t.Context()); err != nil && t.Context().Err() == nil {
				t.Errorf("Close: %v", err)
			}
		}()
		f(t.Context(), t, g)
	})
}

func admit(t *testing.T, g *Registry, number, name string) *Participant {
	t.Helper()
	p, err := g.Admit(t.Context(), number, Caller{DisplayName: name})
	if err != nil {
		t.Fatalf("Admit(%s): %v", name, err)
	}
	return p
}

func join(t *testing.T, g *Registry, number, name string, leg Leg) *Participant {
	t.Helper()
	p := admit(t, g, number, name)
	if err := p.Join(t.Context(), leg); err != nil {
		t.Fatalf("Join(%s): %v", name, err)
	}
	return p
}

func ptr[T any](v T) *T { return &v }

func TestEachHearsAllOthersAndNotThemselves(t *testing.T) {
	for _, format := range []struct {
		name string
		legs func(i int) *fakeLeg
	}{
		{"eight PCMU telephones", func(i int) *fakeLeg { return newFakeLeg(t, pcmu, toneHz(i)) }},
		{"PCMU and PCMA", func(i int) *fakeLeg {
			if i%2 == 0 {
				return newFakeLeg(t, pcma, toneHz(i))
			}
			return newFakeLeg(t, pcmu, toneHz(i))
		}},
	} {
		t.Run(format.name, func(t *testing.T) {
			all := Config{OnDemand: true, Defaults: Settings{MaxTalkers: AllTalkers}}
			inBubble(t, all, func(_ context.Context, t *testing.T, g *Registry) {
				var legs []*fakeLeg
				for i := range 8 {
					leg := format.legs(i)
					legs = append(legs, leg)
					defer join(t, g, "1000", fmt.Sprint(i), leg).Leave(ReasonHangup)
				}
				time.Sleep(3 * time.Second)
				for i, leg := range legs {
					heard := leg.lastHeard(time.Second)
					low, high := 0.0, -200.0
					for j := range legs {
						level := measure.ToneDBFS(heard, 8000, toneHz(j))
						if j == i {
							if level > -50-20.8 { // 50 dB below the others' -20.8 dBFS
								t.Errorf("leg %d hears its own tone at %.1f dBFS", i, level)
							}
							continue
						}
						low, high = min(low, level), max(high, level)
					}
					if high-low > 1 || high > -19.8 || low < -21.8 {
						t.Errorf("leg %d hears the others at %.1f to %.1f dBFS, want -20.8 ± 1", i, low, high)
					}
				}
			})
		})
	}
}

// toneHz is the tone of the i-th of eight. The spacing is uneven, so that what G.711's quantising makes of two tones
// does not fall on a third.
func toneHz(i int) float64 { return []float64{401, 619, 877, 1193, 1571, 1987, 2459, 2963}[i] }

func TestRoomRateFollowsTheBestMember(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		phone, laptop := newFakeLeg(t, pcmu, 500), newFakeLeg(t, opus, 1000)
		p := join(t, g, "1000", "phone", phone)
		defer p.Leave(ReasonHangup)
		rate := func() int {
			info, err := g.Info(ctx, "1000")
			if err != nil {
				t.Fatal(err)
			}
			return info.SampleRateHz
		}
		time.Sleep(time.Second)
		if got := rate(); got != 8000 {
			t.Errorf("one PCMU member: rate %d, want 8000", got)
		}
		q := join(t, g, "1000", "laptop", laptop)
		time.Sleep(2 * time.Second)
		if got := rate(); got != 48000 {
			t.Errorf("with an Opus member: rate %d, want 48000", got)
		}
		if l := measure.ToneDBFS(phone.lastHeard(time.Second), 8000, 1000); l < -23 || l > -19 {
			t.Errorf("the phone hears the laptop at %.1f dBFS, want about -20.8", l)
		}
		if l := measure.ToneDBFS(laptop.lastHeard(time.Second), 48000, 500); l < -23 || l > -19 {
			t.Errorf("the laptop hears the phone at %.1f dBFS, want about -20.8", l)
		}
		q.Leave(ReasonHangup)
		time.Sleep(time.Second)
		if got := rate(); got != 8000 {
			t.Errorf("after the Opus member left: rate %d, want 8000", got)
		}
	})
}

func TestMutingTakesEffectWithinTwoFrames(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		talker, listener := newFakeLeg(t, pcmu, 1000), newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "talker", talker)
		defer p.Leave(ReasonHangup)
		defer join(t, g, "1000", "listener", listener).Leave(ReasonHangup)
		time.Sleep(time.Second)
		info, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{Muted: ptr(true)})
		if err != nil || !info.Muted {
			t.Fatalf("UpdateParticipant = %+v, %v", info, err)
		}
		time.Sleep(80 * time.Millisecond) // 40 ms to take effect, and 40 ms to listen to
		if got := measure.RMSDBFS(listener.lastHeard(40 * time.Millisecond)); got > -90 {
			t.Errorf("40 ms after the mute: %.1f dBFS, want silence", got)
		}
		if _, err = g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{Muted: ptr(false)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if got := measure.ToneDBFS(listener.lastHeard(40*time.Millisecond), 8000, 1000); got < -22 {
			t.Errorf("after the unmute: %.1f dBFS, want about -20.8", got)
		}
	})
}

func TestMuteSetInSilenceHoldsFromTheFirstSample(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		talker, other := newFakeLeg(t, pcmu, 0), newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "talker", talker)
		defer p.Leave(ReasonHangup)
		defer join(t, g, "1000", "other", other).Leave(ReasonHangup)
		time.Sleep(time.Second)
		if _, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{Muted: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		talker.with(func(l *fakeLeg) { l.toneHz = 1000 })
		time.Sleep(time.Second)
		for i, v := range other.lastHeard(2 * time.Second) {
			if v > 8 || v < -8 {
				t.Fatalf("sample %d is %d: the muted are heard", i, v)
			}
		}
	})
}

func TestDeafGainAndListenerRole(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		a, b := newFakeLeg(t, pcmu, 1000), newFakeLeg(t, pcmu, 500)
		p := join(t, g, "1000", "a", a)
		defer p.Leave(ReasonHangup)
		q := join(t, g, "1000", "b", b)
		defer q.Leave(ReasonHangup)
		change := func(id string, patch ParticipantPatch) {
			if _, err := g.UpdateParticipant(ctx, "1000", id, patch); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		change(p.ID(), ParticipantPatch{GainDB: ptr(6.0)})
		if got := measure.ToneDBFS(b.lastHeard(200*time.Millisecond), 8000, 1000); got < -15.3 || got > -14.3 {
			t.Errorf("with +6 dB: %.1f dBFS, want -14.8", got)
		}
		change(p.ID(), ParticipantPatch{Role: ptr(RoleListener)})
		if got := measure.RMSDBFS(b.lastHeard(200 * time.Millisecond)); got > -90 {
			t.Errorf("a listener is heard at %.1f dBFS", got)
		}
		change(p.ID(), ParticipantPatch{Deaf: ptr(true)})
		if got := measure.RMSDBFS(a.lastHeard(200 * time.Millisecond)); got > -90 {
			t.Errorf("the deaf hear %.1f dBFS", got)
		}
		change(p.ID(), ParticipantPatch{Deaf: ptr(false)})
		if got := measure.ToneDBFS(a.lastHeard(200*time.Millisecond), 8000, 500); got < -22 {
			t.Errorf("no longer deaf: %.1f dBFS", got)
		}
	})
}

func TestDoorOfARoom(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		try := func(number string, want error) {
			t.Helper()
			p, err := g.Admit(ctx, number, Caller{})
			if !errors.Is(err, want) {
				t.Errorf("Admit(%q): %v, want %v", number, err, want)
			}
			if err != nil && !strings.Contains(err.Error(), number) {
				t.Errorf("error %q does not name the room", err)
			}
			if p != nil {
				p.Leave(ReasonHangup)
			}
		}
		try("1000", ErrNoRoom)
		if _, err := g.Create(ctx, "1000", Settings{MaxParticipants: 1}); err != nil {
			t.Fatal(err)
		}
		try("1000", nil)
		p := admit(t, g, "1000", "first")
		try("1000", ErrFull) // a seat counts before the join
		p.Leave(ReasonHangup)
		try("1000", nil)
		if _, err := g.Update(ctx, "1000", SettingsPatch{Locked: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		try("1000", ErrLocked)
		g.Drain()
		try("1000", ErrDraining)
	})
}

func TestNumbersAndSettingsAreChecked(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		for _, number := range []string{"", "a b", "ü", "1/2", strings.Repeat("1", 65), "\x00"} {
			if _, err := g.Create(ctx, number, Settings{}); !errors.Is(err, ErrInvalid) {
				t.Errorf("Create(%q): %v, want ErrInvalid", number, err)
			}
			if _, err := g.Admit(ctx, number, Caller{}); !errors.Is(err, ErrNoRoom) {
				t.Errorf("Admit(%q): %v, want ErrNoRoom", number, err)
			}
		}
		for _, set := range []Settings{
			{MaxParticipants: -1}, {MaxParticipants: 1e6}, {MaxDuration: -1}, {MaxDuration: 1e18}, {DisplayName: strings.Repeat("x", 129)},
		} {
			if _, err := g.Create(ctx, "1", set); !errors.Is(err, ErrInvalid) {
				t.Errorf("Create(%+v): %v, want ErrInvalid", set, err)
			}
		}
		if _, err := g.Create(ctx, "1", Settings{}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Create(ctx, "1", Settings{}); !errors.Is(err, ErrRoomExists) {
			t.Errorf("second Create: %v, want ErrRoomExists", err)
		}
		if _, err := g.Update(ctx, "1", SettingsPatch{MaxParticipants: ptr(-1)}); !errors.Is(err, ErrInvalid) {
			t.Errorf("Update: %v, want ErrInvalid", err)
		}
		if _, err := g.UpdateParticipant(ctx, "1", "x", ParticipantPatch{}); !errors.Is(err, ErrNoParticipant) {
			t.Errorf("UpdateParticipant of nobody: %v, want ErrNoParticipant", err)
		}
	})
}

func TestListPagesInOrderOfNumber(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		for _, n := range []string{"30", "10", "20", "5"} {
			if _, err := g.Create(ctx, n, Settings{}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		after := ""
		for {
			page, err := g.List(ctx, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, info := range page {
				got = append(got, info.Number)
			}
			got = append(got, "|")
			after = page[len(page)-1].Number
		}
		if want := []string{"10", "20", "30", "|", "5", "|"}; !cmp.Equal(got, want) {
			t.Errorf("pages %v, want %v", got, want)
		}
	})
}

func TestOnDemandRoomClosesAfterItsGraceTime(t *testing.T) {
	inBubble(t, Config{OnDemand: true, EmptyGrace: 10 * time.Second}, func(ctx context.Context, t *testing.T, g *Registry) {
		p := join(t, g, "1000", "a", newFakeLeg(t, pcmu, 0))
		p.Leave(ReasonHangup)
		time.Sleep(9 * time.Second)
		p = join(t, g, "1000", "b", newFakeLeg(t, pcmu, 0)) // who comes back in time stops the clock
		time.Sleep(20 * time.Second)
		p.Leave(ReasonHangup)
		time.Sleep(9 * time.Second)
		if _, err := g.Info(ctx, "1000"); err != nil {
			t.Errorf("9 s after the last one left: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := g.Info(ctx, "1000"); !errors.Is(err, ErrNoRoom) {
			t.Errorf("11 s after the last one left: %v, want ErrNoRoom", err)
		}
	})
}

func TestEmptyRoomDoesNotTick(t *testing.T) {
	inBubble(t, Config{OnDemand: true, EmptyGrace: time.Hour}, func(_ context.Context, t *testing.T, g *Registry) {
		leg := newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "a", leg)
		time.Sleep(time.Second)
		if got := leg.calls(); got < 49 || got > 51 {
			t.Errorf("%d ticks in a second, want 50", got)
		}
		p.Leave(ReasonHangup)
		ticks := g.metrics.tick.counts[0].Load()
		time.Sleep(time.Minute)
		if got := g.metrics.tick.counts[0].Load(); got != ticks {
			t.Errorf("%d ticks of an empty room", got-ticks)
		}
	})
}

func TestMaxDurationEndsTheConference(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{MaxDuration: time.Minute}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // an empty room is no conference
		start := time.Now()
		p := join(t, g, "1000", "a", newFakeLeg(t, pcmu, 0))
		<-p.Left()
		if got := time.Since(start); got != time.Minute || p.Reason() != ReasonMaxDuration {
			t.Errorf("left after %v because %v, want 1m0s, %v", got, p.Reason(), ReasonMaxDuration)
		}
		defer join(t, g, "1000", "b", newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup) // the room is there for the next
	})
}

func TestDeadLegLeaves(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(_ context.Context, t *testing.T, g *Registry) {
		leg, other := newFakeLeg(t, pcmu, 0), newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "a", leg)
		q := join(t, g, "1000", "b", other)
		leg.with(func(l *fakeLeg) { l.dies = fmt.Errorf("leg: %w", ErrMediaTimeout) })
		<-p.Left()
		if p.Reason() != ReasonMediaTimeout || leg.closed != 1 {
			t.Errorf("left because %v, closed %d times", p.Reason(), leg.closed)
		}
		p.Leave(ReasonHangup) // as its dialog will: nothing happens
		if p.Reason() != ReasonMediaTimeout {
			t.Error("a second reason replaced the first")
		}
		q.Leave(ReasonHangup)
		if other.closed != 1 {
			t.Errorf("closed %d times, want once", other.closed)
		}
	})
}

func TestCloseSendsEverybodyAway(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		leg := newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "a", leg)
		q := admit(t, g, "1000", "at the door")
		if err := g.Close(ctx); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*Participant{p, q} {
			if p.Reason() != ReasonDraining {
				t.Errorf("reason %v, want %v", p.Reason(), ReasonDraining)
			}
		}
		if err := q.Join(ctx, newFakeLeg(t, pcmu, 0)); !errors.Is(err, ErrClosed) {
			t.Errorf("Join after Close: %v, want ErrClosed", err)
		}
		if leg.closed != 1 {
			t.Errorf("leg closed %d times, want once", leg.closed)
		}
	})
}
