package dtmf

import (
	"math"
	"math/rand/v2"
	"time"
)

// press is a key as a telephone sends it, or not quite. The zero value of all but digit is a good key.
type press struct {
	digit      byte
	row, col   float64 // how far the tones are off, as a share of their frequencies
	rowHz      float64 // and in Hz
	colHz      float64
	rowDBm0    float64
	colDBm0    float64
	length     time.Duration
	begin, end time.Duration // of an interruption
	noiseDB    float64       // below the power of both tones; 0: none
}

// good is a key of 80 ms at −10 dBm0.
func good(digit byte) press {
	return press{digit: digit, rowDBm0: -10, colDBm0: -10, length: 80 * time.Millisecond}
}

func amplitude(dbm0 float64) float64 { return 32768 * math.Pow(10, (dbm0-fullDBm0)/20) }

// pair is the frequencies of the key.
func (p press) hz() (row, col float64) {
	i := 0
	for digits[i] != p.digit {
		i++
	}
	row, col = tonesHz[0][i/tones], tonesHz[1][i%tones]
	return row*(1+p.row) + p.rowHz, col*(1+p.col) + p.colHz
}

func samples(d time.Duration, rateHz int) int { return int(d * time.Duration(rateHz) / time.Second) }

// sound is the key with silence around it, or with noise where there is some: before it as long as lead, and 120 ms behind it.
func (p press) sound(rateHz int, lead time.Duration, r *rand.Rand) []int16 {
	from := samples(lead, rateHz)
	to := from + samples(p.length, rateHz)
	out := make([]float64, to+samples(120*time.Millisecond, rateHz))
	row, col := p.hz()
	a, b := amplitude(p.rowDBm0), amplitude(p.colDBm0)
	holeFrom, holeTo := from+samples(p.begin, rateHz), from+samples(p.end, rateHz)
	phase := r.Float64() * 2 * math.Pi
	for i := from; i < to; i++ {
		if i >= holeFrom && i < holeTo {
			continue
		}
		t := 2 * math.Pi * float64(i) / float64(rateHz)
		out[i] = a*math.Sin(row*t+phase) + b*math.Sin(col*t)
	}
	if p.noiseDB != 0 { // white up to 4 kHz at any rate, as a telephone line's is
		sigma := math.Sqrt((a*a+b*b)/2) * math.Pow(10, -p.noiseDB/20)
		step, value := rateHz/8000, 0.0
		for i := range out {
			if i%step == 0 {
				value = r.NormFloat64() * sigma
			}
			out[i] += value
		}
	}
	pcm := make([]int16, len(out))
	for i, v := range out {
		pcm[i] = int16(math.Round(min(max(v, -32768), 32767)))
	}
	return pcm
}

// heard is what a detector finds in a sound that comes in packets, and then in a second of silence.
func heard(d *Detector, pcm []int16, packet int) (keys []Key) {
	collect := func() {
		for k, ok := d.Next(); ok; k, ok = d.Next() {
			keys = append(keys, k)
		}
	}
	for len(pcm) > 0 {
		n := min(packet, len(pcm))
		d.Process(pcm[:n])
		collect()
		pcm = pcm[n:]
	}
	for range 50 {
		d.Process(make([]int16, packet))
		collect()
	}
	return keys
}

func names(keys []Key) string {
	s := ""
	for _, k := range keys {
		s += string(k.Digit)
	}
	return s
}
