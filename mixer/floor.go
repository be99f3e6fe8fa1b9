package mixer

import "math"

// Floor decides who of all that are in a room is mixed: the loudest few of those who talk, and nobody else, so that twenty
// lines do not bring the noise of twenty. It is called once a tick with all of them. The zero value is ready.
//
// Who begins to talk is let in with the first frame that stands above the background, long before the VAD is sure, so that no
// first syllable is lost. Where all seats are taken the newcomer is a guest for a while, and there are more voices
// than seats, until the weakest comes to the end of a word: nobody is cut off in mid-word, and nobody waits. The weakest may be
// the newcomer; who has been sent away comes back by being clearly louder than somebody who is seated, or with
// the next thing that is said.
//
// When nobody talks, one voice stays in the mix with its noise: the line of who has the floor. So pauses do not go dead, and
// a lone telephone is never gated at all.
type Floor struct {
	dominant *Speaker
	idle     *Speaker // who is left in the mix while nobody talks
	excess   int      // ticks for which there have been more voices than seats
}

// Claim is what a speaker brings in one tick.
type Claim struct {
	Sounding bool    // there is sound in the frame at all
	Loud     bool    // VAD.Loud
	Talking  bool    // VAD.Talking
	Tonal    bool    // VAD.Tonal
	LevelDB  float64 // of the frame as it would be mixed, in dBFS
}

// Speaker is one leg's part in a Floor. The zero value has said nothing yet.
type Speaker struct {
	claim Claim

	levelDB  float64 // of what was loud lately
	activity float64 // share of the last second in which it was loud
	quiet    int     // ticks since it was last loud
	silent   int     // ticks since there was any sound in it
	heard    bool    // it has been loud in this talkspurt
	wants    bool    // to be mixed
	seated   bool
	sentAway bool // in this talkspurt
}

// Bounds of a floor's seats.
const (
	DefaultTalkers = 4
	MaxTalkers     = 16
	AllTalkers     = math.MaxInt
)

const (
	floorHoldTicks   = 8   // 160 ms that a loud frame keeps a seat which the VAD has not confirmed
	floorGapTicks    = 7   // 140 ms that are not loud are the end of a word
	floorHasteTicks  = 100 // 2 s of more voices than seats: a syllable's end, this far below the speaker's level, has to do as well
	floorDipDB       = 10
	floorExcessTicks = 200  // 4 s: the longest that there are more voices than seats
	floorLouderDB    = 4    // that somebody who was sent away must have over the weakest
	floorRise        = 0.12 // of a louder frame in the level: 160 ms
	floorFall        = 0.04 // of a quieter one: half a second
	floorLineTicks   = 500  // 10 s without any sound: there is no line to keep

	dominantShare  = 1.0 / 50 // of a new frame in the activity: 1 s to 63 %
	dominantLeast  = 0.4      // a second of speech, half a second without any pause
	dominantMargin = 0.1      // over the activity of who has the floor
)

// Claim notes what s brings in this tick.
func (f *Floor) Claim(s *Speaker, c Claim) {
	s.claim = c
	s.silent++
	if c.Sounding {
		s.silent = 0
	}
	s.quiet = min(s.quiet+1, floorHoldTicks)
	said := 0.0
	if c.Loud {
		s.hear(c.LevelDB)
		said = 1
	}
	if s.activity += (said - s.activity) * dominantShare; s.activity < 1e-3 {
		s.activity = 0
	}
	s.wants = c.Talking || c.Tonal || s.heard && s.quiet < floorHoldTicks
	if c.Tonal && !s.heard {
		s.hear(c.LevelDB)
	}
	if !s.wants {
		s.heard, s.sentAway = false, false
	}
}

// hear takes a loud frame into the level.
func (s *Speaker) hear(levelDB float64) {
	share := floorFall
	if levelDB > s.levelDB {
		share = floorRise
	}
	if !s.heard {
		s.levelDB, s.heard = levelDB, true
	}
	s.levelDB += (levelDB - s.levelDB) * share
	s.quiet = 0
}

// betweenWords says that s can be cut off here; in haste after less of a pause.
func (s *Speaker) betweenWords(haste bool) bool {
	return s.quiet >= floorGapTicks || haste && (s.quiet > 0 || s.claim.LevelDB < s.levelDB-floorDipDB)
}

// Mixed says whether s is in this tick's mix.
func (f *Floor) Mixed(s *Speaker) bool { return s.seated || s == f.idle }

