package transaction

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

const (
	b1 = "z9hG4bK-1"
	b2 = "z9hG4bK-2"
)

func (r *rig) tx() *ServerTx {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests[len(r.requests)-1]
}

func (r *rig) reply(status int) {
	r.t.Helper()
	if err := r.tx().Reply(status, ""); err != nil {
		r.t.Error(err)
	}
}

// ackTo is the ACK that a peer sends for the response that we sent last.
func (r *rig) ackTo(branch string) *message.Message {
	a := request(message.Ack, branch)
	a.To = r.last().To
	return a
}

func TestServerInvite(t *testing.T) {
	bubble(t, "100 goes by itself after 200 ms, and again for each repeat", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.at(100*ms, func() { r.receive("UDP", request(message.Invite, b1)) }) // nothing to repeat yet
		r.at(500*ms, func() { r.receive("UDP", request(message.Invite, b1)) })
		r.at(600*ms, func() { r.reply(180) })
		tag := r.last().To.Tag()
		r.at(1500*ms, func() { r.receive("UDP", request(message.Invite, b1)) })
		r.at(1600*ms, func() { r.reply(200) })
		if tag == "" || r.last().To.Tag() != tag || r.tx().ToTag() != tag {
			t.Errorf("To-tags: %q, %q, %q", tag, r.last().To.Tag(), r.tx().ToTag())
		}
		r.until(60*time.Second, "0s request INVITE", "200ms -> 100 INVITE", "500ms -> 100 INVITE", "600ms -> 180 INVITE", "1.5s -> 180 INVITE", "1.6s -> 200 INVITE", "33.6s ended INVITE: <nil>")
	})
	bubble(t, "a 100 has the Timestamp and how long it took, RFC 3261 §8.2.6.1", func(t *testing.T, r *rig) {
		req := request(message.Invite, b1)
		req.Add("Timestamp", "54.25")
		r.receive("UDP", req)
		r.at(300*ms, func() {
			if got, _ := r.last().Header("Timestamp"); got != "54.25 0.200" {
				t.Errorf("got %q", got)
			}
		})
		r.at(400*ms, func() { r.reply(200) })
		if _, there := r.last().Header("Timestamp"); there {
			t.Error("a 200 has it too")
		}
		r.until(60*time.Second, "0s request INVITE", "200ms -> 100 INVITE", "400ms -> 200 INVITE", "32.4s ended INVITE: <nil>")
	})
	bubble(t, "no 100 where the TU was quicker", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.at(100*ms, func() { r.reply(180) })
		r.at(300*ms, func() { r.reply(200) })
		r.until(60*time.Second, "0s request INVITE", "100ms -> 180 INVITE", "300ms -> 200 INVITE", "32.3s ended INVITE: <nil>")
	})
	bubble(t, "a non-2xx is repeated by timer G until timer H", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.reply(486)
		r.until(31999*ms, append([]string{"0s request INVITE"}, lines("-> 486 INVITE", "0s", "500ms", "1.5s", "3.5s", "7.5s", "11.5s", "15.5s", "19.5s", "23.5s", "27.5s", "31.5s")...)...)
		r.until(60*time.Second, "32s ended INVITE: no ACK came")
		if n := r.l.Stats().Timeouts; n != 1 {
			t.Errorf("got %d timeouts, want 1", n)
		}
	})
	bubble(t, "over TCP it is sent once until timer H", func(t *testing.T, r *rig) {
		r.receive("TCP", request(message.Invite, b1))
		r.reply(486)
		r.until(60*time.Second, "0s request INVITE", "0s -> 486 INVITE TCP", "32s ended INVITE: no ACK came")
	})
	bubble(t, "the ACK ends the repeating; timer I absorbs more of them", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.reply(486)
		ack := r.ackTo(b1)
		r.at(600*ms, func() { r.receive("UDP", ack) })
		r.at(5599*ms, func() { r.receive("UDP", ack) })
		r.until(5600*ms, "0s request INVITE", "0s -> 486 INVITE", "500ms -> 486 INVITE", "5.6s ended INVITE: <nil>")
		r.empty()
		r.at(5700*ms, func() { r.receive("UDP", ack) })
		r.until(6*time.Second, "5.7s ack up")
	})
	bubble(t, "over TCP timer I is zero", func(t *testing.T, r *rig) {
		r.receive("TCP", request(message.Invite, b1))
		r.reply(486)
		r.at(600*ms, func() { r.receive("TCP", r.ackTo(b1)) })
		r.until(time.Second, "0s request INVITE", "0s -> 486 INVITE TCP", "600ms ended INVITE: <nil>")
	})
	bubble(t, "after a 2xx repeats are absorbed, the TU repeats it, and ACKs go up until timer L", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.reply(200)
		r.at(100*ms, func() { r.receive("UDP", request(message.Invite, b1)) })
		r.at(500*ms, func() { r.reply(200) })
		r.at(600*ms, func() { r.receive("UDP", r.ackTo(b1)) })
		r.at(700*ms, func() { r.receive("UDP", r.ackTo(b2)) })
		r.at(800*ms, func() {
			if err := r.tx().Reply(486, ""); !errors.Is(err, ErrFinalSent) {
				t.Errorf("got %v, want ErrFinalSent", err)
			}
		})
		r.until(60*time.Second, "0s request INVITE", "0s -> 200 INVITE", "500ms -> 200 INVITE", "600ms ack up", "700ms ack up", "32s ended INVITE: <nil>")
		if err := r.tx().Reply(200, ""); !errors.Is(err, ErrEnded) {
			t.Errorf("got %v, want ErrEnded", err)
		}
	})
	bubble(t, "an ACK before any final response is dropped", func(t *testing.T, r *rig) {
		r.receive("TCP", request(message.Invite, b1))
		r.receive("TCP", request(message.Ack, b1))
		r.reply(486)
		r.receive("TCP", r.ackTo(b1))
		r.until(time.Second, "0s request INVITE", "0s -> 486 INVITE TCP", "0s ended INVITE: <nil>")
	})
	bubble(t, "a response that cannot be sent ends it", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.cut = true
		if err := r.tx().Reply(180, ""); !errors.Is(err, ErrTransport) || !errors.Is(err, errWire) {
			t.Errorf("got %v", err)
		}
		r.until(time.Second, "0s request INVITE", "0s ended INVITE: transport failed: the wire is cut")
	})
	bubble(t, "but not a 2xx: it is repeated", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.cut = true
		if err := r.tx().Reply(200, ""); !errors.Is(err, ErrTransport) {
			t.Errorf("got %v", err)
		}
		r.cut = false
		r.at(500*ms, func() { r.reply(200) })
		r.until(40*time.Second, "0s request INVITE", "500ms -> 200 INVITE", "32s ended INVITE: <nil>")
	})
}

