package mixer

// Bus adds the frames of one tick up and hands out mixes of them. The sum has 32 bits, enough for 65,000
// talkers at full scale, and only what leaves it is limited: so one's own voice, taken out of the sum, is gone to the
// last bit. Limiting first would leave an echo of it.
type Bus struct {
	sum     [MaxFrameSamples]int32
	samples int
	frames  int
}

// Reset empties the bus for a tick whose frames have the given length, at most [MaxFrameSamples].
func (b *Bus) Reset(samples int) {
	clear(b.sum[:samples])
	b.samples = samples
	b.frames = 0
}

// Add puts one frame into the sum. It must have the length given to Reset.
func (b *Bus) Add(frame []int16) {
	sum := b.sum[:b.samples]
	frame = frame[:len(sum)]
	for i := range sum {
		sum[i] += int32(frame[i])
	}
	b.frames++
}

// Frames says how many frames were added since Reset.
func (b *Bus) Frames() int { return b.frames }

// MixAll writes the limited sum of all frames to dst, which must hold the length given to Reset. lim belongs
// to this output and to no other. MixAll and MixWithout only read the bus: between two calls of Reset and Add they may
// run on several goroutines at once.
func (b *Bus) MixAll(dst []int16, lim *Limiter) {
	sum := b.sum[:b.samples]
	dst = dst[:len(sum)]
	if !lim.idle() || peakOf(sum) > limiterCeiling {
		lim.apply(dst, sum)
		return
	}
	for i, s := range sum {
		dst[i] = int16(s)
	}
}

// MixWithout writes the limited sum of all frames but own to dst, which may be own. own must be as it was when it
// was added. lim belongs to this output and to no other.
func (b *Bus) MixWithout(dst, own []int16, lim *Limiter) {
	sum := b.sum[:b.samples]
	dst, own = dst[:len(sum)], own[:len(sum)]
	if !lim.idle() {
		b.limitWithout(dst, own, lim)
		return
	}
	var high, low int32
	for i, s := range sum {
		rest := s - int32(own[i])
		high, low = max(high, rest), min(low, rest)
	}
	if max(high, -low) > limiterCeiling {
		b.limitWithout(dst, own, lim)
		return
	}
	for i, s := range sum {
		dst[i] = int16(s - int32(own[i]))
	}
}

// limitWithout is MixWithout where it is loud. It is apart, so that the way of most frames does not pay for clearing
// the array.
//
//go:noinline
func (b *Bus) limitWithout(dst, own []int16, lim *Limiter) {
	var rest [MaxFrameSamples]int32
	sum := b.sum[:b.samples]
	part := rest[:len(sum)]
	for i, s := range sum {
		part[i] = s - int32(own[i])
	}
	lim.apply(dst, part)
}