// Dominant is who has the floor, nil before anybody had it.
func (f *Floor) Dominant() *Speaker { return f.dominant }

// Forget takes s out, who leaves or may not speak any more.
func (f *Floor) Forget(s *Speaker) {
	*s = Speaker{}
	if f.idle == s {
		f.idle = nil
	}
	if f.dominant == s {
		f.dominant = nil
	}
}

// Decide seats the speakers of this tick. All of them have made their Claim. talkers is how many seats there are.
func (f *Floor) Decide(speakers []*Speaker, talkers int) {
	seated := f.release(speakers)
	guests := max(talkers/2, 1)
	if talkers == AllTalkers {
		guests = 0
	}
	for _, s := range speakers {
		if s.wants && !s.seated && !s.sentAway && seated-talkers < guests {
			s.seated = true
			seated++
		}
	}
	seated = f.letBack(speakers, seated, talkers)
	f.sendAway(speakers, seated, talkers)
	f.keepLine(speakers, seated)
	f.elect(speakers)
}

// release takes the seats of those who want none any more, and counts the others.
func (f *Floor) release(speakers []*Speaker) (seated int) {
	for _, s := range speakers {
		switch {
		case s.seated && s.wants:
			seated++
		case s.seated:
			s.seated = false
			if seated == 0 {
				f.idle = s // for keepLine, if nobody else is there
			}
		}
	}
	return seated
}

// letBack seats the loudest of those who were sent away, where a seat is free or where it is louder than the weakest.
func (f *Floor) letBack(speakers []*Speaker, seated, talkers int) int {
	if seated > talkers {
		return seated
	}
	var best *Speaker
	for _, s := range speakers {
		if s.wants && !s.seated && (best == nil || s.above(best)) {
			best = s
		}
	}
	if best == nil || seated == talkers && !best.clearlyAbove(weakest(speakers)) {
		return seated
	}
	best.seated = true
	return seated + 1
}

// sendAway brings the voices back to as many as there are seats.
func (f *Floor) sendAway(speakers []*Speaker, seated, talkers int) {
	if seated <= talkers {
		f.excess = 0
		return
	}
	f.excess++
	if w := weakest(speakers); w.betweenWords(f.excess > floorHasteTicks) || f.excess > floorExcessTicks {
		w.seated, w.sentAway = false, true
		f.excess = 0
	}
}

// weakest is who of the seated goes first; nil where nobody is seated.
func weakest(speakers []*Speaker) *Speaker {
	var w *Speaker
	for _, s := range speakers {
		if s.seated && (w == nil || w.above(s)) {
			w = s
		}
	}
	return w
}

// above ranks speech before tones, and the louder before the quieter.
func (s *Speaker) above(o *Speaker) bool {
	if s.claim.Talking != o.claim.Talking && s.quiet == 0 && o.quiet == 0 {
		return s.claim.Talking
	}
	return s.levelDB > o.levelDB
}

// clearlyAbove is above with a margin.
func (s *Speaker) clearlyAbove(o *Speaker) bool {
	return o != nil && s.quiet == 0 && s.levelDB > o.levelDB+floorLouderDB
}

// keepLine leaves one voice in the mix while nobody is seated: of who has the floor, or else of the last who was seated, or of
// anybody. It goes to another one where that line brings no sound at all any more.
func (f *Floor) keepLine(speakers []*Speaker, seated int) {
	if seated > 0 {
		f.idle = nil
		return
	}
	if f.dominant.onLine() {
		f.idle = f.dominant
	}
	if f.idle.onLine() {
		return
	}
	for _, s := range speakers {
		if s.silent == 0 {
			f.idle = s
			return
		}
	}
	if f.idle == nil && len(speakers) > 0 {
		f.idle = speakers[0]
	}
}

// onLine says that there has been any sound of s lately.
func (s *Speaker) onLine() bool { return s != nil && s.silent < floorLineTicks }

// elect gives the floor to another one who has talked for long enough and clearly more than the one who has it did lately:
// after a second or so of speech by the one and none by the other. A cough, a yes, or two who talk at once change nothing.
func (f *Floor) elect(speakers []*Speaker) {
	best, least := f.dominant, dominantLeast
	if best != nil {
		least = max(least, best.activity+dominantMargin)
	}
	for _, s := range speakers {
		if s != best && s.claim.Talking && s.activity > least {
			f.dominant, least = s, s.activity
		}
	}
}
