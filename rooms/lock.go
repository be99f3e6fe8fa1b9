package rooms

import "github.com/confbridge/confbridge/rooms/sounds"

// lock is who may come in besides moderators. What is set (Settings.Locked) is the room's and is kept; what has been dialled is the conference's, and ends with it, or
// when the lock is set otherwise.
type lock struct {
	dialled bool // the opposite of what is set
	told    bool // as last told
}

// locked says whether nobody but moderators may come in.
func (s *state) locked() bool { return s.set.Locked != s.lock.dialled }

// dialLock locks the room, or unlocks it, for the conference.
func (s *state) dialLock(by *member) {
	s.lock.dialled = !s.lock.dialled
	s.tellLock()
	if s.speech().Speaking != SpeakEvents {
		told := sounds.NowUnlocked
		if s.locked() {
			told = sounds.NowLocked
		}
		s.answer(by, words(told))
	}
}

// forgetLock has the room be locked as it is set: the conference is over, or the lock has been set.
func (s *state) forgetLock() {
	s.lock.dialled = false
	s.tellLock()
}

// tellLock tells of a lock that is another one than before.
func (s *state) tellLock() {
	if s.locked() == s.lock.told {
		return
	}
	s.lock.told = s.locked()
	kind := KindUnlocked
	if s.lock.told {
		kind = KindLocked
	}
	s.raise(Event{Kind: kind, Info: new(s.info())})
}
