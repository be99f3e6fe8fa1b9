package trunk

import (
	"fmt"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
)

// BenchmarkIdentify is the work for one request: of a trunk by its address, of a stranger who is challenged, of a wrong and
// a right password.
func BenchmarkIdentify(b *testing.B) {
	book, err := New(several())
	if err != nil {
		b.Fatal(err)
	}
	stranger := from("9.9.9.9")
	signed := func(password string) *message.Message {
		t := &testing.T{}
		field := book.dare(stranger.Addr.Addr()).Fields[0]
		return request("INVITE", room, answer(t, field, "INVITE", room, "alice", password, 1))
	}
	book.guard.limit = 1 << 60 / challengePoints
	for _, row := range []struct {
		name   string
		req    *message.Message
		source Source
	}{
		{"address", request("INVITE", room), from("192.0.2.1")},
		{"challenge", request("INVITE", room), stranger},
		{"wrong", signed("guess"), stranger},
		{"right", signed("wonder"), stranger}, // a replay, from the second on
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = book.Identify(row.req, row.source)
			}
		})
	}
}

// A call out with 1,000 rooms that have called in the last minute.
func BenchmarkDial(b *testing.B) {
	book, err := New(Config{DialOut: DialOut{Domains: []string{"example.com"}, MaxCalls: 1e6, RoomCalls: 1e6, PerMinute: 1e6, RoomPerMinute: 1e6}})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		if _, err := book.Dial(fmt.Sprint(i), "", "sip:bob@example.com"); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		r, err := book.Dial("1000", "", "sip:bob@example.com")
		if err != nil {
			b.Fatal(err)
		}
		r.End()
		book.dials.mu.Lock()
		book.dials.all.placed = book.dials.all.placed[:1000] // as those of a minute
		book.dials.rooms["1000"].placed = nil
		book.dials.mu.Unlock()
	}
}
