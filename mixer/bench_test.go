package mixer

import (
	"fmt"
	"testing"
)

func BenchmarkResampler(b *testing.B) {
	for _, from := range rates {
		for _, to := range rates {
			b.Run(fmt.Sprintf("%d-%d", from, to), func(b *testing.B) {
				r := MakeResampler(from, to)
				src, dst := sine(440, 9000, from, 0, FrameSamples(from)), make([]int16, MaxFrameSamples)
				for b.Loop() {
					r.Process(dst, src)
				}
			})
		}
	}
}

func BenchmarkBus(b *testing.B) {
	for _, rate := range rates {
		n := FrameSamples(rate)
		frame, dst := sine(440, 9000, rate, 0, n), make([]int16, n)
		loud := sine(440, 32000, rate, 0, n)
		var bus Bus
		b.Run(fmt.Sprintf("Add/%d", rate), func(b *testing.B) {
			bus.Reset(n)
			for b.Loop() {
				bus.Add(frame)
			}
		})
		b.Run(fmt.Sprintf("MixWithout/%d", rate), func(b *testing.B) {
			var lim Limiter
			bus.Reset(n)
			bus.Add(frame)
			bus.Add(frame)
			for b.Loop() {
				bus.MixWithout(dst, frame, &lim)
			}
		})
		b.Run(fmt.Sprintf("MixWithoutLimiting/%d", rate), func(b *testing.B) {
			var lim Limiter
			bus.Reset(n)
			for range 5 {
				bus.Add(loud)
			}
			for b.Loop() {
				bus.MixWithout(dst, loud, &lim)
			}
		})
	}
}

func BenchmarkGainMoving(b *testing.B) {
	frame := sine(440, 9000, 8000, 0, 160)
	var g Gain
	g.Set(0.9999)
	for b.Loop() {
		g.Apply(frame, 8000)
	}
}

func BenchmarkVAD(b *testing.B) {
	for name, frame := range map[string][]int16{"tone": sine(440, 9000, 8000, 0, 160), "zeros": make([]int16, 160)} {
		b.Run(name, func(b *testing.B) {
			var v VAD
			for b.Loop() {
				v.Observe(frame, 8000)
			}
		})
	}
}

// BenchmarkVoice is what a leg costs in one frame of 20 ms at 8000 Hz between its decoder and the mix, with everything on.
func BenchmarkVoice(b *testing.B) {
	const legs = 100
	pcm := map[string][]int16{
		"talks":  babble(seeded(), 4000, 5, 8000*20),
		"noise":  pink(seeded(), 60, 8000*20),
		"silent": make([]int16, 8000*20),
	}
	for name, sound := range pcm {
		b.Run(name, func(b *testing.B) {
			var floor Floor
			var vad [legs]VAD
			var agc [legs]AGC
			var gain [legs]Gain
			var offset [legs]Offset
			speakers := make([]*Speaker, legs)
			for i := range speakers {
				speakers[i] = new(Speaker)
			}
			frame := make([]int16, 160)
			at := 0
			for i := 0; b.Loop(); i++ {
				leg := i % legs
				if leg == 0 {
					floor.Decide(speakers, DefaultTalkers)
					at = (at + 160) % (len(sound) - 160)
				}
				copy(frame, sound[at:])
				v := &vad[leg]
				sounding := name != "silent" // the stream says so
				if sounding {
					v.Observe(frame, 8000)
				} else {
					v.Silence()
				}
				agc[leg].Observe(v)
				floor.Claim(speakers[leg], Claim{
					Sounding: sounding, Loud: v.Loud(), Talking: v.Talking(), Tonal: v.Tonal(),
					LevelDB: v.LevelDBFS() + agc[leg].GainDB(),
				})
				if floor.Mixed(speakers[leg]) && sounding {
					gain[leg].SetDB(agc[leg].GainDB())
					offset[leg].Remove(frame, v.Offset())
					gain[leg].Apply(frame, 8000)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)*50/1000, "µs/leg/s")
		})
	}
}

// BenchmarkFloor is one tick of a floor with 100 legs, of whom so many talk all the time, in words.
func BenchmarkFloor(b *testing.B) {
	const legs = 100
	for _, talkers := range []int{0, 1, 4, 8, 20} {
		b.Run(fmt.Sprintf("%d-talk", talkers), func(b *testing.B) {
			s := newStage(legs, DefaultTalkers)
			word := 0
			for b.Loop() {
				word++
				s.tick(func(i int) Claim {
					switch {
					case i >= talkers:
						return line()
					case (word+17*i)%50 >= 41:
						return rest()
					}
					return talk(-20 - float64(i))
				})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/legs*50/1000, "µs/leg/s")
		})
	}
}

func BenchmarkPlayer(b *testing.B) {
	for _, to := range rates {
		b.Run(fmt.Sprintf("16000-%d", to), func(b *testing.B) {
			var p Player
			p.Loop(&Clip{RateHz: 16000, PCM: sine(440, 9000, 16000, 0, 16000)})
			for b.Loop() {
				p.Next(to)
			}
		})
	}
}
