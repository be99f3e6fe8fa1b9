package phone

import (
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
)

// pipe is a leg whose packets come out of another at once, as a media.Leg hands them on.
type pipe struct {
	profile codec.Profile
	to      *pipe
	format  codec.Format // of what came last
	coming  []jitter.Packet
	formats []codec.Format // of coming
	packet  jitter.Packet  // the next to be sent
}

func (p *pipe) Profile() codec.Profile { return p.profile }

func (p *pipe) Expects() codec.Format { return p.profile.Format }

func (p *pipe) Receive(now time.Time, in media.Inlet) error {
	for i, packet := range p.coming {
		if p.formats[i] != p.format {
			p.format = p.formats[i]
			in.Restart(p.format, 7)
		}
		packet.Arrival = now
		in.Audio(packet)
	}
	p.coming, p.formats = nil, nil
	return nil
}

func (p *pipe) Send(_ time.Time, payload []byte, units int) {
	packet := p.packet
	packet.Payload, packet.Samples = append([]byte(nil), payload...), units
	p.to.coming, p.to.formats = append(p.to.coming, packet), append(p.to.formats, p.profile.Format)
	p.packet.Sequence++
	p.packet.Timestamp += uint32(units)
}

func (p *pipe) PressKey(byte, time.Duration) error { return nil }

// A change of codec in mid-call is heard as no hole and no click, whether it was agreed anew or just comes.
func TestAChangeOfCodecIsNotHeard(t *testing.T) {
	const rate, changeEvery = 16000, 50 // ticks
	said := tone(440, rate, 10*time.Second)
	a, b := &pipe{}, &pipe{}
	a.to, b.to = b, a
	steps := []codec.Profile{
		{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}, Packet: 20 * time.Millisecond},
		{Format: codec.Format{Name: codec.G722, ClockRateHz: 8000, SampleRateHz: 16000}, Packet: 20 * time.Millisecond},
		{Format: codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}, Packet: 20 * time.Millisecond, Opus: codec.OpusSettings{Clean: true}},
		{Format: codec.Format{Name: codec.PCMA, ClockRateHz: 8000, SampleRateHz: 8000}, Packet: 20 * time.Millisecond},
		{Format: codec.Format{Name: codec.L16, ClockRateHz: 16000, SampleRateHz: 16000}, Packet: 20 * time.Millisecond},
	}
	a.profile, b.profile = steps[0], steps[0]
	var heard []int16
	speaker, err := New(a, Config{Play: said, PlayRateHz: rate})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := New(b, Config{HeardRateHz: rate, Heard: func(frame []int16) { heard = append(heard, frame...) }})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	for tick := range changeEvery * len(steps) {
		a.profile = steps[tick/changeEvery]
		if tick%changeEvery == 25 { // what is received may change before what is sent does
			b.profile = steps[tick/changeEvery]
		}
		for _, p := range []*Phone{speaker, listener} {
			if err := p.tick(now); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(20 * time.Millisecond)
	}
	want := measure.RMSDBFS(said)
	const window = rate / 100
	for at := rate / 2; at+window <= len(heard); at += window {
		if got := measure.RMSDBFS(heard[at : at+window]); math.Abs(got-want) > 6 {
			t.Errorf("%d ms: got %.1f dBFS, want %.1f within 6", at*1000/rate, got, want)
		}
	}
	largest, where := 0, 0
	for i := rate/2 + 1; i < len(heard); i++ {
		if step := int(heard[i]) - int(heard[i-1]); max(step, -step) > largest {
			largest, where = max(step, -step), i
		}
	}
	const own = 1382 // the tone's
	if largest > 3*own {
		t.Errorf("%d ms: got a step of %d, want at most 3 times the tone's %d", where*1000/rate, largest, own)
	}
	t.Logf("largest step %d at %d ms", largest, where*1000/rate)
}
