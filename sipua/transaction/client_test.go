package transaction

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

const ms = time.Millisecond

func TestClientInvite(t *testing.T) {
	bubble(t, "over UDP it is repeated by timer A until timer B", func(t *testing.T, r *rig) {
		r.send(message.Invite, "UDP")
		r.until(31999*ms, lines("-> INVITE", "0s", "500ms", "1.5s", "3.5s", "7.5s", "15.5s", "31.5s")...)
		r.until(40*time.Second, "32s closed: no answer in time")
	})
	bubble(t, "over TCP it is sent once until timer B", func(t *testing.T, r *rig) {
		r.send(message.Invite, "TCP")
		r.until(40*time.Second, "0s -> INVITE TCP", "32s closed: no answer in time")
	})
	bubble(t, "a provisional response ends the repeating and the patience has no end", func(t *testing.T, r *rig) {
		tx := r.send(message.Invite, "UDP")
		r.at(600*ms, func() { r.answer(tx, 180, "x") })
		r.at(200*time.Second, func() { r.answer(tx, 486, "x") })
		r.until(300*time.Second, "0s -> INVITE", "500ms -> INVITE", "600ms response 180 x", "3m20s -> ACK", "3m20s response 486 x", "3m20s closed: <nil>")
	})
	bubble(t, "the ACK for a non-2xx is repeated for each repeat of the response until timer D", func(t *testing.T, r *rig) {
		tx := r.send(message.Invite, "UDP")
		r.at(100*ms, func() { r.answer(tx, 404, "x") })
		ack := r.last()
		inv := tx.Request()
		if ack.Method != message.Ack || len(ack.Via) != 1 || ack.Via[0].Branch() != inv.Via[0].Branch() || ack.To.Tag() != "x" ||
			ack.CSeq != (message.CSeq{Seq: inv.CSeq.Seq, Method: message.Ack}) || ack.CallID != inv.CallID || ack.From.Tag() != "a" || !ack.RequestURI.Equal(inv.RequestURI) {
			t.Errorf("ACK is wrong:\n%s", ack.Bytes())
		}
		r.at(600*ms, func() { r.answer(tx, 404, "x") })
		r.at(32099*ms, func() { r.answer(tx, 404, "x") })
		r.at(32101*ms, func() { r.answer(tx, 404, "x") }) // stray: D has fired
		r.until(40*time.Second, "0s -> INVITE", "100ms -> ACK", "100ms response 404 x", "100ms closed: <nil>", "600ms -> ACK", "32.099s -> ACK")
		if n := r.l.Stats().StrayResponses; n != 1 {
			t.Errorf("got %d stray responses, want 1", n)
		}
	})
	bubble(t, "over TCP timer D is zero", func(t *testing.T, r *rig) {
		tx := r.send(message.Invite, "TCP")
		r.at(100*ms, func() { r.answer(tx, 404, "x") })
		r.empty()
		r.until(time.Second, "0s -> INVITE TCP", "100ms -> ACK TCP", "100ms response 404 x", "100ms closed: <nil>")
	})
	bubble(t, "each 2xx of each branch goes up until timer M", func(t *testing.T, r *rig) {
		tx := r.send(message.Invite, "UDP")
		r.at(100*ms, func() { r.answer(tx, 200, "x") })
		r.at(200*ms, func() { r.answer(tx, 200, "y") })
		r.at(600*ms, func() { r.answer(tx, 200, "x") })
		r.at(700*ms, func() { r.answer(tx, 486, "z") }) // absorbed
		r.at(32099*ms, func() { r.answer(tx, 200, "x") })
		r.until(40*time.Second, "0s -> INVITE", "100ms response 200 x", "200ms response 200 y", "600ms response 200 x", "32.099s response 200 x", "32.1s closed: <nil>")
		r.answer(tx, 200, "x")
		if n := r.l.Stats().StrayResponses; n != 1 {
			t.Errorf("got %d stray responses, want 1", n)
		}
	})
	bubble(t, "a TU that does not read loses the oldest and blocks nobody", func(t *testing.T, r *rig) {
		m := request(message.Invite, "")
		m.Via = nil
		tx, err := r.l.Send(m, transport.Target{Transport: "UDP", Addr: peer})
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			r.answer(tx, 180, "x")
		}
		r.answer(tx, 486, "x")
		n, last := 0, 0
		for res := range tx.Responses() {
			n, last = n+1, res.StatusCode
		}
		if n != responsesKept || last != 486 {
			t.Errorf("got %d responses, the last %d", n, last)
		}
		r.at(33*time.Second, func() {})
	})
}

