package recorder

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
)

// openTape begins a recording, which is closed when the test ends if it has not been before.
func openTape(t *testing.T, r *Recorder, set rooms.RecordingSettings) *tape {
	t.Helper()
	made, err := r.Open("1000", set)
	if err != nil {
		t.Fatal(err)
	}
	tp := made.(*tape)
	t.Cleanup(func() {
		select {
		case <-tp.closing:
		default:
			tp.Close(rooms.ReasonStopped)
		}
	})
	return tp
}

// finished waits until a recording's files are whole.
func finished(t *testing.T, r *Recorder, id string) rooms.Recording {
	t.Helper()
	var rec rooms.Recording
	await(t, "the end of recording "+id, func() bool {
		var err error
		rec, err = r.Recording(id)
		return err == nil && rec.State == rooms.RecordingFinished
	})
	return rec
}

func TestATapeBecomesFilesAndASidecar(t *testing.T) {
	r := newRecorder(t, Config{})
	tp := openTape(t, r, rooms.RecordingSettings{Content: rooms.RecordBoth, Format: rooms.FormatFLAC})
	who := rooms.ParticipantInfo{ID: "ann", Caller: rooms.Caller{DisplayName: "../../etc/passwd\n<b>", Address: "sip:ann@192.0.2.1"}, Format: codec.Format{Name: codec.G722}}
	tp.Note(rooms.Event{Kind: rooms.KindJoined, Participant: who})
	for tick := range uint64(100) {
		switch tick {
		case 50:
			tp.Note(rooms.Event{Kind: rooms.KindTalkingStarted, Participant: who})
		case 75:
			tp.Note(rooms.Event{Kind: rooms.KindTalkingStopped, Participant: who})
		}
		f := rooms.TapeFrame{RateHz: 8000, Mix: tone(8000, 440, 3000, tick)}
		if tick >= 50 && tick < 75 {
			f.Voices = []rooms.TapeVoice{{ID: "ann", PCM: f.Mix}}
		}
		if !tp.Put(&f) {
			t.Fatal("the tape takes no more")
		}
	}
	if rec, err := r.Recording(tp.id); err != nil || rec.State != rooms.RecordingRunning || rec.Length != 2*time.Second {
		t.Errorf("got %+v and %v", rec, err)
	}
	if err := r.Delete(tp.id); !errors.Is(err, rooms.ErrRecordingOpen) {
		t.Errorf("delete while it runs: got %v", err)
	}
	if _, err := r.OpenFile(tp.id, ""); !errors.Is(err, rooms.ErrRecordingOpen) {
		t.Errorf("open while it runs: got %v", err)
	}
	if err := tp.Close(rooms.ReasonStopped); err != nil {
		t.Fatal(err)
	}
	rec := finished(t, r, tp.id)
	if rec.Length != 2*time.Second || rec.Reason != rooms.ReasonStopped || rec.Gaps != 0 || rec.Repaired || len(rec.Files) != 2 {
		t.Errorf("got %+v", rec)
	}
	for i, name := range []string{"mix.flac", "ann.flac"} {
		if rec.Files[i].Name != name {
			t.Errorf("file %d is %s, want %s", i, rec.Files[i].Name, name)
		}
		if pcm := decode(t, filepath.Join(r.cfg.Dir, tp.id, name)); len(pcm) != 2*leastRateHz {
			t.Errorf("%s has %d samples, want 2 s", name, len(pcm))
		}
	}
	want := []person{{ID: "ann", Name: who.DisplayName, Address: who.Address, Codec: string(codec.G722), Talk: []span{{1000, 1500}}}}
	s, err := readSidecar(r.root, tp.id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.People, cmp.AllowUnexported(person{})); diff != "" {
		t.Errorf("participants (-want +got):\n%s", diff)
	}
	_, sum, err := fingerprint(r.root, filepath.Join(tp.id, "mix.flac"))
	if err != nil || sum != s.Files[0].SHA256 {
		t.Errorf("SHA-256 is %s (%v), the sidecar has %s", sum, err, s.Files[0].SHA256)
	}
}

