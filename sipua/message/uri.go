package message

// URI is a SIP, SIPS or tel URI, or any other in Opaque (RFC 3261 §19.1, RFC 3966). It keeps escapes as they came.
type URI struct {
	Scheme   string // in lower case
	User     string // with its escapes: compare and look up with UserText; empty where there is none
	Password string // with its escapes
	Host     string // name, IPv4, or IPv6 without brackets; in the case it came in
	Port     int    // 0 where none is given
	Params   Params
	Headers  string // what is behind "?", with its escapes
	Opaque   string // what is behind the colon in a URI that is neither sip nor sips; a tel number without its parameters
}

// ParseURI reads a URI.
func ParseURI(s string) (URI, error) { return URI{}, ErrSyntax }

// String is the URI as it goes onto the wire, without angle brackets.
func (u URI) String() string { return "" }

// IsZero says whether there is no URI.
func (u URI) IsZero() bool { return u.Scheme == "" }

// UserText is the user part without its escapes; for a tel URI it is the number.
func (u URI) UserText() string { return u.User }

// EscapeUser writes text so that it can be a URI's User.
func EscapeUser(text string) string { return text }

// Param returns a URI parameter's value without its escapes and whether it is there.
func (u URI) Param(name string) (string, bool) { return u.Params.Find(name) }

// Equal compares as RFC 3261 §19.1.4 says. It is not transitive: read the section before using it for a map.
func (u URI) Equal(v URI) bool { return false }
