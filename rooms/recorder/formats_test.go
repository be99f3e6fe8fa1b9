package recorder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	goaudio "github.com/go-audio/wav"
	"github.com/mewkiz/flac"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
)

// decode reads a file of sound back, by a library that has not written it where there is one.
func decode(t testing.TB, path string) []int16 {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(path) {
	case ".wav":
		buf, err := goaudio.NewDecoder(bytes.NewReader(raw)).FullPCMBuffer()
		if err != nil {
			t.Fatal(err)
		}
		if !fileRate(buf.Format.SampleRate) || buf.Format.NumChannels != 1 {
			t.Fatalf("got %+v", buf.Format)
		}
		pcm := make([]int16, len(buf.Data))
		for i, v := range buf.Data {
			pcm[i] = int16(v)
		}
		return pcm
	case ".flac":
		return decodeFLAC(t, raw)
	}
	return decodeOgg(t, raw)
}

func decodeFLAC(t testing.TB, raw []byte) (pcm []int16) {
	t.Helper()
	stream, err := flac.Parse(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for {
		block, err := stream.ParseNext()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range block.Subframes[0].Samples {
			pcm = append(pcm, int16(s))
		}
	}
	if stream.Info.NSamples != uint64(len(pcm)) {
		t.Errorf("STREAMINFO has %d samples, there are %d", stream.Info.NSamples, len(pcm))
	}
	return pcm
}

func decodeOgg(t testing.TB, raw []byte) (pcm []int16) {
	t.Helper()
	dec, err := codec.NewDecoder(codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000})
	if err != nil {
		t.Fatal(err)
	}
	in := bytes.NewReader(raw)
	granule, pages := uint64(0), 0
	for ; ; pages++ {
		page, err := readPage(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		granule = binary.LittleEndian.Uint64(page[6:])
		if last := page[5]&oggLast != 0; last != (in.Len() == 0) {
			t.Errorf("page %d: last is %v with %d bytes behind it", pages, last, in.Len())
		}
		table := page[oggHeader : oggHeader+int(page[26])]
		body := page[oggHeader+len(table):]
		for n := 0; len(table) > 0; table = table[1:] {
			n += int(table[0])
			if table[0] == oggMaxSegments {
				continue
			}
			if pages > 1 { // behind the two of headers
				frame := make([]int16, frameSamples)
				if _, err := dec.Decode(frame, body[:n]); err != nil {
					t.Fatal(err)
				}
				pcm = append(pcm, frame...)
			}
			body, n = body[n:], 0
		}
	}
	if granule > uint64(len(pcm)) {
		t.Fatalf("the last page ends at %d, there are %d samples", granule, len(pcm))
	}
	return pcm[opusPreSkip:granule]
}

// everyFormat runs a test with each.
func everyFormat(t *testing.T, test func(t *testing.T, f rooms.RecordingFormat)) {
	for _, f := range []rooms.RecordingFormat{rooms.FormatWAV, rooms.FormatFLAC, rooms.FormatOpus} {
		t.Run(formats[f].name, func(t *testing.T) { test(t, f) })
	}
}

func TestWhatIsWrittenIsReadBackSampleExact(t *testing.T) {
	everyFormat(t, func(t *testing.T, f rooms.RecordingFormat) {
		dir := t.TempDir()
		w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordMix, Format: f})
		const frames, silent, speaks = 311, 120, 173 // silence, sound, and silence to the end
		var want []int16
		for tick := range uint64(frames) {
			var pcm []int16
			if tick >= silent && tick < speaks {
				pcm = tone(48000, 440, 8000, tick)
				want = append(want, pcm...)
			} else {
				want = append(want, make([]int16, frameSamples)...)
			}
			if err := w.put(entry{tick: tick, rateHz: 48000, length: len(pcm)}, pcm); err != nil {
				t.Fatal(err)
			}
		}
		s, err := w.finish(frames, rooms.ReasonStopped)
		if err != nil {
			t.Fatal(err)
		}
		got := decode(t, filepath.Join(dir, s.ID, s.Files[0].Name))
		if len(got) != len(want) {
			t.Fatalf("got %d samples, want %d", len(got), len(want))
		}
		if f != rooms.FormatOpus {
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("sample %d: got %d, want %d", i, got[i], want[i])
				}
			}
			return
		}
		shift, match := bestShift(got, want, silent*frameSamples, speaks*frameSamples)
		if shift != 0 || match < .99 {
			t.Errorf("the sound is %d samples late, and %.3f like what was written", shift, match)
		}
		if at := loud(got, 100); at < silent*frameSamples-240 || at > silent*frameSamples+240 {
			t.Errorf("sound begins at sample %d, want %d within 5 ms", at, silent*frameSamples)
		}
	})
}

// bestShift is by how many samples got is behind want where they are most alike, and how alike they are then.
func bestShift(got, want []int16, from, to int) (shift int, match float64) {
	for s := -200; s <= 200; s++ {
		var gw, gg, ww float64
		for i := from; i < to; i++ {
			if i+s < 0 || i+s >= len(got) {
				continue
			}
			g, w := float64(got[i+s]), float64(want[i])
			gw, gg, ww = gw+g*w, gg+g*g, ww+w*w
		}
		if alike := gw * gw / (gg*ww + 1); alike > match && gw > 0 {
			shift, match = s, alike
		}
	}
	return shift, match
}

func TestOtherProgramsReadTheFiles(t *testing.T) {
	everyFormat(t, func(t *testing.T, f rooms.RecordingFormat) {
		dir := t.TempDir()
		w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordMix, Format: f})
		const frames = 503 // 10.06 s
		for tick := range uint64(frames) {
			pcm := tone(16000, 300, 8000, tick)
			if err := w.put(entry{tick: tick, rateHz: 16000, length: len(pcm)}, pcm); err != nil {
				t.Fatal(err)
			}
		}
		s, err := w.finish(frames, rooms.ReasonStopped)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, s.ID, s.Files[0].Name)
		want := uint64(frames * mixer.FrameSamples(s.Files[0].RateHz))
		if f != rooms.FormatOpus && s.Files[0].RateHz != 16000 {
			t.Errorf("got a file of %d Hz, want that of the room", s.Files[0].RateHz)
		}
		ffmpegReads(t, path, int(want))
		if f == rooms.FormatOpus {
			out := program(t, "opusinfo", path)
			if !strings.Contains(out, "Playback length: 0m:10.060s") || strings.Contains(out, "WARNING") {
				t.Errorf("opusinfo says:\n%s", out)
			}
		}
		if f == rooms.FormatFLAC {
			program(t, "flac", "--test", "--silent", path)
		}
	})
}

// ffmpegReads says whether ffmpeg finds that many samples, and no fault.
func ffmpegReads(t *testing.T, path string, samples int) {
	t.Helper()
	program(t, "ffprobe", "-v", "error", path)
	raw := filepath.Join(t.TempDir(), "raw")
	if out := program(t, "ffmpeg", "-v", "error", "-i", path, "-f", "s16le", raw); out != "" {
		t.Errorf("ffmpeg says:\n%s", out)
	}
	info, err := os.Stat(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Size()) / 2; got != samples {
		t.Errorf("ffmpeg finds %s samples, want %d", strconv.Itoa(got), samples)
	}
}

// program runs a program and returns what it says; where it is not there the test is skipped.
func program(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
