package sipua

import (
	"errors"
	"fmt"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/sdp"
)

// roomLeg is a media leg as a room takes it, and the call that it belongs to.
type roomLeg struct {
	*media.Leg
	call *call
}

var (
	_ rooms.Leg     = roomLeg{}
	_ rooms.Pooled  = roomLeg{}
	_ rooms.Presser = roomLeg{}
)

// errMediaTimeout is made once: Receive runs in the tick, which does not allocate.
var errMediaTimeout = fmt.Errorf("%w: %w", rooms.ErrMediaTimeout, media.ErrTimeout)

// Receive is media.Leg.Receive with the room's word for a peer that is gone.
func (l roomLeg) Receive(now time.Time, in rooms.Inlet) error {
	err := l.Leg.Receive(now, in)
	if errors.Is(err, media.ErrTimeout) {
		return errMediaTimeout
	}
	return err
}

// stream is what was agreed as a leg takes it. A stream that was given up, or put on hold by the address 0.0.0.0, keeps
// the rest of what was agreed before: the latch of the leg stays where it is (RFC 3264 §8.4).
func stream(a sdp.Agreed, before media.Stream) media.Stream {
	if a.Ended {
		before.Send, before.Receive = false, false
		return before
	}
	s := media.Stream{
		Remote: a.Remote, RemoteRTCP: a.RemoteRTCP, Mux: a.Mux, Send: a.Send, Receive: a.Receive,
		Noise: a.Noise, LevelID: a.LevelID, MixID: a.MixID, Metrics: a.Metrics,
	}
	if !a.Remote.IsValid() {
		s.Remote, s.RemoteRTCP, s.Mux = before.Remote, before.RemoteRTCP, before.Mux
	}
	for _, p := range a.Payloads {
		s.Payloads = append(s.Payloads, media.Payload(p))
	}
	for _, e := range a.Events {
		s.Events = append(s.Events, media.EventPayload(e))
	}
	return s
}

// quiet keeps a caller who has put the conference on hold out of it: its music would be everybody's, and where it sends
// none, silence must not end the call. Hold is taken from a change only: who never wanted to hear anything is a source
// (RFC 3264 §8.4, RFC 6337 §5.3).
func quiet(next, before media.Stream) media.Stream {
	if !next.Send && next.Receive && before.Payloads != nil {
		next.Receive = before.Receive && !before.Send
	}
	return next
}
