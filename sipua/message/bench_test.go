package message

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkParseInvite(b *testing.B) {
	data := crlf(invite)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuildInvite(b *testing.B) {
	m := mustParse(b, crlf(invite))
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = m.AppendTo(buf[:0])
	}
}

// BenchmarkTortuousInvite is an INVITE with everything in it that slows a parser down: RFC 4475 §3.1.1.1.
func BenchmarkTortuousInvite(b *testing.B) {
	data := torture(b, "rfc4475/wsinv")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

// repetitions are what a message can have many of, and how many of it are accepted. What is beyond the limits must be refused in no
// more time than the octets take to look at.
var repetitions = []struct {
	name  string
	limit int
	extra func(n int) string
}{
	{"params", MaxParams, func(n int) string { return "Contact: <sip:a@b>" + strings.Repeat(";a=b", n) + "\n\n" }},
	{"quoted", MaxParams, func(n int) string { return "Contact: <sip:a@b>" + strings.Repeat(`;a="\b"`, n) + "\n\n" }},
	{"uri-params", MaxParams, func(n int) string { return "Contact: <sip:a@b" + strings.Repeat(";a=%62", n) + ">\n\n" }},
	{"headers", MaxHeaders - 6, func(n int) string { return strings.Repeat("X: y\n", n) + "\n" }},
	{"folds", (MaxLineBytes - 8) / 2, func(n int) string { return "X: y" + strings.Repeat("\n z", n) + "\n\n" }},
	{"values", 800, func(n int) string { return "Supported: a" + strings.Repeat(",replaces", n-1) + "\n\n" }},
	{"vias", MaxVias - 1, func(n int) string {
		return "Via: SIP/2.0/UDP a" + strings.Repeat(",SIP/2.0/UDP a;branch=b", n-1) + "\n\n"
	}},
	{"routes", MaxValues, func(n int) string { return strings.Repeat("Route: <sip:a;lr>\n", n) + "\n" }},
}

// BenchmarkRepetitions shows that time grows with the number of whatever repeats and no faster, up to the limits and beyond.
func BenchmarkRepetitions(b *testing.B) {
	for _, r := range repetitions {
		for _, n := range []int{1, 10, 100, 1000, 10000} {
			data := base("OPTIONS sip:b SIP/2.0", r.extra(n))
			b.Run(fmt.Sprintf("%s/%d", r.name, n), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					m, err := Parse(data)
					if (err == nil) != (n <= r.limit) {
						b.Fatal(err)
					}
					if err == nil {
						m.HasToken("Supported", "timer")
					}
				}
			})
		}
	}
}

// TestRepetitionsCostNoMoreThanAtTheLimits is what can be said of linear time without a clock: beyond the limits a message
// costs as many allocations as at the limits, and a few for the error.
func TestRepetitionsCostNoMoreThanAtTheLimits(t *testing.T) {
	for _, r := range repetitions {
		at := testing.AllocsPerRun(10, func() { _, _ = Parse(base("OPTIONS sip:b SIP/2.0", r.extra(r.limit))) })
		beyond := testing.AllocsPerRun(10, func() { _, _ = Parse(base("OPTIONS sip:b SIP/2.0", r.extra(10000))) })
		if beyond > at+20 {
			t.Errorf("%s: got %v allocations for 10,000, %v at the limit", r.name, beyond, at)
		}
		if _, err := Parse(base("OPTIONS sip:b SIP/2.0", r.extra(r.limit))); err != nil {
			t.Errorf("%s: %v at the limit", r.name, err)
		}
	}
}
