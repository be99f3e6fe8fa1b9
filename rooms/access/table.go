package access

import (
	"hash/maphash"
	"time"
)

// ways is how many keys share one set of a table.
const ways = 8

// table is what is known of at most so many keys, in memory of a fixed size. Where a set is full, the one makes room that has the fewest
// wrong PINs, and of those the one that was seen the longest ago: new keys push out each other, and not those that are locked out.
type table[K comparable] struct {
	seed maphash.Seed
	size int             // of sets
	sets [][ways]slot[K] // nil before the first key: a bridge without PINs has none
}

type slot[K comparable] struct {
	key  K
	used bool
	seen time.Time
	count
}

func newTable[K comparable](n int) table[K] {
	return table[K]{seed: maphash.MakeSeed(), size: max(n/ways, 1)}
}

func (t *table[K]) set(key K) *[ways]slot[K] {
	if t.sets == nil {
		t.sets = make([][ways]slot[K], t.size)
	}
	return &t.sets[maphash.Comparable(t.seed, key)%uint64(len(t.sets))]
}

// find returns the place of a key; nil if it has none. It is valid until the next take.
func (t *table[K]) find(key K) *slot[K] {
	set := t.set(key)
	for i := range set {
		if set[i].used && set[i].key == key {
			return &set[i]
		}
	}
	return nil
}

// take returns the place of a key, a new one if it has none. Who has a PIN being checked keeps its place; nil if all of them have.
func (t *table[K]) take(key K, now time.Time) *slot[K] {
	if found := t.find(key); found != nil {
		found.seen = now
		return found
	}
	set := t.set(key)
	var best *slot[K]
	for i := range set {
		c := &set[i]
		switch {
		case !c.used:
			best = c
		case c.pending > 0 || best != nil && !best.used:
		case best == nil || c.wrong < best.wrong || c.wrong == best.wrong && c.seen.Before(best.seen):
			best = c
		}
	}
	if best != nil {
		*best = slot[K]{key: key, used: true, seen: now}
	}
	return best
}
