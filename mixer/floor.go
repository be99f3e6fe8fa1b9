package mixer

import "math"

// Floor decides who of all that are in a room is mixed: the loudest few of those who talk, and nobody else, so that twenty
// lines do not bring the noise of twenty. It is called once a tick with all of them. The zero value is ready.
//
// Who begins to talk is let in with the first frame that stands above the background, long before the VAD is sure, so that no
// first syllable is lost. Where all seats are taken the newcomer is a guest for a while, and there are more voices
// than seats, until those who are not among the loudest come to the end of a word: nobody is cut off in mid-word, and nobody
// waits. The weakest may be the newcomer; who has been sent away comes back by being clearly louder than somebody who
// is among the loudest, or with the next thing that is said.
//
// The bounds, of N seats:
//
//   - There are at most N and as many guests, but 2 at least and 8 at most. Of newcomers who come at once the louder go first.
//   - Where all of that is taken, who is clearly louder (4 dB) than the weakest of those in is let in with the same frame all the
//     same, and the weakest is cut off in mid-word. Others wait: for the next one who comes to the end of a word.
//   - Who is not among the loudest N goes after 140 ms that are not loud; having been so for 2 s of one talkspurt, at the end
//     of a syllable; after 4 s at once. So N who talk without end, and are the loudest, are alone after a few seconds.
//
// When nobody talks, one voice stays in the mix with its noise: the line of who has the floor. So pauses do not go dead, and
// a lone telephone is never gated at all.
type Floor struct {
	dominant *Speaker
	idle     *Speaker // who is left in the mix while nobody talks
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
	surplus  bool // seated, and in this tick not among the loudest
	over     int  // ticks of this talkspurt in which it was that
}

// Bounds of a floor's seats.
const (
	DefaultTalkers = 4
	MaxTalkers     = 16
	AllTalkers     = math.MaxInt
)

const (
	floorFewestGuests = 2 // voices beyond the seats; there may be as many as seats
	floorMostGuests   = 8
	floorHoldTicks    = 8   // 160 ms that a loud frame keeps a seat which the VAD has not confirmed
	floorGapTicks     = 7   // 140 ms that are not loud are the end of a word
	floorHasteTicks   = 100 // 2 s as a surplus voice: a syllable's end, this far below the speaker's level, has to do as well
	floorDipDB        = 10
	floorOverTicks    = 200  // 4 s: the longest that a voice is surplus in one talkspurt
	floorLouderDB     = 4    // that somebody must have over the weakest to take a place from it
	floorRise         = 0.12 // of a louder frame in the level: 160 ms
	floorFall         = 0.04 // of a quieter one: half a second
	floorLineTicks    = 500  // 10 s without any sound: there is no line to keep

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
		s.heard, s.sentAway, s.over = false, false, 0
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

// Passes says that s is not in this tick's mix, and that nothing it has said lately asks for that.
func (f *Floor) Passes(s *Speaker) bool { return !s.wants && !f.Mixed(s) }

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
	places := placesOf(talkers)
	seated = admit(speakers, seated, places)
	mark(speakers, seated-talkers)
	seated = letBack(speakers, seated, talkers, places)
	seated = sendAway(speakers, seated, talkers)
	f.keepLine(speakers, seated)
	f.elect(speakers)
}

// placesOf is how many can be mixed at once where there are that many seats.
func placesOf(talkers int) int {
	if talkers == AllTalkers {
		return AllTalkers
	}
	return talkers + min(max(talkers, floorFewestGuests), floorMostGuests)
}

// release takes the seats of those who want none any more, and counts the others.
func (f *Floor) release(speakers []*Speaker) (seated int) {
	for _, s := range speakers {
		switch {
		case s.seated && s.wants:
			s.surplus = false
			seated++
		case s.seated:
			s.seated, s.surplus = false, false
			if seated == 0 {
				f.idle = s // for keepLine, if nobody else is there
			}
		}
	}
	return seated
}

// admit seats who has begun to talk, the loudest first: while there are places, and in place of the weakest.
func admit(speakers []*Speaker, seated, places int) int {
	for ; seated < places; seated++ {
		s := loudest(speakers, false)
		if s == nil {
			return seated
		}
		s.seated = true
	}
	for {
		w := weakest(speakers)
		s := bursting(speakers, w)
		if s == nil {
			return seated
		}
		w.leave()
		s.seated, s.levelDB = true, s.peakDB() // a level that rises slowly would give the place back
	}
}

// bursting is who of those who have begun to talk is by this frame already so much louder than w that it has w's place at once, the
// loudest of them; nil where nobody is.
func bursting(speakers []*Speaker, w *Speaker) *Speaker {
	var best *Speaker
	for _, s := range speakers {
		if s.wants && !s.seated && !s.sentAway && s.burstsIn(w) && (best == nil || s.peakDB() > best.peakDB()) {
			best = s
		}
	}
	return best
}

// burstsIn says that s is clearly louder than w in this frame. A tone takes no place from speech.
func (s *Speaker) burstsIn(w *Speaker) bool {
	return (w.claim.tone() || !s.claim.tone()) && s.quiet == 0 && s.peakDB() > w.levelDB+floorLouderDB
}

// peakDB is the level, or that of this frame where it is louder.
func (s *Speaker) peakDB() float64 { return max(s.levelDB, s.claim.LevelDB) }

// leave takes the seat of s until it has something new to say.
func (s *Speaker) leave() { s.seated, s.surplus, s.sentAway = false, false, true }

// mark marks so many of the seated as surplus, the weakest of them.
func mark(speakers []*Speaker, surplus int) {
	for range surplus {
		weakest(speakers).surplus = true
	}
}

// letBack seats the loudest of those who were sent away, where a seat is free or where it is louder than the weakest who is not
// surplus.
func letBack(speakers []*Speaker, seated, talkers, places int) int {
	if seated >= places {
		return seated
	}
	s := loudest(speakers, true)
	if s == nil || seated >= talkers && !s.clearlyAbove(weakest(speakers)) {
		return seated
	}
	s.seated = true
	return seated + 1
}

// sendAway takes the seats of surplus voices that have come to the end of a word, or have been surplus for long.
func sendAway(speakers []*Speaker, seated, talkers int) int {
	if seated <= talkers {
		return seated
	}
	for _, s := range speakers {
		if !s.surplus {
			continue
		}
		s.over++
		if s.betweenWords(s.over > floorHasteTicks) || s.over > floorOverTicks {
			s.leave()
			seated--
		}
	}
	return seated
}

// loudest is who of those without a seat comes first, of those who were sent away or of the others; nil where nobody wants one.
func loudest(speakers []*Speaker, sentAway bool) *Speaker {
	var best *Speaker
	for _, s := range speakers {
		if s.wants && !s.seated && s.sentAway == sentAway && (best == nil || s.above(best)) {
			best = s
		}
	}
	return best
}

// weakest is who of the seated goes first, but for those who are surplus already; nil where there is none.
func weakest(speakers []*Speaker) *Speaker {
	var w *Speaker
	for _, s := range speakers {
		if s.seated && !s.surplus && (w == nil || w.above(s)) {
			w = s
		}
	}
	return w
}

// tone says that it is one and no speech. What the VAD is not sure of yet may be either.
func (c *Claim) tone() bool { return c.Tonal && !c.Talking }

// above ranks speech before tones, and the louder before the quieter.
func (s *Speaker) above(o *Speaker) bool {
	if s.quiet == 0 && o.quiet == 0 && s.claim.tone() != o.claim.tone() {
		return o.claim.tone()
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
