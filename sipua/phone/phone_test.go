package phone

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tone(hz float64, rateHz int, d time.Duration) []int16 {
	pcm := make([]int16, int(d.Seconds()*float64(rateHz)))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rateHz)))
	}
	return pcm
}

// toneLevel is the level of a tone in 8000 Hz sound: the median of its tenths of a second, as a jitter buffer may skip or stretch a
// little where the machine is late.
func toneLevel(pcm []int16, hz float64) float64 {
	var levels []float64
	for part := range slices.Chunk(pcm, 800) {
		levels = append(levels, measure.ToneDBFS(part, 8000, hz))
	}
	slices.Sort(levels)
	return levels[len(levels)/2]
}

// openPair makes two legs that talk to each other over the loopback.
func openPair(t *testing.T, f codec.Format, pt uint8) [2]*media.Leg {
	t.Helper()
	eng, err := media.NewEngine(media.Config{PortMin: 36000, PortMax: 36099})
	if err != nil {
		t.Fatal(err)
	}
	var legs [2]*media.Leg
	for i := range legs {
		if legs[i], err = eng.Open(netip.MustParseAddr("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { legs[i].Close() })
	}
	for i, l := range legs {
		remote := legs[1-i].Addr()
		err := l.Configure(media.Stream{
			Remote: remote, RemoteRTCP: netip.AddrPortFrom(remote.Addr(), remote.Port()+1), Send: true, Receive: true,
			Payloads: []media.Payload{{ReceiveType: pt, SendType: pt, Profile: codec.Profile{Format: f}}},
			Events:   []media.EventPayload{{ReceiveType: 101, SendType: 101, ClockRateHz: f.ClockRateHz}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return legs
}

func TestTwoPhonesHearEachOther(t *testing.T) {
	for _, row := range []struct {
		f  codec.Format
		pt uint8
	}{
		{codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}, 0},
		{codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}, 96},
	} {
		t.Run(string(row.f.Name), func(t *testing.T) {
			legs := openPair(t, row.f, row.pt)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			const enough = 16000 // samples
			var heard [2][]int16
			var both sync.WaitGroup
			var full atomic.Int32
			for i, leg := range legs {
				p, err := New(leg, Config{
					Play: tone(700+600*float64(i), 16000, 5*time.Second), PlayRateHz: 16000, HeardRateHz: 8000,
					Heard: func(frame []int16) {
						had := len(heard[i])
						if heard[i] = append(heard[i], frame...); had < enough && len(heard[i]) >= enough && full.Add(1) == int32(len(legs)) {
							cancel()
						}
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				both.Go(func() {
					if err := p.Run(ctx); err != nil {
						t.Errorf("phone %d: %v", i, err)
					}
				})
			}
			both.Wait()
			for i, h := range heard {
				if len(h) < enough {
					t.Fatalf("phone %d has heard %d samples", i, len(h))
				}
				other, own := 700+600*float64(1-i), 700+600*float64(i)
				if got := toneLevel(h[8000:enough], other); got < -14 {
					t.Errorf("phone %d hears the other at %.1f dBFS, want about -12", i, got)
				}
				if got := toneLevel(h[8000:enough], own); got > -60 {
					t.Errorf("phone %d hears itself at %.1f dBFS", i, got)
				}
			}
		})
	}
}

func TestWAVThereAndBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.wav")
	for _, rate := range []int{8000, 22050, 44100, 48000} {
		r, err := CreateWAV(path, rate)
		if err != nil {
			t.Fatal(err)
		}
		r.Write(tone(1000, rate, time.Second))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		pcm, err := LoadWAV(path, 16000)
		if err != nil {
			t.Fatal(err)
		}
		if len(pcm) < 15990 || len(pcm) > 16010 {
			t.Errorf("%d Hz: %d samples, want a second's 16000", rate, len(pcm))
		}
		if got := measure.ToneDBFS(pcm[1000:15000], 16000, 1000); math.Abs(got+12.2) > 0.3 {
			t.Errorf("%d Hz: tone at %.2f dBFS, want -12.2", rate, got)
		}
		if got := measure.RMSDBFS(pcm[1000:15000]); math.Abs(got+12.2) > 0.3 {
			t.Errorf("%d Hz: %.2f dBFS in all, want nothing but the tone", rate, got)
		}
	}
}

func TestBadWAVIsRefusedByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.wav")
	header := "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x03\x00\x01\x00\x40\x1f\x00\x00\x00\x7d\x00\x00\x04\x00\x20\x00data\x00\x00\x00\x00"
	for _, content := range []string{"", "RIFF", "not a wav at all", header, header[:30]} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadWAV(path, 8000); !errors.Is(err, ErrWAV) {
			t.Errorf("%q: %v, want ErrWAV", content, err)
		}
	}
	if _, err := LoadWAV(filepath.Join(t.TempDir(), "none.wav"), 8000); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v, want os.ErrNotExist", err)
	}
}

func FuzzLoadWAV(f *testing.F) {
	f.Add([]byte("RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x04\x00\x00\x00\x01\x02\x03\x04"))
	f.Add([]byte("RIFF"))
	f.Add([]byte("RIFF$\x00\x00\x00WAVEfmt \x00\x01\x00@\x1f\x00\x00\x80>\x00\x00\x02\x00\x10\x00\x00\x00\x00\x01\x02")) // a chunk of 1 GB
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.wav")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = LoadWAV(path, 8000)
	})
}

func TestWhenKeysAreDue(t *testing.T) {
	for digits, want := range map[string]time.Duration{
		"":      0,
		"1":     500*time.Millisecond + 320*time.Millisecond,
		",,1":   2500*time.Millisecond + 320*time.Millisecond,
		"1,2,#": 2500*time.Millisecond + 3*320*time.Millisecond,
	} {
		if got := KeyTime(digits); got != want {
			t.Errorf("%q: got %v, want %v", digits, got, want)
		}
	}
	if got := keyDue("1,2", 2); got != 1500*time.Millisecond+320*time.Millisecond {
		t.Errorf("the key behind a pause is due after %v", got)
	}
}
