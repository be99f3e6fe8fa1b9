package transaction

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// door is a Gate that does what it is told and counts.
type door struct {
	after          time.Duration // of refusals; with shut
	shut           bool
	asked, release int
}

func (d *door) Admit(_ message.Method, from netip.Addr) (time.Duration, bool) {
	if from != peer.Addr() {
		panic(from)
	}
	d.asked++
	return d.after, !d.shut
}

func (d *door) Release(netip.Addr) { d.release++ }

func gated(t *testing.T, name string, do func(t *testing.T, r *rig, d *door)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := &door{after: 7 * time.Second}
			r := newRig(t, Config{Gate: d, Server: "confbridge"})
			defer r.l.Close()
			do(t, r, d)
		})
	})
}

func TestTheGate(t *testing.T) {
	gated(t, "a refused request gets 503 without a transaction, and so do its repeats though the gate is open then", func(t *testing.T, r *rig, d *door) {
		d.shut = true
		r.receive("UDP", request(message.Invite, b1))
		first := r.last()
		d.shut = false
		r.receive("UDP", request(message.Invite, b1))
		after, _ := first.Header("Retry-After")
		again, _ := r.last().Header("Retry-After")
		if first.StatusCode != 503 || !slices.Contains(strings.Fields("7 8 9 10 11 12 13 14"), after) || again != after || first.To.Tag() == "" || first.To.Tag() != r.last().To.Tag() || d.asked != 1 {
			t.Errorf("got\n%s\n%s", first.Bytes(), r.last().Bytes())
		}
		if name, _ := first.Header("Server"); name != "confbridge" {
			t.Errorf("Server: got %q", name)
		}
		r.receive("UDP", r.ackTo(b1)) // the TU knows no dialog for it
		r.receive("UDP", request(message.Cancel, b1))
		r.until(time.Second, "0s -> 503 INVITE", "0s -> 503 INVITE", "0s -> 481 CANCEL", "0s ack up")
		r.empty()
		r.at(10*time.Second, func() { r.receive("UDP", request(message.Invite, b1)); r.reply(486) })
		r.until(11*time.Second, "10s request INVITE", "10s -> 486 INVITE", "10.5s -> 486 INVITE")
	})
	gated(t, "one that is dropped gets nothing", func(t *testing.T, r *rig, d *door) {
		d.shut, d.after = true, 0
		r.receive("UDP", request(message.Options, b1))
		r.until(time.Second)
		r.empty()
	})
	gated(t, "what is in a dialog, an ACK and a CANCEL do not pass by it", func(t *testing.T, r *rig, d *door) {
		d.shut = true
		bye := request(message.Bye, b1)
		bye.To = bye.To.WithTag("d")
		r.receive("TCP", bye)
		r.reply(200)
		r.receive("TCP", request(message.Ack, b2))
		r.receive("TCP", request(message.Cancel, b2))
		if d.asked != 0 {
			t.Errorf("asked %d times", d.asked)
		}
		r.until(time.Second, "0s request BYE", "0s -> 200 BYE TCP", "0s ended BYE: <nil>", "0s ack up", "0s -> 481 CANCEL TCP")
	})
	gated(t, "the Retry-After of many is spread", func(t *testing.T, r *rig, d *door) {
		d.shut = true
		seen := map[string]bool{}
		for i := range 200 {
			r.receive("UDP", request(message.Invite, fmt.Sprint(b1, i)))
			v, _ := r.last().Header("Retry-After")
			seen[v] = true
		}
		if len(seen) != 8 {
			t.Errorf("got %v, want 7 to 14", seen)
		}
	})
	for _, c := range []struct {
		name, method string
		released     int // at the end
		do           func(r *rig)
	}{
		{"a refusal with its ACK", "INVITE", 1, func(r *rig) { r.step("486"); r.step("ack") }},
		{"a refusal without", "INVITE", 1, func(r *rig) { r.step("486"); r.step("over") }},
		{"a 2xx whose ACK the TU has seen", "INVITE", 1, func(r *rig) { r.step("200"); r.tx().Acknowledged(); r.tx().Acknowledged() }},
		{"a 2xx without", "INVITE", 1, func(r *rig) { r.step("200"); r.step("over") }},
		{"an INVITE that still rings", "INVITE", 0, func(r *rig) { r.step("180") }},
		{"a 2xx whose ACK is under way", "INVITE", 0, func(r *rig) { r.step("200") }},
		{"a response that could not be sent", "INVITE", 1, func(r *rig) { r.cut = true; _ = r.tx().Reply(486, "") }},
		{"no INVITE", "OPTIONS", 0, func(r *rig) { r.step("200"); r.step("over") }},
	} {
		gated(t, "is given back what was taken, once: "+c.name, func(t *testing.T, r *rig, d *door) {
			r.receive("UDP", request(message.Method(c.method), b1))
			if d.release != 0 {
				t.Error("released already")
			}
			c.do(r)
			synctest.Wait()
			if d.release != c.released || d.asked != 1 {
				t.Errorf("got %d released of %d, want %d", d.release, d.asked, c.released)
			}
		})
	}
	gated(t, "is given back what Close ends", func(t *testing.T, r *rig, d *door) {
		r.receive("UDP", request(message.Invite, b1))
		r.l.Close()
		if d.release != 1 {
			t.Errorf("got %d", d.release)
		}
	})
}

