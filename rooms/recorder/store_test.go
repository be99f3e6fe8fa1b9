package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/rooms"
)

// made makes a finished recording of a tenth of a second, 1,644 bytes.
func made(t *testing.T, r *Recorder) string {
	t.Helper()
	tp := openTape(t, r, rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatWAV})
	for tick := range uint64(5) {
		tp.Put(&rooms.TapeFrame{RateHz: 8000, Mix: tone(8000, 440, 3000, tick)})
	}
	if err := tp.Close(rooms.ReasonStopped); err != nil {
		t.Fatal(err)
	}
	if rec := finished(t, r, tp.id); rec.Files[0].Bytes != madeBytes {
		t.Fatalf("got %+v", rec)
	}
	return tp.id
}

// aged is a recorder over the same folder, with other bounds, to which recordings are older than they are: the first one is the oldest, by an
// hour each.
func aged(t *testing.T, r *Recorder, cfg Config, ids []string) *Recorder {
	t.Helper()
	cfg.Dir = r.cfg.Dir
	old := New(cfg)
	old.root = openRoot(t, cfg.Dir)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, id := range ids {
		s := r.kept[id]
		s.Ended = s.Ended.Add(-time.Duration(len(ids)-i) * time.Hour)
		old.kept[id] = s
	}
	return old
}

func ids(all []rooms.Recording) (ids []string) {
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}

// madeBytes is a file of made: 100 ms as WAV.
const madeBytes = wavHeader + leastRateHz/10*2

func TestRecordingsAreListedAndOutliveTheRecorder(t *testing.T) {
	dir := t.TempDir()
	r := New(Config{Dir: dir})
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		made(t, r)
	}
	all := ids(r.List("", 10))
	if len(all) != 3 {
		t.Fatalf("got %v", all)
	}
	if diff := cmp.Diff(all[1:2], ids(r.List(all[0], 1))); diff != "" {
		t.Errorf("behind the first (-want +got):\n%s", diff)
	}
	closeRecorder(t, r)
	if err := os.WriteFile(filepath.Join(dir, all[1], sidecarName), []byte("{"), fileMode); err != nil {
		t.Fatal(err)
	}
	again := newRecorder(t, Config{Dir: dir})
	if diff := cmp.Diff([]string{all[0], all[2]}, ids(again.List("", 10))); diff != "" {
		t.Errorf("after a start, with one damaged (-want +got):\n%s", diff)
	}
	if err := again.Delete(all[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := again.OpenFile(all[0], ""); !errors.Is(err, rooms.ErrNoRecording) {
		t.Errorf("a deleted one: got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, all[0])); !os.IsNotExist(err) {
		t.Errorf("its folder is still there: %v", err)
	}
}

func TestOldRecordingsGo(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  Config
		kept int // of 3, an hour apart, the newest an hour old
	}{
		{"no bounds", Config{}, 3},
		{"by age", Config{KeepFor: 90 * time.Minute}, 1},
		{"all of them are too old", Config{KeepFor: time.Minute}, 0},
		{"by size", Config{KeepBytes: 2*madeBytes + 1}, 2},
		{"just enough", Config{KeepBytes: 3 * madeBytes}, 3},
		{"by both", Config{KeepBytes: 2 * madeBytes, KeepFor: 90 * time.Minute}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRecorder(t, Config{})
			for range 3 {
				made(t, r)
			}
			all := ids(r.List("", 10))
			old := aged(t, r, row.cfg, all)
			old.tidy(time.Now())
			if diff := cmp.Diff(all[3-row.kept:], append([]string{}, ids(old.List("", 10))...)); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}
