package upstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

const (
	// The waits after failures are those of RFC 5626 §4.5 in shape: doubled and jittered. They are shorter, because nobody can call while they
	// last, and a provider has few bridges and millions of telephones (docs/decisions/0012).
	standingWait = 90 * time.Second // with a registration that still stands; not doubled
	baseFailed   = 5 * time.Second
	maxWait      = 2 * time.Minute
	// refusedWait is the least wait after credentials were refused, which guards against guessing count, and after answers that waiting
	// does not mend.
	refusedWait = 5 * time.Minute
	// attemptTime bounds one attempt, at all targets.
	attemptTime = 2 * time.Minute
	// shortest is the least time between two refreshes, whatever the registrar grants.
	shortest  = 2 * time.Second
	maxExpiry = 24 * time.Hour
)

// registration is one of ours. run owns all but what is under mu.
type registration struct {
	g    *Group
	cfg  Registration
	plan plan
	user string // of the Contact, without escapes
	send Sender

	callID, tag string
	seq         uint32
	expires     time.Duration // asked for
	failures    int           // in a row, without a registration that stands
	flow        transport.Flow
	bound       bool // there is, or may be, something to remove

	mu     sync.Mutex
	state  RegistrationState
	peer   netip.Addr // where we are registered
	secure bool       // and whether by TLS
}

func newRegistration(g *Group, cfg Registration, send Sender) *registration {
	p, _ := cfg.plan() // Validate has seen to it
	r := &registration{
		g: g, cfg: cfg, plan: p, send: send, callID: rand.Text(), tag: rand.Text(), expires: cfg.Expires,
		user: message.URI{Scheme: "sip", User: p.contact}.UserText(),
	}
	if r.expires == 0 {
		r.expires = time.Hour
	}
	r.state = RegistrationState{
		Name: cfg.Name, Registrar: p.registrar.String(), Address: p.address.Shown().String(), Contact: r.user, Changed: time.Now(),
	}
	return r
}

// seen is the state for others.
func (r *registration) seen(now time.Time) RegistrationState {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	if !s.Expires.After(now) {
		s.Expires = time.Time{}
	}
	return s
}

// registrarIs says whether what comes by a flow can be from where we are registered.
func (r *registration) registrarIs(from transport.Flow) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peer == from.Remote.Addr().Unmap() && r.state.Phase == Registered && (from.Secure() || !r.secure)
}

// run is the registration's goroutine.
func (r *registration) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for ctx.Err() == nil {
		wait := r.register(ctx)
		next := time.Now().Add(wait)
		r.mu.Lock()
		r.state.Next = next
		r.mu.Unlock()
		if !r.rest(ctx, timer, next) {
			break
		}
	}
	r.remove(ctx)
}

// rest waits for the next attempt: it keeps the way open, and notices when the registration's time is over. It returns
// false when all is to end, and true early when the way is gone (RFC 5626 §4.5).
func (r *registration) rest(ctx context.Context, timer *time.Timer, next time.Time) bool {
	for {
		now := time.Now()
		if !now.Before(next) {
			return true
		}
		wake, alive := next, false
		if every := r.keepAlive(); every > 0 && r.standing(now) {
			if at := now.Add(jitter(every, 0.8)); at.Before(wake) {
				wake, alive = at, true
			}
		}
		if end := r.end(); end.After(now) && end.Before(wake) {
			wake, alive = end, false
		}
		timer.Reset(time.Until(wake))
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
		}
		switch {
		case alive:
			if err := r.send.KeepAlive(r.flow); err != nil {
				r.g.cfg.Log.Debug("way to the registrar is gone", "trunk", r.cfg.Name, "err", err)
				return true
			}
		case !r.standing(time.Now()) && !r.end().IsZero():
			r.lost("the registration has expired")
		}
	}
}

func (r *registration) keepAlive() time.Duration {
	switch {
	case r.cfg.KeepAlive != 0:
		return r.cfg.KeepAlive
	case r.flow.Reliable():
		return 95 * time.Second
	}
	return 25 * time.Second
}

// end is when the registration is over; zero where there is none.
func (r *registration) end() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Expires
}

func (r *registration) standing(now time.Time) bool { return r.end().After(now) }

// jitter is a part of d, from share to all of it.
func jitter(d time.Duration, share float64) time.Duration {
	return time.Duration(float64(d) * (share + (1-share)*mrand.Float64()))
}

// register makes one attempt, and returns how long to wait for the next.
func (r *registration) register(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	for range 3 {
		r.bound = true
		asked := r.expires
		a, err := r.send.Send(ctx, r.plan.registrar, r.plan.proxy, func(w Way) *message.Message { return r.request(w, asked) })
		if err != nil {
			return r.failed(ctx, err.Error(), "", 0)
		}
		res, target := a.Response, a.Target.String()
		switch {
		case res.StatusCode < 300:
			return r.registered(ctx, a)
		case res.StatusCode == 423: // RFC 3261 §10.2.8
			least := minExpires(res)
			if least <= r.expires {
				return r.failed(ctx, "423 without a Min-Expires to go by", target, refusedWait)
			}
			r.expires = least
		case res.StatusCode == 401 || res.StatusCode == 403 || res.StatusCode == 407:
			return r.failed(ctx, status(res), target, refusedWait)
		default:
			retry, _ := res.RetryAfter()
			return r.failed(ctx, status(res), target, retry.After)
		}
	}
	return r.failed(ctx, "423 again and again", "", refusedWait)
}

