package media

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"
)

const (
	// eventLost is how long no packet of a key may come until its end counts as lost. Updates come every 20 to 50 ms.
	eventLost = 200 * time.Millisecond
	// eventUpdates is how many packets of a key there must have been for sound behind them to end it. Some send sound amid a
	// key; in a short one there are fewer packets before its end.
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

	follows  bool   // there was an event before
	previous uint32 // timestamp of the segment or event before
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
		e.overtaken(event, duration, h.Timestamp, clockRateHz, in)
		return
	case e.any && event == e.event && !h.Marker && e.duration != 0 && h.Timestamp-e.start <= 0xffff &&
		(h.Timestamp-e.start == uint32(e.duration) || h.Timestamp-e.start == 0xffff) && (!e.told || e.held() >= longestKey):
		e.before += uint64(h.Timestamp - e.start)
		e.follows, e.previous = true, e.start
		e.start, e.duration = h.Timestamp, 0
	default:
		e.give(in)
		*e = eventReceiver{
			any: true, event: event, start: h.Timestamp, clock: clockRateHz, follows: e.any, previous: e.start,
		}
	}
	e.at = now
	e.updates = min(e.updates+1, eventUpdates)
	e.duration = max(e.duration, duration)
	if end || e.held() >= longestKey {
		e.tell(in)
	}
}

// overtaken takes a late packet. Mostly it is of an event that is over. But if the event began between the last two that are
// known, then this packet alone has come of it, and behind one of the next: that is another key, and as long as the next has
// not been told, it can be told in its place.
func (e *eventReceiver) overtaken(event byte, duration uint16, start uint32, clockRateHz int, in Inlet) {
	if e.told || !e.follows || int32(start-e.previous) <= 0 {
		return
	}
	e.previous = start
	in.Key(digits[event], time.Duration(duration)*time.Second/time.Duration(clockRateHz))
}

// expire tells the key whose end was lost and after which nothing comes.
func (e *eventReceiver) expire(now time.Time, in Inlet) {
	if e.any && !e.told && now.Sub(e.at) >= eventLost {
		e.tell(in)
	}
}

// finish tells a key whose end was lost, since sound has come that is newer than all of it.
func (e *eventReceiver) finish(in Inlet) {
	if e.updates >= eventUpdates {
		e.give(in)
	}
}

// give tells the key, if there is one and its end was lost, since another one begins. A single packet of it is enough: of 50 ms
// there may be no more than two before the end, and any of them can be lost as well.
func (e *eventReceiver) give(in Inlet) {
	if e.any && !e.told {
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
