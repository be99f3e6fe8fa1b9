package rooms

import (
	"math"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/denoise"
	"github.com/confbridge/confbridge/mixer/playout"
)

// voice is the way of a member's sound to the mix.
//
//	stream (decode, keys taken out, noise suppression, resample) -> vad, agc -> floor -> offset, gain -> mix
type voice struct {
	of          string // whose it is: the participant's ID
	stream      playout.Stream
	suppressor  *denoise.Suppressor // in stream; nil: none
	frame       []int16             // this tick's 20 ms from stream, at the room's rate; with offset and gain applied once it is mixed
	sounding    bool                // there is sound in frame
	sounded     bool                // there was, the last time that anybody looked
	contributes bool                // to this tick's mix

	vad     mixer.VAD
	agc     mixer.AGC
	speaker mixer.Speaker
	offset  mixer.Offset
	gain    mixer.Gain // AGC's and the moderator's; 0 where the member is not mixed
	level   level

	talking bool
	watch   qualityWatch
}

// level is a gain in decibels, and what it was last worked out as.
type level struct{ db, linear float64 }

// at is db as a factor.
func (l *level) at(db float64) float64 {
	if l.linear == 0 || l.db != db {
		l.db, l.linear = db, math.Exp(db*(math.Ln10/20))
	}
	return l.linear
}

// narrowbandHz is the rate of the sound that noise is taken out of.
const narrowbandHz = 8000

// suppressNoise makes or ends the noise suppression as the room's settings want it. Voices of more than a telephone's band have been
// cleaned by the program that they come from, and stay as they are. It is not for the tick.
func (m *member) suppressNoise() {
	wanted := m.state.set.NoiseSuppression && m.spoken().SampleRateHz == narrowbandHz
	v := &m.voice
	switch {
	case wanted && v.suppressor == nil:
		s, err := denoise.New(narrowbandHz)
		if err != nil {
			m.state.room.registry.cfg.Log.Warn("no noise suppression", "room", m.state.room.number, "participant", m.p.id, "err", err)
			return
		}
		v.suppressor = s
		v.stream.Filter(s, narrowbandHz)
	case !wanted:
		v.close()
	}
}

// close gives back what is not Go's own memory.
func (v *voice) close() {
	if v.suppressor != nil {
		v.stream.Filter(nil, 0)
		v.suppressor.Close()
		v.suppressor = nil
	}
}

// hushed says that nothing of what the member says is to be heard.
func (m *member) hushed() bool {
	return m.mutedBy != MutedByNobody || m.caller.Role == RoleListener || m.place != PlaceInside || m.moving != nil || m.whisper.to != nil
}

// hear pulls the member's next 20 ms, looks at what they are, and claims a place in the mix for them.
func (m *member) hear(now time.Time) {
	v := &m.voice
	v.stream.Spare(m.unheard())
	v.frame, v.sounding = v.stream.Pull(now)
	m.findKeys(now)
	if m.aside.take != nil {
		m.aside.take.add(v.frame, m.state.mix.rateHz)
	}
	v.look(m.state.mix.rateHz)
	v.agc.Observe(&v.vad)
	var claim mixer.Claim
	if !m.hushed() {
		claim = mixer.Claim{Sounding: v.sounded, Loud: v.vad.Loud(), Talking: v.vad.Talking(), Tonal: v.vad.Tonal()}
		if v.sounding {
			claim.LevelDB = v.vad.LevelDBFS() + m.mixedGainDB()
		}
	}
	m.state.floor.Claim(&v.speaker, claim)
	m.watchTalk()
}

// look shows the frame to the VAD. Where it has been left out there would have been as much sound in it as there was before.
func (v *voice) look(rateHz int) {
	if !v.sounding && v.stream.Withheld() {
		v.vad.Unheard()
		return
	}
	if v.sounded = v.sounding; v.sounding {
		v.vad.Observe(v.frame, rateHz)
	} else {
		v.vad.Silence()
	}
}

// unheard says that nobody hears the member in this tick, unless it is loud: it is not in the mix and does not want to be, and nothing else listens to it.
func (m *member) unheard() bool {
	v := &m.voice
	return (m.hushed() || m.state.floor.Passes(&v.speaker)) && v.gain.Silent() && !v.vad.Talking() && v.suppressor == nil &&
		m.keys.detector == nil && m.aside.take == nil && m.whisper.to == nil && !m.state.taping.tracks()
}

// mixedGainDB is the gain that the member is mixed with.
func (m *member) mixedGainDB() float64 {
	if m.state.set.AGC {
		return m.gainDB + m.voice.agc.GainDB()
	}
	return m.gainDB
}

// speak readies the frame for the mix, and says whether there is anything in it.
func (m *member) speak() bool {
	v := &m.voice
	target := 0.0
	if m.state.floor.Mixed(&v.speaker) && !m.hushed() {
		target = v.level.at(m.mixedGainDB())
	}
	if v.gain.Silent() {
		if target == 0 {
			return false
		}
		v.enter(target)
	}
	v.gain.Set(target)
	v.apply(m.state.mix.rateHz, m.state.set.AGC)
	return v.sounding
}

// enter begins the way into the mix: by a ramp, or at once where the sound itself begins with the frame.
func (v *voice) enter(target float64) {
	v.offset.Jump(v.vad.Offset())
	if !v.sounding || beginsSoftly(v.frame) {
		v.gain.Jump(target)
	}
}

// apply applies offset and gain. Silence too goes through the gain: a ramp that begins there is not to wait for the next word.
func (v *voice) apply(rateHz int, level bool) {
	if v.sounding && level {
		v.offset.Remove(v.frame, v.vad.Offset())
	}
	v.gain.Apply(v.frame, rateHz)
}

// softly is what a frame may begin with and need no ramp: −60 dBFS, or what is 30 dB below the frame's peak.
const (
	softlyPeak  = 32
	softlyShare = 32
)

func beginsSoftly(frame []int16) bool {
	first := int(frame[0])
	if first < 0 {
		first = -first
	}
	if first <= softlyPeak {
		return true
	}
	peak := 0
	for _, s := range frame {
		peak = max(peak, int(s), -int(s))
	}
	return first*softlyShare <= peak
}

// fadeAway is speak for the last frame of somebody who has left.
func (v *voice) fadeAway(now time.Time, rateHz int, level bool) bool {
	v.frame, v.sounding = v.stream.Pull(now)
	v.gain.Set(0)
	v.apply(rateHz, level)
	return v.sounding
}

// watchTalk notes when talk starts and stops. Who is muted does not talk.
func (m *member) watchTalk() {
	if talking := m.voice.vad.Talking() && !m.hushed(); talking != m.voice.talking {
		m.voice.talking = talking
		m.shard.turned = append(m.shard.turned, m)
	}
}

// turn tells that talk has started or stopped.
func (m *member) turn() {
	kind := KindTalkingStopped
	if m.voice.talking {
		kind = KindTalkingStarted
	}
	m.state.raise(Event{Kind: kind, Participant: m.state.describe(m)})
}

// watchFloor tells when another one has the floor.
func (s *state) watchFloor() {
	now := s.floor.Dominant()
	if now == s.dominant {
		return
	}
	s.dominant = now
	e := Event{Kind: KindDominantSpeaker}
	for i, sp := range s.speakers {
		if sp == now {
			e.Participant = s.describe(s.members[i])
		}
	}
	s.raise(e)
}
