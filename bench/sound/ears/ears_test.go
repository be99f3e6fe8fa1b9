package ears

import (
	"encoding/binary"
	"math"
	"os/exec"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// capture is a second of a tone as a bridge would send it.
func capture(t *testing.T, name string, clock int, kind byte) Capture {
	t.Helper()
	format, ok := codec.Lookup(name, clock)
	if !ok {
		t.Skipf("no %s", name)
	}
	profile := codec.Profile{Format: format}
	encoder, err := codec.NewEncoder(profile)
	if err != nil {
		t.Fatal(err)
	}
	c := Capture{Format: format}
	pcm, payload := make([]int16, profile.PacketSamples()), make([]byte, codec.MaxPayloadBytes)
	for k := range 50 {
		for i := range pcm {
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*1000*float64(k*len(pcm)+i)/float64(format.SampleRateHz)))
		}
		n, err := encoder.Encode(payload, pcm)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 12, 12+n)
		data[0], data[1] = 2<<6, kind
		binary.BigEndian.PutUint16(data[2:], uint16(k))
		binary.BigEndian.PutUint32(data[4:], uint32(k*profile.PacketUnits()))
		binary.BigEndian.PutUint32(data[8:], 77)
		c.Packets = append(c.Packets, Packet{time.Unix(1000, int64(k)*int64(20*time.Millisecond)), append(data, payload[:n]...)})
	}
	return c
}

func have(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed: %v", name, err)
	}
}

// hears says whether there is a second of the tone.
func hears(t *testing.T, c Capture, pcm []float64, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if n := c.Format.SampleRateHz; len(pcm) < n*9/10 || len(pcm) > n*11/10 {
		t.Fatalf("got %d samples, want about %d", len(pcm), n)
	}
	crossings := 0
	middle := pcm[len(pcm)/4 : len(pcm)*3/4]
	for i := 1; i < len(middle); i++ {
		if middle[i-1] < 0 && middle[i] >= 0 {
			crossings++
		}
	}
	want := float64(len(middle)) * 1000 / float64(c.Format.SampleRateHz)
	if math.Abs(float64(crossings)-want) > want/50 {
		t.Errorf("got %d waves, want %.0f", crossings, want)
	}
}

func TestOtherProgramsHearATone(t *testing.T) {
	for _, row := range []struct {
		name  string
		clock int
		kind  byte
	}{{"PCMU", 8000, 0}, {"PCMA", 8000, 8}, {"G722", 8000, 9}, {"opus", 48000, 111}} {
		t.Run(row.name, func(t *testing.T) {
			c := capture(t, row.name, row.clock, row.kind)
			t.Run("ffmpeg", func(t *testing.T) {
				have(t, "ffmpeg")
				pcm, err := c.FFmpeg(t.Context(), t.TempDir())
				hears(t, c, pcm, err)
			})
			t.Run("GStreamer", func(t *testing.T) {
				have(t, "gst-launch-1.0")
				pcm, err := c.GStreamer(t.Context(), t.TempDir())
				hears(t, c, pcm, err)
			})
			t.Run("tshark", func(t *testing.T) {
				have(t, "tshark")
				s, err := c.TShark(t.Context(), t.TempDir())
				if err != nil || s.Packets != 50 || s.Lost != 0 || s.MaxJitterMs > 0.1 {
					t.Errorf("got %+v, %v", s, err)
				}
				gap := Capture{c.Format, append(append([]Packet(nil), c.Packets[:20]...), c.Packets[22:]...)}
				if s, err := gap.TShark(t.Context(), t.TempDir()); err != nil || s.Lost != 2 {
					t.Errorf("with two packets less: got %+v, %v", s, err)
				}
			})
		})
	}
}

func TestOpusInfoFindsFaultsOnlyWhereThereAreAny(t *testing.T) {
	have(t, "opusinfo")
	c := capture(t, "opus", 48000, 111)
	if err := c.OpusInfo(t.Context(), t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := (Capture{Format: c.Format}).OpusInfo(t.Context(), t.TempDir()); err == nil {
		t.Error("no fault is found with nothing")
	}
}
