package message

import (
	"testing"
	"time"
)

func TestDateIsGMTAndNothingElse(t *testing.T) {
	want := time.Date(2010, 11, 13, 23, 29, 0, 0, time.UTC)
	for value, ok := range map[string]bool{
		"Sat, 13 Nov 2010 23:29:00 GMT": true,
		"Sat, 13 Nov 2010 23:29:00 EST": false,
		"Sat, 13 Nov 2010 23:29 GMT":    false,
		"13 Nov 2010 23:29:00 GMT":      false,
		"":                              false,
	} {
		m := NewRequest(Options, URI{})
		m.Add("Date", value)
		if got, there := m.Date(); there != ok || ok && !got.Equal(want) {
			t.Errorf("%q: got %v, %v", value, got, there)
		}
	}
	m := NewRequest(Options, URI{})
	m.SetDate(want.In(time.FixedZone("x", 3600)))
	if v, _ := m.Header("date"); v != "Sat, 13 Nov 2010 23:29:00 GMT" {
		t.Errorf("got %q", v)
	}
}

func TestTimestampIsCopiedWithTheDelay(t *testing.T) {
	for _, c := range []struct {
		in    string
		delay time.Duration
		want  string
		ok    bool
	}{
		{"54.1", 1234567 * time.Microsecond, "54.1 1.235", true},
		{"54", 500 * time.Microsecond, "54", true},
		{"54.1 0.2", time.Second, "54.1 1.000", true},
		{".5", time.Second, ".5 1.000", true},
		{"fifty", time.Second, "fifty", false},
		{"1 2 3", time.Second, "1 2 3", false},
		{"1.2.3", time.Second, "1.2.3", false},
		{"99999999999999999999999999999999999999", time.Second, "99999999999999999999999999999999999999", false},
	} {
		req := NewRequest(Invite, URI{})
		req.Add("Timestamp", c.in)
		if _, _, ok := req.Timestamp(); ok != c.ok {
			t.Errorf("%q: readable is %v, want %v", c.in, ok, c.ok)
		}
		res := NewResponse(req, 100, "")
		res.AddDelay(c.delay)
		if got, _ := res.Header("Timestamp"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	m := NewRequest(Invite, URI{})
	if m.AddDelay(time.Second); len(m.Values("Timestamp")) != 0 {
		t.Error("a Timestamp was made from nothing")
	}
	m.Add("Timestamp", "7.25 0.5")
	if sent, delay, ok := m.Timestamp(); sent != 7.25 || delay != time.Second/2 || !ok {
		t.Errorf("got %v %v %v", sent, delay, ok)
	}
}

func TestRetryAfterOfRFC3261Section20_33(t *testing.T) {
	for in, want := range map[string]RetryAfter{
		"18000;duration=3600":      {After: 18000 * time.Second, Duration: time.Hour},
		"120 (I'm in a meeting)":   {After: 120 * time.Second, Comment: "I'm in a meeting"},
		`5 (a (b) \) c) ; x="(y)"`: {After: 5 * time.Second, Comment: "a (b) ) c"},
		"949302838503028349304023": {After: 1 << 31 * time.Second},
	} {
		m := NewRequest(Options, URI{})
		m.Add("Retry-After", in)
		if got, ok := m.RetryAfter(); got != want || !ok {
			t.Errorf("%q: got %+v, %v, want %+v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "soon", "-1", "5 (open", "5 behind", "5;"} {
		m := NewRequest(Options, URI{})
		m.Add("Retry-After", in)
		if got, ok := m.RetryAfter(); ok {
			t.Errorf("%q: got %+v", in, got)
		}
	}
}
