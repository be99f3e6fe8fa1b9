package sounds

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/measure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chirp is what the files of testdata have: half a second from 300 to 3000 Hz at -13 dBFS.
func chirp(rateHz int) []int16 {
	pcm := make([]int16, rateHz/2)
	for i := range pcm {
		t := float64(i) / float64(rateHz)
		pcm[i] = int16(math.Round(.22 * 32768 * math.Sin(2*math.Pi*(300*t+2700*t*t))))
	}
	return pcm
}

// open is a library of a folder that is made of files; its log is what is returned with it.
func open(t testing.TB, cfg Config, files map[string][]byte) (*Library, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	if files != nil {
		cfg.Folder = t.TempDir()
		for name, content := range files {
			at := filepath.Join(cfg.Folder, name)
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l, log
}

// clipOf is a sound that must be there.
func clipOf(t testing.TB, l *Library, voice, name string) *mixer.Clip {
	t.Helper()
	c, err := l.Clip(t.Context(), voice, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// decoded is a file's content as a clip.
func decoded(content []byte) (*mixer.Clip, error) {
	return decode(bytes.NewReader(content), int64(len(content)), newGather(time.Minute))
}

func newGather(longest time.Duration) *gather {
	return &gather{longest: longest, stop: new(atomic.Bool)}
}

func TestEveryFormatIsReadAsItWasMade(t *testing.T) {
	for name, row := range map[string]struct {
		rateHz int
		alike  float64
		lateMS int // at the most: what an MP3 begins with is not told by the file
		longMS int // more than half a second, at the most
	}{
		"stereo44.flac":    {48000, .999, 0, 0},
		"mono48-24.flac":   {48000, .9999, 0, 0},
		"stereo44.mp3":     {48000, .98, 60, 90},
		"mono24.mp3":       {48000, .98, 120, 180},
		"stereo48.opus":    {48000, .97, 0, 0},
		"opusenc.opus":     {16000, .97, 0, 0},
		"mono8.opus":       {8000, .9, 1, 0},
		"float44.wav":      {48000, .999, 0, 0},
		"extensible96.wav": {48000, .999, 0, 0},
		"alaw8.wav":        {8000, .999, 0, 0},
		"mulaw8.wav":       {8000, .999, 0, 0},
		"byte11.wav":       {16000, .99, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := decoded(testdata(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if c.RateHz != row.rateHz {
				t.Fatalf("got %d Hz, want %d", c.RateHz, row.rateHz)
			}
			want := chirp(c.RateHz)
			peak, lag := measure.Correlation(want, c.PCM, c.RateHz/4)
			if peak < row.alike || lag < 0 || lag > row.lateMS*c.RateHz/1000 {
				t.Errorf("got %.4f alike after %d samples, want at least %v within %d ms", peak, lag, row.alike, row.lateMS)
			}
			if more := len(c.PCM) - len(want); more < -1 || more > row.longMS*c.RateHz/1000 {
				t.Errorf("got %d samples more than half a second, want at most %d ms", more, row.longMS)
			}
			if got, want := measure.RMSDBFS(c.PCM[lag:min(lag+len(want), len(c.PCM))]), measure.RMSDBFS(want); math.Abs(got-want) > .5 {
				t.Errorf("got %.1f dBFS, want %.1f", got, want)
			}
		})
	}
}

// wavOf is a WAV file of 16 bit and one channel.
func wavOf(rateHz int, pcm []int16) []byte {
	var sound []byte
	for _, v := range pcm {
		sound = binary.LittleEndian.AppendUint16(sound, uint16(v))
	}
	return wavFile(wavPCM, 1, rateHz, 16, len(sound), sound)
}

// wavFile is a WAV file whose header says that there are so many bytes of sound.
func wavFile(format, channels, rateHz, bits, says int, sound []byte) []byte {
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	b = append(b, "WAVEfmt \x10\x00\x00\x00"...)
	b = binary.LittleEndian.AppendUint16(b, uint16(format))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rateHz))
	b = binary.LittleEndian.AppendUint32(b, uint32(rateHz*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(says))
	return append(b, sound...)
}

func TestWAVOf16BitIsBitExact(t *testing.T) {
	want := []int16{0, 1, -1, 32767, -32768, 1234, -4321}
	for _, rateHz := range []int{8000, 16000, 48000} {
		c, err := decoded(wavOf(rateHz, want))
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if c.PCM[i] != want[i] {
				t.Errorf("%d Hz, sample %d: got %d, want %d", rateHz, i, c.PCM[i], want[i])
			}
		}
	}
}

func TestWAVOfEachDepthHasTheSameSamples(t *testing.T) {
	le32, le64 := binary.LittleEndian.AppendUint32, binary.LittleEndian.AppendUint64
	nan, inf := math.Float32bits(float32(math.NaN())), math.Float32bits(float32(math.Inf(-1)))
	for name, row := range map[string]struct {
		format, bits int
		sound        []byte
		want         []int16
	}{
		"bytes":              {wavPCM, 8, []byte{0, 128, 255}, []int16{-32768, 0, 32512}},
		"24 bits":            {wavPCM, 24, []byte{0, 0, 0x80, 0, 1, 0, 0xff, 0xff, 0x7f}, []int16{-32768, 1, 32767}},
		"32 bits":            {wavPCM, 32, []byte{0, 0, 0, 0x80, 0, 0, 1, 0}, []int16{-32768, 1}},
		"floats":             {wavFloat, 32, le32(le32(nil, math.Float32bits(.5)), math.Float32bits(-2)), []int16{16384, -32768}},
		"what is no number":  {wavFloat, 32, le32(le32(nil, nan), inf), []int16{0, -32768}},
		"floats of 64 bits":  {wavFloat, 64, le64(nil, math.Float64bits(-.25)), []int16{-8192}},
		"A-law":              {wavALaw, 8, []byte{0xd5, 0x55}, []int16{8, -8}},
		"mu-law":             {wavMuLaw, 8, []byte{0xff, 0x00, 0x80}, []int16{0, -32124, 32124}},
		"half a frame more":  {wavPCM, 16, []byte{1, 0, 2}, []int16{1}},
		"nothing but a half": {wavPCM, 16, []byte{1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := decoded(wavFile(row.format, 1, 8000, row.bits, len(row.sound), row.sound))
			if row.want == nil {
				if !errors.Is(err, ErrFormat) {
					t.Fatalf("got %v, want %v", err, ErrFormat)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(c.PCM) != len(row.want) {
				t.Fatalf("got %d samples, want %d", len(c.PCM), len(row.want))
			}
			for i, want := range row.want {
				if c.PCM[i] != want {
					t.Errorf("sample %d: got %d, want %d", i, c.PCM[i], want)
				}
			}
		})
	}
}

func TestChannelsBecomeOne(t *testing.T) {
	sound := []byte{10, 0, 30, 0, 0x9c, 0xff, 0x38, 0xff} // 10 and 30, -100 and -200
	c, err := decoded(wavFile(wavPCM, 2, 16000, 16, len(sound), sound))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.PCM) != 2 || c.PCM[0] != 20 || c.PCM[1] != -150 {
		t.Errorf("got %v, want [20 -150]", c.PCM)
	}
}

// damaged are files that nobody can play, and a part of what is to be said of each.
func damaged(t testing.TB) map[string]struct {
	content []byte
	says    string
} {
	wav, flac, mp3, opus := testdata(t, "alaw8.wav"), testdata(t, "stereo44.flac"), testdata(t, "stereo44.mp3"), testdata(t, "opusenc.opus")
	type row = struct {
		content []byte
		says    string
	}
	flipped := bytes.Clone(opus)
	flipped[len(flipped)-10] ^= 1
	lost := append(bytes.Clone(opus[:bytes.LastIndex(opus, []byte("OggS"))]), opus[:4]...)
	noise := make([]byte, 5000)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	return map[string]row{
		"empty":                          {nil, "neither WAV, FLAC, MP3 nor Ogg Opus"},
		"text":                           {[]byte("This is not sound, but it is long enough."), "neither WAV"},
		"a WAV that says 4 GB":           {wavFile(wavPCM, 1, 8000, 16, 0xffffffff, make([]byte, 100)), `WAV: chunk "data" is said to have 4294967295 bytes, the file has 100 more`},
		"a WAV that is cut":              {wav[:len(wav)/2], `WAV: chunk "data" is said to have`},
		"a WAV without sound":            {wav[:38], "WAV: it ends before its sound"},
		"a WAV with nothing in it":       {wavOf(8000, nil), "there is no sound in it"},
		"a WAV of ADPCM":                 {wavFile(2, 1, 8000, 4, 4, make([]byte, 4)), "WAV: format 2 of 4 bits is not read"},
		"a WAV of 0 channels":            {wavFile(wavPCM, 0, 8000, 16, 4, make([]byte, 4)), "WAV: 0 channels"},
		"a WAV of 100 channels":          {wavFile(wavPCM, 100, 8000, 16, 200, make([]byte, 200)), "WAV: 100 channels"},
		"a WAV of 1 Hz":                  {wavFile(wavPCM, 1, 1, 16, 4, make([]byte, 4)), "WAV: 1 Hz, want 4000 to 192000"},
		"a WAV with wrong frames":        {append(append(bytes.Clone(wav[:32]), 9), wav[33:]...), "WAV: frames of 9 bytes, want 1"},
		"a WAV whose data come first":    {[]byte("RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00\x01\x00"), "WAV: it does not say what its sound is"},
		"a FLAC that is cut":             {flac[:len(flac)/2], "FLAC: after "},
		"a FLAC that is cut in its head": {flac[:20], "FLAC: "},
		"a FLAC with a wrong bit":        {flip(flac, len(flac)-1000), "FLAC: after "},
		"an MP3 of noise":                {append([]byte{0xff, 0xfb, 0x90, 0x64}, noise...), "MP3: "},
		"an MP3 of ones":                 {bytes.Repeat([]byte{0xff}, 3000), "MP3: no frame where number 1 should begin"},
		"an MP3 that is all tag":         {append([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), mp3...), "MP3: there is no frame in it"},
		"an MP3 with noise in it":        {append(bytes.Clone(mp3[:4000]), noise...), "MP3: no frame where number "},
		"an MP3 of 22050 Hz":             {testdata(t, "misread22.mp3"), "MP3: its frames at 22050 Hz are not read rightly"},
		"an MP3 of MPEG-2.5":             {testdata(t, "mono11.mp3"), "MPEG version 2.5 is not supported"},
		"an MP3 of tag alone":            {[]byte("ID3\x04\x00"), "MP3: "},
		"Vorbis":                         {testdata(t, "vorbis.ogg"), "Ogg: there is no Opus in it"},
		"an Opus that is cut":            {opus[:len(opus)-100], "Ogg: unexpected EOF"},
		"an Opus with a wrong bit":       {flipped, "checksum"},
		"an Opus with a wrong page":      {lost, "Ogg: unexpected EOF"},
		"an Opus with a page too few":    {withoutPage(opus, 1), "Ogg: page 2 follows page 0"},
	}
}

func flip(content []byte, at int) []byte {
	content = bytes.Clone(content)
	content[at] ^= 1
	return content
}

// withoutPage is an Ogg file that lacks one of its pages.
func withoutPage(content []byte, page int) []byte {
	pages := bytes.SplitAfter(content, []byte("OggS"))[1:]
	var out []byte
	for i, p := range pages {
		if i != page {
			out = append(append(out, "OggS"...), bytes.TrimSuffix(p, []byte("OggS"))...)
		}
	}
	return out
}

func TestDamagedFilesAreToldByNameAndFault(t *testing.T) {
	files := map[string][]byte{}
	rows := damaged(t)
	for name, row := range rows {
		files[name+".bin"] = row.content
	}
	l, _ := open(t, Config{}, files)
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := l.Clip(t.Context(), "", name+".bin")
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("got %v, want %v", err, ErrFormat)
			}
			if !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), `sound "`+name+`.bin"`) {
				t.Errorf("got %q, want the file's name and %q", err, row.says)
			}
		})
	}
}

