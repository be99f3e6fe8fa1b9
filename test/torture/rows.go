package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// row is one message and what must come of it.
type row struct {
	file, section, what string
	port                int               // where the answer comes to over UDP: the topmost Via's port; 0 means 5060
	change              map[string]string // what is replaced in the octets before they are sent
	udp, tcp            string            // what must come back; tcp is empty where it is the same
	why                 string
}

func (r row) overTCP() string {
	if r.tcp == "" {
		return r.udp
	}
	return r.tcp
}

func (r row) run(ctx context.Context, dir string) (udp, tcp string, err error) {
	data, err := os.ReadFile(filepath.Join(dir, r.file+".dat"))
	if err != nil {
		return "", "", err
	}
	for old, better := range r.change {
		if bytes.Count(data, []byte(old)) != 1 {
			return "", "", fmt.Errorf("%q is not there once", old)
		}
		data = bytes.ReplaceAll(data, []byte(old), []byte(better))
	}
	port := r.port
	if port == 0 {
		port = 5060
	}
	if udp, err = send(ctx, data, r.udp != nothing, func(b *bench) (line, error) { return b.udp(port) }); err != nil {
		return "", "", err
	}
	tcp, err = send(ctx, data, r.overTCP() != nothing && r.overTCP() != nothing+closed, func(b *bench) (line, error) { return b.tcp(ctx) })
	return udp, tcp, err
}

// Words of the table.
const (
	nothing = "nothing"
	closed  = ", closed"
)

// Reasons that many rows have.
const (
	strict   = "malformed; an element may be liberal, this one is not"
	noCall   = "REGISTER is known and not taken: the bridge is no registrar"
	well     = "well-formed"
	noAnswer = "a response that belongs to no request of ours"
	noFrame  = "on a stream nobody knows where the next message begins"
)

