package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// Group is where an offer has its sound go to and come from, if that is a multicast group: the address and port of the first audio stream that is not
// disabled (RFC 3264 §5). It says nothing (false) of an offer that cannot be read.
func Group(offer []byte) (netip.AddrPort, bool) {
	desc, err := parse(offer)
	if err != nil {
		return netip.AddrPort{}, false
	}
	_, at, ok := groupStream(desc)
	return at, ok
}

// OfferGroup is a session's description as an offer within a call, whose last description was previous; nil: there was none. Its version grows where it
// says something else than that (RFC 3264 §8). It fails with ErrMalformed.
func OfferGroup(description, previous []byte) ([]byte, error) {
	desc, err := parse(description)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return marshalGroup(desc, previous), nil
}

// AnswerGroup answers an offer of a multicast stream, where it is that of the description. Of such a stream all have one view (RFC 3264 §6.2): the answer has
// the offer's address, TTL and port, its direction and its packet time, and of its formats the one that is sent. Other streams are refused with port 0.
//
// It fails with ErrMalformed and ErrTooMany; with ErrMulticast where the group, its TTL, or the direction is another; with ErrNoCodec and ErrTransport.
func AnswerGroup(offer, description, previous []byte) ([]byte, error) {
	theirs, err := parse(offer)
	if err != nil {
		return nil, fmt.Errorf("offer: %w", err)
	}
	answer, err := parse(description)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	ours, _, _ := groupStream(answer)
	taken, _, there := groupStream(theirs)
	if ours < 0 || !there {
		return nil, fmt.Errorf("offer: %w: it has no multicast stream", ErrMulticast)
	}
	stream := answer.MediaDescriptions[ours]
	if err := mirror(theirs, theirs.MediaDescriptions[taken], answer, stream); err != nil {
		return nil, fmt.Errorf("offer: %w", err)
	}
	answer.TimeDescriptions = theirs.TimeDescriptions // RFC 3264 §6
	if len(answer.TimeDescriptions) == 0 {
		answer.TimeDescriptions = []pion.TimeDescription{{}}
	}
	answer.MediaDescriptions = nil
	for i, m := range theirs.MediaDescriptions {
		if i == taken {
			answer.MediaDescriptions = append(answer.MediaDescriptions, stream)
			continue
		}
		answer.MediaDescriptions = append(answer.MediaDescriptions, refuse(m))
	}
	return marshalGroup(answer, previous), nil
}

// AcceptGroup says whether an answer takes the multicast stream that was offered (RFC 3264 §7): nil, or ErrMalformed, ErrNoAudio, ErrMulticast,
// ErrTransport, ErrNoCodec.
func AcceptGroup(offer, answer []byte) error {
	ours, err := parse(offer)
	if err != nil {
		return fmt.Errorf("own offer: %w", err)
	}
	theirs, err := parse(answer)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if got, want := len(theirs.MediaDescriptions), len(ours.MediaDescriptions); got != want {
		return fmt.Errorf("answer: %w: %d streams to an offer of %d", ErrMalformed, got, want)
	}
	i, _, _ := groupStream(ours)
	if i < 0 {
		return fmt.Errorf("own offer: %w", ErrMulticast)
	}
	if m := theirs.MediaDescriptions[i]; m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
		return fmt.Errorf("answer: %w: declined", ErrNoAudio)
	}
	if err := mirror(theirs, theirs.MediaDescriptions[i], ours, ours.MediaDescriptions[i]); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// groupStream finds the first audio stream that is not disabled, where it goes to a group; −1 where it does not.
func groupStream(desc *pion.SessionDescription) (index int, at netip.AddrPort, ok bool) {
	for i, m := range desc.MediaDescriptions {
		if m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
			continue
		}
		addr, err := netip.ParseAddr(strings.Split(connection(desc, m), "/")[0])
		if err != nil || !addr.IsMulticast() {
			break
		}
		return i, netip.AddrPortFrom(addr.Unmap(), uint16(m.MediaName.Port.Value)), true
	}
	return -1, netip.AddrPort{}, false
}

