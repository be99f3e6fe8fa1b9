package message

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Date returns the Date field and whether there is one that can be read (RFC 3261 §20.17: an RFC 1123 date in GMT and nothing else).
func (m *Message) Date() (time.Time, bool) {
	v, ok := m.Header("Date")
	if !ok || !strings.HasSuffix(v, " GMT") {
		return time.Time{}, false
	}
	t, err := time.Parse(http.TimeFormat, v)
	return t, err == nil
}

// SetDate sets the Date field.
func (m *Message) SetDate(t time.Time) { m.Set("Date", t.UTC().Format(http.TimeFormat)) }

// Timestamp returns the Timestamp field (RFC 3261 §20.38): when the request was sent, in seconds since whenever the sender likes,
// and how long the responder took. ok says that there is one that can be read.
func (m *Message) Timestamp() (sent float64, delay time.Duration, ok bool) {
	v, ok := m.Header("Timestamp")
	if !ok {
		return 0, 0, false
	}
	at, behind, _ := strings.Cut(v, " ")
	if sent, ok = decimal(at); !ok {
		return 0, 0, false
	}
	if behind = strings.Trim(behind, " \t"); behind != "" {
		seconds, ok := decimal(behind)
		if !ok || seconds > 1e6 {
			return 0, 0, false
		}
		delay = time.Duration(seconds * float64(time.Second))
	}
	return sent, delay, true
}

// AddDelay notes in a 100's Timestamp, where there is one, how long it took to answer (RFC 3261 §8.2.6.1).
func (m *Message) AddDelay(d time.Duration) {
	v, ok := m.Header("Timestamp")
	if _, _, readable := m.Timestamp(); !ok || !readable || d < time.Millisecond {
		return
	}
	at, _, _ := strings.Cut(v, " ")
	m.Set("Timestamp", at+" "+strconv.FormatFloat(d.Seconds(), 'f', 3, 64))
}

// decimal reads digits with at most one point among them, of at most 32 characters.
func decimal(s string) (float64, bool) {
	if s == "" || len(s) > 32 || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// RetryAfter is the Retry-After field (RFC 3261 §20.33).
type RetryAfter struct {
	After    time.Duration
	Comment  string        // without parentheses and escapes
	Duration time.Duration // how long the peer will then be there; 0 where it does not say
}

// RetryAfter returns the Retry-After field and whether there is one that can be read. Times beyond 2^31 seconds are read as that.
func (m *Message) RetryAfter() (r RetryAfter, ok bool) {
	v, ok := m.Header("Retry-After")
	if !ok {
		return r, false
	}
	sc := scanner{s: v}
	if r.After, ok = seconds(sc.span(isToken)); !ok {
		return RetryAfter{}, false
	}
	if sc.space(); sc.peek() == '(' {
		if r.Comment, ok = sc.comment(); !ok {
			return RetryAfter{}, false
		}
	}
	p, err := sc.params()
	if err != nil || !sc.end() {
		return RetryAfter{}, false
	}
	if d, there := p.Find("duration"); there {
		r.Duration, _ = seconds(d)
	}
	return r, true
}

// seconds reads delta-seconds; what is beyond 2^31 is read as that.
func seconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, ok := number(s, 1<<31)
	if !ok {
		n = 1 << 31
	}
	return time.Duration(n) * time.Second, true
}

// comment reads a comment (RFC 3261 §25.1), which may have comments in it. The scanner stands on its opening parenthesis.
func (sc *scanner) comment() (string, bool) {
	var b []byte
	for depth := 0; sc.i < len(sc.s); sc.i++ {
		switch c := sc.s[sc.i]; {
		case c == '\\' && sc.i+1 < len(sc.s):
			sc.i++
			b = append(b, sc.s[sc.i])
			continue
		case c == '(':
			if depth++; depth == 1 {
				continue
			}
		case c == ')':
			if depth--; depth == 0 {
				sc.i++
				return string(b), true
			}
		}
		b = append(b, sc.s[sc.i])
	}
	return "", false
}
