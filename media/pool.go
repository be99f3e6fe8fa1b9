package media

import "sync/atomic"

// pool lends things to goroutines without a lock: a slot that is nil is in use, or was never used.
type pool[T any] struct {
	slots []atomic.Pointer[T]
}

func newPool[T any](slots int) pool[T] { return pool[T]{slots: make([]atomic.Pointer[T], slots)} }

// take looks from *hint on and leaves there where it found one, so that goroutines settle on different slots; nil: there is none.
func (p *pool[T]) take(hint *uint8) *T {
	for i := range p.slots {
		at := (int(*hint) + i) % len(p.slots)
		if p.slots[at].Load() == nil {
			continue
		}
		if x := p.slots[at].Swap(nil); x != nil {
			*hint = uint8(at)
			return x
		}
	}
	return nil
}

// give puts x into the first free slot from hint on; where none is free, it is forgotten.
func (p *pool[T]) give(x *T, hint uint8) {
	for i := range p.slots {
		if p.slots[(int(hint)+i)%len(p.slots)].CompareAndSwap(nil, x) {
			return
		}
	}
}
