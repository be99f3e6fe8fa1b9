package rooms

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

func TestAWhisperIsHeardByOneAlone(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		coach, agent, customer := newFakeLeg(t, pcmu, toneHz(0)), newFakeLeg(t, pcmu, toneHz(1)), newFakeLeg(t, opus, toneHz(2))
		p, q, r := join(t, g, "1000", "coach", coach), join(t, g, "1000", "agent", agent), join(t, g, "1000", "customer", customer)
		whisper := func(to string) error {
			_, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{WhisperTo: &to})
			return err
		}
		hears := func(l *fakeLeg, hz float64) bool {
			return measure.ToneDBFS(l.lastHeard(time.Second), l.format.SampleRateHz, hz) > -40
		}
		time.Sleep(2 * time.Second)
		if err := whisper(p.ID()); !errors.Is(err, ErrInvalid) {
			t.Errorf("to oneself: got %v, want ErrInvalid", err)
		}
		if err := whisper("nobody"); !errors.Is(err, ErrNoParticipant) {
			t.Errorf("to nobody: got %v, want ErrNoParticipant", err)
		}
		if err := whisper(q.ID()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if !hears(agent, toneHz(0)) || !hears(agent, toneHz(2)) || !hears(coach, toneHz(1)) || !hears(coach, toneHz(2)) {
			t.Error("the agent is to hear the coach and the customer, the coach both")
		}
		if level := measure.ToneDBFS(customer.lastHeard(time.Second), 48000, toneHz(0)); level > -70 {
			t.Errorf("the customer hears the coach at %.0f dBFS", level)
		}
		if info, err := g.Participant(ctx, "1000", p.ID()); err != nil || info.WhisperTo != q.ID() || info.Talking {
			t.Errorf("got %+v, %v; want a whisper to the agent, and no talk that others are told of", info, err)
		}
		if err := whisper(""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if !hears(customer, toneHz(0)) || !hears(agent, toneHz(0)) {
			t.Error("after the whisper not everybody hears the coach")
		}
		if err := whisper(q.ID()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		q.Leave(ReasonHangup)
		time.Sleep(2 * time.Second)
		if info, err := g.Participant(ctx, "1000", p.ID()); err != nil || !info.Muted || info.WhisperTo != "" {
			t.Errorf("when the agent has left: got %+v, %v; want the coach muted", info, err)
		}
		if level := measure.ToneDBFS(customer.lastHeard(time.Second), 48000, toneHz(0)); level > -70 {
			t.Errorf("the customer hears at %.0f dBFS what was meant for the agent", level)
		}
		for name, leg := range map[string]*fakeLeg{"agent": agent, "coach": coach} {
			if worst, at := worstStep(leg.lastHeard(time.Hour), 8000); worst > 8 {
				t.Errorf("%s: a step of %.1f times the RMS step at %d ms", name, worst, at/8)
			}
		}
		p.Leave(ReasonHangup)
		r.Leave(ReasonHangup)
	})
}

func TestWhatSomebodyHearsIsTurnedUpAndDown(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		talker, listener, quiet, other := newFakeLeg(t, pcmu, toneHz(0)), newFakeLeg(t, pcmu, 0), newFakeLeg(t, pcmu, toneHz(1)), newFakeLeg(t, pcmu, 0)
		people := []*Participant{
			join(t, g, "1000", "talks", talker), join(t, g, "1000", "listens", listener),
			join(t, g, "1000", "talks too", quiet), join(t, g, "1000", "listens", other),
		}
		time.Sleep(7 * time.Second)
		before := measure.ToneDBFS(listener.lastHeard(time.Second), 8000, toneHz(0))
		db := 6.0
		for _, p := range people[1:3] {
			if _, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{HearingGainDB: &db}); err != nil {
				t.Fatal(err)
			}
			db = -9
		}
		db = math.NaN()
		if _, err := g.UpdateParticipant(ctx, "1000", people[0].ID(), ParticipantPatch{HearingGainDB: &db}); !errors.Is(err, ErrInvalid) {
			t.Errorf("NaN: got %v, want ErrInvalid", err)
		}
		for _, after := range []time.Duration{2 * time.Second, 8 * time.Second} { // own packets, then shared ones
			time.Sleep(after)
			for _, row := range []struct {
				name string
				leg  *fakeLeg
				want float64
			}{{"a listener", listener, 6}, {"one who talks", quiet, -9}, {"another", other, 0}} {
				if got := measure.ToneDBFS(row.leg.lastHeard(time.Second), 8000, toneHz(0)) - before; math.Abs(got-row.want) > .5 {
					t.Errorf("%s hears it by %.1f dB louder after %v, want %g", row.name, got, after, row.want)
				}
			}
		}
		for _, p := range people {
			p.Leave(ReasonHangup)
		}
		if worst, at := worstStep(listener.lastHeard(time.Hour), 8000); worst > 8 {
			t.Errorf("a step of %.1f times the RMS step at %d ms", worst, at/8)
		}
	})
}

func TestACoachDoesNotWhisperToWhoTakesTheSeat(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		stranger := newFakeLeg(t, pcmu, 0)
		coach, agent := join(t, g, "1000", "coach", newFakeLeg(t, pcmu, toneHz(0))), join(t, g, "1000", "agent", newFakeLeg(t, pcmu, 0))
		to := agent.ID()
		if _, err := g.UpdateParticipant(ctx, "1000", coach.ID(), ParticipantPatch{WhisperTo: &to}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := agent.Swap(ctx, stranger, Caller{DisplayName: "stranger"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if info, err := g.Participant(ctx, "1000", coach.ID()); err != nil || !info.Muted || info.WhisperTo != "" {
			t.Errorf("got %+v, %v; want the coach muted", info, err)
		}
		if level := measure.ToneDBFS(stranger.lastHeard(time.Second), 8000, toneHz(0)); level > -70 {
			t.Errorf("the stranger hears the coach at %.0f dBFS", level)
		}
		coach.Leave(ReasonHangup)
		agent.Leave(ReasonHangup)
	})
}
