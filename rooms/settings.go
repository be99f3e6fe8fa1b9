package rooms

import (
	"errors"
	"fmt"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/schedule"
)

// Bounds of what can be set on a room.
const (
	maxDisplayName = 128 // bytes
	maxMaxMembers  = 100_000
	maxMaxDuration = 7 * 24 * time.Hour
)

// Settings is what can be set on a room.
type Settings struct {
	DisplayName string
	// MaxParticipants is how many may be in the room; 0 means no limit.
	MaxParticipants int
	// MaxDuration is how long a conference may last, counted from the first join; 0 means no limit.
	MaxDuration time.Duration
	// Locked rooms let nobody in but moderators: a host whose line has dropped is not kept out of the own conference. Of an Info it says what is the case, whatever
	// is set: see Info.LockDialled.
	Locked bool
	// MaxTalkers is how many are mixed at once, the loudest of them: 1 to 16, AllTalkers means all; 0 means what
	// Registry.Defaults has.
	MaxTalkers int
	// AGC brings every voice to one level, −20 dBFS while it speaks, and takes offsets out. Without it voices stay as they come:
	// one that talks alone passes bit for bit where codecs are the same.
	AGC bool
	// NoiseSuppression takes steady noise out of what narrowband telephones send.
	NoiseSuppression bool
	// Opus is what encoders of Opus spend; where it says nothing, what Registry.Defaults has. While ticks run late, less is spent.
	Opus codec.Effort `json:",omitzero"`
	// Recording is how the room is recorded, once somebody starts that, or by which rule it begins.
	Recording RecordingSettings
	// Schedule is when the room is open; nil: always. Nobody gets in at other times, and when it closes the conference ends, unless
	// OutlastsSchedule says that it goes on until everybody has left.
	Schedule         *schedule.Schedule
	OutlastsSchedule bool
	Modes
	// PINs are the room's; nil: nobody is asked for one. Who lets callers in asks (package rooms/entry): Admit and Move do not.
	PINs *access.Ring `json:"-"`
	// Distributions are where the room's mix goes besides; who runs them (package rooms/distributor) opens them.
	Distributions *distribution.Set `json:"-"`
	// Sources are sessions that are taken into the room; who does that (package rooms/receiver) looks for them.
	Sources *distribution.SourceSet `json:"-"`
	// IdentityForPIN lets those in as participants without a PIN whom their trunk vouches for.
	IdentityForPIN bool
	Speech
}

// equal says whether two rooms are set alike.
func (set Settings) equal(o Settings) bool {
	same := set.Schedule.Equal(o.Schedule) && set.Keys.equal(o.Keys) && set.Distributions.Equal(o.Distributions) && set.Sources.Equal(o.Sources)
	set.Sources, o.Sources = nil, nil
	set.Distributions, o.Distributions = nil, nil
	set.Schedule, o.Schedule = nil, nil
	set.Keys, o.Keys = nil, nil
	return same && set == o
}

// What Settings.MaxTalkers can say: AllTalkers is no limit, and 0 is DefaultTalkers.
const (
	AllTalkers     = -1
	DefaultTalkers = mixer.DefaultTalkers
	MaxTalkers     = mixer.MaxTalkers // the greatest limit
)

// SettingsPatch says what to change; nil fields stay as they are.
type SettingsPatch struct {
	DisplayName      *string
	MaxParticipants  *int
	MaxDuration      *time.Duration
	Locked           *bool
	MaxTalkers       *int
	AGC              *bool
	NoiseSuppression *bool
	OpusComplexity   *int
	OpusBitrateBps   *int
	RecordingContent *RecordingContent
	RecordingFormat  *RecordingFormat
	RecordingTone    *bool
	RecordingBeep    *bool
	RecordingRule    *RecordingRule
	RecordingFrom    *int
	Schedule         **schedule.Schedule // a pointer to nil takes it away
	OutlastsSchedule *bool
	ModesPatch
	PINs           **access.Ring
	IdentityForPIN *bool
	// Distributions and Sources make new ones of those that the room has when its turn comes: another change may have come before. Their error is that of the change.
	Distributions func(*distribution.Set) (*distribution.Set, error)
	Sources       func(*distribution.SourceSet) (*distribution.SourceSet, error)
	SpeechPatch
}

