package dtmf

import (
	"math"
	"time"
)

// Limits of a hit. Those of ITU-T Q.24 lie to either side: what a receiver must take, and what it must not.
const (
	// offShare and offHz are how far a tone may be from its frequency: between 1.5 % and 2 Hz, which are taken, and 3.5 %, which are not.
	offShare, offHz = 0.025, 1
	// weakestDBm0 is how loud each tone must be: between −25 dBm0, which is taken, and −29, which is not.
	weakestDBm0 = -27
	// stronger and weaker bound how much more power the column's tone has than the row's, in dB: +4 and −8 are taken.
	strongerDB, weakerDB = 5.5, -9.5
	// fullDBm0 is the level of a sine of full scale (ITU-T G.711, A-law).
	fullDBm0 = 3.14
	// leastShare of the window's energy is both tones': with 15 dB between signal and noise it is 0.97.
	leastShare = 0.88
	// glanceShare is what it must be by the cheap look: a tone that is 26 Hz off has 0.79 of its power there.
	glanceShare = 0.5
)

// Limits in blocks of 5 ms. A tone of n ms is hit for n - 15 ms: as long as it fills 88 % of the window.
const (
	// enough hits in a row are a key: a tone of 23 ms has 2 at the most, and one of 40 ms has 4.
	enough = 3
	// over is how many blocks without a hit end a key: an interruption of 10 ms has 6 at the most, a pause of 40 ms has 11 at least.
	over = 8
	// reach is what a key's tone lasts longer than its hits.
	reach = 3
)

// Detector finds keys in one sound. One goroutine owns it.
type Detector struct {
	input   decimator
	sound   [window]float32 // the newest, the oldest first, less the block that is being filled
	filling [block]float32
	filled  int

	energies [blocks]float32 // of the window's blocks, the newest last
	before   spectrum        // of the newest block
	pairs    [blocks - 1]powers

	candidate pair
	hits      int // of candidate in a row
	down      bool
	told      bool // that it is, since it does not end
	key       pair // that is down
	misses    int  // blocks since its last hit
	lasted    int  // blocks since its first hit, up to the last one
	found     found

	covered bool // the end of what was processed last was taken out
}

// New returns a detector for sound at 8000, 12000, 16000, 24000 or 48000 Hz, the rates of all codecs. It panics on other rates.
func New(sampleRateHz int) *Detector {
	d := &Detector{}
	d.Retune(sampleRateHz)
	return d
}

// Retune begins with other sound, or with the same at another rate, of those that New takes. A key that is down is told.
func (d *Detector) Retune(sampleRateHz int) {
	d.release()
	*d = Detector{found: d.found}
	d.input.tune(sampleRateHz)
}

// Next is the next key that was found and has ended.
func (d *Detector) Next() (Key, bool) { return d.found.next() }

// Process looks at the next piece of the sound, of any length, and takes out what is a key's in place: a piece with a hit in it becomes
// silence, fading where there was none before. Pauses are sound too: time is counted in samples.
func (d *Detector) Process(pcm []int16) {
	tone := d.sounds()
	for _, s := range pcm {
		x, ok := d.input.next(s)
		if !ok {
			continue
		}
		d.filling[d.filled] = x
		if d.filled++; d.filled == block {
			d.filled = 0
			d.look()
			tone = tone || d.sounds()
		}
	}
	d.cover(pcm, tone)
}

// sounds says that what was heard last is taken for a key's.
func (d *Detector) sounds() bool { return d.down || d.hits > 0 }

// look takes in the block that has been filled, and looks at the window that ends with it.
func (d *Detector) look() {
	copy(d.sound[:], d.sound[block:])
	copy(d.sound[window-block:], d.filling[:])
	copy(d.energies[:], d.energies[1:])
	energy := float32(0)
	for _, x := range d.filling {
		energy += x * x
	}
	d.energies[blocks-1] = energy
	key, hit := pair{}, false
	if d.listen() {
		key, hit = d.judge()
	}
	d.count(key, hit)
}

