package message

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

// ParseAddress reads one address, as in a From field.
func ParseAddress(s string) (Address, error) { return Address{}, ErrSyntax }

// String is the address as a From field has it, with the URI in angle brackets.
func (a Address) String() string { return "" }
