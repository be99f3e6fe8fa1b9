package transaction

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errWire = errors.New("the wire is cut")

// rig is a layer between a fake wire and a TU that writes down what happens, and when, in the bubble's time.
type rig struct {
	t     *testing.T
	start time.Time
	l     *Layer

	mu       sync.Mutex
	log      []string
	sent     []*message.Message
	flows    []transport.Flow
	cut      bool // Send and Respond fail
	cutTCP   bool // Send and Respond fail on TCP
	noTCP    bool // Open fails for TCP
	requests []*ServerTx
	onReq    func(*ServerTx)
}

func newRig(t *testing.T, cfg Config) *rig {
	r := &rig{t: t, start: time.Now()}
	r.l = New(cfg, r, r)
	return r
}

func (r *rig) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, time.Since(r.start).String()+" "+fmt.Sprintf(format, args...))
}

// The wire.

var peer = netip.MustParseAddrPort("192.0.2.9:5062")

func (r *rig) Open(t transport.Target) (transport.Flow, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.Transport == "TCP" && r.noTCP {
		return transport.Flow{}, transport.ErrNoListener
	}
	return flow(t.Transport), nil
}

func flow(name string) transport.Flow {
	id := uint64(1)
	if name == "TCP" {
		id = 7
	}
	return transport.Flow{Transport: name, Remote: peer, SentBy: transport.HostPort{Host: "192.0.2.1", Port: 5060}, ID: id}
}

func (r *rig) Send(f transport.Flow, data []byte) error {
	m, err := message.Parse(data)
	if err != nil {
		r.t.Errorf("sent: %v\n%s", err, data)
		return nil
	}
	r.mu.Lock()
	if r.cut || r.cutTCP && f.Reliable() {
		r.mu.Unlock()
		return errWire
	}
	r.sent = append(r.sent, m)
	r.flows = append(r.flows, f)
	r.mu.Unlock()
	over := ""
	if f.Reliable() {
		over = " " + f.Transport
	}
	if m.IsRequest() {
		r.note("-> %s%s", m.Method, over)
	} else {
		r.note("-> %d %s%s", m.StatusCode, m.CSeq.Method, over)
	}
	return nil
}

func (r *rig) Respond(f transport.Flow, _ message.Via, data []byte) error { return r.Send(f, data) }

func (r *rig) last() *message.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent[len(r.sent)-1]
}

// The TU.

func (r *rig) Request(tx *ServerTx) {
	r.note("request %s", tx.Request().Method)
	r.mu.Lock()
	r.requests = append(r.requests, tx)
	do := r.onReq
	r.mu.Unlock()
	if do != nil {
		do(tx)
	}
}

func (r *rig) Ack(ack *message.Message, _ transport.Flow) { r.note("ack up") }

func (r *rig) Cancel(tx *ServerTx, cancel *message.Message) {
	r.note("cancel up")
}

func (r *rig) Ended(tx *ServerTx, err error) { r.note("ended %s: %v", tx.Request().Method, err) }

// follow writes down a client transaction's responses.
func (r *rig) follow(tx *ClientTx) {
	go func() {
		for res := range tx.Responses() {
			r.note("response %d %s", res.StatusCode, res.To.Tag())
		}
		r.note("closed: %v", tx.Err())
	}()
}

// at runs do at a time since the start, after all that is due by then.
func (r *rig) at(d time.Duration, do func()) {
	time.Sleep(d - time.Since(r.start))
	synctest.Wait()
	do()
	synctest.Wait()
}

// until lets time pass and compares what has been written down, then forgets it.
func (r *rig) until(d time.Duration, want ...string) {
	r.t.Helper()
	r.at(d, func() {})
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(sameInstant(want), sameInstant(r.log)); diff != "" {
		r.t.Errorf("by %v (-want +got):\n%s", d, diff)
	}
	r.log = nil
}

// sameInstant sorts what is written down for one instant: the order of two goroutines then is nobody's business.
func sameInstant(log []string) []string {
	out := slices.Clone(log)
	for i := 0; i < len(out); {
		at, _, _ := strings.Cut(out[i], " ")
		j := i + 1
		for j < len(out) && strings.HasPrefix(out[j], at+" ") {
			j++
		}
		slices.Sort(out[i:j])
		i = j
	}
	return out
}

func (r *rig) empty() {
	r.t.Helper()
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	if len(r.l.servers)+len(r.l.clients)+len(r.l.merge)+len(r.l.byFlow) != 0 {
		r.t.Errorf("left over: %d servers, %d clients, %d merge keys, %d flows", len(r.l.servers), len(r.l.clients), len(r.l.merge), len(r.l.byFlow))
	}
}

// receive gives the layer a request as a peer would send it.
func (r *rig) receive(over string, m *message.Message) {
	r.l.Receive(reparse(r.t, m), flow(over))
}

func reparse(t *testing.T, m *message.Message) *message.Message {
	t.Helper()
	again, err := message.Parse(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func request(method message.Method, branch string) *message.Message {
	m := message.NewRequest(method, mustURI("sip:1000@bridge.example.com"))
	m.Via = []message.Via{{Transport: "UDP", Host: "192.0.2.9", Port: 5062, Params: message.Params{{Name: "branch", Value: branch}}}}
	m.From = message.Address{URI: mustURI("sip:alice@example.com")}.WithTag("a")
	m.To = message.Address{URI: mustURI("sip:1000@bridge.example.com")}
	m.CallID = "c1"
	return m
}

func mustURI(s string) message.URI {
	u, err := message.ParseURI(s)
	if err != nil {
		panic(err)
	}
	return u
}

// answer is a response of the peer to what we sent last, with a To-tag.
func (r *rig) answer(tx *ClientTx, status int, tag string) {
	res := message.NewResponse(tx.Request(), status, "")
	if tag != "" {
		res.To = res.To.WithTag(tag)
	}
	r.l.Receive(reparse(r.t, res), tx.Flow())
}

func (r *rig) send(method message.Method, over string) *ClientTx {
	r.t.Helper()
	m := request(method, "")
	m.Via = nil
	tx, err := r.l.Send(m, transport.Target{Transport: over, Addr: peer})
	if err != nil {
		r.t.Fatal(err)
	}
	r.follow(tx)
	return tx
}

// bubble runs a test in virtual time and checks at its end that nothing is left.
func bubble(t *testing.T, name string, do func(t *testing.T, r *rig)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Config{})
			defer r.l.Close()
			do(t, r)
			r.empty()
		})
	})
}

// lines makes one log line for each time.
func lines(what string, times ...string) []string {
	out := make([]string, len(times))
	for i, at := range times {
		out[i] = strings.TrimSpace(at + " " + what)
	}
	return out
}
