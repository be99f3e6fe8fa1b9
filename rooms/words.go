package rooms

import (
	"math"
	"slices"
	"time"

	"github.com/confbridge/confbridge/rooms/sounds"
)

// What comings and goings are told by where words are not wanted.
var (
	chimeCome = []note{{660, .1}, {880, .15}}
	chimeGo   = []note{{880, .1}, {660, .15}}
)

// turnOf is what else has happened in the same turn, so that nobody is told the same thing twice.
type turnOf struct {
	allMuted, allUnmuted, hostArrived, lecture bool

	floor string // ID of who has been given it
}

// speak tells those in the room what has happened in this turn. Every way in which something can happen is an event, so a moderator with a
// keypad and one with a program are heard alike. It is called between ticks.
func (s *state) speak() {
	var turn turnOf
	for i := range s.pending {
		switch e := &s.pending[i]; e.Kind {
		case KindAllMuted:
			turn.allMuted = true
		case KindAllUnmuted:
			turn.allUnmuted = true
		case KindHostArrived:
			turn.hostArrived = true
		case KindFloorGiven:
			turn.floor = e.Participant.ID
		case KindUpdated:
			turn.lecture = turn.lecture || e.Info != nil && e.Info.Lecture != s.lectureTold
		}
	}
	for i := range s.pending {
		s.chimeOf(&s.pending[i])
		s.hintOf(&s.pending[i])
		s.speakOf(&s.pending[i], &turn)
	}
	clear(s.answering)
	s.answering = s.answering[:0]
	s.forgetNames()
}

// announces says whether comings and goings are told in this way.
func (s *state) announces(how Announce) bool {
	return s.speech().Announce == how && len(s.members) <= s.speech().AnnounceLimit
}

// chimeOf plays the tones of comings and goings.
func (s *state) chimeOf(e *Event) {
	if (e.Kind == KindJoined || e.Kind == KindLetIn || e.Kind == KindLeft) && e.Participant.Place == PlaceInside &&
		s.announces(AnnounceTone) && len(s.members) > 0 {
		tones := chimeCome
		if e.Kind == KindLeft {
			tones = chimeGo
		}
		s.chime.play(tones)
	}
}

// hintOf has a newcomer hear a tone that nobody else hears where the room is recorded and announces that by tones: it has not heard the one at the beginning.
func (s *state) hintOf(e *Event) {
	t := &s.taping
	if e.Kind != KindJoined && e.Kind != KindLetIn || t.tape == nil || t.paused || !s.set.Recording.Tone || s.speech().Speaking == SpeakEvents {
		return
	}
	if m := s.member(e.Participant.ID); m != nil && m.place == PlaceInside {
		s.say(audience{one: m}, words(beep))
	}
}

func (s *state) speakOf(e *Event, turn *turnOf) {
	id := e.Participant.ID
	switch e.Kind {
	case KindJoined:
		s.speakOfJoin(e, turn)
	case KindLetIn:
		greeting := s.count()
		if !turn.hostArrived {
			greeting = words(sounds.Admitted).then(greeting)
			s.speakOfComing(id)
		}
		if s.taping.tape != nil {
			greeting = greeting.then(words(sounds.BeingRecorded))
		}
		s.tellOne(id, greeting)
	case KindLeft:
		if e.Participant.Place == PlaceInside && s.announces(AnnounceWords) && !s.ending {
			s.sayOf(everybody, id, sounds.HasLeft, sounds.SomebodyLeft)
		}
	case KindWaiting:
		s.speakOfWaiting(e)
	case KindHostArrived, KindHostLeft, KindLocked, KindUnlocked, KindAllMuted, KindAllUnmuted, KindUpdated, KindTimeWarning:
		s.speakOfRoom(e)
	case KindDialing, KindDialFailed:
		s.speakOfDial(e)
	case KindMuted, KindUnmuted, KindUnmuteRefused:
		s.speakOfMute(e, turn)
	case KindHandRaised:
		place := e.Participant.HandPosition
		s.tellOne(id, func(language string) []string { return sounds.Hand(language, place) })
		s.tellHosts(words(sounds.SomebodyRaisedHand))
	case KindHandLowered:
		if turn.floor != id {
			s.tellOne(id, words(sounds.HandLowered))
		}
	case KindFloorGiven:
		s.tellOne(id, words(sounds.HaveFloor))
	}
}