var rfc4475 = []row{
	{file: "rfc4475/wsinv", section: "3.1.1.1", what: "a short tortuous INVITE", udp: "481", why: well + "; its To has a tag, and there is no such dialog (RFC 3261 §12.2.2)"},
	{file: "rfc4475/intmeth", section: "3.1.1.2", what: "wide range of valid characters", udp: "501", why: well + "; a method nobody knows"},
	{file: "rfc4475/esc01", section: "3.1.1.3", what: "valid use of the % escaping mechanism", udp: "404", why: well + "; sips:user@example.com can be no room's number"},
	{file: "rfc4475/escnull", section: "3.1.1.4", what: "escaped nulls in URIs", udp: "405", why: well + "; " + noCall},
	{file: "rfc4475/esc02", section: "3.1.1.5", what: "use of % when it is not an escape", udp: "501", why: well + "; RE%47IST%45R is not REGISTER"},
	{file: "rfc4475/lwsdisp", section: "3.1.1.6", what: "no LWS between display name and <", udp: "200", why: "an error of RFC 3261's grammar: accepted"},
	{file: "rfc4475/longreq", section: "3.1.1.7", what: "long values in header fields", udp: "200", why: well},
	{file: "rfc4475/dblreq", section: "3.1.1.8", what: "extra trailing octets in a UDP datagram", udp: "405", tcp: "405, 400" + closed, why: "trailing octets are ignored (RFC 3261 §18.3); on a stream they are the next message, an INVITE without Contact whose Content-Length is 1 too small"},
	{file: "rfc4475/semiuri", section: "3.1.1.9", what: "semicolon-separated parameters in URI user part", udp: "404", why: well + "; all of it is the user part, and no room can have that number"},
	{file: "rfc4475/transports", section: "3.1.1.10", what: "varied and unknown transport types", udp: "200", why: well},
	{file: "rfc4475/mpart01", section: "3.1.1.11", what: "multipart MIME message", udp: "405", why: well + "; MESSAGE is known and not taken"},
	{file: "rfc4475/unreason", section: "3.1.1.12", what: "unusual reason phrase", udp: nothing, why: well + "; " + noAnswer},
	{file: "rfc4475/noreason", section: "3.1.1.13", what: "empty reason phrase", udp: nothing, why: well + "; " + noAnswer},
	{file: "rfc4475/badinv01", section: "3.1.2.1", what: "extraneous header field separators", udp: "400", why: "malformed; the Via says enough for an answer"},
	{file: "rfc4475/clerr", section: "3.1.2.2", what: "Content-Length larger than message", udp: "400", tcp: nothing + closed, why: "RFC 3261 §18.3; on a stream the rest never comes, and patience ends"},
	{file: "rfc4475/ncl", section: "3.1.2.3", what: "negative Content-Length", udp: "400", tcp: "400" + closed, why: "malformed; " + noFrame},
	{file: "rfc4475/scalar02", section: "3.1.2.4", what: "request scalar fields with overlarge values", udp: "400", why: "CSeq beyond 2**31 - 1"},
	{file: "rfc4475/scalarlg", section: "3.1.2.5", what: "response scalar fields with overlarge values", udp: nothing, why: "malformed responses are dropped"},
	{file: "rfc4475/quotbal", section: "3.1.2.6", what: "unterminated quoted string in display name", port: 5050, udp: "400", why: strict},
	{file: "rfc4475/ltgtruri", section: "3.1.2.7", what: "<> enclosing Request-URI", udp: "400", why: strict},
	{file: "rfc4475/lwsruri", section: "3.1.2.8", what: "malformed SIP Request-URI (embedded LWS)", udp: "400", why: strict},
	{file: "rfc4475/lwsstart", section: "3.1.2.9", what: "multiple SP separating request-line elements", udp: "400", why: strict},
	{file: "rfc4475/trws", section: "3.1.2.10", what: "SP characters at end of request-line", udp: "400", why: strict},
	{file: "rfc4475/escruri", section: "3.1.2.11", what: "escaped headers in SIP Request-URI", udp: "400", why: strict},
	{file: "rfc4475/baddate", section: "3.1.2.12", what: "invalid time zone in Date header field", udp: "200", why: "an element may refuse it with 400; this one needs no Date and passes over it"},
	{file: "rfc4475/regbadct", section: "3.1.2.13", what: "failure to enclose name-addr URI in <>", udp: "400", why: strict},
	{file: "rfc4475/badaspec", section: "3.1.2.14", what: "spaces within addr-spec", udp: "400", why: strict},
	{file: "rfc4475/baddn", section: "3.1.2.15", what: "non-token characters in display name", udp: "400", why: strict},
	{file: "rfc4475/badvers", section: "3.1.2.16", what: "unknown protocol version", udp: "505", why: "SIP/7.0, also in its Via"},
	{file: "rfc4475/mismatch01", section: "3.1.2.17", what: "start line and CSeq method mismatch", udp: "400", why: "malformed"},
	{file: "rfc4475/mismatch02", section: "3.1.2.18", what: "unknown method with CSeq method mismatch", udp: "501", why: "400 would do too"},
	{file: "rfc4475/bigcode", section: "3.1.2.19", what: "overlarge response code", udp: nothing, why: "malformed responses are dropped"},
	{file: "rfc4475/badbranch", section: "3.2.1", what: "missing transaction identifier", udp: "200", why: "matched as RFC 2543 did; 400 would do too"},
	{file: "rfc4475/insuf", section: "3.3.1", what: "missing required header fields", udp: "400", why: "no Call-ID, From and To"},
	{file: "rfc4475/unkscm", section: "3.3.2", what: "Request-URI with unknown scheme", udp: "416", why: well},
	{file: "rfc4475/novelsc", section: "3.3.3", what: "Request-URI with known but atypical scheme", udp: "416", why: well},
	{file: "rfc4475/unksm2", section: "3.3.4", what: "unknown URI schemes in header fields", udp: "405", why: well + "; " + noCall},
	{file: "rfc4475/bext01", section: "3.3.5", what: "Proxy-Require and Require", udp: "420", why: "Unsupported lists what Require has"},
	{file: "rfc4475/invut", section: "3.3.6", what: "unknown Content-Type", udp: "415", why: well},
	{file: "rfc4475/regaut01", section: "3.3.7", what: "unknown authorization scheme", udp: "405", why: well + "; " + noCall},
	{file: "rfc4475/multi01", section: "3.3.8", what: "multiple values in single value required fields", udp: "400", why: "malformed"},
	{file: "rfc4475/mcl01", section: "3.3.9", what: "multiple Content-Length values", udp: "400", tcp: "400" + closed, why: "malformed; " + noFrame},
	{file: "rfc4475/bcast", section: "3.3.10", what: "200 OK response with broadcast Via header field value", udp: nothing, why: "a response with two Vias is not for us (RFC 3261 §8.1.3.3)"},
	{file: "rfc4475/zeromf", section: "3.3.11", what: "Max-Forwards of zero", udp: "200", why: "of no matter to an endpoint"},
	{file: "rfc4475/cparam01", section: "3.3.12", what: "REGISTER with a Contact header parameter", udp: "405", why: well + "; " + noCall},
	{file: "rfc4475/cparam02", section: "3.3.13", what: "REGISTER with a url-parameter", udp: "405", why: well + "; " + noCall},
	{file: "rfc4475/regescrt", section: "3.3.14", what: "REGISTER with a URL escaped header", udp: "405", why: well + "; " + noCall},
	{file: "rfc4475/sdp01", section: "3.3.15", what: "unacceptable Accept offering", udp: "406", why: "no SDP may be answered; 400 would do too"},
	{file: "rfc4475/inv2543", section: "3.4.1", what: "INVITE with RFC 2543 syntax", udp: "200", tcp: "400" + closed, why: "without Content-Length the datagram ends the body; " + noFrame},
}

