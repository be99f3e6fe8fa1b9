package sipua

import (
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// contact is where the peer reaches us by a flow (RFC 3261 §8.1.1.8). With sips it is a SIPS URI, as long as the flow is
// one that such a URI can be reached by.
func contact(user string, f transport.Flow, sips bool) message.Address {
	uri := message.URI{Scheme: "sip", User: user, Host: f.SentBy.Host, Port: f.SentBy.Port}
	name := strings.ToLower(f.Transport)
	if sips = sips && f.Secure(); sips {
		uri.Scheme = "sips"
	}
	switch {
	case name == "udp" || name == "tls" && sips: // what the scheme means by itself
	case name == "wss": // RFC 7118 §5.2.2: WebSocket has one name in URIs
		uri.Params = uri.Params.With("transport", "ws")
	default:
		uri.Params = uri.Params.With("transport", name)
	}
	return message.Address{URI: uri}
}

// wantsSIPS says whether the Contact in the answer to a request must be a SIPS URI (RFC 3261 §12.1.1): the Request-URI is one,
// or the top Record-Route, or without that the Contact.
func wantsSIPS(req *message.Message) bool {
	switch {
	case req.RequestURI.Scheme == "sips":
		return true
	case len(req.RecordRoute) > 0:
		return req.RecordRoute[0].URI.Scheme == "sips"
	}
	return len(req.Contact) > 0 && req.Contact[0].URI.Scheme == "sips"
}
