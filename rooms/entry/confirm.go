package entry

import (
	"context"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/sounds"
)

const (
	// confirmKey is what somebody presses who has been called and wants to come in.
	confirmKey = '1'
	// confirmTimes is how often they are asked to at most, within the time that they have, and confirmLeast how long each time takes at least: the prompt is longest in German,
	// with 5.2 s, and one that is cut off by the next does not come to the key.
	confirmTimes = 3
	confirmLeast = 6 * time.Second
)

// confirm asks somebody whom the bridge has called whether they want to come in, and leads them there: a machine that answers does not. Another key is a no.
func (d *dialogue) confirm(ctx context.Context) (rooms.Reason, error) {
	times := min(max(d.from.Confirm/confirmLeast, 1), confirmTimes)
	for range times {
		if _, err := d.p.Play(ctx, d.clips(sounds.Press1ToJoin)...); err != nil {
			return 0, err
		}
		key, err := d.keyWithin(ctx, d.from.Confirm/times)
		switch {
		case err != nil:
			return 0, err
		case key == confirmKey:
			if err := d.p.Hush(ctx); err != nil {
				return 0, err
			}
			return d.goIn(ctx, rooms.Pass{Role: d.called})
		case key != 0:
			return rooms.ReasonNotConfirmed, nil
		}
	}
	return rooms.ReasonNotConfirmed, nil
}

// keyWithin is the next key; 0 where none comes in time.
func (d *dialogue) keyWithin(ctx context.Context, within time.Duration) (byte, error) {
	over := time.NewTimer(within)
	defer over.Stop()
	select {
	case k := <-d.keys:
		return k, nil
	case <-over.C:
		return 0, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}