func TestServerNonInvite(t *testing.T) {
	bubble(t, "repeats are answered with the last response until timer J", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Options, b1))
		r.at(100*ms, func() { r.receive("UDP", request(message.Options, b1)) })
		r.at(200*ms, func() { r.reply(200) })
		r.at(500*ms, func() { r.receive("UDP", request(message.Options, b1)) })
		r.at(32199*ms, func() { r.receive("UDP", request(message.Options, b1)) })
		r.at(32300*ms, func() {
			if err := r.tx().Reply(200, ""); !errors.Is(err, ErrEnded) {
				t.Errorf("got %v", err)
			}
		})
		r.until(40*time.Second, "0s request OPTIONS", "200ms -> 200 OPTIONS", "500ms -> 200 OPTIONS", "32.199s -> 200 OPTIONS", "32.2s ended OPTIONS: <nil>")
	})
	bubble(t, "over TCP timer J is zero", func(t *testing.T, r *rig) {
		r.receive("TCP", request(message.Options, b1))
		r.reply(200)
		r.until(time.Second, "0s request OPTIONS", "0s -> 200 OPTIONS TCP", "0s ended OPTIONS: <nil>")
	})
	bubble(t, "RFC 4320: a 100 goes by itself when timer E has reached T2, no other provisional, no 408", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Bye, b1))
		for _, status := range []int{100, 180, 408} {
			if err := r.tx().Reply(status, ""); !errors.Is(err, ErrNotAllowed) {
				t.Errorf("%d: got %v, want ErrNotAllowed", status, err)
			}
		}
		r.at(7500*ms, func() { r.receive("UDP", request(message.Bye, b1)) })
		r.until(60*time.Second, "0s request BYE", "3.5s -> 100 BYE", "7.5s -> 100 BYE", "32s ended BYE: no answer in time")
	})
	bubble(t, "RFC 4320: no 100 over TCP", func(t *testing.T, r *rig) {
		r.receive("TCP", request(message.Bye, b1))
		r.at(10*time.Second, func() { r.reply(200) })
		r.until(60*time.Second, "0s request BYE", "10s -> 200 BYE TCP", "10s ended BYE: <nil>")
	})
	bubble(t, "a second final response is refused", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Options, b1))
		r.reply(200)
		if err := r.tx().Reply(500, ""); !errors.Is(err, ErrFinalSent) {
			t.Errorf("got %v", err)
		}
		r.until(40*time.Second, "0s request OPTIONS", "0s -> 200 OPTIONS", "32s ended OPTIONS: <nil>")
	})
}

