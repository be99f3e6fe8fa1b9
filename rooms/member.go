package rooms

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
)

// maxGainDB is the most that a moderator can set, up or down.
const maxGainDB = 30

// member is a participant who has joined. Only the room's goroutine touches it; to its leg it is the Inlet.
type member struct {
	state   *state
	p       *Participant
	caller  Caller
	leg     Leg
	pooled  Pooled // leg; nil: it is none
	shard   *shard // of its room
	joined  time.Time
	number  int           // by which keys mean it; 0 before it enters
	came    came          // in which way, the last time
	profile codec.Profile // of the leg's sending side, as negotiated; that of down is for what the peer loses as well
	dead    error         // what Receive returned
	source  uint32        // what its stream is called
	heard   heard         // how its sound comes in
	peer    quality.Peer  // what it has reported last

	calmFrom time.Time // which report was the first of those that say that it needs no copies any more; zero: none is

	mute      muting
	away      muting  // that of the room that it is in a side room of
	mutedBy   MutedBy // by what mute and the room's modes come to: settle keeps it so
	deaf      bool
	gainDB    float64
	voice     voice     // what it says
	aside     aside     // what is between it alone and the bridge
	down      downlink  // what it hears
	keys      keypad    // what it presses
	dialled   dialled   // the command that it is in the middle of
	asksEnd   time.Time // when it asked last for the conference to end
	place     Place
	guest     bool           // it waits for the room to open, and has been let in before: no lobby is in front of it
	elsewhere bool           // hears the room by a feed, and says nothing: the tick passes it over
	moving    chan<- *member // where it goes; nil: it stays
	whisper   whisper
	name      *mixer.Clip // as it has spoken it; nil: it has not
	hearingDB float64     // what is done to the loudness of what it hears
}

func newMember(s *state, p *Participant, leg Leg, now time.Time) (*member, error) {
	m := &member{state: s, p: p, caller: p.caller, joined: now}
	m.take(leg)
	if err := m.setProfile(leg.Profile()); err != nil {
		return nil, err
	}
	m.voice.of = p.id
	m.voice.stream.Background(&m.voice.vad)
	m.voice.gain.Jump(0)
	if s.room.reception {
		m.place = PlaceAsked
	} else {
		m.greet()
	}
	if err := m.settleElsewhere(); err != nil {
		return nil, err
	}
	m.down.ear = m.ear()
	return m, nil
}

// take makes leg the member's.
func (m *member) take(leg Leg) {
	m.leg = leg
	m.pooled, _ = leg.(Pooled)
}

// setProfile makes the codecs for what has been negotiated. How sound comes in is what its packets say, once there are any: the
// peer may go on with what it has sent, whatever else was agreed (RFC 3264 §8.3.2).
func (m *member) setProfile(p codec.Profile) error {
	out, err := m.state.mix.stream(m.suiting(p))
	if err != nil {
		return fmt.Errorf("send %s: %w", p.Name, err)
	}
	if m.profile.Name == "" {
		if err := m.voice.stream.Prepare(m.leg.Expects()); err != nil {
			return fmt.Errorf("receive %s: %w", m.leg.Expects().Name, err)
		}
	}
	m.profile, m.calmFrom = p, time.Time{}
	m.down.change(out, &m.state.mix)
	m.suppressNoise()
	m.listenForKeys()
	return nil
}

// heard is the form of the sound that comes in: not what was agreed on as the first choice, but what the peer has chosen. The zero
// value is that of a peer from whom nothing has come yet.
type heard struct {
	format codec.Format
	units  int  // of the last packet, in units of the clock
	fresh  bool // adapt has not seen it yet
}

// known says that something has come.
func (h *heard) known() bool { return h.format.Name != "" }

// sounded says that there was sound in what has come, so that its packet time is known.
func (h *heard) sounded() bool { return h.known() && h.units > 0 }

func (h *heard) packetTime() time.Duration {
	return time.Duration(h.units) * time.Second / time.Duration(max(h.format.ClockRateHz, 1))
}

