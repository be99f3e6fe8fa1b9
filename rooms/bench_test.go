package rooms

import (
	"fmt"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
)

// cannedLeg brings the same payload for ever, without encoding it anew: the benchmark measures the room alone.
type cannedLeg struct {
	format      codec.Format
	payload     []byte
	keysInSound bool
	started     bool
	seq         uint16
	stamp       uint32
}

func (l *cannedLeg) Profile() codec.Profile { return codec.Profile{Format: l.format} }

func (l *cannedLeg) Expects() codec.Format       { return l.Profile().Format }
func (l *cannedLeg) KeysInSound() bool           { return l.keysInSound }
func (l *cannedLeg) Mixed([]mixer.Source)        {}
func (l *cannedLeg) Observe(quality.Local)       {}
func (l *cannedLeg) Send(time.Time, []byte, int) {}
func (l *cannedLeg) Close() error                { return nil }
func (l *cannedLeg) Receive(now time.Time, in Inlet) error {
	if !l.started {
		in.Restart(l.format, 1)
		l.started = true
	}
	samples := l.format.ClockRateHz / framesPerSecond
	in.Audio(jitter.Packet{Sequence: l.seq, Timestamp: l.stamp, Samples: samples, Arrival: now, Payload: l.payload})
	l.seq++
	l.stamp += uint32(samples)
	return nil
}

// BenchmarkTick is one 20 ms tick of a room, without sockets: 3 talk, the rest send silence.
func BenchmarkTick(b *testing.B) {
	for _, f := range []codec.Format{pcmu, opus} {
		for _, n := range []int{3, 50, 300} {
			b.Run(fmt.Sprintf("%s/%d", f.Name, n), func(b *testing.B) {
				s := newTestState(b)
				for i := range n {
					fake := newFakeLeg(b, f, 0)
					if i < 3 {
						fake.toneHz = toneHz(i)
					}
					for range 10 { // past the encoder's start
						_ = fake.Receive(time.Now(), discard{})
					}
					seat(b, s, &cannedLeg{format: f, payload: append([]byte(nil), fake.payload[:fake.length]...)})
				}
				now := time.Now()
				tick := func() {
					now = now.Add(frameDuration)
					s.tick(now)
					s.pending = s.pending[:0]
				}
				for range 4 * framesPerSecond { // backgrounds are known then, and who is believed
					tick()
				}
				b.ReportAllocs()
				for b.Loop() {
					tick()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/leg")
			})
		}
	}
}

// pausedLeg has said something, and sends comfort noise since.
type pausedLeg struct {
	cannedLeg
	ticks int
}

var describedNoise = []byte{60, 100, 140} // −60 dBov (RFC 3389)

func (l *pausedLeg) Receive(now time.Time, in Inlet) error {
	l.ticks++
	switch {
	case l.ticks <= 2*framesPerSecond:
		return l.cannedLeg.Receive(now, in)
	case l.ticks%10 == 0:
		in.Audio(jitter.Packet{Sequence: l.seq, Timestamp: l.stamp, Arrival: now, Noise: true, Payload: describedNoise})
		l.seq++
	}
	l.stamp += uint32(l.format.ClockRateHz / framesPerSecond)
	return nil
}

// BenchmarkTickPaused is a tick of a room of 50 who are all silent, and say so by comfort noise.
func BenchmarkTickPaused(b *testing.B) {
	for _, f := range []codec.Format{pcmu, opus} {
		b.Run(string(f.Name), func(b *testing.B) {
			const n = 50
			s := newTestState(b)
			for range n {
				fake := newFakeLeg(b, f, 0)
				for range 10 { // past the encoder's start
					_ = fake.Receive(time.Now(), discard{})
				}
				seat(b, s, &pausedLeg{cannedLeg: cannedLeg{format: f, payload: append([]byte(nil), fake.payload[:fake.length]...)}})
			}
			now := time.Now()
			tick := func() {
				now = now.Add(frameDuration)
				s.tick(now)
				s.pending = s.pending[:0]
			}
			for range 4 * framesPerSecond {
				tick()
			}
			b.ReportAllocs()
			for b.Loop() {
				tick()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/leg")
		})
	}
}

// discard is an Inlet that wants nothing.
type discard struct{}

func (discard) Restart(codec.Format, uint32)       {}
func (discard) Report(quality.Peer)                {}
func (discard) Audio(jitter.Packet) jitter.Verdict { return jitter.Stored }
func (discard) Absent(uint16)                      {}
func (discard) Key(byte, time.Duration)            {}

// BenchmarkTickRecorded is a tick of a room of 20 of whom 3 talk, with and without a recording, which copies what it is given as the
// recorder's queue does.
func BenchmarkTickRecorded(b *testing.B) {
	for _, f := range []codec.Format{pcmu, opus} {
		for _, what := range []struct {
			name    string
			content RecordingContent
		}{{"not", RecordUnspecified}, {"mix", RecordMix}, {"tracks", RecordTracks}, {"both", RecordBoth}} {
			b.Run(fmt.Sprintf("%s/%s", f.Name, what.name), func(b *testing.B) {
				const n = 20
				s := newTestState(b)
				for i := range n {
					fake := newFakeLeg(b, f, 0)
					if i < 3 {
						fake.toneHz = toneHz(i)
					}
					for range 10 { // past the encoder's start
						_ = fake.Receive(time.Now(), discard{})
					}
					seat(b, s, &cannedLeg{format: f, payload: append([]byte(nil), fake.payload[:fake.length]...)})
				}
				if what.content != RecordUnspecified {
					if err := s.startRecording(&copyTape{content: what.content}); err != nil {
						b.Fatal(err)
					}
				}
				now := time.Now()
				b.ReportAllocs()
				for b.Loop() {
					now = now.Add(frameDuration)
					s.tick(now)
					s.pending = s.pending[:0]
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/leg")
			})
		}
	}
}

// copyTape copies what it is given.
type copyTape struct {
	content RecordingContent
	ring    [1 << 17]int16
	at      int
}

func (t *copyTape) Recording() Recording { return Recording{ID: "r", Content: t.content} }
func (t *copyTape) Failed() bool         { return false }
func (t *copyTape) Note(Event)           {}
func (t *copyTape) Close(Reason) error   { return nil }
func (t *copyTape) Put(f *TapeFrame) bool {
	t.keep(f.Mix)
	for _, v := range f.Voices {
		t.keep(v.PCM)
	}
	return true
}

func (t *copyTape) keep(pcm []int16) {
	t.at = (t.at + copy(t.ring[t.at:], pcm)) % len(t.ring)
}
