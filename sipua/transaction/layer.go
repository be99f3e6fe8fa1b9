package transaction

import (
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// cookie begins every branch that RFC 3261 §8.1.1.7 has made unique.
const cookie = "z9hG4bK"

// legacy begins the keys of peers that are older: no branch of theirs is like it.
const legacy = "2543"

// key is what makes a message part of a transaction (RFC 3261 §17.1.3, §17.2.3).
type key struct {
	branch string
	sentBy string // empty in a client's: its branches are its own
	method message.Method
}

// mergeKey is what is the same in two copies of one request that came by different ways (RFC 3261 §8.2.2.2).
type mergeKey struct {
	fromTag, callID string
	cseq            message.CSeq
}

// Layer is all transactions of one bridge. Its methods are safe for concurrent use. It is the transport's Handler.
type Layer struct {
	cfg   Config
	tp    Transport
	tu    Handler
	count counters
	wg    sync.WaitGroup // timers that run now

	mu      sync.Mutex // guards the tables; never held while anything else is called
	closed  bool
	servers map[key]*ServerTx
	merge   map[mergeKey]*ServerTx
	clients map[key]*ClientTx
	byFlow  map[uint64]map[*ClientTx]struct{} // on connections only
}

// New returns a layer that sends by tp and hands up to tu. Give it to the transport's Start.
func New(cfg Config, tp Transport, tu Handler) *Layer {
	return &Layer{
		cfg: cfg.withDefaults(), tp: tp, tu: tu,
		servers: make(map[key]*ServerTx), merge: make(map[mergeKey]*ServerTx),
		clients: make(map[key]*ClientTx), byFlow: make(map[uint64]map[*ClientTx]struct{}),
	}
}

// Receive takes one message from the transport, on the goroutine that read it.
func (l *Layer) Receive(msg *message.Message, from transport.Flow) {
	if msg.IsRequest() {
		l.request(msg, from)
	} else {
		l.response(msg)
	}
}

// Closed takes the end of a connection from the transport: client transactions on it that have had no response fail, or
// go on over UDP where they had left it for their size.
func (l *Layer) Closed(f transport.Flow, err error) {
	l.mu.Lock()
	list := make([]*ClientTx, 0, len(l.byFlow[f.ID]))
	for t := range l.byFlow[f.ID] {
		list = append(list, t)
	}
	delete(l.byFlow, f.ID)
	l.mu.Unlock()
	for _, t := range list {
		t.lost(f, err)
	}
}

// Close ends all transactions without a word to the peers and returns after running timers have ended. Client
// transactions end with ErrClosed. It must not be called from a callback. Close the transport after it.
func (l *Layer) Close() {
	l.mu.Lock()
	l.closed = true
	servers, clients := l.servers, l.clients
	l.servers, l.clients = make(map[key]*ServerTx), make(map[key]*ClientTx)
	clear(l.merge)
	clear(l.byFlow)
	l.mu.Unlock()
	for _, t := range servers {
		t.stop()
	}
	for _, t := range clients {
		t.fail(ErrClosed)
	}
	l.wg.Wait()
}

// enter lets a timer run, until Close; leave is its end.
func (l *Layer) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.wg.Add(1)
	return true
}

func (l *Layer) leave() { l.wg.Done() }

// serverKey is how a request finds its transaction (RFC 3261 §17.2.3). An ACK has its INVITE's.
func serverKey(m *message.Message) key {
	method := m.Method
	if method == message.Ack {
		method = message.Invite
	}
	v := &m.Via[0]
	branch := v.Branch()
	if len(branch) > len(cookie) && strings.EqualFold(branch[:len(cookie)], cookie) {
		return key{branch: branch, sentBy: v.SentBy(), method: method}
	}
	// A peer of RFC 2543: the branch alone is not unique. The To-tag is left out: it differs in the ACK.
	id := strings.Join([]string{
		legacy, m.RequestURI.String(), m.From.Tag(), m.CallID, strconv.FormatUint(uint64(m.CSeq.Seq), 10), branch,
	}, "\x00")
	return key{branch: id, sentBy: v.SentBy(), method: method}
}

// request finds the request's server transaction, or makes one and hands it up.
func (l *Layer) request(req *message.Message, from transport.Flow) {
	k := serverKey(req)
	l.mu.Lock()
	t := l.servers[k]
	l.mu.Unlock()
	switch {
	case req.Method == message.Ack:
		if t == nil || t.ack(req) {
			l.tu.Ack(req, from)
		}
	case t != nil:
		l.count.retransmissions.Add(1)
		t.again()
	case req.Method == message.Cancel:
		l.cancelRequest(k, req, from)
	default:
		l.newRequest(k, req, from)
	}
}

