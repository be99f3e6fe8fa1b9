package sipua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/sipua/locate"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
)

// network is what an endpoint asks of the transports and of DNS; newNetwork makes one.
type network interface {
	transaction.Transport
	locator
	LocalIP(peer netip.Addr) (netip.Addr, error)
	Route(peer netip.Addr) (netip.Addr, error)
	// Writable waits until there is room for more on a flow.
	Writable(ctx context.Context, f transport.Flow) error
	Stats() transport.Stats
	Close() error
}

// newNetwork puts transports and look-up together: what cannot be sent by is not looked for. Datagrams go out from our
// listeners alone; a connection may be opened without.
func newNetwork(m *transport.Manager, cfg locate.Config) network {
	addrs := m.Addrs()
	cfg.Usable = func(name string, ip4 bool) bool {
		connects := name == "TCP" || name == "TLS" || name == "WS" || name == "WSS"
		return slices.ContainsFunc(addrs, func(t transport.Target) bool {
			return (connects || t.Transport == name) && t.Addr.Addr().Unmap().Is4() == ip4
		})
	}
	return struct {
		*transport.Manager
		*locate.Locator
	}{m, locate.New(cfg)}
}

// endpoint is what a server and a client have in common: transports, transactions, and the calls by their dialogs.
// It is the transaction layer's Handler: its methods run on the goroutines that read, find the call, and hand over.
type endpoint struct {
	net     network
	layer   *transaction.Layer
	metrics metrics
	agent   string             // Server and User-Agent
	timers  transaction.Timers // T1 and T2 are set
	// extensions are the option tags that we know; session is what session interval we ask for, 0 for none.
	extensions string
	session    time.Duration
	maxCalls   int
	retry      int           // Retry-After, seconds
	tooMany    atomic.Uint64 // calls refused because of maxCalls
	log        *slog.Logger
	// outside takes the requests that are in no dialog.
	outside func(tx *transaction.ServerTx)

	ctx    context.Context // ends when the calls must end at once
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // the calls' goroutines
	// closing is closed when shut begins.
	closing chan struct{}

	mu     sync.Mutex
	closed bool // no call is added any more
	// backlogged is how many octets wait behind the calls' inboxes.
	backlogged int
	calls      map[dialogID]*call
	invites    map[*transaction.ServerTx]*call // INVITEs without a final response, for CANCEL
}

// newEndpoint starts an endpoint; cfg.Log is not nil, and cfg.Server is the User-Agent too.
func newEndpoint(ctx context.Context, net network, cfg transaction.Config) *endpoint {
	ep := &endpoint{
		net: net, timers: cfg.Timers, log: cfg.Log, agent: cfg.Server, metrics: newMetrics(), retry: 10,
		closing: make(chan struct{}), calls: map[dialogID]*call{}, invites: map[*transaction.ServerTx]*call{},
	}
	if ep.timers.T1 <= 0 {
		ep.timers.T1 = 500 * time.Millisecond
	}
	if ep.timers.T2 <= 0 {
		ep.timers.T2 = 4 * time.Second
	}
	ep.ctx, ep.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	ep.layer = transaction.New(cfg, net, ep)
	return ep
}

// Request takes a request (transaction.Handler).
func (ep *endpoint) Request(tx *transaction.ServerTx) {
	id, in := dialogOf(tx.Request())
	if !in {
		ep.outside(tx)
		return
	}
	switch c, ok := ep.deliver(id, event{tx: tx}); {
	case c == nil:
		ep.reply(tx, 481, "") // RFC 3261 §12.2.2
	case !ok:
		ep.putOff(tx) // RFC 3261 §14.2: another INVITE is being answered; or too much waits
	}
}

// InDialog says whether a request is in a dialog that there is (transaction.Dialogs).
func (ep *endpoint) InDialog(req *message.Message) bool {
	id, in := dialogOf(req)
	if !in {
		return false
	}
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return ep.calls[id] != nil
}

// Ack takes the ACK of a 2xx (transaction.Handler). One that is in no dialog is dropped; so is one that too
// much waits before: the 2xx is repeated and acknowledged again.
func (ep *endpoint) Ack(ack *message.Message, _ transport.Flow) {
	if id, in := dialogOf(ack); in {
		ep.deliver(id, event{ack: ack})
	}
}

