package network

import (
	"math"
	"testing"
	"time"
)

const (
	packet = 20 * time.Millisecond
	many   = 50_000
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s: got %.4f, want %.4f within %.4f", what, got, want, within)
	}
}

func TestAPathWithoutFaultsChangesNothing(t *testing.T) {
	out, lost := Path{}.Schedule(100, packet)
	if len(out) != 100 || len(lost) != 0 {
		t.Fatalf("got %d packets, %d lost", len(out), len(lost))
	}
	for i, s := range out {
		if want := (Sending{i, time.Duration(i) * packet, 0}); s != want {
			t.Fatalf("got %+v, want %+v", s, want)
		}
	}
}

func TestLossIsAsOftenAsAskedAndBurstsAsLong(t *testing.T) {
	for _, want := range []float64{0.01, 0.05, 0.15} {
		out, lost := Path{Loss: want}.Schedule(many, packet)
		near(t, "loss", float64(len(lost))/many, want, 0.005)
		if len(out)+len(lost) != many {
			t.Errorf("%d come and %d are lost, of %d", len(out), len(lost), many)
		}
	}
	_, lost := Path{Burst: Burst{Loss: 0.05, Length: 3}}.Schedule(many, packet)
	near(t, "loss in bursts", float64(len(lost))/many, 0.05, 0.01)
	bursts := 0
	for i, k := range lost {
		if i == 0 || lost[i-1] != k-1 {
			bursts++
		}
	}
	near(t, "packets in a burst", float64(len(lost))/float64(bursts), 3, 0.3)
}

func TestJitterStaysInItsBoundsAndActsInItsTime(t *testing.T) {
	most := 100 * time.Millisecond
	out, _ := Path{From: 2 * time.Second, To: 12 * time.Second, Jitter: Jitter{Most: most}}.Schedule(1000, packet)
	var sum float64
	hit := 0
	for i, s := range out {
		in := s.At - s.Delay
		if i > 0 && s.At < out[i-1].At {
			t.Fatalf("packet %d comes before the one ahead of it in the list", s.Packet)
		}
		if in < 2*time.Second || in >= 12*time.Second {
			if s.Delay != 0 {
				t.Fatalf("%v of delay at %v", s.Delay, in)
			}
			continue
		}
		if s.Delay < 0 || s.Delay > most {
			t.Fatalf("delay of %v", s.Delay)
		}
		sum += s.Delay.Seconds()
		hit++
	}
	near(t, "mean of uniform jitter", sum/float64(hit), 0.05, 0.005)
	out, _ = Path{Jitter: Jitter{Scale: 5 * time.Millisecond, Shape: 1.5, Cap: 300 * time.Millisecond}}.Schedule(many, packet)
	short, long := 0, 0
	for _, s := range out {
		if s.Delay < 5*time.Millisecond {
			short++
		}
		if s.Delay > 50*time.Millisecond {
			long++
		}
	}
	near(t, "Pareto below its scale", float64(short)/many, 1-math.Pow(2, -1.5), 0.01)
	near(t, "Pareto above ten times that", float64(long)/many, math.Pow(11, -1.5), 0.005)
}

func TestAStallLetsAllGoAtOnceAndLosesNothing(t *testing.T) {
	out, lost := Path{Stall: Stall{At: time.Second, For: 300 * time.Millisecond}}.Schedule(100, packet)
	if len(lost) != 0 || len(out) != 100 {
		t.Fatalf("%d come, %d are lost", len(out), len(lost))
	}
	held := 0
	for i, s := range out {
		if s.Packet != i {
			t.Errorf("packet %d comes as number %d", s.Packet, i)
		}
		if s.Delay > 0 {
			held++
			if s.At != 1300*time.Millisecond {
				t.Errorf("packet %d comes at %v", i, s.At)
			}
		}
	}
	if held != 15 {
		t.Errorf("%d packets are held, want 15", held)
	}
}

func TestSkewSpeedsTheSenderUp(t *testing.T) {
	out, _ := Path{SkewPPM: 200}.Schedule(5001, packet)
	near(t, "seconds for 100 s of sound", out[5000].At.Seconds(), 100/1.0002, 1e-6)
}

func TestReorderingAndDuplication(t *testing.T) {
	out, _ := Path{Base: 60 * time.Millisecond, Overtake: 0.05}.Schedule(many, packet)
	early := 0
	for i, s := range out {
		if s.Delay > 60*time.Millisecond || s.Delay < 15*time.Millisecond {
			t.Fatalf("delay of %v", s.Delay)
		}
		if i > 0 && s.Packet < out[i-1].Packet {
			early++
		}
	}
	near(t, "share of packets overtaken", float64(early)/many, 0.05, 0.025)
	out, _ = Path{Held: 0.05}.Schedule(many, packet)
	late := 0
	for _, s := range out {
		if s.Delay > 0 {
			late++
		}
	}
	near(t, "share held back", float64(late)/many, 0.05, 0.005)
	out, lost := Path{Duplicate: 0.1}.Schedule(many, packet)
	if len(lost) != 0 {
		t.Error("duplication loses packets")
	}
	near(t, "share sent twice", float64(len(out)-many)/many, 0.1, 0.005)
}

func TestTheSameSeedDoesTheSame(t *testing.T) {
	p := Path{Seed: 7, Loss: 0.05, Jitter: Jitter{Most: packet}, Spikes: Spikes{Every: time.Second, Least: packet, Most: 5 * packet}}
	a, _ := p.Schedule(1000, packet)
	b, _ := p.Schedule(1000, packet)
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("packet %d: %+v and %+v", i, a[i], b[i])
		}
	}
	p.Seed = 8
	if c, _ := p.Schedule(1000, packet); len(c) == len(a) && c[10] == a[10] {
		t.Error("another seed does the same")
	}
}
