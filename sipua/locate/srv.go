package locate

import (
	"cmp"
	"slices"

	"github.com/miekg/dns"
)

// weigh returns the records in the order in which they are to be tried (RFC 2782): by priority, and among equals drawn
// by weight. list is changed.
func weigh(list []*dns.SRV, draw func(n int) int) []*dns.SRV {
	// Those of weight 0 come first among equals, so that they are chosen seldom but may be chosen.
	slices.SortStableFunc(list, func(a, b *dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	out := make([]*dns.SRV, 0, len(list))
	for len(list) > 0 {
		n, sum := 0, 0
		for n < len(list) && list[n].Priority == list[0].Priority {
			sum += int(list[n].Weight)
			n++
		}
		at, i := draw(sum+1), 0
		for running := int(list[0].Weight); running < at; running += int(list[i].Weight) {
			i++
		}
		out = append(out, list[i])
		list = slices.Delete(list, i, i+1)
	}
	return out
}