func TestASoundIsNoLongerThanItMayBe(t *testing.T) {
	files := map[string][]byte{"long.wav": wavOf(8000, make([]int16, 8001)), "right.wav": wavOf(8000, make([]int16, 8000))}
	for _, name := range []string{"stereo44.flac", "stereo44.mp3", "stereo48.opus", "float44.wav"} {
		files[name] = testdata(t, name)
	}
	l, _ := open(t, Config{Longest: time.Second}, files)
	if c := clipOf(t, l, "", "right"); len(c.PCM) != 8000 {
		t.Errorf("exactly as long as it may be: got %d samples, want 8000", len(c.PCM))
	}
	if _, err := l.Clip(t.Context(), "", "long"); !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), `sound "long.wav"`) {
		t.Errorf("a sample more: got %v, want %v", err, ErrTooLong)
	}
	short, _ := open(t, Config{Longest: 400 * time.Millisecond}, files)
	for _, name := range []string{"stereo44.flac", "stereo44.mp3", "stereo48.opus", "float44.wav", "tone:440/401", "tone:440/200,0/201"} {
		if _, err := short.Clip(t.Context(), "", name); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s: got %v, want %v", name, err, ErrTooLong)
		}
	}
}

func TestDecodingEndsWhenTheLibraryIsClosed(t *testing.T) {
	for _, name := range []string{"stereo44.flac", "stereo44.mp3", "stereo48.opus", "float44.wav"} {
		content := testdata(t, name)
		g := newGather(time.Minute)
		g.stop.Store(true)
		if _, err := decode(bytes.NewReader(content), int64(len(content)), g); !errors.Is(err, ErrClosed) || errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v, want %v", name, err, ErrClosed)
		}
	}
}

