package sipua

import (
	"net/netip"
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
)

// What we understand, for Allow and Accept.
const (
	allow      = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
	acceptSDP  = "application/sdp"
	acceptInfo = "application/dtmf-relay, application/dtmf"
	// acceptMultipart is what either may be wrapped in (RFC 5621 §3.1).
	acceptMultipart = "multipart/mixed, multipart/alternative"
)

// refuseMethod answers a method that is not taken: 405 where we know it, 501 where we do not (RFC 3261 §8.2.1, §21.5.2).
func (ep *endpoint) refuseMethod(tx *transaction.ServerTx) {
	status := 405
	if !tx.Request().Method.Known() {
		status = 501
	}
	res := tx.Response(status, "")
	res.Add("Allow", allow)
	ep.respond(tx, res)
}

// required checks Require (RFC 3261 §8.2.2.3): there is no extension that we support. If it returns false, the request
// has been answered.
func (ep *endpoint) required(tx *transaction.ServerTx) bool {
	tags := tx.Request().Tokens("Require")
	if len(tags) == 0 {
		return true
	}
	res := tx.Response(420, "")
	res.Add("Unsupported", strings.Join(tags, ", "))
	ep.respond(tx, res)
	return false
}

// addressed checks the Request-URI (RFC 3261 §8.2.2.1) against domain, where one is set. If it returns false, the
// request has been answered.
func (ep *endpoint) addressed(tx *transaction.ServerTx, domain string) bool {
	uri := tx.Request().RequestURI
	switch uri.Scheme {
	case "tel":
		return true
	case "sip":
	case "sips":
		if !secure(tx.Flow()) {
			// RFC 3261 §26.2.2: every hop must be TLS. This one was not, so whoever sent it has broken the promise of the
			// scheme, or cannot keep it; RFC 5630 §5.1.1.2 has the answer.
			res := tx.Response(480, "")
			res.AddWarning(message.Warning{Code: 380, Agent: tx.Flow().SentBy.Host, Text: "SIPS Not Allowed"})
			ep.respond(tx, res)
			return false
		}
	default:
		ep.reply(tx, 416, "")
		return false
	}
	if domain == "" || strings.EqualFold(uri.Host, domain) || isOurs(tx, uri.Host) {
		return true
	}
	ep.reply(tx, 404, "No such domain here")
	return false
}

// secure says whether a flow is over TLS.
func secure(f transport.Flow) bool {
	switch f.Transport {
	case "TLS", "WSS", "TLS-SCTP":
		return true
	}
	return false
}

// isOurs says whether host is the address that a request came to.
func isOurs(tx *transaction.ServerTx, host string) bool {
	f := tx.Flow()
	if strings.EqualFold(host, f.SentBy.Host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap() == f.Local.Addr().Unmap().WithZone("")
}

// capabilities puts what RFC 3261 §11.2 and §13.3.1.4 want into a response. Supported is there and empty: we have no
// extension to offer.
func capabilities(res *message.Message) {
	res.Set("Allow", allow)
	res.Set("Accept", acceptSDP+", "+acceptMultipart)
	res.Set("Supported", "")
}

// options answers OPTIONS (RFC 3261 §11.2).
func (ep *endpoint) options(tx *transaction.ServerTx) {
	res := tx.Response(200, "")
	capabilities(res)
	res.Add("Accept-Encoding", "identity")
	res.Add("Accept-Language", "en")
	ep.respond(tx, res)
}
