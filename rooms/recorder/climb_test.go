package recorder

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/rooms"
)

// speak puts a tone on the mix and on the track of ann, from one frame to another.
func speak(t testing.TB, w *writer, from, to uint64, rateHz int, hz float64) {
	t.Helper()
	for tick := from; tick < to; tick++ {
		pcm := tone(rateHz, hz, 8000, tick)
		for _, id := range []string{"", "ann"} {
			if err := w.put(entry{tick: tick, id: id, rateHz: rateHz, length: len(pcm)}, pcm); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// left are the names of files in a recording's folder that end so.
func left(t *testing.T, folder, ending string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if strings.HasSuffix(f.Name(), ending) {
			names = append(names, f.Name())
		}
	}
	return names
}

// toneFrom is how loud a tone is in half a second of a file, from a frame on.
func toneFrom(pcm []int16, rateHz int, frame uint64, hz float64) float64 {
	from := int(frame) * mixer.FrameSamples(rateHz)
	return measure.ToneDBFS(pcm[from:from+rateHz/2], rateHz, hz)
}

func TestAFileRisesWithItsRoom(t *testing.T) {
	for _, row := range []struct {
		name  string
		rates []int // of one second each
		want  int   // of the files, but those of Opus
		turns bool  // of the writer, between the seconds
	}{
		{"a narrow room", []int{8000, 8000, 8000}, 8000, true},
		{"a wide one from the beginning", []int{48000, 48000, 48000}, 48000, true},
		{"better telephones come in", []int{8000, 16000, 48000}, 48000, true},
		{"all of it within one turn of the writer", []int{8000, 16000, 48000}, 48000, false},
		{"one comes in and goes", []int{8000, 16000, 8000}, 16000, true},
		{"the good ones go", []int{48000, 16000, 8000}, 48000, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			everyFormat(t, func(t *testing.T, f rooms.RecordingFormat) {
				dir := t.TempDir()
				w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordBoth, Format: f})
				for i, rateHz := range row.rates {
					from := uint64(i) * ticksInSecond
					speak(t, w, from, from+ticksInSecond, rateHz, 440)
					if row.turns {
						w.goUp(w.climbs)
						if err := w.flush(); err != nil {
							t.Fatal(err)
						}
					}
				}
				frames := uint64(len(row.rates)) * ticksInSecond
				s, err := w.finish(frames, rooms.ReasonStopped)
				if err != nil {
					t.Fatal(err)
				}
				want := row.want
				if f == rooms.FormatOpus {
					want = opusRateHz
				}
				if s.RateHz != want || len(s.Files) != 2 {
					t.Errorf("got %d Hz and files %+v, want two of %d Hz", s.RateHz, s.Files, want)
				}
				for _, file := range s.Files {
					pcm := decode(t, filepath.Join(dir, s.ID, file.Name))
					if file.RateHz != want || len(pcm) != int(frames)*mixer.FrameSamples(want) {
						t.Fatalf("%s: %d samples of %d Hz, want %d s of %d Hz", file.Name, len(pcm), file.RateHz, len(row.rates), want)
					}
					for i := range row.rates {
						if got := toneFrom(pcm, want, uint64(i)*ticksInSecond+10, 440); math.Abs(got-20*math.Log10(8000./32768)) > 0.5 {
							t.Errorf("%s: the tone of second %d has %.1f dBFS", file.Name, i, got)
						}
					}
				}
				if names := left(t, filepath.Join(dir, s.ID), risingSuffix); len(names) > 0 {
					t.Errorf("left over: %v", names)
				}
				if i := len(row.rates) - 1; row.turns && row.rates[0] < row.rates[i] { // others read what was made anew
					ffmpegReads(t, filepath.Join(dir, s.ID, "mix."+formats[f].name), int(frames)*mixer.FrameSamples(want))
				}
			})
		})
	}
}

