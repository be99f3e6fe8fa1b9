package mixer

import "math"

// Offset takes a constant offset out of the sound: of a telephone whose converter has one. Sound without an offset passes bit
// for bit, at no cost: a high-pass filter would change every sample of every leg for the few that need it. It goes along
// with a changing offset in steps of less than one hears. The zero value is ready.
type Offset struct {
	taken int // what is subtracted now
}

const (
	offsetLeast = 64 // -54 dBFS: what is smaller is left as it is
	offsetSlew  = 4  // units of a sample by which what is subtracted changes from one frame to the next
)

// Remove takes offset, as VAD.Offset has it, out of frame in place, saturating.
func (o *Offset) Remove(frame []int16, offset float64) {
	target := 0
	if math.Abs(offset) >= offsetLeast || o.taken != 0 && math.Abs(offset) >= offsetLeast/2 {
		target = int(math.Round(offset))
	}
	o.taken += min(max(target-o.taken, -offsetSlew), offsetSlew)
	if o.taken == 0 {
		return
	}
	for i, s := range frame {
		frame[i] = int16(min(max(int(s)-o.taken, math.MinInt16), math.MaxInt16))
	}
}

// Jump makes the next Remove take all of offset at once, for sound that has not been heard yet.
func (o *Offset) Jump(offset float64) {
	o.taken = 0
	if math.Abs(offset) >= offsetLeast {
		o.taken = int(math.Round(offset))
	}
}