// knowing is a TU that knows one dialog.
type knowing struct{ *rig }

func (knowing) InDialog(req *message.Message) bool { return req.To.Tag() == "known" }

func TestAToTagDoesNotPassTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &door{shut: true, after: time.Second}
		r := newRig(t, Config{})
		l := New(Config{Gate: d}, r, knowing{r})
		defer l.Close()
		for i, tag := range []string{"known", "forged"} {
			m := request(message.Bye, fmt.Sprint(b1, i))
			m.To = m.To.WithTag(tag)
			l.Receive(reparse(t, m), flow("TCP"))
		}
		r.until(0, "0s request BYE", "0s -> 503 BYE TCP")
	})
}

func TestRoomIsKeptForWhatIsInDialogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{MaxServer: 8})
		defer r.l.Close()
		for i := range 20 {
			m := request(message.Options, fmt.Sprint(b1, i))
			m.CallID = fmt.Sprint(i)
			if i >= 10 {
				m.To = m.To.WithTag("d")
			}
			r.receive("UDP", m)
		}
		if s := r.l.Stats(); len(r.requests) != 8 || r.requests[6].Request().To.Tag() != "d" || s.Refused != 12 {
			t.Errorf("got %d requests, %+v", len(r.requests), s)
		}
	})
}

// A response whose sent-by is not what we put into the request has been sent by somebody who guesses, or to the wrong host
// (RFC 3261 §18.1.2).
func TestAResponseWithASentByThatIsNotOursIsDropped(t *testing.T) {
	bubble(t, "another host or port", func(t *testing.T, r *rig) {
		tx := r.send(message.Options, "UDP")
		for _, change := range []func(*message.Via){
			func(v *message.Via) { v.Host = "192.0.2.66" },
			func(v *message.Via) { v.Port = 5099 },
		} {
			res := reparse(t, message.NewResponse(tx.Request(), 200, ""))
			change(&res.Via[0])
			r.l.Receive(res, flow("UDP"))
		}
		if n := r.l.Stats().Misdirected; n != 2 {
			t.Errorf("got %d misdirected", n)
		}
		r.until(100*ms, "0s -> OPTIONS")
		res := reparse(t, message.NewResponse(tx.Request(), 200, ""))
		res.Via[0].Port = 0 // 5060
		r.l.Receive(res, flow("UDP"))
		r.until(6*time.Second, "100ms response 200 ", "100ms closed: <nil>")
	})
}

// An ICMP error ends what goes to that peer and has had no response, and nothing else (RFC 3261 §8.1.3.1, §17.1.4, §18.4).
func TestAnICMPErrorEndsWhatGoesThere(t *testing.T) {
	there := transport.Flow{Transport: "UDP", Remote: peer}
	bubble(t, "before any response", func(t *testing.T, r *rig) {
		r.send(message.Invite, "UDP")
		r.send(message.Options, "UDP")
		r.at(100*ms, func() { r.l.Closed(there, errWire) })
		r.until(time.Minute, "0s -> INVITE", "0s -> OPTIONS", "100ms closed: transport failed: the wire is cut", "100ms closed: transport failed: the wire is cut")
	})
	bubble(t, "not after one: it could be forged", func(t *testing.T, r *rig) {
		tx := r.send(message.Invite, "UDP")
		r.at(100*ms, func() { r.answer(tx, 180, "x") })
		r.at(200*ms, func() { r.l.Closed(there, errWire) })
		r.at(300*ms, func() { r.answer(tx, 486, "x") })
		r.until(time.Minute, "0s -> INVITE", "100ms response 180 x", "300ms -> ACK", "300ms response 486 x", "300ms closed: <nil>")
	})
	bubble(t, "not what goes to another port, or by TCP to the same", func(t *testing.T, r *rig) {
		udp, tcp := r.send(message.Options, "UDP"), r.send(message.Options, "TCP")
		r.l.Closed(transport.Flow{Transport: "UDP", Remote: netip.AddrPortFrom(peer.Addr(), 5063)}, errWire)
		r.at(100*ms, func() { r.answer(udp, 200, "x") })
		r.l.Closed(there, errWire)
		r.at(200*ms, func() { r.answer(tcp, 200, "x") })
		r.until(time.Minute, "0s -> OPTIONS", "0s -> OPTIONS TCP", "100ms response 200 x", "100ms closed: <nil>", "200ms response 200 x", "200ms closed: <nil>")
	})
	bubble(t, "server transactions go on", func(t *testing.T, r *rig) {
		r.receive("UDP", request(message.Invite, b1))
		r.l.Closed(there, errWire)
		r.reply(486)
		r.step("ack")
		r.until(6*time.Second, "0s request INVITE", "0s -> 486 INVITE", "5s ended INVITE: <nil>")
	})
}
