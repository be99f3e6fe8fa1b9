package rooms

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/measure"
)

// dialAsking keeps a seat for somebody who is called and has to say that they want to come in.
func dialAsking(t *testing.T, g *Registry, role Role) *Participant {
	t.Helper()
	p, err := g.Dial(t.Context(), "1000", Caller{DisplayName: "bob", Role: role, Origin: &Origin{Confirm: 20 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answers has who is called answer, as far as the reception.
func answers(t *testing.T, p *Participant, leg Leg) {
	t.Helper()
	progress(t, p, DialRinging, DialAnswered)
	if err := p.Join(t.Context(), leg); err != nil {
		t.Fatal(err)
	}
}

func TestWhoIsCalledComesInWhenThatIsConfirmed(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(t *testing.T, g *Registry, p *Participant)
		left Reason
		want []string
	}{
		{"confirmed", func(t *testing.T, g *Registry, p *Participant) {
			answers(t, p, newFakeLeg(t, pcmu, 0))
			if err := p.MoveTo(t.Context(), "1000", Pass{Role: RoleListener}); err != nil {
				t.Fatal(err)
			}
			info, err := g.Participant(t.Context(), "1000", p.ID())
			if dials, _ := g.Dials(t.Context(), "1000"); err != nil || info.Role != RoleListener || len(dials) != 0 {
				t.Errorf("got %+v, %v, and %v are being called", info, err, dials)
			}
			if _, err := g.Move(t.Context(), "1000", p.ID(), "2000"); err != nil { // and from then on it is as all are
				t.Fatal(err)
			}
			if _, err := g.Move(t.Context(), "2000", p.ID(), "1000"); err != nil {
				t.Fatal(err)
			}
			p.Leave(ReasonHangup)
		}, ReasonHangup, []string{"dialing bob", "ringing bob", "answered bob", "joined bob", "left bob", "joined bob", "left bob"}},
		{"not confirmed", func(t *testing.T, _ *Registry, p *Participant) {
			answers(t, p, newFakeLeg(t, pcmu, 0))
			p.Leave(ReasonNotConfirmed)
		}, ReasonNotConfirmed, []string{"dialing bob", "ringing bob", "answered bob", "failed bob: not confirmed 0"}},
		{"hung up while asked", func(t *testing.T, _ *Registry, p *Participant) {
			answers(t, p, newFakeLeg(t, pcmu, 0))
			p.Leave(ReasonHangup)
			p.Leave(ReasonNotConfirmed) // too late
			if err := p.MoveTo(t.Context(), "1000", Pass{}); !errors.Is(err, ErrNoParticipant) {
				t.Errorf("MoveTo, gone: got %v, want ErrNoParticipant", err)
			}
		}, ReasonHangup, []string{"dialing bob", "ringing bob", "answered bob", "failed bob: caller hung up 0"}},
		{"busy", func(_ *testing.T, _ *Registry, p *Participant) {
			p.FailDial(ReasonBusy, 486)
		}, ReasonBusy, []string{"dialing bob", "failed bob: busy 486"}},
		{"dead while asked", func(t *testing.T, _ *Registry, p *Participant) {
			leg := newFakeLeg(t, pcmu, 0)
			answers(t, p, leg)
			leg.with(func(l *fakeLeg) { l.dies = ErrMediaTimeout })
			<-p.Left()
			p.Leave(ReasonHangup) // as who has brought it does
		}, ReasonMediaTimeout, []string{"dialing bob", "ringing bob", "answered bob", "failed bob: media timeout 0"}},
		{"removed while asked", func(t *testing.T, g *Registry, p *Participant) {
			answers(t, p, newFakeLeg(t, pcmu, 0))
			if err := g.Remove(t.Context(), "1000", p.ID()); err != nil {
				t.Fatal(err)
			}
			if err := p.MoveTo(t.Context(), "1000", Pass{}); !errors.Is(err, ErrNoParticipant) {
				t.Errorf("MoveTo, removed: got %v, want ErrNoParticipant", err)
			}
			p.Leave(ReasonHangup)
		}, ReasonRemoved, []string{"dialing bob", "ringing bob", "answered bob", "failed bob: removed by moderator 0"}},
		{"the conference ends meanwhile", func(t *testing.T, g *Registry, p *Participant) {
			answers(t, p, newFakeLeg(t, pcmu, 0))
			if err := g.End(t.Context(), "1000", ReasonEnded); err != nil {
				t.Fatal(err)
			}
			<-p.Left()
			p.Leave(ReasonHangup)
		}, ReasonEnded, []string{"dialing bob", "ringing bob", "answered bob", "failed bob: conference ended by moderator 0"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
				if _, err := g.Create(ctx, "1000", Settings{}); err != nil {
					t.Fatal(err)
				}
				p := dialAsking(t, g, RoleSpeaker)
				row.do(t, g, p)
				synctest.Wait()
				if got := p.Reason(); got != row.left {
					t.Errorf("left because %v, want %v", got, row.left)
				}
				got := slices.DeleteFunc(dialStory(t, g, "1000"), func(line string) bool { return line == "ended" })
				if diff := cmp.Diff(row.want, got); diff != "" {
					t.Error(diff)
				}
				if err := g.do(ctx, "1000", func(s *state) error {
					if len(s.seats) > 0 || len(s.members) > 0 {
						t.Errorf("%d seats and %d members are left", len(s.seats), len(s.members))
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				for _, r := range g.receptions.open {
					if r != nil {
						_ = r.do(ctx, func(s *state) error {
							if len(s.seats) > 0 || len(s.members) > 0 {
								t.Errorf("in the reception %d seats and %d members are left", len(s.seats), len(s.members))
							}
							return nil
						}) // ErrClosed: nobody is there
					}
				}
			})
		})
	}
}

func TestWhoHasNotConfirmedIsNotThere(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{MaxParticipants: 2}); err != nil {
			t.Fatal(err)
		}
		leg := newFakeLeg(t, pcmu, 0)
		ann := join(t, g, "1000", "ann", leg)
		p := dialAsking(t, g, RoleSpeaker)
		answers(t, p, newFakeLeg(t, pcmu, 440))
		time.Sleep(2 * time.Second)
		if level := measure.ToneDBFS(leg.lastHeard(time.Second), 8000, 440); level > -70 {
			t.Errorf("is heard at %.0f dBFS", level)
		}
		list, err := g.Participants(ctx, "1000")
		dials, err2 := g.Dials(ctx, "1000")
		if errors.Join(err, err2) != nil || len(list) != 1 || len(dials) != 1 || dials[0].State != DialAnswered {
			t.Errorf("got %v, %v, %v, %v", list, err, dials, err2)
		}
		if _, err := g.Admit(ctx, "1000", Caller{}); !errors.Is(err, ErrFull) {
			t.Errorf("the seat is given away: got %v, want ErrFull", err)
		}
		if _, err := g.Update(ctx, "1000", SettingsPatch{Locked: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		if err := p.MoveTo(ctx, "1000", Pass{}); err != nil { // the seat was there before the lock
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if level := measure.ToneDBFS(leg.lastHeard(time.Second), 8000, 440); level < -30 {
			t.Errorf("once it is inside, it is heard at %.0f dBFS", level)
		}
		p.Leave(ReasonHangup)
		ann.Leave(ReasonHangup)
	})
}

func TestNobodyIsAskedWhenTheBridgeDrains(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		p := dialAsking(t, g, RoleSpeaker)
		answers(t, p, newFakeLeg(t, pcmu, 0))
		if err := g.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if p.Leave(ReasonHangup); p.Reason() != ReasonDraining {
			t.Errorf("got %v, want %v", p.Reason(), ReasonDraining)
		}
		if _, err := g.Dial(ctx, "1000", Caller{Origin: &Origin{Confirm: time.Second}}); !errors.Is(err, ErrDraining) {
			t.Errorf("got %v, want ErrDraining", err)
		}
	})
}
