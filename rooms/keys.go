package rooms

import (
	"time"

	"github.com/confbridge/confbridge/mixer/dtmf"
)

// keypad is how a member's keys come: told by its leg or by signalling, or found in its sound. Some telephones and gateways send a key both ways, so it is
// told once: from the first key on that is told, what is found in the sound is taken out of it and otherwise ignored.
type keypad struct {
	detector *dtmf.Detector // nil: the sound is not looked at
	told     bool           // keys come told
	found    [keysFound]foundKey
	next     int // place in found
}

// foundKey is a key that was found in the sound before any was told.
type foundKey struct {
	digit byte
	at    time.Time
}

const (
	keysFound = 8
	// twin is how long after a key was found in the sound the same key that is told is the same press: an INFO may have been lost and repeated twice
	// (RFC 3261 §17.1.2.2: after 0.5 and 1.5 s).
	twin = 2 * time.Second
)

// note remembers a key that was found.
func (k *keypad) note(digit byte, now time.Time) {
	k.found[k.next] = foundKey{digit, now}
	k.next = (k.next + 1) % keysFound
}

// twice says of a key that is told whether it has been found in the sound already. It forgets that: the next one is another press.
func (k *keypad) twice(digit byte, now time.Time) bool {
	k.told = true
	for i := range k.found { // the oldest first
		f := &k.found[(k.next+i)%keysFound]
		if f.digit == digit && now.Sub(f.at) < twin {
			*f = foundKey{}
			return true
		}
	}
	return false
}

// listenForKeys begins or ends looking for keys in the sound, as the leg wants it. It is not for the tick.
func (m *member) listenForKeys() {
	wanted := m.leg.KeysInSound()
	switch {
	case wanted && m.keys.detector == nil:
		m.keys.detector = dtmf.New(narrowbandHz)
		m.voice.stream.Scrub(m.keys.detector)
	case !wanted && m.keys.detector != nil:
		m.keys.detector = nil
		m.voice.stream.Scrub(nil)
	}
}

// Key implements Inlet: it notes a key of the tick.
func (m *member) Key(digit byte, held time.Duration) {
	if !m.keys.twice(digit, time.Now()) {
		m.shard.pressed = append(m.shard.pressed, pressed{m, digit, held})
	}
}

// keyAt takes a key that is told between ticks.
func (m *member) keyAt(digit byte, held time.Duration, now time.Time) {
	if !m.keys.twice(digit, now) {
		m.press(digit, held, now)
	}
}

// findKeys notes the keys that were found in the sound of this tick.
func (m *member) findKeys(now time.Time) {
	if m.keys.detector == nil {
		return
	}
	for k, ok := m.keys.detector.Next(); ok; k, ok = m.keys.detector.Next() {
		if !m.keys.told {
			m.keys.note(k.Digit, now)
			m.shard.pressed = append(m.shard.pressed, pressed{m, k.Digit, k.Held})
		}
	}
}

func (m *member) press(digit byte, held time.Duration, now time.Time) {
	if m.aside.keys != nil {
		m.state.whisper(m.aside.keys, digit)
		return
	}
	m.dial(digit, now)
	m.state.raise(Event{Kind: KindKeyPressed, Key: digit, Held: held, Participant: m.state.describe(m)})
}