// spoken is the format of what comes in, and as long as nothing has come, that which is most likely to.
func (m *member) spoken() codec.Format {
	if m.heard.known() {
		return m.heard.format
	}
	return m.profile.Format
}

// packetTime is that of what it speaks; until the first packet of it, that of what it is sent.
func (m *member) packetTime() time.Duration {
	if m.heard.sounded() {
		return m.heard.packetTime()
	}
	return m.profile.PacketTime()
}

// Restart implements Inlet. Another format costs some allocations in the tick: once a change of codec.
func (m *member) Restart(f codec.Format, source uint32) {
	m.source = source
	m.heard = heard{format: f, fresh: m.heard.fresh || f != m.spoken()}
	if err := m.voice.stream.Restart(f); err != nil {
		m.dead = err
		return
	}
	m.voice.stream.Tune(m.state.mix.rateHz)
}

// Audio implements Inlet.
func (m *member) Audio(p jitter.Packet) jitter.Verdict {
	if p.Samples > 0 { // noise lasts for no time
		m.heard.units = p.Samples
	}
	verdict := m.voice.stream.Put(p)
	if beat := &m.state.timers.beat; !beat.known && verdict == jitter.Stored {
		beat.note(m, &p)
	}
	return verdict
}

// Absent implements Inlet.
func (m *member) Absent(sequence uint16) { m.voice.stream.Absent(sequence) }

// Report implements Inlet.
func (m *member) Report(p quality.Peer) { m.peer = p }

// deathReason tells why a leg that died did.
func deathReason(err error) Reason {
	if e, ok := errors.AsType[*EndError](err); ok {
		return e.Reason
	}
	if errors.Is(err, ErrMediaTimeout) {
		return ReasonMediaTimeout
	}
	return ReasonFailed
}

// patch changes a member as a moderator asked, all of it or nothing.
func (s *state) patch(m *member, p ParticipantPatch) error {
	if err := p.check(); err != nil {
		return err
	}
	before := s.describe(m)
	if p.WhisperTo != nil {
		if err := s.setWhisper(m, *p.WhisperTo); err != nil {
			return err
		}
	}
	set(&m.hearingDB, p.HearingGainDB)
	set(&m.caller.DisplayName, p.DisplayName)
	set(&m.caller.Role, p.Role)
	set(&m.deaf, p.Deaf)
	set(&m.gainDB, p.GainDB)
	if p.Muted != nil {
		s.setMuted(m, *p.Muted)
	}
	m.resettle()
	after := s.describe(m)
	if after.Muted != before.Muted {
		before.Muted, before.MutedBy = after.Muted, after.MutedBy
	}
	before.Dominant, before.HandPosition, before.HasFloor = after.Dominant, after.HandPosition, after.HasFloor // each has an event of its own
	if after != before {
		s.raise(Event{Kind: KindUpdated, Participant: after})
	}
	if after.Deaf != before.Deaf {
		s.tellOne(m.p.id, words(m.deafWord()))
	}
	if after.Role != before.Role {
		s.changedRole(m)
	}
	return nil
}

// changedRole sees to what a member may no longer do, or may now.
func (s *state) changedRole(m *member) {
	s.tellOne(m.p.id, words(roleWords[m.caller.Role].one))
	if m.caller.Role == RoleListener {
		s.noHand(m)
		m.settle()
	}
	s.watchHosts(s.describe(m))
	s.unwait(m)
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

func (p ParticipantPatch) check() error {
	for _, db := range []*float64{p.GainDB, p.HearingGainDB} {
		if db != nil && !(math.Abs(*db) <= maxGainDB) { // NaN too
			return fmt.Errorf("gain of %g dB, want -%d to +%d: %w", *db, maxGainDB, maxGainDB, ErrInvalid)
		}
	}
	if p.Role != nil && *p.Role > RoleListener {
		return fmt.Errorf("role %d: %w", *p.Role, ErrInvalid)
	}
	if p.DisplayName != nil {
		return checkDisplayName(*p.DisplayName)
	}
	return nil
}
