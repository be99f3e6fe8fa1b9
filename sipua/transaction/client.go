package transaction

import (
	"fmt"
	"sync"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// maxDatagram is the largest request sent over UDP where the path MTU is not known (RFC 3261 §18.1.1).
const maxDatagram = 1300

// responsesKept is how many responses wait for the TU.
const responsesKept = 16

// ClientTx is a request that we sent, and its responses. Its methods are safe for concurrent use.
//
// Its lock is held while a message is given to the transport, which does not block and does not call back.
type ClientTx struct {
	l      *Layer
	key    key
	invite bool
	out    chan *message.Message

	mu         sync.Mutex
	req        *message.Message
	flow       transport.Flow
	fallback   *transport.Target // UDP, if the request went to TCP only for its size
	state      state
	data       []byte // the request, while it may be repeated
	ack        []byte // the ACK for a non-2xx
	closed     bool   // out is
	err        error
	wantCancel bool // Cancel was called
	cancelSent bool
	clock      clock
}

// Send sends a request in a new client transaction; not for ACK and CANCEL. The topmost Via is added here. Everything
// else, also a Contact, must be in req, which must not be changed afterwards. Errors: ErrBadRequest, ErrTooMany,
// ErrClosed, ErrTransport.
func (l *Layer) Send(req *message.Message, to transport.Target) (*ClientTx, error) {
	if !req.IsRequest() || req.Method == "" || req.Method == message.Ack || req.Method == message.Cancel || req.CSeq.Method != req.Method {
		return nil, fmt.Errorf("%w: method %q, CSeq %q", ErrBadRequest, req.Method, req.CSeq.Method)
	}
	branch := cookie + newTag()
	p, err := l.prepare(req, to, branch)
	if err != nil {
		return nil, err
	}
	return l.begin(p, branch)
}

// prepared is a request on its way.
type prepared struct {
	req      *message.Message
	flow     transport.Flow
	data     []byte
	fallback *transport.Target
}

// prepare opens a flow and writes the request for it; one too large for UDP goes over TCP if that is there.
func (l *Layer) prepare(req *message.Message, to transport.Target, branch string) (prepared, error) {
	flow, err := l.tp.Open(to)
	if err != nil {
		return prepared{}, fmt.Errorf("%w: %w", ErrTransport, err)
	}
	p := prepared{flow: flow}
	p.req, p.data = address(req, flow, branch)
	if flow.Reliable() || len(p.data) <= maxDatagram {
		return p, nil
	}
	// Where there is no TCP a large datagram is better than nothing.
	if tcp, err := l.tp.Open(transport.Target{Transport: "TCP", Addr: to.Addr}); err == nil {
		p.flow, p.fallback = tcp, &to
		p.req, p.data = address(req, tcp, branch)
	}
	return p, nil
}

// address returns the request with our Via on top, and its text (RFC 3261 §18.1.1, RFC 3581 §3).
func address(req *message.Message, f transport.Flow, branch string) (*message.Message, []byte) {
	r := *req
	r.Via = append([]message.Via{{
		Transport: f.Transport, Host: f.SentBy.Host, Port: f.SentBy.Port,
		Params: message.Params{{Name: "branch", Value: branch}, {Name: "rport"}},
	}}, req.Via...)
	if f.Transport == "TLS" { // requests to us may come by this connection: RFC 5923 §8.1
		r.Via[0].Params = r.Via[0].Params.With("alias", "")
	}
	return &r, r.Bytes()
}

// begin makes the transaction and sends the request (RFC 3261 §17.1.1.2, §17.1.2.2).
func (l *Layer) begin(p prepared, branch string) (*ClientTx, error) {
	t := &ClientTx{
		l: l, key: key{branch: branch, method: p.req.Method}, invite: p.req.Method == message.Invite,
		out: make(chan *message.Message, responsesKept), req: p.req, flow: p.flow, fallback: p.fallback, data: p.data,
	}
	t.clock.fire = t.fire
	t.mu.Lock() // responses and timers wait until it has begun
	defer t.mu.Unlock()
	if err := l.addClient(t, p.flow); err != nil {
		return nil, err
	}
	err := l.tp.Send(p.flow, p.data)
	if err != nil {
		err = t.fallBack(err)
	}
	if err != nil {
		t.state = terminated
		l.dropClient(t, p.flow)
		return nil, fmt.Errorf("%w: %w", ErrTransport, err)
	}
	t.startTimers()
	return t, nil
}

// startTimers starts A and B, or E and F. The lock is held.
func (t *ClientTx) startTimers() {
	now := time.Now()
	t.clock.clear()
	t.clock.expire(now, t.l.cfg.Timers.life())
	if !t.flow.Reliable() {
		t.clock.repeat(now, t.l.cfg.Timers.T1)
	}
	t.clock.set(now)
}

func (l *Layer) addClient(t *ClientTx, f transport.Flow) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case len(l.clients) >= l.cfg.MaxClient:
		return ErrTooMany
	}
	l.clients[t.key] = t
	l.joinFlowLocked(t, f)
	return nil
}

