package control

import (
	"math/rand/v2"
	"time"
)

const (
	// Minimum is the least mean time between two reports (RFC 3550 §6.2); half of it before the first.
	Minimum = 5 * time.Second
	// Compensation undoes that timer reconsideration converges below the mean that is meant (RFC 3550 §6.3.1).
	Compensation = 1.21828
	// timeoutIntervals is how many intervals one may be silent and is still a member (RFC 3550 §6.3.5).
	timeoutIntervals = 5
)

// Session is what the time between two reports depends on (RFC 3550 §6.3.1).
type Session struct {
	Members, Senders int     // with ourselves; at least 1 and 0
	Sending          bool    // we are one of the senders
	Bandwidth        float64 // of RTCP, in octets a second, all members together
	Size             float64 // average of compound packets, octets with IP and UDP
	Initial          bool    // we have sent none yet
}

// mean is the deterministic calculated interval. Up to a quarter of the members may be senders, who have a quarter of the bandwidth to
// themselves then.
func (s Session) mean() time.Duration {
	shortest := Minimum
	if s.Initial {
		shortest /= 2
	}
	n, bandwidth := s.Members, s.Bandwidth
	if s.Senders*4 <= s.Members {
		if s.Sending {
			n, bandwidth = s.Senders, bandwidth/4
		} else {
			n, bandwidth = s.Members-s.Senders, bandwidth*3/4
		}
	}
	return max(time.Duration(s.Size*float64(n)/bandwidth*float64(time.Second)), shortest)
}

// Interval is the time to the next report, spread by chance over half to one and a half of what is meant.
func (s Session) Interval() time.Duration {
	return time.Duration(float64(s.mean()) * (rand.Float64() + 0.5) / Compensation)
}

// Timeout is how long a member may be silent. It is reckoned as if nobody were sending, by which all members come to the same
// (RFC 3550 §6.3.5).
func (s Session) Timeout() time.Duration {
	s.Sending, s.Initial = false, false
	return timeoutIntervals * s.mean()
}

// Timer says when the next report is due (RFC 3550 §6.3). The zero value is started by its first Due.
type Timer struct {
	last, next time.Time // tp and tn
	members    int       // pmembers: when next was reckoned
	size       float64   // avg_rtcp_size
	reported   bool      // at least once
}

// firstSize is what compounds are taken to be before the first.
const firstSize = 100

// fill gives s what the timer knows.
func (t *Timer) fill(s Session) Session {
	if t.size == 0 {
		t.size = firstSize
	}
	s.Size, s.Initial = t.size, !t.reported
	return s
}

// Waits says that nothing is due yet, if nobody has left since Due was asked last: it costs less than to say who is in the session.
func (t *Timer) Waits(now time.Time) bool { return now.Before(t.next) }

// Due says whether a report is due now, after timer reconsideration (RFC 3550 §6.3.6), and then reckons the next. Of s it
// fills in Size and Initial.
func (t *Timer) Due(now time.Time, s Session) bool {
	s = t.fill(s)
	if t.next.IsZero() {
		t.last = now
		t.plan(now.Add(s.Interval()), s)
		return false
	}
	if s.Members < t.members {
		t.sooner(now, s.Members)
	}
	if now.Before(t.next) {
		return false
	}
	if next := t.last.Add(s.Interval()); now.Before(next) {
		t.plan(next, s)
		return false
	}
	t.last, t.reported = now, true
	s.Initial = false
	t.plan(now.Add(s.Interval()), s)
	return true
}

func (t *Timer) plan(next time.Time, s Session) { t.next, t.members = next, s.Members }

// sooner is reverse reconsideration: when members have gone, others need not wait for them (RFC 3550 §6.3.4).
func (t *Timer) sooner(now time.Time, members int) {
	share := float64(members) / float64(t.members)
	t.next = now.Add(time.Duration(share * float64(t.next.Sub(now))))
	t.last = now.Add(-time.Duration(share * float64(now.Sub(t.last))))
	t.members = members
}

// Measure keeps the average size by a compound packet that has come or gone (RFC 3550 §6.3.3).
func (t *Timer) Measure(octets int) {
	if t.size == 0 {
		t.size = firstSize
	}
	t.size += (float64(octets+DatagramOverhead) - t.size) / 16
}

// Timeout is that of s, with what the timer knows.
func (t *Timer) Timeout(s Session) time.Duration { return t.fill(s).Timeout() }
