package trunk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
)

const (
	// maxNumber bounds a dialled number in bytes; longer ones are nobody's.
	maxNumber = 128
	// maxPattern bounds a pattern in bytes.
	maxPattern = 128
)

// Rule rewrites a number. Either the whole number becomes To, or Strip bytes are taken from its front and Add is put there:
// {Match: "+49301234*", Strip: 9} makes 1000 of +493012341000; {Match: "00*", Strip: 2, Add: "+"} makes an E.164 number of an
// international one; {Match: "+49301234…1000", To: "1000"}. In To a star stands for what the star of Match, which must be the only
// one, stands for: {Match: "+49301234*", To: "*"} does what the first example does.
type Rule struct {
	// Match is a pattern for the whole number: "*", "…" and "..." stand for any characters or none, "?" for one.
	Match string
	Strip int
	Add   string
	To    string
}

// ParseRule reads "MATCH -> TO" (or "MATCH → TO"), as "+49301234* -> *". The error wraps ErrConfig.
func ParseRule(text string) (Rule, error) {
	from, to, ok := strings.Cut(strings.Replace(text, "→", "->", 1), "->")
	r := Rule{Match: strings.TrimSpace(from), To: strings.TrimSpace(to)}
	if !ok || r.To == "" {
		return Rule{}, fmt.Errorf("%w: rule %q is not MATCH -> TO", ErrConfig, text)
	}
	if err := r.check(); err != nil {
		return Rule{}, fmt.Errorf("%w: rule %q: %w", ErrConfig, text, err)
	}
	return r, nil
}

func (r Rule) check() error {
	match, to := stars.Replace(r.Match), stars.Replace(r.To)
	switch {
	case r.Match == "" || len(r.Match) > maxPattern:
		return errors.New("the pattern is empty or too long")
	case r.Strip < 0 || r.Strip > maxNumber || len(r.Add) > maxNumber || len(r.To) > maxNumber:
		return errors.New("more is stripped or added than a number can have")
	case r.To != "" && (r.Strip != 0 || r.Add != ""):
		return errors.New("to goes without strip and add")
	case strings.Count(to, "*") > 1 || strings.Contains(to, "*") && strings.Count(match, "*") != 1:
		return errors.New("a star of to needs exactly one of the pattern")
	}
	return nil
}

// apply rewrites a number that matches.
func (r Rule) apply(number string) string {
	if r.To == "" {
		return r.Add + number[min(r.Strip, len(number)):]
	}
	front, back, found := strings.Cut(stars.Replace(r.To), "*")
	if !found {
		return r.To
	}
	before, after, _ := strings.Cut(stars.Replace(r.Match), "*")
	return front + number[len(before):len(number)-len(after)] + back
}

// rewrite applies the first rule that matches. It is false where nothing, or too much, is left.
func rewrite(rules []Rule, number string) (string, bool) {
	if number == "" || len(number) > maxNumber {
		return "", false
	}
	for _, r := range rules {
		if matches(r.Match, number) {
			number = r.apply(number)
			break
		}
	}
	return number, number != "" && len(number) <= maxNumber
}

// stars makes all spellings of "any characters" one.
var stars = strings.NewReplacer("…", "*", "...", "*")

// matches says whether the whole of s fits a pattern, in time of at most len(pattern) * len(s).
func matches(pattern, s string) bool {
	p := stars.Replace(pattern)
	i, j := 0, 0          // in p and s
	star, resume := -1, 0 // where to go on when what is behind the last star does not fit
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, resume = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}

// matchesAny says whether s fits one of the patterns, or there are none.
func matchesAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if matches(p, s) {
			return true
		}
	}
	return len(patterns) == 0
}

// Number is what a URI dials. Of telephone numbers (tel, user=phone: RFC 3261 §19.1.6, RFC 3966 §5.1.1) visual separators are
// taken away; so are parameters of the user part such as ";npdi" and ";phone-context=", which carriers send with and without
// user=phone. All else is left as it is: a room may be called "a-b". It is empty where the URI has no user.
func Number(u message.URI) string {
	text := u.UserText()
	if u.Scheme == "tel" {
		return text
	}
	number, _, _ := strings.Cut(text, ";")
	if kind, _ := u.Param("user"); strings.EqualFold(kind, "phone") {
		return separators.Replace(number)
	}
	if number != "" && strings.Trim(number, "+0123456789") == "" {
		return number
	}
	return text
}

// separators takes visual separators away (RFC 3966 §5.1.1).
var separators = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "")

// dialled is the number of a request.
func dialled(req *message.Message, from NumberSource) string {
	uri := req.RequestURI
	switch from {
	case To:
		uri = req.To.URI
	case HistoryInfo:
		if list := req.Histories(); len(list) > 0 {
			uri = list[0].Target.URI
		}
	case Diversion:
		if list := req.Diversions(); len(list) > 0 {
			uri = list[len(list)-1].URI
		}
	case CalledParty:
		if a, ok := req.CalledParty(); ok {
			uri = a.URI
		}
	}
	return Number(uri)
}
