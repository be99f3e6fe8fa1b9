package multicast

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// numberEvery is the time that belongs to an SSRC: 32 bits of it are 17 years.
const numberEvery = 125 * time.Millisecond

// Numbers gives the SSRCs out that are sent under with one key, each once: what is encrypted of two streams with one SSRC can be read without the key (RFC 3711 §9.1). They follow
// from the key and the time, so that after a restart, about which nothing is remembered, none comes again either, as long as the clock does not go
// back, and Fresh is waited for. All Senders of a process that have one key share one. It is safe for concurrent use and does not wait.
type Numbers struct {
	factor, offset uint32
	last           atomic.Uint32 // of the periods of numberEvery, the one whose SSRC was given out last
}

// NewNumbers are those of a key.
func NewNumbers(k Key) *Numbers {
	h := sha256.New()
	h.Write([]byte("confbridge SSRC\x00"))
	h.Write(k.Master)
	h.Write(k.Salt)
	sum := h.Sum(nil)
	// A product with an odd number is another for each period, and so is the sum.
	return &Numbers{factor: binary.BigEndian.Uint32(sum) | 1, offset: binary.BigEndian.Uint32(sum[4:])}
}

// next is one that was not given out yet. 0 is none.
func (n *Numbers) next(now time.Time) uint32 {
	for {
		last := n.last.Load()
		period := periodOf(now)
		if last != 0 && int32(period-last) <= 0 { // this one is taken
			period = last + 1
		}
		if !n.last.CompareAndSwap(last, period) {
			continue
		}
		if ssrc := period*n.factor + n.offset; ssrc != 0 {
			return ssrc
		}
	}
}

// Fresh is when they can be forgotten: what is given out from then on by others of the same key is none of theirs.
func (n *Numbers) Fresh(now time.Time) time.Time {
	period := now.UnixNano() / int64(numberEvery)
	ahead := int32(n.last.Load() - uint32(period))
	return time.Unix(0, (period+int64(ahead)+1)*int64(numberEvery))
}

func periodOf(t time.Time) uint32 { return uint32(t.UnixNano() / int64(numberEvery)) }
