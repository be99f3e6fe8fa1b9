package sipua

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
)

const (
	maxTries     = 24          // transactions that one request may take
	maxRedirects = 5           // 3xx that are followed for one request
	maxHops      = 8           // targets that one 3xx may name
	failedFor    = time.Minute // a target that did not answer is asked last
)

// locator finds where requests go and remembers who has failed; *locate.Locator is one.
type locator interface {
	Locate(ctx context.Context, u message.URI) ([]transport.Target, error)
	Failed(t transport.Target, wait time.Duration)
	Worked(t transport.Target)
}

// outgoing is a request outside of any dialog, and how it may be tried (RFC 3261 §8.1.2, §8.1.3).
type outgoing struct {
	// uri is the Request-URI; via is where the request is sent if that is elsewhere: an outbound proxy.
	uri, via message.URI
	// build makes the request for a flow; its CSeq must rise with each call. It is sent with a branch of its own.
	build func(f transport.Flow, uri message.URI) (*message.Message, error)
	// wait returns the final response; nil means ep.final.
	wait func(ctx context.Context, tx *transaction.ClientTx) (*message.Message, error)
	// again, where it is not nil, takes a final response and says whether the request is to be built and sent once more.
	again func(res *message.Message) bool
	auth  *credentials // nil: challenges are final responses like others
	// redirected says that 3xx are followed (RFC 3261 §8.1.3.4); follows, where it is not nil, where to.
	redirected bool
	follows    func(message.URI) bool
	// impatient says that a target that has let ctx end counts as failed: somebody asks again, and then asks others first.
	impatient bool

	tries int
	round round
}

// outcome is how a request ended: with a final response, whatever its status.
type outcome struct {
	tx     *transaction.ClientTx
	res    *message.Message
	target transport.Target
}

// errTries says that a request was sent too often.
var errTries = errors.New("request was tried too often")

// ask sends a request outside of dialogs until it has its final response: to the targets in order, on to the next after a
// timeout, a transport error or a 503 (RFC 3263 §4.3); again with credentials after 401 and 407 (RFC 3261 §22.2, §22.3);
// to where a 3xx points, if that is wanted. The final response of the last target that had one counts. Errors: those of
// the locator, of package transaction, of build and wait.
func (ep *endpoint) ask(ctx context.Context, q *outgoing) (outcome, error) {
	var seen []message.URI
	queue := []message.URI{q.uri}
	var last outcome
	var fault error
	for redirects := 0; len(queue) > 0; {
		uri := queue[0]
		queue = queue[1:]
		seen = append(seen, uri)
		out, err := ep.askAt(ctx, q, uri)
		switch {
		case err != nil:
			fault = err
			if ctx.Err() != nil || !passing(err) {
				return outcome{}, err
			}
			continue
		case out.res.StatusCode >= 300 && out.res.StatusCode < 400 && q.redirected && redirects < maxRedirects:
			redirects++
			queue = append(alternatives(out.res, uri, append(seen, queue...), q.follows), queue...)
			q.via = message.URI{}
		case out.res.StatusCode < 300 || out.res.StatusCode >= 600 || len(queue) == 0:
			return out, nil
		}
		last = out
	}
	if last.res != nil {
		return last, nil
	}
	return outcome{}, fault
}

// alternatives are the Contacts of a 3xx that may be tried, best first (RFC 3261 §8.1.3.4): SIP URIs that have not been
// tried, and no less secure than what was asked for. What they would put into the headers is not taken.
func alternatives(res *message.Message, from message.URI, seen []message.URI, follows func(message.URI) bool) []message.URI {
	list := slices.Clone(res.Contact)
	slices.SortStableFunc(list, func(a, b message.Address) int { return cmp.Compare(contactQ(b), contactQ(a)) })
	var out []message.URI
	for _, a := range list {
		u := a.URI.Requested()
		if !u.IsSIP() || from.Scheme == "sips" && u.Scheme != "sips" || slices.ContainsFunc(append(seen, out...), u.Equal) || follows != nil && !follows(u) {
			continue
		}
		if out = append(out, u); len(out) == maxHops {
			break
		}
	}
	return out
}

// contactQ is a Contact's q (RFC 3261 §20.10), 1 where there is none or it cannot be read.
func contactQ(a message.Address) float64 {
	v, ok := a.Params.Find("q")
	if q, err := strconv.ParseFloat(v, 64); ok && err == nil && q >= 0 && q <= 1 {
		return q
	}
	return 1
}

// askAt asks one Request-URI at all of its targets.
func (ep *endpoint) askAt(ctx context.Context, q *outgoing, uri message.URI) (outcome, error) {
	next := q.via
	if next.IsZero() {
		next = uri
	}
	targets, err := ep.net.Locate(ctx, next)
	if err != nil {
		return outcome{}, err
	}
	var last outcome
	for _, target := range targets {
		out, one := ep.askTarget(ctx, q, uri, target)
		switch {
		case ctx.Err() != nil && one != nil:
			if q.impatient && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				ep.net.Failed(target, failedFor)
			}
			return outcome{}, one
		case one != nil && !passing(one):
			return outcome{}, one
		case one != nil:
			ep.net.Failed(target, failedFor)
			ep.log.Debug("target failed", "remote", target.String(), "err", one)
			err = one
		case out.res.StatusCode == 503:
			// RFC 3261 §21.5.4: without Retry-After it says nothing about later.
			if wait := retryAfter(out.res, 0); wait > 0 {
				ep.net.Failed(target, wait)
			}
			last = out
		default:
			ep.net.Worked(target)
			return out, nil
		}
	}
	if last.res != nil {
		return last, nil
	}
	return outcome{}, err
}

// passing says whether another target may do better.
func passing(err error) bool {
	for _, one := range []error{
		transaction.ErrTimeout, transaction.ErrTransport, transport.ErrNoListener, transport.ErrConnLimit, transport.ErrFlowGone,
	} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// askTarget asks one target, and answers its challenges.
func (ep *endpoint) askTarget(ctx context.Context, q *outgoing, uri message.URI, target transport.Target) (outcome, error) {
	for {
		if q.tries++; q.tries > maxTries {
			return outcome{}, errTries
		}
		flow, err := ep.net.Open(target)
		if err != nil {
			return outcome{}, fmt.Errorf("%w: %w", transaction.ErrTransport, err)
		}
		req, err := q.build(flow, uri)
		if err != nil {
			return outcome{}, err
		}
		q.auth.apply(req)
		tx, err := ep.layer.Send(req, target)
		if err != nil {
			return outcome{}, err
		}
		wait := q.wait
		if wait == nil {
			wait = ep.final
		}
		res, err := wait(ctx, tx)
		switch {
		case err != nil:
			return outcome{}, err
		case (res.StatusCode == 401 || res.StatusCode == 407) && q.auth.learn(res, &q.round):
		case res.StatusCode >= 300 && q.again != nil && q.again(res):
		default:
			return outcome{tx: tx, res: res, target: target}, nil
		}
	}
}

// final waits for the final response of a request that is no INVITE. One that ctx gives up ends by itself.
func (ep *endpoint) final(ctx context.Context, tx *transaction.ClientTx) (*message.Message, error) {
	for {
		select {
		case res, ok := <-tx.Responses():
			switch {
			case !ok && tx.Err() != nil:
				return nil, tx.Err()
			case !ok:
				return nil, ErrNoAnswer
			case res.StatusCode >= 200:
				return res, nil
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ep.ctx.Done():
			return nil, context.Cause(ep.ctx)
		}
	}
}