// Cancel takes a CANCEL (transaction.Handler): what the call waits for is given up, and its goroutine answers 487.
func (ep *endpoint) Cancel(tx *transaction.ServerTx, cancel *message.Message) {
	ep.metrics.count(message.Cancel, 200)
	ep.mu.Lock()
	c := ep.invites[tx]
	ep.mu.Unlock()
	if c != nil {
		ep.log.Info("call is cancelled", "call_id", cancel.CallID, "reason", reasonsText(cancel.Reasons()))
		c.giveUp(errCancelled)
	}
}

// Ended takes the end of a server transaction (transaction.Handler). The calls keep their own time.
func (ep *endpoint) Ended(tx *transaction.ServerTx, err error) {
	ep.settled(tx)
	if err != nil {
		ep.log.Debug("transaction failed", "call_id", tx.Request().CallID, "method", tx.Request().Method, "err", err)
	}
}

// deliver puts an event into a call's inbox; it never blocks. The call is nil if there is none. Events are put in under
// the lock, so that none comes behind remove.
func (ep *endpoint) deliver(id dialogID, ev event) (c *call, ok bool) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	c = ep.calls[id]
	if c == nil {
		return nil, false
	}
	invite := ev.tx != nil && ev.tx.Request().Method == message.Invite
	if invite && !c.inviting.CompareAndSwap(false, true) {
		return c, false
	}
	ok = ep.enqueue(c, ev)
	switch {
	case invite && ok:
		ep.invites[ev.tx] = c
	case invite:
		c.inviting.Store(false)
	}
	return c, ok
}

// add takes a call in and counts its goroutine, which must call remove and wg.Done. tx is nil for calls of ours.
func (ep *endpoint) add(c *call, tx *transaction.ServerTx) error {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return ep.addLocked(c, tx)
}

// addLocked is add; ep.mu is held.
func (ep *endpoint) addLocked(c *call, tx *transaction.ServerTx) error {
	if ep.closed {
		return ErrShutdown
	}
	if ep.fullLocked() {
		ep.tooMany.Add(1)
		return errTooManyCalls
	}
	if ep.calls[c.d.id] != nil {
		return errDialogExists
	}
	ep.calls[c.d.id] = c
	if tx != nil {
		ep.invites[tx] = c
	}
	ep.wg.Add(1)
	return nil
}

// full says whether there is room for no more calls.
func (ep *endpoint) full() bool {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return ep.fullLocked()
}

func (ep *endpoint) fullLocked() bool { return ep.maxCalls > 0 && len(ep.calls) >= ep.maxCalls }

// remove takes a call out; nothing is put into its inbox after it.
func (ep *endpoint) remove(c *call) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.calls[c.d.id] == c {
		delete(ep.calls, c.d.id)
	}
}

// settled forgets an INVITE that has its final response, or is about to get it: from then on there may be another.
func (ep *endpoint) settled(tx *transaction.ServerTx) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if c := ep.invites[tx]; c != nil {
		c.inviting.Store(false)
		delete(ep.invites, tx)
	}
}

func (ep *endpoint) callCount() int {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return len(ep.calls)
}

func (ep *endpoint) stats() transport.Stats { return ep.net.Stats() }

// shut sends every call away, waits for their ends as long as ctx lets it, and closes everything. No call is added
// after it has begun. It is called once.
func (ep *endpoint) shut(ctx context.Context, stop func(*call)) error {
	ep.mu.Lock()
	ep.closed = true
	close(ep.closing)
	calls := make([]*call, 0, len(ep.calls))
	for _, c := range ep.calls {
		calls = append(calls, c)
	}
	ep.mu.Unlock()
	for _, c := range calls {
		stop(c)
	}
	ended := make(chan struct{})
	go func() {
		ep.wg.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("%d calls did not end: %w", ep.callCount(), context.Cause(ctx))
	}
	ep.cancel(ErrShutdown)
	<-ended
	ep.layer.Close()
	if closeErr := ep.net.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close transports: %w", closeErr)
	}
	return err
}

