package entry

import (
	"context"
	"errors"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// nameTime is how long somebody may take to say a name.
const nameTime = 4 * time.Second

// recordTone is behind what the caller is asked, and before what is taken down.
var recordTone = func() *mixer.Clip {
	return &mixer.Clip{Name: "record-tone", RateHz: toneRateHz, PCM: appendTone(nil, 1000, 250*time.Millisecond)}
}()

// asksName says whether newcomers to a room have to say their names; one that is not there yet is as rooms on demand are.
func (d *Desk) asksName(ctx context.Context, room string) (bool, error) {
	info, err := d.rooms.Info(ctx, room)
	if errors.Is(err, rooms.ErrNoRoom) {
		return d.rooms.Reachable(room) == nil && d.rooms.AsksNames(d.rooms.Defaults(), 0), nil
	}
	return err == nil && d.rooms.AsksNames(info.Settings, info.Participants), err
}

// askName asks the caller to say a name, behind a tone, if the room wants to have one. The pound key ends it; in front of the tone it is for one who will not. What
// has no voice in it is no name: nil.
func (d *dialogue) askName(ctx context.Context) (*mixer.Clip, error) {
	if asks, err := d.desk.asksName(ctx, d.room); !asks || err != nil {
		return nil, err
	}
	playing, err := d.p.Play(ctx, append(d.clips(append(d.greeted(), sounds.RecordName)...), recordTone)...)
	if err != nil {
		return nil, err
	}
	if pound, err := d.poundKey(ctx, playing); err != nil || pound {
		return nil, errors.Join(err, d.p.Hush(ctx))
	}
	full, err := d.p.Listen(ctx, nameTime)
	if err != nil {
		return nil, err
	}
	if _, err := d.poundKey(ctx, full); err != nil {
		return nil, err
	}
	said, err := d.p.Heard(ctx)
	if err != nil {
		return nil, err
	}
	return mixer.Spoken(said), nil
}

// poundKey waits for the pound key, or for over to be closed. Other keys say nothing here.
func (d *dialogue) poundKey(ctx context.Context, over <-chan struct{}) (pressed bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-over:
			return false, nil
		case k := <-d.keys:
			if k == '#' {
				return true, nil
			}
		}
	}
}
