package message

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Refresher is the side of a transaction that refreshes the session (RFC 4028 §4).
type Refresher string

// The refreshers, as the request's sender and its receiver are called.
const (
	RefresherAny Refresher = "" // not said
	RefresherUAC Refresher = "uac"
	RefresherUAS Refresher = "uas"
)

// SessionExpires is the Session-Expires field (RFC 4028 §4): how long a session lasts without a refresh, in whole
// seconds, and who refreshes.
type SessionExpires struct {
	Interval  time.Duration
	Refresher Refresher
}

// maxInterval keeps what is read within a time.Duration and a timer.
const maxInterval = math.MaxInt32 * time.Second

// SessionExpires returns the Session-Expires field and whether there is one that can be read. A refresher that is
// neither uac nor uas is none.
func (m *Message) SessionExpires() (SessionExpires, bool) {
	interval, p, ok := m.seconds("Session-Expires")
	if !ok {
		return SessionExpires{}, false
	}
	se := SessionExpires{Interval: interval}
	refresher, _ := p.Find("refresher")
	switch r := Refresher(strings.ToLower(refresher)); r {
	case RefresherUAC, RefresherUAS:
		se.Refresher = r
	}
	return se, true
}

// SetSessionExpires replaces the Session-Expires field; fractions of a second are cut off.
func (m *Message) SetSessionExpires(se SessionExpires) {
	v := strconv.FormatInt(int64(se.Interval/time.Second), 10)
	if se.Refresher != RefresherAny {
		v += ";refresher=" + string(se.Refresher)
	}
	m.Set("Session-Expires", v)
}

// MinSE returns the Min-SE field (RFC 4028 §5) and whether there is one that can be read.
func (m *Message) MinSE() (time.Duration, bool) {
	interval, _, ok := m.seconds("Min-SE")
	return interval, ok
}

// SetMinSE replaces the Min-SE field; fractions of a second are cut off.
func (m *Message) SetMinSE(d time.Duration) {
	m.Set("Min-SE", strconv.FormatInt(int64(d/time.Second), 10))
}

// seconds reads delta-seconds with parameters behind them.
func (m *Message) seconds(name string) (time.Duration, Params, bool) {
	v, ok := m.Header(name)
	if !ok {
		return 0, nil, false
	}
	sc := scanner{s: v}
	n, ok := number(sc.span(isToken), math.MaxUint32)
	p, err := sc.params()
	if !ok || err != nil || !sc.end() {
		return 0, nil, false
	}
	return min(time.Duration(n)*time.Second, maxInterval), p, true
}