func TestClientCancel(t *testing.T) {
	bubble(t, "before the first provisional response it waits", func(t *testing.T, r *rig) {
		tx := r.send(message.Invite, "UDP")
		r.at(100*ms, func() {
			if err := tx.Cancel(); err != nil {
				t.Error(err)
			}
		})
		r.until(200*ms, "0s -> INVITE")
		r.at(300*ms, func() { r.answer(tx, 180, "x") })
		c, inv := r.last(), tx.Request()
		if c.Method != message.Cancel || c.Via[0].Branch() != inv.Via[0].Branch() || c.To.Tag() != "" || c.CSeq.Seq != inv.CSeq.Seq {
			t.Errorf("CANCEL is wrong:\n%s", c.Bytes())
		}
		r.at(310*ms, func() { r.l.Receive(reparse(t, message.NewResponse(c, 200, "")), flow("UDP")) })
		r.at(320*ms, func() { r.answer(tx, 487, "x") })
		r.until(40*time.Second, "300ms response 180 x", "300ms -> CANCEL", "320ms -> ACK", "320ms response 487 x", "320ms closed: <nil>")
		if err := tx.Cancel(); !errors.Is(err, ErrEnded) {
			t.Errorf("got %v, want ErrEnded", err)
		}
	})
	bubble(t, "after 64*T1 without a final response the INVITE is over", func(t *testing.T, r *rig) {
		tx := r.send(message.Invite, "TCP")
		r.at(100*ms, func() { r.answer(tx, 180, "x") })
		r.at(time.Second, func() { _ = tx.Cancel(); _ = tx.Cancel() })
		r.until(60*time.Second, "0s -> INVITE TCP", "100ms response 180 x", "1s -> CANCEL TCP", "33s closed: no answer in time")
	})
	bubble(t, "only an INVITE can be cancelled", func(t *testing.T, r *rig) {
		tx := r.send(message.Options, "TCP")
		if err := tx.Cancel(); !errors.Is(err, ErrNotInvite) {
			t.Errorf("got %v", err)
		}
		r.answer(tx, 200, "x")
		r.until(time.Second, "0s -> OPTIONS TCP", "0s response 200 x", "0s closed: <nil>")
	})
}

func TestClientNonInvite(t *testing.T) {
	bubble(t, "over UDP it is repeated by timer E, at most every T2, until timer F", func(t *testing.T, r *rig) {
		r.send(message.Options, "UDP")
		r.until(40*time.Second, append(lines("-> OPTIONS", "0s", "500ms", "1.5s", "3.5s", "7.5s", "11.5s", "15.5s", "19.5s", "23.5s", "27.5s", "31.5s"), "32s closed: no answer in time")...)
	})
	bubble(t, "over TCP it is sent once", func(t *testing.T, r *rig) {
		r.send(message.Options, "TCP")
		r.until(40*time.Second, "0s -> OPTIONS TCP", "32s closed: no answer in time")
	})
	bubble(t, "after a provisional response it is repeated every T2", func(t *testing.T, r *rig) {
		tx := r.send(message.Bye, "UDP")
		r.at(600*ms, func() { r.answer(tx, 100, "") })
		r.until(14*time.Second, "0s -> BYE", "500ms -> BYE", "600ms response 100 ", "1.5s -> BYE", "5.5s -> BYE", "9.5s -> BYE", "13.5s -> BYE")
		r.until(40*time.Second, append(lines("-> BYE", "17.5s", "21.5s", "25.5s", "29.5s"), "32s closed: no answer in time")...)
	})
	bubble(t, "the final response comes once, repeats are absorbed until timer K", func(t *testing.T, r *rig) {
		tx := r.send(message.Bye, "UDP")
		r.at(100*ms, func() { r.answer(tx, 200, "x") })
		r.at(5099*ms, func() { r.answer(tx, 200, "x") })
		if n := r.l.Stats().StrayResponses; n != 0 {
			t.Errorf("got %d stray responses, want 0", n)
		}
		r.at(5101*ms, func() { r.answer(tx, 200, "x") })
		if n := r.l.Stats().StrayResponses; n != 1 {
			t.Errorf("got %d stray responses, want 1", n)
		}
		r.until(10*time.Second, "0s -> BYE", "100ms response 200 x", "100ms closed: <nil>")
	})
}

