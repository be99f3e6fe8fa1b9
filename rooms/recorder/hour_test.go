package recorder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
)

// oggPackets are the packets of sound, 20 ms each, and the number of samples that the file says it has.
func oggPackets(t *testing.T, path string) (packets [][]byte, samples uint64) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := bytes.NewReader(raw)
	for pages := 0; in.Len() > 0; pages++ {
		page, err := readPage(in)
		if err != nil {
			t.Fatal(err)
		}
		if pages < 2 {
			continue
		}
		samples = binary.LittleEndian.Uint64(page[6:]) - opusPreSkip
		body := page[oggHeader+int(page[26]):]
		n := 0
		for _, s := range page[oggHeader : oggHeader+int(page[26])] {
			if n += int(s); s < oggMaxSegments {
				packets = append(packets, body[:n])
				body, n = body[n:], 0
			}
		}
	}
	return packets, samples
}

const lead = 10 // packets that are decoded in front, so that the decoder has forgotten where it began

// around is what the packets before and after one hold.
func around(t *testing.T, packets [][]byte, at uint64) []int16 {
	t.Helper()
	dec, err := codec.NewDecoder(codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000})
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for _, p := range packets[at-lead : at+20] {
		frame := make([]int16, frameSamples)
		if _, err := dec.Decode(frame, p); err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, frame...)
	}
	return pcm
}

// lag is by how many samples a is behind b, where they differ the least.
func lag(a, b []int16) int {
	const most = 480
	least, at := math.Inf(1), 0
	for d := -most; d <= most; d++ {
		sum := 0.0
		for i := most; i < len(b)-most; i++ {
			e := float64(a[i+d]) - float64(b[i])
			sum += e * e
		}
		if sum < least {
			least, at = sum, d
		}
	}
	return at
}

// An hour with six people who speak in turns of half a second, come late, go and come back, in a room whose rate changes and that is late
// at times: every file is an hour long to the sample, and each turn begins at the same place of the mix and of the track.
func TestAnHourOfSixTracksLinesUp(t *testing.T) {
	if raceEnabled {
		t.Skip("an hour in one goroutine: there is nothing to race")
	}
	dir := t.TempDir()
	w := newTestWriter(t, openRoot(t, dir), rooms.RecordingSettings{Content: rooms.RecordBoth, Format: rooms.FormatOpus})
	const (
		hour   = 3600 * ticksInSecond
		people = 6
		every  = 60 * ticksInSecond // each speaks once a minute
		turn   = 7 * ticksInSecond  // one behind the other
		lasts  = 25
	)
	rates := []int{8000, 16000, 48000, 16000}
	comes := func(person uint64) uint64 { return person * 5 * every } // the last one after 25 minutes
	for tick := uint64(0); tick < hour; tick++ {
		if tick%(11*every) == 11*every-1 {
			tick += 9 // the room was late
		}
		rate := rates[tick/(10*every)%uint64(len(rates))]
		person, into := tick%every/turn, tick%every%turn
		speaks := person < people && into < lasts && tick >= comes(person) && (tick/every)%5 != 4 // away every fifth minute
		var pcm []int16
		if speaks {
			pcm = tone(rate, 400+100*float64(person), 8000, tick)
		}
		if err := w.put(entry{tick: tick, rateHz: rate, length: len(pcm)}, pcm); err != nil {
			t.Fatal(err)
		}
		if speaks {
			if err := w.put(entry{tick: tick, id: fmt.Sprintf("p%d", person), rateHz: rate, length: len(pcm)}, pcm); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := w.finish(hour, rooms.ReasonEmpty)
	if err != nil {
		t.Fatal(err)
	}
	if s.LengthMS != 3600*1000 || len(s.Files) != 1+people || len(s.Gaps) != 5 {
		t.Errorf("%d ms, %d files, %d gaps", s.LengthMS, len(s.Files), len(s.Gaps))
	}
	mix, _ := oggPackets(t, filepath.Join(dir, s.ID, "mix.opus"))
	turns := 0
	for _, f := range s.Files {
		packets, samples := oggPackets(t, filepath.Join(dir, s.ID, f.Name))
		if samples != 3600*maxRateHz {
			t.Errorf("%s has %d samples, want an hour: %d", f.Name, samples, 3600*maxRateHz)
		}
		var person uint64
		if n, _ := fmt.Sscanf(f.Participant, "p%d", &person); n == 0 {
			continue
		}
		for _, minute := range []uint64{person*5 + 1, 28, 41, 58} {
			at := minute*every + person*turn
			if minute%5 == 4 || at < comes(person) {
				continue
			}
			turns++
			own, all := around(t, packets, at), around(t, mix, at)
			if begins := loud(own, 1000) - lead*frameSamples - opusPreSkip; begins < -240 || begins > 240 {
				t.Errorf("%s: minute %d begins %d samples late", f.Name, minute, begins)
			}
			if d := lag(own, all); d < -1 || d > 1 {
				t.Errorf("%s: minute %d is %d samples behind the mix", f.Name, minute, d)
			}
		}
	}
	if turns < 3*people {
		t.Errorf("only %d turns were looked at", turns)
	}
}
