package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"

	"github.com/confbridge/confbridge/mixer/codec"
)

// stream is what one side says of one audio stream, as far as we can use it.
type stream struct {
	remote, rtcp netip.AddrPort // remote is not valid where the address is unspecified
	mux          bool
	send, recv   bool // as that side sees it
	formats
	packet, longest time.Duration // that it asks for, and bears; 0: it says nothing
	extensions      []extension
}

// readStream reads the stream m of desc, which must be RTP/AVP audio with a port. family is an address of the IP
// version that we have.
func readStream(desc *pion.SessionDescription, m *pion.MediaDescription, ours []codec.Name, family netip.Addr) (stream, error) {
	var s stream
	if proto := strings.Join(m.MediaName.Protos, "/"); proto != "RTP/AVP" {
		return s, fmt.Errorf("%w: %q", ErrTransport, proto)
	}
	a := readAttributes(m)
	s.formats = a.formats(m.MediaName.Formats, ours)
	if len(s.codecs) == 0 {
		return s, fmt.Errorf("%w in %q", ErrNoCodec, strings.Join(m.MediaName.Formats[:min(len(m.MediaName.Formats), 20)], " "))
	}
	s.mux = a.mux && !s.muxCollides()
	s.packet, s.longest = a.packet, a.longest
	s.extensions = a.extensions
	if s.extensions == nil {
		session := attributes{}
		session.readExtensions(desc.Attributes)
		s.extensions = session.extensions
	}
	s.send, s.recv = direction(a.direction, desc)
	if err := s.addresses(desc, m, a.rtcp, family); err != nil {
		return s, err
	}
	return s, nil
}

// muxCollides says that a payload type in use would look like RTCP on a shared port (RFC 5761 §4).
func (s *stream) muxCollides() bool {
	return slices.ContainsFunc(s.all(), func(f format) bool {
		return f.payloadType >= 64 && f.payloadType <= 95
	})
}

// direction is a stream's, or the session's where the stream has none (RFC 3264 §5.1), sendrecv without either.
func direction(of string, desc *pion.SessionDescription) (send, recv bool) {
	for _, a := range desc.Attributes {
		if of == "" && isDirection(a.Key) {
			of = a.Key
		}
	}
	return of != "recvonly" && of != "inactive", of != "sendonly" && of != "inactive"
}

func isDirection(key string) bool {
	return key == "sendrecv" || key == "sendonly" || key == "recvonly" || key == "inactive"
}

// addresses finds where RTP and RTCP go (RFC 8866 §5.7, RFC 3605).
func (s *stream) addresses(desc *pion.SessionDescription, m *pion.MediaDescription, rtcp string, family netip.Addr) error {
	addr, err := connectionAddress(desc, m)
	if err != nil {
		return err
	}
	if addr.Is4() != family.Unmap().Is4() {
		return fmt.Errorf("%w: %v is not of the IP version of %v", ErrAddress, addr, family)
	}
	if addr.IsUnspecified() {
		return nil
	}
	port := uint16(m.MediaName.Port.Value)
	s.remote = netip.AddrPortFrom(addr, port)
	switch {
	case s.mux:
		s.rtcp = s.remote
	case rtcp != "":
		s.rtcp = readRTCP(rtcp, addr)
	}
	if !s.rtcp.IsValid() && port < 65535 {
		s.rtcp = netip.AddrPortFrom(addr, port+1)
	}
	return nil
}

// readRTCP reads an a=rtcp attribute (RFC 3605 §2.1); the zero value where it is of no use.
func readRTCP(value string, addr netip.Addr) netip.AddrPort {
	f := strings.Fields(value)
	if len(f) == 0 {
		return netip.AddrPort{}
	}
	port, err := strconv.ParseUint(f[0], 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}
	}
	if len(f) >= 4 {
		other, err := parseAddress(f[3])
		if err != nil || other.Is4() != addr.Is4() || other.IsUnspecified() {
			return netip.AddrPort{}
		}
		addr = other
	}
	return netip.AddrPortFrom(addr, uint16(port))
}
