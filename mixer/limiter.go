package mixer

// Limiter brings a sum that is too loud for 16 bits down to them without clipping. There is one for every output.
// It looks ahead inside the frame, so it costs no delay; its gain moves in straight lines between the blocks of a
// frame, falls before a peak comes and rises slowly after it.
//
// A sum that fits below the ceiling while the gain is at 1 passes bit for bit. The zero value is ready. A copy goes
// on where the original stands: assign the shared mix's limiter to a leg's own when that leg begins to talk, and the
// reverse, and the level does not jump.
type Limiter struct {
	reduction float32 // 1 minus the gain at the end of the last frame
	hold      int32   // blocks until the gain may rise
}

const (
	limiterBlocks  = 8     // of 2.5 ms
	limiterCeiling = 32256 // -0.14 dBFS: what A-law's loudest code decodes to, so a lone telephone always passes
	limiterTop     = 32767 // never reached, only approached within an attack at a frame's first sample

	limiterKneeDepth = 12000

	limiterFall    = 1.4    // the gain falls by at most 3 dB a block where the look-ahead allows
	limiterHold    = 60     // blocks: 150 ms, longer than a period of anything one hears as a tone
	limiterRise    = 0.0125 // of what is missing, a block: 200 ms to 63 %
	limiterRelease = 0.001  // below this reduction the gain is 1 again
)

// GainDown is the present reduction, 0 for none to almost 1: linear, 1 minus the gain.
func (l *Limiter) GainDown() float64 { return float64(l.reduction) }

// idle says that the gain is 1: a sum that fits below the ceiling needs no work.
func (l *Limiter) idle() bool { return l.reduction == 0 }

// apply writes the limited sum to dst; both have the same length.
func (l *Limiter) apply(dst []int16, sum []int32) {
	var allowed [limiterBlocks]float32
	block := (len(sum) + limiterBlocks - 1) / limiterBlocks
	for b := range allowed {
		from := min(b*block, len(sum))
		peak := peakOf(sum[from:min(from+block, len(sum))])
		allowed[b] = 1
		if peak > limiterCeiling {
			allowed[b] = limiterCeiling / float32(peak)
		}
	}
	knots := l.plan(&allowed)
	for b := range allowed {
		from := min(b*block, len(sum))
		to := min(from+block, len(sum))
		if b == 0 && knots[0] > allowed[0] {
			attack(dst[from:to], sum[from:to], knots[0], knots[1])
			continue
		}
		ramp(dst[from:to], sum[from:to], knots[b], knots[b+1])
	}
	l.reduction = 1 - knots[limiterBlocks]
	if l.reduction == 0 {
		l.hold = 0
	}
}

// plan lays the gain's knots, one at every end of a block, and keeps the state up. Between two knots the gain is at
// most what the block allows, save in the first block, whose first knot is given by the frame before.
func (l *Limiter) plan(allowed *[limiterBlocks]float32) [limiterBlocks + 1]float32 {
	var knots [limiterBlocks + 1]float32
	knots[0] = 1 - l.reduction
	for b := range allowed {
		limit := allowed[b]
		if b+1 < limiterBlocks {
			limit = min(limit, allowed[b+1])
		}
		gain := knots[b]
		switch {
		case limit <= gain:
			if limit < 1 {
				l.hold = limiterHold
			}
			gain = limit
		case l.hold > 0:
			l.hold--
		default:
			gain += (1 - gain) * limiterRise
			if 1-gain < limiterRelease {
				gain = 1
			}
			gain = min(gain, limit)
		}
		knots[b+1] = gain
	}
	for b := limiterBlocks - 1; b > 0; b-- {
		knots[b] = min(knots[b], knots[b+1]*limiterFall)
	}
	return knots
}

// ramp applies a gain that goes in a straight line.
func ramp(dst []int16, sum []int32, from, to float32) {
	if len(dst) == 0 {
		return
	}
	sum = sum[:len(dst)]
	step := (to - from) / float32(len(dst))
	for i := range dst {
		from += step
		dst[i] = roundToInt16(from * float32(sum[i]))
	}
}

// attack is the one case in which the look-ahead does not help: the sum is too loud from the frame's beginning. The
// gain falls before the first sample that is too loud where there is room, within a fifth of the block (0.5 ms)
// where there is not; what is then still too loud is bent, not cut: above a knee that goes down from the ceiling and
// back up to it while the gain falls.
func attack(dst []int16, sum []int32, from, to float32) {
	room := 0
	for room < len(sum) && abs32(float32(sum[room])*from) <= limiterCeiling {
		room++
	}
	room = min(max(room, len(sum)/5, 1), len(sum))
	step := (to - from) / float32(room)
	for i := range dst[:room] {
		from += step
		t := float32(i+1) / float32(room+1)
		knee := limiterCeiling - limiterKneeDepth*4*t*(1-t)
		dst[i] = roundToInt16(bend(from*float32(sum[i]), knee))
	}
	ramp(dst[room:], sum[room:], to, to)
}

// bend leaves what is below the knee and leads all above it smoothly towards the top.
func bend(v, knee float32) float32 {
	over := abs32(v) - knee
	if over <= 0 {
		return v
	}
	above := limiterTop - knee
	bent := knee + above*over/(over+above)
	if v < 0 {
		return -bent
	}
	return bent
}

func abs32(v float32) float32 {
	if v < 0 {
		return -v
	}
	return v
}

func peakOf(sum []int32) int32 {
	var high, low int32
	for _, s := range sum {
		high = max(high, s)
		low = min(low, s)
	}
	return max(high, -low)
}
