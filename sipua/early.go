package sipua

import (
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// maxEarly is how many branches of an INVITE of ours are told apart.
const maxEarly = 16

// earlyDialogs are those that the provisional responses to an INVITE of ours have made, one for each To-tag: there are
// several where a proxy has forked it (RFC 3261 §12.1.2, §13.2.2.1). One goroutine owns them.
type earlyDialogs struct {
	ep     *endpoint
	invite *message.Message
	flow   transport.Flow
	list   map[string]*earlyDialog // by To-tag
}

type earlyDialog struct {
	d      dialog
	rseq   uint32 // of the newest that has been acknowledged
	answer []byte // the first description that came reliably
}

func newEarlyDialogs(ep *endpoint, invite *message.Message, flow transport.Flow) *earlyDialogs {
	return &earlyDialogs{ep: ep, invite: invite, flow: flow, list: map[string]*earlyDialog{}}
}

// take takes a provisional response. One that was sent reliably is acknowledged by PRACK, in its order; one that comes
// again or too early is not (RFC 3262 §4).
func (e *earlyDialogs) take(res *message.Message) {
	rseq, ok := res.RSeq()
	tag := res.To.Tag()
	if res.StatusCode <= 100 || !ok || tag == "" || !res.HasToken("Require", "100rel") {
		return
	}
	x := e.list[tag]
	switch {
	case x == nil && len(e.list) < maxEarly:
		x = &earlyDialog{d: placed(e.invite, res, e.flow)}
		e.list[tag] = x
	case x == nil || rseq != x.rseq+1:
		return
	default:
		x.d.refresh(res)
	}
	x.rseq = rseq
	if x.answer == nil {
		x.answer = sessionIn(res)
	}
	e.ep.sendPrack(&x.d, message.RAck{RSeq: rseq, CSeq: res.CSeq}, nil)
}

// sequence is the CSeq that the dialog of a 2xx has come to; first is that of the INVITE.
func (e *earlyDialogs) sequence(res *message.Message, first uint32) uint32 {
	if x := e.list[res.To.Tag()]; x != nil {
		return max(x.d.localSeq, first)
	}
	return first
}

// answer is what answers our offer: the first description that came reliably, and that of the 2xx otherwise (RFC 3261
// §13.2.1).
func (e *earlyDialogs) answer(res *message.Message) []byte {
	if x := e.list[res.To.Tag()]; x != nil && x.answer != nil {
		return x.answer
	}
	return sessionIn(res)
}