func (p SettingsPatch) apply(to Settings) (Settings, error) {
	set(&to.DisplayName, p.DisplayName)
	set(&to.MaxParticipants, p.MaxParticipants)
	set(&to.MaxDuration, p.MaxDuration)
	set(&to.Locked, p.Locked)
	set(&to.MaxTalkers, p.MaxTalkers)
	set(&to.AGC, p.AGC)
	set(&to.NoiseSuppression, p.NoiseSuppression)
	set(&to.Opus.Complexity, p.OpusComplexity)
	set(&to.Opus.BitrateBps, p.OpusBitrateBps)
	set(&to.Recording.Content, p.RecordingContent)
	set(&to.Recording.Format, p.RecordingFormat)
	set(&to.Recording.Tone, p.RecordingTone)
	set(&to.Recording.Beep, p.RecordingBeep)
	set(&to.Recording.Rule, p.RecordingRule)
	set(&to.Recording.From, p.RecordingFrom)
	set(&to.Schedule, p.Schedule)
	set(&to.OutlastsSchedule, p.OutlastsSchedule)
	set(&to.PINs, p.PINs)
	set(&to.IdentityForPIN, p.IdentityForPIN)
	p.SpeechPatch.apply(&to.Speech)
	if p.Distributions != nil {
		var err error
		if to.Distributions, err = p.Distributions(to.Distributions); err != nil {
			return to, err
		}
	}
	if p.Sources != nil {
		var err error
		if to.Sources, err = p.Sources(to.Sources); err != nil {
			return to, err
		}
	}
	return to, p.ModesPatch.apply(&to.Modes)
}

func (set Settings) check() error {
	if set.MaxParticipants < 0 || set.MaxParticipants > maxMaxMembers {
		return fmt.Errorf("maximum of %d participants, want 0 to %d: %w", set.MaxParticipants, maxMaxMembers, ErrInvalid)
	}
	if set.MaxDuration < 0 || set.MaxDuration > maxMaxDuration {
		return fmt.Errorf("maximum duration of %v, want 0 to %v: %w", set.MaxDuration, maxMaxDuration, ErrInvalid)
	}
	if set.MaxTalkers < AllTalkers || set.MaxTalkers > mixer.MaxTalkers {
		return fmt.Errorf("maximum of %d talkers, want 1 to %d, 0 for %d or %d for all: %w", set.MaxTalkers, mixer.MaxTalkers,
			mixer.DefaultTalkers, AllTalkers, ErrInvalid)
	}
	if err := set.Opus.Valid(); err != nil {
		return errors.Join(ErrInvalid, err)
	}
	if err := set.Recording.check(); err != nil {
		return err
	}
	if err := set.Modes.check(); err != nil {
		return err
	}
	if err := set.Speech.check(); err != nil {
		return err
	}
	return checkDisplayName(set.DisplayName)
}

// talkersOr is MaxTalkers, or what it means where it is 0.
func (set Settings) talkersOr(otherwise int) int {
	if set.MaxTalkers == 0 {
		return otherwise
	}
	return set.MaxTalkers
}

// talkers is how many are mixed at once.
func (set Settings) talkers() int {
	switch set.MaxTalkers {
	case 0: // of a state that no registry made
		return mixer.DefaultTalkers
	case AllTalkers:
		return mixer.AllTalkers
	}
	return set.MaxTalkers
}

func checkDisplayName(name string) error {
	if len(name) > maxDisplayName {
		return fmt.Errorf("display name of %d bytes, at most %d: %w", len(name), maxDisplayName, ErrInvalid)
	}
	return nil
}
