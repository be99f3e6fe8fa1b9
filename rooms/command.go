package rooms

import (
	"errors"
	"slices"
	"time"

	"github.com/confbridge/confbridge/rooms/sounds"
)

// commandPause is how long a command may rest between two of its keys.
const commandPause = 4 * time.Second

// dialled is a command that a member is in the middle of. The zero value is of one who is not.
type dialled struct {
	keys [maxCommandKeys]byte
	n    int // of them
	last time.Time

	action Action // whose arguments are being dialled; ActionNone: none are
	args   arguments
}

// order is a command that has been dialled, and is to be obeyed between the ticks.
type order struct {
	by     *member
	action Action // ActionNone: there is no such command
	args   arguments
}

// dial takes a key that may be part of a command. It is part of the tick.
func (m *member) dial(digit byte, now time.Time) {
	keys, d := m.state.speech().Keys, &m.dialled
	switch {
	case keys.empty():
		return
	case digit == '*':
		d.keys[0], d.n, d.last, d.action = '*', 1, now, ActionNone
		return
	case d.action != ActionNone:
		m.dialArgument(digit, now)
		return
	case d.n == 0:
		return
	case now.Sub(d.last) > commandPause:
		d.n = 0
		return
	}
	d.keys[d.n], d.last = digit, now
	d.n++
	action, more := keys.find(d.keys[:d.n])
	if more {
		return
	}
	d.n = 0
	if len(action.asks()) > 0 {
		d.action, d.args = action, arguments{}
	}
	m.state.orders = append(m.state.orders, order{by: m, action: action})
}

// obey does what has been dialled. It is called between ticks.
func (s *state) obey() {
	for i, o := range s.orders {
		s.orders[i] = order{}
		if slices.Contains(s.members, o.by) { // one before it may have sent that one away
			s.answering = append(s.answering, o.by)
			o.by.aside.stop() // who dials has heard enough of the help
			s.do(o)
		}
	}
	s.orders = s.orders[:0]
}

// may says whether a member can have an action done where it stands; help tells of no others.
func (m *member) may(a Action) bool {
	switch {
	case a == ActionHelp, a == ActionLeave:
		return true
	case m.place != PlaceInside, a.ForModerators() && m.caller.Role != RoleModerator:
		return false
	}
	switch r := m.state.room; a {
	case ActionMute, ActionHand, ActionSpeakLouder, ActionSpeakQuieter:
		return m.caller.Role != RoleListener
	case ActionYield:
		return m.state.called == m
	case ActionBack:
		return r.sideOf != nil || m.caller.Role == RoleModerator
	case ActionSide:
		return r.sideOf == nil
	case ActionRecord, ActionPause:
		return r.registry.cfg.Recorder != nil
	case ActionMove:
		return len(r.registry.cfg.MovesTo) > 0
	case ActionDial:
		return r.registry.cfg.Dialer != nil
	}
	return true
}

// do has a member's action done, or tells it that this cannot be.
func (s *state) do(o order) {
	m, a := o.by, o.action
	switch {
	case a == ActionNone:
		s.answer(m, words(sounds.InvalidKey))
	case !m.may(a):
		m.dialled.action = ActionNone
		s.answer(m, words(sounds.NotAllowed))
	case o.args.n < len(a.asks()):
		s.ask(m, a, o.args.n)
	case len(a.asks()) > 0:
		s.steerOne(m, a, o.args.list())
	case a.ForModerators():
		s.steer(m, a)
	default:
		s.serve(m, a)
	}
}

// gainStepDB is what one command makes louder or quieter, and gainRangeDB how far commands go either way.
const (
	gainStepDB  = 3
	gainRangeDB = 12
)

// louder is a gain one step further.
func louder(db float64, up bool) float64 {
	if up {
		return min(db+gainStepDB, max(db, gainRangeDB))
	}
	return max(db-gainStepDB, min(db, -gainRangeDB))
}

// serve does what a member wants for itself.
func (s *state) serve(m *member, a Action) {
	switch a {
	case ActionHelp:
		s.answer(m, s.help(m))
	case ActionCount:
		s.answer(m, s.count().then(func(language string) []string { return sounds.YouAre(language, m.number) }))
	case ActionDeaf:
		m.deaf = !m.deaf
		s.adjusted(m)
		s.answer(m, words(m.deafWord()))
	case ActionQuieter, ActionLouder:
		m.hearingDB = louder(m.hearingDB, a == ActionLouder)
		s.adjusted(m)
		s.answer(m, words(beep))
	case ActionSpeakQuieter, ActionSpeakLouder:
		m.gainDB = louder(m.gainDB, a == ActionSpeakLouder)
		s.adjusted(m)
		s.answer(m, words(beep))
	case ActionMute:
		s.toggleSelfMute(m) // what comes of it is an event, and told as such
	case ActionHand:
		if s.handPosition(m) > 0 {
			s.lowerHand(m)
		} else if err := s.raiseHand(m); err != nil {
			s.answer(m, words(sounds.NotAllowed))
		}
	case ActionYield:
		s.takeFloor()
	case ActionBack:
		s.bringAllBack(m)
	case ActionLeave:
		s.letGo(m.p, ReasonHangup)
	}
}

// adjusted tells that a member is heard or hears otherwise than before.
func (s *state) adjusted(m *member) {
	m.rearrange()
	s.raise(Event{Kind: KindUpdated, Participant: s.describe(m)})
}

