package rooms

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/mixer/quality"
)

// reportingLeg is a telephone that reports once in reportTicks how much it loses, and notes what it is sent.
type reportingLeg struct {
	*scriptLeg
	loss   float64
	ticks  int
	copies []bool   // of each packet, whether it carries one of what was before
	sent   [][]byte // the packets of the last second
}

const reportTicks = framesPerSecond

func newReportingLeg(t testing.TB, p codec.Profile) *reportingLeg {
	t.Helper()
	return &reportingLeg{scriptLeg: newScriptLeg(t, p, nil)}
}

func (l *reportingLeg) Receive(now time.Time, in Inlet) error {
	if l.ticks++; l.ticks%reportTicks == 0 {
		in.Report(quality.Peer{At: now, Loss: l.loss})
	}
	return l.scriptLeg.Receive(now, in)
}

func (l *reportingLeg) Send(now time.Time, payload []byte, units int) {
	r, ok := l.decoder.(codec.Recoverer)
	l.copies = append(l.copies, ok && r.Carries(payload))
	l.sent = append(l.sent, slices.Clone(payload))
	l.sent = l.sent[max(0, len(l.sent)-framesPerSecond):]
	l.scriptLeg.Send(now, payload, units)
}

// protected is the share of the newest packets that carry a copy.
func (l *reportingLeg) protected(packets int) float64 {
	n := 0
	for _, yes := range l.copies[len(l.copies)-packets:] {
		if yes {
			n++
		}
	}
	return float64(n) / float64(packets)
}

// vowel never ends.
func vowel(rateHz int) func(int) float64 {
	return func(i int) float64 {
		v := 0.0
		for k := 1.0; k <= 10; k++ {
			v += math.Sin(2*math.Pi*k*140*float64(i)/float64(rateHz)+k*k) / k
		}
		return 3500 * v * (1 + 0.4*math.Sin(2*math.Pi*3*float64(i)/float64(rateHz)))
	}
}

func cleanOpus(packet time.Duration) codec.Profile {
	return codec.Profile{Format: opus, Packet: packet, Opus: codec.OpusSettings{Clean: true}}
}

