package control

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"pgregory.net/rapid"
)

var start = time.Unix(1_700_000_000, 0)

// round is a Sweep of the whole table.
func round(m *Members, now time.Time, timeout time.Duration) {
	for range slots / sweepSlots {
		m.Sweep(now, timeout)
	}
}

// TestMembersAreThoseOfAModel holds the table to a map, up to the size at which it begins to sample.
func TestMembersAreThoseOfAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const timeout = 25 * time.Second
		m, model := NewMembers(start), map[uint32]time.Time{}
		now := start
		ssrc := rapid.Uint32Range(1, 200)
		t.Repeat(map[string]func(*rapid.T){
			"hear": func(t *rapid.T) {
				s := ssrc.Draw(t, "ssrc")
				m.Hear(s, now, false)
				model[s] = now
			},
			"leave": func(t *rapid.T) {
				s := ssrc.Draw(t, "ssrc")
				m.Leave(s)
				delete(model, s)
			},
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
				round(m, now, timeout)
				for s, at := range model {
					if now.Sub(at) > timeout {
						delete(model, s)
					}
				}
			},
			"": func(t *rapid.T) {
				if got := m.Count(); got != len(model) {
					t.Fatalf("got %d members, want %d", got, len(model))
				}
				for s := range model {
					if _, found := m.find(s, m.hash(s)); !found {
						t.Fatalf("%d is lost", s)
					}
				}
			},
		})
	})
}

func TestLargeSessionsAreEstimated(t *testing.T) {
	for _, n := range []int{1024, 1025, 5000, 100_000} {
		m := NewMembers(start)
		used := map[uint32]bool{}
		for len(used) < n {
			s := rand.Uint32()
			used[s] = true
			m.Hear(s, start, false)
			m.Report(s, 64, 80)
		}
		round(m, start, time.Minute)
		// 512 at least are kept, a deviation of 4.4 %; six of these never happen.
		got := m.Audience()
		if off := math.Abs(float64(got.Receivers)/float64(n) - 1); n <= MaxMembers && off != 0 || off > 6*0.044 {
			t.Errorf("of %d members %d were estimated", n, got.Receivers)
		}
		if got.Worst != 0.25 || got.Mean != 0.25 || got.Jitter != 80 {
			t.Errorf("of %d members got %+v", n, got)
		}
		for s := range used {
			m.Leave(s)
		}
		for range 20 {
			round(m, start, time.Minute)
		}
		if m.Count() != 0 || m.depth != 0 {
			t.Errorf("after all %d have left, %d are there, one of %d kept", n, m.Count(), 1<<m.depth)
		}
	}
}

func TestWhatReceiversReport(t *testing.T) {
	m := NewMembers(start)
	read := func(packets ...rtcp.Packet) {
		t.Helper()
		b, err := rtcp.Marshal(packets)
		if err != nil {
			t.Fatal(err)
		}
		if !Valid(b) || !m.Read(b, 7, start) {
			t.Fatalf("%v was not taken", packets)
		}
	}
	read(&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 9, FractionLost: 255}, {SSRC: 7, FractionLost: 128, Jitter: 160}}})
	read(&rtcp.ReceiverReport{SSRC: 2, Reports: []rtcp.ReceptionReport{{SSRC: 7, Jitter: 80}}})
	read(&rtcp.ReceiverReport{SSRC: 3})
	read(&rtcp.SenderReport{SSRC: 4, Reports: []rtcp.ReceptionReport{{SSRC: 7, FractionLost: 64}}})
	read(&rtcp.SenderReport{SSRC: 7})
	round(m, start, time.Minute)
	want := Audience{Members: 4, Senders: 1, Receivers: 3, Worst: 0.5, Mean: 0.25, Jitter: 80}
	if diff := cmp.Diff(want, m.Audience()); diff != "" {
		t.Error(diff)
	}
	read(&rtcp.ReceiverReport{SSRC: 1}, &rtcp.Goodbye{Sources: []uint32{1, 7, 99}})
	if m.Count() != 3 {
		t.Errorf("after a BYE there are %d members, want 3", m.Count())
	}
}

func TestMembersDoNotAllocate(t *testing.T) {
	m := NewMembers(start)
	ssrc := uint32(0)
	if n := testing.AllocsPerRun(5000, func() {
		ssrc++
		m.Hear(ssrc, start, true)
		m.Report(ssrc, 1, 2)
		m.Leave(ssrc / 3)
		m.Sweep(start, time.Minute)
		_ = m.Audience()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRead feeds compounds: whatever they are, the table stays one.
func FuzzRead(f *testing.F) {
	for _, packets := range [][]rtcp.Packet{
		{&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 7}}}, &rtcp.Goodbye{Sources: []uint32{1}}},
		{&rtcp.SenderReport{SSRC: 4}, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 4}}}},
	} {
		b, err := rtcp.Marshal(packets)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x9f, 201, 0, 1, 0, 0, 0, 1})
	m := NewMembers(start)
	now := start
	f.Fuzz(func(t *testing.T, b []byte) {
		if !Valid(b) {
			return
		}
		now = now.Add(time.Second)
		_ = m.Read(b, 7, now)
		_ = Holds(b, rtcp.TypeGoodbye)
		m.Sweep(now, time.Minute)
		count := 0
		for i := range m.table {
			s := &m.table[i]
			if s.flags&used == 0 {
				continue
			}
			count++
			if at, found := m.find(s.ssrc, m.hash(s.ssrc)); !found || at != i || s.ssrc == 7 {
				t.Fatalf("slot %d has %d, which is found at %d, %v", i, s.ssrc, at, found)
			}
		}
		if count != m.count {
			t.Fatalf("%d slots are used, %d are counted", count, m.count)
		}
	})
}
