package codec

import (
	"errors"
	"testing"
)

func opusAt(rateHz int) Format { return Format{Name: Opus, ClockRateHz: 48000, SampleRateHz: rateHz} }

func l16At(rateHz int) Format { return Format{Name: L16, ClockRateHz: rateHz, SampleRateHz: rateHz} }

var everyFormat = []Format{
	pcmu, pcma, g722, opusAt(8000), opusAt(16000), opusAt(48000), l16At(8000), l16At(16000), l16At(48000),
}

func TestLookupIgnoresCaseAndMindsTheClock(t *testing.T) {
	for _, row := range []struct {
		name  string
		clock int
		want  Format
		ok    bool
	}{
		{"PCMU", 8000, pcmu, true},
		{"pcma", 8000, pcma, true},
		{"OPUS", 48000, opusAt(48000), true},
		{"opus", 8000, Format{}, false},
		{"PCMU", 16000, Format{}, false},
		{"g722", 8000, g722, true},
		{"G722", 16000, Format{}, false},
		{"L16", 8000, l16At(8000), true},
		{"L16", 16000, l16At(16000), true},
		{"L16", 48000, l16At(48000), true},
		{"L16", 44100, Format{}, false},
		{"CN", 8000, Format{}, false},
		{"", 0, Format{}, false},
	} {
		if got, ok := Lookup(row.name, row.clock); got != row.want || ok != row.ok {
			t.Errorf("Lookup(%q, %d): got %v, %v, want %v, %v", row.name, row.clock, got, ok, row.want, row.ok)
		}
	}
}

func TestUnknownFormatsAreRefused(t *testing.T) {
	for _, f := range []Format{
		{},
		{Name: "G729", ClockRateHz: 8000, SampleRateHz: 8000},
		{Name: PCMU, ClockRateHz: 8000, SampleRateHz: 16000},
		{Name: PCMA, ClockRateHz: 16000, SampleRateHz: 8000},
		{Name: Opus, ClockRateHz: 16000, SampleRateHz: 16000},
		{Name: Opus, ClockRateHz: 48000, SampleRateHz: 44100},
		{Name: Opus, ClockRateHz: 48000},
		{Name: G722, ClockRateHz: 16000, SampleRateHz: 16000},
		{Name: G722, ClockRateHz: 8000, SampleRateHz: 8000},
		{Name: L16, ClockRateHz: 44100, SampleRateHz: 44100},
		{Name: L16, ClockRateHz: 48000, SampleRateHz: 16000},
		{Name: "pcmu", ClockRateHz: 8000, SampleRateHz: 8000},
	} {
		if d, err := NewDecoder(f); !errors.Is(err, ErrFormat) || d != nil {
			t.Errorf("NewDecoder(%v): got %v, %v, want ErrFormat", f, d, err)
		}
		if e, err := NewEncoder(Profile{Format: f}); !errors.Is(err, ErrFormat) || e != nil {
			t.Errorf("NewEncoder(%v): got %v, %v, want ErrFormat", f, e, err)
		}
	}
}

func TestNothingAllocatesAfterConstruction(t *testing.T) {
	for _, f := range everyFormat {
		d, e := mustDecoder(t, f), mustEncoder(t, f)
		pcm := sine(440, 9000, f.SampleRateHz, 0, usualProfile(f).PacketSamples())
		payload := make([]byte, MaxPayloadBytes)
		n, err := e.Encode(payload, pcm)
		if err != nil {
			t.Fatal(err)
		}
		good, bad := append([]byte(nil), payload[:n]...), []byte{3}
		if f.Name != Opus {
			bad = nil
		}
		r, _ := d.(Recoverer)
		for name, run := range map[string]func(){
			"Encode":          func() { _, _ = e.Encode(payload, pcm) },
			"Decode":          func() { _, _ = d.Decode(pcm, good) },
			"Decode garbage":  func() { _, _ = d.Decode(pcm, bad) },
			"Decode to short": func() { _, _ = d.Decode(pcm[:1], good) },
			"Samples":         func() { _, _ = d.Samples(good) },
			"Conceal":         func() { _, _ = d.Decode(pcm, good); d.Conceal(pcm); d.Conceal(pcm[:7]) },
			"Recover": func() {
				if r != nil {
					r.Recover(pcm, good)
				}
			},
		} {
			if got := testing.AllocsPerRun(50, run); got != 0 {
				t.Errorf("%v: %s: got %v allocations, want 0", f, name, got)
			}
		}
	}
}

func TestOnlyOpusHasAWordForAPause(t *testing.T) {
	for _, f := range Formats() {
		for payload, want := range map[string]bool{"\x78": true, "\x7b\x03": true, "\x78\x01\x02": false} {
			if got := f.Pauses([]byte(payload)); got != (want && f.Name == Opus) {
				t.Errorf("%s: %x is a pause: %v", f.Name, payload, got)
			}
		}
	}
}

func TestClockUnits(t *testing.T) {
	for _, c := range []struct {
		name    string
		format  Format
		payload []byte
		want    int
		ok      bool
	}{
		{"G.711 of 20 ms", pcmu, make([]byte, 160), 160, true},
		{"G.711 of 120 ms", pcma, make([]byte, 960), 960, true},
		{"G.711 that is too long", pcma, make([]byte, 961), 0, false},
		{"G.711 of nothing", pcmu, nil, 0, false},
		{"G.722 of 20 ms", g722, make([]byte, 160), 160, true},
		{"G.722 of an odd length", g722, make([]byte, 161), 161, true},
		{"G.722 that is too long", g722, make([]byte, 961), 0, false},
		{"G.722 of nothing", g722, nil, 0, false},
		{"L16 of 20 ms", l16At(16000), make([]byte, 640), 320, true},
		{"L16 of half a sample more", l16At(16000), make([]byte, 641), 0, false},
		{"L16 of half a sample", l16At(8000), make([]byte, 1), 0, false},
		{"L16 that is too long", l16At(8000), make([]byte, 1922), 0, false},
		{"L16 of nothing", l16At(48000), nil, 0, false},
		{"a codec that is not there", Format{Name: "G729", ClockRateHz: 8000}, make([]byte, 20), 0, false},
		{"Opus of nothing", opusAt(16000), nil, 0, false},
		{"Opus SILK 60 ms", opusAt(16000), []byte{3 << 3, 0}, 2880, true},
		{"Opus SILK two of 60 ms", opusAt(16000), []byte{3<<3 | 1}, 5760, true},
		{"Opus hybrid 20 ms", opusAt(16000), []byte{15 << 3}, 960, true},
		{"Opus CELT 2.5 ms", opusAt(16000), []byte{16 << 3}, 120, true},
		{"Opus CELT 20 ms", opusAt(16000), []byte{31 << 3}, 960, true},
		{"Opus code 3, 6 of 20 ms", opusAt(16000), []byte{31<<3 | 3, 6}, 5760, true},
		{"Opus code 3, 7 of 20 ms", opusAt(16000), []byte{31<<3 | 3, 7}, 0, false},
		{"Opus code 3 of no frames", opusAt(16000), []byte{31<<3 | 3, 0}, 0, false},
		{"Opus code 3 without its count", opusAt(16000), []byte{31<<3 | 3}, 0, false},
	} {
		got, err := c.format.ClockUnits(c.payload)
		if ok := err == nil; ok != c.ok || ok && got != c.want {
			t.Errorf("%s: got %d, %v; want %d, %v", c.name, got, err, c.want, c.ok)
		}
	}
}
