package recorder

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
)

// crashed writes seconds of a recording and lets go of it as a crash would: nothing is finished. It returns its ID.
func crashed(t testing.TB, dir string, set rooms.RecordingSettings, frames uint64) string {
	t.Helper()
	w := newTestWriter(t, openRoot(t, dir), set)
	err := w.note(0, rooms.Event{Kind: rooms.KindJoined, Participant: rooms.ParticipantInfo{ID: "ann", Caller: rooms.Caller{DisplayName: "Ann"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.note(10, rooms.Event{Kind: rooms.KindTalkingStarted, Participant: rooms.ParticipantInfo{ID: "ann"}}); err != nil {
		t.Fatal(err)
	}
	for tick := range frames {
		mix := tone(8000, 440, 8000, tick)
		if err := w.put(entry{tick: tick, rateHz: 8000, length: len(mix)}, mix); err != nil {
			t.Fatal(err)
		}
		if tick < 10 {
			continue
		}
		if err := w.put(entry{tick: tick, id: "ann", rateHz: 8000, length: len(mix)}, mix); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	for _, tr := range w.tracks {
		tr.file.Close()
	}
	w.journal.Close()
	return w.header.ID
}

func TestAfterACrashAllButTheLastSecondIsThere(t *testing.T) {
	everyFormat(t, func(t *testing.T, f rooms.RecordingFormat) {
		dir := t.TempDir()
		const frames = 523
		id := crashed(t, dir, rooms.RecordingSettings{Content: rooms.RecordBoth, Format: f}, frames)
		r := newRecorder(t, Config{Dir: dir})
		rec, err := r.Recording(id)
		if err != nil {
			t.Fatal(err)
		}
		if !rec.Repaired || rec.State != rooms.RecordingFinished || len(rec.Files) != 2 || rec.Room != "1000" {
			t.Errorf("got %+v", rec)
		}
		lost := frames*tickDuration - rec.Length
		if lost < 0 || lost > time.Second {
			t.Errorf("%v of %v are lost", lost, frames*tickDuration)
		}
		for _, file := range rec.Files {
			pcm := decode(t, filepath.Join(dir, id, file.Name))
			rateHz := leastRateHz
			if f == rooms.FormatOpus {
				rateHz = opusRateHz
			}
			if missing := frames*mixer.FrameSamples(rateHz) - len(pcm); missing < 0 || missing > rateHz {
				t.Errorf("%s: %d samples are missing", file.Name, missing)
			}
		}
		s := r.kept[id]
		if len(s.People) != 1 || s.People[0].Name != "Ann" || len(s.People[0].Talk) != 1 || s.People[0].Talk[0] != (span{200, s.LengthMS}) {
			t.Errorf("the sidecar has %+v", s.People)
		}
		if _, err := os.Stat(filepath.Join(dir, id+partSuffix)); !os.IsNotExist(err) {
			t.Errorf("the folder of what is not whole is still there: %v", err)
		}
	})
}

// A file that is cut at any byte is a whole file of less sound once it is repaired, and what is left is what was written.
func TestAFileCutAnywhereIsRepaired(t *testing.T) {
	everyFormat(t, func(t *testing.T, f rooms.RecordingFormat) {
		dir := t.TempDir()
		const frames = 100
		id := crashed(t, dir, rooms.RecordingSettings{Content: rooms.RecordMix, Format: f}, frames)
		ending := formats[f].name
		whole, err := os.ReadFile(filepath.Join(dir, id+partSuffix, "mix."+ending))
		if err != nil {
			t.Fatal(err)
		}
		full := filepath.Join(dir, "full."+ending)
		if err := os.WriteFile(full, whole, fileMode); err != nil {
			t.Fatal(err)
		}
		repaired(t, full, f)
		want := decode(t, full)
		rapid.Check(t, func(rt *rapid.T) {
			cut := rapid.IntRange(0, len(whole)).Draw(rt, "bytes")
			path := filepath.Join(dir, "cut."+ending)
			if err := os.WriteFile(path, whole[:cut], fileMode); err != nil {
				rt.Fatal(err)
			}
			samples := repaired(t, path, f)
			if cut == len(whole) && samples != uint64(len(want)) {
				rt.Fatalf("%d samples are left of a file that was not cut, want %d", samples, len(want))
			}
			if samples == 0 {
				if cut > len(whole)/2 { // a second
					rt.Fatalf("nothing is left of %d bytes", cut)
				}
				return
			}
			got := decode(t, path)
			if uint64(len(got)) != samples || len(got) > len(want) {
				rt.Fatalf("%d samples are there, repair says %d, and %d were written", len(got), samples, len(want))
			}
			for i := range got {
				if got[i] != want[i] {
					rt.Fatalf("sample %d of %d: got %d, want %d", i, len(got), got[i], want[i])
				}
			}
		})
	})
}

func repaired(t testing.TB, path string, f rooms.RecordingFormat) uint64 {
	t.Helper()
	root := openRoot(t, filepath.Dir(path))
	sound, err := repairFile(root, filepath.Base(path), formats[f], nil)
	if err != nil {
		return 0
	}
	return sound.samples
}

func TestWhatHadNoSoundIsTakenAway(t *testing.T) {
	dir := t.TempDir()
	id := crashed(t, dir, rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatOpus}, 0)
	r := newRecorder(t, Config{Dir: dir})
	if _, err := r.Recording(id); err == nil {
		t.Error("a recording without sound is listed")
	}
	if left := folders(r.root); len(left) != 0 {
		t.Errorf("folders are left: %v", left)
	}
}

// A recording that is being repaired is listed as one whose files are being finished; a recorder that is closed meanwhile leaves it to the next one.
func TestNobodyWaitsForARepair(t *testing.T) {
	dir := t.TempDir()
	id := crashed(t, dir, rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatFLAC}, 100)
	r := New(Config{Dir: dir})
	r.finishing <- struct{}{} // something else is finished
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	rec, err := r.Recording(id)
	if err != nil || rec.State != rooms.RecordingFinishing || rec.Room != "1000" || rec.Content != rooms.RecordMix || rec.Format != rooms.FormatFLAC || rec.Started.IsZero() {
		t.Errorf("got %+v, %v", rec, err)
	}
	if all := r.List("", 10); len(all) != 1 || all[0].ID != id {
		t.Errorf("listed: %v", all)
	}
	if err := r.Delete(id); !errors.Is(err, rooms.ErrRecordingOpen) {
		t.Errorf("delete: got %v", err)
	}
	closed := make(chan struct{})
	go func() {
		closeRecorder(t, r)
		close(closed)
	}()
	<-r.stop
	<-r.finishing // it is the repair's turn, which sees that it is too late
	<-closed
	if _, err := r.Recording(id); err != nil {
		t.Errorf("after Close: %v", err)
	}
	next := newRecorder(t, Config{Dir: dir})
	if rec, err := next.Recording(id); err != nil || rec.State != rooms.RecordingFinished || !rec.Repaired || rec.Length != 2*time.Second {
		t.Errorf("the next one: got %+v, %v", rec, err)
	}
}

func TestARecordingWithoutItsJournalIsRepairedAllTheSame(t *testing.T) {
	dir := t.TempDir()
	id := crashed(t, dir, rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatWAV}, 100)
	if err := os.WriteFile(filepath.Join(dir, id+partSuffix, journalName), []byte("\x00garbage"), fileMode); err != nil {
		t.Fatal(err)
	}
	r := newRecorder(t, Config{Dir: dir, KeepFor: time.Hour}) // its age is told by its name
	rec, err := r.Recording(id)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Length != 2*time.Second || rec.Format != rooms.FormatWAV || rec.Room != "" {
		t.Errorf("got %+v", rec)
	}
}

func TestAFileThatCannotBeReadDoesNotCostTheOthers(t *testing.T) {
	dir := t.TempDir()
	id := crashed(t, dir, rooms.RecordingSettings{Content: rooms.RecordBoth, Format: rooms.FormatFLAC}, 100)
	tracks, err := filepath.Glob(filepath.Join(dir, id+partSuffix, "*.flac"))
	if err != nil || len(tracks) < 2 {
		t.Fatalf("%v, %v", tracks, err)
	}
	for _, track := range tracks {
		if filepath.Base(track) != "mix.flac" {
			if err := os.WriteFile(track, make([]byte, 4096), fileMode); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	r := newRecorder(t, Config{Dir: dir})
	rec, err := r.Recording(id)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Files) != len(tracks)-1 || rec.Files[0].Name != "mix.flac" {
		t.Errorf("got %+v of %v", rec.Files, tracks)
	}
}

// A folder in which only the last step was missing is renamed, and its recording is as it was.
func TestAWholeRecordingIsNotRepaired(t *testing.T) {
	dir := t.TempDir()
	id := crashed(t, dir, rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatWAV}, 100)
	if err := newRecorder(t, Config{Dir: dir}).Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, id, sidecarName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, id), filepath.Join(dir, id+partSuffix)); err != nil {
		t.Fatal(err)
	}
	newRecorder(t, Config{Dir: dir})
	after, err := os.ReadFile(filepath.Join(dir, id, sidecarName))
	if err != nil || string(after) != string(before) {
		t.Errorf("%v: the sidecar was\n%s\nand is\n%s", err, before, after)
	}
}

