package dtmf

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var rates = []int{8000, 12000, 16000, 24000, 48000}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 24)) }

// places is at how many places against the blocks a key is looked for. At 12 and 24 kHz only the filter is another one.
func places(rate int) int {
	if raceEnabled || rate == 12000 || rate == 24000 {
		return 4
	}
	return 20
}

// everywhere counts how many of all keys, at all rates and places against the blocks, are told exactly once and as themselves, and how many
// not at all.
func everywhere(t *testing.T, change func(*press)) (taken, missed, all int) {
	t.Helper()
	looked := rates
	if raceEnabled {
		looked = rates[:1]
	}
	for _, rate := range looked {
		for i := range len(digits) {
			for place := range places(rate) {
				p := good(digits[i])
				change(&p)
				lead := 40*time.Millisecond + time.Duration(place)*250*time.Microsecond
				pcm := p.sound(rate, lead, seeded(uint64(i*100+place)))
				switch got := names(heard(New(rate), pcm, rate/50)); got {
				case string(p.digit):
					taken++
				case "":
					missed++
				default:
					t.Errorf("%d Hz: %c is heard as %q", rate, p.digit, got)
				}
				all++
			}
		}
	}
	return taken, missed, all
}

func TestLimitsOfQ24(t *testing.T) {
	const taken, refused = true, false
	ms := time.Millisecond
	levels := func(row, col float64) func(*press) { return func(p *press) { p.rowDBm0, p.colDBm0 = row, col } }
	for _, test := range []struct {
		name   string
		change func(*press)
		taken  bool
	}{
		{"a good key", func(*press) {}, taken},
		{"both tones 1.5 % and 2 Hz too high", func(p *press) { p.row, p.col, p.rowHz, p.colHz = 0.015, 0.015, 2, 2 }, taken},
		{"both tones 1.5 % and 2 Hz too low", func(p *press) { p.row, p.col, p.rowHz, p.colHz = -0.015, -0.015, -2, -2 }, taken},
		{"tones apart by 1.5 % and 2 Hz", func(p *press) { p.row, p.col, p.rowHz, p.colHz = -0.015, 0.015, -2, 2 }, taken},
		{"tones nearer by 1.5 % and 2 Hz", func(p *press) { p.row, p.col, p.rowHz, p.colHz = 0.015, -0.015, 2, -2 }, taken},
		{"row 3.5 % too high", func(p *press) { p.row = 0.035 }, refused},
		{"row 3.5 % too low", func(p *press) { p.row = -0.035 }, refused},
		{"column 3.5 % too high", func(p *press) { p.col = 0.035 }, refused},
		{"column 3.5 % too low", func(p *press) { p.col = -0.035 }, refused},
		{"40 ms", func(p *press) { p.length = 40 * ms }, taken},
		{"23 ms", func(p *press) { p.length = 23 * ms }, refused},
		{"column 4 dB stronger", levels(-14, -10), taken},
		{"column 7 dB stronger", levels(-17, -10), refused},
		{"column 8 dB weaker", levels(-10, -18), taken},
		{"column 11 dB weaker", levels(-10, -21), refused},
		{"0 dBm0 each, which clips", levels(0, 0), taken},
		{"-25 dBm0", levels(-25, -25), taken},
		{"-29 dBm0", levels(-29, -29), refused},
		{"a row alone", levels(-10, -90), refused},
		{"a column alone", levels(-90, -10), refused},
		{"noise 15 dB below", func(p *press) { p.noiseDB = 15 }, taken},
		{"noise 3 dB below", func(p *press) { p.noiseDB = 3 }, refused},
		{"40 ms in noise", func(p *press) { p.length, p.noiseDB = 40*ms, 15 }, taken},
		{"23 ms in noise", func(p *press) { p.length, p.noiseDB = 23*ms, 15 }, refused},
		{"40 ms, off, twisted, in noise", func(p *press) {
			p.length, p.noiseDB, p.row, p.col, p.rowHz, p.colHz, p.colDBm0 = 40*ms, 15, 0.015, -0.015, 2, -2, -18
		}, taken},
		{"column 3.5 % off, twisted, in noise", func(p *press) { p.noiseDB, p.col, p.colDBm0 = 15, 0.035, -18 }, refused},
		{"row 3.5 % off, twisted, in noise", func(p *press) { p.noiseDB, p.row, p.rowDBm0 = 15, -0.035, -14 }, refused},
		{"80 ms interrupted for 10 ms", func(p *press) { p.begin, p.end = 35*ms, 45*ms }, taken},
		{"100 ms interrupted for 10 ms, in noise", func(p *press) { p.length, p.begin, p.end, p.noiseDB = 100*ms, 50*ms, 60*ms, 15 }, taken},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, missed, all := everywhere(t, test.change)
			if test.taken && got != all {
				t.Errorf("%d of %d are taken", got, all)
			}
			if !test.taken && missed != all {
				t.Errorf("%d of %d are refused", missed, all)
			}
		})
	}
}