func TestWhatDoesNotFitIsSilenceAndAGap(t *testing.T) {
	dir := t.TempDir()
	r := newRecorder(t, Config{Dir: dir})
	tp, err := r.newTape(openRoot(t, dir), "1000", rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatWAV})
	if err != nil {
		t.Fatal(err)
	}
	// Nobody takes: what is more than the queue holds is lost.
	const put, skipped, more = 200, 7, 50
	holds := len(tp.ring.samples) / 960
	if holds >= put {
		t.Fatalf("the queue holds %d ticks: the test loses none", holds)
	}
	for tick := range uint64(put) {
		tp.Put(&rooms.TapeFrame{RateHz: 48000, Mix: tone(48000, 440, 3000, tick)})
	}
	if err := tp.drain(); err != nil {
		t.Fatal(err)
	}
	for tick := range uint64(more) {
		f := rooms.TapeFrame{RateHz: 48000, Mix: tone(48000, 440, 3000, tick)}
		if tick == 10 {
			f.Skipped = skipped // the room was late
		}
		tp.Put(&f)
	}
	if err := tp.drain(); err != nil {
		t.Fatal(err)
	}
	if err := tp.Close(rooms.ReasonStopped); err != nil {
		t.Fatal(err)
	}
	s, err := tp.writer.finish(tp.end, rooms.ReasonStopped)
	if err != nil {
		t.Fatal(err)
	}
	want := []span{{ms(uint64(holds)), ms(put)}, {ms(put + 10), ms(put + 10 + skipped)}}
	if diff := cmp.Diff(want, s.Gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	pcm := decode(t, filepath.Join(dir, s.ID, "mix.wav"))
	if want := (put + skipped + more) * frameSamples; len(pcm) != want {
		t.Errorf("got %d samples, want %d", len(pcm), want)
	}
	for _, gap := range s.Gaps {
		from, to := gap.FromMS*maxRateHz/1000, gap.ToMS*maxRateHz/1000
		if at := loud(pcm[from:to], 1); at >= 0 {
			t.Errorf("sample %d of the gap at %d ms is not silent", at, gap.FromMS)
		}
		if loud(pcm[to:to+frameSamples], 1000) < 0 {
			t.Errorf("no sound behind the gap at %d ms", gap.FromMS)
		}
	}
}

func TestPutDoesNotAllocate(t *testing.T) {
	dir := t.TempDir()
	r := newRecorder(t, Config{Dir: dir})
	tp, err := r.newTape(openRoot(t, dir), "1000", rooms.RecordingSettings{Content: rooms.RecordBoth, Format: rooms.FormatWAV})
	if err != nil {
		t.Fatal(err)
	}
	pcm := tone(48000, 440, 3000, 0)
	f := &rooms.TapeFrame{RateHz: 48000, Mix: pcm, Voices: []rooms.TapeVoice{{ID: "ann", PCM: pcm}, {ID: "bob", PCM: pcm}}}
	got := testing.AllocsPerRun(1000, func() { // past the point where it is full
		if !tp.Put(f) {
			t.Fatal("the tape takes no more")
		}
	})
	if got != 0 {
		t.Errorf("%.1f allocations a frame, want 0", got)
	}
	if err := tp.writer.discard(); err != nil {
		t.Error(err)
	}
}

func TestThePauseIsLeftOutAndTold(t *testing.T) {
	r := newRecorder(t, Config{})
	tp := openTape(t, r, rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatWAV})
	put := func() {
		for tick := range uint64(50) {
			tp.Put(&rooms.TapeFrame{RateHz: 8000, Mix: tone(8000, 440, 3000, tick)})
		}
	}
	from := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	put()
	tp.Note(rooms.Event{Kind: rooms.KindRecordingPaused, Time: from})
	tp.Note(rooms.Event{Kind: rooms.KindRecordingResumed, Time: from.Add(time.Minute)})
	put()
	if err := tp.Close(rooms.ReasonEmpty); err != nil {
		t.Fatal(err)
	}
	if rec := finished(t, r, tp.id); rec.Length != 2*time.Second {
		t.Errorf("got a length of %v, want 2s", rec.Length)
	}
	want := []pause{{AtMS: 1000, From: from, To: from.Add(time.Minute)}}
	if diff := cmp.Diff(want, r.kept[tp.id].Pauses); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
}

// fullDisk is a file that takes so many bytes and then no more.
type fullDisk struct {
	file
	left *int
	err  error
}

func (f fullDisk) Write(b []byte) (int, error) {
	if *f.left < len(b) {
		n, err := f.file.Write(b[:*f.left])
		*f.left = 0
		return n, errors.Join(f.err, err)
	}
	*f.left -= len(b)
	return f.file.Write(b)
}

func TestADiskThatFailsEndsTheRecordingAndWhatIsThereIsWhole(t *testing.T) {
	for _, row := range []struct {
		name   string
		fault  error
		want   error
		reason rooms.Reason
	}{
		{"the disk is full", syscall.ENOSPC, rooms.ErrDiskLow, rooms.ReasonDiskLow},
		{"the quota is used up", syscall.EDQUOT, rooms.ErrDiskLow, rooms.ReasonDiskLow},
		{"the disk has become read-only", syscall.EROFS, rooms.ErrDisk, rooms.ReasonDiskFailed},
		{"the disk has a fault", syscall.EIO, rooms.ErrDisk, rooms.ReasonDiskFailed},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel() // each waits for the writer's turns
			everyFormat(t, func(t *testing.T, f rooms.RecordingFormat) {
				t.Parallel()
				r := New(Config{Dir: t.TempDir()})
				left := 50_000
				r.create = func(root *os.Root, name string) (file, error) {
					made, err := createFile(root, name)
					return fullDisk{made, &left, &os.PathError{Op: "write", Path: name, Err: row.fault}}, err
				}
				if err := r.Start(); err != nil {
					t.Fatal(err)
				}
				defer closeRecorder(t, r)
				tp := openTape(t, r, rooms.RecordingSettings{Content: rooms.RecordMix, Format: f})
				tick := uint64(0)
				await(t, "the fault", func() bool {
					for range 20 {
						if !tp.Put(&rooms.TapeFrame{RateHz: 48000, Mix: tone(48000, 440, 3000, tick)}) {
							return true
						}
						tick++
					}
					return false
				})
				if err := tp.Close(rooms.ReasonStopped); !errors.Is(err, row.want) {
					t.Errorf("got %v, want %v", err, row.want)
				}
				rec := finished(t, r, tp.id)
				if rec.Reason != row.reason || !rec.Repaired || len(rec.Files) != 1 {
					t.Errorf("got %+v", rec)
				}
				pcm := decode(t, filepath.Join(r.cfg.Dir, tp.id, rec.Files[0].Name))
				if got := time.Duration(len(pcm)) * time.Second / maxRateHz; got == 0 || got-rec.Length >= tickDuration || rec.Length > got {
					t.Errorf("the file is %v long, the recording %v", got, rec.Length)
				}
			})
		})
	}
}

