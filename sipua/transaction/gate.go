package transaction

import (
	"hash/maphash"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// Gate says which requests outside of dialogs are taken; overload.Gate is one. Its methods must not block.
type Gate interface {
	// Admit decides on a new request from a source. If it is not taken it is answered with 503 without a transaction
	// (RFC 3261 §21.5.4); retryAfter is the shortest Retry-After, and 0 means that it gets no answer.
	Admit(method message.Method, from netip.Addr) (retryAfter time.Duration, ok bool)
	// Release follows once for each INVITE that was taken, when its ACK has come or it has ended without.
	Release(from netip.Addr)
}

// Dialogs is what a Handler may be besides: one that knows which dialogs there are. Requests with a To-tag of no dialog are
// then the gate's business too.
type Dialogs interface {
	// InDialog says whether a request with a To-tag is in a dialog that there is. It must not block.
	InDialog(req *message.Message) bool
}

// refusedKept is how many refused requests are remembered, and refusedFor how long: a repeat comes within 4 s.
const (
	refusedKept = 4096
	refusedFor  = 8 * time.Second
)

// refused remembers which requests were refused, so that their repeats are too: a call that both sides believe to have ended
// must not begin. It is of fixed size; under a flood it forgets.
type refused struct {
	seed maphash.Seed

	mu    sync.Mutex
	table []refusal // made at the first refusal
}

type refusal struct {
	sum   uint64
	until time.Time
	after time.Duration
}

// note remembers a request.
func (r *refused) note(sum uint64, now time.Time, after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.table == nil {
		r.table = make([]refusal, refusedKept)
	}
	r.table[sum%refusedKept] = refusal{sum, now.Add(refusedFor), after}
}

// has says whether a request was refused before, and with what Retry-After.
func (r *refused) has(sum uint64, now time.Time) (after time.Duration, was bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.table == nil {
		return 0, false
	}
	e := &r.table[sum%refusedKept]
	return e.after, e.sum == sum && now.Before(e.until)
}

// admit asks the gate, and answers what is not taken.
func (l *Layer) admit(k key, req *message.Message, from transport.Flow) bool {
	now := time.Now()
	sum := maphash.Comparable(l.refused.seed, k)
	if after, was := l.refused.has(sum, now); was {
		l.count.retransmissions.Add(1)
		l.unavailable(k, req, from, after)
		return false
	}
	after, ok := l.cfg.Gate.Admit(req.Method, from.Remote.Addr())
	if ok {
		return true
	}
	if after > 0 {
		l.refused.note(sum, now, after)
		l.unavailable(k, req, from, after)
	}
	return false
}

// unavailable answers with 503 without a transaction (RFC 3261 §8.2.7, §21.5.4). Retry-After is spread from after to twice of it,
// and the same for each repeat of the request.
func (l *Layer) unavailable(k key, req *message.Message, from transport.Flow, after time.Duration) {
	seconds := uint64(max(after/time.Second, 1))
	res := message.NewResponse(req, 503, "")
	res.Add("Retry-After", strconv.FormatUint(seconds+maphash.Comparable(l.refused.seed, k)%(seconds+1), 10))
	l.stateless(res, req, from)
}

// sign puts the Server field into a response of the layer's.
func (l *Layer) sign(res *message.Message) {
	if l.cfg.Server != "" {
		res.Set("Server", l.cfg.Server)
	}
}

// stateless sends a response that no transaction keeps. Its ACK goes up to the TU, which finds no dialog for it.
func (l *Layer) stateless(res, req *message.Message, from transport.Flow) {
	l.sign(res)
	if err := l.tp.Respond(from, req.Via[0], res.WithStatelessTag().Bytes()); err != nil {
		l.cfg.Log.Debug("response not sent", "remote", from.Remote, "status", res.StatusCode, "err", err)
	}
}
