package gen

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

// What keys look like (RFC 4733 §2.3, §2.5.1.4): 100 ms, the end three times, then a pause.
const (
	keyPayload    = 101
	keyPackets    = 5
	keyEnds       = 3
	keyPause      = 3
	keyVolume     = 10 // dBm0, without its sign
	keySteps      = keyPackets + keyEnds + keyPause
	telephoneKeys = "0123456789*#"
)

// audible is how loud a packet is to be that counts as an answer: more than comfort noise.
const audible = 200

// dialling is keys that a leg presses in place of its sound, and what it hears after them.
type dialling struct {
	keys     string
	step     int // of the generator's thread
	stamp    uint32
	finished atomic.Int64 // when the last key was let go, Unix nanoseconds; 0: not yet
	answered atomic.Int64 // when the first sound came after it
}

// Dialled is keys on their way.
type Dialled struct{ d *dialling }

// Dial presses keys, digits, star and pound, from the next packet on. A leg presses one series at a time.
func (l *Leg) Dial(keys string) Dialled {
	d := &dialling{keys: keys}
	l.dialling.Store(d)
	return Dialled{d}
}

// Answer is how long after the last key, from its end on, something was to be heard; false: nothing yet.
func (d Dialled) Answer() (time.Duration, bool) {
	finished, answered := d.d.finished.Load(), d.d.answered.Load()
	return time.Duration(answered - finished), finished != 0 && answered != 0
}

// press makes packet n the next one of the keys; it says how much of out that is, and 0 where no key is down.
func (d *dialling) press(out []byte, n int64) int {
	if d.step >= len(d.keys)*keySteps {
		return 0
	}
	key, at := d.keys[d.step/keySteps], d.step%keySteps
	d.step++
	if at == 0 {
		d.stamp = uint32(n * PacketSamples)
	}
	if at == keyPackets+keyEnds-1 && d.step > (len(d.keys)-1)*keySteps {
		d.finished.Store(time.Now().UnixNano())
	}
	if at >= keyPackets+keyEnds {
		return 0
	}
	out[1] = keyPayload
	if at == 0 {
		out[1] |= 1 << 7
	}
	binary.BigEndian.PutUint32(out[4:], d.stamp)
	event, end := byte(0), byte(0)
	for i := range len(telephoneKeys) {
		if telephoneKeys[i] == key {
			event = byte(i)
		}
	}
	if at >= keyPackets {
		end = 1 << 7
	}
	body := out[headerSize : headerSize+4]
	body[0], body[1] = event, end|keyVolume
	binary.BigEndian.PutUint16(body[2:], uint16(min(at+1, keyPackets)*PacketSamples))
	return headerSize + 4
}

// hear notes the first sound after the keys.
func (d *dialling) hear(data []byte, at int64) {
	start := payloadStart(data)
	finished := d.finished.Load()
	if start == 0 || data[1]&0x7f != 0 || finished == 0 || at <= finished || d.answered.Load() != 0 {
		return
	}
	for _, b := range data[start:] {
		if amplitude(b) >= audible {
			d.answered.Store(at)
			return
		}
	}
}

// amplitude is how far from zero a sample of PCMU is (ITU-T G.711), of 32124 at most.
func amplitude(b byte) int {
	const bias = 0x84
	b = ^b
	return (int(b&0x0f)<<3+bias)<<(b&0x70>>4) - bias
}
