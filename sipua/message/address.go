package message

import "strings"

// Address is a name-addr or an addr-spec with its header parameters: From, To, Contact, Route (RFC 3261 §20.10).
type Address struct {
	Display string // without quotes and escapes
	URI     URI
	Params  Params

	raw string // the value as it came, where it did not parse
}

// Tag is the tag parameter of From and To; empty where there is none.
func (a Address) Tag() string { t, _ := a.Params.Find("tag"); return t }

// WithTag returns the address with its tag set.
func (a Address) WithTag(tag string) Address { a.Params = a.Params.With("tag", tag); return a }

// IsZero says whether there is no address at all.
func (a Address) IsZero() bool { return a.URI.IsZero() && a.raw == "" }

// ParseAddress reads one address, as in a From field. The error wraps one of this package's sentinels.
func ParseAddress(s string) (Address, error) {
	if len(s) > MaxLineBytes {
		return Address{}, &fault{"address too long", ErrLineTooLong}
	}
	sc := scanner{s: s}
	a, err := sc.address()
	if err == nil && !sc.end() {
		err = bad("text behind the address")
	}
	return a, err
}

// String is the address as a From field has it, with the URI in angle brackets.
func (a Address) String() string { return string(a.appendTo(nil)) }

// address reads a name-addr or addr-spec and its parameters, with the white space around it.
func (sc *scanner) address() (Address, error) {
	var a Address
	sc.space()
	bracket, err := sc.display(&a)
	if err != nil {
		return a, err
	}
	var uri string
	if bracket {
		sc.i++
		n := strings.IndexByte(sc.s[sc.i:], '>')
		if n < 0 {
			sc.i = len(sc.s)
			return a, bad("'<' without '>'")
		}
		uri = sc.s[sc.i : sc.i+n]
		sc.i += n + 1
	} else {
		// A bare address ends at the first semicolon or comma; with "?" it must be in brackets (RFC 3261 §20.10).
		uri = sc.until(" \t,;")
		if strings.IndexByte(uri, '?') >= 0 {
			return a, bad("'?' in a URI without '<' and '>'")
		}
	}
	if a.URI, err = ParseURI(uri); err != nil {
		return a, err
	}
	a.Params, err = sc.params()
	return a, err
}

func (sc *scanner) until(stop string) string {
	start := sc.i
	for sc.i < len(sc.s) && strings.IndexByte(stop, sc.s[sc.i]) < 0 {
		sc.i++
	}
	return sc.s[start:sc.i]
}

// display reads the display name, if there is one, and says whether the scanner now stands on a '<'.
func (sc *scanner) display(a *Address) (bracket bool, err error) {
	if sc.peek() == '"' {
		if a.Display, err = sc.quoted(); err != nil {
			return false, err
		}
		if sc.space(); sc.peek() != '<' {
			return false, bad("no '<' behind the display name")
		}
		return true, nil
	}
	// Tokens and white space up to '<'. All that cannot be misread is taken too: many telephones leave the quotes away
	// from "Müller" and "Anna (home)".
	for j := sc.i; j < len(sc.s); j++ {
		switch b := sc.s[j]; {
		case b == '<':
			a.Display = strings.TrimRight(sc.s[sc.i:j], " \t")
			sc.i = j
			return true, nil
		case b == ':':
			return false, nil // that was a scheme
		case b != ' ' && b != '\t' && b < 0x80 && class[b]&isPlain == 0: // one of `,;">\`, or a control character
			return false, bad("display name with special characters and no quotes")
		}
	}
	return false, bad("no URI")
}

// addresses reads a comma-separated list and appends it to list.
func addresses(list []Address, value string) ([]Address, error) {
	sc := scanner{s: value}
	for {
		if len(list) == MaxValues {
			return list, errManyValues
		}
		a, err := sc.address()
		if err != nil {
			return list, err
		}
		list = append(list, a)
		if sc.end() {
			return list, nil
		}
		if !sc.take(',') {
			return list, bad("text behind the address")
		}
	}
}