// joinFlowLocked makes the end of a flow t's business.
func (l *Layer) joinFlowLocked(t *ClientTx, f transport.Flow) {
	w := wayOf(f)
	if l.byFlow[w] == nil {
		l.byFlow[w] = make(map[*ClientTx]struct{})
	}
	l.byFlow[w][t] = struct{}{}
}

func (l *Layer) dropClient(t *ClientTx, f transport.Flow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clients[t.key] == t {
		delete(l.clients, t.key)
	}
	l.leaveFlowLocked(t, f)
}

// leaveFlowLocked makes the end of a flow no business of t's.
func (l *Layer) leaveFlowLocked(t *ClientTx, f transport.Flow) {
	if set := l.byFlow[wayOf(f)]; set != nil {
		if delete(set, t); len(set) == 0 {
			delete(l.byFlow, wayOf(f))
		}
	}
}

// SendAck sends an ACK for a 2xx (RFC 3261 §13.2.2.4): outside any transaction, with a Via of its own. ack is not
// changed and may be sent again when the 2xx comes again. Errors: ErrTransport.
func (l *Layer) SendAck(ack *message.Message, to transport.Target) error {
	p, err := l.prepare(ack, to, cookie+newTag())
	if err != nil {
		return err
	}
	if err := l.tp.Send(p.flow, p.data); err != nil {
		return fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return nil
}

// Request is the request as sent, with its Via.
func (t *ClientTx) Request() *message.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.req
}

// Flow is the way it took. After a fall-back from TCP to UDP (RFC 3261 §18.1.1) it is the new one.
func (t *ClientTx) Flow() transport.Flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.flow
}

// Responses are the responses in order. To an INVITE also every 2xx of every branch, repeats included, until 64*T1
// after the first (timer M of RFC 6026): the TU sends the ACK for each. The ACK for other final responses is sent
// here. The channel is closed after a final response other than a 2xx to an INVITE, after timer M, and when the
// transaction fails; then Err says why. It holds 16; of a TU that does not read the oldest are lost.
func (t *ClientTx) Responses() <-chan *message.Message { return t.out }

// Err is nil until Responses is closed, and after it if a final response came; else ErrTimeout, ErrTransport, ErrClosed.
func (t *ClientTx) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Cancel sends a CANCEL for an INVITE (RFC 3261 §9.1): now, or when the first provisional response has come. The INVITE's
// own final response, mostly 487, comes through Responses, and it may be a 2xx: then the TU sends ACK and BYE. If none
// has come 64*T1 after the CANCEL, ErrTimeout ends it. Cancelling twice does nothing. Errors: ErrNotInvite, ErrEnded
// after a final response.
func (t *ClientTx) Cancel() error {
	if !t.invite {
		return ErrNotInvite
	}
	t.mu.Lock()
	if t.state != trying && t.state != proceeding {
		t.mu.Unlock()
		return ErrEnded
	}
	t.wantCancel = true
	p, ok := t.cancelNow()
	t.mu.Unlock()
	if ok {
		_, err := t.l.begin(p, t.key.branch)
		return err
	}
	return nil
}

