package receiver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media/multicast"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// againEvery is how long after a source that is kept has left, or could not be taken in, it is looked for again, and how often its interface is looked at.
const againEvery = 5 * time.Second

// keeping is a goroutine that has a source be in a room.
type keeping struct {
	receiver *Receiver
	name     name
	source   Source
	stop     context.CancelFunc
	ended    chan struct{}

	participant atomic.Pointer[rooms.Participant] // nil: it is in no room
	index       int                               // of the interface that it was joined on; 0: nothing is known of it
	told        string                            // why it could not be taken in, as it was logged last
}

// begin has a source be looked for.
func (r *Receiver) begin(ctx context.Context, n name, s Source) { r.goOn(ctx, n, s, nil) }

// goOn has a source be looked for that is in a room by p; nil: it is not.
func (r *Receiver) goOn(ctx context.Context, n name, s Source, p *rooms.Participant) {
	k := &keeping{receiver: r, name: n, source: s, ended: make(chan struct{})}
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	k.participant.Store(p)
	k.index, _ = k.link() // it will be known at the next look
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		k.stop()
	}
	r.kept[n] = k
	r.keepers.Go(func() { k.run(ctx) })
}

// end has nobody look for a source any more; it leaves.
func (r *Receiver) end(n name) {
	r.mu.Lock()
	k := r.kept[n]
	delete(r.kept, n)
	r.mu.Unlock()
	if k != nil {
		k.stop()
		<-k.ended
	}
}

// run looks for the source until it is stopped, its room does not keep it any more, or it is not to come back.
func (k *keeping) run(ctx context.Context) {
	defer close(k.ended)
	defer k.forget()
	defer k.stop()
	p := k.participant.Load()
	for {
		if p == nil && !k.wanted(ctx) {
			return
		}
		if p == nil {
			p = k.enter(ctx)
		}
		if p != nil && !k.stay(ctx, p) {
			return
		}
		p = nil
		select {
		case <-time.After(k.receiver.again):
		case <-ctx.Done():
			return
		}
	}
}

// forget has nothing of the source, its key among it, be remembered here: nobody looks for it any more.
func (k *keeping) forget() {
	r := k.receiver
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept[k.name] == k {
		delete(r.kept, k.name)
	}
}

// wanted says whether the room still keeps the source.
func (k *keeping) wanted(ctx context.Context) bool {
	info, err := k.receiver.rooms.Info(ctx, k.name.room)
	if err != nil {
		return !errors.Is(err, rooms.ErrNoRoom) && ctx.Err() == nil
	}
	s, there := info.Sources.Find(k.name.id)
	return there && s.Equal(k.source)
}

// enter has the room take the source in; nil: it could not, which is logged once for each reason.
func (k *keeping) enter(ctx context.Context) *rooms.Participant {
	k.index, _ = k.link() // before it is joined: one that is made anew meanwhile is another one at the next look
	p, err := k.receiver.take(ctx, k.name.room, k.source)
	if err != nil {
		if told := err.Error(); ctx.Err() == nil && told != k.told {
			k.told = told
			k.receiver.cfg.Log.Warn("a source is not taken in", "room", k.name.room, "source", k.name.id, "err", err)
		}
		return nil
	}
	k.told = ""
	k.participant.Store(p)
	return p
}

// stay waits until the source has left, and says whether it is to be looked for again.
func (k *keeping) stay(ctx context.Context, p *rooms.Participant) bool {
	defer k.participant.Store(nil)
	look := time.NewTicker(k.receiver.again)
	defer look.Stop()
	for {
		select {
		case <-p.Left():
			log := k.receiver.cfg.Log.With("room", k.name.room, "source", k.name.id, "reason", p.Reason())
			switch p.Reason() {
			case rooms.ReasonRemoved, rooms.ReasonLooped:
				log.Warn("a source has left, and is not looked for until the bridge starts again or it is made anew")
				return false
			default:
				log.Info("a source has left, and is looked for")
			}
			return true
		case <-look.C:
			if k.moved() {
				p.Leave(rooms.ReasonFailed)
			}
		case <-ctx.Done():
			p.Leave(rooms.ReasonRemoved)
			<-p.Left()
			return false
		}
	}
}

// link is the number of the interface that the group is joined on, as things stand: another one when it was made anew, or the route goes another way.
func (k *keeping) link() (index int, err error) {
	return (&multicast.Path{Interface: k.source.Interface}).Link(k.source.Group)
}

// moved says whether the group would be joined on another interface than it was. While there is none, or it cannot be seen, the source stays as it is: it may hear
// all the same, and nothing better can be had.
func (k *keeping) moved() bool {
	index, err := k.link()
	if err != nil {
		return false
	}
	if k.index == 0 {
		k.index = index
	}
	return index != k.index
}

// take has a room take in a source that it keeps.
func (r *Receiver) take(ctx context.Context, room string, s Source) (*rooms.Participant, error) {
	if s.Timeout == 0 {
		s.Timeout = distribution.MaxTimeout // it is to be there when its sound comes
	}
	return r.receive(ctx, room, s)
}

func tooMany(n int, what string, most int) error {
	return &distribution.Error{
		Field: "group", Text: fmt.Sprintf("%d sessions are %s, and distributions.max is %d", n, what, most), Err: distribution.ErrNotAllowed,
	}
}
