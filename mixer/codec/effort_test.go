package codec

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"testing"
	"time"
)

// wave is ms milliseconds of a voice-like sound at rateHz.
func wave(rateHz, ms int) []int16 {
	pcm := make([]int16, rateHz/1000*ms)
	for i := range pcm {
		x := 2 * math.Pi * float64(i) / float64(rateHz)
		pcm[i] = int16(5000*math.Sin(140*x+3*math.Sin(4*x)) + 2500*math.Sin(560*x) + 900*math.Sin(2900*x))
	}
	return pcm
}

func opusProfile(rateHz int, o OpusSettings) Profile {
	return Profile{Format: Format{Name: Opus, ClockRateHz: 48000, SampleRateHz: rateHz}, Opus: o}
}

func mustOpus(t testing.TB, p Profile) *opusEncoder {
	t.Helper()
	e, err := newOpusEncoder(p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// spent is the bitrate of what e makes of a second and more of sound.
func spent(t *testing.T, e *opusEncoder) int {
	t.Helper()
	const ms = 3000
	pcm, bits := wave(e.rateHz, ms), 0
	var dst [MaxPayloadBytes]byte
	for ; len(pcm) > 0; pcm = pcm[e.samples:] {
		n, err := e.Encode(dst[:], pcm[:e.samples])
		if err != nil {
			t.Fatal(err)
		}
		bits += 8 * n
	}
	return bits * 1000 / ms
}

func TestAnEffortsBitrateIsWhatIsSent(t *testing.T) {
	clean := OpusSettings{Clean: true, CBR: true}
	short := opusProfile(48000, clean)
	short.Packet = 10 * time.Millisecond
	for _, tt := range []struct {
		name     string
		profile  Profile
		bps      int
		from, to int
	}{
		{"nothing is said", opusProfile(48000, clean), 0, 47000, 49000},
		{"more", opusProfile(48000, clean), 96000, 95000, 97000},
		{"less", opusProfile(48000, clean), 24000, 23000, 25000},
		{"less than a narrow band has usually", opusProfile(8000, clean), 24000, 23000, 25000},
		{"more than the receiver takes", opusProfile(48000, OpusSettings{Clean: true, CBR: true, MaxBitrateBps: 32000}), 96000, 31000, 33000},
		{"frames of 10 ms get more", short, 24000, 39000, 41000},
		{"with copies it stays as it is", opusProfile(48000, OpusSettings{CBR: true}), 24000, 47000, 49000},
		{"with copies it can be more", opusProfile(48000, OpusSettings{CBR: true}), 64000, 63000, 65000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := mustOpus(t, tt.profile)
			if err := e.SetEffort(Effort{BitrateBps: tt.bps}); err != nil {
				t.Fatal(err)
			}
			if got := spent(t, e); got < tt.from || got > tt.to {
				t.Errorf("got %d bit/s, want %d to %d", got, tt.from, tt.to)
			}
		})
	}
}

func TestAnEffortThatCannotBeIsRefused(t *testing.T) {
	e := mustOpus(t, opusProfile(48000, OpusSettings{}))
	for _, to := range []Effort{{Complexity: -1}, {Complexity: MaxComplexity + 1}, {BitrateBps: MinEffortBitrateBps - 1}, {BitrateBps: MaxEffortBitrateBps + 1}} {
		if err := e.SetEffort(to); !errors.Is(err, ErrFormat) {
			t.Errorf("%+v: got %v, want ErrFormat", to, err)
		}
	}
	if err := e.SetEffort(Effort{Complexity: MaxComplexity, BitrateBps: MaxEffortBitrateBps}); err != nil {
		t.Error(err)
	}
}

func TestComplexityChangesWhatIsMade(t *testing.T) {
	made := func(complexity int) (all []byte) {
		e := mustOpus(t, opusProfile(48000, OpusSettings{Clean: true}))
		if err := e.SetEffort(Effort{Complexity: complexity}); err != nil {
			t.Fatal(err)
		}
		var dst [MaxPayloadBytes]byte
		for pcm := wave(48000, 400); len(pcm) > 0; pcm = pcm[960:] {
			n, err := e.Encode(dst[:], pcm[:960])
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, dst[:n]...)
		}
		return all
	}
	if !bytes.Equal(made(0), made(DefaultComplexity)) {
		t.Error("nothing said is not the usual complexity")
	}
	if bytes.Equal(made(1), made(DefaultComplexity)) {
		t.Error("packets of complexity 1 are those of the usual one")
	}
}