// A file that is made anew at a higher rate is never further from the sound than the resampler's delay, whatever place the climb has come to.
func TestAClimbTakesTurnsAndLosesNothing(t *testing.T) {
	for _, f := range []rooms.RecordingFormat{rooms.FormatWAV, rooms.FormatFLAC} {
		t.Run(formats[f].name, func(t *testing.T) {
			dir := t.TempDir()
			w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordBoth, Format: f})
			const wide, most = 400, 200
			w.climbs = most
			speak(t, w, 0, 50, 8000, 440)
			for tick := uint64(50); tick < wide; tick++ { // nobody says anything
				if err := w.put(entry{tick: tick, rateHz: 8000}, nil); err != nil {
					t.Fatal(err)
				}
			}
			speak(t, w, wide, wide+50, 48000, 6000)
			if w.tracks[0].rateHz != 8000 || w.tracks[0].climb.copied != most {
				t.Errorf("after a turn the mix has %d Hz, and %d frames of it are made anew", w.tracks[0].rateHz, w.tracks[0].climb.copied)
			}
			for turns := 0; w.tracks[0].climb != nil || w.tracks[1].climb != nil; turns++ {
				if turns == 4 {
					t.Fatal("the files do not get there")
				}
				w.goUp(most)
			}
			speak(t, w, wide+50, wide+100, 48000, 6000)
			s, err := w.finish(wide+100, rooms.ReasonStopped)
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range s.Files {
				pcm := decode(t, filepath.Join(dir, s.ID, file.Name))
				if len(pcm) != int(wide+100)*frameSamples {
					t.Fatalf("%s: got %d samples, want %d", file.Name, len(pcm), int(wide+100)*frameSamples)
				}
				if got := toneFrom(pcm, maxRateHz, 10, 440); got < -13 {
					t.Errorf("%s: the tone at the beginning has %.1f dBFS", file.Name, got)
				}
				if at := loud(pcm[51*frameSamples:wide*frameSamples], 10); at >= 0 {
					t.Errorf("%s: sample %d of the silence is none", file.Name, at)
				}
				if got := toneFrom(pcm, maxRateHz, wide+60, 6000); got < -13 {
					t.Errorf("%s: the tone of 6 kHz has %.1f dBFS", file.Name, got)
				}
				// The resampler is late by 12 samples of 8 kHz.
				if at := loud(pcm, 4000); at < 72 || at > 72+30 {
					t.Errorf("%s: its sound begins at sample %d, want some 80", file.Name, at)
				}
			}
		})
	}
}

func TestACrashInAClimbLeavesTheOldFile(t *testing.T) {
	for _, f := range []rooms.RecordingFormat{rooms.FormatWAV, rooms.FormatFLAC} {
		t.Run(formats[f].name, func(t *testing.T) {
			dir := t.TempDir()
			w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordMix, Format: f})
			speakMix(t, w, 0, 100, 8000)
			w.rateHz = 48000
			if err := w.tracks[0].rise(w.folder, 48000); err != nil {
				t.Fatal(err)
			}
			w.goUp(40) // of 100
			speakMix(t, w, 100, 120, 48000)
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
			if names := left(t, filepath.Join(dir, w.header.ID+partSuffix), risingSuffix); len(names) != 1 {
				t.Fatalf("files that are made anew: %v, want one", names)
			}
			for _, c := range []interface{ Close() error }{w.tracks[0].climb.from, w.tracks[0].climb.next.file, w.tracks[0].file, w.journal} {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			}
			r := newRecorder(t, Config{Dir: dir})
			s := r.kept[w.header.ID]
			if !s.Repaired || s.LengthMS != 2400 || len(s.Files) != 1 || s.RateHz != 8000 || s.Files[0].RateHz != 8000 {
				t.Errorf("got %+v", s)
			}
			if pcm := decode(t, filepath.Join(dir, s.ID, s.Files[0].Name)); len(pcm) != 120*160 {
				t.Errorf("got %d samples, want %d", len(pcm), 120*160)
			}
			if names := left(t, filepath.Join(dir, s.ID), risingSuffix); len(names) > 0 {
				t.Errorf("left over: %v", names)
			}
		})
	}
}

