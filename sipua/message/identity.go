package message

import "strings"

// AssertedIdentities returns P-Asserted-Identity (RFC 3325 §9.1): at most one SIP and one tel URI, the first of each that
// can be read. Whether to believe it is a matter of who sent it.
func (m *Message) AssertedIdentities() []Address {
	var out []Address
	var sip, tel bool
	for _, a := range m.addressValues("P-Asserted-Identity") {
		switch {
		case a.URI.IsSIP() && !sip:
			sip = true
		case a.URI.Scheme == "tel" && !tel:
			tel = true
		default:
			continue
		}
		out = append(out, a)
	}
	return out
}

// HasPrivacy says whether Privacy (RFC 3323 §4.2, RFC 3325 §9.3) has one of those values: "id", "user", "header",
// "history", "none". Values are separated by semicolons; commas, which some send, separate too.
func (m *Message) HasPrivacy(values ...string) bool {
	for _, field := range m.Values("Privacy") {
		for v := range strings.FieldsFuncSeq(field, func(r rune) bool { return r == ';' || r == ',' || r == ' ' || r == '\t' }) {
			for _, want := range values {
				if strings.EqualFold(v, want) {
					return true
				}
			}
		}
	}
	return false
}

// Diversions returns the Diversion field (RFC 5806 §4), as Address with reason, counter, limit, privacy and screen in
// its Params. The first is the newest; the last is the number that was dialled first.
func (m *Message) Diversions() []Address { return m.addressValues("Diversion") }

// History is one entry of History-Info (RFC 7044 §5).
type History struct {
	Target Address
	Index  string // "1", "1.1", "1.2"; empty where it is missing
	// From is the index of the entry that this one was derived from, by a mapping (mp), a registration (rc) or unchanged
	// (np); empty where none is given.
	From string
	// Private says that the entry is not to be shown (RFC 7044 §10.1: Privacy=history in the URI's headers).
	Private bool
}

// Histories returns the entries of History-Info in their order: the first is what was dialled.
func (m *Message) Histories() []History {
	list := m.addressValues("History-Info")
	out := make([]History, 0, len(list))
	for _, a := range list {
		h := History{Target: a}
		h.Index, _ = a.Params.Find("index")
		for _, p := range a.Params {
			switch strings.ToLower(p.Name) {
			case "mp", "rc", "np":
				h.From = p.Value
			}
		}
		for _, header := range headerSet(a.URI.Headers) {
			if name, value, _ := strings.Cut(header, "="); name == "privacy" && strings.Contains(strings.ToLower(value), "history") {
				h.Private = true
			}
		}
		out = append(out, h)
	}
	return out
}

// CalledParty returns P-Called-Party-ID (RFC 7315 §4.2): the address that was dialled, before it became the Request-URI.
func (m *Message) CalledParty() (Address, bool) {
	list := m.addressValues("P-Called-Party-ID")
	if len(list) == 0 {
		return Address{}, false
	}
	return list[0], true
}

// addressValues returns the addresses of all fields of that name, MaxValues at most. Of a field that is malformed those in
// front of the fault are returned.
func (m *Message) addressValues(name string) []Address {
	var out []Address
	for i := range m.Headers {
		if SameName(m.Headers[i].Name, name) {
			var err error
			if out, err = addresses(out, m.Headers[i].Value); err != nil && len(out) == MaxValues {
				return out
			}
		}
	}
	return out
}
