package media

import "github.com/confbridge/confbridge/media/internal/udp"

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

// mostBatches is how many are kept. The calls in which a batch is held do not give up the processor, so there are hardly ever more borrowers than processors; one
// too many gets a new batch, which is kept if there is a free slot by then.
const mostBatches = 64

// borrow lends a batch.
func (e *Engine) borrow(hint *uint8) *batch {
	if b := e.batches.take(hint); b != nil {
		return b
	}
	return newBatch()
}
