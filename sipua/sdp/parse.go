package sdp

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// parse reads a description into pion's types, in one pass. It is strict about the lines that matter here and about
// nothing else: order, unknown types, bandwidths, times and names may be as they like (RFC 8866 §5 sets an order
// that telephones do not keep).
func parse(body []byte) (*pion.SessionDescription, error) {
	if len(body) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrMalformed, len(body), MaxBytes)
	}
	r := reader{}
	number := 0
	for line := range bytes.Lines(body) {
		number++
		text := strings.TrimRight(string(line), "\r\n \t")
		if text == "" {
			continue
		}
		if why := r.line(text); why != "" {
			return nil, lineError(number, text, why)
		}
		if len(r.desc.MediaDescriptions) > MaxStreams {
			return nil, fmt.Errorf("%w: more than %d", ErrTooMany, MaxStreams)
		}
	}
	if !r.versioned {
		return nil, fmt.Errorf("%w: line 1: there is no v=0", ErrMalformed)
	}
	return &r.desc, nil
}

// reader is the state of one pass of parse.
type reader struct {
	desc      pion.SessionDescription
	versioned bool
	media     *pion.MediaDescription // the stream whose lines are being read, nil before the first
}

// line takes one line and returns what is wrong with it.
func (r *reader) line(text string) (why string) {
	if len(text) < 2 || text[1] != '=' {
		return "not of the form x=value"
	}
	if strings.IndexFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) >= 0 {
		return "control character"
	}
	kind, value := text[0], strings.TrimLeft(text[2:], " \t")
	if !r.versioned {
		if kind != 'v' || value != "0" {
			return "v=0 must come first"
		}
		r.versioned = true
		return ""
	}
	switch kind {
	case 'o':
		return r.origin(value)
	case 's':
		if r.media == nil {
			r.desc.SessionName = pion.SessionName(value)
		}
	case 'c':
		return r.connection(value)
	case 't':
		return r.timing(value)
	case 'm':
		return r.stream(value)
	case 'a':
		r.attribute(value)
	}
	return ""
}

func (r *reader) origin(value string) string {
	f := strings.Fields(value)
	if len(f) != 6 {
		return "o= takes six fields"
	}
	// The peer's session id and version are only looked at in our own descriptions; some telephones send more
	// digits than 64 bits hold.
	id, _ := strconv.ParseUint(f[1], 10, 64)
	version, _ := strconv.ParseUint(f[2], 10, 64)
	r.desc.Origin = pion.Origin{
		Username: f[0], SessionID: id, SessionVersion: version,
		NetworkType: f[3], AddressType: f[4], UnicastAddress: f[5],
	}
	return ""
}

func (r *reader) connection(value string) string {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != "IN" || f[1] != "IP4" && f[1] != "IP6" {
		return "c= must be IN IP4 or IN IP6 and an address"
	}
	c := &pion.ConnectionInformation{NetworkType: f[0], AddressType: f[1], Address: &pion.Address{Address: f[2]}}
	at := &r.desc.ConnectionInformation
	if r.media != nil {
		at = &r.media.ConnectionInformation
	}
	if *at == nil {
		*at = c
	}
	return ""
}

func (r *reader) timing(value string) string {
	if r.media != nil || len(r.desc.TimeDescriptions) > 0 {
		return ""
	}
	f := strings.Fields(value)
	if len(f) != 2 {
		return "t= takes two numbers"
	}
	start, err1 := strconv.ParseUint(f[0], 10, 64)
	stop, err2 := strconv.ParseUint(f[1], 10, 64)
	if err1 != nil || err2 != nil {
		return "t= takes two numbers"
	}
	r.desc.TimeDescriptions = []pion.TimeDescription{{Timing: pion.Timing{StartTime: start, StopTime: stop}}}
	return ""
}

func (r *reader) stream(value string) string {
	f := strings.Fields(value)
	if len(f) < 4 {
		return "m= takes media, port, transport and formats"
	}
	first, count, ranged := strings.Cut(f[1], "/")
	port, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return "bad port"
	}
	name := pion.MediaName{
		Media: f[0], Port: pion.RangedPort{Value: int(port)}, Protos: strings.Split(f[2], "/"), Formats: f[3:],
	}
	if ranged {
		n, err := strconv.ParseUint(count, 10, 16)
		if err != nil || n == 0 {
			return "bad number of ports"
		}
		ports := int(n)
		name.Port.Range = &ports
	}
	r.media = &pion.MediaDescription{MediaName: name}
	r.desc.MediaDescriptions = append(r.desc.MediaDescriptions, r.media)
	return ""
}

func (r *reader) attribute(value string) {
	key, v, _ := strings.Cut(value, ":")
	a := pion.Attribute{Key: strings.TrimRight(key, " \t"), Value: strings.TrimLeft(v, " \t")}
	if r.media != nil {
		r.media.Attributes = append(r.media.Attributes, a)
		return
	}
	r.desc.Attributes = append(r.desc.Attributes, a)
}

// parseAddress reads the address of a c= or a=rtcp line (RFC 8866 §5.7); a multicast scope behind it is cut off.
func parseAddress(text string) (netip.Addr, error) {
	host, _, _ := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%w: %q is no IP address", ErrAddress, host)
	}
	addr = addr.Unmap()
	if addr.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%w: %v", ErrMulticast, addr)
	}
	return addr, nil
}
