package rooms

// Place is where somebody who has come stands.
type Place uint8

// The places. Only who is inside is heard, and hears the others.
const (
	PlaceInside  Place = iota
	PlaceWaiting       // for a host; hears the room's music
	PlaceAsked         // hears what it is asked, and silence
	PlaceLobby         // until it is let in; hears the room's music
	PlaceEarly         // until the room opens; hears the room's music
)

// came is how somebody has come into a room.
type came uint8

const (
	cameIn    came = iota
	cameMoved      // from inside another room
	cameAside      // into a side room
	cameBack       // from one
)

// waits says whether who stands there waits for something, and not to be asked.
func (p Place) waits() bool { return p == PlaceWaiting || p == PlaceLobby || p == PlaceEarly }

// ear is what somebody hears but for what is said to them alone.
type ear uint8

const (
	earMix ear = iota
	earMusic
	earSilence
	earNothing // nothing is made for it
)

// ear is what the member hears.
func (m *member) ear() ear {
	switch {
	case m.caller.Way == WaySession:
		return earNothing
	case m.place.waits():
		return earMusic
	case m.deaf || m.place == PlaceAsked:
		return earSilence
	}
	return earMix
}

// goTo puts the member somewhere else in its room. It is not for the tick.
func (m *member) goTo(p Place) {
	m.place = p
	if p != PlaceInside {
		m.state.noHand(m)
	}
	m.settle()
}

// rearrange is called when what the member hears, or whether it is heard, may have changed. It is not for the tick.
func (m *member) rearrange() {
	if m.hushed() {
		m.state.floor.Forget(&m.voice.speaker)
	}
	if g := m.down.group; g == nil || g.key.ear != m.ear() || g.key.gainDB != m.hearingDB {
		m.state.regroup()
	}
}
