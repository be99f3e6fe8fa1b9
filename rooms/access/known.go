package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// mostKnown bounds the right PINs that a guard knows again, for all rooms together.
const mostKnown = 1024

// tag stands for a PIN and the recipes of a ring. Who has not the guard's secret learns nothing by it.
type tag [sha256.Size]byte

// known is the keys of PINs that were right: all callers of a room dial the same, and one computation a PIN is enough. It is in memory alone, under a secret that
// nobody else has and that ends with the process. Wrong PINs are not in it, so each of them costs a computation. It says nothing of whether a PIN is right now: that
// is asked of the ring.
type known struct {
	secret [sha256.Size]byte

	mu    sync.Mutex
	keys  map[tag]keys
	order [mostKnown]tag
	next  int // in order, which of them makes room
}

func newKnown() *known {
	k := &known{keys: map[tag]keys{}}
	_, _ = rand.Read(k.secret[:]) // never fails: crypto/rand.Read
	return k
}

// tag is that of a PIN and a ring's recipes.
func (k *known) tag(recipes []recipe, p PIN) (t tag) {
	mac := hmac.New(sha256.New, k.secret[:])
	write := func(b []byte) {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(b)))
		mac.Write(size[:])
		mac.Write(b)
	}
	write(p.digits())
	for _, one := range recipes {
		var cost [13]byte
		binary.BigEndian.PutUint32(cost[:], one.cost.MemoryKiB)
		binary.BigEndian.PutUint32(cost[4:], one.cost.Passes)
		cost[8] = one.cost.Lanes
		binary.BigEndian.PutUint32(cost[9:], uint32(one.size))
		write(cost[:])
		write([]byte(one.salt))
	}
	mac.Sum(t[:0])
	return t
}

// find returns the keys behind a tag; nil where they are not known.
func (k *known) find(t tag) keys {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys[t]
}

// add remembers keys, in place of the oldest ones where there is no room.
func (k *known) add(t tag, computed keys) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys[t] != nil {
		return
	}
	if len(k.keys) == mostKnown {
		delete(k.keys, k.order[k.next])
	}
	k.keys[t], k.order[k.next] = computed, t
	k.next = (k.next + 1) % mostKnown
}
