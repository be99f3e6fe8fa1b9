package sounds

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/measure"
)

// tick is a WAV file that can be told from others by its only sample.
func tick(value int16) []byte { return wavOf(8000, []int16{value}) }

func TestClipsAreFoundByPathVoiceAndEnding(t *testing.T) {
	l, _ := open(t, Config{}, map[string][]byte{
		"bell.wav": tick(1), "music/piano.wav": tick(2), "de-anna/goodbye.wav": tick(3), "fr/number/7.wav": tick(4),
		"misnamed.mp3": tick(5), "both.mp3": tick(6), "both.wav": tick(7), "dir.wav/inner.wav": tick(8), "dir.flac": testdata(t, "stereo44.flac"),
	})
	for _, row := range []struct {
		voice, name string
		want        int16
		path        string
	}{
		{"", "bell", 1, "bell.wav"},
		{"", "bell.wav", 1, "bell.wav"},
		{"", "music/piano", 2, "music/piano.wav"},
		{"", "de-anna/goodbye", 3, "de-anna/goodbye.wav"},
		{"de-anna", "goodbye", 3, "de-anna/goodbye.wav"},
		{"fr", "number/7", 4, "fr/number/7.wav"},
		{"", "misnamed", 5, "misnamed.mp3"},
		{"", "both", 7, "both.wav"},
		{"music", "piano", 2, "music/piano.wav"},
	} {
		c := clipOf(t, l, row.voice, row.name)
		if c.PCM[0] != row.want || c.Name != row.path {
			t.Errorf("%q of voice %q: got %d of %q, want %d of %q", row.name, row.voice, c.PCM[0], c.Name, row.want, row.path)
		}
	}
	if c := clipOf(t, l, "", "dir"); c.Name != "dir.flac" {
		t.Errorf("a folder and a file of one name: got %q, want dir.flac", c.Name)
	}
	if c := clipOf(t, l, "de-anna", Welcome); c.Name != "prompts/de/welcome.opus" || c.RateHz != 16000 {
		t.Errorf("what the voice has not: got %q at %d Hz, want that of the built-in voice", c.Name, c.RateHz)
	}
}

func TestNothingOutsideOfTheFolderIsOpened(t *testing.T) {
	l, _ := open(t, Config{}, map[string][]byte{"in/sound.wav": tick(1), "other.wav": tick(2)})
	dir := l.cfg.Folder
	outside := filepath.Join(t.TempDir(), "secret.wav")
	if err := os.WriteFile(outside, tick(9), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"out.wav": outside, "up.wav": "../" + filepath.Base(filepath.Dir(outside)) + "/secret.wav", "loop.wav": "loop.wav", "fine.wav": "other.wav", "folder": filepath.Dir(outside)} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe.wav"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range [][2]string{
		{"", outside},
		{"", "../secret"},
		{"", "in/../../secret"},
		{"", "in/../other"},
		{"", "./other"},
		{"", "other/"},
		{"", ""},
		{"", "."},
		{"", ".."},
		{"", "http://127.0.0.1/sound.wav"},
		{"", "file:///etc/passwd"},
		{"", "in\\sound.wav"},
		{"", "other\x00.wav"},
		{"", "in"},
		{"", "in/sound.wav/more"},
		{"", strings.Repeat("a", 300)},
		{"..", "secret"},
		{"in/..", "other"},
		{".", "other"},
		{"in", "../other"},
		{"", "out"},
		{"", "up"},
		{"", "loop"},
		{"", "folder/secret"},
		{"folder", "secret"},
		{"", "pipe"},
		{"", "nowhere"},
	} {
		c, err := l.Clip(t.Context(), row[0], row[1])
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%q of voice %q: got %v and %v, want %v", row[1], row[0], c, err, ErrNotFound)
		}
	}
	if c := clipOf(t, l, "", "fine"); c.PCM[0] != 2 {
		t.Errorf("a link inside: got %d, want 2", c.PCM[0])
	}
	none, _ := open(t, Config{}, nil)
	if _, err := none.Clip(t.Context(), "", "other"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "no folder of sounds is configured") {
		t.Errorf("without a folder: got %v, want %v", err, ErrNotFound)
	}
}

