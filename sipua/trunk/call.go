package trunk

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// Call is an INVITE that was let in, or may be sent. End must be called when the call is over.
type Call struct {
	// Trunk is the trunk's name, empty for anonymous callers.
	Trunk string
	// Number is the room's, after rewriting.
	Number string
	// DisplayName and Address are what others are shown of the caller.
	DisplayName, Address string
	// Identity is who the caller is, as far as a trusted trunk vouches for it (RFC 3325 §5), whether or not others are to be shown it; empty of all
	// other calls, and of those whom it does not name.
	Identity string
	// Codecs are those that are spoken with the trunk; nil: the server's. The slice is the Config's: not to be written.
	Codecs []string

	entry   *entry
	ended   atomic.Bool
	dialled func() // of a call from here: it is over; nil of others
}

// End gives the trunk its line back. It may be called more than once, and of a nil Call.
func (c *Call) End() {
	if c != nil && c.ended.CompareAndSwap(false, true) {
		c.entry.line.release()
		if c.dialled != nil {
			c.dialled()
		}
	}
}

// KeysInSound says whether keys are to be looked for in the sound of the call; events, whether telephone-event was agreed on. Of a nil Call it is false.
func (c *Call) KeysInSound(events bool) bool {
	if c == nil {
		return false
	}
	switch c.entry.Keys {
	case KeysRFC4733:
		return false
	case KeysInBand:
		return true
	default:
		return !events
	}
}

// terms are what holds for a caller.
func (b *Book) terms(c Caller) *entry {
	if c.entry == nil {
		return b.guests
	}
	return c.entry
}

// Number is the number of the room that a caller's request leads to (ErrNoNumber). It takes no line and counts nothing.
func (b *Book) Number(c Caller, req *message.Message) (string, error) {
	e := b.terms(c)
	number, ok := rewrite(e.Rewrite, dialled(req, e.NumberFrom))
	if !ok || !matchesAny(e.Rooms, number) {
		return "", ErrNoNumber
	}
	return number, nil
}

// Admit lets a caller's INVITE in, or fails with ErrNoNumber, ErrLimit or ErrRate. instead is the call that the new one will
// replace (RFC 3891), nil mostly: its line is as good as free if it is of the same trunk.
func (b *Book) Admit(c Caller, req *message.Message, instead *Call) (*Call, error) {
	e := b.terms(c)
	number, err := b.Number(c, req)
	if err != nil {
		e.line.refuse()
		return nil, err
	}
	spare := 0
	if instead != nil && instead.entry == e && !instead.ended.Load() {
		spare = 1
	}
	if err := e.line.take(e.Terms, spare, b.cfg.Now()); err != nil {
		return nil, err
	}
	call := &Call{Trunk: c.Trunk(), Number: number, Codecs: e.Codecs, entry: e}
	call.DisplayName, call.Address = shown(req, e.Trusted)
	if e.Trusted {
		call.Identity = asserted(req)
	}
	return call, nil
}

// MayEnter says whether the call's trunk may call the room of that number. Of a nil Call it is false.
func (c *Call) MayEnter(number string) bool {
	return c != nil && matchesAny(c.entry.Rooms, number)
}

// asserted is the first identity that a request asserts; empty where there is none.
func asserted(req *message.Message) string {
	for _, a := range req.AssertedIdentities() {
		if !nobody(a.URI) {
			return a.URI.Shown().String()
		}
	}
	return ""
}

// nobody says whether an asserted URI is what a network writes of callers whom it does not know or may not name (RFC 3323 §4.1.1.3, 3GPP TS 24.229,
// 3GPP TS 23.003 §13.6, §13.7): many are called so, and it is no identity.
func nobody(u message.URI) bool {
	switch strings.ToLower(u.UserText()) {
	case "anonymous", "unavailable", "restricted", "unknown":
		return true
	}
	host := strings.ToLower(strings.TrimSuffix(u.Host, "."))
	return host == "invalid" || strings.HasSuffix(host, ".invalid")
}

// Who wants not to be known is shown like this (RFC 3323 §4.1.1.3).
const (
	anonymousName    = "Anonymous"
	anonymousAddress = "sip:anonymous@anonymous.invalid"
)

// shown is what others are shown of a caller: what a trusted trunk asserts (RFC 3325 §5), else what From says; and neither
// where the caller does not want it ("id" of RFC 3325 §9.3, "user" of RFC 3323 §4.2). P-Preferred-Identity is for proxies
// and not looked at.
func shown(req *message.Message, trusted bool) (name, address string) {
	if req.HasPrivacy("id", "user") {
		return anonymousName, anonymousAddress
	}
	if trusted {
		for _, a := range req.AssertedIdentities() {
			if address == "" {
				address = a.URI.Shown().String()
			}
			if name == "" {
				name = a.Display
			}
		}
	}
	if address == "" {
		return req.From.Display, req.From.URI.Shown().String()
	}
	return name, address
}

// line counts a trunk's calls.
type line struct {
	mu      sync.Mutex
	calls   int
	total   uint64
	refused uint64
	tokens  float64 // calls that may come at once
	filled  time.Time
}

// take takes a line for a new call. spare lines are taken but will be free at once.
func (l *line) take(t Terms, spare int, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.MaxCalls > 0 && l.calls-spare >= t.MaxCalls {
		l.refused++
		return ErrLimit
	}
	if t.CallsPerSecond > 0 && !l.token(t.CallsPerSecond, now) {
		l.refused++
		return ErrRate
	}
	l.calls++
	l.total++
	return nil
}

// token takes one from the bucket, which holds what comes in a second, and one at least.
func (l *line) token(rate float64, now time.Time) bool {
	size := max(rate, 1)
	if l.filled.IsZero() {
		l.tokens = size
	} else if d := now.Sub(l.filled); d > 0 {
		l.tokens = min(size, l.tokens+rate*d.Seconds())
	}
	l.filled = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

func (l *line) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls--
}

func (l *line) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
}
