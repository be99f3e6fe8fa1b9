package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms/sounds"
)

// Dialer calls people into rooms for those who dial a number in one. Its method is safe for concurrent use.
type Dialer interface {
	// Dial begins to call a number of digits, and does not wait for an answer; what becomes of it the room's events tell. Errors: those of Registry.Dial, and
	// whatever else says that the number cannot or may not be called.
	Dial(ctx context.Context, room, number string) error
}

// giveNumber gives a member the number by which keys mean it: from 1, in the order of coming, and no other one's as long as the conference goes on. Who comes back from a
// side room has the same as before.
func (s *state) giveNumber(m *member) {
	taken := slices.ContainsFunc(s.members, func(o *member) bool { return o.number == m.number })
	if m.number == 0 || taken {
		m.number = s.lastNumber + 1
	}
	s.lastNumber = max(s.lastNumber, m.number)
}

// numbered is who is meant by a number that has been dialled (ErrNoParticipant).
func (s *state) numbered(text string) (*member, error) {
	n, err := strconv.Atoi(text)
	i := slices.IndexFunc(s.members, func(m *member) bool { return m.number == n })
	if err != nil || i < 0 {
		return nil, fmt.Errorf("participant number %q: %w", text, ErrNoParticipant)
	}
	return s.members[i], nil
}

// numberedOr is numbered where nothing may have been dialled, which is another one.
func (s *state) numberedOr(text string, otherwise *member) (*member, error) {
	if text == "" {
		return otherwise, nil
	}
	return s.numbered(text)
}

// steerOne does what a moderator wants of those whose numbers it has dialled, or tells it that this cannot be.
func (s *state) steerOne(by *member, a Action, args []string) {
	var err error
	switch a {
	case ActionHeardQuieter, ActionHeardLouder, ActionHearsQuieter, ActionHearsLouder:
		err = s.turnOther(by, a, args[0])
	case ActionMuteOne:
		err = s.muteOther(by, args[0])
	case ActionDeafOne:
		err = s.deafenOther(by, args[0])
	case ActionRole:
		err = s.roleAs(by, args[0], args[1])
	case ActionWhisper:
		err = s.whisperAs(by, args[0], args[1])
	case ActionBan:
		err = s.banAs(by, args[0], args[1])
	case ActionMove:
		err = s.moveAs(by, args[0], args[1])
	case ActionSide:
		err = s.sideAs(by, args[0], args[1])
	case ActionDial:
		err = s.dialAs(by, args[0])
	}
	if err != nil {
		s.answer(by, words(refusal(err)))
	}
}

// turnOther makes somebody louder or quieter for the others, or the others for them.
func (s *state) turnOther(by *member, a Action, number string) error {
	m, err := s.numbered(number)
	if err != nil {
		return err
	}
	var p ParticipantPatch
	switch a {
	case ActionHeardQuieter, ActionHeardLouder:
		p.GainDB = new(louder(m.gainDB, a == ActionHeardLouder))
	default:
		p.HearingGainDB = new(louder(m.hearingDB, a == ActionHearsLouder))
	}
	if err := s.patch(m, p); err != nil {
		return err
	}
	s.answer(by, words(beep))
	return nil
}

// muteOther mutes somebody, or has them be heard again whom others have muted, or a lecture. Who has muted itself stays so: a moderator cannot see that by keys, and opens
// no microphone that its owner has closed.
func (s *state) muteOther(by *member, number string) error {
	m, err := s.numbered(number)
	if err != nil {
		return err
	}
	mute := m.mutedBy == MutedByNobody || m.mutedBy == MutedBySelf
	if !mute && m.mute.self {
		s.unmuteForOthers(m)
		m.settle()
	} else if err := s.patch(m, ParticipantPatch{Muted: &mute}); err != nil {
		return err
	}
	told := sounds.ParticipantUnmuted
	if m.mutedBy != MutedByNobody { // a listener has no floor to be given in a lecture
		told = sounds.ParticipantMuted
	}
	s.confirm(by, m, told)
	return nil
}

// deafenOther has somebody hear the conference no more, or again.
func (s *state) deafenOther(by *member, number string) error {
	m, err := s.numbered(number)
	if err != nil {
		return err
	}
	if err := s.patch(m, ParticipantPatch{Deaf: new(!m.deaf)}); err != nil {
		return err
	}
	told := sounds.ParticipantHearing
	if m.deaf {
		told = sounds.ParticipantDeaf
	}
	s.confirm(by, m, told)
	return nil
}

// roleKeys are the roles as they are dialled.
var roleKeys = map[string]Role{"1": RoleModerator, "2": RoleSpeaker, "3": RoleListener}

// roleWords are what is said of roles: to one, and of another one.
var roleWords = [...]struct{ one, other string }{
	RoleSpeaker:   {sounds.NowSpeaker, sounds.ParticipantSpeaker},
	RoleModerator: {sounds.NowModerator, sounds.ParticipantModerator},
	RoleListener:  {sounds.NowListener, sounds.ParticipantListener},
}

// roleAs gives somebody a role. From moderators keys do not take theirs, but from oneself.
func (s *state) roleAs(by *member, number, role string) error {
	m, err := s.numbered(number)
	if err != nil {
		return err
	}
	r, ok := roleKeys[role]
	switch {
	case !ok:
		return fmt.Errorf("role %q: %w", role, ErrInvalid)
	case m != by && m.caller.Role == RoleModerator && r != RoleModerator:
		return ErrNotAllowed
	}
	if err := s.patch(m, ParticipantPatch{Role: &r}); err != nil {
		return err
	}
	s.confirm(by, m, roleWords[r].other)
	return nil
}

