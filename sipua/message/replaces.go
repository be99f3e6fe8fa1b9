package message

import "strings"

// Replaces is the Replaces field of an INVITE (RFC 3891 §6.1): the dialog whose place the new call takes. The tags are as
// the receiver of the INVITE sees them: ToTag is its own.
type Replaces struct {
	CallID, ToTag, FromTag string
	EarlyOnly              bool
}

// Replaces returns the Replaces field and whether there is one. The error wraps ErrSyntax where it cannot be read, and
// ErrRepeated where there is more than one (RFC 3891 §3).
func (m *Message) Replaces() (r Replaces, ok bool, err error) {
	values := m.Values("Replaces")
	if len(values) == 0 {
		return Replaces{}, false, nil
	}
	if len(values) > 1 {
		return Replaces{}, true, &fault{"more than one Replaces", ErrRepeated}
	}
	id, rest, _ := strings.Cut(values[0], ";")
	r.CallID = strings.TrimSpace(id)
	if r.CallID == "" || strings.ContainsAny(r.CallID, " \t,") {
		return Replaces{}, true, bad("malformed Replaces")
	}
	sc := scanner{s: ";" + rest}
	p, err := sc.params()
	if err != nil || !sc.end() {
		return Replaces{}, true, bad("malformed Replaces")
	}
	r.EarlyOnly = p.Has("early-only")
	for _, tag := range []struct {
		name string
		to   *string
	}{{"to-tag", &r.ToTag}, {"from-tag", &r.FromTag}} {
		if *tag.to, _ = p.Find(tag.name); *tag.to == "" {
			return Replaces{}, true, bad("Replaces without " + tag.name)
		}
	}
	return r, true, nil
}
