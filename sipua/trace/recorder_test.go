package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testWait = 20 * time.Second

var (
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	local = netip.MustParseAddrPort("198.51.100.1:5060")
	peer  = netip.MustParseAddrPort("192.0.2.1:5062")
	udp   = transport.Flow{Transport: "UDP", Local: local, Remote: peer}
)

func newRecorder(t *testing.T, cfg Config) *Recorder {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Start(t.Context())
	t.Cleanup(r.Close)
	return r
}

// request is a small one of a call.
func request(method, callID, from, to string, cseq int) []byte {
	return fmt.Appendf(nil, "%s sip:%s@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=1\r\n"+
		"To: <sip:%s@h>\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n", method, to, from, to, callID, cseq, method)
}

func texts(all []Message) []string {
	var out []string
	for _, m := range all {
		line, _, _ := strings.Cut(m.Text, "\r\n")
		out = append(out, m.CallID+" "+strings.Fields(line)[0])
	}
	return out
}

func wantTexts(t *testing.T, all []Message, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, texts(all)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestMessagesAreFoundByCallAndParty(t *testing.T) {
	r := newRecorder(t, Config{})
	r.Message(noon, false, udp, request("INVITE", "one", "ann", "1000", 1))
	r.Message(noon.Add(time.Second), false, udp, request("OPTIONS", "two", "bob", "1000", 1))
	r.Message(noon.Add(2*time.Second), true, udp, request("BYE", "one", "1000", "ann", 2))
	r.Message(noon.Add(3*time.Second), false, udp, []byte("hello"))
	for _, tt := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{"one INVITE", "two OPTIONS", "one BYE", " hello"}},
		{Filter{CallID: "one"}, []string{"one INVITE", "one BYE"}},
		{Filter{From: "ann"}, []string{"one INVITE", "one BYE"}},
		{Filter{From: "sip:ann@EXAMPLE.com"}, []string{"one INVITE", "one BYE"}},
		{Filter{From: "ann@example.org"}, nil},
		{Filter{To: "1000"}, []string{"one INVITE", "two OPTIONS", "one BYE"}},
		{Filter{To: "1000", From: "bob"}, []string{"two OPTIONS"}},
		{Filter{CallID: "three"}, nil},
		{Filter{Unreadable: true}, []string{" hello"}},
	} {
		t.Run(fmt.Sprintf("%+v", tt.filter), func(t *testing.T) { wantTexts(t, r.Snapshot(tt.filter), tt.want...) })
	}
	got := r.Calls(Filter{}, 10)
	want := []Call{
		{CallID: "one", From: "<sip:ann@example.com>;tag=1", To: "<sip:1000@h>", First: noon, Last: noon.Add(2 * time.Second), Messages: 2, Invite: true},
		{CallID: "two", From: "<sip:bob@example.com>;tag=1", To: "<sip:1000@h>", First: noon.Add(time.Second), Last: noon.Add(time.Second), Messages: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := r.Calls(Filter{}, 1); len(got) != 1 || got[0].CallID != "one" {
		t.Errorf("the newest one: got %v", got)
	}
}

func TestAMessageSaysWhereItWentAndWhatIsWrongWithIt(t *testing.T) {
	r := newRecorder(t, Config{})
	good := request("INVITE", "one", "ann", "1000", 1)
	r.Message(noon, true, udp, good)
	r.Message(noon, false, udp, []byte(strings.Replace(string(good), "CSeq: 1 ", "CSeq: x ", 1)))
	all := r.Snapshot(Filter{CallID: "one"})
	if len(all) != 2 {
		t.Fatalf("got %d messages, want 2", len(all))
	}
	want := Message{
		Time: noon, Sent: true, Transport: "UDP", Local: local, Remote: peer, Text: string(good), Size: len(good), CallID: "one",
	}
	if diff := cmp.Diff(want, all[0], cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := "Bad Request: CSeq: sequence number is not below 2^31"; all[1].Fault != want {
		t.Errorf("got fault %q, want %q", all[1].Fault, want)
	}
}

func TestTheOldestCallsGoFirst(t *testing.T) {
	r := newRecorder(t, Config{Calls: 3})
	for i := range 5 {
		r.Message(noon, false, udp, request("INVITE", fmt.Sprint("call", i), "ann", "1000", 1))
		if i == 3 { // it is heard of again, and stays
			r.Message(noon, false, udp, request("BYE", "call1", "ann", "1000", 2))
		}
	}
	wantTexts(t, r.Snapshot(Filter{}), "call1 INVITE", "call3 INVITE", "call1 BYE", "call4 INVITE")
	if len(r.byID) != 3 {
		t.Errorf("%d calls are in the map, want 3", len(r.byID))
	}
}

func TestOfALongCallTheBeginningAndTheNewestStay(t *testing.T) {
	r := newRecorder(t, Config{Messages: 8})
	for i := range 20 {
		r.Message(noon, false, udp, request("INVITE", "one", "ann", "1000", i+1))
	}
	var seqs []int
	for _, m := range r.Snapshot(Filter{CallID: "one"}) {
		var n int
		if _, err := fmt.Sscanf(m.Text[strings.Index(m.Text, "CSeq:"):], "CSeq: %d", &n); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, n)
	}
	if diff := cmp.Diff([]int{1, 2, 15, 16, 17, 18, 19, 20}, seqs); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if got := r.Calls(Filter{}, 1)[0]; got.Missing != 12 || got.Messages != 8 {
		t.Errorf("got %+v, want 12 missing", got)
	}
}

// A scanner's OPTIONS, or garbage, must not push out calls; and nothing it sends may take more than its share.
func TestAFloodTakesNoMoreThanItsShare(t *testing.T) {
	const limit = 1 << 20
	r := newRecorder(t, Config{Bytes: limit})
	r.Message(noon, false, udp, request("INVITE", "real", "ann", "1000", 1))
	big := strings.Repeat("x", 2*MaxText)
	for i := range 3000 {
		from := transport.Flow{Transport: "UDP", Local: local, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5060)}
		r.Message(noon, false, from, []byte(string(request("OPTIONS", fmt.Sprint("scan", i), "x", "y", 1))+big))
		r.Message(noon, false, from, []byte(big))
	}
	if got := r.Snapshot(Filter{CallID: "real"}); len(got) != 1 {
		t.Error("the call was pushed out")
	}
	for name, p := range map[string]*pool{"others": &r.others, "broken": &r.broken} {
		sum, n := 0, 0
		for c := p.oldest; c != nil; c = c.newer {
			n++
			sum += callCost
			for _, rec := range c.records {
				sum += rec.cost()
			}
		}
		if sum != p.bytes || n != p.calls || sum > limit/8 || n == 0 {
			t.Errorf("%s: %d calls with %d bytes; it says %d and %d", name, n, sum, p.calls, p.bytes)
		}
	}
	if len(r.byID) != r.calls.calls+r.others.calls || len(r.bySrc) != r.broken.calls {
		t.Errorf("maps of %d and %d entries for %d, %d, %d", len(r.byID), len(r.bySrc), r.calls.calls, r.others.calls, r.broken.calls)
	}
	for _, m := range r.Snapshot(Filter{Unreadable: true}) {
		if len(m.Text) != MaxText || m.Size != len(big) {
			t.Errorf("kept %d octets of %d, want %d", len(m.Text), m.Size, MaxText)
		}
	}
}

