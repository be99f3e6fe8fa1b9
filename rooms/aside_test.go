package rooms

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/measure"
)

// clipHz is a tone that no telephone of these tests says.
const clipHz = 2700

func clip(hz float64, length time.Duration) *mixer.Clip {
	pcm := make([]int16, int(length.Seconds()*16000))
	for i := range pcm {
		pcm[i] = int16(3000 * math.Sin(2*math.Pi*hz*float64(i)/16000))
	}
	return &mixer.Clip{Name: "tone", RateHz: 16000, PCM: pcm}
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestAnAsideIsHeardByOneAlone(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		to, other := newFakeLeg(t, pcmu, 0), newFakeLeg(t, opus, toneHz(1))
		p := join(t, g, "1000", "Alice", to)
		q := join(t, g, "1000", "Bob", other)
		time.Sleep(2 * time.Second)
		before := measure.ToneDBFS(to.lastHeard(time.Second), 8000, toneHz(1))
		done, err := p.Play(ctx, clip(clipHz, time.Second), clip(clipHz, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		if level := measure.ToneDBFS(to.lastHeard(time.Second), 8000, clipHz); level < -24 || level > -20 {
			t.Errorf("the clip is heard at %.1f dBFS, want -22", level)
		}
		if level := measure.ToneDBFS(other.lastHeard(time.Second), 48000, clipHz); level > -70 {
			t.Errorf("somebody else hears the clip at %.0f dBFS", level)
		}
		if level := measure.ToneDBFS(to.lastHeard(time.Second), 8000, toneHz(1)) - before; math.Abs(level-underDB) > 1 {
			t.Errorf("the other is turned down by %.1f dB meanwhile, want %d", level, underDB)
		}
		if ended(done) {
			t.Error("it is said to have ended in the middle of it")
		}
		time.Sleep(600 * time.Millisecond)
		if !ended(done) {
			t.Error("it is not said to have ended")
		}
		time.Sleep(1200 * time.Millisecond)
		if level := measure.ToneDBFS(to.lastHeard(time.Second), 8000, toneHz(1)) - before; math.Abs(level) > .5 {
			t.Errorf("the other is %.1f dB off after it", level)
		}
		p.Leave(ReasonHangup)
		q.Leave(ReasonHangup)
		if _, err := p.Play(ctx, clip(clipHz, time.Second)); !errors.Is(err, ErrClosed) {
			t.Errorf("Play after Leave: got %v, want ErrClosed", err)
		}
	})
}

func TestAnAsideEndsWhenItIsHushedReplacedOrLeft(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		leg := newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "Alice", leg)
		play := func() <-chan struct{} {
			done, err := p.Play(ctx, clip(clipHz, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			return done
		}
		first := play()
		second := play()
		if !ended(first) || ended(second) {
			t.Errorf("ended: the first %v, the second %v; want the first alone", ended(first), ended(second))
		}
		if err := p.Hush(ctx); err != nil || !ended(second) {
			t.Errorf("Hush: %v, ended %v", err, ended(second))
		}
		time.Sleep(time.Second)
		if level := measure.RMSDBFS(leg.lastHeard(500 * time.Millisecond)); level > -80 {
			t.Errorf("%.0f dBFS after Hush", level)
		}
		third := play()
		p.Leave(ReasonHangup)
		if !ended(third) {
			t.Error("who has left is played to")
		}
		if worst, at := worstStep(leg.lastHeard(time.Hour), 8000); worst > 8 {
			t.Errorf("a step of %.1f times the RMS step at %d ms", worst, at/8)
		}
	})
}

func TestKeysThatAreTakenAreNobodyElsesBusiness(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		leg := newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "Alice", leg)
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		keys := make(chan byte, 4)
		if err := p.TakeKeys(ctx, keys); err != nil {
			t.Fatal(err)
		}
		leg.with(func(l *fakeLeg) { l.keys = []byte("12") })
		time.Sleep(time.Second)
		if err := p.Key(ctx, '3', 0); err != nil {
			t.Fatal(err)
		}
		got := []byte{<-keys, <-keys, <-keys}
		leg.with(func(l *fakeLeg) { l.keys = []byte("12345678") })
		time.Sleep(time.Second)
		if string(got) != "123" || len(keys) != 4 {
			t.Errorf("got %q and %d more, want 123, and as many as there is room for", got, len(keys))
		}
		if err := p.TakeKeys(ctx, nil); err != nil {
			t.Fatal(err)
		}
		leg.with(func(l *fakeLeg) { l.keys = []byte("9") })
		if e, err := w.Next(ctx); err != nil || e.Kind != KindKeyPressed || e.Key != '9' {
			t.Errorf("got %+v, %v; want 9 and none of the keys before", e, err)
		}
		p.Leave(ReasonHangup)
	})
}

