package media

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"
)

const (
	// eventLost is how long no packet of a key may come until its end counts as lost. Updates come every 20 to 50 ms.
	eventLost = 200 * time.Millisecond
	// eventUpdates is how many packets make a key believed whose end was lost.
	eventUpdates = 3
	// longestKey is where a key that does not end is told; what follows of it is ignored.
	longestKey = 30 * time.Second
)

// eventReceiver makes one Key of the many packets of a telephone-event (RFC 4733 §2.5.2). The packets of one event
// share their timestamp; a long one is sent in segments, each of which begins where the last one ended (§2.5.1.3).
type eventReceiver struct {
	any      bool // start and below are of an event
	told     bool // it is over, and what still comes of it is repetition
	event    uint8
	start    uint32 // timestamp of the current segment
	duration uint16 // of the current segment, clock units
	before   uint64 // of the segments before, clock units
	clock    int    // Hz
	updates  int
	at       time.Time
}

// reset forgets everything: there is a new source.
func (e *eventReceiver) reset() { *e = eventReceiver{} }

// packet takes a telephone-event of the true source. Events above 15 are not keys.
func (e *eventReceiver) packet(h *rtp.Header, payload []byte, clockRateHz int, now time.Time, in Inlet) {
	event, end := payload[0], payload[1]&endBit != 0
	duration := binary.BigEndian.Uint16(payload[2:])
	if int(event) >= len(digits) {
		return
	}
	switch {
	case e.any && h.Timestamp == e.start:
		if event != e.event {
			return // two keys cannot begin at once: somebody's fault, and the first stays
		}
	case e.any && int32(h.Timestamp-e.start) < 0 && e.start-h.Timestamp < uint32(60*clockRateHz):
		return // late, of an event that is over
	case e.any && event == e.event && !h.Marker && e.duration != 0 && h.Timestamp-e.start <= 0xffff &&
		(h.Timestamp-e.start == uint32(e.duration) || h.Timestamp-e.start == 0xffff) && (!e.told || e.held() >= longestKey):
		e.before += uint64(h.Timestamp - e.start)
		e.start, e.duration = h.Timestamp, 0
	default:
		e.finish(in)
		*e = eventReceiver{any: true, event: event, start: h.Timestamp, clock: clockRateHz}
	}
	e.at = now
	e.updates = min(e.updates+1, eventUpdates)
	e.duration = max(e.duration, duration)
	if end || e.held() >= longestKey {
		e.tell(in)
	}
}

// expire tells the key whose end was lost and after which nothing comes. One with too few packets stays, because its
// end may still come.
func (e *eventReceiver) expire(now time.Time, in Inlet) {
	if e.any && !e.told && now.Sub(e.at) >= eventLost {
		e.finish(in)
	}
}

// finish tells a key whose end was lost, if there is enough of it to believe: the next key or sound has come, newer
// than all before.
func (e *eventReceiver) finish(in Inlet) {
	if e.any && !e.told && e.updates >= eventUpdates {
		e.tell(in)
	}
}

func (e *eventReceiver) tell(in Inlet) {
	if e.told {
		return
	}
	e.told = true
	in.Key(digits[e.event], min(e.held(), longestKey))
}

// held is how long the key has been down.
func (e *eventReceiver) held() time.Duration {
	units := min(e.before+uint64(e.duration), uint64(e.clock)*3600)
	return time.Duration(units) * time.Second / time.Duration(e.clock)
}
