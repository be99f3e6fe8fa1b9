package session

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// Parse reads a description: of its streams the first audio one that can be played. The error is ErrMalformed with the line that is at
// fault, or ErrNoStream with what there is instead; then the session has who it is of (ID, Version, Origin, Name and Info), and where the first of its streams goes,
// if that is said. What it says need not be what [Session.Validate] asks of our own.
func Parse(text []byte) (Session, error) {
	d, err := read(text)
	if err != nil {
		return Session{}, err
	}
	var unfit []string
	for i := range d.streams {
		s, why, err := d.play(&d.streams[i])
		if err != nil {
			return Session{}, err
		}
		if why == "" {
			return s, nil
		}
		unfit = append(unfit, fmt.Sprintf("line %d: %s", d.streams[i].number, why))
	}
	known := d.named()
	if len(unfit) == 0 {
		return known, fmt.Errorf("%w: no m= line", ErrNoStream)
	}
	_ = d.address(&d.streams[0], &known) // what is not to be played need not be without fault
	return known, fmt.Errorf("%w: %s", ErrNoStream, strings.Join(unfit, "; "))
}

// named is the session without its streams.
func (d *document) named() Session {
	return Session{ID: d.origin.id, Version: d.origin.version, Origin: d.origin.address, Name: d.name, Info: d.info}
}

// play makes the session of a stream; why says for what it cannot be played, and err is a fault in its lines.
func (d *document) play(m *level) (s Session, why string, err error) {
	s = d.named()
	s.Secure = strings.HasPrefix(m.transport, "RTP/SAVP")
	switch {
	case m.media != "audio":
		return s, quoted(m.media) + " is not audio", nil
	case m.port == 0:
		return s, "the stream is off", nil
	case m.transport != "RTP/AVP" && m.transport != "RTP/AVPF" && m.transport != "RTP/SAVP" && m.transport != "RTP/SAVPF":
		return s, "by " + quoted(m.transport) + ", which is not known", nil
	}
	if s.Stream, why, err = m.formatted(); err != nil || why != "" {
		return s, why, err
	}
	s.Stream.Packet, s.Stream.MaxPacket = m.packetTime("ptime"), m.packetTime("maxptime")
	s.Stream.Direction = direction(m, &d.session)
	if err := d.address(m, &s); err != nil {
		return s, "", err
	}
	if s.Secure {
		s.Key, err = m.key()
	}
	return s, "", err
}

// formatted is the first of the stream's formats that can be played.
func (m *level) formatted() (s Stream, why string, err error) {
	var seen []string
	for _, f := range m.formats {
		pt, err := strconv.ParseUint(f, 10, 7)
		if err != nil {
			return s, "", m.fault("payload types are numbers up to 127")
		}
		s.PayloadType = uint8(pt)
		encoding, err := m.encoding(s.PayloadType)
		if err != nil {
			return s, "", err
		}
		if format, ok := lookup(encoding); ok {
			s.Format = m.capture(s.PayloadType, format)
			return s, "", nil
		}
		if len(seen) < 8 {
			seen = append(seen, quoted(encoding))
		}
	}
	return s, "in " + strings.Join(seen, ", ") + ", which cannot be played", nil
}

// encoding is what a payload type is, as name/clock/channels: by a=rtpmap, or by RFC 3551.
func (m *level) encoding(pt uint8) (string, error) {
	for _, a := range m.all("rtpmap") {
		f := strings.Fields(a.value)
		if len(f) != 2 {
			return "", a.fault("a=rtpmap takes a payload type and an encoding")
		}
		if f[0] == strconv.Itoa(int(pt)) {
			return f[1], nil
		}
	}
	if name, known := static[pt]; known {
		return string(name) + "/8000", nil
	}
	return "payload type " + strconv.Itoa(int(pt)), nil
}

// lookup finds the codec of an encoding with one channel; of Opus with any number, which says nothing (RFC 7587 §7).
func lookup(encoding string) (codec.Format, bool) {
	name, rest, _ := strings.Cut(encoding, "/")
	clock, channels, several := strings.Cut(rest, "/")
	hz, err := strconv.Atoi(clock)
	if err != nil {
		return codec.Format{}, false
	}
	f, ok := codec.Lookup(name, hz)
	return f, ok && (!several || channels == "1" || f.Name == codec.Opus)
}

// capture lowers the rate that Opus is decoded at to what the sender says that there is (RFC 7587 §6.1).
func (m *level) capture(pt uint8, f codec.Format) codec.Format {
	if f.Name != codec.Opus {
		return f
	}
	for _, a := range m.all("fmtp") {
		of, parameters, _ := strings.Cut(a.value, " ")
		if of != strconv.Itoa(int(pt)) {
			continue
		}
		for p := range strings.SplitSeq(parameters, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			hz, err := strconv.Atoi(value)
			switch {
			case !strings.EqualFold(key, "sprop-maxcapturerate") || err != nil || hz < 8000:
			case hz == 8000:
				f.SampleRateHz = 8000
			case hz <= 16000:
				f.SampleRateHz = 16000
			}
		}
	}
	return f
}

