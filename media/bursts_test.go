package media

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// come gives b packets, '1' for one that comes and 'X' for one that comes and is discarded, and has the window run out behind them.
func (b *bursts) come(packets string) {
	missing := uint16(0)
	for _, p := range packets {
		missing++
		if p == '0' {
			continue
		}
		b.advance(missing)
		missing = 0
		if p == 'X' {
			b.discard(0)
		}
	}
	b.advance(missing + lateWindow) // what is behind the packets is in the window alone, in which nothing is sorted
}

func TestBurstsAndGaps(t *testing.T) {
	ones := func(n int) string { return strings.Repeat("1", n) }
	for _, c := range []struct {
		name, packets string
		want          runs
	}{
		{"nothing lost", ones(100), runs{gapPackets: 100}},
		{"a burst between two gaps", "1111" + "0" + ones(18) + "011101011110" + ones(18) + "0", runs{4. / 12, 2. / 42, 12, 42}},
		// As it is printed, but for a packet at the end that its lengths of 64 packets and 290 ms need.
		{
			"the example of RFC 3611 §4.7.2, discards and all", "11110111111111111111111X111X1011110111111111111111111X1111111111",
			runs{4. / 12, 2. / 52, 12, 23 + 29},
		},
		{"the first one is discarded", "X" + ones(20), runs{0, 1. / 21, 0, 21}},
		{"nothing but discards", "XXXX", runs{1, 0, 4, 0}},
		{"lonely losses are no burst", ones(20) + "0" + ones(16) + "0" + ones(20), runs{gapDensity: 2. / 58, gapPackets: 58}},
		{"15 between two are a burst", ones(20) + "0" + ones(15) + "0" + ones(20), runs{2. / 17, 0, 17, 40}},
		{"two bursts", ones(20) + "00" + ones(16) + "0100" + ones(20), runs{5. / 6, 0, 3, 28}},
		{"a burst at the beginning", "1" + "00" + ones(30), runs{1, 0, 2, 31}},
		{"a burst that is open", ones(30) + "0001", runs{1, 0, 3, 31}},
		{"a loss at the end", ones(30) + "0", runs{0, 1. / 31, 0, 31}},
	} {
		var b bursts
		b.come(c.packets)
		if got := b.runs(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestLatePacketsAreNotLost(t *testing.T) {
	var b bursts
	b.advance(1)
	b.advance(10) // nine are missing
	for n := uint16(1); n < 10; n++ {
		b.late(n)
	}
	b.late(lateWindow) // from before the first
	b.late(30000)
	b.advance(lateWindow)
	if got := b.runs(); got.burstPackets != 0 || got.gapDensity != 0 || got.gapPackets != 11 {
		t.Errorf("got %+v, want a gap of 11", got)
	}
	b.late(lateWindow - 1) // the last moment
	b.advance(1)
	if got := b.runs(); got.gapDensity != 0 || got.gapPackets != 12 {
		t.Errorf("got %+v, want a gap of 12", got)
	}
}

func TestWhatComesLateAndIsDiscardedIsLostAllTheSame(t *testing.T) {
	var b bursts
	b.advance(1)
	b.advance(30) // 29 are missing
	for n := uint16(1); n < 30; n++ {
		b.late(n)
		if n < 4 {
			b.discard(n)
		}
	}
	b.discard(31) // from before the first
	b.discard(lateWindow)
	b.discard(40000)
	b.advance(lateWindow)
	if got := b.runs(); got.burstDensity != 1 || got.burstPackets != 3 || got.gapPackets != 28 {
		t.Errorf("got %+v, want a burst of 3, and 28 others", got)
	}
}

// slowRuns is the definition of RFC 3611 §4.7.2, word by word.
func slowRuns(packets string) (r runs) {
	inBurst := make([]bool, len(packets))
	for i := range packets {
		for j := i + 1; j < len(packets); j++ {
			if packets[i] == '1' || packets[j] == '1' || strings.Contains(packets[i:j], strings.Repeat("1", gapMinimum)) {
				continue
			}
			for k := i; k <= j; k++ {
				inBurst[k] = true
			}
		}
	}
	count, in, inLost, out, outLost := 0., 0., 0., 0., 0.
	for i, burst := range inBurst {
		lost := 0.
		if packets[i] != '1' {
			lost = 1
		}
		if burst {
			in++
			inLost += lost
			// Two bursts cannot touch: there are 16 packets between them.
			if i == 0 || !inBurst[i-1] {
				count++
			}
			continue
		}
		out++
		outLost += lost
	}
	if count > 0 {
		r.burstDensity, r.burstPackets = inLost/in, in/count
	}
	if out > 0 {
		r.gapDensity, r.gapPackets = outLost/out, out/math.Max(count, 1)
	}
	return r
}

func TestBurstsAreThoseOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"1", "0", "X", "10", "1X", "1111", strings.Repeat("1", 14), strings.Repeat("1", 16)}), 1, 30).Draw(t, "packets")
		packets := "1" + strings.Join(parts, "")
		var b bursts
		b.come(packets)
		if got, want := b.runs(), slowRuns(packets); got != want {
			t.Errorf("%s: got %+v, want %+v", packets, got, want)
		}
	})
}

// TestADuplicateOfWhatCameTooLateIsOfNoUseEither: however often it comes, it was not heard.
func TestADuplicateOfWhatCameTooLateIsOfNoUseEither(t *testing.T) {
	var s source
	s.start(7, 100)
	for seq := uint16(101); seq < 300; seq++ {
		if seq != 150 {
			s.update(seq)
		}
		switch seq {
		case 160: // comes too late
			s.update(150)
			s.discard(150)
		case 170, 180: // and again, with another one that was heard
			s.update(150)
			s.update(140)
		}
	}
	if got := s.bursts.runs(); got.gapDensity != 1./136 || got.burstPackets != 0 {
		t.Errorf("got %+v, want 1 of the 136 packets that are sorted, all in gaps, lost", got)
	}
}
