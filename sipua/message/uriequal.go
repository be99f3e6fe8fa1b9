package message

import (
	"net/netip"
	"slices"
	"strings"
)

// Equal compares as RFC 3261 §19.1.4 says. It is not transitive (a parameter that only one side has mostly does not
// count): read the section before using it for a map.
func (u URI) Equal(v URI) bool {
	if u.Scheme != v.Scheme {
		return false
	}
	if !u.IsSIP() {
		if u.Scheme == "tel" { // RFC 3966 §4: visual separators and case do not count, parameters do
			return strings.EqualFold(u.UserText(), v.UserText()) && len(u.Params) == len(v.Params) && paramsAgree(u.Params, v.Params, true)
		}
		return u.Opaque == v.Opaque
	}
	return normal(u.User) == normal(v.User) && normal(u.Password) == normal(v.Password) &&
		u.Port == v.Port && sameHost(u.Host, v.Host) &&
		paramsAgree(u.Params, v.Params, false) && paramsAgree(v.Params, u.Params, false) &&
		slices.Equal(headerSet(u.Headers), headerSet(v.Headers))
}

// paramsAgree says whether no parameter of p speaks against q. Some must be on both sides, with strict all.
func paramsAgree(p, q Params, strict bool) bool {
	for _, a := range p {
		b, ok := q.Find(a.Name)
		if !ok {
			if strict || slices.Contains([]string{"user", "ttl", "method", "maddr", "transport"}, strings.ToLower(a.Name)) {
				return false
			}
		} else if first, _ := p.Find(a.Name); !strings.EqualFold(normal(first), normal(b)) {
			return false // of a parameter that is there twice the first counts
		}
	}
	return true
}

func sameHost(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	x, err := netip.ParseAddr(a)
	if err != nil {
		return false
	}
	y, err := netip.ParseAddr(b)
	return err == nil && x == y
}

// normal resolves the escapes of all characters but the reserved ones, which mean something else when escaped.
func normal(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+2 >= len(s) {
			b = append(b, s[i])
			continue
		}
		c := byte(unhex(s[i+1])<<4 | unhex(s[i+2]))
		if strings.IndexByte(";/?:@&=+$,%", c) >= 0 {
			b = appendEscape(b, c)
		} else {
			b = append(b, c)
		}
		i += 2
	}
	return string(b)
}

// headerSet returns a URI's headers in an order that does not depend on theirs; names are in lower case.
func headerSet(s string) []string {
	if s == "" {
		return nil
	}
	set := strings.Split(s, "&")
	for i, h := range set {
		name, value, _ := strings.Cut(h, "=")
		set[i] = strings.ToLower(normal(name)) + "=" + normal(value)
	}
	slices.Sort(set)
	return set
}
