package rooms

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/packetizer"
	"github.com/confbridge/confbridge/mixer/playout"
	"github.com/confbridge/confbridge/mixer/quality"
)

// Bounds of what a moderator can set.
const (
	maxGainDB      = 30
	maxDisplayName = 128 // bytes
	maxMaxMembers  = 100_000
	maxMaxDuration = 7 * 24 * time.Hour
)

// member is a participant who has joined. Only the room's goroutine touches it; to its leg it is the Inlet.
type member struct {
	state   *state
	p       *Participant
	caller  Caller
	leg     Leg
	joined  time.Time
	profile codec.Profile // of the leg's sending side
	dead    error         // what Receive returned
	source  uint32        // what its stream is called
	peer    quality.Peer  // what it has reported last

	muted, deaf bool
	gainDB      float64
	voice       voice    // what it says
	down        downlink // what it hears
}

// voice is the way of a member's sound to the mix.
type voice struct {
	stream      playout.Stream
	frame       []int16 // this tick's 20 ms from stream, at the room's rate, with gain applied
	contributes bool    // to this tick's mix
	gain        mixer.Gain
	vad         mixer.VAD
	talking     bool
	ticks       uint64
}

func newMember(s *state, p *Participant, leg Leg, now time.Time) (*member, error) {
	m := &member{state: s, p: p, caller: p.caller, leg: leg, joined: now}
	if err := m.setProfile(leg.Profile()); err != nil {
		return nil, err
	}
	m.applyGain()
	m.voice.gain.Jump(m.voice.gain.Linear()) // nothing has been heard yet that could click
	return m, nil
}

// setProfile makes the codecs for what has been negotiated.
func (m *member) setProfile(p codec.Profile) error {
	out, err := packetizer.New(p)
	if err != nil {
		return fmt.Errorf("send %s: %w", p.Name, err)
	}
	if err := m.voice.stream.Prepare(p.Format); err != nil {
		return fmt.Errorf("receive %s: %w", p.Name, err)
	}
	m.profile = p
	m.down.own = out
	return nil
}

// Restart implements Inlet. A format that was not prepared costs an allocation in the tick: once a change of codec.
func (m *member) Restart(f codec.Format, source uint32) {
	m.source = source
	if err := m.voice.stream.Restart(f); err != nil {
		m.dead = err
		return
	}
	m.voice.stream.Tune(m.state.mix.rateHz)
}

// Audio implements Inlet.
func (m *member) Audio(p jitter.Packet) { m.voice.stream.Put(p) }

// Absent implements Inlet.
func (m *member) Absent(sequence uint16) { m.voice.stream.Absent(sequence) }

// Key implements Inlet.
func (m *member) Key(digit byte, held time.Duration) {
	m.state.raise(Event{Kind: KindKeyPressed, Key: digit, Held: held, Participant: m.state.describe(m)})
}

// Report implements Inlet.
func (m *member) Report(p quality.Peer) { m.peer = p }

// applyGain sets what the gain stage goes to; it ramps there within the next frame.
func (m *member) applyGain() {
	if m.muted || m.caller.Role == RoleListener {
		m.voice.gain.Set(0)
		return
	}
	m.voice.gain.SetDB(m.gainDB)
}

// deathReason tells why a leg that died did.
func deathReason(err error) Reason {
	if errors.Is(err, ErrMediaTimeout) {
		return ReasonMediaTimeout
	}
	return ReasonFailed
}

// hear pulls the member's next 20 ms into frame and says whether they add to the mix.
func (m *member) hear(now time.Time) (contributes bool) {
	frame, sounding := m.voice.stream.Pull(now)
	m.voice.frame = frame
	m.voice.gain.Apply(frame, m.state.mix.rateHz) // silence too: a ramp that begins there is not to wait for the next word
	sounding = sounding && !m.voice.gain.Silent()
	m.watchTalk(sounding)
	return sounding
}

// measureDelay notes once a second what the jitter buffer adds.
func (m *member) measureDelay() {
	m.voice.ticks++
	if m.voice.ticks%uint64(framesPerSecond) == 0 {
		m.state.metrics.bufferDelay.observe(m.voice.stream.Stats().BufferDelay)
	}
}

// watchTalk tells when talk starts and stops. Who is muted does not talk.
func (m *member) watchTalk(sounding bool) {
	var talking bool
	if sounding {
		talking = m.voice.vad.Observe(m.voice.frame, m.state.mix.rateHz)
	} else {
		talking = m.voice.vad.Silence()
	}
	talking = talking && !m.muted && m.caller.Role != RoleListener
	if talking == m.voice.talking {
		return
	}
	m.voice.talking = talking
	kind := KindTalkingStopped
	if talking {
		kind = KindTalkingStarted
	}
	m.state.raise(Event{Kind: kind, Participant: m.state.describe(m)})
}

// patch changes a member as a moderator asked, all of it or nothing.
func (s *state) patch(m *member, p ParticipantPatch) error {
	if err := p.check(); err != nil {
		return err
	}
	before := s.describe(m)
	set(&m.caller.DisplayName, p.DisplayName)
	set(&m.caller.Role, p.Role)
	set(&m.muted, p.Muted)
	set(&m.deaf, p.Deaf)
	set(&m.gainDB, p.GainDB)
	m.applyGain()
	if m.deaf != before.Deaf {
		s.regroup()
	}
	after := s.describe(m)
	if after.Muted != before.Muted {
		kind := KindUnmuted
		if after.Muted {
			kind = KindMuted
		}
		s.raise(Event{Kind: kind, Participant: after})
	}
	before.Muted = after.Muted
	if after != before {
		s.raise(Event{Kind: KindUpdated, Participant: after})
	}
	return nil
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

func (p ParticipantPatch) check() error {
	if p.GainDB != nil && !(math.Abs(*p.GainDB) <= maxGainDB) { // NaN too
		return fmt.Errorf("gain of %g dB, want -%d to +%d: %w", *p.GainDB, maxGainDB, maxGainDB, ErrInvalid)
	}
	if p.Role != nil && *p.Role > RoleListener {
		return fmt.Errorf("role %d: %w", *p.Role, ErrInvalid)
	}
	if p.DisplayName != nil {
		return checkDisplayName(*p.DisplayName)
	}
	return nil
}

func checkDisplayName(name string) error {
	if len(name) > maxDisplayName {
		return fmt.Errorf("display name of %d bytes, at most %d: %w", len(name), maxDisplayName, ErrInvalid)
	}
	return nil
}

func (p SettingsPatch) apply(to Settings) Settings {
	set(&to.DisplayName, p.DisplayName)
	set(&to.MaxParticipants, p.MaxParticipants)
	set(&to.MaxDuration, p.MaxDuration)
	set(&to.Locked, p.Locked)
	return to
}

func (set Settings) check() error {
	if set.MaxParticipants < 0 || set.MaxParticipants > maxMaxMembers {
		return fmt.Errorf("maximum of %d participants, want 0 to %d: %w", set.MaxParticipants, maxMaxMembers, ErrInvalid)
	}
	if set.MaxDuration < 0 || set.MaxDuration > maxMaxDuration {
		return fmt.Errorf("maximum duration of %v, want 0 to %v: %w", set.MaxDuration, maxMaxDuration, ErrInvalid)
	}
	return checkDisplayName(set.DisplayName)
}
