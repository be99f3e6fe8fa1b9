package receiver

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
)

// leg is a media leg that listens to a group, as a room takes it. It is its room's, but for what isOwn is asked.
type leg struct {
	*media.Leg
	participant *rooms.Participant
	own         Own
	taken       *atomic.Int32
	looped      rooms.EndError // what Receive returns once a loop is found
	gone        time.Time      // since when the source has said BYE; zero: it has not
}

var _ rooms.Pooled = (*leg)(nil)

// byeTime is how long after a BYE another stream of the same sender is waited for: who changes the SSRC, or begins anew, says BYE first (RFC 3550 §8.2).
const byeTime = 3 * time.Second

// What Receive returns is made once: it runs in the tick, which does not allocate.
var (
	errSilent  = fmt.Errorf("%w: %w", rooms.ErrMediaTimeout, media.ErrTimeout)
	errGoodbye = &rooms.EndError{Reason: rooms.ReasonHangup}
)

// Receive is media.Leg.Receive with the room's words for why it is over.
func (l *leg) Receive(now time.Time, in rooms.Inlet) error {
	err := l.Leg.Receive(now, in)
	switch {
	case errors.Is(err, media.ErrLoop):
		return &l.looped
	case errors.Is(err, media.ErrTimeout):
		return errSilent
	case err != nil:
		return err
	case !l.Gone():
		l.gone = time.Time{}
	case l.gone.IsZero():
		l.gone = now
	case now.Sub(l.gone) > byeTime:
		return errGoodbye
	}
	return nil
}

// isOwn says whether the room that the leg is in sends under an SSRC, and notes by which distribution.
func (l *leg) isOwn(ssrc uint32) bool {
	id, own := l.own.Own(l.participant.Room(), ssrc)
	if own {
		l.looped.Feed = id
	}
	return own
}

// Close is media.Leg.Close; the session is taken in no longer.
func (l *leg) Close() error {
	l.taken.Add(-1)
	return l.Leg.Close()
}
