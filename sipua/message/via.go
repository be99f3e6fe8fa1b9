package message

import (
	"net/netip"
	"strconv"
	"strings"
)

// Via is one hop (RFC 3261 §20.42).
type Via struct {
	// Protocol is the protocol's name and version where they are not SIP/2.0 ("SIP/7.0"); empty for SIP/2.0. The topmost hop of
	// what Parse accepts has SIP/2.0; that of a request it refuses may have another, and is echoed.
	Protocol  string
	Transport string // in upper case: UDP, TCP, TLS, WS, WSS, SCTP, ...
	Host      string // sent-by; IPv6 without brackets
	Port      int    // sent-by; 0 where none is given
	Params    Params

	raw string // the value as it came, where it did not parse behind the host
}

// Branch is the branch parameter.
func (v Via) Branch() string { b, _ := v.Params.Find("branch"); return b }

// Received is the received parameter; empty where there is none. Brackets about an IPv6 address, which RFC 3261 §25.1 has
// not and half of the world sends, are gone (RFC 5118 §4.5).
func (v Via) Received() string {
	r, _ := v.Params.Find("received")
	if len(r) > 2 && r[0] == '[' && r[len(r)-1] == ']' {
		return r[1 : len(r)-1]
	}
	return r
}

// RPort is the rport parameter's value, 0 where it has none, and whether the parameter is there (RFC 3581).
func (v Via) RPort() (port int, ok bool) {
	s, ok := v.Params.Find("rport")
	n, _ := number(s, 65535)
	return int(n), ok
}

// SentBy is host:port in one canonical form, for comparing: in lower case and with the transport's default port.
func (v Via) SentBy() string {
	port := v.Port
	if port == 0 {
		port = DefaultPort(v.Transport)
	}
	host := v.Host
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.String()
	}
	return strings.ToLower(host) + "|" + strconv.Itoa(port)
}

// DefaultPort is the port of a transport where none is given (RFC 3261 §18.2.2, RFC 7118).
func DefaultPort(transport string) int {
	switch transport {
	case "TLS", "TLS-SCTP", "DTLS-UDP":
		return 5061
	case "WS":
		return 80
	case "WSS":
		return 443
	}
	return 5060
}

// vias reads a comma-separated list of hops and appends it to list. A hop that does not parse is appended too, with all that is
// behind it as it came, if it says where a response goes or is not the first: the response to a bad request has it.
func vias(list []Via, value string) ([]Via, error) {
	sc := scanner{s: value}
	for {
		if len(list) == MaxVias {
			return list, &fault{"too many Via hops", ErrTooManyVias}
		}
		sc.space()
		start := sc.i
		v, err := sc.via()
		if err == nil && !sc.end() && sc.peek() != ',' {
			err = bad("text behind the parameters")
		}
		if err != nil {
			if v.Host != "" || len(list) > 0 {
				v.raw = value[start:]
				list = append(list, v)
			}
			return list, err
		}
		list = append(list, v)
		if !sc.take(',') {
			return list, nil
		}
	}
}

// via reads "SIP / 2.0 / UDP host : port ;params". The white space behind the parameters is passed over.
func (sc *scanner) via() (v Via, err error) {
	sc.space()
	name := sc.span(isToken)
	ok := sc.take('/')
	version := sc.span(isToken)
	if !ok || !sc.take('/') || name == "" || version == "" {
		return v, bad("no protocol")
	}
	if !strings.EqualFold(name, "SIP") || version != "2.0" {
		v.Protocol = name + "/" + version
	}
	if v.Transport = upper(sc.span(isToken)); v.Transport == "" {
		return v, bad("no transport")
	}
	if sc.peek() != ' ' && sc.peek() != '\t' {
		return v, bad("no white space behind the transport")
	}
	sc.space()
	if sc.peek() == '[' {
		end := strings.IndexByte(sc.s[sc.i:], ']')
		if end < 0 {
			return v, bad("'[' without ']'")
		}
		v.Host, _, err = splitHostPort(sc.s[sc.i : sc.i+end+1])
		sc.i += end + 1
	} else if v.Host = sc.span(isHost); v.Host == "" {
		err = bad("no host")
	}
	if err != nil {
		return v, err
	}
	if sc.take(':') {
		n, ok := number(sc.span(isToken), 65535)
		if !ok || n == 0 {
			return v, bad("malformed port")
		}
		v.Port = int(n)
	}
	v.Params, err = sc.params()
	sc.space()
	return v, err
}

// upper returns a transport's name in upper case, without allocation where it already is.
func upper(s string) string {
	if s == "UDP" || s == "TCP" {
		return s
	}
	return strings.ToUpper(s)
}