func TestWhoWaitsHearsMusicAndIsHeardByNobody(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		waiting, inside, asked := newFakeLeg(t, pcmu, toneHz(0)), newFakeLeg(t, pcmu, toneHz(1)), newFakeLeg(t, pcmu, toneHz(2))
		p, q, r := join(t, g, "1000", "waits", waiting), join(t, g, "1000", "is in", inside), join(t, g, "1000", "is asked", asked)
		if err := g.PlayMusic(ctx, "1000", clip(clipHz, 700*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for who, place := range map[*Participant]Place{p: PlaceWaiting, r: PlaceAsked} {
			if err := who.GoTo(ctx, place); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second) // own packets have gone over to shared ones
		hears := func(l *fakeLeg, hz float64) bool { return measure.ToneDBFS(l.lastHeard(time.Second), 8000, hz) > -40 }
		for name, wrong := range map[string]bool{
			"who waits hears no music":    !hears(waiting, clipHz),
			"who waits hears the room":    hears(waiting, toneHz(1)) || hears(waiting, toneHz(2)),
			"who is in hears music":       hears(inside, clipHz),
			"who is in hears the others":  hears(inside, toneHz(0)) || hears(inside, toneHz(2)),
			"who is asked hears anything": measure.RMSDBFS(asked.lastHeard(time.Second)) > -80,
		} {
			if wrong {
				t.Error(name)
			}
		}
		for _, who := range []*Participant{p, r} {
			if err := who.GoTo(ctx, PlaceInside); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		if !hears(waiting, toneHz(1)) || !hears(inside, toneHz(0)) || !hears(asked, toneHz(1)) || hears(waiting, clipHz) {
			t.Error("not everybody is inside again")
		}
		for name, leg := range map[string]*fakeLeg{"who waited": waiting, "who was asked": asked, "who was in": inside} {
			if worst, at := worstStep(leg.lastHeard(time.Hour), 8000); worst > 8 {
				t.Errorf("%s hears a step of %.1f times the RMS step at %d ms", name, worst, at/8)
			}
		}
		for _, who := range []*Participant{p, q, r} {
			who.Leave(ReasonHangup)
		}
	})
}

func TestAnnouncementsLieBelowTalk(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Announce(ctx, "1000", clip(clipHz, time.Second)); !errors.Is(err, ErrEmpty) {
			t.Errorf("in an empty room: got %v, want ErrEmpty", err)
		}
		talker, other := newFakeLeg(t, pcmu, 0), newFakeLeg(t, pcmu, 0)
		p, q := join(t, g, "1000", "Alice", talker), join(t, g, "1000", "Bob", other)
		first, err := g.Announce(ctx, "1000", clip(clipHz, 2*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		second, err := g.Announce(ctx, "1000", clip(clipHz, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		alone := measure.ToneDBFS(other.lastHeard(time.Second), 8000, clipHz)
		if alone < -24 || alone > -20 || ended(first) {
			t.Errorf("it is heard at %.1f dBFS, want -22; ended %v", alone, ended(first))
		}
		time.Sleep(time.Second)
		if !ended(first) || ended(second) {
			t.Errorf("ended: the first %v, the second %v; want the first alone", ended(first), ended(second))
		}
		talker.with(func(l *fakeLeg) { l.toneHz, l.amp = 440, 6000 })
		// A steady tone is no talk to the VAD for long: look at the second in which it is.
		time.Sleep(1200 * time.Millisecond)
		if info, err := g.Participant(ctx, "1000", p.ID()); err != nil || !info.Talking {
			t.Fatalf("the talker does not talk: %v, %v", info.Talking, err)
		}
		if level := measure.ToneDBFS(other.lastHeard(500*time.Millisecond), 8000, clipHz) - alone; math.Abs(level-duckDB) > 1.5 {
			t.Errorf("turned down by %.1f dB below talk, want %d", level, duckDB)
		}
		if err := g.StopAnnouncing(ctx, "1000"); err != nil || !ended(second) {
			t.Errorf("StopAnnouncing: %v, ended %v", err, ended(second))
		}
		time.Sleep(time.Second)
		if level := measure.ToneDBFS(other.lastHeard(500*time.Millisecond), 8000, clipHz); level > -60 {
			t.Errorf("still heard at %.0f dBFS", level)
		}
		for i := range mixer.PlayerQueue + 1 {
			if _, err := g.Announce(ctx, "1000", clip(clipHz, time.Second)); (err != nil) != (i == mixer.PlayerQueue) || err != nil && !errors.Is(err, ErrBusy) {
				t.Errorf("announcement %d: %v", i, err)
			}
		}
		p.Leave(ReasonHangup)
		q.Leave(ReasonHangup)
	})
}

func TestWhatIsQueuedFollowsWhatIsPlayed(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		leg := newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "Alice", leg)
		done, err := p.Play(ctx, clip(clipHz, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Queue(ctx, clip(clipHz/2, time.Second)); err != nil {
			t.Fatal(err)
		}
		for _, hz := range []float64{clipHz, clipHz / 2} {
			time.Sleep(950 * time.Millisecond)
			if level := measure.ToneDBFS(leg.lastHeard(500*time.Millisecond), 8000, hz); level < -24 || level > -20 {
				t.Errorf("%.0f Hz is heard at %.1f dBFS, want -22", hz, level)
			}
			if ended(done) {
				t.Errorf("at %.0f Hz it is said to have ended", hz)
			}
		}
		p.Leave(ReasonHangup)
		if err := p.Queue(ctx, clip(clipHz, time.Second)); !errors.Is(err, ErrClosed) {
			t.Errorf("to nobody: got %v, want ErrClosed", err)
		}
	})
}
