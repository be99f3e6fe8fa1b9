package recorder

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	}{
		{"a narrow room", []int{8000, 8000, 8000}, leastRateHz},
		{"a wide one from the beginning", []int{48000, 48000, 48000}, 48000},
		{"better telephones come in", []int{8000, 16000, 48000}, 48000},
		{"one comes in and goes", []int{8000, 48000, 8000}, 48000},
		{"the good ones go", []int{48000, 16000, 8000}, 48000},
	} {
		t.Run(row.name, func(t *testing.T) {
			everyFormat(t, func(t *testing.T, f rooms.RecordingFormat) {
				dir := t.TempDir()
				w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordBoth, Format: f})
				for i, rateHz := range row.rates {
					from := uint64(i) * ticksInSecond
					speak(t, w, from, from+ticksInSecond, rateHz, 440)
					if err := w.flush(); err != nil {
						t.Fatal(err)
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
				if i := len(row.rates) - 1; row.rates[0] < row.rates[i] { // others read what was made anew
					ffmpegReads(t, filepath.Join(dir, s.ID, "mix."+formats[f].name), int(frames)*mixer.FrameSamples(want))
				}
			})
		})
	}
}

// Where a room rises all files do, also of those who say nothing any more, so that all of them are late by the same filters and line up.
func TestFilesThatRoseLineUp(t *testing.T) {
	for _, f := range []rooms.RecordingFormat{rooms.FormatWAV, rooms.FormatFLAC} {
		t.Run(formats[f].name, func(t *testing.T) {
			dir := t.TempDir()
			w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordBoth, Format: f})
			speak(t, w, 10, 50, 8000, 440)
			speakMix(t, w, 50, 100, 48000)
			s, err := w.finish(100, rooms.ReasonStopped)
			if err != nil {
				t.Fatal(err)
			}
			var starts []int
			for _, file := range s.Files {
				pcm := decode(t, filepath.Join(dir, s.ID, file.Name))
				if file.RateHz != 48000 || len(pcm) != 100*frameSamples {
					t.Fatalf("%s: got %d samples of %d Hz, want %d of 48000", file.Name, len(pcm), file.RateHz, 100*frameSamples)
				}
				starts = append(starts, loud(pcm, 2000))
			}
			// The two resamplers are late by 12 samples of 8 and of 16 kHz.
			if at := starts[0] - 10*frameSamples; starts[0] != starts[1] || at < 72+36-10 || at > 72+36+30 {
				t.Errorf("their sound begins at %v, want both some %d samples behind frame 10", starts, 72+36)
			}
			if names := left(t, filepath.Join(dir, s.ID), risingSuffix); len(names) > 0 {
				t.Errorf("left over: %v", names)
			}
		})
	}
}

func TestACrashInAClimbLeavesTheOldFile(t *testing.T) {
	for _, f := range []rooms.RecordingFormat{rooms.FormatWAV, rooms.FormatFLAC} {
		t.Run(formats[f].name, func(t *testing.T) {
			dir := t.TempDir()
			w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordMix, Format: f})
			speakMix(t, w, 0, 120, 8000)
			next, err := w.tracks[0].anew(w.folder, 48000)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []interface{ Close() error }{next.file, w.tracks[0].file, w.journal} {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			}
			r := newRecorder(t, Config{Dir: dir})
			s := r.kept[w.header.ID]
			if !s.Repaired || s.LengthMS != 2400 || len(s.Files) != 1 || s.Files[0].RateHz != leastRateHz {
				t.Errorf("got %+v", s)
			}
			if pcm := decode(t, filepath.Join(dir, s.ID, s.Files[0].Name)); len(pcm) != 120*320 {
				t.Errorf("got %d samples, want %d", len(pcm), 120*320)
			}
			if names := left(t, filepath.Join(dir, s.ID), risingSuffix); len(names) > 0 {
				t.Errorf("left over: %v", names)
			}
		})
	}
}

// What would take long, or use up what must stay free, is not made anew; nor is it tried with each frame.
func TestAClimbThatIsTooMuchIsNotBegun(t *testing.T) {
	for name, prepare := range map[string]func(w *writer, asked *[]int64){
		"no place on the disk": func(w *writer, asked *[]int64) {
			w.space = func(bytes int64) error { *asked = append(*asked, bytes); return rooms.ErrDiskLow }
		},
		"too much was recorded": func(w *writer, asked *[]int64) {
			w.climbs = 99
			*asked = append(*asked, 100*frameSamples*2) // it is not asked for
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestWriter(t, openRoot(t, t.TempDir()), rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatWAV})
			var asked []int64
			prepare(w, &asked)
			speakMix(t, w, 0, 100, 8000)
			speakMix(t, w, 100, 110, 48000)
			s, err := w.finish(110, rooms.ReasonStopped)
			if err != nil || s.Repaired || s.RateHz != leastRateHz {
				t.Errorf("got %+v and %v, want a whole file of %d Hz", s, err, leastRateHz)
			}
			if diff := cmp.Diff([]int64{100 * frameSamples * 2}, asked); diff != "" {
				t.Errorf("bytes that place was asked for (-want +got):\n%s", diff)
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
				if err != nil || s.Repaired || s.RateHz != leastRateHz {
					t.Errorf("%s: got %+v and %v, want a whole file of 16000 Hz", formats[f].name, s, err)
				}
				pcm := decode(t, filepath.Join(dir, s.ID, "mix."+formats[f].name))
				if len(pcm) != 300*320 {
					t.Fatalf("%s: got %d samples, want %d", formats[f].name, len(pcm), 300*320)
				}
				for _, at := range []uint64{50, 250} {
					if got := toneFrom(pcm, leastRateHz, at, 440); got < -13 {
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