func TestPauseOf40MillisecondsTellsTwo(t *testing.T) {
	for _, rate := range rates {
		for i := range len(digits) {
			p := good(digits[i])
			p.length, p.begin, p.end = 120*time.Millisecond, 40*time.Millisecond, 80*time.Millisecond
			if got, want := names(heard(New(rate), p.sound(rate, 41*time.Millisecond, seeded(1)), rate/50)), strings.Repeat(string(p.digit), 2); got != want {
				t.Errorf("%d Hz: got %q, want %q", rate, got, want)
			}
		}
	}
}

func TestDialledAsFastAsQ24Allows(t *testing.T) {
	const number = "0123456789*#ABCD"
	for _, rate := range rates {
		for _, packet := range []int{rate / 100, rate / 50, rate * 3 / 50, 77} {
			t.Run(fmt.Sprintf("%d Hz in %d samples", rate, packet), func(t *testing.T) {
				var pcm []int16
				for i := range len(number) { // 93 ms a digit, the shortest cycle of table A-1
					p := good(number[i])
					p.length, p.noiseDB = 45*time.Millisecond, 20
					one := p.sound(rate, 48*time.Millisecond, seeded(uint64(i)))
					pcm = append(pcm, one[:samples(93*time.Millisecond, rate)]...)
				}
				keys := heard(New(rate), pcm, packet)
				if names(keys) != number {
					t.Errorf("got %q, want %q", names(keys), number)
				}
				for _, k := range keys {
					if k.Held < 35*time.Millisecond || k.Held > 55*time.Millisecond {
						t.Errorf("%c is told as held for %v", k.Digit, k.Held)
					}
				}
			})
		}
	}
}

func TestKeyWithoutEndIsToldOnce(t *testing.T) {
	d := New(8000)
	p := good('5')
	p.length = 31 * time.Second
	keys := heard(d, p.sound(8000, 0, seeded(1)), 160)
	if len(keys) != 1 || keys[0] != (Key{'5', 30 * time.Second}) {
		t.Errorf("got %v", keys)
	}
}

func TestRetuneTellsWhatIsDown(t *testing.T) {
	d := New(16000)
	pcm := good('7').sound(16000, 0, seeded(1))
	d.Process(pcm[:samples(80*time.Millisecond, 16000)])
	if k, ok := d.Next(); ok {
		t.Errorf("%c is told while it is down", k.Digit)
	}
	d.Retune(8000)
	if k, ok := d.Next(); !ok || k.Digit != '7' {
		t.Errorf("got %v, %v", k, ok)
	}
	if got := names(heard(d, good('8').sound(8000, 0, seeded(2)), 160)); got != "8" {
		t.Errorf("at the other rate: %q", got)
	}
}

func TestKeysThatNobodyAsksForAreDropped(t *testing.T) {
	d := New(8000)
	for range kept + 3 {
		d.Process(good('3').sound(8000, 0, seeded(1)))
	}
	n := 0
	for _, ok := d.Next(); ok; _, ok = d.Next() {
		n++
	}
	if n != kept {
		t.Errorf("%d are kept, want %d", n, kept)
	}
}

func TestOtherRatesPanic(t *testing.T) {
	for _, rate := range []int{0, 4000, 11025, 32000, 96000} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d Hz is taken", rate)
				}
			}()
			New(rate)
		}()
	}
}

func TestProcessDoesNotAllocate(t *testing.T) {
	for _, rate := range rates {
		d := New(rate)
		pcm := good('1').sound(rate, 0, seeded(1))
		piece := make([]int16, len(pcm))
		if n := testing.AllocsPerRun(100, func() {
			copy(piece, pcm)
			d.Process(piece)
			if k, ok := d.Next(); !ok || k.Digit != '1' {
				t.Errorf("got %v, %v", k, ok)
			}
		}); n != 0 {
			t.Errorf("%d Hz: %g allocations", rate, n)
		}
	}
}

