package rooms

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoIsSentAwayIsToldBefore(t *testing.T) {
	for _, test := range []struct {
		name     string
		speaking Speaking
		end      func(k *keypads) error
		heard    string
		longest  time.Duration
	}{
		{"in a room that speaks", SpeakEvents, func(k *keypads) error { return k.g.Finish(k.ctx, "1000") }, "ann hears: conference-over", 6 * time.Second},
		{"in one that only answers", SpeakAnswers, func(k *keypads) error { return k.g.Finish(k.ctx, "1000") }, "", 0},
		{"at once", SpeakEvents, func(k *keypads) error { return k.g.End(k.ctx, "1000", ReasonEnded) }, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			atKeypads(t, Modes{}, Speech{Speaking: test.speaking}, func(k *keypads) {
				k.come("ann")
				k.hears()
				began := time.Now()
				k.do(nil, test.end(k))
				if took := time.Since(began); took > test.longest {
					k.Errorf("it takes %v, want %v at most", took, test.longest)
				}
				if got := strings.Join(k.hears(), ", "); got != test.heard {
					k.Errorf("got %q, want %q", got, test.heard)
				}
				if got := strings.Join(k.story(), ", "); !strings.HasSuffix(got, "ends: conference ended by moderator") {
					k.Errorf("got %q, want it to have ended", got)
				}
				k.do(nil, test.end(k)) // where nobody is
			})
		})
	}
}

// Who is let go while the last words are said does not keep the others from it.
func TestTheEndComesThoughSomebodyElseBringsIt(t *testing.T) {
	atKeypads(t, Modes{}, Speech{Speaking: SpeakEvents}, func(k *keypads) {
		k.come("ann")
		ctx, cancel := context.WithCancel(k.ctx)
		ended := make(chan error, 1)
		go func() { ended <- k.g.Finish(ctx, "1000") }()
		synctest.Wait()
		k.do(nil, k.g.End(k.ctx, "1000", ReasonEnded))
		if err := <-ended; err != nil {
			k.Errorf("got %v", err)
		}
		k.come("ann")
		cancel()
		if err := k.g.Finish(ctx, "1000"); !errors.Is(err, context.Canceled) {
			k.Errorf("got %v, want Canceled", err)
		}
	})
}

func TestMusicEndsWithItsName(t *testing.T) {
	atKeypads(t, Modes{WaitForHost: true}, Speech{}, func(k *keypads) {
		set := func(p SpeechPatch) {
			k.do(k.g.Update(k.ctx, "1000", SettingsPatch{SpeechPatch: p}))
			time.Sleep(spoken)
		}
		heard := func(what, want string) {
			k.Helper()
			k.hears()
			time.Sleep(spoken)
			if got := strings.Join(k.hears(), ""); got != want {
				k.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		k.come("ann")
		heard("none", "")
		set(SpeechPatch{Music: ptr("music/piano")})
		heard("one", "ann hears: music/piano")
		set(SpeechPatch{Music: ptr("music/flute")})
		heard("another one", "ann hears: music/flute")
		set(SpeechPatch{Music: ptr("")})
		heard("none again", "")
		set(SpeechPatch{Speaking: ptr(SpeakEvents)})
		heard("a tone in a room that speaks", "ann hears: "+waitingTone)
		set(SpeechPatch{Speaking: ptr(SpeakAnswers)})
		heard("none in one that does not", "")
	})
}