// speakOfJoin greets a newcomer, and tells the others of it.
func (s *state) speakOfJoin(e *Event, turn *turnOf) {
	id := e.Participant.ID
	if e.Participant.Place != PlaceInside {
		return // that it waits has an event of its own
	}
	greeting := s.greeting(id)
	if s.taping.tape != nil {
		greeting = greeting.then(words(sounds.BeingRecorded))
	}
	switch e.Participant.MutedBy {
	case MutedByModerator:
		greeting = greeting.then(words(sounds.MutedByHost))
	case MutedByLecture:
		greeting = greeting.then(words(sounds.LectureOn))
	}
	s.tellOne(id, greeting)
	if !turn.hostArrived && s.room.sideOf == nil {
		s.speakOfComing(id)
	}
}

// greeting is what a newcomer is told first. Who comes from another room of the bridge has done nothing to be here, and is told where that is.
func (s *state) greeting(id string) line {
	m := s.member(id)
	if m == nil {
		return s.count()
	}
	switch m.came {
	case cameAside:
		return words(sounds.PrivateTalk)
	case cameBack:
		return words(sounds.Back)
	case cameMoved:
		return words(sounds.Moved).then(s.count())
	}
	return s.count()
}

// speakOfDial tells moderators what becomes of a call out of the room.
func (s *state) speakOfDial(e *Event) {
	switch {
	case e.Kind == KindDialing:
		s.tellHosts(words(sounds.Dialling))
	case e.Reason == ReasonBusy:
		s.tellHosts(words(sounds.Busy))
	case e.Reason == ReasonNoAnswer, e.Reason == ReasonNotConfirmed, e.Reason == ReasonDeclined, e.Reason == ReasonUnreachable, e.Reason == ReasonForbidden:
		s.tellHosts(words(sounds.NoAnswer))
	}
}

// speakOfWaiting tells somebody what it waits for, and the moderators of who is at the door.
func (s *state) speakOfWaiting(e *Event) {
	s.wantMusic()
	if e.Participant.Place == PlaceEarly {
		s.speakOfEarly(e.Participant.ID)
		return
	}
	if e.Participant.Place == PlaceLobby {
		s.tellOne(e.Participant.ID, words(sounds.LobbyWait))
		s.tellOfLobby()
		return
	}
	s.tellOne(e.Participant.ID, words(sounds.WaitingHost))
}

// tellOfLobby tells the moderators that somebody waits to be let in: in words, or, where the room tells of comings by tones and of nothing else, by one.
func (s *state) tellOfLobby() {
	told := words(sounds.LobbySomebody)
	switch v := s.speech(); {
	case v.Speaking == SpeakEvents, v.Announce == AnnounceWords:
	case v.Announce == AnnounceTone:
		told = words(beep)
	default:
		return
	}
	if s.hosts > 0 {
		s.say(audience{hosts: true}, told)
	}
}

// speakOfEarly tells somebody when the room opens, also where the room does not speak otherwise: that is what early callers are let in for.
func (s *state) speakOfEarly(id string) {
	m, opens := s.member(id), s.hours.until
	if m == nil || opens.IsZero() {
		return
	}
	s.say(audience{one: m}, func(language string) []string {
		return append([]string{sounds.NotOpen}, sounds.Opens(language, opens, time.Now().In(opens.Location()))...)
	})
}

// speakOfComing tells those who are inside that somebody has come.
func (s *state) speakOfComing(id string) {
	if !s.announces(AnnounceWords) {
		return
	}
	for _, m := range s.members {
		if m.p.id != id && m.place == PlaceInside {
			s.sayOf(audience{one: m}, id, sounds.HasJoined, sounds.SomebodyJoined)
		}
	}
}

// speakOfRoom tells everybody what concerns all.
func (s *state) speakOfRoom(e *Event) {
	switch e.Kind {
	case KindHostArrived:
		if s.set.WaitForHost && len(s.members) > 1 {
			s.tellEverybody(words(sounds.HostJoined))
		}
	case KindHostLeft:
		s.tellEverybody(words(sounds.HostLeft))
	case KindLocked:
		s.tellEverybody(words(sounds.NowLocked))
	case KindUnlocked:
		s.tellEverybody(words(sounds.NowUnlocked))
	case KindAllMuted:
		s.tellEverybody(words(sounds.AllMuted))
	case KindAllUnmuted:
		s.tellEverybody(words(sounds.AllUnmuted))
	case KindTimeWarning:
		if left := int(math.Round(e.Remaining.Minutes())); left > 0 {
			s.tellEverybody(func(language string) []string { return sounds.EndsIn(language, left) })
		}
	case KindUpdated:
		if e.Info == nil || e.Info.Lecture == s.lectureTold {
			return
		}
		s.lectureTold = e.Info.Lecture
		word := sounds.LectureOff
		if s.lectureTold {
			word = sounds.LectureOn
		}
		s.tellEverybody(words(word))
	}
}

