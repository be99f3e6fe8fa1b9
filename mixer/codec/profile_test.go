package codec

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

var packetTimes = []time.Duration{
	10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond,
}

// through is pcm encoded and decoded, and the packets.
func through(t testing.TB, p Profile, pcm []int16) (heard []int16, packets [][]byte) {
	t.Helper()
	e, d := mustEncoderOf(t, p), mustDecoder(t, p.Format)
	n := p.PacketSamples()
	payload := make([]byte, MaxPayloadBytes)
	for at := 0; at+n <= len(pcm); at += n {
		size, err := e.Encode(payload, pcm[at:at+n])
		if err != nil {
			t.Fatalf("%v: %v", p, err)
		}
		packets = append(packets, append([]byte(nil), payload[:size]...))
		out := make([]int16, n)
		if size == 0 {
			d.Conceal(out)
		} else if got, err := d.Decode(out, payload[:size]); got != n || err != nil {
			t.Fatalf("%v: got %d samples, %v, want %d", p, got, err, n)
		}
		heard = append(heard, out...)
	}
	return heard, packets
}

func TestEveryCodecSendsPacketsOfEveryLength(t *testing.T) {
	for _, f := range everyFormat {
		for _, packet := range packetTimes {
			p := Profile{Format: f, Packet: packet}
			if err := p.Valid(); err != nil {
				if f.Name != L16 || !errors.Is(err, ErrFormat) {
					t.Errorf("%v: got %v, want it valid", p, err)
				}
				continue
			}
			in := sine(440, 8000, f.SampleRateHz, 0, f.SampleRateHz*12/10)
			heard, packets := through(t, p, in)
			for i, b := range packets {
				if len(b) == 0 || len(b) > MaxPayloadBytes {
					t.Fatalf("%v: packet %d has %d bytes", p, i, len(b))
				}
				if n, err := f.ClockUnits(b); n != p.PacketUnits() || err != nil {
					t.Fatalf("%v: packet %d lasts %d units, %v, want %d", p, i, n, err, p.PacketUnits())
				}
			}
			want := measure.ToneDBFS(in, f.SampleRateHz, 440)
			if got := measure.ToneDBFS(heard[f.SampleRateHz/5:], f.SampleRateHz, 440); math.Abs(got-want) > 0.5 {
				t.Errorf("%v: got %.2f dBFS, want %.2f within 0.5", p, got, want)
			}
		}
	}
}

func TestProfilesThatCannotBeSentAreRefused(t *testing.T) {
	opus := opusAt(48000)
	for name, p := range map[string]Profile{
		"no format":                        {},
		"a packet time that is not ours":   {Format: pcmu, Packet: 50 * time.Millisecond},
		"a negative packet time":           {Format: pcmu, Packet: -20 * time.Millisecond},
		"L16 at 48 kHz in 20 ms":           {Format: l16At(48000)},
		"L16 at 16 kHz in 60 ms":           {Format: l16At(16000), Packet: 60 * time.Millisecond},
		"a bitrate that Opus has not":      {Format: opus, Opus: OpusSettings{MaxBitrateBps: 5999}},
		"a bitrate that is beyond Opus":    {Format: opus, Opus: OpusSettings{MaxBitrateBps: 510001}},
		"parameters of Opus with another":  {Format: pcma, Opus: OpusSettings{DTX: true}},
		"a band between, at full rate":     {Format: opus, Opus: OpusSettings{PlaybackHz: 12000}},
		"a band above the rate":            {Format: opusAt(16000), Opus: OpusSettings{PlaybackHz: 24000}},
		"a band that is a rate of ours":    {Format: opusAt(16000), Opus: OpusSettings{PlaybackHz: 16000}},
		"a negative bitrate":               {Format: opus, Opus: OpusSettings{MaxBitrateBps: -1}},
		"samples at a rate that is not so": {Format: Format{Name: G722, ClockRateHz: 8000, SampleRateHz: 8000}},
	} {
		if err := p.Valid(); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", name, err)
		}
		if e, err := NewEncoder(p); e != nil || !errors.Is(err, ErrFormat) {
			t.Errorf("%s: NewEncoder: got %v, %v, want ErrFormat", name, e, err)
		}
	}
}

func TestEncodersOfEveryPacketTimeAllocateNothing(t *testing.T) {
	for _, f := range everyFormat {
		for _, packet := range packetTimes {
			p := Profile{Format: f, Packet: packet}
			if p.Valid() != nil {
				continue
			}
			e := mustEncoderOf(t, p)
			pcm := voice(f.SampleRateHz, p.PacketSamples())
			payload := make([]byte, MaxPayloadBytes)
			if got := testing.AllocsPerRun(20, func() {
				_, _ = e.Encode(payload, pcm)
				_, _ = e.Encode(payload[:1], pcm)
				_, _ = e.Encode(payload, pcm[:1])
			}); got != 0 {
				t.Errorf("%v: got %v allocations, want 0", p, got)
			}
		}
	}
}

func TestAProfileFollowsWhatItsReceiverLoses(t *testing.T) {
	p := Profile{Format: opusAt(48000), Opus: OpusSettings{Clean: true}}
	for i, row := range []struct {
		loss float64
		want bool
	}{{0, true}, {0.005, true}, {0.01, false}, {0.005, false}, {1, false}, {0.002, true}} {
		if p = p.After(row.loss); p.Opus.Clean != row.want {
			t.Errorf("report %d of %v: got clean %v, want %v", i, row.loss, p.Opus.Clean, row.want)
		}
	}
	for name, o := range map[string]OpusSettings{"no use for copies": {Clean: true, NoFEC: true}, "silence is not sent": {Clean: true, DTX: true}} {
		if got := (Profile{Format: opusAt(48000), Opus: o}).After(0.1); got.Opus != o {
			t.Errorf("%s: got %+v, want it unchanged", name, got.Opus)
		}
	}
	if got := (Profile{Format: pcmu}).After(0); got.Valid() != nil || got != (Profile{Format: pcmu}) {
		t.Errorf("G.711: got %v, want it unchanged", got)
	}
}

func TestTheLongestPayloadHoldsAllThatIsEncoded(t *testing.T) {
	for _, x := range []struct {
		f    Format
		want int
	}{
		{Format{Name: PCMU, ClockRateHz: 8000, SampleRateHz: 8000}, 480},
		{Format{Name: G722, ClockRateHz: 8000, SampleRateHz: 16000}, 480},
		{Format{Name: L16, ClockRateHz: 8000, SampleRateHz: 8000}, 960},
		{Format{Name: L16, ClockRateHz: 16000, SampleRateHz: 16000}, MaxPayloadBytes},
		{Format{Name: Opus, ClockRateHz: 48000, SampleRateHz: 48000}, MaxPayloadBytes},
	} {
		if got := x.f.LongestPayload(); got != x.want {
			t.Errorf("%s at %d Hz: got %d, want %d", x.f.Name, x.f.SampleRateHz, got, x.want)
		}
		for _, packet := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond} {
			p := Profile{Format: x.f, Packet: packet}
			if p.Valid() != nil {
				continue
			}
			e, err := NewEncoder(p)
			if err != nil {
				t.Fatal(err)
			}
			payload := make([]byte, x.f.LongestPayload())
			if _, err := e.Encode(payload, make([]int16, p.PacketSamples())); err != nil {
				t.Errorf("%s, %v: %v", x.f.Name, packet, err)
			}
		}
	}
}