// Where there is no place for the new file the sound goes on at the rate that it had.
func TestWhatCannotRiseStays(t *testing.T) {
	for _, row := range []struct {
		name  string
		bytes int // that the new file takes; below 0: it cannot be made
	}{
		{"no file can be made", -1},
		{"its beginning does not fit", 0},
		{"a part of it does not fit", 100_000},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, f := range []rooms.RecordingFormat{rooms.FormatWAV, rooms.FormatFLAC} {
				dir := t.TempDir()
				w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordMix, Format: f})
				speakMix(t, w, 0, 200, 8000)
				bytes := row.bytes
				w.folder.make = func(root *os.Root, name string) (file, error) {
					if bytes < 0 {
						return nil, syscall.EMFILE
					}
					made, err := createFile(root, name)
					return fullDisk{made, &bytes, syscall.ENOSPC}, err
				}
				speakMix(t, w, 200, 300, 48000)
				s, err := w.finish(300, rooms.ReasonStopped)
				if err != nil || s.Repaired || s.RateHz != 8000 {
					t.Errorf("%s: got %+v and %v, want a whole file of 8000 Hz", formats[f].name, s, err)
				}
				pcm := decode(t, filepath.Join(dir, s.ID, "mix."+formats[f].name))
				if len(pcm) != 300*160 {
					t.Fatalf("%s: got %d samples, want %d", formats[f].name, len(pcm), 300*160)
				}
				for _, at := range []uint64{50, 250} {
					if got := toneFrom(pcm, 8000, at, 440); got < -13 {
						t.Errorf("%s: the tone at frame %d has %.1f dBFS", formats[f].name, at, got)
					}
				}
				if names := left(t, filepath.Join(dir, s.ID), risingSuffix); len(names) > 0 {
					t.Errorf("%s: left over: %v", formats[f].name, names)
				}
			}
		})
	}
}

// speakMix is speak without the track.
func speakMix(t *testing.T, w *writer, from, to uint64, rateHz int) {
	t.Helper()
	for tick := from; tick < to; tick++ {
		pcm := tone(rateHz, 440, 8000, tick)
		if err := w.put(entry{tick: tick, rateHz: rateHz, length: len(pcm)}, pcm); err != nil {
			t.Fatal(err)
		}
	}
}

// Where an encoder of Opus gives way to one of a higher rate nothing roars, breaks off or clicks: a decoder remembers what the old one has said.
func TestOpusRisesUnheard(t *testing.T) {
	for _, row := range [][2]int{{8000, 16000}, {8000, 48000}, {16000, 48000}} {
		dir := t.TempDir()
		w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatOpus})
		const at, frames = 53, 100
		for tick := range uint64(frames) {
			rateHz := row[0]
			if tick >= at {
				rateHz = row[1]
			}
			pcm := vowel(rateHz, tick)
			if err := w.put(entry{tick: tick, rateHz: rateHz, length: len(pcm)}, pcm); err != nil {
				t.Fatal(err)
			}
		}
		s, err := w.finish(frames, rooms.ReasonStopped)
		if err != nil {
			t.Fatal(err)
		}
		pcm := decode(t, filepath.Join(dir, s.ID, "mix.opus"))
		usual := measure.RMSDBFS(pcm[20*frameSamples : 40*frameSamples])
		steps := largest(pcm[20*frameSamples : 40*frameSamples])
		for i := (at - 1) * frameSamples; i < (at+10)*frameSamples; i += frameSamples / 2 {
			if got := measure.RMSDBFS(pcm[i:i+frameSamples/2]) - usual; math.Abs(got) > 3 {
				t.Errorf("%d to %d Hz: %.0f ms behind the change the sound has %+.1f dB", row[0], row[1], float64(i-at*frameSamples)/48, got)
			}
		}
		if got := largest(pcm[(at-1)*frameSamples : (at+10)*frameSamples]); got > 2*steps {
			t.Errorf("%d to %d Hz: steps of %d at the change, %d elsewhere", row[0], row[1], got, steps)
		}
	}
}

// vowel is 20 ms of a buzz of 140 Hz with what a voice has below 3 kHz.
func vowel(rateHz int, tick uint64) []int16 {
	pcm := make([]int16, rateHz/50)
	for i := range pcm {
		at := (float64(tick)*float64(len(pcm)) + float64(i)) / float64(rateHz)
		v := 0.0
		for k := 1.0; k <= 20; k++ {
			v += math.Sin(2*math.Pi*140*k*at) / k
		}
		pcm[i] = int16(3000 * v)
	}
	return pcm
}

// largest is the largest step between two samples.
func largest(pcm []int16) (step int) {
	for i := range pcm[1:] {
		step = max(step, int(pcm[i+1])-int(pcm[i]), int(pcm[i])-int(pcm[i+1]))
	}
	return step
}