// FuzzRepair repairs files of anything: it may fail, but what it calls repaired is as long as it says, and is so when it is repaired again.
func FuzzRepair(f *testing.F) {
	dir := f.TempDir()
	for _, format := range []rooms.RecordingFormat{rooms.FormatWAV, rooms.FormatFLAC, rooms.FormatOpus} {
		id := crashed(f, dir, rooms.RecordingSettings{Content: rooms.RecordMix, Format: format}, 60)
		raw, err := os.ReadFile(filepath.Join(dir, id+partSuffix, "mix."+formats[format].name))
		if err != nil {
			f.Fatal(err)
		}
		if len(raw) > 16<<10 {
			raw = raw[:16<<10]
		}
		f.Add(uint8(format), raw)
		f.Add(uint8(format), raw[:len(raw)/2])
	}
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		format := rooms.RecordingFormat(kind%3) + rooms.FormatWAV
		path := filepath.Join(t.TempDir(), "f."+formats[format].name)
		if err := os.WriteFile(path, raw, fileMode); err != nil {
			t.Fatal(err)
		}
		root := openRoot(t, filepath.Dir(path))
		first, err := repairFile(root, filepath.Base(path), formats[format], nil)
		if err != nil || first.samples == 0 {
			return
		}
		once, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(once) > len(raw) {
			t.Errorf("repair made %d bytes of %d", len(once), len(raw))
		}
		again, err := repairFile(root, filepath.Base(path), formats[format], nil)
		if err != nil || again != first {
			t.Errorf("repaired again: %+v and %v, want %+v", again, err, first)
		}
		twice, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(once, twice) {
			t.Error("repairing what was repaired changed it")
		}
	})
}

// FuzzJournal reads journals of anything.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"header":{"id":"a","room":"1000"},"tick":0}` + "\n" + `{"tick":5,"kind":"joined","id":"ann"}` + "\n" +
		`{"tick":9,"kind":"talk","id":"ann"}` + "\n" + `{"tick":10,"kind":"gap","ticks":3}` + "\n" + `{"tick":12,"kind":"qui`))
	f.Add([]byte(`{"kind":"resumed"}` + "\n" + `{"kind":"paused","time":"2026-03-04T12:00:00Z"}` + "\n" + `{"kind":"left","id":"x"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := readJournal(bytes.NewReader(raw))
		s.end(100)
		for _, p := range s.People {
			for _, talk := range p.Talk {
				if talk.ToMS < talk.FromMS {
					t.Errorf("talk from %d to %d", talk.FromMS, talk.ToMS)
				}
			}
		}
	})
}