// request makes a REGISTER (RFC 3261 §10.2): one Call-ID, and a CSeq that rises.
func (r *registration) request(w Way, expires time.Duration) *message.Message {
	r.flow = w.Flow
	r.seq++
	req := r.g.request(message.Register, r.plan.registrar, r.plan.address, r.plan.address)
	req.From = req.From.WithTag(r.tag)
	req.CallID, req.CSeq.Seq = r.callID, r.seq
	if !r.plan.proxy.IsZero() {
		req.Route = []message.Address{{URI: r.plan.proxy}}
	}
	at := w.Contact
	at.User = r.plan.contact
	seconds := strconv.Itoa(int(expires / time.Second))
	req.Contact = []message.Address{{URI: at, Params: message.Params{{Name: "expires", Value: seconds}}}}
	req.Add("Expires", seconds)
	req.Add("Supported", "path") // RFC 3327 §5.1
	return req
}

// registered takes the 2xx (RFC 3261 §10.2.4).
func (r *registration) registered(ctx context.Context, a Answer) time.Duration {
	lasts := r.granted(a.Response)
	if lasts <= 0 {
		return r.failed(ctx, "the registrar has granted no time", a.Target.String(), refusedWait)
	}
	r.failures = 0
	now := time.Now()
	r.mu.Lock()
	was := r.state.Phase
	r.peer, r.secure = a.Flow.Remote.Addr().Unmap(), a.Flow.Secure()
	r.state.Expires, r.state.Error, r.state.Target = now.Add(lasts), "", a.Target.String()
	if was != Registered {
		r.state.Phase, r.state.Changed = Registered, now
	}
	r.mu.Unlock()
	if was != Registered {
		r.g.changed(r.cfg.Name, KindRegistration, true, "")
	}
	// Early enough for some attempts more, and not all registrations at one time.
	return max(shortest, jitter(time.Duration(float64(lasts)*0.9), 0.94))
}

// granted is how long the registration lasts: what our Contact says in the response, or the Expires field, or what was
// asked for (RFC 3261 §10.2.4, §10.3).
func (r *registration) granted(res *message.Message) time.Duration {
	for _, c := range res.Contact {
		v, ok := c.Params.Find("expires")
		if !ok || c.URI.UserText() != r.user || len(res.Contact) > 1 && !r.ours(c.URI) {
			continue
		}
		if n, err := strconv.ParseUint(v, 10, 32); err == nil {
			return min(time.Duration(n)*time.Second, maxExpiry)
		}
	}
	if n, ok := res.Expires(); ok {
		return min(time.Duration(n)*time.Second, maxExpiry)
	}
	return r.expires
}

// ours says whether a Contact leads to us: others may be registered for the same address.
func (r *registration) ours(u message.URI) bool {
	port := u.Port
	if port == 0 {
		port = message.DefaultPort(r.flow.Transport)
	}
	return strings.EqualFold(u.Host, r.flow.SentBy.Host) && port == r.flow.SentBy.Port
}

// failed notes a failure and returns the wait (RFC 5626 §4.5): doubled with each, and at least what the peer wants.
func (r *registration) failed(ctx context.Context, why, target string, least time.Duration) time.Duration {
	if errors.Is(ctx.Err(), context.Canceled) {
		return 0
	}
	wait := jitter(standingWait, 0.5)
	if !r.standing(time.Now()) {
		wait = jitter(min(maxWait, baseFailed<<min(r.failures, 10)), 0.5)
		r.failures++
	}
	r.mu.Lock()
	r.state.Error = why
	if target != "" {
		r.state.Target = target
	}
	r.mu.Unlock()
	if !r.standing(time.Now()) {
		r.lost(why)
	} else {
		wait = min(wait, max(time.Until(r.end())*3/4, shortest)) // try again before it is over
	}
	return max(wait, min(least, time.Hour))
}

// lost says that calls do not reach us any more.
func (r *registration) lost(why string) {
	r.mu.Lock()
	was := r.state.Phase
	r.state.Expires = time.Time{}
	if why != "" && r.state.Error == "" {
		r.state.Error = why
	}
	why = r.state.Error
	if was != Failed {
		r.state.Phase, r.state.Changed = Failed, time.Now()
	}
	r.mu.Unlock()
	if was != Failed {
		r.g.changed(r.cfg.Name, KindRegistration, false, why)
	}
}

// remove takes the registration away (RFC 3261 §10.2.2), for as long as the group lets it.
func (r *registration) remove(ctx context.Context) {
	if r.bound {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.g.cfg.CloseTime)
		defer cancel()
		a, err := r.send.Send(ctx, r.plan.registrar, r.plan.proxy, func(w Way) *message.Message { return r.request(w, 0) })
		switch {
		case err != nil:
			r.g.cfg.Log.Debug("registration not removed", "trunk", r.cfg.Name, "err", err)
		case a.Response.StatusCode >= 300:
			r.g.cfg.Log.Debug("registration not removed", "trunk", r.cfg.Name, "err", status(a.Response))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Phase, r.state.Changed, r.state.Expires, r.state.Next = Removed, time.Now(), time.Time{}, time.Time{}
}

func status(res *message.Message) string { return fmt.Sprintf("%d %s", res.StatusCode, res.Reason) }

// minExpires is the Min-Expires field (RFC 3261 §20.23), at most a day; 0 where there is none.
func minExpires(res *message.Message) time.Duration {
	v, _ := res.Header("Min-Expires")
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxExpiry)
}
