package message

// Character classes of RFC 3261 §25.1, one bit each.
const (
	isToken      = 1 << iota // token
	isUser                   // user: unreserved, user-unreserved; and "#", which telephones leave as it is
	isPassword               // password: unreserved, "&=+$,"
	isURIParam               // paramchar: unreserved, param-unreserved
	isURIValue               // pvalue: paramchar; and "=", which stands at the end of much that is base64
	isURIHeader              // headers as a whole: unreserved, hnv-unreserved, "&", "="
	isHost                   // host name: letters, digits, "-", ".", and "_", which many use
	isPlain                  // a header parameter's unquoted value: all that is visible but `;,"<>\`
	isOpaque                 // an opaque URI: all that is visible but `<>"`
	isUnreserved             // unreserved
)

var class = makeClasses()

func makeClasses() (c [256]uint16) {
	for b := 0x21; b < 0x7f; b++ {
		c[b] |= isPlain | isOpaque
	}
	mark := func(bits uint16, chars string) {
		for i := range len(chars) {
			c[chars[i]] |= bits
		}
	}
	const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	const unreserved = alnum + "-_.!~*'()"
	mark(isToken, alnum+"-.!%*_+`'~")
	mark(isUser, unreserved+"&=+$,;?/#")
	mark(isPassword, unreserved+"&=+$,")
	mark(isURIParam, unreserved+"[]/:&+$")
	mark(isURIValue, unreserved+"[]/:&+$=")
	mark(isURIHeader, unreserved+"[]/?:+$&=")
	mark(isHost, alnum+"-._")
	mark(isUnreserved, unreserved)
	for _, b := range []byte(";,\"<>\\") {
		c[b] &^= isPlain
	}
	for _, b := range []byte("<>\"") {
		c[b] &^= isOpaque
	}
	return c
}

// all says whether s is not empty and wholly of a class.
func all(s string, bits uint16) bool {
	for i := range len(s) {
		if class[s[i]]&bits == 0 {
			return false
		}
	}
	return s != ""
}

// allEscaped is all, with "%HH" allowed and the empty string too.
func allEscaped(s string, bits uint16) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return false
			}
			i += 2
		} else if class[s[i]]&bits == 0 {
			return false
		}
	}
	return true
}

func unhex(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// fault is what is wrong with a value; the parser adds where.
type fault struct {
	what string
	err  error
}

func (f *fault) Error() string { return f.what }
func (f *fault) Unwrap() error { return f.err }

// Faults that one message can have thousands of times.
var (
	errManyValues error = &fault{"too many values", ErrTooManyValues}
	errLongLine   error = &fault{"line too long", ErrLineTooLong}
)

func bad(what string) error { return &fault{what, ErrSyntax} }

// scanner reads a header value from left to right. White space is SP and HT: folds are gone by now.
type scanner struct {
	s string
	i int
}

func (sc *scanner) space() {
	for sc.i < len(sc.s) && (sc.s[sc.i] == ' ' || sc.s[sc.i] == '\t') {
		sc.i++
	}
}

// peek returns the next byte, 0 at the end.
func (sc *scanner) peek() byte {
	if sc.i < len(sc.s) {
		return sc.s[sc.i]
	}
	return 0
}

// take passes over b, with white space on both sides, and says whether it was there.
func (sc *scanner) take(b byte) bool {
	sc.space()
	if sc.i >= len(sc.s) || sc.s[sc.i] != b {
		return false
	}
	sc.i++
	sc.space()
	return true
}

// span returns the longest run of a class.
func (sc *scanner) span(bits uint16) string {
	start := sc.i
	for sc.i < len(sc.s) && class[sc.s[sc.i]]&bits != 0 {
		sc.i++
	}
	return sc.s[start:sc.i]
}

func (sc *scanner) end() bool { return sc.i >= len(sc.s) }

// quoted reads a quoted string and returns it without quotes and escapes. The scanner stands on the opening quote.
func (sc *scanner) quoted() (string, error) {
	sc.i++
	start, escapes := sc.i, 0
	for ; sc.i < len(sc.s); sc.i++ {
		switch sc.s[sc.i] {
		case '\\':
			sc.i++
			escapes++
		case '"':
			raw := sc.s[start:sc.i]
			sc.i++
			if escapes == 0 {
				return raw, nil
			}
			return unquote(raw, escapes), nil
		}
	}
	sc.i = len(sc.s)
	return "", bad("quoted string without end")
}

func unquote(raw string, escapes int) string {
	b := make([]byte, 0, len(raw)-escapes)
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' {
			i++
		}
		b = append(b, raw[i])
	}
	return string(b)
}

// params reads ";name=value" as often as it comes (RFC 3261 §25.1, generic-param). With an error come those in front of it.
func (sc *scanner) params() (Params, error) {
	if sc.space(); sc.peek() != ';' {
		return nil, nil
	}
	out := make(Params, 0, 3)
	for sc.take(';') {
		p := Param{Name: sc.span(isToken)}
		if p.Name == "" {
			return out, bad("parameter without name")
		}
		if len(out) == MaxParams {
			return out, &fault{"too many parameters", ErrTooManyParams}
		}
		if sc.take('=') {
			if sc.peek() == '"' {
				v, err := sc.quoted()
				if err != nil {
					return out, err
				}
				p.Value, p.Quoted = v, true
			} else if p.Value = sc.span(isPlain); p.Value == "" {
				return out, bad("parameter without value")
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// number reads decimal digits as a value of at most limit.
func number(s string, limit uint64) (uint64, bool) {
	var n uint64
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		if n = n*10 + uint64(d); n > limit {
			return 0, false
		}
	}
	return n, s != ""
}
