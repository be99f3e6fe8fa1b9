package entry

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/rooms"
)

// called is somebody whom room 3000 has called, and who has answered.
func (b *bridge) called(confirm time.Duration) caller {
	b.Helper()
	p, err := b.desk.Dial(b.ctx, "3000", rooms.Caller{DisplayName: "Ann", Role: rooms.RoleModerator, Origin: &rooms.Origin{Confirm: confirm}})
	if err != nil {
		b.Fatal(err)
	}
	leg := &fakeLeg{}
	if err := p.Join(b.ctx, leg); err != nil {
		b.Fatal(err)
	}
	return caller{p, leg}
}

func TestWhoIsCalledPressesOneToComeIn(t *testing.T) {
	const once, twice = "press-1-to-join", "press-1-to-join press-1-to-join"
	inside := outcome{room: "3000", role: rooms.RoleModerator, name: "Ann"}
	for _, row := range []struct {
		name    string
		confirm time.Duration
		steps   []step
		want    outcome
		said    string
	}{
		{"one, at once", 20 * time.Second, []step{{0, "1"}}, inside, once + " entering"},
		{"one, behind the prompt", 20 * time.Second, []step{{3 * time.Second, "1"}}, inside, once + " entering"},
		{"one, when asked again", 20 * time.Second, []step{{8 * time.Second, "1"}}, inside, twice + " entering"},
		{"one, at the last moment", 20 * time.Second, []step{{19900 * time.Millisecond, "1"}}, inside, twice + " press-1-to-join entering"},
		{"another key", 20 * time.Second, []step{{3 * time.Second, "5"}, {time.Second, "1"}}, outcome{why: rooms.ReasonNotConfirmed}, once},
		{"the pound key", 20 * time.Second, []step{{3 * time.Second, "#"}}, outcome{why: rooms.ReasonNotConfirmed}, once},
		{"none, as of a machine", 20 * time.Second, []step{{20100 * time.Millisecond, "1"}}, outcome{why: rooms.ReasonNotConfirmed}, twice + " press-1-to-join"},
		{"none, in less time", 12 * time.Second, []step{{12100 * time.Millisecond, ""}}, outcome{why: rooms.ReasonNotConfirmed}, twice},
		{"none, in the least time, in which the prompt is heard to its end", 5 * time.Second, []step{{5100 * time.Millisecond, ""}}, outcome{why: rooms.ReasonNotConfirmed}, once},
		{"nobody is asked where nothing is to be confirmed", 0, []step{{time.Second, ""}}, inside, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bridge) {
				w, err := b.rooms.Watch(b.ctx, "3000", nil)
				if err != nil {
					t.Fatal(err)
				}
				c := b.called(row.confirm)
				for _, s := range row.steps {
					time.Sleep(s.after)
					c.leg.press(s.keys)
				}
				time.Sleep(500 * time.Millisecond)
				want := row.want
				want.said = row.said
				if got := b.of(c); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				for {
					e, err := w.Next(b.ctx)
					if err != nil {
						t.Fatal(err)
					}
					if e.Kind == rooms.KindJoined && want.why == 0 || e.Kind == rooms.KindDialFailed && e.Reason == want.why {
						break
					}
					if e.Kind != rooms.KindDialing {
						t.Fatalf("got event %d, reason %v", e.Kind, e.Reason)
					}
				}
				c.Leave(rooms.ReasonHangup)
			})
		})
	}
}

func TestTheVoiceOfTheRoomAsks(t *testing.T) {
	inBubble(t, Config{Voice: "en"}, func(b *bridge) {
		german := "de"
		if _, err := b.rooms.Update(b.ctx, "3000", rooms.SettingsPatch{SpeechPatch: rooms.SpeechPatch{Voice: &german}}); err != nil {
			t.Fatal(err)
		}
		c := b.called(20 * time.Second)
		if got, want := b.of(c).said, "de:press-1-to-join"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		c.Leave(rooms.ReasonHangup)
	})
}

func TestWhoIsAskedWhenTheDeskClosesIsLetGo(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		c := b.called(20 * time.Second)
		synctest.Wait()
		b.desk.Close(b.ctx)
		if got := b.of(c).why; got != rooms.ReasonDraining {
			t.Errorf("got %v, want %v", got, rooms.ReasonDraining)
		}
		_, err := b.desk.Dial(b.ctx, "3000", rooms.Caller{Origin: &rooms.Origin{Confirm: time.Second}})
		if !errors.Is(err, rooms.ErrDraining) {
			t.Errorf("got %v, want ErrDraining", err)
		}
		dials, err := b.rooms.Dials(b.ctx, "3000")
		if err != nil || len(dials) != 0 {
			t.Errorf("%v are still called, %v", dials, err)
		}
	})
}
