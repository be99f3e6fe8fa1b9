package message

import (
	"errors"
	"testing"
	"time"
)

// with is a message with one more field.
func with(name string, values ...string) *Message {
	m := &Message{Method: Invite}
	for _, v := range values {
		m.Headers = append(m.Headers, Header{name, v})
	}
	return m
}

func TestSessionExpires(t *testing.T) {
	for _, row := range []struct {
		value string
		want  SessionExpires
		ok    bool
	}{
		{"1800", SessionExpires{Interval: 1800 * time.Second}, true},
		{"90;refresher=uac", SessionExpires{90 * time.Second, RefresherUAC}, true},
		{"90 ; x=y ; Refresher = UAS", SessionExpires{90 * time.Second, RefresherUAS}, true},
		{"90;refresher=both", SessionExpires{Interval: 90 * time.Second}, true},
		{"4294967295", SessionExpires{Interval: maxInterval}, true},
		{"4294967296", SessionExpires{}, false},
		{"", SessionExpires{}, false},
		{"-1", SessionExpires{}, false},
		{"90 s", SessionExpires{}, false},
		{"90;=", SessionExpires{}, false},
	} {
		for _, name := range []string{"Session-Expires", "x"} { // RFC 4028 §4: the compact form
			if got, ok := with(name, row.value).SessionExpires(); got != row.want || ok != row.ok {
				t.Errorf("%s: %q: got %+v, %v; want %+v, %v", name, row.value, got, ok, row.want, row.ok)
			}
		}
	}
	m := with("x", "1", "2")
	m.SetSessionExpires(SessionExpires{90*time.Second + time.Millisecond, RefresherUAS})
	if got := m.Values("Session-Expires"); len(got) != 1 || got[0] != "90;refresher=uas" {
		t.Errorf("got %q", got)
	}
	if _, ok := with("x").MinSE(); ok {
		t.Error("there is a Min-SE in a message without one")
	}
	m.SetMinSE(2 * time.Minute)
	if got, ok := m.MinSE(); got != 2*time.Minute || !ok {
		t.Errorf("got %v, %v", got, ok)
	}
}

func TestReliableNumbers(t *testing.T) {
	for _, row := range []struct {
		value string
		want  RAck
		ok    bool
	}{
		{"776656 1 INVITE", RAck{776656, CSeq{1, Invite}}, true},
		{"4294967295\t0  X", RAck{4294967295, CSeq{0, "X"}}, true},
		{"0 1 INVITE", RAck{}, false},
		{"1 INVITE", RAck{}, false},
		{"1 1", RAck{}, false},
		{"1 1 INVITE x", RAck{}, false},
		{"4294967296 1 INVITE", RAck{}, false},
		{"", RAck{}, false},
	} {
		if got, ok := with("RAck", row.value).RAck(); got != row.want || ok != row.ok {
			t.Errorf("%q: got %+v, %v; want %+v, %v", row.value, got, ok, row.want, row.ok)
		}
	}
	for value, want := range map[string]uint32{"1": 1, "4294967295": 1<<32 - 1, "0": 0, "x": 0, "": 0, "-1": 0} {
		if got, ok := with("RSeq", value).RSeq(); ok != (want > 0) || ok && got != want {
			t.Errorf("RSeq %q: got %d, %v; want %d", value, got, ok, want)
		}
	}
	m := with("x")
	m.SetRAck(RAck{7, CSeq{2, Invite}})
	m.SetRSeq(9)
	if got, ok := m.RAck(); got != (RAck{7, CSeq{2, Invite}}) || !ok {
		t.Errorf("got %+v, %v", got, ok)
	}
	if got, ok := m.RSeq(); got != 9 || !ok {
		t.Errorf("got %d, %v", got, ok)
	}
}

func TestReplaces(t *testing.T) {
	for _, row := range []struct {
		values []string
		want   Replaces
		ok     bool
		err    error
	}{
		{nil, Replaces{}, false, nil},
		{[]string{"98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff"}, Replaces{"98732@sip.example.com", "ff87ff", "r33th4x0r", false}, true, nil},
		{[]string{"a;TO-TAG=1;x=y;from-tag=2;early-only"}, Replaces{"a", "1", "2", true}, true, nil},
		{[]string{"a;to-tag=1;from-tag=2", "a;to-tag=1;from-tag=2"}, Replaces{}, true, ErrRepeated},
		{[]string{"a;to-tag=1;from-tag=2, b;to-tag=1;from-tag=2"}, Replaces{}, true, ErrSyntax},
		{[]string{"a;to-tag=1"}, Replaces{}, true, ErrSyntax},
		{[]string{"a;from-tag=1"}, Replaces{}, true, ErrSyntax},
		{[]string{"a;to-tag;from-tag=1"}, Replaces{}, true, ErrSyntax},
		{[]string{";to-tag=1;from-tag=2"}, Replaces{}, true, ErrSyntax},
		{[]string{""}, Replaces{}, true, ErrSyntax},
		{[]string{"a b;to-tag=1;from-tag=2"}, Replaces{}, true, ErrSyntax},
		{[]string{"a;;to-tag=1;from-tag=2"}, Replaces{}, true, ErrSyntax},
	} {
		got, ok, err := with("Replaces", row.values...).Replaces()
		if ok != row.ok || !errors.Is(err, row.err) || row.err == nil && got != row.want {
			t.Errorf("%q: got %+v, %v, %v; want %+v, %v, %v", row.values, got, ok, err, row.want, row.ok, row.err)
		}
	}
}

// FuzzExtensions reads the fields of RFC 3262, 3891 and 4028 from anything: none may panic, and what was read is what is
// written.
func FuzzExtensions(f *testing.F) {
	for _, s := range []string{"1 1 INVITE", "90;refresher=uac", "a;to-tag=1;from-tag=2;early-only", "4294967295 4294967295 X", "\"", ";;", "x;y=\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		m := &Message{Method: Invite, Headers: []Header{{"RAck", v}, {"RSeq", v}, {"x", v}, {"Min-SE", v}, {"Replaces", v}}}
		if _, _, err := m.Replaces(); err != nil && !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrTooManyParams) {
			t.Fatalf("%q: %v", v, err)
		}
		if a, ok := m.RAck(); ok {
			m.SetRAck(a)
			if b, ok := m.RAck(); !ok || a != b {
				t.Fatalf("%q: %+v became %+v", v, a, b)
			}
		}
		if a, ok := m.SessionExpires(); ok {
			m.SetSessionExpires(a)
			if b, ok := m.SessionExpires(); !ok || a != b {
				t.Fatalf("%q: %+v became %+v", v, a, b)
			}
		}
		if d, ok := m.MinSE(); ok && (d < 0 || d > maxInterval) {
			t.Fatalf("%q: %v", v, d)
		}
		m.RSeq()
	})
}
