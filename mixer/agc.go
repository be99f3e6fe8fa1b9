package mixer

// AGC finds the gain that brings a leg's speech to the common level of -20 dBFS. It listens to what the leg's VAD takes for
// speech and to nothing else: in pauses and in noise the gain stands still. It goes up slower than it goes down, and faster in
// the first seconds of a new voice than later. The zero value is ready, with a gain of 0 dB.
type AGC struct {
	gainDB float64
	speech float64 // mean power of the speech lately, as in VAD.level; 0: none was heard
	frames int     // of speech, up to agcMemory
	moving bool
}

const (
	agcTargetDBFS = -20
	agcMostDB     = 18
	agcLeastDB    = -18
	agcNoiseDBFS  = -45 // noise is not lifted above it

	agcMemory  = 100 // frames of speech that the mean goes over: 2 s of it
	agcHearing = 45  // frames of speech before anything is done: noise has been found out by then
	agcSettled = 150 // frames of speech in which a new voice is brought to the level

	agcPauseDB  = 0.025 // 16 dB below the speech's mean is a pause (ITU-T P.56)
	agcDeadDB   = 1.5   // a deviation that nothing is done about
	agcFineDB   = 0.25  // and where it stops once it moves
	agcRiseDB   = 0.06  // a frame of speech: 3 dB a second
	agcFallDB   = 0.2   // 10 dB a second
	agcFirstMul = 3     // times as fast for a new voice
)

// Observe takes the leg's frame of this tick, by way of its VAD, which has just seen it.
func (a *AGC) Observe(v *VAD) {
	if !v.talking || !v.loud || v.level < a.speech*agcPauseDB {
		return
	}
	a.frames = min(a.frames+1, agcSettled)
	a.speech += (v.level - a.speech) / float64(min(a.frames, agcMemory))
	if a.frames < agcHearing {
		return
	}
	away := a.wanted(v) - a.gainDB
	a.moving = away > agcDeadDB || away < -agcDeadDB || a.moving && (away > agcFineDB || away < -agcFineDB)
	if !a.moving {
		return
	}
	speed := 1.0
	if a.frames < agcSettled {
		speed = agcFirstMul
	}
	a.gainDB += min(max(away, -agcFallDB*speed), agcRiseDB*speed)
}

// wanted is the gain that would bring the speech to the target.
func (a *AGC) wanted(v *VAD) float64 {
	most := max(agcNoiseDBFS-v.NoiseDBFS(), 0)
	return min(max(agcTargetDBFS-powerDB(a.speech), agcLeastDB), agcMostDB, most)
}

// GainDB is the gain for the present frame, -18 to +18.
func (a *AGC) GainDB() float64 { return a.gainDB }

// SpeechDBFS is the level of the leg's speech lately, before any gain; -127 where none was heard.
func (a *AGC) SpeechDBFS() float64 { return powerDB(a.speech) }
