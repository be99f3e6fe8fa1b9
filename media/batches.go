package media

import (
	"sync/atomic"

	"github.com/confbridge/confbridge/media/internal/udp"
)

// batch is what one call of Receive reads packets into. A leg borrows one for the length of a Receive: 6 kB for each processor
// instead of each leg.
type batch struct {
	udp.Batch
	parsed parsed
}

func newBatch() *batch {
	b := &batch{}
	b.Init()
	b.parsed.init()
	return b
}

// batches lends batches to goroutines without a lock: a slot that is nil is in use or was never used. The calls in
// which a batch is held do not give up the processor, so there are hardly ever more borrowers than processors; one
// too many gets a new batch, which is kept if there is a free slot by then.
type batches struct {
	slots [64]atomic.Pointer[batch]
}

// take looks from *hint on and leaves there where it found one, so that goroutines settle on different slots.
func (p *batches) take(hint *uint8) *batch {
	for i := range uint8(len(p.slots)) {
		at := (*hint + i) % uint8(len(p.slots))
		if p.slots[at].Load() == nil {
			continue
		}
		if b := p.slots[at].Swap(nil); b != nil {
			*hint = at
			return b
		}
	}
	return newBatch()
}

func (p *batches) give(b *batch, hint uint8) {
	for i := range uint8(len(p.slots)) {
		if p.slots[(hint+i)%uint8(len(p.slots))].CompareAndSwap(nil, b) {
			return
		}
	}
}