// listen measures the newest block. It says whether there is enough in the window to look at; where there is not, nothing is measured: a window
// that has a hit is loud in all of its blocks.
func (d *Detector) listen() bool {
	loud := true
	for _, e := range d.energies {
		loud = loud && e > quietest
	}
	if d.energies[blocks-1] <= quietest {
		return false
	}
	var now spectrum
	now.measure(&d.filling)
	copy(d.pairs[:], d.pairs[1:])
	d.pairs[blocks-2] = join(&d.before, &now)
	d.before = now
	return loud
}

// weakest is the square of the amplitude of a tone at weakestDBm0.
var weakest = math.Pow(32768*math.Pow(10, (weakestDBm0-fullDBm0)/20), 2)

// quietest is the energy that each block of a hit exceeds: a sixteenth of that of two tones which are as weak as may be. The tone may not
// fill the first or last one, and a block holds no more than two turns of the beat.
var quietest = float32(weakest * block / 16)

// judge says which key the window holds, if it does.
func (d *Detector) judge() (key pair, hit bool) {
	energy := d.energies[0] + d.energies[1] + d.energies[2] + d.energies[3]
	key, share := strongest(&d.pairs, energy)
	if share < glanceShare {
		return key, false
	}
	var hz [groups]float64
	for g, i := range [groups]uint8{key.row, key.column} {
		nominal := tonesHz[g][i]
		hz[g] = trueHz(&d.sound, nominal)
		if math.Abs(hz[g]-nominal) > offShare*nominal+offHz {
			return key, false
		}
	}
	f := fitted(&d.sound, hz, float64(energy))
	twist := f.power[1] / f.power[0]
	return key, f.share >= leastShare && f.power[0] >= weakest && f.power[1] >= weakest && twist <= mostTwist && twist >= leastTwist
}

// Twist as a ratio of powers.
var mostTwist, leastTwist = math.Pow(10, strongerDB/10.), math.Pow(10, weakerDB/10.)

// count goes on from block to block.
func (d *Detector) count(key pair, hit bool) {
	switch {
	case !hit:
		d.hits = 0
	case d.hits == 0 || key != d.candidate:
		d.candidate, d.hits = key, 1
	default:
		d.hits++
	}
	if d.down {
		d.misses++
		d.lasted++
		if hit && key == d.key {
			d.misses = 0
		}
		switch {
		case d.misses >= over:
			d.release()
		case d.held() >= longestHeld && !d.told:
			d.tell()
		}
	}
	if d.hits >= enough && !(d.down && d.candidate == d.key) {
		d.release()
		d.down, d.told, d.key, d.misses, d.lasted = true, false, d.candidate, 0, d.hits
	}
}

// release ends the key that was down, and tells it.
func (d *Detector) release() {
	if d.down && !d.told {
		d.tell()
	}
	d.down = false
}

func (d *Detector) tell() {
	d.told = true
	d.found.put(Key{Digit: d.key.digit(), Held: min(d.held(), longestHeld)})
}

// held is how long the key has been down.
func (d *Detector) held() time.Duration {
	return time.Duration(d.lasted-d.misses+reach) * blockMS * time.Millisecond
}

// fadeMS is how long what is taken out takes to go and to come.
const fadeMS = 5

// cover takes out a piece with a tone in it, and fades at its beginning where the last one was another.
func (d *Detector) cover(pcm []int16, tone bool) {
	n := min(d.input.samples(rateHz/1000*fadeMS), len(pcm))
	switch {
	case tone && d.covered:
		clear(pcm)
	case tone:
		for i, s := range pcm[:n] {
			pcm[i] = int16(int(s) * (n - 1 - i) / n)
		}
		clear(pcm[n:])
	case d.covered:
		for i, s := range pcm[:n] {
			pcm[i] = int16(int(s) * i / n)
		}
	}
	d.covered = tone
}
