package main

import (
	"net"
	"strings"
)

// sipText is what a ladder shows of a message. It is read without regard to whether the message is right.
type sipText struct {
	start    string // the first line
	status   string // "200"; empty in a request
	phrase   string // "OK"
	response bool
	method   string // of the request, or of the CSeq
	cseq     string // "1 INVITE"
	from, to string // URIs
	sdp      string // "opus PCMU 192.0.2.1:4000 sendrecv"; empty: none
}

func readSIP(text string) sipText {
	var s sipText
	head, body, _ := strings.Cut(strings.ReplaceAll(strings.TrimLeft(text, "\r\n"), "\r\n", "\n"), "\n\n")
	start, fields, _ := strings.Cut(head, "\n")
	for line := range strings.Lines(fields) {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.Join(strings.Fields(value), " ")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "cseq":
			s.cseq = value
		case "from", "f":
			s.from = uriOf(value)
		case "to", "t":
			s.to = uriOf(value)
		}
	}
	_, method, _ := strings.Cut(s.cseq, " ")
	s.start = start
	if rest, ok := strings.CutPrefix(start, "SIP/2.0 "); ok {
		s.response, s.method = true, method
		s.status, s.phrase, _ = strings.Cut(rest, " ")
	} else if first, _, ok := strings.Cut(start, " "); ok && strings.HasSuffix(start, " SIP/2.0") {
		s.method = first
	} else {
		return s
	}
	if i := strings.Index(body, "v=0\n"); i >= 0 { // also as a part of a multipart
		s.sdp = describe(body[i:])
	}
	return s
}

// labels are what stands on the arrow, the longest first; again says that the message has passed before.
func (s sipText) labels(again bool) []string {
	number, _, _ := strings.Cut(s.cseq, " ")
	var all []string
	switch {
	case s.response:
		all = []string{s.status + " " + s.phrase + " " + s.method + " " + number, s.status + " " + s.method + " " + number, s.status}
	case s.method != "":
		all = []string{s.method + " " + number, s.method}
	default:
		all = []string{"no SIP: " + s.start}
	}
	for i := range all {
		all[i] = strings.Join(strings.Fields(all[i]), " ")
	}
	if !again {
		return all
	}
	out := make([]string, 0, 2*len(all))
	for _, a := range all {
		out = append(out, a+" (again)", a+"*")
	}
	return out
}

// describe is the first audio stream of an SDP on one line, and which others there are.
func describe(sdp string) string {
	var d struct {
		kind, port, host, direction string
		formats                     []string
		names                       map[string]string
		others                      []string
	}
	d.names = map[string]string{
		"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "13": "CN", "18": "G729", // RFC 3551 §6
	}
	current := "" // kind of the stream that the lines belong to
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		value := ""
		if len(line) > 2 && line[1] == '=' {
			value = line[2:]
		}
		mine := current == "" || current == "audio" && d.kind == "audio"
		switch {
		case strings.HasPrefix(line, "m="):
			f := strings.Fields(value)
			if len(f) < 3 {
				continue
			}
			if f[0] != "audio" || d.kind != "" {
				d.others = append(d.others, f[0]+off(f[1]))
				current = "-"
				continue
			}
			current, d.kind, d.port, d.formats = "audio", f[0], f[1], f[3:]
		case strings.HasPrefix(line, "c=") && mine:
			if f := strings.Fields(value); len(f) == 3 {
				d.host, _, _ = strings.Cut(f[2], "/")
			}
		case strings.HasPrefix(line, "a=rtpmap:") && mine:
			if pt, name, ok := strings.Cut(strings.TrimPrefix(line, "a=rtpmap:"), " "); ok {
				if d.names[pt], _, _ = strings.Cut(name, "/"); d.names[pt] == "telephone-event" {
					d.names[pt] = "keys"
				}
			}
		case (value == "sendrecv" || value == "sendonly" || value == "recvonly" || value == "inactive") && mine:
			d.direction = value
		}
	}
	var parts []string
	if d.kind != "" {
		for _, f := range d.formats {
			if name := d.names[f]; name != "" {
				f = name
			}
			parts = append(parts, f)
		}
		if d.direction == "" {
			d.direction = "sendrecv"
		}
		parts = append(parts, net.JoinHostPort(d.host, d.port)+off(d.port), d.direction)
	}
	for _, o := range d.others {
		parts = append(parts, "+"+o)
	}
	return strings.Join(parts, " ")
}

// off marks a stream that is refused or ended (RFC 3264 §6).
func off(port string) string {
	if port == "0" {
		return " (off)"
	}
	return ""
}
