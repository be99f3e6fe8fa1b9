package sipua

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// dialogID names a dialog as this side sees it (RFC 3261 §12).
type dialogID struct{ callID, localTag, remoteTag string }

// dialogOf is the dialog that a request from the peer is in; without a To-tag it is in none.
func dialogOf(req *message.Message) (dialogID, bool) {
	id := dialogID{callID: req.CallID, localTag: req.To.Tag(), remoteTag: req.From.Tag()}
	return id, id.localTag != ""
}

// dialog is the state of RFC 3261 §12. It is pure; the goroutine of its call owns it.
type dialog struct {
	id            dialogID
	local, remote message.Address // From and To of our requests, tags included
	localSeq      uint32
	remoteSeq     uint32         // 0 before the peer's first request (RFC 3261 §12.1.2: empty)
	remoteMethod  message.Method // of the request that had remoteSeq
	target        message.URI
	routes        []message.Address
	// flow is the way the peer's messages last came. Requests go back by it where the peer is behind it and not behind
	// its Contact: over a connection, or through a NAT.
	flow   transport.Flow
	natted bool
}

// answered makes the dialog of an INVITE that we answer (RFC 3261 §12.1.1).
func answered(invite *message.Message, tag string, flow transport.Flow) dialog {
	d := dialog{
		id:        dialogID{callID: invite.CallID, localTag: tag, remoteTag: invite.From.Tag()},
		local:     invite.To.WithTag(tag),
		remote:    invite.From,
		remoteSeq: invite.CSeq.Seq, remoteMethod: message.Invite,
		target: invite.From.URI, // of a peer of RFC 2543 without Contact
		routes: slices.Clone(invite.RecordRoute),
		flow:   flow,
	}
	d.refresh(invite)
	if len(invite.Via) > 0 && len(d.routes) == 0 {
		// RFC 3261 §18.2.1: the packet came from another address than the peer believes to have.
		sentBy, err := netip.ParseAddr(invite.Via[0].Host)
		d.natted = err == nil && sentBy.Unmap() != flow.Remote.Addr().Unmap()
	}
	return d
}

// placed makes the dialog of an INVITE of ours by a response with a To-tag (RFC 3261 §12.1.2).
func placed(invite, res *message.Message, flow transport.Flow) dialog {
	d := dialog{
		id:    dialogID{callID: invite.CallID, localTag: invite.From.Tag(), remoteTag: res.To.Tag()},
		local: invite.From, remote: res.To,
		localSeq: invite.CSeq.Seq,
		target:   invite.RequestURI,
		routes:   slices.Clone(res.RecordRoute),
		flow:     flow,
	}
	slices.Reverse(d.routes)
	d.refresh(res)
	return d
}

// refresh takes the remote target from a target refresh request or its response (RFC 3261 §12.2.2).
func (d *dialog) refresh(m *message.Message) {
	if len(m.Contact) > 0 {
		d.target = m.Contact[0].URI
	}
}

// errOutOfOrder says that a request came behind a later one (RFC 3261 §12.2.2).
var errOutOfOrder = errors.New("CSeq is lower than that of an earlier request")

// sequence takes a request's CSeq. The same number in another method is let through: some telephones end a call with
// the number that began it.
func (d *dialog) sequence(req *message.Message) error {
	seq := req.CSeq.Seq
	if seq < d.remoteSeq || seq == d.remoteSeq && req.Method == d.remoteMethod {
		return errOutOfOrder
	}
	d.remoteSeq, d.remoteMethod = seq, req.Method
	return nil
}

// request makes a request in the dialog, and the URI that it is sent to (RFC 3261 §12.2.1.1).
func (d *dialog) request(method message.Method) (req *message.Message, next message.URI) {
	d.localSeq++
	return d.requestAt(method, d.localSeq)
}

// requestAt is request with the CSeq of an earlier one: for the ACK of a 2xx (RFC 3261 §13.2.2.4).
func (d *dialog) requestAt(method message.Method, seq uint32) (req *message.Message, next message.URI) {
	uri, routes := d.target, d.routes
	next = uri
	if len(routes) > 0 {
		next = routes[0].URI
		if !next.Params.Has("lr") { // a strict router: RFC 2543
			uri = next.Requested()
			routes = append(slices.Clone(routes[1:]), message.Address{URI: d.target})
		}
	}
	req = message.NewRequest(method, uri)
	req.From, req.To, req.CallID = d.local, d.remote, d.id.callID
	req.CSeq = message.CSeq{Seq: seq, Method: method}
	req.Route = routes
	return req, next
}

// newTag returns a tag, a Call-ID or the like: random, at least 32 bits (RFC 3261 §19.3).
func newTag() string { return rand.Text() }
