package media

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestReceptionReportByHand checks RFC 3550 §A.3 and §A.8 against figures worked out on paper.
func TestReceptionReportByHand(t *testing.T) {
	var s source
	s.start(7, 65530)
	at := time.Unix(1_000_000_000, 0)
	s.clock(0, at, 8000)
	// 65531 to 65535, then 0 to 9 without 2, 3 and 5: 16 expected, 13 received.
	for _, seq := range []uint16{65531, 65532, 65533, 65534, 65535, 0, 1, 4, 6, 7, 8, 9} {
		if got := s.update(seq); got != stepNext {
			t.Errorf("sequence %d is step %d", seq, got)
		}
	}
	if got := s.highest(); got != 1<<16|9 {
		t.Errorf("got extended highest %#x, want 0x10009", got)
	}
	if got := s.lost(); got != 3 {
		t.Errorf("got lost %d, want 3", got)
	}
	if got := s.fraction(); got != 48 { // 3/16 * 256
		t.Errorf("got fraction %d, want 48", got)
	}
	// 10 to 13 and the late 5: 4 expected, 5 received; a negative share counts as 0.
	for _, seq := range []uint16{10, 11, 12, 13, 5} {
		s.update(seq)
	}
	if got, lost := s.fraction(), s.lost(); got != 0 || lost != 2 {
		t.Errorf("got fraction %d and lost %d, want 0 and 2", got, lost)
	}
	if got := s.fraction(); got != 0 {
		t.Errorf("with nothing new got fraction %d", got)
	}
	// Transit differences of +80, −40 and 0 units: J' = J + |D| − ((J+8)>>4) in sixteenths:
	// 80; 80+40−5 = 115; 115+0−7 = 108; reported 108>>4 = 6.
	s.clock(160, at.Add(30*time.Millisecond), 8000)
	s.clock(320, at.Add(45*time.Millisecond), 8000)
	s.clock(480, at.Add(65*time.Millisecond), 8000)
	if s.jitter != 108 || s.jitter>>4 != 6 {
		t.Errorf("got jitter %d/16, want 108/16", s.jitter)
	}
}

func TestSequenceOfRFC3550A1(t *testing.T) {
	var s source
	s.start(7, 1000)
	for _, c := range []struct {
		name string
		seq  uint16
		want step
	}{
		{"the next", 1001, stepNext},
		{"the same again", 1001, stepOld},
		{"a gap", 1005, stepNext},
		{"a late one", 1003, stepOld},
		{"one just within misorder", 1005 - 99, stepOld},
		{"one too old", 1005 - 100, stepBad},
		{"the largest gap", 1005 + 2999, stepNext},
		{"a gap too large", 4004 + 3000, stepBad},
		{"the old sequence goes on", 4005, stepNext},
		{"a jump", 30000, stepBad},
		{"behind the jump, not in sequence", 30002, stepBad},
		{"and in sequence", 30003, stepRestart},
		{"and on", 30004, stepNext},
	} {
		if got := s.update(c.seq); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

// TestLossIsWhatIsMissing checks lost and highest against sets, for shuffles within the limits.
func TestLossIsWhatIsMissing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := uint32(rapid.Uint16().Draw(t, "first"))
		var s source
		s.start(7, uint16(first))
		seen, top := map[uint32]bool{first: true}, first
		for range rapid.IntRange(0, 200).Draw(t, "n") {
			ahead := rapid.IntRange(-50, 2000).Draw(t, "ahead")
			next := int64(top) + int64(ahead)
			if next <= int64(first) || seen[uint32(next)] {
				continue
			}
			seen[uint32(next)], top = true, max(top, uint32(next))
			if got := s.update(uint16(next)); got == stepBad || got == stepRestart {
				t.Fatalf("step %d at %d", got, next)
			}
		}
		if s.highest() != top || s.lost() != int64(top-first)+1-int64(len(seen)) {
			t.Fatalf("got highest %d, lost %d; want %d, %d", s.highest(), s.lost(), top, int64(top-first)+1-int64(len(seen)))
		}
	})
}

func TestASourceThatStartsAnewUnderItsSSRC(t *testing.T) {
	c := newScene(t)
	c.rtp(signalledAddr, 7, 100, 5)
	c.is(c.rtp(signalledAddr, 7, 50000, 1), reasonSequence)
	c.is(c.rtp(signalledAddr, 7, 50001, 2), accepted)
	if want := []uint16{101, 102, 103, 104, 50001, 50002}; !slices.Equal(c.ear.sequences(), want) || len(c.ear.restarts) != 2 {
		t.Errorf("got %v with %d restarts, want %v with 2", c.ear.sequences(), len(c.ear.restarts), want)
	}
}