func TestWhoReportsLossGetsCopiesForRepair(t *testing.T) {
	for _, packet := range []time.Duration{20 * time.Millisecond, 60 * time.Millisecond} {
		s := newStage(t, Settings{})
		talker := newScriptLeg(t, cleanOpus(packet), vowel(48000))
		lossy, clean, other := newReportingLeg(t, cleanOpus(packet)), newReportingLeg(t, cleanOpus(packet)), newReportingLeg(t, cleanOpus(packet))
		seat(t, s.state, talker)
		m := seat(t, s.state, lossy)
		seat(t, s.state, clean)
		seat(t, s.state, other)
		second := int(time.Second / packet)

		s.run(3*framesPerSecond + 7)
		if got := lossy.protected(second); got != 0 {
			t.Errorf("packets of %v: %.0f %% carry copies before anything is lost", packet, 100*got)
		}
		before := s.describe(m)
		lossy.loss = 0.05
		s.run(2 * framesPerSecond)
		if got := lossy.protected(second / 2); got < 0.3 {
			t.Errorf("packets of %v: 2 s after the loss began %.0f %% carry copies", packet, 100*got)
		}
		if m.leg.Profile() != m.profile || len(s.mix.groups) != 2 {
			t.Errorf("packets of %v: what was negotiated has changed, or there are %d groups and not 2", packet, len(s.mix.groups))
		}
		if after := s.describe(m); after.Format != before.Format || after.PacketTime != before.PacketTime {
			t.Errorf("packets of %v: described as %v of %v, was %v", packet, after.Format, after.PacketTime, before.Format)
		}
		s.run(8 * framesPerSecond) // the packets of its own end

		// A session refresh that changes nothing.
		if err := s.change(m.p, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		lossy.loss = 0.005 // between the bounds: stays as it is
		s.run(25 * framesPerSecond)
		if got := lossy.protected(second); got < 0.3 {
			t.Errorf("packets of %v: with some loss left %.0f %% carry copies", packet, 100*got)
		}
		lossy.loss = 0
		s.run(int(calmTime/frameDuration) - framesPerSecond)
		if got := lossy.protected(second); got < 0.3 {
			t.Errorf("packets of %v: soon after the loss %.0f %% carry copies", packet, 100*got)
		}
		s.run(4 * framesPerSecond)
		if got := lossy.protected(second); got != 0 {
			t.Errorf("packets of %v: long after the loss %.0f %% carry copies", packet, 100*got)
		}
		s.run(8 * framesPerSecond)
		if !slices.EqualFunc(lossy.sent, other.sent, slices.Equal) || len(s.mix.groups) != 1 {
			t.Errorf("packets of %v: who loses nothing any more is not sent what the others are", packet)
		}
		if !slices.EqualFunc(clean.sent, other.sent, slices.Equal) || slices.Contains(clean.copies, true) {
			t.Errorf("packets of %v: who loses nothing has copies, or packets of its own", packet)
		}
		heard := lossy.heard[framesPerSecond*960:] // the voice's beginning is its own
		same := other.heard[framesPerSecond*960:]
		const limit = 8
		if worst, at := worstStep(heard, 48000); worst > limit {
			t.Errorf("packets of %v: a step of %.1f times the local RMS step at %d ms, want at most %d", packet, worst, 1000+at/48, limit)
		}
		if got, want := len(lossy.heard), int(s.mix.ticks)*960; got > want || got <= want-packetSamples(packet) {
			t.Errorf("packets of %v: %d samples heard of %d", packet, got, want)
		}
		for from := 0; from+480 < len(heard); from += 480 { // 10 ms
			level, want := measure.RMSDBFS(heard[from:from+480]), measure.RMSDBFS(same[from:from+480])
			if level < want-8 || level > want+4 { // SILK alone differs by up to 3.2
				t.Errorf("packets of %v: %.1f dBFS at %d ms, and %.1f with who never changed", packet, level, 1000+from/48, want)
			}
		}
	}
}

func packetSamples(packet time.Duration) int { return int(packet / time.Millisecond * 48) }

func TestANewOfferKeepsTheCopiesAndAnotherTelephoneBeginsWithoutThem(t *testing.T) {
	s := newStage(t, Settings{})
	seat(t, s.state, newScriptLeg(t, cleanOpus(0), vowel(48000)))
	leg := newReportingLeg(t, cleanOpus(0))
	leg.loss = 0.05
	m := seat(t, s.state, leg)
	s.run(3 * framesPerSecond)
	longer := cleanOpus(40 * time.Millisecond)
	if err := s.change(m.p, func() error { leg.use(t, longer); return nil }); err != nil {
		t.Fatal(err)
	}
	if m.profile != longer || m.down.profile.Opus.Clean || m.down.group.key.profile != m.down.profile {
		t.Errorf("after the offer: negotiated %+v, in use %+v, want %+v with copies", m.profile, m.down.profile, longer)
	}
	if err := s.swap(m.p, newReportingLeg(t, longer), Caller{}); err != nil {
		t.Fatal(err)
	}
	if got := m.down.profile; got != longer || !m.peer.At.IsZero() {
		t.Errorf("another telephone gets %+v for the reports %+v of the one before, want %+v", got, m.peer, longer)
	}
}

func TestOneMemberATurnGoesOver(t *testing.T) {
	s := newTestState(t)
	const members = 120
	for range members {
		m := seat(t, s, newScriptLeg(t, cleanOpus(0), nil))
		m.Report(quality.Peer{At: time.Now(), Loss: 0.1})
	}
	for turn := range members {
		s.adapt()
		gone := 0
		for _, m := range s.members {
			if !m.down.profile.Opus.Clean {
				gone++
			}
		}
		if gone != turn+1 {
			t.Fatalf("turn %d: %d have gone over, want %d", turn, gone, turn+1)
		}
	}
	if got := testing.AllocsPerRun(100, s.adapt); got != 0 || len(s.mix.groups) != 1 {
		t.Errorf("%v allocations where nothing changes, %d groups; want 0 and 1", got, len(s.mix.groups))
	}
}

func TestARunningRoomAnswersLossWithCopies(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		leg := newReportingLeg(t, cleanOpus(0))
		leg.loss = 0.05
		p, q := join(t, g, "1000", "Alice", newScriptLeg(t, cleanOpus(0), vowel(48000))), join(t, g, "1000", "Bob", leg)
		time.Sleep(4 * time.Second)
		got := 0.0
		if err := q.Change(ctx, func() error { got = leg.protected(framesPerSecond); return nil }); err != nil {
			t.Fatal(err)
		}
		if got < 0.3 {
			t.Errorf("%.0f %% of the packets carry copies", 100*got)
		}
		p.Leave(ReasonHangup)
		q.Leave(ReasonHangup)
	})
}
