package sipua

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/netip"
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
)

// What we understand, for Allow and Accept.
const (
	allow      = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
	acceptSDP  = "application/sdp"
	acceptInfo = "application/dtmf-relay, application/dtmf"
)

// refuse405 answers a method that is not understood (RFC 3261 §8.2.1).
func (ep *endpoint) refuse405(tx *transaction.ServerTx) {
	res := tx.Response(405, "")
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

// readable checks the body's type (RFC 3261 §8.2.3). Body is nil where there is none, or one that may be passed over.
// If ok is false, the request has been answered.
func (ep *endpoint) readable(tx *transaction.ServerTx, accept string) (body []byte, contentType string, ok bool) {
	req := tx.Request()
	if len(req.Body) == 0 {
		return nil, "", true
	}
	contentType, _ = req.ContentType()
	encoding, encoded := req.Header("Content-Encoding")
	encoded = encoded && !strings.EqualFold(strings.TrimSpace(encoding), "identity")
	for known := range strings.SplitSeq(accept, ", ") {
		if encoded {
			break
		}
		if contentType == known {
			return req.Body, contentType, true
		}
		if part := partOf(req, known); part != nil {
			return part, known, true
		}
	}
	if disposition, _ := req.Header("Content-Disposition"); strings.Contains(strings.ToLower(disposition), "handling=optional") {
		return nil, "", true
	}
	res := tx.Response(415, "")
	res.Add("Accept", accept)
	if encoded {
		res.Add("Accept-Encoding", "identity")
	}
	ep.respond(tx, res)
	return nil, "", false
}

// maxParts is how many parts of a body are looked at.
const maxParts = 16

// partOf finds the first part of a type in a multipart/mixed body (RFC 5621 §3.1), as trunks send SDP next to ISUP or
// a location; nil where there is none, or it is packed.
func partOf(req *message.Message, known string) []byte {
	contentType, params := req.ContentType()
	boundary, _ := params.Find("boundary")
	if contentType != "multipart/mixed" || boundary == "" {
		return nil
	}
	r := multipart.NewReader(bytes.NewReader(req.Body), boundary)
	for range maxParts {
		part, err := r.NextRawPart()
		if err != nil {
			return nil
		}
		mediaType, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil || mediaType != known || part.Header.Get("Content-Transfer-Encoding") == "base64" {
			continue
		}
		body, err := io.ReadAll(part) // at most the message's own length
		if err != nil || len(body) == 0 {
			return nil
		}
		return body
	}
	return nil
}

// capabilities puts what RFC 3261 §11.2 and §13.3.1.4 want into a response. Supported is there and empty: we have no
// extension to offer.
func capabilities(res *message.Message) {
	res.Set("Allow", allow)
	res.Set("Accept", acceptSDP)
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
