package sipua

import (
	"fmt"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
)

// One connection brings thousands of requests of one dialog at once: each is answered with 200, in their order.
func TestPipelinedRequestsOfADialogAreAnsweredInOrder(t *testing.T) {
	const requests = 5000
	b := newBridge(t, nil)
	for _, method := range []message.Method{message.Info, message.Options} {
		w := b.phone(t, "TCP")
		w.call()
		var all strings.Builder
		for i := range requests {
			fmt.Fprintf(&all, "%[1]s %[2]s SIP/2.0\r\nVia: SIP/2.0/TCP %[3]s;branch=z9hG4bK%[4]s%[5]d\r\nFrom: <sip:alice@example.org>;tag=%[6]s\r\n"+
				"To: <sip:1000@bridge.example>;tag=%[7]s\r\nCall-ID: %[4]s\r\nCSeq: %[5]d %[1]s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
				method, w.target, w.host(), w.callID, w.seq+1+i, w.tag, w.toTag)
		}
		go func() { _, _ = w.conn.Write([]byte(all.String())) }()
		inversions, last := 0, uint32(w.seq)
		for range requests {
			res := w.read()
			if res.StatusCode != 200 || res.CSeq.Method != method {
				t.Fatalf("after CSeq %d: got %s", last, res.Bytes())
			}
			if res.CSeq.Seq != last+1 {
				inversions++
			}
			last = res.CSeq.Seq
		}
		if inversions != 0 {
			t.Errorf("%s: %d inversions in %d", method, inversions, requests)
		}
		w.seq += requests
		w.hangup()
	}
	b.ep.mu.Lock()
	defer b.ep.mu.Unlock()
	if b.ep.backlogged != 0 {
		t.Errorf("%d octets still count as waiting", b.ep.backlogged)
	}
}

func TestWhatWaitsForACallIsBounded(t *testing.T) {
	ep := &endpoint{calls: map[dialogID]*call{}}
	id := dialogID{"c", "l", "r"}
	c := &call{inbox: make(chan event, 2)}
	ep.calls[id] = c
	big := message.NewRequest(message.Ack, message.URI{})
	big.Body = make([]byte, 1<<20)
	taken := 0
	for i := range 40 {
		next := big.Clone()
		next.CSeq.Seq = uint32(i)
		if _, ok := ep.deliver(id, event{ack: next}); ok {
			taken++
		}
	}
	if taken != 2+backlogPerCall>>20-1 {
		t.Errorf("got %d taken", taken)
	}
	for i := range taken {
		ep.refill(c)
		select {
		case ev := <-c.inbox:
			if ev.ack.CSeq.Seq != uint32(i) {
				t.Fatalf("got %d, want %d", ev.ack.CSeq.Seq, i)
			}
		default:
			t.Fatalf("there is no %d", i)
		}
	}
	if ep.refill(c); ep.backlogged != 0 || c.backlog.octets != 0 || c.backlog.waiting.Load() {
		t.Errorf("left over: %d, %+v", ep.backlogged, c.backlog.octets)
	}
}