// speakOfMute tells a member whether it is heard, unless all are told.
func (s *state) speakOfMute(e *Event, turn *turnOf) {
	id, by := e.Participant.ID, e.Participant.MutedBy
	switch {
	case e.Kind == KindUnmuteRefused:
		s.tellOne(id, words(sounds.NotAllowed))
	case e.Kind == KindUnmuted:
		if !turn.allUnmuted && !turn.lecture && turn.floor != id {
			s.tellOne(id, words(sounds.Unmuted))
		}
	case by == MutedBySelf:
		s.tellOne(id, words(sounds.Muted))
	case by == MutedByModerator && !turn.allMuted:
		s.tellOne(id, words(sounds.MutedByHost))
	}
}

// tellEverybody says a line to all who are inside, or where the room does not speak, to who has dialled a command in this turn.
func (s *state) tellEverybody(l line) {
	if s.speech().Speaking == SpeakEvents {
		s.say(everybody, l)
		return
	}
	for _, m := range s.answering {
		s.answer(m, l)
	}
}

// tellOne says a line to one, if the room speaks or that one has dialled a command in this turn.
func (s *state) tellOne(id string, l line) {
	m := s.member(id)
	if m == nil {
		return
	}
	answers := slices.Contains(s.answering, m)
	if answers || s.speech().Speaking == SpeakEvents {
		s.say(audience{one: m, answer: answers}, l)
	}
}

// tellHosts says a line to the moderators who are inside, if the room speaks.
func (s *state) tellHosts(l line) {
	if s.hosts > 0 && s.speech().Speaking == SpeakEvents {
		s.say(audience{hosts: true}, l)
	}
}

// count is how many are in the conference.
func (s *state) count() line {
	n := 0
	for _, m := range s.members {
		if m.place == PlaceInside {
			n++
		}
	}
	if n == 1 {
		return words(sounds.Alone)
	}
	return func(language string) []string { return sounds.Participants(language, n) }
}

// helpPrompts are what help says in front of an action's keys.
var helpPrompts = [...]string{
	ActionHelp: sounds.HelpHelp, ActionCount: sounds.HelpCount, ActionDeaf: sounds.HelpDeaf, ActionQuieter: sounds.HelpQuieter,
	ActionLouder: sounds.HelpLouder, ActionSpeakQuieter: sounds.HelpSpeakQuieter, ActionSpeakLouder: sounds.HelpSpeakLouder,
	ActionMute: sounds.HelpMute, ActionHand: sounds.HelpHand, ActionLeave: sounds.HelpLeave, ActionLock: sounds.HelpLock,
	ActionAnnounce: sounds.HelpAnnounce, ActionLecture: sounds.HelpLecture, ActionAdmit: sounds.HelpAdmit, ActionRefuse: sounds.HelpRefuse,
	ActionMuteAll: sounds.HelpMuteAll, ActionRecord: sounds.HelpRecord, ActionPause: sounds.HelpPause, ActionNext: sounds.HelpNext,
	ActionWaitForHost: sounds.HelpWaitForHost, ActionLobby: sounds.HelpLobby, ActionKick: sounds.HelpKick, ActionEnd: sounds.HelpEnd, ActionYield: sounds.HelpYield,
	ActionBack: sounds.HelpBack, ActionWho: sounds.HelpWho, ActionAdmitAll: sounds.HelpAdmitAll, ActionUnmuteAll: sounds.HelpUnmuteAll,
	ActionWhisper: sounds.HelpWhisper, ActionBan: sounds.HelpBan, ActionMove: sounds.HelpMove, ActionSide: sounds.HelpSide,
	ActionHeardQuieter: sounds.HelpHeardQuieter, ActionHeardLouder: sounds.HelpHeardLouder, ActionHearsQuieter: sounds.HelpHearsQuieter,
	ActionHearsLouder: sounds.HelpHearsLouder, ActionMuteOne: sounds.HelpMuteOne, ActionDeafOne: sounds.HelpDeafOne, ActionRole: sounds.HelpRole,
	ActionDial: sounds.HelpDial,
}

// help tells a member of the commands that it may dial.
func (s *state) help(m *member) line {
	names := []string{sounds.Help}
	for _, c := range s.speech().Keys.commands {
		if m.may(c.Action) {
			names = append(names, sounds.KeyHelp(helpPrompts[c.Action], c.Keys)...)
		}
	}
	return words(names...)
}

// helpWith tells how one action is dialled.
func (s *state) helpWith(a Action) line {
	for _, c := range s.speech().Keys.commands {
		if c.Action == a {
			return words(sounds.KeyHelp(helpPrompts[a], c.Keys)...)
		}
	}
	return words(beep)
}