// steer does what a moderator wants of the room.
func (s *state) steer(m *member, a Action) {
	switch a {
	case ActionLock:
		s.dialLock(m)
	case ActionLecture, ActionWaitForHost, ActionLobby:
		s.switchOver(m, a)
	case ActionAnnounce:
		s.say(everybody, s.count())
	case ActionAdmit, ActionRefuse:
		s.door(m, a == ActionAdmit)
	case ActionMuteAll:
		if s.allMuted() {
			s.unmuteAll()
		} else {
			s.muteAll(s.set.AllowSelfUnmute)
		}
	case ActionRecord, ActionPause:
		s.recordAs(m, a)
	case ActionNext:
		if s.nextHand() == nil {
			s.answer(m, words(sounds.NoHands))
		}
	case ActionKick:
		s.kickLast(m)
	case ActionEnd:
		s.endTwice(m)
	case ActionWho:
		s.tellWho(m)
	case ActionAdmitAll:
		if s.letAllIn() == 0 {
			s.answer(m, words(sounds.LobbyNobody))
		}
	case ActionUnmuteAll:
		s.unmuteAll()
	}
}

// opposite is the change of settings that an action is, and what its moderator is told of it.
func (a Action) opposite(set Settings) (p SettingsPatch, told string) {
	switch a {
	case ActionLecture:
		if told = sounds.LectureOn; set.Lecture {
			told = sounds.LectureOff
		}
		p.Lecture = new(!set.Lecture)
	case ActionWaitForHost:
		told, p.WaitForHost = beep, new(!set.WaitForHost)
	case ActionLobby:
		if told = sounds.LobbyOn; set.Lobby {
			told = sounds.LobbyOff
		}
		p.Lobby = new(!set.Lobby)
	}
	return p, told
}

// switchOver changes one of the room's settings, which may have to be kept: the disk is waited for.
func (s *state) switchOver(by *member, a Action) {
	s.perform(by, a, func(r *room) {
		ctx := r.registry.life
		info, err := r.registry.Info(ctx, r.number)
		p, told := a.opposite(info.Settings)
		if err == nil {
			_, err = r.registry.Update(ctx, r.number, p)
		}
		if err != nil {
			r.refuse(by, a, err)
			return
		}
		_ = r.doAlways(func(s *state) error { // ErrClosed: nobody is there
			if a != ActionLecture || s.speech().Speaking != SpeakEvents { // else everybody is told
				s.answer(by, words(told))
			}
			return nil
		})
	})
}

// refuse tells a moderator that something has failed which others than the room's goroutine have tried.
func (r *room) refuse(by *member, a Action, err error) {
	if r.registry.life.Err() != nil {
		return // the bridge ends, and nobody hears it
	}
	r.registry.cfg.Log.Warn("what was dialled cannot be done", "room", r.number, "participant", by.p.id, "action", a.String(), "err", err)
	_ = r.doAlways(func(s *state) error { s.answer(by, words(refusal(err))); return nil }) // ErrClosed: nobody is there
}

// refusal is what is said of an error.
func refusal(err error) string {
	for _, r := range []struct {
		is   error
		said string
	}{
		{ErrNoParticipant, sounds.NoSuchParticipant},
		{ErrNoRoom, sounds.NoSuchConference},
		{ErrLocked, sounds.ConferenceLocked},
		{ErrFull, sounds.ConferenceFull},
		{ErrNotOpen, sounds.NotOpen},
		{ErrInvalid, sounds.InvalidKey},
	} {
		if errors.Is(err, r.is) {
			return r.said
		}
	}
	return sounds.NotAllowed
}

// door lets in or sends away who has waited longest in the lobby.
func (s *state) door(by *member, in bool) {
	i := slices.IndexFunc(s.members, func(m *member) bool { return m.place == PlaceLobby })
	switch {
	case i < 0:
		s.answer(by, words(sounds.LobbyNobody))
	case in:
		s.letIn(s.members[i])
	default:
		s.letGo(s.members[i].p, ReasonRemoved)
	}
}

// allMuted says whether moderators have muted everybody else.
func (s *state) allMuted() bool {
	for _, m := range s.members {
		if m.caller.Role != RoleModerator && !m.mute.moderator {
			return false
		}
	}
	return true
}

// recordAs starts or stops the recording, or has it pause or go on.
func (s *state) recordAs(by *member, a Action) {
	s.watchTape()
	switch {
	case a == ActionPause && s.taping.tape == nil:
		s.answer(by, words(sounds.NotAllowed))
	case a == ActionPause:
		s.pauseRecording(!s.taping.paused)
	case s.taping.tape != nil:
		s.declineRecording()
	default:
		s.perform(by, a, func(r *room) { // files are made
			if _, err := r.registry.StartRecording(r.registry.life, r.number); err != nil {
				r.refuse(by, a, err)
			}
		})
	}
}

// kickLast removes who came last, but neither moderators nor those who wait at the door.
func (s *state) kickLast(by *member) {
	for _, m := range slices.Backward(s.members) {
		if m.caller.Role != RoleModerator && m.place == PlaceInside {
			s.letGo(m.p, ReasonRemoved)
			return
		}
	}
	s.answer(by, words(sounds.NotAllowed))
}

// endAgain is how soon the end has to be dialled once more.
const endAgain = 10 * time.Second

// endTwice ends the conference when it is asked for the second time; the first time it tells how.
func (s *state) endTwice(by *member) {
	now := time.Now()
	if !by.asksEnd.IsZero() && now.Sub(by.asksEnd) <= endAgain {
		_ = s.sayGoodbye(ReasonEnded) // nobody waits for it
		return
	}
	by.asksEnd = now
	s.answer(by, s.helpWith(ActionEnd))
}