// cancelNow returns the CANCEL if this is the time to send it. The lock is held; begin must be called without it.
func (t *ClientTx) cancelNow() (prepared, bool) {
	if !t.wantCancel || t.cancelSent || t.state != proceeding {
		return prepared{}, false
	}
	t.cancelSent = true
	now := time.Now()
	t.clock.expire(now, t.l.cfg.Timers.life())
	t.clock.set(now)
	c := t.follow(message.Cancel)
	return prepared{req: c, flow: t.flow, data: c.Bytes()}, true
}

// follow returns a CANCEL or an ACK with what RFC 3261 §9.1 and §17.1.1.3 take from the INVITE.
func (t *ClientTx) follow(method message.Method) *message.Message {
	m := message.NewRequest(method, t.req.RequestURI)
	m.Via = t.req.Via[:1:1]
	m.Route = t.req.Route
	m.From, m.To, m.CallID = t.req.From, t.req.To, t.req.CallID
	m.CSeq = message.CSeq{Seq: t.req.CSeq.Seq, Method: method}
	return m
}

// response gives a response to its client transaction (RFC 3261 §17.1.3).
func (l *Layer) response(res *message.Message) {
	if len(res.Via) != 1 { // RFC 3261 §8.1.3.3: it was meant for somebody else
		l.count.discarded.Add(1)
		return
	}
	l.mu.Lock()
	t := l.clients[key{branch: res.Via[0].Branch(), method: res.CSeq.Method}]
	l.mu.Unlock()
	if t == nil {
		l.count.strayResponses.Add(1)
		return
	}
	t.mu.Lock()
	if v := t.req.Via[0]; v.SentBy() != res.Via[0].SentBy() { // RFC 3261 §18.1.2
		t.mu.Unlock()
		l.count.misdirected.Add(1)
		return
	}
	before := t.state
	if t.invite {
		t.inviteResponse(res)
	} else {
		t.otherResponse(res)
	}
	p, cancel := t.cancelNow()
	over, flow := t.state == terminated && before != terminated, t.flow
	t.mu.Unlock()
	if over {
		l.dropClient(t, flow)
	}
	if cancel {
		_, _ = l.begin(p, t.key.branch) // if it fails, 64*T1 ends the INVITE
	}
}

// inviteResponse is RFC 3261 §17.1.1 with RFC 6026 §7.2. The lock is held.
func (t *ClientTx) inviteResponse(res *message.Message) {
	now, timers := time.Now(), t.l.cfg.Timers
	switch status := res.StatusCode; {
	case t.state == accepted:
		if status/100 == 2 {
			t.deliver(res)
		}
	case t.state == completed:
		if status >= 300 {
			t.l.count.repeated.Add(1)
			_ = t.l.tp.Send(t.flow, t.ack)
		}
	case t.state > proceeding:
	case status < 200:
		if t.state == trying {
			t.state, t.data = proceeding, nil
			t.clock.clear()
			t.clock.set(now)
		}
		t.deliver(res)
	case status < 300:
		t.state, t.data = accepted, nil
		t.clock.clear()
		t.clock.expire(now, timers.life()) // timer M
		t.clock.set(now)
		t.deliver(res)
	default:
		t.state, t.data = completed, nil
		ack := t.follow(message.Ack)
		ack.To = res.To
		t.ack = ack.Bytes()
		err := t.l.tp.Send(t.flow, t.ack)
		t.deliver(res)
		t.finish(nil)
		t.clock.clear()
		if t.flow.Reliable() || err != nil {
			t.state = terminated // timer D is 0
		} else {
			t.clock.expire(now, timers.D)
		}
		t.clock.set(now)
	}
}