// connection is the address of a stream with what stands behind it: TTL and number of addresses (RFC 8866 §5.7); empty where there is none.
func connection(desc *pion.SessionDescription, m *pion.MediaDescription) string {
	for _, c := range []*pion.ConnectionInformation{m.ConnectionInformation, desc.ConnectionInformation} {
		if c != nil {
			return c.Address.Address
		}
	}
	return ""
}

// mirror makes our stream what the peer's says, as far as all have one view of it, and fails where it cannot be that.
func mirror(desc *pion.SessionDescription, m *pion.MediaDescription, ourDesc *pion.SessionDescription, our *pion.MediaDescription) error {
	address, ourAddress := connection(desc, m), connection(ourDesc, our)
	if !sameConnection(address, ourAddress) || m.MediaName.Port.Value != our.MediaName.Port.Value {
		return fmt.Errorf("%w at %s port %d", ErrMulticast, address, m.MediaName.Port.Value)
	}
	if got, want := strings.Join(m.MediaName.Protos, "/"), strings.Join(our.MediaName.Protos, "/"); got != want {
		return fmt.Errorf("%w: %s, the session has %s", ErrTransport, got, want)
	}
	theirs, ours := readAttributes(m), readAttributes(our)
	number := our.MediaName.Formats[0]
	pt, _ := payloadType(number)
	if f, known := theirs.rtpmap[pt]; !slices.Contains(m.MediaName.Formats, number) || known && !strings.EqualFold(trimChannels(f), trimChannels(ours.rtpmap[pt])) {
		return fmt.Errorf("%w: the session has %s as %s", ErrNoCodec, ours.rtpmap[pt], number)
	}
	direction := theirs.direction
	if direction == "" {
		direction = sessionDirection(desc)
	}
	if direction == "sendonly" {
		return fmt.Errorf("%w for who only sends", ErrMulticast)
	}
	setDirection(our, direction)
	if theirs.packet != 0 {
		setAttribute(our, "ptime", milliseconds(theirs.packet))
	}
	return nil
}

// sameConnection says whether an address with its TTL is ours. Without a TTL, which IPv4 should have, it is.
func sameConnection(theirs, ours string) bool {
	address, ttl, _ := strings.Cut(theirs, "/")
	ourAddress, ourTTL, _ := strings.Cut(ours, "/")
	a, err := netip.ParseAddr(address)
	b, ourErr := netip.ParseAddr(ourAddress)
	return err == nil && ourErr == nil && a == b && (ttl == "" || strings.TrimSuffix(ttl, "/1") == ourTTL)
}

// trimChannels is an encoding without the /1 that says what is so anyway (RFC 8866 §6.6).
func trimChannels(encoding string) string { return strings.TrimSuffix(encoding, "/1") }

// sessionDirection is that of all streams that say nothing else (RFC 8866 §6.7).
func sessionDirection(desc *pion.SessionDescription) string {
	for _, a := range desc.Attributes {
		if isDirection(a.Key) {
			return a.Key
		}
	}
	return "sendrecv"
}

func setDirection(m *pion.MediaDescription, direction string) {
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a pion.Attribute) bool { return isDirection(a.Key) })
	m.Attributes = append(m.Attributes, pion.Attribute{Key: direction})
}

func setAttribute(m *pion.MediaDescription, key, value string) {
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a pion.Attribute) bool { return a.Key == key })
	m.Attributes = append(m.Attributes, pion.Attribute{Key: key, Value: value})
}

// marshalGroup writes d with the version that it must have behind previous. The version of the description itself is the least.
func marshalGroup(d *pion.SessionDescription, previous []byte) []byte {
	if d.SessionName == "" {
		d.SessionName = "-"
	}
	for i, a := range d.Attributes {
		if a.Key == "source-filter" && !strings.HasPrefix(a.Value, " ") {
			d.Attributes[i].Value = " " + a.Value // its grammar has a space there (RFC 4570 §3), which is not read
		}
	}
	before, err := parse(previous)
	if err != nil {
		return mustMarshal(d) // there is no version to go on from
	}
	least := d.Origin.SessionVersion
	d.Origin.SessionVersion = before.Origin.SessionVersion
	if body := mustMarshal(d); string(body) == string(previous) {
		return body
	}
	d.Origin.SessionVersion = max(least, before.Origin.SessionVersion+1)
	return mustMarshal(d)
}
