package uac

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// message is a SIP message as far as a caller must understand it.
type message struct {
	code     int    // 0: a request
	reason   string // of a response
	method   string // from CSeq
	sequence int
	headers  []string // name in lower case, colon, value
	body     string
}

func parse(text string) (message, bool) {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := message{body: body}
	if rest, ok := strings.CutPrefix(lines[0], "SIP/2.0 "); ok {
		code, reason, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		if err != nil || n < 100 {
			return m, false
		}
		m.code, m.reason = n, reason
	}
	for _, line := range lines[1:] {
		if name, value, ok := strings.Cut(line, ":"); ok {
			m.headers = append(m.headers, strings.ToLower(strings.TrimSpace(name))+":"+strings.TrimSpace(value))
		}
	}
	number, method, _ := strings.Cut(m.header("cseq", "cseq"), " ")
	n, err := strconv.Atoi(number)
	m.sequence, m.method = n, strings.TrimSpace(method)
	return m, err == nil
}

// header returns the first of that name, in its long or its compact form.
func (m message) header(name, compact string) string {
	for _, h := range m.headers {
		if n, value, _ := strings.Cut(h, ":"); n == name || n == compact {
			return value
		}
	}
	return ""
}

// ok is the 200 for a request (RFC 3261 §8.2.6).
func (m message) ok() string {
	var b strings.Builder
	b.WriteString("SIP/2.0 200 OK\r\n")
	for _, h := range m.headers {
		switch name, value, _ := strings.Cut(h, ":"); name {
		case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq":
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.String()
}

// uriOf takes the URI out of a Contact.
func uriOf(contact string) string {
	if _, rest, ok := strings.Cut(contact, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(contact, ";")
	return uri
}

// mediaOf says where an SDP answer wants the sound.
func mediaOf(sdp string) (netip.AddrPort, error) {
	var ip netip.Addr
	var port uint16
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			ip, _ = netip.ParseAddr(rest)
		}
		if rest, ok := strings.CutPrefix(line, "m=audio "); ok {
			number, _, _ := strings.Cut(rest, " ")
			n, _ := strconv.ParseUint(number, 10, 16)
			port = uint16(n)
		}
	}
	if !ip.IsValid() || port == 0 {
		return netip.AddrPort{}, errors.New("the answer has no place for sound")
	}
	return netip.AddrPortFrom(ip, port), nil
}
