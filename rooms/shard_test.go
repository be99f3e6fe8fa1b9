package rooms

import (
	"context"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/codec"
)

// sumLeg remembers what it is sent as one number.
type sumLeg struct {
	*fakeLeg
	sum uint64
}

func (l *sumLeg) Send(_ time.Time, payload []byte, units int) {
	h := fnv.New64a()
	_, _ = h.Write(payload)
	l.sum = l.sum*31 + h.Sum64() + uint64(units)
}

// outcome is what became of a room of many members.
type outcome struct {
	Sums   []uint64
	Events []string
}

// runCrowd runs a room of 460 members for a second, as the processors allow, and hires the crew where there are several. Some talk, now and then, some press keys, some hear
// other things than the mix.
func runCrowd(t *testing.T, processors int) outcome {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
	g := NewRegistry(Config{})
	defer func() {
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	s := newState(newRoom(g, "1000", newEventLog("1000", 64, nil, 0)), Kept{}, false)
	s.set.MaxTalkers = 3
	const members = 460
	formats := [...]codec.Format{pcmu, pcma}
	legs := make([]*sumLeg, members)
	for i := range legs {
		legs[i] = &sumLeg{fakeLeg: newFakeLeg(t, formats[i%len(formats)], 0)}
		seat(t, s, legs[i])
	}
	if got, want := s.crew.size(), processors-1; got != want {
		t.Fatalf("%d help, want %d", got, want)
	}
	for i, m := range s.members[:40] {
		m.goTo([...]Place{PlaceWaiting, PlaceAsked, PlaceInside}[i%3])
	}
	if err := s.setWhisper(s.members[60], s.members[200].p.id); err != nil {
		t.Fatal(err)
	}
	s.publish()
	var c outcome
	now := time.Now()
	for tick := range framesPerSecond {
		for i, l := range legs {
			l.mu.Lock()
			l.toneHz = 0
			if (i*7+tick/20)%23 == 0 || i == 60 {
				l.toneHz = toneHz(i % 8)
			}
			if (i+tick)%97 == 0 {
				l.keys = append(l.keys, '0'+byte(i%10))
			}
			l.mu.Unlock()
		}
		now = now.Add(frameDuration)
		s.tick(now)
		for _, e := range s.pending {
			who := slices.IndexFunc(s.members, func(m *member) bool { return m.p.id == e.Participant.ID })
			c.Events = append(c.Events, fmt.Sprint(e.Kind, " ", e.Key, " ", who))
		}
		s.pending = s.pending[:0]
	}
	for _, l := range legs {
		c.Sums = append(c.Sums, l.sum)
	}
	return c
}

func TestShardsDoWhatOneGoroutineDoes(t *testing.T) {
	alone := runCrowd(t, 1)
	if !slices.ContainsFunc(alone.Events, func(e string) bool { return e != alone.Events[0] }) || alone.Sums[0] == alone.Sums[200] {
		t.Fatal("nothing happens")
	}
	if diff := cmp.Diff(alone, runCrowd(t, 4)); diff != "" {
		t.Errorf("with three who help (-alone +helped):\n%s", diff)
	}
}

func TestWhoComesLateToAHalfTickFindsItEnded(t *testing.T) {
	var k work
	k.free = make(chan struct{}, 1)
	k.busy.Store(0)
	if !k.begin() {
		t.Fatal("a half tick that goes on does not let its first helper begin")
	}
	waited := make(chan struct{})
	go func() { k.end(); close(waited) }()
	for k.busy.Load() >= 0 {
		runtime.Gosched()
	}
	if k.begin() {
		t.Error("somebody begins behind the end")
	}
	select {
	case <-waited:
		t.Error("the end does not wait for who is at it")
	default:
	}
	k.leave()
	<-waited
}

func TestWhoIsCalledForATickHelpsInBothHalves(t *testing.T) {
	var k work
	k.free = make(chan struct{}, 1)
	k.busy.Store(closedWork)
	if k.await(0) {
		t.Fatal("one helps before the tick has begun")
	}
	open := func(do half) {
		k.half = do
		k.opened.Add(1)
		k.busy.Store(0)
	}
	for tick := range 20 {
		helped := make(chan half, 2)
		ready := make(chan struct{})
		go func() {
			close(ready)
			for seen, halves := uint32(2*tick), 0; halves < 2; {
				if k.await(seen) { // else the machine was busy for longer than anybody waits
					seen, halves = k.opened.Load(), halves+1
					helped <- k.half
					k.leave()
				}
			}
			close(helped)
		}()
		<-ready
		for _, do := range []half{takingIn, sendingOut} {
			open(do)
			if got := <-helped; got != do {
				t.Fatalf("tick %d: one helps in half %d, want %d", tick, got, do)
			}
			k.end()
		}
	}
}

func TestARoomThatShrinksForgetsItsShards(t *testing.T) {
	s := newTestState(t)
	for range shardMembers + 1 {
		seat(t, s, loopLeg{newFakeLeg(t, pcmu, 0)})
	}
	if len(s.shards) != 2 {
		t.Fatalf("%d shards of %d members", len(s.shards), len(s.members))
	}
	last := s.members[shardMembers]
	s.letGo(s.members[0].p, ReasonRemoved)
	if len(s.shards) != 1 || s.shards[:2][1].members != nil || last.shard != &s.shards[0] || len(s.shards[0].members) != shardMembers {
		t.Errorf("%d shards, the first of %d members", len(s.shards), len(s.shards[0].members))
	}
}
