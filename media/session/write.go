package session

import (
	"strconv"
	"strings"
	"time"

	"github.com/pion/sdp/v3"

	"github.com/confbridge/confbridge/mixer/codec"
)

// Marshal writes the description without the session's key: what may be announced to everybody. The error is ErrInvalid.
func (s Session) Marshal() ([]byte, error) { return s.marshal(false) }

// MarshalWithKey is Marshal with the key, for who has shown that they may have it.
func (s Session) MarshalWithKey() ([]byte, error) { return s.marshal(true) }

func (s Session) marshal(withKey bool) ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	d := sdp.SessionDescription{
		Origin: s.origin(), SessionName: sdp.SessionName(nameOrDash(s.Name)),
		ConnectionInformation: s.connection(),
		TimeDescriptions:      []sdp.TimeDescription{{}}, // t=0 0: until it is taken back
		MediaDescriptions:     []*sdp.MediaDescription{s.media(withKey)},
	}
	if info := sdp.Information(strings.TrimSpace(s.Info)); info != "" {
		d.SessionInformation = &info
	}
	if len(s.Sources) > 0 {
		d.Attributes = append(d.Attributes, sdp.Attribute{Key: "source-filter", Value: s.sourceFilter()})
	}
	return d.Marshal()
}

// OriginLine is the o= line with its end, which is all that a deletion has of a description (RFC 2974 §6).
func (s Session) OriginLine() string { return "o=" + s.origin().String() + "\r\n" }

func (s Session) origin() sdp.Origin {
	return sdp.Origin{
		Username: "-", SessionID: s.ID, SessionVersion: s.Version,
		NetworkType: "IN", AddressType: addressType(s.Origin.Is4()), UnicastAddress: s.Origin.String(),
	}
}

func (s Session) connection() *sdp.ConnectionInformation {
	a := &sdp.Address{Address: s.Group.Addr().String()}
	if s.Group.Addr().Is4() && s.Group.Addr().IsMulticast() {
		a.TTL = &s.TTL
	}
	return &sdp.ConnectionInformation{NetworkType: "IN", AddressType: addressType(s.Group.Addr().Is4()), Address: a}
}

// sourceFilter is the value of a=source-filter, with the space in front that its grammar has (RFC 4570 §3).
func (s Session) sourceFilter() string {
	var b strings.Builder
	b.WriteString(" incl IN " + addressType(s.Group.Addr().Is4()) + " " + s.Group.Addr().String())
	for _, a := range s.Sources {
		b.WriteString(" " + a.String())
	}
	return b.String()
}

func (s Session) media(withKey bool) *sdp.MediaDescription {
	profile := "AVP"
	if s.Encrypted() {
		profile = "SAVP"
	}
	pt := strconv.Itoa(int(s.Stream.PayloadType))
	m := &sdp.MediaDescription{MediaName: sdp.MediaName{
		Media: "audio", Port: sdp.RangedPort{Value: int(s.Group.Port())}, Protos: []string{"RTP", profile}, Formats: []string{pt},
	}}
	add := func(key, value string) { m.Attributes = append(m.Attributes, sdp.Attribute{Key: key, Value: value}) }
	if s.RTCP().Port() != s.Group.Port()+1 {
		add("rtcp", strconv.Itoa(int(s.RTCP().Port())))
	}
	f := s.Stream.Format
	encoding := string(f.Name) + "/" + strconv.Itoa(f.ClockRateHz)
	if f.Name == codec.Opus {
		encoding += "/2" // however many there are (RFC 7587 §7)
	}
	add("rtpmap", pt+" "+encoding)
	if f.Name == codec.Opus {
		add("fmtp", pt+" "+opusParameters(f))
	}
	if s.Stream.Packet != 0 {
		add("ptime", milliseconds(s.Stream.Packet))
	}
	if s.Stream.MaxPacket != 0 {
		add("maxptime", milliseconds(s.Stream.MaxPacket))
	}
	add(s.Stream.Direction.String(), "")
	if withKey && !s.Key.IsZero() {
		add("crypto", s.Key.attribute())
	}
	return m
}

// opusParameters say what is sent, not what is asked for: one channel, and its rate where that is not all (RFC 7587 §6.1).
func opusParameters(f codec.Format) string {
	if f.SampleRateHz < f.ClockRateHz {
		return "sprop-stereo=0;sprop-maxcapturerate=" + strconv.Itoa(f.SampleRateHz)
	}
	return "sprop-stereo=0"
}

func addressType(v4 bool) string {
	if v4 {
		return "IP4"
	}
	return "IP6"
}

// nameOrDash is what s= has, which must not be empty (RFC 8866 §5.3).
func nameOrDash(name string) string {
	if name = strings.TrimSpace(name); name != "" {
		return name
	}
	return "-"
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
