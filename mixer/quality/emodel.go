package quality

import (
	"math"
	"strings"
	"time"
)

// Call is what the E-model asks of one direction of a call. The zero value is a perfect one.
type Call struct {
	// Codec is its name in SDP, in any case; what is not known counts as PCMU. With a codec of a wider band than a
	// telephone's, R is still that of the telephone's: see Estimate.
	Codec string
	// Loss is the share of packets, 0 to 1, that was not there when it was due and was not recovered out of another one.
	Loss float64
	// BurstRatio is how much longer the runs of losses are than they would be by chance (G.107 §7.5); 0 means 1, which is chance.
	BurstRatio float64
	// OneWay is from mouth to ear.
	OneWay time.Duration
}

// The E-model with the default values of table 2 of G.107 (sections are those of its edition of 2015), but for what Call says.
const (
	// bestR is Ro − Is: no loss, no delay (G.107 §7.7: R = 93.2).
	bestR = 93.2
	// worstEquipment is what Ie,eff goes to when all is lost (G.107 §7.5).
	worstEquipment = 95
	// feltDelay is where delay begins to be felt, mT of G.107 §7.4.
	feltDelay = 100 * time.Millisecond
)

// impairment is how a codec sounds without loss, and how well it bears loss (ITU-T G.113 appendix I).
type impairment struct{ equipment, robustness float64 }

// impairments are those of the codec.
//
// For G.711 with concealment G.113 has Ie = 0 and Bpl = 25.1 (table I.4). The others have no value on the scale of a telephone, where
// nothing can be better than G.711, so their Ie is 0 as well: what G.113 has for G.722 (appendix IV) is on the scale of
// G.107.1. G.722 and L16 are concealed here as G.711 is, and bear as much. Opus predicts from packet to packet, and what was
// lost is heard in those behind it too: it gets the Bpl of G.729A, 19.0 (table I.4), which does the same.
func impairments(codec string) impairment {
	if strings.EqualFold(codec, "opus") {
		return impairment{equipment: 0, robustness: 19}
	}
	return impairment{equipment: 0, robustness: 25.1}
}

// Estimate is what a person would think of the call: R of ITU-T G.107, 0 to 93.2, and the mean opinion of annex B, 1 to 4.41.
//
// R = Ro − Is − Id − Ie,eff with the default values of table 2 for what Call does not say. No echo is reckoned with: a
// telephone of today cancels its own, so Id is Idd, that of the delay alone. The scale is that of the narrow band (0 to
// 100) for all codecs, as RFC 3611 §4.7.5 has it: it tells how much network and buffers take away, and not that a wide band
// sounds better. What is out of range counts as the next that is in.
func Estimate(c Call) (r, mos float64) {
	r = min(max(bestR-delayImpairment(c.OneWay)-lossImpairment(c), 0), 100)
	return r, opinion(r)
}

// delayImpairment is Idd of G.107 §7.4, with sT = 1.
func delayImpairment(oneWay time.Duration) float64 {
	if oneWay <= feltDelay {
		return 0
	}
	x := math.Log2(float64(oneWay) / float64(feltDelay))
	root := func(v float64) float64 { return math.Pow(1+math.Pow(v, 6), 1./6) }
	return 25 * (root(x) - 3*root(x/3) + 2)
}

// lossImpairment is Ie,eff of G.107 §7.5.
func lossImpairment(c Call) float64 {
	i := impairments(c.Codec)
	if !(c.Loss > 0) { // NaN too
		return i.equipment
	}
	percent := 100 * min(c.Loss, 1)
	burst := c.BurstRatio
	if !(burst > 0) {
		burst = 1
	}
	return i.equipment + (worstEquipment-i.equipment)*percent/(percent/burst+i.robustness)
}

// opinion is the mean opinion score of annex B, of a conversation. Below R = 6.5 its formula would fall under 1.
func opinion(r float64) float64 {
	return max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1)
}
