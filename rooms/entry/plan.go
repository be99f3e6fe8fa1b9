package entry

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Number says what becomes of calls to a number.
type Number struct {
	// Dialled is the number as it comes from the trunk, after rewriting. With a star at its end it stands for all that begin so.
	Dialled string
	// Trunk is the trunk that the call must come by; Anonymous: by none; empty: by any or none.
	Trunk string
	// Room is the number of the room that it leads to; empty: an entrance, where callers are asked for the room's number.
	Room string
	// Voice is that of the prompts; empty: Config.Voice.
	Voice string
}

// Anonymous is what a Number calls those who come by no trunk.
const Anonymous = "anonymous"

// maxNumbers bounds a plan.
const maxNumbers = 4096

func (n Number) prefix() (string, bool) { return strings.CutSuffix(n.Dialled, "*") }

func (n Number) fits(dialled string) bool {
	if prefix, ok := n.prefix(); ok {
		return strings.HasPrefix(dialled, prefix)
	}
	return dialled == n.Dialled
}

func (n Number) by(trunk string) bool { return n.Trunk == "" || n.Trunk == cmp.Or(trunk, Anonymous) }

// before orders from the special to the general: a number before all prefixes, a longer prefix before a shorter one, and of the same numbers that of one trunk
// before that of all.
func (n Number) before(o Number) int {
	prefix, begins := n.prefix()
	other, otherBegins := o.prefix()
	switch {
	case begins != otherBegins && begins:
		return 1
	case begins != otherBegins:
		return -1
	case begins && len(prefix) != len(other):
		return len(other) - len(prefix)
	case (n.Trunk == "") != (o.Trunk == ""):
		return len(o.Trunk) - len(n.Trunk) // one of them is 0
	}
	return 0
}

// plan is which number leads where, the special ones first.
type plan []Number

// newPlan returns all faults of a list, each an ErrInvalid.
func newPlan(list []Number) (plan, error) {
	var faults []error
	if len(list) > maxNumbers {
		faults = append(faults, fmt.Errorf("more than %d numbers: %w", maxNumbers, ErrInvalid))
	}
	type pattern struct{ dialled, trunk string }
	seen := map[pattern]bool{}
	for _, n := range list {
		p := pattern{n.Dialled, n.Trunk}
		switch {
		case n.Dialled == "" || strings.Contains(strings.TrimSuffix(n.Dialled, "*"), "*") && strings.HasSuffix(n.Dialled, "*"):
			faults = append(faults, fmt.Errorf("number %q: not a number, or its beginning and a star: %w", n.Dialled, ErrInvalid))
		case seen[p]:
			faults = append(faults, fmt.Errorf("number %q is there twice: %w", n.Dialled, ErrInvalid))
		}
		seen[p] = true
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	p := slices.Clone(list)
	slices.SortStableFunc(p, Number.before)
	return p, nil
}

// find is what a number leads to, or the number itself as a room.
func (p plan) find(dialled, trunk string) Number {
	for _, n := range p {
		if n.fits(dialled) && n.by(trunk) {
			return n
		}
	}
	return Number{Dialled: dialled, Room: dialled}
}

// leads are all places that a number leads to, by whatever trunk.
func (p plan) leads(dialled string) []Number {
	var all []Number
	for _, n := range p {
		if n.fits(dialled) {
			all = append(all, n)
		}
	}
	if !slices.ContainsFunc(all, func(n Number) bool { return n.Trunk == "" }) {
		all = append(all, Number{Dialled: dialled, Room: dialled})
	}
	return all
}
