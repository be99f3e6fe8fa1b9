package sipua

import (
	"cmp"
	"fmt"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
)

const (
	// minSession is the shortest session interval that we take (RFC 4028 §4, §5: no less than 90 s).
	minSession = 90 * time.Second
	// defaultSession is what we ask for (RFC 4028 §4: 1800 s is recommended).
	defaultSession = 1800 * time.Second
	// maxSession bounds what can be configured.
	maxSession = 24 * time.Hour
	// maxGuard is how long before its end a session that was not refreshed is given up, or a third of the interval where
	// that is less (RFC 4028 §10).
	maxGuard = 32 * time.Second
	// refreshAgain is when a refresh that was refused is tried again.
	refreshAgain = 10 * time.Second
	// refreshPause is the least time between two tries: a peer that says "at once" each time would keep us busy for ever.
	refreshPause = time.Second
	// maxRaises is how many 422 in a row are answered at once with a longer interval.
	maxRaises = 3
)

// sessionTimer is the session's clock (RFC 4028) as one side sees it. The zero value asks for nothing. The call's
// goroutine owns it.
type sessionTimer struct {
	want     time.Duration // what we ask for where the peer asks for nothing; 0: nothing
	interval time.Duration // what holds; 0: the session does not expire
	floor    time.Duration // the most that a peer has asked for as a minimum
	raises   int           // how often it has been raised since an interval began
	ours     bool          // we refresh
	capable  bool          // the peer knows session timers: it, or a proxy, counts too
	end      time.Time     // the session is given up
	next     time.Time     // the next refresh of ours; zero: none
	timer    *time.Timer   // nil before the first interval
}

// tooShort says whether the peer asks for a session that is shorter than we take (RFC 4028 §9): only one that knows
// session timers can be told so.
func tooShort(req *message.Message) bool {
	se, ok := req.SessionExpires()
	return ok && se.Interval < minSession && knowsTimers(req)
}

func knowsTimers(m *message.Message) bool {
	return m.HasToken("Supported", "timer") || m.HasToken("Require", "timer")
}

// answer settles the session as the receiver of an INVITE or UPDATE, and writes it into the 2xx (RFC 4028 §9, table 2).
// The clock starts anew.
func (t *sessionTimer) answer(req, res *message.Message) {
	asked, ok := req.SessionExpires()
	floor, _ := req.MinSE()
	floor = max(floor, minSession)
	capable := knowsTimers(req)
	if ok && asked.Interval < minSession { // a proxy's wish that nobody can be told of
		asked, ok = message.SessionExpires{}, false
	}
	interval := asked.Interval
	switch {
	case !ok && t.want == 0:
		t.stop()
		return
	case !ok:
		interval = max(t.want, floor)
	case t.want > 0: // it may be made shorter, but not below Min-SE, and not longer
		interval = min(interval, max(t.want, floor))
	}
	who := message.RefresherUAS
	switch {
	case !capable:
	case asked.Refresher != message.RefresherAny:
		who = asked.Refresher
	case t.interval > 0 && !t.ours: // who refreshes goes on with it
		who = message.RefresherUAC
	}
	res.SetSessionExpires(message.SessionExpires{Interval: interval, Refresher: who})
	if capable {
		res.Add("Require", "timer")
	}
	t.capable = capable
	t.start(interval, who == message.RefresherUAS)
}

// ask writes our wish into an INVITE or UPDATE of ours (RFC 4028 §7.1, §7.4).
func (t *sessionTimer) ask(req *message.Message) {
	switch {
	case t.interval > 0 && t.ours:
		req.SetSessionExpires(message.SessionExpires{Interval: max(t.interval, t.floor), Refresher: message.RefresherUAC})
	case t.interval > 0:
		req.SetSessionExpires(message.SessionExpires{Interval: max(t.interval, t.floor), Refresher: message.RefresherUAS})
	case t.want > 0:
		req.SetSessionExpires(message.SessionExpires{Interval: max(t.want, t.floor)})
	default:
		return
	}
	req.SetMinSE(max(t.floor, minSession))
}

