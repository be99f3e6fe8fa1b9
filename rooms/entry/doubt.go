package entry

import (
	"context"
	"slices"
	"time"

	"github.com/confbridge/confbridge/rooms/dialplan"
)

// settleTime is how long the store may take to keep numbers as they are in force, for which nobody waits.
const settleTime = 2 * time.Second

// endTime is how long it may take at the end: rooms and recordings are still to be closed then.
const endTime = time.Second

// maxDoubts bounds the numbers of which that is tried again.
const maxDoubts = 1024

// doubts are the numbers that the store may keep in another way than they are in force: it did not answer for a change of theirs. The oldest are first.
type doubts struct{ all []dialplan.Key }

// add notes a number, and says which one is noted no longer, where there are too many.
func (d *doubts) add(k dialplan.Key) (lost dialplan.Key, full bool) {
	d.drop(k)
	if d.all = append(d.all, k); len(d.all) > maxDoubts {
		lost, full = d.all[0], true
		d.all = slices.Delete(d.all, 0, 1)
	}
	return lost, full
}

func (d *doubts) drop(k dialplan.Key) {
	d.all = slices.DeleteFunc(d.all, func(o dialplan.Key) bool { return o == k })
}

// keep has the store change what it keeps of a number, in whose turn it is called (rooms.ErrStorage). A change that the store does not answer for may be kept all the
// same, and would be in force at the next start, though whoever made it was told that it is not. So the number is kept again as it is in force: at once, and where that
// fails too, with the next change that the store takes, and at the end.
func (d *Directory) keep(ctx context.Context, k dialplan.Key, change func(NumberKeeper) error) error {
	if d.keeper == nil {
		return nil
	}
	err := change(d.keeper)
	if err == nil {
		d.doubts.drop(k)
		d.settle(context.WithoutCancel(ctx))
		return nil
	}
	if n, _ := d.known(k); !n.Unreadable { // what was there cannot be kept again where nobody knows it
		if lost, full := d.doubts.add(k); full {
			d.log.Error("a number may be kept otherwise than it is, and this is not tried again: there are too many", "number", lost.ID())
		}
		d.settle(context.WithoutCancel(ctx))
	}
	return storage(err)
}

// settle has those numbers kept as they are in force that there is doubt of, until the store fails to.
func (d *Directory) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for len(d.doubts.all) > 0 {
		k := d.doubts.all[0]
		var err error
		if n, there := d.known(k); there {
			err = d.keeper.PutNumber(ctx, n)
		} else {
			err = d.keeper.RemoveNumber(ctx, k)
		}
		if err != nil {
			return
		}
		d.doubts.drop(k)
	}
}

// close settles what is in doubt still, and logs what stays so. It is called when nobody changes numbers any more, or soon nobody will.
func (d *Directory) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done(): // somebody waits for the store
		d.log.Error("numbers may be other ones after the next start: somebody waits for the store still")
		return
	}
	defer func() { <-d.turn }()
	d.settle(ctx)
	for _, k := range d.doubts.all {
		d.log.Error("a number may be another one after the next start: the store did not answer for a change that was refused", "number", k.ID())
	}
}