// confirm tells a moderator what has become of another one; who means oneself is told otherwise.
func (s *state) confirm(by, of *member, told string) {
	if of != by {
		s.answer(by, words(told))
	}
}

// deafWord is what a member is told of whether it hears the conference.
func (m *member) deafWord() string {
	if m.deaf {
		return sounds.Deaf
	}
	return sounds.Hearing
}

// whisperAs has one be heard by another alone, or where that is so already by all again. No number is whoever dials.
func (s *state) whisperAs(by *member, hears, speaks string) error {
	to, err := s.numbered(hears)
	if err != nil {
		return err
	}
	m, err := s.numberedOr(speaks, by)
	if err != nil {
		return err
	}
	id, told := to.p.id, sounds.WhisperOn
	if m.whispersTo() == id {
		id, told = "", sounds.WhisperOff
	}
	if err := s.patch(m, ParticipantPatch{WhisperTo: &id}); err != nil {
		return err
	}
	s.answer(by, words(told))
	return nil
}

// banAs removes somebody who is no moderator, and keeps them out for so many minutes; none: they may come again.
func (s *state) banAs(by *member, number, minutes string) error {
	m, err := s.numbered(number)
	if err != nil {
		return err
	}
	if m.caller.Role == RoleModerator {
		return ErrNotAllowed
	}
	if minutes == "" {
		s.letGo(m.p, ReasonRemoved)
		return nil
	}
	n, err := strconv.Atoi(minutes)
	if err != nil || n < 1 || n > int(MaxBanTime/time.Minute) {
		return fmt.Errorf("ban for %q minutes: %w", minutes, ErrInvalid)
	}
	s.errand(by, ActionBan, func(ctx context.Context, r *room) error {
		return r.registry.Ban(ctx, r.number, m.p.id, time.Duration(n)*time.Minute)
	})
	return nil
}

// moveAs sends somebody to a room that the configuration lets keys send people to. No number is whoever dials.
func (s *state) moveAs(by *member, number, to string) error {
	m, err := s.numberedOr(number, by)
	if err != nil {
		return err
	}
	if !s.room.registry.movesTo(to) {
		return ErrNotAllowed
	}
	s.errand(by, ActionMove, func(ctx context.Context, r *room) error {
		_, err := r.registry.Move(ctx, r.number, m.p.id, to)
		return err
	})
	return nil
}

// movesTo says whether keys may send people to a room. Rooms have PINs and moderators of their own: who steers one has no say in another.
func (g *Registry) movesTo(number string) bool {
	return slices.ContainsFunc(g.cfg.MovesTo, func(pattern string) bool {
		prefix, all := strings.CutSuffix(pattern, "*")
		return number == pattern || all && strings.HasPrefix(number, prefix)
	})
}

// sideAs sends two to a room of their own. No second number is whoever dials.
func (s *state) sideAs(by *member, number, second string) error {
	m, err := s.numbered(number)
	if err != nil {
		return err
	}
	other, err := s.numberedOr(second, by)
	if err != nil {
		return err
	}
	s.errand(by, ActionSide, func(ctx context.Context, r *room) error {
		_, err := r.registry.OpenSideRoom(ctx, r.number, m.p.id, other.p.id)
		return err
	})
	return nil
}

// bringAllBack ends the side room that a member is in, or all those of the room that a moderator is in.
func (s *state) bringAllBack(by *member) {
	s.errand(by, ActionBack, func(ctx context.Context, r *room) error {
		if r.sideOf != nil {
			return r.registry.CloseSideRoom(ctx, r.number)
		}
		sides := r.registry.sidesOf(r)
		err := error(nil)
		if len(sides) == 0 {
			err = fmt.Errorf("nobody is in a side room: %w", ErrNotAllowed)
		}
		for _, side := range sides {
			if closing := r.registry.CloseSideRoom(ctx, side.number); !errors.Is(closing, ErrNoRoom) { // else they have left meanwhile
				err = errors.Join(err, closing)
			}
		}
		return err
	})
}

// dialAs calls a number.
func (s *state) dialAs(by *member, number string) error {
	if number == "" {
		return ErrInvalid
	}
	s.errand(by, ActionDial, func(ctx context.Context, r *room) error {
		return r.registry.cfg.Dialer.Dial(ctx, r.number, number)
	})
	return nil
}

// errand does what has been dialled and waits for the disk or for other rooms: behind what is to be said.
func (s *state) errand(by *member, a Action, do func(context.Context, *room) error) {
	s.perform(by, a, func(r *room) {
		if err := do(r.registry.life, r); err != nil {
			r.refuse(by, a, err)
		}
	})
}

// mostTold is how many people are told by number and name: nobody listens to all of a large conference.
const mostTold = 20

// tellWho tells a member who is inside, by number and by the name that they have spoken, and who of them speaks at the moment: those first, and of many no more than mostTold,
// and how many others there are.
func (s *state) tellWho(by *member) {
	var inside []*member
	for _, m := range s.members {
		if m.place == PlaceInside {
			inside = append(inside, m)
		}
	}
	slices.SortStableFunc(inside, func(a, b *member) int {
		switch {
		case a.voice.talking == b.voice.talking:
			return 0
		case a.voice.talking:
			return -1
		}
		return 1
	})
	told := inside[:min(len(inside), mostTold)]
	var parts []part
	for _, m := range told {
		n := m.number
		parts = append(parts, part{line: func(language string) []string { return sounds.Person(language, n) }})
		speaks := words()
		if m.voice.talking {
			speaks = words(sounds.IsSpeaking)
		}
		parts = append(parts, part{name: m.name, line: speaks})
	}
	if further := len(inside) - len(told); further > 0 {
		parts = append(parts, part{line: func(language string) []string { return sounds.Further(language, further) }})
	}
	s.sayParts(audience{one: by, answer: true}, parts...)
}