// newRequest makes a server transaction for a request that the TU has not seen.
func (l *Layer) newRequest(k key, req *message.Message, from transport.Flow) {
	t := newServerTx(l, k, req, from)
	mk := mergeKey{req.From.Tag(), req.CallID, req.CSeq}
	l.mu.Lock()
	if other := l.servers[k]; other != nil { // it came on two sockets at once
		l.mu.Unlock()
		other.again()
		return
	}
	if req.To.Tag() == "" && mk.fromTag != "" {
		if t.silent = l.merge[mk] != nil; !t.silent {
			t.mk = mk
		}
	}
	ok := l.addServerLocked(t)
	l.mu.Unlock()
	switch {
	case !ok:
		l.overload(t)
	case t.silent: // RFC 3261 §8.2.2.2
		l.count.merged.Add(1)
		_ = t.Reply(482, "")
	default:
		t.start()
		l.tu.Request(t)
	}
}

// addServerLocked puts a transaction into the table and says whether there was room.
func (l *Layer) addServerLocked(t *ServerTx) bool {
	if l.closed || len(l.servers) >= l.cfg.MaxServer {
		return false
	}
	l.servers[t.key] = t
	if t.mk != (mergeKey{}) {
		l.merge[t.mk] = t
	}
	return true
}

// overload answers without a transaction (RFC 3261 §8.2.7, §21.5.4).
func (l *Layer) overload(t *ServerTx) {
	l.count.refused.Add(1)
	res := message.NewResponse(t.req, 503, "").WithStatelessTag()
	res.Add("Retry-After", strconv.Itoa(int(l.cfg.RetryAfter/time.Second)))
	if err := l.tp.Respond(t.flow, t.req.Via[0], res.Bytes()); err != nil {
		l.cfg.Log.Debug("503 not sent", "remote", t.flow.Remote, "err", err)
	}
}

// cancelRequest answers a CANCEL, in a transaction of its own, and tells the TU (RFC 3261 §9.2).
func (l *Layer) cancelRequest(k key, req *message.Message, from transport.Flow) {
	t := newServerTx(l, k, req, from)
	t.silent = true
	k.method = message.Invite
	l.mu.Lock()
	invite := l.servers[k]
	if invite != nil {
		t.toTag = invite.toTag
	}
	ok := l.addServerLocked(t)
	l.mu.Unlock()
	switch {
	case !ok:
		l.overload(t)
	case invite == nil:
		l.count.strayCancels.Add(1)
		_ = t.Reply(481, "")
	default:
		_ = t.Reply(200, "")
		if invite.cancel() {
			l.tu.Cancel(invite, req)
		}
	}
}

// dropServer takes a transaction out of the tables.
func (l *Layer) dropServer(t *ServerTx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.servers[t.key] == t {
		delete(l.servers, t.key)
	}
	if l.merge[t.mk] == t {
		delete(l.merge, t.mk)
	}
}

// newTag returns a tag or branch that nobody can guess (RFC 3261 §19.3).
func newTag() string { return rand.Text() }

// Stats counts what has happened since New.
type Stats struct {
	Servers, Clients int    // transactions now
	Retransmissions  uint64 // requests that came again
	Repeated         uint64 // messages that we sent again
	Merged           uint64 // 482 sent (RFC 3261 §8.2.2.2)
	Refused          uint64 // 503 sent because of the bound
	StrayResponses   uint64 // responses that match nothing
	StrayCancels     uint64 // CANCELs that match nothing; 481 sent
	Discarded        uint64 // responses with more than one Via (RFC 3261 §8.1.3.3)
	Timeouts         uint64 // timers B, F, H fired
}

// counters are the living Stats.
type counters struct {
	retransmissions, repeated, merged, refused, strayResponses, strayCancels, discarded, timeouts atomic.Uint64
}

// Stats returns the counters as of now.
func (l *Layer) Stats() Stats {
	l.mu.Lock()
	servers, clients := len(l.servers), len(l.clients)
	l.mu.Unlock()
	c := &l.count
	return Stats{
		Servers: servers, Clients: clients,
		Retransmissions: c.retransmissions.Load(), Repeated: c.repeated.Load(), Merged: c.merged.Load(),
		Refused: c.refused.Load(), StrayResponses: c.strayResponses.Load(), StrayCancels: c.strayCancels.Load(),
		Discarded: c.discarded.Load(), Timeouts: c.timeouts.Load(),
	}
}
