package rooms

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms/sounds"
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

func TestNeighboursOfOneRateAreOneClip(t *testing.T) {
	clip := func(name string, rateHz int, pcm ...int16) *mixer.Clip {
		return &mixer.Clip{Name: name, RateHz: rateHz, PCM: pcm}
	}
	got := joined([]*mixer.Clip{clip("a", 8000, 1), clip("b", 8000, 2, 3), clip("c", 16000, 4), clip("d", 8000), clip("e", 8000, 5)})
	want := []*mixer.Clip{clip("a b", 8000, 1, 2, 3), clip("c", 16000, 4), clip("d e", 8000, 5)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := joined(nil); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}

// Help is some hundred clips: what it takes grows with what it says, and not with the square of it.
func TestHelpTakesTheMemoryOfItsWords(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine, and the race detector has memory of its own allocated")
	}
	clips := make([]*mixer.Clip, 200)
	for i := range clips {
		clips[i] = &mixer.Clip{Name: "word", RateHz: 16000, PCM: make([]int16, 8000)}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	one := joined(clips)
	runtime.ReadMemStats(&after)
	all := uint64(len(one[0].PCM)) * 2
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 2*all { // it was a hundred times as much
		t.Errorf("%d bytes for %d of sound", allocated, all)
	}
}

func TestWordsThatFindNoRoomAreCountedAndLogged(t *testing.T) {
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		g := NewRegistry(Config{Sounds: &toneVoice{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		m := newMeeting(t.Context(), t, g, Settings{Speech: Speech{Speaking: SpeakEvents}})
		m.comes("ANN")
		long := &mixer.Clip{Name: "long", RateHz: 8000, PCM: make([]int16, 8000*60)}
		err := error(nil)
		for n := 0; n < 2*mixer.PlayerQueue && err == nil; n++ {
			err = m.people["ANN"].Queue(m.ctx, long)
		}
		if !errors.Is(err, ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		synctest.Wait() // for what was said when ANN came
		before := g.metrics.wordsDropped.Load()
		m.do(nil, g.do(m.ctx, "1000", func(s *state) error {
			s.say(audience{hosts: true}, words(sounds.HandRaised))
			return nil
		}))
		synctest.Wait()
		if got := g.metrics.wordsDropped.Load() - before; got != 1 {
			t.Errorf("%d are counted, want 1", got)
		}
		m.people["ANN"].Leave(ReasonHangup)
		if err := g.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if want := "words=" + sounds.HandRaised; !strings.Contains(log.String(), want) {
		t.Errorf("the log has %q, want %s in it", log.String(), want)
	}
}