// TestAnEncoderGoesOnWhereAnotherIs has one take over in the middle of a sound: bit for bit what the other would have made.
func TestAnEncoderGoesOnWhereAnotherIs(t *testing.T) {
	for _, p := range []Profile{
		opusProfile(48000, OpusSettings{Clean: true}), opusProfile(48000, OpusSettings{}), opusProfile(16000, OpusSettings{DTX: true}), opusProfile(8000, OpusSettings{Clean: true}),
		{Format: Format{Name: G722, ClockRateHz: 8000, SampleRateHz: 16000}},
	} {
		first, err := NewEncoder(p)
		if err != nil {
			t.Fatal(err)
		}
		second, err := NewEncoder(p)
		if err != nil {
			t.Fatal(err)
		}
		n := p.PacketSamples()
		var a, b [MaxPayloadBytes]byte
		took := false
		for pcm, i := wave(p.SampleRateHz, 1000), 0; len(pcm) >= n; pcm, i = pcm[n:], i+1 {
			if i == 25 {
				if took = second.(Continuer).Continue(first); !took {
					t.Fatalf("%+v: nothing has been taken over", p)
				}
			}
			l, err := first.Encode(a[:], pcm[:n])
			if err != nil {
				t.Fatal(err)
			}
			m, err := second.Encode(b[:], pcm[:n])
			if err != nil {
				t.Fatal(err)
			}
			if took && !bytes.Equal(a[:l], b[:m]) {
				t.Fatalf("%+v: packet %d is another one", p, i)
			}
		}
	}
}

func TestAnEncoderTakesOverFromItsOwnKindAlone(t *testing.T) {
	opus := mustOpus(t, opusProfile(48000, OpusSettings{}))
	if opus.Continue(newG722Encoder()) || newG722Encoder().Continue(opus) {
		t.Error("one of Opus and one of G.722 have gone on where the other was")
	}
}

func TestEffortAndContinuingAllocateNothing(t *testing.T) {
	a, b := mustOpus(t, opusProfile(48000, OpusSettings{})), mustOpus(t, opusProfile(48000, OpusSettings{}))
	var dst [MaxPayloadBytes]byte
	pcm, complexity := wave(48000, 20), 0
	if got := testing.AllocsPerRun(20, func() {
		complexity = complexity%MaxComplexity + 1
		if a.SetEffort(Effort{Complexity: complexity}) != nil || !b.Continue(a) {
			t.Error("refused")
		}
		if _, err := b.Encode(dst[:], pcm); err != nil {
			t.Error(err)
		}
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func BenchmarkOpusComplexity(b *testing.B) {
	for _, way := range []OpusSettings{{Clean: true}, {}} {
		for _, complexity := range []int{1, 2, 3, 4, 5, 8, 10} {
			name := "copies"
			if way.Clean {
				name = "clean"
			}
			b.Run(name+"/"+strconv.Itoa(complexity), func(b *testing.B) {
				e := mustOpus(b, opusProfile(48000, way))
				if err := e.SetEffort(Effort{Complexity: complexity}); err != nil {
					b.Fatal(err)
				}
				pcm, i := wave(48000, 1000), 0
				var dst [MaxPayloadBytes]byte
				for b.Loop() {
					if _, err := e.Encode(dst[:], pcm[i*960:(i+1)*960]); err != nil {
						b.Fatal(err)
					}
					i = (i + 1) % 50
				}
			})
		}
	}
}
