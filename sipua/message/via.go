package message

import (
	"net/netip"
	"strconv"
	"strings"
)

// Via is one hop (RFC 3261 §20.42). Its protocol is always SIP/2.0.
type Via struct {
	Transport string // in upper case: UDP, TCP, TLS, WS, WSS, SCTP, ...
	Host      string // sent-by; IPv6 without brackets
	Port      int    // sent-by; 0 where none is given
	Params    Params
}

// Branch is the branch parameter.
func (v Via) Branch() string { b, _ := v.Params.Find("branch"); return b }

// Received is the received parameter; empty where there is none.
func (v Via) Received() string { r, _ := v.Params.Find("received"); return r }

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

// vias reads a comma-separated list of hops and appends it to list.
func vias(list []Via, value string) ([]Via, error) {
	sc := scanner{s: value}
	for {
		v, err := sc.via()
		if err != nil {
			return list, err
		}
		if len(list) == MaxVias {
			return list, &fault{"too many Via hops", ErrTooManyVias}
		}
		list = append(list, v)
		if sc.end() {
			return list, nil
		}
		if !sc.take(',') {
			return list, bad("text behind the parameters")
		}
	}
}

// via reads "SIP / 2.0 / UDP host : port ;params".
func (sc *scanner) via() (v Via, err error) {
	sc.space()
	name := sc.span(isToken)
	ok := sc.take('/')
	version := sc.span(isToken)
	if !ok || !sc.take('/') || !strings.EqualFold(name, "SIP") || version != "2.0" {
		return v, bad("protocol is not SIP/2.0")
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
	return v, err
}

// upper returns a transport's name in upper case, without allocation where it already is.
func upper(s string) string {
	if s == "UDP" || s == "TCP" {
		return s
	}
	return strings.ToUpper(s)
}
