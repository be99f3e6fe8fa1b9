package codec

import (
	"bytes"
	"testing"
	"time"
)

func TestQuietOfG711IsWhatItDecodesTo(t *testing.T) {
	for _, f := range []Format{pcmu, pcma} {
		d := mustDecoder(t, f)
		for b := range 256 {
			payload := bytes.Repeat([]byte{byte(b)}, 163) // and some that are not looked at by eights
			pcm := make([]int16, len(payload))
			if _, err := d.Decode(pcm, payload); err != nil {
				t.Fatal(err)
			}
			want, peak := Unknown, max(pcm[0], -pcm[0])
			switch {
			case peak <= 8:
				want = Silent
			case peak <= 24 && f == pcma:
				want = Faint
			}
			if got := f.Quiet(payload); got != want {
				t.Errorf("%s: all of %#x, which is %d: got %d, want %d", f.Name, b, pcm[0], got, want)
			}
			loud := bytes.Repeat([]byte{0x55 | 0x80*byte(b&1)}, 163) // A-law's zero is loud in μ-law
			if f == pcmu {
				loud = bytes.Repeat([]byte{0x7f | 0x80*byte(b&1)}, 163)
			}
			for _, at := range []int{0, 7, 100, 160, 162} {
				loud[at] = 0x10
				if got := f.Quiet(loud); got != Unknown {
					t.Fatalf("%s: with a loud sample at %d: got %d, want Unknown", f.Name, at, got)
				}
				loud[at] = loud[1]
			}
		}
		if got := f.Quiet(nil); got != Unknown {
			t.Errorf("%s: nothing: got %d", f.Name, got)
		}
	}
}

func TestQuietOfOpusIsWhatItsEncoderHasFound(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, packet := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond} {
			p := Profile{Format: opusAt(rate), Packet: packet}
			_, silence := through(t, p, make([]int16, 2*rate))
			_, voiced := through(t, p, voice(rate, 2*rate))
			for i, b := range silence[len(silence)/4:] {
				if p.Quiet(b) == Unknown {
					t.Errorf("%d Hz, %v: packet %d of silence is not quiet", rate, packet, i)
				}
			}
			quiet := 0
			for _, b := range voiced {
				if p.Quiet(b) != Unknown {
					quiet++
				}
			}
			if quiet > len(voiced)*3/10 { // between two syllables there is no voice for a quarter of the time
				t.Errorf("%d Hz, %v: %d of %d packets of a voice are quiet", rate, packet, quiet, len(voiced))
			}
		}
		p := Profile{Format: opusAt(rate), Opus: OpusSettings{Clean: true}} // CELT
		if _, packets := through(t, p, make([]int16, rate)); p.Quiet(packets[20]) != Unknown {
			t.Errorf("%d Hz: CELT tells that it is quiet", rate)
		}
	}
}