// What is left of a key in what is heard: the beginning, before it can be told from anything else.
func TestToneIsTakenOutWithoutAClick(t *testing.T) {
	worst := time.Duration(0)
	for _, rate := range rates {
		for i := range len(digits) {
			for place := range 40 {
				p := good(digits[i])
				lead := 40*time.Millisecond + time.Duration(place)*500*time.Microsecond
				pcm := p.sound(rate, lead, seeded(uint64(i)))
				heard := append([]int16(nil), pcm...)
				d := New(rate)
				frame := rate / 50
				for at := 0; at+frame <= len(heard); at += frame {
					d.Process(heard[at : at+frame])
				}
				from := samples(lead, rate)
				last := from
				for n := from; n < len(heard)-frame; n++ {
					if heard[n] != 0 {
						last = n
					}
				}
				worst = max(worst, time.Duration(last-from)*time.Second/time.Duration(rate))
				for n := 1; n < len(heard); n++ { // no step that the key itself has not, but for what the fade takes away
					before, after := int(heard[n])-int(heard[n-1]), int(pcm[n])-int(pcm[n-1])
					if most := max(after, -after) + 2*int(amplitude(-10))/(rate/1000*fadeMS) + 2; before > most || before < -most {
						t.Fatalf("%d Hz, %c: a step of %d at %d ms, in the key %d", rate, p.digit, before, n*1000/rate, after)
					}
				}
			}
		}
	}
	t.Logf("%v of a key's beginning are heard at the most", worst)
	if most := 25 * time.Millisecond; worst > most || worst == 0 {
		t.Errorf("%v of the beginning are heard, want %v at most", worst, most)
	}
}

// Speech behind a key is heard again, from a frame's beginning on, and comes by a ramp.
func TestSoundBehindAKeyComesBack(t *testing.T) {
	p := good('9')
	pcm := p.sound(8000, 40*time.Millisecond, seeded(1))
	from := samples(120*time.Millisecond, 8000)
	for i := from; i < len(pcm); i++ {
		pcm[i] = 4000
	}
	d := New(8000)
	back := -1
	for at := 0; at+160 <= len(pcm); at += 160 {
		d.Process(pcm[at : at+160])
		if back < 0 && at >= from && pcm[at+159] == 4000 {
			back = at
			if pcm[at] != 0 || pcm[at+20] < 1000 || pcm[at+20] > 3000 {
				t.Errorf("it comes with %d, %d after 2.5 ms", pcm[at], pcm[at+20])
			}
		}
	}
	if late := time.Duration(back-from) * time.Second / 8000; back < 0 || late > 80*time.Millisecond {
		t.Errorf("it comes back %v behind the key", late)
	}
}

func FuzzProcess(f *testing.F) {
	for i, rate := range rates {
		pcm := good('1').sound(rate, 0, seeded(1))
		raw := make([]byte, 0, 2*len(pcm))
		for _, s := range pcm {
			raw = append(raw, byte(s), byte(s>>8))
		}
		f.Add(raw[:min(len(raw), 4000)], uint8(i), uint16(160))
	}
	f.Add([]byte{0, 0x80, 0xff, 0x7f}, uint8(0), uint16(0))
	f.Fuzz(func(t *testing.T, raw []byte, which uint8, packet uint16) {
		d := New(rates[int(which)%len(rates)])
		pcm := make([]int16, len(raw)/2)
		for i := range pcm {
			pcm[i] = int16(uint16(raw[2*i]) | uint16(raw[2*i+1])<<8)
		}
		before := append([]int16(nil), pcm...)
		n := max(int(packet), 1)
		for at := 0; at < len(pcm); at += n {
			d.Process(pcm[at:min(at+n, len(pcm))])
			for k, ok := d.Next(); ok; k, ok = d.Next() {
				if !strings.ContainsRune(digits, rune(k.Digit)) || k.Held < 15*time.Millisecond || k.Held > longestHeld {
					t.Errorf("got %+v", k)
				}
			}
		}
		for i, s := range pcm { // what is taken out is taken out, and nothing is put in
			if a, b := int(s), int(before[i]); a*b < 0 || max(a, -a) > max(b, -b) {
				t.Fatalf("sample %d: %d became %d", i, b, a)
			}
		}
	})
}