// longestPacket is the longest that somebody can mean; what is beyond it counts as not said.
const longestPacket = time.Second

// packetTime reads the milliseconds of ptime or maxptime, whole or not (RFC 8866 §6.4).
func (m *level) packetTime(key string) time.Duration {
	a, _ := m.first(key)
	ms, err := strconv.ParseFloat(a.value, 64)
	if err != nil || !(ms > 0 && ms <= float64(longestPacket/time.Millisecond)) {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// direction is that of the stream, or of the session, or sendrecv (RFC 8866 §6.7).
func direction(levels ...*level) Direction {
	for _, l := range levels {
		for _, a := range l.attributes {
			if i := slices.Index(directions[:], a.key); i >= 0 {
				return Direction(i)
			}
		}
	}
	return SendReceive
}

// address reads where the stream is sent, and by whom.
func (d *document) address(m *level, s *Session) error {
	at := m.connection
	if at == nil {
		at = d.session.connection
	}
	if at == nil {
		return m.fault("there is no c= line that says where it is sent")
	}
	group, ttl, why := parseConnection(at.text[2:])
	if why != "" {
		return at.fault(why)
	}
	s.Group, s.TTL = netip.AddrPortFrom(group, m.port), ttl
	if err := m.rtcp(s); err != nil {
		return err
	}
	for _, l := range []*level{m, &d.session} { // a stream's own filter counts before that of all (RFC 4570 §3.2.1)
		for _, a := range l.all("source-filter") {
			if err := a.filter(s); err != nil {
				return err
			}
		}
		if len(s.Sources) > 0 {
			break
		}
	}
	return nil
}

// parseConnection reads the value of c=: of several addresses, which are layers of one encoding, the first (RFC 8866 §5.7).
func parseConnection(value string) (addr netip.Addr, ttl int, why string) {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != "IN" || f[1] != "IP4" && f[1] != "IP6" {
		return addr, 0, "c= must be IN IP4 or IN IP6 and an address"
	}
	host, scope, scoped := strings.Cut(f[2], "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" || addr.Is4() != (f[1] == "IP4") || addr.Is4In6() || addr.IsUnspecified() {
		return addr, 0, "no " + f[1] + " address that sound is sent to"
	}
	if !scoped || !addr.Is4() || !addr.IsMulticast() {
		return addr, 0, ""
	}
	text, _, _ := strings.Cut(scope, "/")
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return addr, 0, "a TTL is a number up to 255"
	}
	return addr, int(n), ""
}

// rtcp reads where RTCP goes: a=rtcp (RFC 3605), or to the port of RTP (RFC 5761). One at another address is taken for none that we know.
func (m *level) rtcp(s *Session) error {
	if _, ok := m.first("rtcp-mux"); ok {
		s.RTCPPort = s.Group.Port()
		return nil
	}
	a, ok := m.first("rtcp")
	if !ok {
		return nil
	}
	f := strings.Fields(a.value)
	if len(f) != 1 && len(f) != 4 {
		return a.fault("a=rtcp takes a port, or a port and an address")
	}
	port, err := strconv.ParseUint(f[0], 10, 16)
	if err != nil || port == 0 {
		return a.fault("bad port")
	}
	if len(f) == 4 && f[3] != s.Group.Addr().String() {
		return nil
	}
	if s.RTCPPort = uint16(port); s.RTCPPort == s.Group.Port()+1 {
		s.RTCPPort = 0
	}
	return nil
}

// filter takes the sources that an a=source-filter names for the session's group.
func (a attribute) filter(s *Session) error {
	f := strings.Fields(a.value)
	if len(f) < 5 || f[1] != "IN" {
		return a.fault("a=source-filter takes incl, IN, the type of addresses, a group and sources")
	}
	of := f[3] == "*" && f[2] == addressType(s.Group.Addr().Is4())
	if dest, err := netip.ParseAddr(f[3]); err == nil {
		of = dest == s.Group.Addr()
	}
	if !of { // of another group
		return nil
	}
	if f[0] != "incl" {
		return a.fault("only sources that are included can be heard (incl)")
	}
	for _, text := range f[4:] {
		addr, err := netip.ParseAddr(text)
		switch {
		case err != nil || addr.Zone() != "" || addr.Is4() != s.Group.Addr().Is4() || addr.Is4In6() || addr.IsMulticast() || addr.IsUnspecified():
			return a.fault("a source is an address of the group's kind")
		case slices.Contains(s.Sources, addr):
		case len(s.Sources) == MaxSources:
			return a.fault(fmt.Sprintf("more than %d sources", MaxSources))
		default:
			s.Sources = append(s.Sources, addr)
		}
	}
	return nil
}

// key is the first of the stream's keys that is of a kind we know.
func (m *level) key() (Key, error) {
	for _, a := range m.all("crypto") {
		k, known, why := parseKey(a.value)
		if why != "" {
			return Key{}, a.fault(why)
		}
		if known {
			return k, nil
		}
	}
	return Key{}, nil
}

// quoted is a short word of somebody else's for an error.
func quoted(word string) string {
	if len(word) > 40 {
		word = word[:40]
	}
	return strconv.Quote(word)
}