func TestNothingKeptIsSecretAndTheCallersBufferStaysAsItWas(t *testing.T) {
	r := newRecorder(t, Config{})
	text := strings.Replace(string(request("INVITE", "one", "ann", "1000", 1)), "Content-Length", "Authorization: Digest response=\"abc\"\r\nContent-Length", 1)
	data := []byte(text)
	r.Message(noon, false, udp, data)
	if string(data) != text {
		t.Error("the message itself was changed")
	}
	if got := r.Snapshot(Filter{})[0].Text; strings.Contains(got, "abc") || !strings.Contains(got, `response="***"`) {
		t.Errorf("got %s", got)
	}
	clear(data) // it was only lent
	if got := r.Snapshot(Filter{})[0].Text; !strings.HasPrefix(got, "INVITE") {
		t.Errorf("got %q", got)
	}
}

func TestAWatchTellsWhatWasAndWhatComes(t *testing.T) {
	r := newRecorder(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	r.Message(noon, false, udp, request("INVITE", "one", "ann", "1000", 1))
	w, err := r.Watch(Filter{From: "ann"}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	go func() {
		r.Message(noon, false, udp, request("INVITE", "two", "bob", "1000", 1))
		r.Message(noon, false, udp, request("BYE", "one", "ann", "1000", 2))
		r.Message(noon, false, udp, request("INVITE", "three", "ann", "1000", 1))
	}()
	var all []Message
	for range 3 {
		m, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	wantTexts(t, all, "one INVITE", "one BYE", "three INVITE")
	gone, stop := context.WithCancel(ctx)
	stop()
	if _, err := w.Next(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context is done", err)
	}
	r.Close()
	if _, err := w.Next(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want that it is closed", err)
	}
}

func TestAWatchOfWhatWasEnds(t *testing.T) {
	r := newRecorder(t, Config{})
	r.Message(noon, false, udp, request("INVITE", "one", "ann", "1000", 1))
	w, err := r.Watch(Filter{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Next(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := w.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end", err)
	}
}

func TestASlowWatcherIsToldWhatItMissed(t *testing.T) {
	r := newRecorder(t, Config{})
	w, err := r.Watch(Filter{}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	const more = 7
	for i := range queueLen + more {
		r.Message(noon, false, udp, request("INVITE", "one", "ann", "1000", i+1))
	}
	for i := range queueLen {
		if _, err := w.Next(t.Context()); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	_, err = w.Next(t.Context())
	missed, ok := errors.AsType[*MissedError](err)
	if !ok || missed.Count != more {
		t.Fatalf("got %v, want %d missed", err, more)
	}
	r.Message(noon, false, udp, request("BYE", "one", "ann", "1000", 9))
	if m, err := w.Next(t.Context()); err != nil || !strings.HasPrefix(m.Text, "BYE") {
		t.Errorf("got %v, %v, want the BYE", m, err)
	}
}

func TestWatchesAreBounded(t *testing.T) {
	r := newRecorder(t, Config{})
	for i := range MaxWatches {
		w, err := r.Watch(Filter{}, true)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			defer func() {
				w.Close()
				again, err := r.Watch(Filter{}, true)
				if err != nil {
					t.Fatalf("after one has gone: %v", err)
				}
				again.Close()
			}()
		} else {
			defer w.Close()
		}
	}
	if _, err := r.Watch(Filter{}, true); !errors.Is(err, ErrTooManyWatches) {
		t.Errorf("got %v", err)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for _, cfg := range []Config{{Calls: -1}, {Bytes: -1}, {Homer: Homer{Addr: "homer"}}, {Homer: Homer{Addr: "h:1", Password: strings.Repeat("x", 256)}}} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: got %v", cfg, err)
		}
	}
}

// FuzzMessage: whatever comes is kept or forgotten, and the sums stay right.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(invite), []byte("INVITE x SIP/2.0\r\ni: y\r\n\r\n"))
	f.Add([]byte{}, []byte("SIP/2.0 200\r\nCall-ID:"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		r := newRecorder(t, Config{Calls: 2, Messages: 2, Bytes: 4096})
		for range 3 {
			r.Message(noon, false, udp, a)
			r.Message(noon, true, udp, b)
		}
		r.Snapshot(Filter{From: "ann"})
		if n := len(r.byID); n != r.calls.calls+r.others.calls {
			t.Fatalf("%d calls in the map", n)
		}
	})
}

func BenchmarkMessage(b *testing.B) {
	r, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	data := []byte(invite)
	at := strings.Index(invite, "a84b4c")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%7 == 0 { // seven messages a call
			copy(data[at:], fmt.Appendf(nil, "%06d", i/7%1000000))
		}
		r.Message(noon, false, udp, data)
	}
}

func BenchmarkParse(b *testing.B) {
	data := []byte(invite)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := message.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAMessageCostsFewAllocations(t *testing.T) {
	r := newRecorder(t, Config{})
	data := []byte(invite)
	for range 200 {
		r.Message(noon, false, udp, data)
	}
	if got := testing.AllocsPerRun(200, func() { r.Message(noon, false, udp, data) }); got > 2 {
		t.Errorf("%v allocations, want the text and the record", got)
	}
}