// answered settles the session by the 2xx to a request of ours (RFC 4028 §7.2). A peer that does not know session
// timers is refreshed all the same, where we want that: it tells whether the peer is still there.
func (t *sessionTimer) answered(res *message.Message) {
	se, ok := res.SessionExpires()
	t.capable = ok
	switch {
	case ok:
		t.start(max(se.Interval, minSession), se.Refresher != message.RefresherUAS)
	case t.want > 0:
		t.start(max(t.want, t.floor), true)
	default:
		t.stop()
	}
}

// tooSmall takes the Min-SE of a 422 (RFC 4028 §7.3) and says whether to ask again at once.
func (t *sessionTimer) tooSmall(res *message.Message) bool {
	floor, ok := res.MinSE()
	if !ok || floor <= max(t.floor, minSession) || floor > maxSession {
		return false
	}
	t.floor = floor
	t.raises++
	return t.raises <= maxRaises
}

// start begins an interval.
func (t *sessionTimer) start(interval time.Duration, ours bool) {
	now := time.Now()
	t.interval, t.ours, t.raises = interval, ours, 0
	t.end = now.Add(interval - min(maxGuard, interval/3))
	t.next = time.Time{}
	if ours {
		t.next = now.Add(interval / 2)
	}
	t.set(now)
}

// restart begins the interval anew.
func (t *sessionTimer) restart() { t.start(t.interval, t.ours) }

// retry puts the next refresh off by d. Where the session does not expire, it is the only one.
func (t *sessionTimer) retry(d time.Duration) {
	now := time.Now()
	t.next = now.Add(d)
	t.set(now)
}

func (t *sessionTimer) set(now time.Time) {
	at := t.end
	if !t.next.IsZero() && (t.interval == 0 || t.next.Before(at)) {
		at = t.next
	}
	if t.timer == nil {
		t.timer = time.NewTimer(at.Sub(now))
		return
	}
	t.timer.Reset(max(at.Sub(now), 0))
}

// stop ends the clock: the session does not expire.
func (t *sessionTimer) stop() {
	t.interval, t.next = 0, time.Time{}
	if t.timer != nil {
		t.timer.Stop()
	}
}

// due is when something is to be done.
func (t *sessionTimer) due() <-chan time.Time {
	if t.timer == nil || t.interval == 0 && t.next.IsZero() {
		return nil
	}
	return t.timer.C
}

// fired says what: a refresh, or the end.
func (t *sessionTimer) fired() (refresh, over bool) {
	now := time.Now()
	switch {
	case t.interval == 0:
		refresh, t.next = !t.next.IsZero(), time.Time{}
		return refresh, false
	case !now.Before(t.end):
		return false, true
	case !t.next.IsZero() && !now.Before(t.next):
		refresh, t.next = true, time.Time{}
	}
	t.set(now)
	return refresh, false
}

// checkSession checks a configured session interval (ErrConfig).
func checkSession(d time.Duration) error {
	if d > 0 && d < minSession || d > maxSession {
		return fmt.Errorf("%w: SessionExpires is %v, want %v to %v", ErrConfig, d, minSession, maxSession)
	}
	return nil
}

// sessionWish is what is asked for by that configuration; 0 for nothing.
func sessionWish(d time.Duration) time.Duration {
	if d < 0 {
		return 0
	}
	return cmp.Or(d, defaultSession)
}

// sessionTooShort refuses a session that is shorter than we take (RFC 4028 §9). If it returns true, the request has been
// answered.
func (ep *endpoint) sessionTooShort(tx *transaction.ServerTx) bool {
	if !tooShort(tx.Request()) {
		return false
	}
	res := tx.Response(422, "")
	res.SetMinSE(minSession)
	ep.respond(tx, res)
	return true
}
