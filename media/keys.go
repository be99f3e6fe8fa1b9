package media

import (
	"encoding/binary"
	"strings"
	"time"
)

const (
	eventSize   = 4 // bytes of a telephone-event payload (RFC 4733 §2.3)
	endBit      = 1 << 7
	keyVolume   = 10 // −10 dBm0
	endPackets  = 3  // RFC 4733 §2.5.1.4
	keyPause    = 40 * time.Millisecond
	keyShortest = 40 * time.Millisecond
	keyUsual    = 100 * time.Millisecond
	keysQueued  = 32
)

// digits are the keys in the order of their event codes (RFC 4733 §3.2).
const digits = "0123456789*#ABCD"

func eventOf(digit byte) (uint8, bool) {
	i := strings.IndexByte(digits, digit)
	return uint8(max(i, 0)), i >= 0
}

// keySender sends the keys of PressKey, one packet a Send (RFC 4733 §2.5.1): updates and repetitions come as often as packets
// of sound would.
type keySender struct {
	queue      [keysQueued]pressed
	head, n    int
	sendType   uint8
	clockRate  int // of the event; 0 when the peer takes none
	audioClock int

	now     bool   // the key at head is going out
	start   uint32 // its timestamp
	elapsed int    // in clock units of audio
	ends    int    // end packets sent
	pause   int    // clock units of audio until the next may start
}

// pressed is a key that waits, in four bytes: each leg has room for 32.
type pressed struct {
	event uint8
	pause uint8  // behind it, in pauseUnits
	held  uint16 // in keyUnits; the longest key of an 8 kHz clock just fits
}

// pauseUnits are what pressed.pause counts.
const pauseUnits = 10 * time.Millisecond

// keyUnits are what pressed.held counts.
const keyUnits = time.Second / 8000

func (p pressed) duration() time.Duration { return time.Duration(p.held) * keyUnits }

// configure chooses the event payload of the audio's clock, which RFC 4733 §2.1 asks for, or else the first. A key that is
// going out goes on in the new clock.
func (k *keySender) configure(events []EventPayload, audioClock int) {
	if k.audioClock > 0 && audioClock != k.audioClock {
		k.elapsed = int(int64(k.elapsed) * int64(audioClock) / int64(k.audioClock))
		k.pause = int(int64(k.pause) * int64(audioClock) / int64(k.audioClock))
	}
	k.clockRate, k.audioClock = 0, audioClock
	for i, e := range events {
		if i == 0 || e.ClockRateHz == audioClock && k.clockRate != audioClock {
			k.sendType, k.clockRate = e.SendType, e.ClockRateHz
		}
	}
	if k.clockRate == 0 {
		k.n, k.now = 0, false
	}
}

func (k *keySender) press(event uint8, held, pause time.Duration) error {
	if k.clockRate == 0 {
		return ErrNoEvents
	}
	if k.n == keysQueued {
		return ErrKeyQueue
	}
	if held == 0 {
		held = keyUsual
	}
	longest := time.Duration(0xffff) * time.Second / time.Duration(k.clockRate)
	k.queue[(k.head+k.n)%keysQueued] = pressed{
		event: event,
		pause: uint8(min(max(pause, keyPause), 0xff*pauseUnits) / pauseUnits),
		held:  uint16(min(max(held, keyShortest), longest, 0xffff*keyUnits) / keyUnits),
	}
	k.n++
	return nil
}

func (k *keySender) active() bool { return k.n > 0 || k.pause > 0 }

// sendKey sends the next packet of a key in place of sound; false if there is a pause between two.
func (l *Leg) sendKey(timestamp uint32, units int) bool {
	k := &l.keys
	if k.pause > 0 {
		k.pause = max(k.pause-units, 0)
		return false
	}
	first := !k.now
	if first {
		k.now, k.start, k.elapsed, k.ends = true, timestamp, 0, 0
	}
	key := k.queue[k.head]
	total := int(int64(key.duration()) * int64(k.audioClock) / int64(time.Second))
	if k.elapsed += units; k.elapsed >= total {
		k.elapsed = total
		k.ends++
	}
	b := l.sender.buf[longestHeader:]
	b[0], b[1] = key.event, keyVolume
	if k.ends > 0 {
		b[1] |= endBit
	}
	duration := int64(k.elapsed) * int64(k.clockRate) / int64(k.audioClock)
	binary.BigEndian.PutUint16(b[2:], uint16(min(duration, 0xffff)))
	unlabel(&l.sender.header)
	l.transmit(k.sendType, k.start, first, eventSize)
	if k.ends == endPackets {
		k.now = false
		k.head = (k.head + 1) % keysQueued
		k.n--
		k.pause = int(int64(key.pause) * int64(pauseUnits) * int64(k.audioClock) / int64(time.Second))
	}
	return true
}