// respond sends a response and counts it where it is final.
func (ep *endpoint) respond(tx *transaction.ServerTx, res *message.Message) {
	res.Set("Server", ep.agent)
	if res.StatusCode >= 200 {
		ep.metrics.count(tx.Request().Method, res.StatusCode)
		ep.settled(tx)
	}
	if err := tx.Respond(res); err != nil {
		ep.log.Debug("response not sent", "call_id", res.CallID, "status", res.StatusCode, "err", err)
	}
}

// reply sends a response that has nothing but a status.
func (ep *endpoint) reply(tx *transaction.ServerTx, status int, reason string) {
	ep.respond(tx, tx.Response(status, reason))
}

// replyLater is reply with Retry-After.
func (ep *endpoint) replyLater(tx *transaction.ServerTx, status int, reason string) {
	res := tx.Response(status, reason)
	res.Add("Retry-After", strconv.Itoa(ep.retry))
	ep.respond(tx, res)
}

// replyError answers by the table of status.go.
func (ep *endpoint) replyError(tx *transaction.ServerTx, err error) {
	r := refuse(err)
	detail := ""
	if r.warning != 0 || r.status == 400 {
		detail = err.Error() // about the peer's own SDP
	}
	if r.status == 500 {
		ep.log.Error("request failed", "call_id", tx.Request().CallID, "method", tx.Request().Method, "err", err)
	}
	res := tx.Response(r.status, r.phrase(detail))
	r.fill(res, tx.Flow().SentBy.Host, ep.retry, detail)
	if e, ok := errors.AsType[*unicastError](err); ok {
		res.SetBody(acceptSDP, e.description)
	}
	ep.respond(tx, res)
}

// addresses are where a call's media is bound and what its SDP says (RFC 3264 §5): where the signalling came to, or
// the advertised host if that is an address of the same IP version. peer is where the other side wants its sound, if that is known: one who
// signals by IPv4 may talk by IPv6 (RFC 6157 §4.2), and a proxy on this machine speaks for telephones that are not.
func (ep *endpoint) addresses(f transport.Flow, peer netip.Addr) (bind, shown netip.Addr, err error) {
	bind = f.Local.Addr().Unmap()
	if !bind.IsValid() || bind.IsUnspecified() {
		if bind, err = ep.net.LocalIP(f.Remote.Addr()); err != nil {
			return bind, bind, fmt.Errorf("local address for %v: %w", f.Remote, err)
		}
		bind = bind.Unmap()
	}
	if peer.IsValid() && (peer.Is4() != bind.Is4() || bind.IsLoopback() && !peer.IsLoopback()) {
		if via, err := ep.net.Route(peer); err == nil { // else what was offered cannot be reached, and is refused with that
			bind = via.Unmap()
		}
	}
	shown = bind.WithZone("")
	if host, err := netip.ParseAddr(f.SentBy.Host); err == nil && !host.IsUnspecified() && host.Unmap().Is4() == bind.Is4() && !host.IsLoopback() {
		shown = host.Unmap().WithZone("")
	}
	return bind, shown, nil
}

// targets are where a request in a dialog may go, best first: where the connection or the NAT is, then by the URI
// (RFC 3261 §12.2.1.1, RFC 5626 §4.3 in its spirit).
func (ep *endpoint) targets(ctx context.Context, d *dialog, next message.URI) []transport.Target {
	var list []transport.Target
	back := transport.Target{Transport: d.flow.Transport, Addr: d.flow.Remote}
	host, err := netip.ParseAddr(next.Host)
	same := err == nil && host.Unmap() == d.flow.Remote.Addr().Unmap()
	usable := next.Scheme != "sips" || d.flow.Secure() // RFC 3261 §26.2.2
	if usable && (d.natted || d.flow.Reliable() && (same || len(d.routes) == 0)) {
		list = append(list, back)
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	found, err := ep.net.Locate(ctx, next)
	for _, t := range found {
		if len(list) == 0 || list[0].Transport != t.Transport || list[0].Addr != t.Addr {
			list = append(list, t)
		}
	}
	if err != nil && len(list) == 0 && usable {
		ep.log.Debug("next hop not found, the way back is taken", "call_id", d.id.callID, "err", err)
		list = append(list, back)
	}
	return list
}

// resolveTime bounds a DNS query.
const resolveTime = 5 * time.Second