func TestResamplingKeepsToneAndLevelAndMirrorsNothing(t *testing.T) {
	for _, row := range []struct{ from, to int }{{44100, 48000}, {11025, 16000}, {96000, 48000}, {22050, 48000}, {44100, 8000}, {6000, 8000}, {47999, 48000}} {
		for _, hz := range []float64{100, 1000, float64(min(row.from, row.to)) * .4} {
			in := make([]int16, row.from)
			for i := range in {
				in[i] = int16(math.Round(10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(row.from))))
			}
			out := resample(in, row.from, row.to)
			if len(out) != row.to {
				t.Fatalf("%d to %d Hz: got %d samples of a second, want %d", row.from, row.to, len(out), row.to)
			}
			worst := 0.
			for i := row.to / 10; i < row.to*9/10; i++ {
				want := 10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(row.to))
				worst = max(worst, math.Abs(float64(out[i])-want))
			}
			if worst > 12 { // 58 dB down: a sample's rounding, and the table's straight lines
				t.Errorf("%d to %d Hz, %v Hz: got an error of %.1f, want at most 12 of 10000", row.from, row.to, hz, worst)
			}
		}
	}
	high := make([]int16, 44100)
	for i := range high {
		high[i] = int16(10000 * math.Sin(2*math.Pi*6000*float64(i)/44100))
	}
	if got := measure.RMSDBFS(resample(high, 44100, 8000)[800:7200]); got > -75 {
		t.Errorf("6 kHz to a rate of 8 kHz: got %.1f dBFS, want silence", got)
	}
	constant := bytes.Repeat([]byte{0x34, 0x12}, 5000)
	c, err := decoded(wavFile(wavPCM, 1, 44100, 16, len(constant), constant))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.PCM[len(c.PCM)/2]; got < 0x1233 || got > 0x1235 {
		t.Errorf("constant: got %#x, want %#x", got, 0x1234)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"float44.wav", "alaw8.wav", "stereo44.flac", "stereo44.mp3", "stereo48.opus", "opusenc.opus"} {
		content := testdata(b, name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := decoded(content); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)*2/1e6, "ms/s-of-sound")
		})
	}
}
