package sipua

import (
	"net/netip"
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
)

// What we understand, for Allow and Accept.
const (
	allow      = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK"
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

// Option tags for Supported and Require: RFC 3262, RFC 4028, RFC 3891. A client takes no calls, and so replaces none.
const (
	clientExtensions = "100rel, timer"
	serverExtensions = "100rel, timer, replaces"
)

// required checks Require (RFC 3261 §8.2.2.3). If it returns false, the request has been answered.
func (ep *endpoint) required(tx *transaction.ServerTx) bool {
	var unknown []string
	for _, tag := range tx.Request().Tokens("Require") {
		if !isListed(ep.extensions, tag) {
			unknown = append(unknown, tag)
		}
	}
	if len(unknown) == 0 {
		return true
	}
	res := tx.Response(420, "")
	res.Add("Unsupported", strings.Join(unknown, ", "))
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
		if !tx.Flow().Secure() {
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

// isOurs says whether host is the address that a request came to.
func isOurs(tx *transaction.ServerTx, host string) bool {
	f := tx.Flow()
	if strings.EqualFold(host, f.SentBy.Host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap() == f.Local.Addr().Unmap().WithZone("")
}

// isListed says whether tag is in a comma-separated list of ours, without regard to case.
func isListed(list, tag string) bool {
	for known := range strings.SplitSeq(list, ", ") {
		if strings.EqualFold(known, tag) {
			return true
		}
	}
	return false
}

// offers puts what we can do into a message (RFC 3261 §20.5, §20.37).
func (ep *endpoint) offers(m *message.Message) {
	m.Set("Allow", allow)
	m.Set("Supported", ep.extensions)
}

// capabilities puts what RFC 3261 §11.2 and §13.3.1.4 want into a response.
func (ep *endpoint) capabilities(res *message.Message) {
	ep.offers(res)
	res.Set("Accept", acceptSDP+", "+acceptMultipart)
}

// options answers OPTIONS (RFC 3261 §11.2).
func (ep *endpoint) options(tx *transaction.ServerTx) { ep.answerOptions(tx, nil) }

// answerOptions is options, with a description of a session where there is one.
func (ep *endpoint) answerOptions(tx *transaction.ServerTx, description []byte) {
	res := tx.Response(200, "")
	ep.capabilities(res)
	res.Add("Accept-Encoding", "identity")
	res.Add("Accept-Language", "en")
	if description != nil {
		res.SetBody(acceptSDP, description)
	}
	ep.respond(tx, res)
}
