package message

import (
	"net/netip"
	"strings"
)

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

// IsZero says whether there is no URI.
func (u URI) IsZero() bool { return u.Scheme == "" }

// IsSIP says whether the scheme is sip or sips.
func (u URI) IsSIP() bool { return u.Scheme == "sip" || u.Scheme == "sips" }

// Shown returns what of a URI may be shown to others: all but its password and what it would put into a request (RFC 3261 §19.1.1).
func (u URI) Shown() URI {
	u.Password, u.Headers = "", ""
	return u
}

// Requested returns the URI as it can be a Request-URI: without a method and headers (RFC 3261 §19.1.1, table 1). What they would put into
// the request is not taken (§19.1.5).
func (u URI) Requested() URI {
	u.Params, u.Headers = u.Params.Without("method"), ""
	return u
}

// UserText is the user part without its escapes; for a tel URI it is the number without visual separators. It may hold
// any octet, also NUL, CR and LF.
func (u URI) UserText() string {
	if u.Scheme == "tel" {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("-.()", r) {
				return -1
			}
			return r
		}, u.Opaque)
	}
	return unescape(u.User)
}

// EscapeUser writes text so that it can be a URI's User.
func EscapeUser(text string) string {
	if all(text, isUnreserved) {
		return text
	}
	b := make([]byte, 0, len(text)+8)
	for i := range len(text) {
		if c := text[i]; class[c]&isUnreserved != 0 || c == '+' {
			b = append(b, c)
		} else {
			b = appendEscape(b, c)
		}
	}
	return string(b)
}

// Param returns a URI parameter's value without its escapes and whether it is there.
func (u URI) Param(name string) (string, bool) {
	v, ok := u.Params.Find(name)
	return unescape(v), ok
}

// unescape resolves "%HH"; what is no escape stays.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		} else {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// ParseURI reads a URI. The error wraps one of this package's sentinels.
func ParseURI(s string) (URI, error) {
	if len(s) > MaxLineBytes {
		return URI{}, &fault{"URI too long", ErrLineTooLong}
	}
	colon := strings.IndexByte(s, ':')
	if colon <= 0 || !isScheme(s[:colon]) {
		return URI{}, bad("URI without scheme")
	}
	u := URI{Scheme: scheme(s[:colon])}
	rest := s[colon+1:]
	switch u.Scheme {
	case "sip", "sips":
		return parseSIP(u, rest)
	case "tel":
		return parseTel(u, rest)
	}
	if !all(rest, isOpaque) {
		return URI{}, bad("URI with characters that are not allowed")
	}
	u.Opaque = rest
	return u, nil
}

// scheme returns s in lower case, without allocation where it is a well-known one.
func scheme(s string) string {
	switch s {
	case "sip":
		return "sip"
	case "sips":
		return "sips"
	}
	return strings.ToLower(s)
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if c >= 'a' && c <= 'z' {
			continue
		}
		if i == 0 || !(s[i] >= '0' && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.') {
			return false
		}
	}
	return s != ""
}

// parseSIP reads what is behind "sip:" (RFC 3261 §19.1.1).
func parseSIP(u URI, rest string) (URI, error) {
	if at := strings.IndexByte(rest, '@'); at >= 0 {
		u.User, rest = rest[:at], rest[at+1:]
		if colon := strings.IndexByte(u.User, ':'); colon >= 0 {
			u.User, u.Password = u.User[:colon], u.User[colon+1:]
		}
		if u.User == "" || !allEscaped(u.User, isUser) || !allEscaped(u.Password, isPassword) {
			return URI{}, bad("malformed user in URI")
		}
	}
	if q := strings.IndexByte(rest, '?'); q >= 0 {
		rest, u.Headers = rest[:q], rest[q+1:]
		if !allEscaped(u.Headers, isURIHeader) || u.Headers == "" {
			return URI{}, bad("malformed headers in URI")
		}
	}
	hostport, params, more := strings.Cut(rest, ";")
	var err error
	if u.Host, u.Port, err = splitHostPort(hostport); err != nil {
		return URI{}, err
	}
	if more {
		u.Params, err = uriParams(params)
	}
	return u, err
}

// parseTel reads what is behind "tel:" (RFC 3966 §3).
func parseTel(u URI, rest string) (URI, error) {
	number, params, more := strings.Cut(rest, ";")
	for i := range len(number) {
		if unhex(number[i]) < 0 && strings.IndexByte("+-.()*#", number[i]) < 0 {
			return URI{}, bad("malformed telephone number")
		}
	}
	if number == "" {
		return URI{}, bad("tel URI without number")
	}
	u.Opaque = number
	var err error
	if more {
		u.Params, err = uriParams(params)
	}
	return u, err
}

// uriParams reads "name=value;name;...".
func uriParams(s string) (Params, error) {
	out := make(Params, 0, 2)
	for more := true; more; {
		var one string
		one, s, more = strings.Cut(s, ";")
		name, value, _ := strings.Cut(one, "=")
		if name == "" || !allEscaped(name, isURIParam) || !allEscaped(value, isURIValue) {
			return nil, bad("malformed parameter in URI")
		}
		if len(out) == MaxParams {
			return nil, &fault{"too many parameters in URI", ErrTooManyParams}
		}
		out = append(out, Param{Name: name, Value: value})
	}
	return out, nil
}

// tolerant6 takes the colon away that RFC 3261's grammar has too many in front of an IPv4 address (RFC 5118 §4.10).
func tolerant6(host string) string {
	if i := strings.Index(host, ":::"); i >= 0 && strings.IndexByte(host, '.') > i {
		return host[:i] + host[i+1:]
	}
	return host
}

// splitHostPort reads a hostport; IPv6 references lose their brackets.
func splitHostPort(s string) (host string, port int, err error) {
	rest := ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, bad("'[' without ']'")
		}
		host, rest = tolerant6(s[1:end]), s[end+1:]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() || a.Zone() != "" {
			return "", 0, bad("malformed IPv6 address")
		}
	} else {
		host = s
		if colon := strings.IndexByte(s, ':'); colon >= 0 {
			host, rest = s[:colon], s[colon:]
		}
		if !all(host, isHost) {
			return "", 0, bad("malformed host")
		}
	}
	if rest == "" {
		return host, 0, nil
	}
	n, ok := number(strings.TrimPrefix(rest, ":"), 65535)
	if !ok || n == 0 || rest[0] != ':' {
		return "", 0, bad("malformed port")
	}
	return host, int(n), nil
}
