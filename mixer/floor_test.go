package mixer

import (
	"cmp"
	"math/rand/v2"
	"slices"
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

// troupe is people who begin to talk one after the other, in words of 820 ms with 180 ms between them.
type troupe struct {
	*stage
	levels []float64 // of each
	begins []int     // in which tick
	now    int
}

// onset is how far below its level a voice's first frames are.
var onset = []float64{12, 6, 2}

func newTroupe(talkers, apart int, levels ...float64) *troupe {
	p := &troupe{stage: newStage(len(levels), talkers), levels: levels}
	for i := range levels {
		p.begins = append(p.begins, 10+i*apart)
	}
	return p
}

// between says that voice i is between two words.
func (p *troupe) between(i int) bool { return (p.now-p.begins[i]+1)%50 >= 42 }

func (p *troupe) tick() {
	p.stage.tick(func(i int) Claim {
		said := p.now - p.begins[i]
		switch {
		case said < 0:
			return line()
		case p.between(i):
			return rest()
		case said < len(onset):
			c := talk(p.levels[i] - onset[said])
			c.Talking = false // the VAD is not sure yet
			return c
		}
		return talk(p.levels[i] + 3*float64(said*7%5-2)/2) // 3 dB up and down
	})
	p.now++
}

// loudestFew are the places of the n greatest levels, in order.
func loudestFew(levels []float64, n int) []int {
	who := make([]int, len(levels))
	for i := range who {
		who[i] = i
	}
	slices.SortFunc(who, func(a, b int) int { return cmp.Compare(levels[b], levels[a]) })
	who = who[:n]
	slices.Sort(who)
	return who
}

// TestVoicesOfAnyLevelGetInAtOnceAndTheLoudestStay: as many as there are places for, nobody is cut off in mid-word.
func TestVoicesOfAnyLevelGetInAtOnceAndTheLoudestStay(t *testing.T) {
	orders := map[string][]float64{
		"each louder than the one before":  {-41, -38, -35, -32, -29, -26, -23, -20},
		"each quieter than the one before": {-20, -23, -26, -29, -32, -35, -38, -41},
		"in turns":                         {-35, -20, -38, -26, -41, -23, -32, -29},
	}
	for name, levels := range orders {
		for voices := 5; voices <= 8; voices++ {
			for _, apart := range []int{0, 1, 5, 40} {
				p := newTroupe(4, apart, levels[:voices]...)
				before := make([]bool, voices)
				for p.now < 1500 {
					p.tick()
					for i, s := range p.speakers {
						mixed := p.floor.Mixed(s)
						if p.now-1 == p.begins[i]+2 && !mixed {
							t.Errorf("%s, %d voices, %d ticks apart: voice %d is not in the mix after 60 ms", name, voices, apart, i)
						}
						p.now--
						if before[i] && !mixed && p.now > p.begins[i] && !p.between(i) {
							t.Errorf("%s, %d voices, %d ticks apart: voice %d is cut off in mid-word, tick %d", name, voices, apart, i, p.now)
						}
						p.now++
						before[i] = mixed
					}
					if got := p.mixed(); p.now > 700 && !slices.Equal(got, loudestFew(levels[:voices], 4)) {
						t.Fatalf("%s, %d voices, %d ticks apart: %v mixed in tick %d, want the loudest four", name, voices, apart, got, p.now)
					}
				}
			}
		}
	}
}

// TestALouderVoiceTakesThePlaceOfTheQuietest: eight talk without any pause, which is all that there is place for, and more come.
func TestALouderVoiceTakesThePlaceOfTheQuietest(t *testing.T) {
	levels := []float64{-40, -36, -37, -38, -39, -35, -34, -33, -20, -16, -12, -37}
	s := newStage(len(levels), 4)
	for now := range 1200 {
		begins := func(i int) int { return 10 + i }
		s.tick(func(i int) Claim {
			said := now - begins(i)
			switch {
			case said < 0:
				return line()
			case said < len(onset):
				c := talk(levels[i] - onset[said])
				c.Talking = false
				return c
			}
			return talk(levels[i])
		})
		got := s.mixed()
		if len(got) > 8 {
			t.Fatalf("tick %d: %v mixed, want at most 4 and 4 guests", now, got)
		}
		for i := range 11 { // the last one is not louder than anybody
			if now == begins(i)+2 && !slices.Contains(got, i) {
				t.Errorf("voice %d at %v dBFS is not in the mix after 60 ms, but %v", i, levels[i], got)
			}
		}
		if want := []int{1, 2, 5, 6, 7, 8, 9, 10}; now == begins(11)+2 && !slices.Equal(got, want) {
			t.Errorf("%v mixed, want %v: the quietest three gone, and the last one waiting", got, want)
		}
		if want := []int{6, 7, 8, 9, 10}; now == 1000 && !slices.Equal(got, want[1:]) {
			t.Errorf("%v mixed in the end, want the loudest four of %v", got, want)
		}
	}
}

func TestAVoiceThatWaitsDoesNotKeepALouderOneOut(t *testing.T) {
	weakest := &Speaker{wants: true, seated: true, levelDB: -20}
	waiting := &Speaker{wants: true, levelDB: -18, claim: Claim{LevelDB: -18}}
	newcomer := &Speaker{wants: true, levelDB: -25, claim: Claim{LevelDB: -12}}
	if got := admit([]*Speaker{weakest, waiting, newcomer}, 1, 1); got != 1 || weakest.seated || waiting.seated || !newcomer.seated {
		t.Errorf("%d seated: %+v, %+v, %+v", got, weakest, waiting, newcomer)
	}
}

func TestAToneTakesNoPlaceFromSpeech(t *testing.T) {
	s := newStage(9, 4)
	for now := range 30 {
		s.tick(func(i int) Claim {
			switch {
			case i < 8:
				return talk(-30)
			case now < 20:
				return line()
			}
			return Claim{Sounding: true, Loud: true, Tonal: true, LevelDB: -10}
		})
	}
	if got := s.mixed(); slices.Contains(got, 8) {
		t.Errorf("%v mixed, want the eight who talk", got)
	}
}

func TestPlacesAreBounded(t *testing.T) {
	for seats, want := range map[int]int{1: 3, 2: 4, 4: 8, 8: 16, 16: 24, AllTalkers: 40} {
		s := newStage(40, seats)
		s.tick(func(i int) Claim { return talk(-30 + float64(i)/2) })
		got := s.mixed()
		if len(got) != want || got[0] != 40-want {
			t.Errorf("%d seats, 40 begin at once: %v mixed, want the loudest %d", seats, got, want)
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
	if most != 8 {
		t.Errorf("%d voices at once, want 4 and 4 guests", most)
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

func TestWhoMayBePassedOver(t *testing.T) {
	var f Floor
	speakers := []*Speaker{{}, {}}
	tick := func(claims ...Claim) {
		for i, c := range claims {
			f.Claim(speakers[i], c)
		}
		f.Decide(speakers, DefaultTalkers)
	}
	quiet, loud := Claim{Sounding: true, LevelDB: -60}, Claim{Sounding: true, Loud: true, LevelDB: -20}
	tick(quiet, quiet)
	if f.Passes(speakers[0]) || !f.Passes(speakers[1]) {
		t.Error("of two who are quiet the first is the line that is heard, and only the second may be passed over")
	}
	tick(quiet, loud)
	if f.Passes(speakers[1]) || !f.Passes(speakers[0]) {
		t.Error("who is loud is passed over, or who is not in the mix any more is not")
	}
	for range floorHoldTicks + 1 {
		tick(loud, quiet)
	}
	if f.Passes(speakers[0]) || !f.Passes(speakers[1]) {
		t.Error("another one is loud now")
	}
}
