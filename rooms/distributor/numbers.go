package distributor

import (
	"context"
	"fmt"
	"time"

	"github.com/confbridge/confbridge/media/multicast"
)

// numbersOf are the SSRCs of a key, which all have that send by it: several distributions of the file can have one. It is for who has the turn.
func (d *Distributor) numbersOf(k multicast.Key, now time.Time) *multicast.Numbers {
	key := string(k.Master) + string(k.Salt)
	used := map[string]bool{}
	d.mu.Lock()
	for _, r := range d.running {
		used[string(r.dist.Key)] = true
	}
	d.mu.Unlock()
	for other, n := range d.numbers {
		if !used[other] && now.After(n.Fresh(now)) {
			delete(d.numbers, other)
		}
	}
	n, known := d.numbers[key]
	if !known {
		n = multicast.NewNumbers(k)
		d.numbers[key] = n
	}
	return n
}

// fresh waits until no SSRC of a key that was sent by can come again, wherever it is opened next: not at all, unless one was given
// out in the last eighth of a second. It is for who has the turn. Its error is the context's.
func (d *Distributor) fresh(ctx context.Context) error {
	now := time.Now()
	last := now
	for _, n := range d.numbers {
		if at := n.Fresh(now); at.After(last) {
			last = at
		}
	}
	timer := time.NewTimer(last.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("distributions: %w", context.Cause(ctx))
	}
}
