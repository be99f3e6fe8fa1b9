package transaction

import (
	"crypto/rand"
	"hash/maphash"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

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
	cfg Config
	tp  Transport
	tu  Handler
	// dialogs is the TU, if it can tell which dialogs there are.
	dialogs Dialogs
	count   counters
	wg      sync.WaitGroup // timers that run now
	refused refused

	mu      sync.Mutex // guards the tables; never held while anything else is called
	closed  bool
	servers map[key]*ServerTx
	merge   map[mergeKey]*ServerTx
	clients map[key]*ClientTx
	byFlow  map[way]map[*ClientTx]struct{}
}

// way is what fails for several transactions at once: a connection, or the datagrams to one peer.
type way struct {
	conn uint64
	peer netip.AddrPort
}

func wayOf(f transport.Flow) way {
	if f.Reliable() {
		return way{conn: f.ID}
	}
	return way{peer: f.Remote}
}

// New returns a layer that sends by tp and hands up to tu. Give it to the transport's Start.
func New(cfg Config, tp Transport, tu Handler) *Layer {
	l := &Layer{
		cfg: cfg.withDefaults(), tp: tp, tu: tu,
		servers: make(map[key]*ServerTx), merge: make(map[mergeKey]*ServerTx),
		clients: make(map[key]*ClientTx), byFlow: make(map[way]map[*ClientTx]struct{}),
	}
	l.refused.seed = maphash.MakeSeed()
	l.dialogs, _ = tu.(Dialogs)
	return l
}

// Receive takes one message from the transport, on the goroutine that read it.
func (l *Layer) Receive(msg *message.Message, from transport.Flow) {
	if msg.IsRequest() {
		l.request(msg, from)
	} else {
		l.response(msg)
	}
}

// Closed takes the end of a connection from the transport, or that datagrams do not arrive at a peer (RFC 3261 §8.1.3.1, §18.4):
// client transactions that go there and have had no response fail, or go on over UDP where they had left it for their size.
func (l *Layer) Closed(f transport.Flow, err error) {
	l.mu.Lock()
	list := make([]*ClientTx, 0, len(l.byFlow[wayOf(f)]))
	for t := range l.byFlow[wayOf(f)] {
		list = append(list, t)
	}
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
	room, held := l.cfg.MaxServer, false
	if !l.inDialog(req) {
		room -= room / 4 // the rest is for calls that stand
		if l.cfg.Gate != nil {
			if !l.admit(k, req, from) {
				return
			}
			held = req.Method == message.Invite
		}
	}
	t := newServerTx(l, k, req, from)
	t.held.Store(held)
	l.mu.Lock()
	other := l.servers[t.key]
	if other == nil && req.To.Tag() == "" && t.id.fromTag != "" {
		t.silent = l.merge[t.id] != nil
		t.unique = !t.silent
	}
	ok := other == nil && l.addServerLocked(t, room)
	l.mu.Unlock()
	switch {
	case other != nil: // it came on two sockets at once
		t.release()
		other.again()
	case !ok:
		t.release()
		l.count.refused.Add(1)
		l.unavailable(k, req, from, l.cfg.RetryAfter)
	case t.silent: // RFC 3261 §8.2.2.2
		l.count.merged.Add(1)
		_ = t.Reply(482, "")
	default:
		t.start()
		l.tu.Request(t)
	}
}

// inDialog says whether a request is in a dialog; where the TU can be asked, in one that there is.
func (l *Layer) inDialog(req *message.Message) bool {
	return req.To.Tag() != "" && (l.dialogs == nil || l.dialogs.InDialog(req))
}

// addServerLocked puts a transaction into the table and says whether there was room.
func (l *Layer) addServerLocked(t *ServerTx, room int) bool {
	if l.closed || len(l.servers) >= room {
		return false
	}
	l.servers[t.key] = t
	if t.unique {
		l.merge[t.id] = t
	}
	return true
}

// cancelRequest answers a CANCEL and tells the TU (RFC 3261 §9.2). One that matches nothing is answered without a transaction:
// its INVITE may have been refused without one too, or may come behind it.
func (l *Layer) cancelRequest(k key, req *message.Message, from transport.Flow) {
	ki := k
	ki.method = message.Invite
	l.mu.Lock()
	invite := l.servers[ki]
	l.mu.Unlock()
	if invite == nil {
		l.count.strayCancels.Add(1)
		l.stateless(message.NewResponse(req, 481, ""), req, from)
		return
	}
	t := newServerTx(l, k, req, from)
	t.silent, t.toTag = true, invite.toTag
	l.mu.Lock()
	ok := l.addServerLocked(t, l.cfg.MaxServer)
	l.mu.Unlock()
	if ok {
		_ = t.Reply(200, "")
	} else {
		res := message.NewResponse(req, 200, "")
		res.To = res.To.WithTag(invite.toTag)
		l.stateless(res, req, from)
	}
	if invite.cancel() {
		l.tu.Cancel(invite, req)
	}
}

// dropServer takes a transaction out of the tables.
func (l *Layer) dropServer(t *ServerTx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.servers[t.key] == t {
		delete(l.servers, t.key)
	}
	if t.unique && l.merge[t.id] == t {
		delete(l.merge, t.id)
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
	Refused          uint64 // 503 sent because of the bound MaxServer
	StrayResponses   uint64 // responses that match nothing
	StrayCancels     uint64 // CANCELs that match nothing; 481 sent
	Discarded        uint64 // responses with more than one Via (RFC 3261 §8.1.3.3)
	Misdirected      uint64 // responses whose sent-by is not ours (RFC 3261 §18.1.2)
	Timeouts         uint64 // timers B, F, H fired
}

// counters are the living Stats.
type counters struct {
	retransmissions, repeated, merged, refused, strayResponses, strayCancels, discarded, misdirected, timeouts atomic.Uint64
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
		Discarded: c.discarded.Load(), Misdirected: c.misdirected.Load(), Timeouts: c.timeouts.Load(),
	}
}
