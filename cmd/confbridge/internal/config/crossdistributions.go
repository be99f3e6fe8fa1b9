package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/confbridge/confbridge/rooms/distribution"
)

// declaredDistribution is a distribution and where it stands.
type declaredDistribution struct {
	room, path string
	distribution.Distribution
}

// crossDistributions finds distributions of rooms that cannot be, or not beside each other.
func (l *loader) crossDistributions() {
	policy := l.cfg.Distributions.Policy()
	var all []declaredDistribution
	var bare []distribution.Distribution
	for i, r := range l.cfg.Rooms.List {
		for j := range r.Distributions {
			dist := &r.Distributions[j]
			if dist.Packet == 0 {
				dist.Packet = distribution.DefaultPacket(dist.Codec, dist.RateHz)
			}
			if dist.TTL == 0 {
				dist.TTL = distribution.DefaultTTL(dist.To)
			}
			one := declaredDistribution{r.Number, fmt.Sprintf("rooms.list[%d].distributions[%d]", i, j), *dist}
			l.checkDistribution(one, policy)
			l.compareDistribution(one, all)
			all, bare = append(all, one), append(bare, *dist)
		}
		if path := fmt.Sprintf("rooms.list[%d].distributions", i); len(r.Distributions) > distribution.MaxSet {
			l.fault(l.places[path], path, "more than %d", distribution.MaxSet)
		}
	}
	if told, ok := errors.AsType[*distribution.Error](policy.AllowAll(bare)); ok {
		l.fault(l.places["rooms.list"], "rooms.list", "%s", told.Text)
	}
}

// checkDistribution notes what is wrong with one by itself.
func (l *loader) checkDistribution(d declaredDistribution, policy distribution.Policy) {
	want := distribution.KeyBytes(d.Suite)
	switch got := len(d.Key); {
	case got == want:
	case want == 0:
		l.faultOfField(d, "key", "is given, but encryption is not")
	case got == 0:
		l.faultOfField(d, "key", fmt.Sprintf("is missing: %d bytes in base64, as openssl rand -base64 %d makes them", want, want))
	default:
		l.faultOfField(d, "key", fmt.Sprintf("is %d bytes, want %d", got, want))
	}
	d.Key = make([]byte, want) // it has been told of
	for _, err := range append(d.Faults(), policy.Allow(d.Distribution)) {
		if told, ok := errors.AsType[*distribution.Error](err); ok {
			l.faultOfField(d, told.Field, told.Text)
		}
	}
}

// compareDistribution notes what one has that one of those before it has already.
func (l *loader) compareDistribution(d declaredDistribution, before []declaredDistribution) {
	for _, o := range before {
		if o.room == d.room && o.ID == d.ID && d.ID != "" {
			l.faultOfField(d, "id", fmt.Sprintf("%q is declared in line %d already", d.ID, l.places[o.path].line))
		}
		both := slices.IndexFunc(d.To, func(to netip.AddrPort) bool { return slices.Contains(o.To, to) })
		if both >= 0 && o.Interface == d.Interface {
			l.faultOfField(d, "destinations", fmt.Sprintf("%s is that of distribution %q of room %q in line %d", d.To[both], o.ID, o.room, l.places[o.path].line))
		}
	}
}

// faultOfField notes what is wrong with a field of a distribution, unless something is already.
func (l *loader) faultOfField(d declaredDistribution, field, text string) {
	l.faultOfItem(d.path, field, text)
}

// faultOfItem notes what is wrong with a field of what stands at a path, unless something is already.
func (l *loader) faultOfItem(path, field, text string) {
	key := path + "." + field
	told := func(f Fault) bool { return f.Key == key || strings.HasPrefix(f.Key, key+"[") }
	if slices.ContainsFunc(l.faults, told) {
		return
	}
	at, there := l.places[key]
	if !there {
		at = l.places[path]
	}
	l.fault(at, key, "%s", text)
}