func TestOpenNeedsItsFolder(t *testing.T) {
	if _, err := Open(Config{Folder: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

func TestAFileThatHasChangedIsAnotherSound(t *testing.T) {
	l, _ := open(t, Config{}, map[string][]byte{"bell.wav": tick(1)})
	first := clipOf(t, l, "", "bell")
	if clipOf(t, l, "", "bell") != first {
		t.Error("unchanged: got another clip, want the same")
	}
	at := filepath.Join(l.cfg.Folder, "bell.wav")
	if err := os.WriteFile(at, tick(2), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(at, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if got := clipOf(t, l, "", "bell").PCM[0]; got != 2 || first.PCM[0] != 1 {
		t.Errorf("changed: got %d, and %d of the one before, want 2 and 1", got, first.PCM[0])
	}
}

func TestAllWhoAskAtATimeShareOneDecoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(Config{})
		if err != nil {
			t.Fatal(err)
		}
		var times atomic.Int32
		gate := make(chan struct{})
		var all sync.WaitGroup
		clips := make([]*mixer.Clip, 50)
		for i := range clips {
			all.Go(func() {
				c, err := l.load("key", "name", func() (*mixer.Clip, error) {
					times.Add(1)
					<-gate
					return &mixer.Clip{RateHz: 8000, PCM: []int16{1}}, nil
				})
				if err != nil {
					t.Error(err)
				}
				clips[i] = c
			})
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		for _, c := range clips {
			if c != clips[0] || c == nil {
				t.Errorf("got %p, want the one that all have: %p", c, clips[0])
			}
		}
		if times.Load() != 1 {
			t.Errorf("got %d decodings, want 1", times.Load())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoDoesNotWaitGetsTheCauseAndCloseWaitsForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(Config{})
		if err != nil {
			t.Fatal(err)
		}
		l.turns <- struct{}{} // somebody decodes
		hungUp := errors.New("hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(hungUp)
		if _, err := l.Clip(ctx, "", "tone:440/10"); !errors.Is(err, hungUp) {
			t.Errorf("got %v, want %v", err, hungUp)
		}
		closed := make(chan struct{})
		go func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close has returned, want it to wait for who decodes")
		default:
		}
		if _, err := l.Clip(t.Context(), "", "tone:440/10"); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: got %v, want %v", err, ErrClosed)
		}
		if l.Prompt("en", Welcome) != Beep() {
			t.Error("after Close: got a prompt, want the tone")
		}
		<-l.turns
		<-closed
		if err := l.Close(); err != nil {
			t.Errorf("a second Close: got %v, want nothing", err)
		}
	})
}

func TestCacheLetsGoOfWhatNobodyAskedForLongest(t *testing.T) {
	clip := func(samples int) *mixer.Clip { return &mixer.Clip{RateHz: 8000, PCM: make([]int16, samples)} }
	c := makeCache(3 * (perClip + 2*1000))
	for i := range 3 {
		c.put(fmt.Sprint(i), clip(1000))
	}
	if c.take("0") == nil { // now 1 is the oldest
		t.Fatal("three that fit: got one gone")
	}
	c.put("3", clip(1000))
	for key, there := range map[string]bool{"0": true, "1": false, "2": true, "3": true} {
		if got := c.take(key) != nil; got != there {
			t.Errorf("%s: got %v, want %v", key, got, there)
		}
	}
	c.put("large", clip(1_000_000))
	if c.take("large") == nil || len(c.byKey) != 1 || c.order.Len() != 1 {
		t.Errorf("one larger than the cache: got %d others, want it alone", len(c.byKey)-1)
	}
	if want := int64(perClip + 2_000_000); c.bytes != want {
		t.Errorf("got %d bytes, want %d", c.bytes, want)
	}
	c.put("4", clip(1000))
	if c.take("large") != nil || c.bytes != perClip+2000 {
		t.Errorf("after the next one: got %d bytes, want the large one gone", c.bytes)
	}
}

func TestTonesHaveTheirFrequenciesAndTimes(t *testing.T) {
	l, _ := open(t, Config{}, nil)
	c := clipOf(t, l, "en", "tone:425/200,0/100,350+440/300")
	if got, want := c.Duration(), 600*time.Millisecond; got != want || c.RateHz != 16000 {
		t.Fatalf("got %v at %d Hz, want %v at 16000", got, c.RateHz, want)
	}
	parts := map[string][]int16{"425": c.PCM[:3200], "0": c.PCM[3200:4800], "350+440": c.PCM[4800:]}
	for _, row := range []struct {
		part  string
		hz    float64
		heard bool
	}{{"425", 425, true}, {"425", 350, false}, {"350+440", 350, true}, {"350+440", 440, true}, {"350+440", 600, false}} {
		if got := strength(parts[row.part], row.hz); (got > .2) != row.heard {
			t.Errorf("%v Hz in %s: got %.2f of its sound, want it heard: %v", row.hz, row.part, got, row.heard)
		}
	}
	if got := measure.RMSDBFS(parts["0"]); got != measure.Silence {
		t.Errorf("0: got %.1f dBFS, want silence", got)
	}
	if got := measure.RMSDBFS(parts["425"]); math.Abs(got+15) > .5 {
		t.Errorf("425: got %.1f dBFS, want -15", got)
	}
	for _, text := range []string{"", "440", "440/", "/100", "440/0", "440/-1", "x/100", "440+/100", "19/100", "7001/100", "440/100,", "1000+1100+1200+1300+1400/10", "440/1.5", strings.Repeat("440/1,", 2000)} {
		if _, err := l.Clip(t.Context(), "", "tone:"+text); !errors.Is(err, ErrFormat) {
			t.Errorf("tone:%.20s: got %v, want %v", text, err, ErrFormat)
		}
	}
}

// strength is which part of pcm's energy is a tone, 0 to 1.
func strength(pcm []int16, hz float64) float64 {
	var re, im, all float64
	for i, s := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / toneRateHz)
		re, im, all = re+cos*float64(s), im+sin*float64(s), all+float64(s)*float64(s)
	}
	return 2 * (re*re + im*im) / (all * float64(len(pcm)))
}