var rfc5118 = []row{
	{file: "rfc5118/ipv6-good", section: "4.1", what: "valid SIP message with an IPv6 reference", udp: "405", why: well + "; " + noCall},
	{file: "rfc5118/ipv6-bad", section: "4.2", what: "invalid SIP message with an IPv6 reference", udp: "400", why: "no brackets in the Request-URI"},
	{file: "rfc5118/port-ambiguous", section: "4.3", what: "port ambiguous in a SIP URI", udp: "405", why: well + "; " + noCall},
	{file: "rfc5118/port-unambiguous", section: "4.4", what: "port unambiguous in a SIP URI", udp: "405", why: well + "; " + noCall},
	{file: "rfc5118/via-received-param-with-delim", section: "4.5", what: "received with brackets in Via", udp: "481", why: "not of the grammar, and taken; BYE of no dialog"},
	{file: "rfc5118/via-received-param-no-delim", section: "4.5", what: "received without brackets in Via", udp: "200", why: well},
	{file: "rfc5118/ipv6-in-sdp", section: "4.6", what: "IPv6 addresses in SDP body", udp: "400", tcp: nothing + closed, why: "Content-Length is 17 octets too large in the RFC (§18.3 of RFC 3261); put right below"},
	{file: "rfc5118/mult-ip-in-header", section: "4.7", what: "multiple IP addresses in SIP headers", port: 6050, udp: "481", why: well + "; BYE of no dialog"},
	{file: "rfc5118/mult-ip-in-sdp", section: "4.8", what: "multiple IP addresses in SDP", udp: "200", why: "Content-Length is 8 octets too small in the RFC: the last line is cut, the audio is not"},
	{file: "rfc5118/ipv4-mapped-ipv6", section: "4.9", what: "IPv4-mapped IPv6 addresses", port: 19823, udp: "488", why: well + "; its only audio format is G726-32. Content-Length is 9 octets too small in the RFC"},
	{file: "rfc5118/ipv6-bug-abnf-3-colons", section: "4.10", what: "IPv6 reference bug in RFC 3261 ABNF", udp: "200", why: "the third colon is tolerated"},
	{file: "rfc5118/ipv6-correct-abnf-2-colons", section: "4.10", what: "the same without the bug", udp: "200", why: well},
}

var corrected = []row{
	{file: "rfc5118/ipv6-in-sdp", section: "4.6", what: "IPv6 addresses in SDP body", change: map[string]string{"Content-Length: 268": "Content-Length: 251"}, udp: "488", why: well + "; its only audio format is G726-32"},
	{file: "rfc5118/mult-ip-in-sdp", section: "4.8", what: "multiple IP addresses in SDP", change: map[string]string{"Content-Length: 181": "Content-Length: 189"}, udp: "200", why: well + "; the video is refused in place"},
	{file: "rfc5118/ipv4-mapped-ipv6", section: "4.9", what: "IPv4-mapped IPv6 addresses", port: 19823, change: map[string]string{"Content-Length: 236": "Content-Length: 245"}, udp: "488", why: well + "; its only audio format is G726-32"},
}
