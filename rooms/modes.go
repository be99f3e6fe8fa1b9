package rooms

import (
	"fmt"
	"slices"
	"time"
)

// Modes is who may come in, and who may speak: the part of Settings that needs moderators.
type Modes struct {
	// WaitForHost has everybody but moderators wait until a moderator is inside.
	WaitForHost bool
	// EndWithoutHost ends the conference HostGrace after the last moderator has left; otherwise it goes on.
	EndWithoutHost bool
	HostGrace      time.Duration
	// Lobby has newcomers but moderators wait until they are let in.
	Lobby bool
	// Lecture mutes all but moderators and who has been given the floor.
	Lecture bool
	// MuteOnEntry mutes newcomers but moderators.
	MuteOnEntry bool
	// AllowSelfUnmute lets those unmute themselves whom somebody else has muted. Moderators always may.
	AllowSelfUnmute bool
	// RecordNames has newcomers be asked for their names, which are said when they come and go (package rooms/entry, Registry.AsksNames).
	RecordNames bool
	// EarlyWait is how long before the room opens, by its schedule, callers are let in to wait until it does; earlier ones are refused.
	EarlyWait time.Duration
	// ReservedForHosts is how many of MaxParticipants' seats are for moderators alone.
	ReservedForHosts int
	// WarnBefore is how long before MaxDuration is over the room is warned; 0 where there are fewer.
	WarnBefore [MaxWarnings]time.Duration
}

// chair is what a room knows of its moderators, and of whom they let speak.
type chair struct {
	hosts  int       // moderators who are inside, as last told
	hands  []*member // who wants to speak, in the order of raising
	called *member   // who has been given the floor; nil: nobody
	ending bool      // everybody is being sent away
	alarm  alarm
}

// MaxWarnings is how many warnings a room can have.
const MaxWarnings = 4

const (
	maxHostGrace = time.Hour
	// MaxEarlyWait is the longest Modes.EarlyWait.
	MaxEarlyWait = 24 * time.Hour
)

// ModesPatch says what to change; nil fields stay as they are.
type ModesPatch struct {
	WaitForHost      *bool
	EndWithoutHost   *bool
	HostGrace        *time.Duration
	Lobby            *bool
	Lecture          *bool
	MuteOnEntry      *bool
	AllowSelfUnmute  *bool
	RecordNames      *bool
	EarlyWait        *time.Duration
	ReservedForHosts *int
	WarnBefore       *[]time.Duration
}

func (p ModesPatch) apply(to *Modes) error {
	set(&to.WaitForHost, p.WaitForHost)
	set(&to.EndWithoutHost, p.EndWithoutHost)
	set(&to.HostGrace, p.HostGrace)
	set(&to.Lobby, p.Lobby)
	set(&to.Lecture, p.Lecture)
	set(&to.MuteOnEntry, p.MuteOnEntry)
	set(&to.AllowSelfUnmute, p.AllowSelfUnmute)
	set(&to.RecordNames, p.RecordNames)
	set(&to.EarlyWait, p.EarlyWait)
	set(&to.ReservedForHosts, p.ReservedForHosts)
	if p.WarnBefore == nil {
		return nil
	}
	var err error
	to.WarnBefore, err = Warnings(*p.WarnBefore...)
	return err
}

// Warnings is Modes.WarnBefore for times in any order (ErrInvalid: too many, or one that is not above 0).
func Warnings(before ...time.Duration) ([MaxWarnings]time.Duration, error) {
	var w [MaxWarnings]time.Duration
	if len(before) > len(w) {
		return w, fmt.Errorf("%d warnings, at most %d: %w", len(before), len(w), ErrInvalid)
	}
	for i, d := range before {
		if d <= 0 || d > maxMaxDuration {
			return w, fmt.Errorf("warning %v before the end, want more than 0 and at most %v: %w", d, maxMaxDuration, ErrInvalid)
		}
		w[i] = d
	}
	slices.SortFunc(w[:len(before)], func(a, b time.Duration) int { return int((b - a) / max(b-a, a-b, 1)) })
	clear(w[len(slices.Compact(w[:len(before)])):])
	return w, nil
}

// Warnings lists WarnBefore, the longest first.
func (m Modes) Warnings() []time.Duration {
	var all []time.Duration
	for _, d := range m.WarnBefore {
		if d > 0 {
			all = append(all, d)
		}
	}
	return all
}

func (m Modes) check() error {
	if m.HostGrace < 0 || m.HostGrace > maxHostGrace {
		return fmt.Errorf("grace time of %v without a moderator, want 0 to %v: %w", m.HostGrace, maxHostGrace, ErrInvalid)
	}
	if m.EarlyWait < 0 || m.EarlyWait > MaxEarlyWait {
		return fmt.Errorf("waiting %v for the room to open, want 0 to %v: %w", m.EarlyWait, MaxEarlyWait, ErrInvalid)
	}
	if m.ReservedForHosts < 0 || m.ReservedForHosts > maxMaxMembers {
		return fmt.Errorf("%d seats for moderators, want 0 to %d: %w", m.ReservedForHosts, maxMaxMembers, ErrInvalid)
	}
	for _, d := range m.WarnBefore {
		if d < 0 || d > maxMaxDuration {
			return fmt.Errorf("warning %v before the end, want 0 to %v: %w", d, maxMaxDuration, ErrInvalid)
		}
	}
	return nil
}

// changeModes has new modes take effect on those who are there.
func (s *state) changeModes(before Modes) {
	now := s.set.Modes
	if now == before {
		return
	}
	if now.AllowSelfUnmute != before.AllowSelfUnmute {
		for _, m := range s.members {
			m.mute.held = m.mute.moderator && !now.AllowSelfUnmute
		}
	}
	for _, m := range s.members {
		s.unwait(m)
	}
	if now.WaitForHost && !before.WaitForHost {
		s.sendOut()
	}
	for _, m := range s.members {
		m.settle()
	}
	s.armAlarm()
}
