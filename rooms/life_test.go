package rooms

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

// stuckKeeper keeps no ban, and does not answer until it is asked no longer.
type stuckKeeper struct{ asked chan struct{} }

func (k *stuckKeeper) PutBan(ctx context.Context, _ string, _ Ban) error {
	k.asked <- struct{}{}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (k *stuckKeeper) RemoveBan(ctx context.Context, _, _ string) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// stuckVoice is a toneVoice that reads a sound for ever.
type stuckVoice struct {
	*toneVoice
	asked chan struct{}
}

func (v stuckVoice) Clip(ctx context.Context, _, _ string) (*mixer.Clip, error) {
	v.asked <- struct{}{}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// What hangs when the bridge is to end would hold it up for ever: the bubble finds that nobody goes on.
func TestAStopEndsWhatNobodyWaitsFor(t *testing.T) {
	for name, begin := range map[string]func(k *keypads){
		"a ban that was dialled": func(k *keypads) {
			k.come("HOST", "ann")
			k.dials("HOST", k.withNumbers("*##5 {ann}#60#"))
		},
		"music": func(k *keypads) {
			k.set(ModesPatch{WaitForHost: ptr(true)})
			k.come("ann")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := make(chan struct{}, 1)
				var log bytes.Buffer
				voice := &toneVoice{}
				g := NewRegistry(Config{
					Sounds: stuckVoice{voice, asked}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
					Defaults: Settings{Speech: Speech{Keys: DefaultKeys(), Music: "music"}},
				})
				if err := g.Restore(t.Context(), Memory{BanKeeper: &stuckKeeper{asked}}); err != nil {
					t.Fatal(err)
				}
				k := &keypads{meeting: newMeeting(t.Context(), t, g, Settings{}), voice: voice, legs: map[string]*fakeLeg{}, from: map[string]int{}}
				begin(k)
				<-asked
				began := time.Now()
				if err := g.Close(t.Context()); err != nil {
					t.Errorf("Close: %v", err)
				}
				if took := time.Since(began); took > 2*disownTime { // of a ban that may be kept, at once and at the end
					t.Errorf("the end took %v, want at most %v", took, 2*disownTime)
				}
				if log.Len() > 0 {
					t.Errorf("the log says %s, want nothing of what nobody is there to hear", &log)
				}
			})
		})
	}
}