func TestServerCancel(t *testing.T) {
	bubble(t, "a CANCEL is answered, told once, and all To-tags are one", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.reply(180)
		ringing := r.last().To.Tag()
		cancel := request(message.Cancel, b1)
		r.at(100*ms, func() { r.receive("UDP", cancel) })
		ok := r.last().To.Tag()
		r.at(600*ms, func() { r.receive("UDP", cancel) })
		if !r.tx().Cancelled() {
			t.Error("not cancelled")
		}
		r.at(700*ms, func() { r.reply(487) })
		terminated := r.last().To.Tag()
		if ringing == "" || ok != ringing || terminated != ringing {
			t.Errorf("three To-tags of one call: %q %q %q", ringing, ok, terminated)
		}
		r.at(800*ms, func() { r.receive("UDP", r.ackTo(b1)) })
		r.until(60*time.Second, "0s request INVITE", "0s -> 180 INVITE", "100ms -> 200 CANCEL", "100ms cancel up", "600ms -> 200 CANCEL", "700ms -> 487 INVITE", "5.8s ended INVITE: <nil>")
	})
	bubble(t, "after a final response it is answered and changes nothing", func(t *testing.T, r *rig) {
		r.receive("TCP", request(message.Invite, b1))
		r.reply(200)
		r.receive("TCP", request(message.Cancel, b1))
		r.until(40*time.Second, "0s request INVITE", "0s -> 200 INVITE TCP", "0s -> 200 CANCEL TCP", "32s ended INVITE: <nil>")
	})
	bubble(t, "one for nothing gets 481", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Cancel, b1))
		r.until(40*time.Second, "0s -> 481 CANCEL")
		if n := r.l.Stats().StrayCancels; n != 1 {
			t.Errorf("got %d", n)
		}
	})
}

func TestMatching(t *testing.T) {
	bubble(t, "a merged request gets 482", func(t *testing.T, r *rig) {
		r.receive("TCP", request(message.Invite, b1))
		r.receive("TCP", request(message.Invite, b2))
		r.receive("TCP", r.ackTo(b2))
		in := request(message.Invite, "z9hG4bK-3")
		in.To = in.To.WithTag("d") // inside a dialog a request cannot be merged
		r.receive("TCP", in)
		r.reply(200)
		r.until(10*time.Second, "0s request INVITE", "0s -> 482 INVITE TCP", "0s request INVITE", "0s -> 200 INVITE TCP", "200ms -> 100 INVITE TCP")
		if n := r.l.Stats().Merged; n != 1 {
			t.Errorf("got %d merged, want 1", n)
		}
		if err := r.requests[0].Reply(200, ""); err != nil {
			t.Error(err)
		}
		r.at(60*time.Second, func() {})
	})
	bubble(t, "sent-by and method are part of the key", func(t *testing.T, r *rig) {
		a := request(message.Options, b1)
		b := request(message.Options, b1)
		b.Via[0].Host, b.CallID = "192.0.2.10", "c2"
		c := request(message.Info, b1)
		c.CSeq.Method = message.Info
		for _, m := range []*message.Message{a, b, c} {
			r.receive("TCP", m)
			r.reply(200)
		}
		r.until(0, "0s request OPTIONS", "0s -> 200 OPTIONS TCP", "0s ended OPTIONS: <nil>", "0s request OPTIONS", "0s -> 200 OPTIONS TCP", "0s ended OPTIONS: <nil>", "0s request INFO", "0s -> 200 INFO TCP", "0s ended INFO: <nil>")
	})
	for _, branch := range []string{"", "old", cookie} { // RFC 4475 inv2543, badbranch
		bubble(t, "a peer of RFC 2543, branch "+branch, func(t *testing.T, r *rig) {
			inv := request(message.Invite, branch)
			r.receive("UDP", inv)
			r.reply(486)
			r.at(100*ms, func() { r.receive("UDP", inv) })
			other := request(message.Invite, branch)
			other.CSeq.Seq = 2
			r.at(200*ms, func() { r.receive("UDP", other); r.reply(200) })
			ack := request(message.Ack, branch)
			ack.To = ack.To.WithTag(r.requests[0].ToTag())
			r.at(300*ms, func() { r.receive("UDP", ack) })
			ack2 := request(message.Ack, branch)
			ack2.CSeq.Seq, ack2.To = 2, r.last().To
			r.at(400*ms, func() { r.receive("UDP", ack2) })
			r.until(60*time.Second, "0s request INVITE", "0s -> 486 INVITE", "100ms -> 486 INVITE", "200ms request INVITE", "200ms -> 200 INVITE", "400ms ack up", "5.3s ended INVITE: <nil>", "32.2s ended INVITE: <nil>")
		})
	}
}

func TestBoundsAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{MaxServer: 2, MaxClient: 1})
		for i := range 3 {
			m := request(message.Invite, fmt.Sprint(b1, i))
			m.CallID = fmt.Sprint("c", i)
			r.receive("UDP", m)
		}
		after, _ := r.last().Header("Retry-After")
		if n, err := strconv.Atoi(after); err != nil || n < 10 || n > 20 || r.last().StatusCode != 503 || r.last().To.Tag() == "" {
			t.Errorf("got\n%s", r.last().Bytes())
		}
		tag, again := r.last().To.Tag(), request(message.Invite, fmt.Sprint(b1, 2))
		again.CallID = "c2"
		r.receive("UDP", again)
		if v, _ := r.last().Header("Retry-After"); r.last().To.Tag() != tag || v != after {
			t.Errorf("a repeat got tag %q, want %q, and Retry-After %s, want %s", r.last().To.Tag(), tag, v, after)
		}
		tx := r.send(message.Invite, "UDP")
		if _, err := r.l.Send(request(message.Options, ""), transport.Target{Transport: "UDP", Addr: peer}); !errors.Is(err, ErrTooMany) {
			t.Errorf("got %v, want ErrTooMany", err)
		}
		r.until(0, "0s request INVITE", "0s request INVITE", "0s -> 503 INVITE", "0s -> 503 INVITE", "0s -> INVITE")
		if s := r.l.Stats(); s.Refused != 2 || s.Servers != 2 || s.Clients != 1 {
			t.Errorf("got %+v", s)
		}
		r.l.Close()
		synctest.Wait()
		if !errors.Is(tx.Err(), ErrClosed) {
			t.Errorf("got %v, want ErrClosed", tx.Err())
		}
		if _, err := r.l.Send(request(message.Options, ""), transport.Target{Transport: "UDP", Addr: peer}); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		r.until(100*time.Second, "0s closed: transaction layer is closed") // and no timer fires any more
		r.empty()
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Timers: Timers{T1: 10 * ms, T2: 40 * ms, T4: 50 * ms, D: 320 * ms, Trying: -1}})
		defer r.l.Close()
		r.receive("UDP", request(message.Invite, b1))
		r.at(5*ms, func() { r.reply(404) })
		r.until(time.Second, append([]string{"0s -> 100 INVITE", "0s request INVITE"}, append(lines("-> 404 INVITE", "5ms", "15ms", "35ms", "75ms", "115ms", "155ms", "195ms", "235ms", "275ms", "315ms", "355ms", "395ms", "435ms", "475ms", "515ms", "555ms", "595ms", "635ms"), "645ms ended INVITE: no ACK came")...)...)
	})
}

func TestRequestsOfOneConnectionReachTheTUInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.l.Close()
		next := uint32(1)
		r.onReq = func(tx *ServerTx) {
			if got := tx.Request().CSeq.Seq; got != next {
				t.Errorf("got CSeq %d, want %d", got, next)
			}
			next++
			_ = tx.Reply(200, "")
		}
		for i := range uint32(2000) {
			m := request(message.Info, fmt.Sprint(b1, i))
			m.CSeq.Seq = i + 1
			r.receive("TCP", m)
		}
		if next != 2001 {
			t.Errorf("got %d requests", next-1)
		}
		r.empty()
	})
}
