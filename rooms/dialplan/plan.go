// Package dialplan is which dialled number leads where: data, checks, and which of several counts. It has no lock, no clock and no file.
package dialplan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// MaxNumbers bounds a plan.
const MaxNumbers = 10_000

// Plan is which numbers there are. The zero value has none. It is not safe for concurrent use.
type Plan struct {
	exact map[string][]Number // by what is dialled
	begin map[string][]Number // by what that begins with
	ids   []string            // of all, in order
}

// New is a plan of these numbers. The error has all faults, each an ErrInvalid.
func New(list []Number) (*Plan, error) {
	var faults []error
	if len(list) > MaxNumbers {
		faults = append(faults, fmt.Errorf("more than %d numbers: %w", MaxNumbers, ErrInvalid))
	}
	p := &Plan{}
	for _, n := range list {
		err := n.Key().Check()
		if _, twice := p.Number(n.Key()); twice && err == nil {
			err = fmt.Errorf("number %v is there twice: %w", n.Key(), ErrInvalid)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		p.set(n)
		p.ids = append(p.ids, n.Key().ID())
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	slices.Sort(p.ids)
	return p, nil
}

// at is where the numbers of a key's Dialled are, and under what.
func (p *Plan) at(k Key) (*map[string][]Number, string) {
	if prefix, begins := k.prefix(); begins {
		return &p.begin, prefix
	}
	return &p.exact, k.Dialled
}

// set puts a number into its map, in place of the one of its key.
func (p *Plan) set(n Number) {
	m, dialled := p.at(n.Key())
	if *m == nil {
		*m = map[string][]Number{}
	}
	for i, other := range (*m)[dialled] {
		if other.Trunk == n.Trunk {
			(*m)[dialled][i] = n
			return
		}
	}
	(*m)[dialled] = append((*m)[dialled], n)
}

// Put adds a number, in place of the one of its key, which Key.Check has found good.
func (p *Plan) Put(n Number) {
	id := n.Key().ID()
	if i, found := slices.BinarySearch(p.ids, id); !found {
		p.ids = slices.Insert(p.ids, i, id)
	}
	p.set(n)
}

// Remove takes the number of a key out, if it is there.
func (p *Plan) Remove(k Key) {
	if i, found := slices.BinarySearch(p.ids, k.ID()); found {
		p.ids = slices.Delete(p.ids, i, i+1)
	}
	m, dialled := p.at(k)
	left := slices.DeleteFunc((*m)[dialled], func(n Number) bool { return n.Trunk == k.Trunk })
	if len(left) == 0 {
		delete(*m, dialled)
		return
	}
	(*m)[dialled] = left
}

// Len is how many numbers there are.
func (p *Plan) Len() int { return len(p.ids) }

// Number is the one of a key.
func (p *Plan) Number(k Key) (Number, bool) {
	m, dialled := p.at(k)
	for _, n := range (*m)[dialled] {
		if n.Trunk == k.Trunk {
			return n, true
		}
	}
	return Number{}, false
}

// List is at most limit numbers whose IDs sort behind after, in order of those.
func (p *Plan) List(after string, limit int) []Number {
	from := sort.Search(len(p.ids), func(i int) bool { return p.ids[i] > after })
	var all []Number
	for _, id := range p.ids[from:min(from+limit, len(p.ids))] {
		k, _ := ParseID(id) // it is of a key that is good
		n, _ := p.Number(k)
		all = append(all, n)
	}
	return all
}

// Find is what a number leads to that comes by a trunk, or by none where that is empty; where nothing fits, the number itself as a room. A number goes before
// all beginnings, a longer beginning before a shorter one, and of the same two that of one trunk before that of all.
func (p *Plan) Find(dialled, trunk string) Number {
	trunk = cmp.Or(trunk, Anonymous)
	if n, ok := pick(p.exact[dialled], trunk); ok {
		return n
	}
	for end := len(dialled); end >= 0; end-- {
		if n, ok := pick(p.begin[dialled[:end]], trunk); ok {
			return n
		}
	}
	return Number{Dialled: dialled, Room: dialled}
}

// pick is the number of a trunk, or else the one of all.
func pick(of []Number, trunk string) (picked Number, ok bool) {
	for _, n := range of {
		if n.Trunk == trunk {
			return n, true
		}
		if n.Trunk == "" {
			picked, ok = n, true
		}
	}
	return picked, ok
}

// Leads are all places that a number leads to, by whatever trunk.
func (p *Plan) Leads(dialled string) []Number {
	all := slices.Clone(p.exact[dialled])
	for end := len(dialled); end >= 0; end-- {
		all = append(all, p.begin[dialled[:end]]...)
	}
	if !slices.ContainsFunc(all, func(n Number) bool { return n.Trunk == "" }) {
		all = append(all, Number{Dialled: dialled, Room: dialled})
	}
	return all
}
