package mixer

import (
	"math/rand/v2"
	"testing"
)

// stage is a floor with people, in virtual frames.
type stage struct {
	floor    Floor
	speakers []*Speaker
	talkers  int
}

func newStage(people, talkers int) *stage {
	s := &stage{talkers: talkers}
	for range people {
		s.speakers = append(s.speakers, &Speaker{})
	}
	return s
}

// talk is a claim of somebody in mid-word, rest of somebody between two words, line of somebody with noise and no words.
func talk(levelDB float64) Claim {
	return Claim{Sounding: true, Loud: true, Talking: true, LevelDB: levelDB}
}
func rest() Claim { return Claim{Sounding: true, Talking: true, LevelDB: -60} }
func line() Claim { return Claim{Sounding: true, LevelDB: -60} }

// tick lets everybody claim what claim says for them.
func (s *stage) tick(claim func(i int) Claim) {
	for i, p := range s.speakers {
		s.floor.Claim(p, claim(i))
	}
	s.floor.Decide(s.speakers, s.talkers)
}

func (s *stage) mixed() (who []int) {
	for i, p := range s.speakers {
		if s.floor.Mixed(p) {
			who = append(who, i)
		}
	}
	return who
}

func TestOneLineIsKeptWhenNobodyTalks(t *testing.T) {
	s := newStage(20, 4)
	quiet := func(int) Claim { return line() }
	s.tick(quiet)
	if got := s.mixed(); len(got) != 1 {
		t.Fatalf("20 lines with noise: %v mixed, want one", got)
	}
	only := func(i int) func(int) Claim {
		return func(j int) Claim {
			if i == j {
				return talk(-20)
			}
			return line()
		}
	}
	for range 60 {
		s.tick(only(7))
		if got := s.mixed(); len(got) != 1 || got[0] != 7 {
			t.Fatalf("7 talks: %v mixed, want 7 alone", got)
		}
	}
	for range 500 {
		s.tick(quiet)
		if got := s.mixed(); len(got) != 1 || got[0] != 7 {
			t.Fatalf("in the pause of 7: %v mixed, want 7 alone", got)
		}
	}
	// A click on another line lets it in and does not keep it there.
	s.tick(only(3))
	for range floorHoldTicks + 1 {
		s.tick(quiet)
	}
	if got := s.mixed(); len(got) != 1 || got[0] != 7 {
		t.Errorf("after a click of 3: %v mixed, want 7 alone", got)
	}
	// Where the line itself falls silent, another one is kept.
	for range floorLineTicks + 1 {
		s.tick(func(i int) Claim {
			if i == 7 {
				return Claim{}
			}
			return line()
		})
	}
	if got := s.mixed(); len(got) != 1 || got[0] == 7 {
		t.Errorf("after 7 went silent: %v mixed, want another one", got)
	}
}

func TestNewcomerIsMixedAtOnceAndNobodyIsCutInMidWord(t *testing.T) {
	for _, newcomer := range []float64{-14, -20, -30} {
		s := newStage(5, 4)
		word := 0
		gaps := func(i int) bool { return (word+17*i)%50 >= 41 } // a word of 820 ms, then 180 ms
		claims := func(last Claim) func(int) Claim {
			return func(i int) Claim {
				switch {
				case i == 4:
					return last
				case gaps(i):
					return rest()
				}
				return talk(-20 - float64(i)/10)
			}
		}
		for ; word < 200; word++ {
			s.tick(claims(Claim{}))
		}
		if got := s.mixed(); len(got) != 4 {
			t.Fatalf("%v mixed, want the four who talk", got)
		}
		before := s.mixed()
		for ; word < 600; word++ {
			s.tick(claims(talk(newcomer)))
			if word < 203 && !s.floor.Mixed(s.speakers[4]) {
				t.Fatalf("newcomer at %v dBFS is not mixed in tick %d, want at once", newcomer, word-200)
			}
			now := s.mixed()
			for _, i := range before {
				if i != 4 && !s.floor.Mixed(s.speakers[i]) && !gaps(i) {
					t.Errorf("newcomer at %v dBFS: %d is cut off in mid-word", newcomer, i)
				}
			}
			before = now
		}
		got := s.mixed()
		if len(got) != 4 {
			t.Errorf("newcomer at %v dBFS: %v mixed in the end, want four", newcomer, got)
		}
		if loud := newcomer > -20; s.floor.Mixed(s.speakers[4]) != loud && newcomer != -20 {
			t.Errorf("newcomer at %v dBFS is mixed in the end: %v, want %v", newcomer, !loud, loud)
		}
	}
}