// otherResponse is RFC 3261 §17.1.2. The lock is held.
func (t *ClientTx) otherResponse(res *message.Message) {
	now := time.Now()
	switch {
	case t.state > proceeding:
	case res.StatusCode < 200:
		t.state = proceeding // timer E now repeats every T2, F goes on
		t.deliver(res)
	default:
		t.state, t.data = completed, nil
		t.deliver(res)
		t.finish(nil)
		t.clock.clear()
		if t.flow.Reliable() {
			t.state = terminated // timer K is 0
		} else {
			t.clock.expire(now, t.l.cfg.Timers.T4)
		}
		t.clock.set(now)
	}
}

// deliver gives a response to the TU; a full channel loses its oldest. The lock is held, and so this is the only sender.
func (t *ClientTx) deliver(res *message.Message) {
	if t.closed {
		return
	}
	for {
		select {
		case t.out <- res:
			return
		default:
		}
		select {
		case <-t.out:
		default:
		}
	}
}

// finish closes the channel. The lock is held.
func (t *ClientTx) finish(err error) {
	if !t.closed {
		t.closed, t.err = true, err
		close(t.out)
	}
}

// fail ends the transaction.
func (t *ClientTx) fail(err error) {
	t.mu.Lock()
	t.end(err)
	flow := t.flow
	t.mu.Unlock()
	t.l.dropClient(t, flow)
}

func (t *ClientTx) end(err error) {
	t.finish(err)
	t.state, t.data = terminated, nil
	t.clock.clear()
	t.clock.set(time.Now())
}

// lost is told that the connection has ended, or that datagrams do not arrive. A request that has had no response fails; one that went to TCP only for
// its size is sent over UDP then (RFC 3261 §18.1.1). With a provisional response the final one may still come, on a new
// connection to our listener (RFC 3261 §18.2.2).
func (t *ClientTx) lost(f transport.Flow, err error) {
	t.mu.Lock()
	if t.state != trying || wayOf(t.flow) != wayOf(f) { // it may have left the flow already
		t.mu.Unlock()
		return
	}
	if err = t.fallBack(err); err == nil {
		t.startTimers()
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	t.fail(fmt.Errorf("%w: %w", ErrTransport, err))
}

// fallBack sends a request over UDP that TCP has failed with, if it went there only for its size; else it returns err.
// The lock is held.
func (t *ClientTx) fallBack(err error) error {
	if t.fallback == nil {
		return err
	}
	flow, err := t.l.tp.Open(*t.fallback)
	t.fallback = nil
	if err != nil {
		return err
	}
	t.l.mu.Lock()
	t.l.leaveFlowLocked(t, t.flow)
	if t.l.clients[t.key] == t {
		t.l.joinFlowLocked(t, flow)
	}
	t.l.mu.Unlock()
	bare := *t.req
	bare.Via = bare.Via[1:]
	t.flow = flow
	t.req, t.data = address(&bare, flow, t.key.branch)
	return t.l.tp.Send(flow, t.data)
}

// fire runs on the timer's goroutine.
func (t *ClientTx) fire() {
	if !t.l.enter() {
		return
	}
	defer t.l.leave()
	t.mu.Lock()
	if t.state == terminated {
		t.mu.Unlock()
		return
	}
	now, timers := time.Now(), t.l.cfg.Timers
	repeat, expire := t.clock.due(now)
	switch {
	case expire && t.state <= proceeding: // timers B, F, and 64*T1 after a CANCEL
		t.l.count.timeouts.Add(1)
		t.end(ErrTimeout)
	case expire: // timers D, K, M
		t.end(nil)
	case repeat: // timers A, E
		t.l.count.repeated.Add(1)
		next := 2 * t.clock.interval
		if !t.invite {
			if next = min(next, timers.T2); t.state == proceeding {
				next = timers.T2
			}
		}
		t.clock.repeat(now, next)
		if err := t.l.tp.Send(t.flow, t.data); err != nil {
			t.end(fmt.Errorf("%w: %w", ErrTransport, err))
		}
	}
	over, flow := t.state == terminated, t.flow
	if !over {
		t.clock.set(now)
	}
	t.mu.Unlock()
	if over {
		t.l.dropClient(t, flow)
	}
}
