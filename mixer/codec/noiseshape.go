package codec

import "math"

// noiseShape is the sound of a background: how loud, and the reflection coefficients of its spectrum.
type noiseShape struct {
	rms    float32
	mirror [maxNoiseOrder]float32
}

const (
	heardNoiseOrder   = 4        // coefficients that are worth finding in so little sound, and making noise with
	heardNoiseSamples = 960      // that are looked at, at the most: 20 ms at 48 kHz
	heardNoiseWhite   = 1 + 1e-4 // of the energy: 40 dB below it, a spectrum has its floor
)

// overheard is sound that may be noise.
type overheard struct {
	memory  [heardNoiseSamples]float32
	samples int
}

// hear takes the end of pcm and returns its rms: that of its two halves without their means, 10 ms each, as where talk is told from
// noise. What is slower is an offset, or hum.
func (o *overheard) hear(pcm []int16) (rms float32) {
	pcm = pcm[max(len(pcm)-len(o.memory), 0):]
	o.samples = len(pcm)
	half := len(pcm) / 2
	if half == 0 {
		return 0
	}
	energy := centred(o.memory[:half], pcm[:half]) + centred(o.memory[half:o.samples], pcm[half:])
	return float32(math.Sqrt(float64(energy) / float64(len(pcm))))
}

// mirrors are the reflection coefficients of what was heard, looked at through a window: it is used up by that.
func (o *overheard) mirrors() [maxNoiseOrder]float32 {
	sound := o.memory[:o.samples]
	at, step := -1+1/float32(len(sound)), 2/float32(len(sound)) // −1 to 1
	for i := range sound {
		sound[i] *= 1 - at*at
		at += step
	}
	var r0, r1, r2, r3, r4 float32 // a loop for each would wait for its sum
	for i := heardNoiseOrder; i < len(sound); i++ {
		x := (*[heardNoiseOrder + 1]float32)(sound[i-heardNoiseOrder:])
		v := x[4]
		r0 += v * v
		r1 += v * x[3]
		r2 += v * x[2]
		r3 += v * x[1]
		r4 += v * x[0]
	}
	return mirrors([heardNoiseOrder + 1]float32{r0 * heardNoiseWhite, r1, r2, r3, r4})
}

// centred writes pcm without its mean to dst and returns its energy.
func centred(dst []float32, pcm []int16) (energy float32) {
	sum := 0
	for _, v := range pcm {
		sum += int(v)
	}
	mean := float32(sum) / float32(len(pcm))
	for i, v := range pcm {
		dst[i] = float32(v) - mean
		energy += dst[i] * dst[i]
	}
	return energy
}

// mirrors finds the reflection coefficients of what has that autocorrelation, by Schur's recursion.
func mirrors(ahead [heardNoiseOrder + 1]float32) (k [maxNoiseOrder]float32) {
	behind := ahead
	for m := 1; m <= heardNoiseOrder && behind[m-1] > 0; m++ {
		k[m-1] = min(max(-ahead[m]/behind[m-1], -maxNoiseMirror), maxNoiseMirror)
		for i := heardNoiseOrder; i >= m; i-- {
			ahead[i], behind[i] = ahead[i]+k[m-1]*behind[i-1], behind[i-1]+k[m-1]*ahead[i]
		}
	}
	return k
}