func TestVoicesWithoutEndAreCutDownToTheSeats(t *testing.T) {
	s := newStage(12, 4)
	most := 0
	for range 3000 { // each has its 4 s as a guest
		s.tick(func(i int) Claim { return talk(-20 - float64(i)) })
		most = max(most, len(s.mixed()))
	}
	if most > 6 {
		t.Errorf("%d voices at once, want at most 4 and 2 guests", most)
	}
	if got := s.mixed(); len(got) != 4 || got[0] != 0 || got[3] != 3 {
		t.Errorf("mixed in the end: %v, want the loudest four", got)
	}
}

func TestEqualVoicesDoNotTakeTurns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := newStage(10, 4)
	changes := 0
	var before []int
	for tick := range 3000 {
		s.tick(func(int) Claim { return talk(-20 + 3*r.NormFloat64()) })
		now := s.mixed()
		if tick > 2000 && len(now) != len(before) {
			changes++
		}
		before = now
	}
	if changes > 4 {
		t.Errorf("%d changes in 20 s among ten voices of one level, want next to none", changes)
	}
}

func TestAllTalkersMeansAllWhoTalk(t *testing.T) {
	s := newStage(40, AllTalkers)
	for range 3 {
		s.tick(func(i int) Claim {
			if i < 30 {
				return talk(-20)
			}
			return line()
		})
	}
	if got := s.mixed(); len(got) != 30 {
		t.Errorf("%d mixed, want the 30 who talk and no noise", len(got))
	}
}

func TestDominantSpeakerIsNotWhoCoughs(t *testing.T) {
	s := newStage(3, 4)
	speak := func(who, ticks int, others func(i int) Claim) {
		for tick := range ticks {
			s.tick(func(i int) Claim {
				switch {
				case i == who && tick%25 < 17: // words of 340 ms
					return talk(-20)
				case i == who:
					return rest()
				}
				return others(i)
			})
		}
	}
	noOne := func(int) Claim { return Claim{} }
	if s.floor.Dominant() != nil {
		t.Error("somebody has the floor before anybody spoke")
	}
	speak(0, 100, noOne)
	if s.floor.Dominant() != s.speakers[0] {
		t.Fatal("who has spoken for 2 s does not have the floor")
	}
	for cough := range 20 { // 300 ms, once in 2 s, while nobody speaks
		for range 15 {
			s.tick(func(i int) Claim {
				if i == 1 {
					return talk(-6)
				}
				return line()
			})
		}
		if s.floor.Dominant() != s.speakers[0] {
			t.Fatalf("cough %d takes the floor", cough)
		}
		for range 85 {
			s.tick(func(int) Claim { return line() })
		}
	}
	speak(0, 100, noOne)
	speak(0, 300, func(i int) Claim { // 1 talks as much at the same time
		if i == 1 {
			return talk(-20)
		}
		return Claim{}
	})
	s.floor.Forget(s.speakers[1])
	speak(0, 100, noOne)
	if s.floor.Dominant() != s.speakers[0] {
		t.Fatal("0 speaks alone and does not have the floor")
	}
	took := 0
	for ; took < 200 && s.floor.Dominant() != s.speakers[2]; took++ {
		speak(2, 1, func(i int) Claim { return Claim{Sounding: true, Talking: i == 0, LevelDB: -60} })
	}
	if took < 20 || took > 100 {
		t.Errorf("another speaker takes the floor after %d ms, want 0.4 to 2 s", 20*took)
	}
	s.floor.Forget(s.speakers[2])
	if s.floor.Dominant() != nil || s.floor.Mixed(s.speakers[2]) {
		t.Error("who has left still has the floor")
	}
}

func TestFloorDoesNotAllocate(t *testing.T) {
	s := newStage(100, 4)
	i := 0
	if got := testing.AllocsPerRun(100, func() {
		i++
		s.tick(func(j int) Claim {
			if (i/10+j)%7 == 0 {
				return talk(-20 - float64(j%5))
			}
			return line()
		})
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
