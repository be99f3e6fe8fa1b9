package distribution

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// MaxSet is how many distributions one room can have.
const MaxSet = 128

// Set is the distributions of one room, by ID. It does not change, so it is safe for concurrent use; the nil one is empty.
type Set struct{ all []Distribution }

// NewSet makes a set (an Error; ErrInvalid where two have one ID).
func NewSet(all ...Distribution) (*Set, error) {
	if len(all) == 0 {
		return nil, nil //nolint:nilnil // the nil set is the empty one
	}
	if len(all) > MaxSet {
		return nil, fmt.Errorf("%w: %d in one room, at most %d", ErrInvalid, len(all), MaxSet)
	}
	s := &Set{all: slices.Clone(all)}
	slices.SortFunc(s.all, func(a, b Distribution) int { return strings.Compare(a.ID, b.ID) })
	for i := range s.all {
		if err := s.all[i].Check(); err != nil {
			return nil, fmt.Errorf("distribution %q: %w", s.all[i].ID, err)
		}
		if i > 0 && s.all[i].ID == s.all[i-1].ID {
			return nil, fmt.Errorf("%w: two have the ID %q", ErrInvalid, s.all[i].ID)
		}
	}
	return s, nil
}

// All are those in the set, in order of ID. They are not to be written to.
func (s *Set) All() []Distribution {
	if s == nil {
		return nil
	}
	return s.all
}

// Find is the one of that ID.
func (s *Set) Find(id string) (Distribution, bool) {
	for _, d := range s.All() {
		if d.ID == id {
			return d, true
		}
	}
	return Distribution{}, false
}

// With is the set with d, in place of the one that has its ID, if one has.
func (s *Set) With(d Distribution) (*Set, error) { return NewSet(append(s.others(d.ID), d)...) }

// Without is the set without the one of that ID.
func (s *Set) Without(id string) (*Set, error) { return NewSet(s.others(id)...) }

// Renamed is the set under another name of its room: each description has a greater version (RFC 8866 §5.2).
func (s *Set) Renamed() *Set {
	if s == nil {
		return nil
	}
	renamed := &Set{all: slices.Clone(s.all)}
	for i := range renamed.all {
		renamed.all[i].Version++
	}
	return renamed
}

func (s *Set) others(id string) []Distribution {
	return slices.DeleteFunc(slices.Clone(s.All()), func(d Distribution) bool { return d.ID == id })
}

// Equal says whether the same is in both.
func (s *Set) Equal(o *Set) bool { return slices.EqualFunc(s.All(), o.All(), Distribution.Equal) }

// Equal says whether two are the same in all.
func (d Distribution) Equal(o Distribution) bool {
	same := d.Created.Equal(o.Created)
	d.Created = o.Created
	return same && reflect.DeepEqual(d, o)
}

// MarshalJSON writes all of it, the keys too: it is for who keeps rooms.
func (s *Set) MarshalJSON() ([]byte, error) { return json.Marshal(s.All()) }

// UnmarshalJSON reads what MarshalJSON has written (an Error).
func (s *Set) UnmarshalJSON(b []byte) error {
	var all []Distribution
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	read, err := NewSet(all...)
	if err != nil {
		return err
	}
	s.all = read.All()
	return nil
}
