package recorder

import (
	"context"
	"log/slog"
	"math"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testWait is how long a test waits for what must come; only a failing test waits so long.
const testWait = 20 * time.Second

// newRecorder is a recorder that has started in a folder of its own, and repaired what was there.
func newRecorder(t testing.TB, cfg Config) *Recorder {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	r := New(cfg)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeRecorder(t, r) })
	await(t, "the end of repairs", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.broken) == 0
	})
	return r
}

func closeRecorder(t testing.TB, r *Recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

// newTestWriter is a writer that no goroutine runs.
func newTestWriter(t testing.TB, root *os.Root, set rooms.RecordingSettings) *writer {
	t.Helper()
	w, err := newWriter(root, createFile, header{
		ID: newID(time.Now()), Room: "1000", Started: time.Now().UTC(),
		Content: contents[set.Content], Format: formats[set.Format].name,
	}, set, func(int64) error { return nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// frameSamples are those of 20 ms at the highest rate.
const frameSamples = mixer.MaxFrameSamples

// tone is 20 ms of a sine that runs through from one frame to the next.
func tone(rateHz int, hz, amplitude float64, tick uint64) []int16 {
	pcm := make([]int16, rateHz/50)
	for i := range pcm {
		at := float64(tick)*float64(len(pcm)) + float64(i)
		pcm[i] = int16(amplitude * math.Sin(2*math.Pi*hz*at/float64(rateHz)))
	}
	return pcm
}

// loud is where sound begins: the first sample that reaches a level.
func loud(pcm []int16, level int16) int {
	for i, s := range pcm {
		if s >= level || s <= -level {
			return i
		}
	}
	return -1
}

// await waits for a condition.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testWait); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: has not come", what)
		}
	}
}