func TestALowDiskIsLeftAlone(t *testing.T) {
	r := New(Config{Dir: t.TempDir(), MinFree: 1000})
	free := make(chan int64, 1)
	free <- 1000
	r.free = func(string) (int64, error) {
		n := <-free
		free <- n
		return n, nil
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	defer closeRecorder(t, r)
	tp := openTape(t, r, rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatOpus})
	tp.Put(&rooms.TapeFrame{RateHz: 8000, Mix: tone(8000, 440, 3000, 0)})
	<-free
	free <- 999
	await(t, "the end", func() bool { return !tp.Put(&rooms.TapeFrame{RateHz: 8000}) })
	if err := tp.Close(rooms.ReasonStopped); !errors.Is(err, rooms.ErrDiskLow) {
		t.Errorf("got %v", err)
	}
	if rec := finished(t, r, tp.id); rec.Reason != rooms.ReasonDiskLow || rec.Repaired {
		t.Errorf("got %+v", rec)
	}
	if _, err := r.Open("1000", rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatOpus}); !errors.Is(err, rooms.ErrDiskLow) {
		t.Errorf("another one: got %v", err)
	}
}

func TestAFolderThatCannotBeUsedIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, fileMode); err != nil {
		t.Fatal(err)
	}
	if err := New(Config{Dir: file}).Start(); err == nil {
		t.Error("a file was taken for a folder")
	}
	r := newRecorder(t, Config{})
	if err := New(Config{Dir: r.cfg.Dir}).Start(); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("a folder in use: got %v", err)
	}
	if _, err := New(Config{Dir: file}).Open("1000", rooms.RecordingSettings{}); !errors.Is(err, rooms.ErrNoRecorder) {
		t.Errorf("not started: got %v", err)
	}
}

func TestNoNameLeadsOutOfTheFolder(t *testing.T) {
	r := newRecorder(t, Config{})
	outside := filepath.Join(filepath.Dir(r.cfg.Dir), "secret.wav")
	if err := os.WriteFile(outside, []byte("secret"), fileMode); err != nil {
		t.Fatal(err)
	}
	tp, err := r.Open("..", rooms.RecordingSettings{Content: rooms.RecordBoth, Format: rooms.FormatWAV}) // a number that rooms may have
	if err != nil {
		t.Fatal(err)
	}
	hostile := []string{"../../secret", "/etc/passwd", "a/b", "..", ".", "mix", "UPPER", "a\x00b", "recording"}
	for _, id := range hostile {
		pcm := tone(8000, 440, 3000, 0)
		tp.Put(&rooms.TapeFrame{RateHz: 8000, Mix: pcm, Voices: []rooms.TapeVoice{{ID: id, PCM: pcm}}})
	}
	if err := tp.Close(rooms.ReasonStopped); err != nil {
		t.Fatal(err)
	}
	id := tp.Recording().ID
	rec := finished(t, r, id)
	if len(rec.Files) != 2 || rec.Files[1].Name != "recording.wav" || rec.Room != ".." {
		t.Errorf("got %+v", rec)
	}
	for _, name := range []string{"../../secret.wav", outside, "..", ".", lockName, "../" + lockName, "mix.wav/../../x"} {
		if f, err := r.OpenFile(id, name); !errors.Is(err, rooms.ErrNoRecording) {
			t.Errorf("file %q: got %v and %v", name, f, err)
		}
		if _, err := r.Recording(name); !errors.Is(err, rooms.ErrNoRecording) {
			t.Errorf("recording %q: got %v", name, err)
		}
		if err := r.Delete(name); !errors.Is(err, rooms.ErrNoRecording) {
			t.Errorf("delete %q: got %v", name, err)
		}
	}
	f, err := r.OpenFile(id, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if head, err := io.ReadAll(io.LimitReader(f, 4)); err != nil || string(head) != "RIFF" {
		t.Errorf("the first file begins with %q (%v)", head, err)
	}
	if raw, err := os.ReadFile(outside); err != nil || string(raw) != "secret" {
		t.Errorf("what is outside has become %q (%v)", raw, err)
	}
}