func TestClientTransport(t *testing.T) {
	long := func() *message.Message {
		m := request(message.Invite, "")
		m.Via = nil
		m.Add("Subject", strings.Repeat("x", 1300))
		return m
	}
	bubble(t, "a request over 1300 octets goes over TCP", func(t *testing.T, r *rig) {
		tx, err := r.l.Send(long(), transport.Target{Transport: "UDP", Addr: peer})
		if err != nil {
			t.Fatal(err)
		}
		if v := tx.Request().Via[0]; v.Transport != "TCP" || v.Host != "192.0.2.1" || !v.Params.Has("rport") || !strings.HasPrefix(v.Branch(), cookie) {
			t.Errorf("Via: %+v", v)
		}
		r.follow(tx)
		r.at(0, func() { r.answer(tx, 486, "x") })
		r.until(time.Second, "0s -> INVITE TCP", "0s -> ACK TCP", "0s response 486 x", "0s closed: <nil>")
	})
	bubble(t, "if that connection fails it goes over UDP, in the same transaction", func(t *testing.T, r *rig) {
		tx, err := r.l.Send(long(), transport.Target{Transport: "UDP", Addr: peer})
		if err != nil {
			t.Fatal(err)
		}
		branch := tx.Request().Via[0].Branch()
		r.follow(tx)
		r.at(100*ms, func() { r.l.Closed(flow("TCP"), errWire) })
		if v := tx.Request().Via; len(v) != 1 || v[0].Transport != "UDP" || v[0].Branch() != branch || tx.Flow().Reliable() {
			t.Errorf("Via: %+v", v)
		}
		r.at(700*ms, func() { r.answer(tx, 404, "x") })
		r.until(40*time.Second, "0s -> INVITE TCP", "100ms -> INVITE", "600ms -> INVITE", "700ms -> ACK", "700ms response 404 x", "700ms closed: <nil>")
	})
	bubble(t, "if that fails at once too, and the connection's end is told only then", func(t *testing.T, r *rig) {
		r.cutTCP = true
		tx, err := r.l.Send(long(), transport.Target{Transport: "UDP", Addr: peer})
		if err != nil || tx.Flow().Reliable() {
			t.Fatal(err)
		}
		r.l.mu.Lock()
		if r.l.byFlow[way{conn: 7}] != nil {
			t.Error("it still hangs on the connection")
		}
		r.l.mu.Unlock()
		r.follow(tx)
		r.at(100*ms, func() { tx.lost(flow("TCP"), errWire) })
		r.at(200*ms, func() { r.answer(tx, 404, "x") })
		r.until(40*time.Second, "0s -> INVITE", "200ms -> ACK", "200ms response 404 x", "200ms closed: <nil>")
	})
	bubble(t, "without TCP it goes as a large datagram", func(t *testing.T, r *rig) {
		r.noTCP = true
		tx, err := r.l.Send(long(), transport.Target{Transport: "UDP", Addr: peer})
		if err != nil || tx.Flow().Reliable() {
			t.Fatal(err)
		}
		r.answer(tx, 200, "x")
		r.at(33*time.Second, func() {})
	})
	bubble(t, "a lost connection ends what has had no response, and only that", func(t *testing.T, r *rig) {
		tx := r.send(message.Invite, "TCP")
		other := r.send(message.Options, "TCP")
		r.at(100*ms, func() { r.answer(tx, 180, "x") })
		r.at(200*ms, func() { r.l.Closed(flow("TCP"), errWire) })
		if err := other.Err(); !errors.Is(err, ErrTransport) || !errors.Is(err, errWire) {
			t.Errorf("got %v", err)
		}
		r.at(300*ms, func() { r.answer(tx, 200, "x") })
		r.until(40*time.Second, "0s -> INVITE TCP", "0s -> OPTIONS TCP", "100ms response 180 x", "200ms closed: transport failed: the wire is cut", "300ms response 200 x", "32.3s closed: <nil>")
	})
	bubble(t, "an error at once is Send's", func(t *testing.T, r *rig) {
		r.cut = true
		m := request(message.Options, "")
		if _, err := r.l.Send(m, transport.Target{Transport: "UDP", Addr: peer}); !errors.Is(err, ErrTransport) {
			t.Errorf("got %v", err)
		}
		if _, err := r.l.Send(request(message.Ack, ""), transport.Target{Transport: "UDP", Addr: peer}); !errors.Is(err, ErrBadRequest) {
			t.Errorf("got %v", err)
		}
	})
	bubble(t, "an error at a repeat ends it", func(t *testing.T, r *rig) {
		r.send(message.Options, "UDP")
		r.at(100*ms, func() { r.mu.Lock(); r.cut = true; r.mu.Unlock() })
		r.until(time.Second, "0s -> OPTIONS", "500ms closed: transport failed: the wire is cut")
	})
	bubble(t, "a response with two Via is not for us", func(t *testing.T, r *rig) { // RFC 4475 bcast
		tx := r.send(message.Options, "UDP")
		r.at(100*ms, func() {
			res := message.NewResponse(tx.Request(), 200, "")
			res.Via = append(res.Via, res.Via[0])
			r.l.Receive(reparse(t, res), flow("UDP"))
		})
		if n := r.l.Stats().Discarded; n != 1 {
			t.Errorf("got %d discarded, want 1", n)
		}
		r.at(200*ms, func() { r.answer(tx, 200, "x") })
		r.until(6*time.Second, "0s -> OPTIONS", "200ms response 200 x", "200ms closed: <nil>")
	})
	bubble(t, "an ACK for a 2xx has a branch of its own", func(t *testing.T, r *rig) {
		ack := request(message.Ack, "")
		ack.Via = nil
		if err := r.l.SendAck(ack, transport.Target{Transport: "UDP", Addr: peer}); err != nil {
			t.Fatal(err)
		}
		if len(ack.Via) != 0 || !strings.HasPrefix(r.last().Via[0].Branch(), cookie) {
			t.Error("Via of the ACK")
		}
		r.until(time.Second, "0s -> ACK")
	})
}
