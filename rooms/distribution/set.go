package distribution

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// MaxSet is how many distributions, and how many sources, one room can have.
const MaxSet = 128

// Item is what a SetOf holds: a Distribution, or a Source.
type Item[T any] interface {
	// key is its ID.
	key() string
	// fault is what is wrong with it (an Error), with its name.
	fault() error
	Equal(o T) bool
}

// SetOf is what one room has of one kind, by ID. It does not change, so it is safe for concurrent use; the nil one is empty.
type SetOf[T Item[T]] struct{ all []T }

type (
	// Set is the distributions of one room.
	Set = SetOf[Distribution]
	// SourceSet is the sessions that one room takes in.
	SourceSet = SetOf[Source]
)

// NewSet makes a set of distributions (an Error; ErrInvalid where two have one ID).
func NewSet(all ...Distribution) (*Set, error) { return newSetOf(all) }

// NewSourceSet makes one of sources (as NewSet).
func NewSourceSet(all ...Source) (*SourceSet, error) { return newSetOf(all) }

func newSetOf[T Item[T]](all []T) (*SetOf[T], error) {
	if len(all) == 0 {
		return nil, nil //nolint:nilnil // the empty set
	}
	if len(all) > MaxSet {
		return nil, fmt.Errorf("%w: %d in one room, at most %d", ErrInvalid, len(all), MaxSet)
	}
	s := &SetOf[T]{all: slices.Clone(all)}
	slices.SortFunc(s.all, func(a, b T) int { return strings.Compare(a.key(), b.key()) })
	for i, item := range s.all {
		if err := item.fault(); err != nil {
			return nil, err
		}
		if i > 0 && item.key() == s.all[i-1].key() {
			return nil, fmt.Errorf("%w: two have the ID %q", ErrInvalid, item.key())
		}
	}
	return s, nil
}

// All are those in the set, in order of ID. They are not to be written to.
func (s *SetOf[T]) All() []T {
	if s == nil {
		return nil
	}
	return s.all
}

// Find is the one of that ID.
func (s *SetOf[T]) Find(id string) (found T, there bool) {
	for _, item := range s.All() {
		if item.key() == id {
			return item, true
		}
	}
	return found, false
}

// With is the set with item, in place of the one that has its ID, if one has.
func (s *SetOf[T]) With(item T) (*SetOf[T], error) {
	return newSetOf(append(s.others(item.key()), item))
}

// Without is the set without the one of that ID.
func (s *SetOf[T]) Without(id string) (*SetOf[T], error) { return newSetOf(s.others(id)) }

func (s *SetOf[T]) others(id string) []T {
	return slices.DeleteFunc(slices.Clone(s.All()), func(item T) bool { return item.key() == id })
}

// Equal says whether the same is in both.
func (s *SetOf[T]) Equal(o *SetOf[T]) bool { return slices.EqualFunc(s.All(), o.All(), T.Equal) }

// MarshalJSON writes all of it, the keys too: it is for who keeps rooms.
func (s *SetOf[T]) MarshalJSON() ([]byte, error) { return json.Marshal(s.All()) }

// UnmarshalJSON reads what MarshalJSON has written (an Error).
func (s *SetOf[T]) UnmarshalJSON(b []byte) error {
	var all []T
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	read, err := newSetOf(all)
	if err != nil {
		return err
	}
	s.all = read.All()
	return nil
}

// Renamed is a set of distributions under another name of its room: each description has a greater version (RFC 8866 §5.2).
func Renamed(s *Set) *Set {
	if s == nil {
		return nil
	}
	renamed := &Set{all: slices.Clone(s.all)}
	for i := range renamed.all {
		renamed.all[i].Version++
	}
	return renamed
}

func (d Distribution) key() string { return d.ID }

func (d Distribution) fault() error {
	if err := d.Check(); err != nil {
		return fmt.Errorf("distribution %q: %w", d.ID, err)
	}
	return nil
}

// Equal says whether two are the same in all.
func (d Distribution) Equal(o Distribution) bool {
	same := d.Created.Equal(o.Created)
	d.Created = o.Created
	return same && reflect.DeepEqual(d, o)
}