func TestFlagsOfEachFrameAndChannelCount(t *testing.T) {
	const silk20, silk60, hybrid20, stereo, two = 9 << 3, 11 << 3, 15 << 3, 4, 1
	for _, row := range []struct {
		name   string
		packet []byte
		want   Quiet
	}{
		{"20 ms, no voice", []byte{silk20, 0x00, 9}, Faint},
		{"20 ms, no voice, with a copy of what was before it", []byte{silk20, 0x40, 9}, Faint},
		{"20 ms, a voice", []byte{silk20, 0x80, 9}, Unknown},
		{"hybrid, no voice", []byte{hybrid20, 0x7f, 9}, Faint},
		{"hybrid, a voice", []byte{hybrid20, 0x80, 9}, Unknown},
		{"60 ms, a voice in the last 20", []byte{silk60, 0x20, 9}, Unknown},
		{"60 ms, no voice", []byte{silk60, 0x1f, 9}, Faint},
		{"stereo, a voice in the second channel", []byte{silk20 | stereo, 0x20, 9}, Unknown},
		{"stereo, no voice, both with copies", []byte{silk20 | stereo, 0x5f, 9}, Faint},
		{"stereo of 60 ms, a voice in the second channel's last 20", []byte{silk60 | stereo, 0x02, 9}, Unknown},
		{"two frames, no voice", []byte{silk20 | two, 0, 9, 0, 9}, Faint},
		{"two frames, a voice in the second", []byte{silk20 | two, 0, 9, 0x80, 9}, Unknown},
		{"two frames, malformed", []byte{silk20 | two, 0, 9, 0}, Unknown},
		{"two frames of any length, no voice", []byte{silk20 | 2, 2, 0, 9, 0}, Faint},
		{"two frames of any length, a voice in the second", []byte{silk20 | 2, 2, 0, 9, 0x80}, Unknown},
		{"three frames, no voice", []byte{silk20 | 3, 3, 0, 9, 0, 9, 0, 9}, Faint},
		{"three frames, a voice in the last", []byte{silk20 | 3, 3, 0, 9, 0, 9, 0x80, 9}, Unknown},
		{"three frames of any length, no voice, and padding", []byte{silk20 | 3, 0xc0 | 3, 2, 1, 0, 0, 0, 0xff, 0xff}, Faint},
		{"three frames of any length, a voice in the second", []byte{silk20 | 3, 0x80 | 3, 1, 2, 0, 0x80, 0, 0}, Unknown},
		{"more frames than there are bytes", []byte{silk20 | 3, 0x80 | 3, 9, 9, 0}, Unknown},
		{"CELT", []byte{31 << 3, 0}, Unknown},
	} {
		if got := opusAt(48000).Quiet(row.packet); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

// TestWhatIsPassedIsConcealedAsIfItHadBeenDecoded decodes a tone, then silence, once by its bytes and once passed over, and loses what follows.
func TestWhatIsPassedIsConcealedAsIfItHadBeenDecoded(t *testing.T) {
	silence := bytes.Repeat([]byte{0xff}, 80)
	for _, packets := range []int{0, 1, 2, 5, 20} {
		decoded, passed := mustDecoder(t, pcmu), mustDecoder(t, pcmu)
		for _, d := range []Decoder{decoded, passed} {
			payload := make([]byte, 800)
			if _, err := mustEncoder(t, pcmu).Encode(payload, sine(300, 8000, 8000, 0, len(payload))); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Decode(make([]int16, len(payload)), payload); err != nil {
				t.Fatal(err)
			}
		}
		for range packets {
			if _, err := decoded.Decode(make([]int16, len(silence)), silence); err != nil {
				t.Fatal(err)
			}
			passed.(Passer).Pass(len(silence))
		}
		want, got := make([]int16, 960), make([]int16, 960)
		decoded.Conceal(want)
		passed.Conceal(got)
		if !bytes.Equal(bytesOf(got), bytesOf(want)) {
			t.Errorf("behind %d packets the loss sounds otherwise", packets)
		}
	}
}

func bytesOf(pcm []int16) (b []byte) {
	for _, v := range pcm {
		b = append(b, byte(v>>8), byte(v))
	}
	return b
}

func FuzzQuiet(f *testing.F) {
	f.Add(bytes.Repeat([]byte{0xff, 0x7e}, 80))
	f.Add(bytes.Repeat([]byte{0xd5, 0x54}, 80))
	f.Add([]byte{9<<3 | 4, 0x20, 9})
	f.Add([]byte{9<<3 | 1, 0, 9, 0x80, 9})
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, format := range Formats() {
			quiet := format.Quiet(payload)
			if quiet != Silent {
				continue
			}
			pcm := make([]int16, format.SampleRateHz/1000*MaxPacketMilliseconds)
			n, err := mustDecoder(t, format).Decode(pcm, payload)
			for _, v := range pcm[:n] {
				if err == nil && (v > 8 || v < -8) {
					t.Fatalf("%s: %x is silent, and has a sample of %d", format.Name, payload, v)
				}
			}
		}
	})
}
