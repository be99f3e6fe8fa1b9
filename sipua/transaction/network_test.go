package transaction

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// patience is how long a test waits for what must come; it passes as soon as it does.
const patience = 20 * time.Second

// end is one user agent on real sockets. Its TU answers by the user part of the request URI: a status, or nothing.
type end struct {
	*Layer
	m       *transport.Manager
	acks    chan *message.Message
	cancels chan *ServerTx
	ended   chan error
}

func newEnd(t *testing.T) *end {
	t.Helper()
	return newEndOn(t, "udp://127.0.0.1:0", "tcp://127.0.0.1:0")
}

func newEndOn(t *testing.T, urls ...string) *end {
	t.Helper()
	m, err := transport.Listen(t.Context(), transport.Config{Listen: urls})
	if err != nil {
		t.Fatal(err)
	}
	e := &end{m: m, acks: make(chan *message.Message, 1000), cancels: make(chan *ServerTx, 1000), ended: make(chan error, 1000)}
	e.Layer = New(Config{}, m, e)
	m.Start(e.Layer)
	t.Cleanup(func() {
		e.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func (e *end) Request(tx *ServerTx) {
	if tx.Request().Method == message.Invite {
		_ = tx.Reply(180, "")
	}
	if user := tx.Request().RequestURI.User; len(user) == 3 {
		_ = tx.Reply(status(user), "")
	}
}

func (e *end) Ack(ack *message.Message, _ transport.Flow) { e.acks <- ack }

func (e *end) Cancel(tx *ServerTx, _ *message.Message) {
	_ = tx.Reply(487, "")
	e.cancels <- tx
}

func (e *end) Ended(_ *ServerTx, err error) { e.ended <- err }

func wait[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// place sends a request to a user at another end.
func (e *end) place(t *testing.T, method message.Method, user string, to transport.Target, extra int) *ClientTx {
	t.Helper()
	m := request(method, "")
	m.Via = nil
	m.RequestURI = mustURI("sip:" + user + "@" + to.Addr.String())
	m.From = m.From.WithTag(newTag())
	m.Add("Subject", strings.Repeat("x", extra))
	tx, err := e.Send(m, to)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestTwoEndsOnRealSockets(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	for _, to := range b.m.Addrs() {
		t.Run(to.Transport, func(t *testing.T) {
			for i := range 50 {
				tx := a.place(t, message.Invite, "200", to, 0)
				ringing, ok := wait(t, tx.Responses()), wait(t, tx.Responses())
				if ringing.StatusCode != 180 || ok.StatusCode != 200 || ok.To.Tag() == "" || ok.To.Tag() != ringing.To.Tag() {
					t.Fatalf("got %d and %d, tags %q and %q", ringing.StatusCode, ok.StatusCode, ringing.To.Tag(), ok.To.Tag())
				}
				ack := request(message.Ack, "")
				ack.Via, ack.To, ack.CallID = nil, ok.To, fmt.Sprint("c", i)
				if err := a.SendAck(ack, to); err != nil {
					t.Fatal(err)
				}
				if got := wait(t, b.acks); got.CallID != ack.CallID {
					t.Errorf("got ACK of %q, want %q", got.CallID, ack.CallID)
				}
			}
			tx := a.place(t, message.Invite, "486", to, 0)
			if got := wait(t, tx.Responses()); got.StatusCode != 180 {
				t.Errorf("got %d", got.StatusCode)
			}
			if got := wait(t, tx.Responses()); got.StatusCode != 486 {
				t.Errorf("got %d", got.StatusCode)
			}
			if res, open := <-tx.Responses(); open || tx.Err() != nil {
				t.Errorf("got %v, %v behind the final response", res, tx.Err())
			}
			tx = a.place(t, message.Invite, "nobody", to, 0)
			wait(t, tx.Responses())
			if err := tx.Cancel(); err != nil {
				t.Fatal(err)
			}
			if got := wait(t, tx.Responses()); got.StatusCode != 487 {
				t.Errorf("got %d", got.StatusCode)
			}
			if !wait(t, b.cancels).Cancelled() {
				t.Error("not cancelled")
			}
			if got := wait(t, a.place(t, message.Options, "204", to, 0).Responses()); got.StatusCode != 204 {
				t.Errorf("got %d", got.StatusCode)
			}
		})
	}
}

func TestALargeRequestGoesOverTCPOnRealSockets(t *testing.T) {
	a, b := newEnd(t), newEndOn(t, samePort(t)...)
	tx := a.place(t, message.Options, "200", b.m.Addrs()[0], 2000)
	if got := wait(t, tx.Responses()); got.StatusCode != 200 || got.Via[0].Transport != "TCP" || !tx.Flow().Reliable() {
		t.Errorf("got %d over %v", got.StatusCode, tx.Flow())
	}
}

// samePort returns URLs of UDP and TCP on one free port.
func samePort(t *testing.T) []string {
	t.Helper()
	for range 50 {
		m, err := transport.Listen(t.Context(), transport.Config{Listen: []string{"tcp://127.0.0.1:0"}})
		if err != nil {
			t.Fatal(err)
		}
		at := m.Addrs()[0].Addr.String()
		other, err := transport.Listen(t.Context(), transport.Config{Listen: []string{"udp://" + at}})
		_ = m.Close()
		if err == nil {
			_ = other.Close()
			return []string{"udp://" + at, "tcp://" + at}
		}
	}
	t.Fatal("no port is free for both")
	return nil
}

func TestALargeRequestFallsBackToUDPOnRealSockets(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	// b's UDP port has no TCP listener: the connection is refused.
	tx := a.place(t, message.Options, "200", b.m.Addrs()[0], 2000)
	if got := wait(t, tx.Responses()); got.StatusCode != 200 || tx.Flow().Reliable() {
		t.Errorf("got %d over %v", got.StatusCode, tx.Flow())
	}
}

func TestNobodyThereOnRealSockets(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	tcp := b.m.Addrs()[1]
	b.Close()
	_ = b.m.Close()
	m := request(message.Invite, "")
	m.Via = nil
	tx, err := a.Send(m, tcp)
	if err == nil { // the connection was refused after Send; else before it
		if res, open := <-tx.Responses(); open {
			t.Errorf("got %v", res)
		}
		err = tx.Err()
	}
	if !errors.Is(err, ErrTransport) {
		t.Errorf("got %v, want ErrTransport", err)
	}
}

// FuzzLayer gives the layer whatever parses, several messages in a row as a peer could send them.
func FuzzLayer(f *testing.F) {
	inv := string(request(message.Invite, b1).Bytes())
	for _, seed := range []string{
		inv + "\x00" + inv + "\x00" + strings.ReplaceAll(inv, "INVITE", "ACK") + "\x00" + strings.ReplaceAll(inv, "INVITE", "CANCEL"),
		strings.ReplaceAll(inv, b1, "") + "\x00" + strings.ReplaceAll(strings.ReplaceAll(inv, b1, ""), "INVITE", "ACK"),
		strings.ReplaceAll(inv, "INVITE", "BYE") + "\x00" + strings.ReplaceAll(inv, b1, b2),
		string(message.NewResponse(request(message.Invite, b1), 200, "").Bytes()),
	} {
		f.Add([]byte(seed), uint16(486), true)
		f.Add([]byte(seed), uint16(200), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, answer uint16, tcp bool) {
		r := newRig(t, Config{MaxServer: 4, Timers: Timers{Trying: -1}})
		defer r.l.Close()
		r.onReq = func(tx *ServerTx) { _ = tx.Reply(100+int(answer)%600, "") }
		over := "UDP"
		if tcp {
			over = "TCP"
		}
		for _, one := range strings.Split(string(data), "\x00") {
			if m, err := message.Parse([]byte(one)); err == nil {
				r.l.Receive(m, flow(over))
			}
		}
	})
}

func BenchmarkServerOptions(b *testing.B) {
	l := New(Config{MaxServer: 1 << 30}, devNull{}, devNull{})
	defer l.Close()
	data := request(message.Options, "z9hG4bK-000000000").Bytes()
	at := strings.Index(string(data), "-000000000") + 1
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		copy(data[at:], fmt.Sprintf("%09d", i))
		m, err := message.Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		l.Receive(m, flow("TCP"))
	}
}

// devNull is a wire that leads nowhere and a TU that answers 200.
type devNull struct{}

func (devNull) Open(transport.Target) (transport.Flow, error)     { return transport.Flow{}, nil }
func (devNull) Send(transport.Flow, []byte) error                 { return nil }
func (devNull) Respond(transport.Flow, message.Via, []byte) error { return nil }
func (devNull) Request(tx *ServerTx)                              { _ = tx.Reply(200, "") }
func (devNull) Ack(*message.Message, transport.Flow)              {}
func (devNull) Cancel(*ServerTx, *message.Message)                {}
func (devNull) Ended(*ServerTx, error)                            {}

// A port that nobody has answers with ICMP: the transaction need not wait for timer B or F (RFC 3261 §8.1.3.1, §18.4).
func TestNobodyAtAUDPPort(t *testing.T) {
	a, b, gone := newEnd(t), newEnd(t), newEnd(t)
	dead := gone.m.Addrs()[0]
	gone.Close()
	_ = gone.m.Close()
	alive := a.place(t, message.Invite, "nobody", b.m.Addrs()[0], 0)
	wait(t, alive.Responses())
	for _, method := range []message.Method{message.Invite, message.Options} {
		tx := a.place(t, method, "200", dead, 0)
		begun := time.Now()
		if res, open := <-tx.Responses(); open {
			t.Errorf("got %v", res)
		}
		if err := tx.Err(); !errors.Is(err, ErrTransport) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: got %v", method, err)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("%s: it took %v", method, took)
		}
	}
	if err := alive.Err(); err != nil {
		t.Errorf("a transaction with somebody else: %v", err)
	}
	_ = alive.Cancel()
	if got := wait(t, alive.Responses()); got.StatusCode != 487 {
		t.Errorf("got %d", got.StatusCode)
	}
}
