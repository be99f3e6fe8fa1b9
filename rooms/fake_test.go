package rooms

import (
	"math"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
)

var (
	pcmu = codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}
	pcma = codec.Format{Name: codec.PCMA, ClockRateHz: 8000, SampleRateHz: 8000}
	opus = codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}
)

// fakeLeg is a telephone without a network: each Receive brings one packet of a tone (or of silence), each Send is
// decoded and kept.
type fakeLeg struct {
	format  codec.Format
	source  uint32
	encoder codec.Encoder
	decoder codec.Decoder
	started bool
	seq     uint16
	stamp   uint32
	phase   int
	pcm     []int16
	payload [maxPayload]byte
	length  int // of the last payload

	mu       sync.Mutex
	toneHz   float64 // 0: silence
	amp      float64
	says     []int16 // what is left of what it says; in place of the tone until its end
	mute     bool    // sends nothing at all
	keys     []byte
	dies     error
	heard    []int16 // at format.SampleRateHz
	received int     // calls of Receive
	sent     *byte   // where the last payload lay
	closed   int
}

func newFakeLeg(t testing.TB, f codec.Format, toneHz float64) *fakeLeg {
	t.Helper()
	enc, err := codec.NewEncoder(codec.Profile{Format: f})
	if err != nil {
		t.Fatal(err)
	}
	dec, err := codec.NewDecoder(f)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeLeg{
		format: f, encoder: enc, decoder: dec, toneHz: toneHz, amp: 3000,
		pcm: make([]int16, mixer.FrameSamples(f.SampleRateHz)),
	}
}

func (l *fakeLeg) Profile() codec.Profile { return codec.Profile{Format: l.format} }

func (l *fakeLeg) Expects() codec.Format { return l.Profile().Format }
func (l *fakeLeg) KeysInSound() bool     { return false }
func (l *fakeLeg) Mixed([]mixer.Source)  {}
func (l *fakeLeg) Observe(quality.Local) {}

func (l *fakeLeg) Receive(now time.Time, in Inlet) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received++
	if l.dies != nil {
		return l.dies
	}
	for _, k := range l.keys {
		in.Key(k, 100*time.Millisecond)
	}
	l.keys = l.keys[:0]
	if l.mute {
		return nil
	}
	if !l.started {
		in.Restart(l.format, l.source)
		l.started = true
	}
	n := copy(l.pcm, l.says)
	l.says = l.says[n:]
	for i := n; i < len(l.pcm); i++ {
		l.pcm[i] = int16(l.amp * math.Sin(2*math.Pi*l.toneHz*float64(l.phase)/float64(l.format.SampleRateHz)))
		l.phase++
	}
	n, err := l.encoder.Encode(l.payload[:], l.pcm)
	if err != nil {
		return err
	}
	l.length = n
	samples := l.format.ClockRateHz / framesPerSecond
	in.Audio(jitter.Packet{
		Sequence: l.seq, Timestamp: l.stamp, Samples: samples,
		Arrival: now.Add(-5 * time.Millisecond), Payload: l.payload[:n],
	})
	l.seq++
	l.stamp += uint32(samples)
	return nil
}

func (l *fakeLeg) Send(_ time.Time, payload []byte, _ int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = unsafe.SliceData(payload)
	start := len(l.heard)
	if cap(l.heard)-start < cap(l.pcm) {
		l.heard = append(make([]int16, 0, 2*cap(l.heard)+48000), l.heard...)
	}
	n, err := l.decoder.Decode(l.heard[start:cap(l.heard)], payload)
	if err != nil {
		panic("the room sent what cannot be decoded: " + err.Error())
	}
	l.heard = l.heard[:start+n]
}

func (l *fakeLeg) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed++
	return nil
}

// with changes the telephone while the room runs.
func (l *fakeLeg) with(change func(*fakeLeg)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// lastHeard is the newest d of what the leg was sent.
func (l *fakeLeg) lastHeard(d time.Duration) []int16 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int(d.Seconds() * float64(l.format.SampleRateHz))
	if n > len(l.heard) {
		n = len(l.heard)
	}
	return append([]int16(nil), l.heard[len(l.heard)-n:]...)
}

func (l *fakeLeg) calls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.received
}
