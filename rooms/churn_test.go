package rooms

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestChurn lets many come, be changed, watch and go at once; the race detector and goleak are its judges, and the
// numbers at the end: nobody is left and nothing was lost on the way.
func TestChurn(t *testing.T) {
	inBubble(t, Config{OnDemand: true, EmptyGrace: time.Millisecond, EventsKept: 1 << 14}, func(ctx context.Context, t *testing.T, g *Registry) {
		const callers, rounds = 20, 5
		w, err := g.Watch(ctx, "room0", nil)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for c := range callers {
			all.Go(func() {
				for round := range rounds {
					number := fmt.Sprintf("room%d", (c+round)%3)
					p, err := g.Admit(ctx, number, Caller{DisplayName: fmt.Sprint(c)})
					if err != nil {
						t.Errorf("Admit: %v", err)
						return
					}
					f := pcmu
					if c%4 == 0 {
						f = opus
					}
					if err := p.Join(ctx, newFakeLeg(t, f, toneHz(c%8))); err != nil {
						t.Errorf("Join: %v", err)
					}
					time.Sleep(time.Duration(c) * 7 * time.Millisecond)
					if _, err := g.UpdateParticipant(ctx, number, p.ID(), ParticipantPatch{Muted: ptr(true)}); err != nil {
						t.Errorf("UpdateParticipant: %v", err)
					}
					if _, err := g.List(ctx, "", 10); err != nil {
						t.Errorf("List: %v", err)
					}
					p.Leave(ReasonHangup)
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		if infos, err := g.List(ctx, "", 10); err != nil || len(infos) != 0 {
			t.Errorf("rooms left over: %+v, %v", infos, err)
		}
		for i := range g.metrics.participants {
			if n := g.metrics.participants[i].Load(); n != 0 {
				t.Errorf("%d participants of codec %s left over in the metrics", n, codecs[i])
			}
		}
		here := 0
		for _, e := range story(t, w, w.log.sequence()) {
			switch e.Kind {
			case KindJoined:
				here++
			case KindLeft:
				here--
			case KindEnded:
				if here != 0 {
					t.Errorf("event %d ends the conference with %d in it", e.Sequence, here)
				}
			}
		}
		if here != 0 {
			t.Errorf("%d joined and never left", here)
		}
	})
}
