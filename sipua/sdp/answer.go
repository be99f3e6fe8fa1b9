package sdp

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	pion "github.com/pion/sdp/v3"

	"github.com/confbridge/confbridge/mixer/codec"
)

// Answer answers an offer (RFC 3264 §6). The first audio stream over RTP/AVP with a codec of ours and an address that
// we can reach is taken; every other stream is refused with port 0, in its place and with its own formats.
//
// The answer lists the codecs in our order of preference, as it may (§6.1): the first is what the offerer should send (§7),
// and what we send as well, so that both ways have one codec. The numbers are the offerer's.
//
// It fails with ErrMalformed and ErrTooMany; with ErrNoAudio, ErrNoCodec, ErrTransport, ErrAddress or ErrMulticast if
// no audio stream can be taken. In a running session (Local.Previous) an offer whose audio has port 0 is answered with
// port 0 and Agreed.Ended.
func Answer(offer []byte, local Local) ([]byte, Agreed, error) {
	desc, err := parse(offer)
	if err != nil {
		return nil, Agreed{}, fmt.Errorf("offer: %w", err)
	}
	taken, s, err := pickAudio(desc, local)
	if err != nil && !(errors.Is(err, errDisabled) && local.Previous != nil) {
		return nil, Agreed{}, fmt.Errorf("offer: %w", err)
	}
	answer := local.description(desc.TimeDescriptions)
	agreed := Agreed{Ended: taken < 0}
	for i, m := range desc.MediaDescriptions {
		if i != taken {
			answer.MediaDescriptions = append(answer.MediaDescriptions, refuse(m))
			continue
		}
		s.prefer(local.answered())
		s.extensions = wanted(s.extensions)
		agreed = s.agree(s.formats, local.packet())
		answer.MediaDescriptions = append(answer.MediaDescriptions, local.audio(written{
			formats: s.formats, packet: agreed.Payloads[0].Packet, direction: s.answered(), mux: s.mux, extensions: s.extensions,
		}))
		if agreed.Metrics = wantsMetrics(desc, m); agreed.Metrics {
			askForMetrics(answer.MediaDescriptions[i])
		}
	}
	return local.marshal(answer), agreed, nil
}

// errDisabled is ErrNoAudio where there is an audio stream, with port 0.
var errDisabled = fmt.Errorf("%w: its port is 0", ErrNoAudio)

// pickAudio finds the stream to take. If there is none, the index is −1 and the error is that of the first audio
// stream that was not simply disabled.
func pickAudio(desc *pion.SessionDescription, local Local) (int, stream, error) {
	var disabled, why error
	for i, m := range desc.MediaDescriptions {
		if m.MediaName.Media != "audio" {
			continue
		}
		if m.MediaName.Port.Value == 0 {
			disabled = errDisabled
			continue
		}
		s, err := readStream(desc, m, local.answered(), local.RTP.Addr())
		if err == nil {
			return i, s, nil
		}
		why = cmp.Or(why, err)
	}
	return -1, stream{}, cmp.Or(why, disabled, ErrNoAudio)
}

// refuse answers a stream with port 0 (RFC 3264 §6).
func refuse(m *pion.MediaDescription) *pion.MediaDescription {
	name := m.MediaName
	name.Port = pion.RangedPort{}
	return &pion.MediaDescription{MediaName: name}
}

// answered is the direction that answers s: what the peer will not send we do not receive, and the other way round
// (RFC 3264 §6.1). To the address 0.0.0.0 nothing is sent (§8.4).
func (s *stream) answered() string {
	return directionName(s.recv && s.remote.IsValid(), s.send)
}

func directionName(send, recv bool) string {
	switch {
	case send && recv:
		return "sendrecv"
	case send:
		return "sendonly"
	case recv:
		return "recvonly"
	}
	return "inactive"
}

// agree is what holds between the peer's stream s and ours, where our payload types are as given: the same formats in the
// same places. Where the peer asks for no packet time, ours is fallback.
func (s *stream) agree(ours formats, fallback time.Duration) Agreed {
	a := Agreed{
		Remote: s.remote, RemoteRTCP: s.rtcp, Mux: s.mux, PtimeMilliseconds: int(s.packet.Milliseconds()),
		Send: s.recv && s.remote.IsValid(), Receive: s.send,
		LevelID: identify(s.extensions, clientLevel), MixID: identify(s.extensions, mixLevels),
	}
	for i, f := range s.codecs {
		p := packed(codec.Profile{Format: f.format, Opus: f.opus}, cmp.Or(s.packet, fallback), s.longest)
		if f.format.Name == codec.Opus {
			p.Opus.Clean = true // nothing has been lost yet
		}
		a.Payloads = append(a.Payloads, Payload{
			ReceiveType: ours.codecs[i].payloadType, SendType: f.payloadType, ReceiveRateHz: f.receiveHz, Profile: p,
		})
	}
	for i, f := range s.events {
		a.Events = append(a.Events, EventPayload{
			ReceiveType: ours.events[i].payloadType, SendType: f.payloadType, ClockRateHz: f.format.ClockRateHz,
		})
	}
	for _, f := range ours.noise {
		a.Noise = f.payloadType
	}
	return a
}

// description starts a description of ours.
func (l Local) description(times []pion.TimeDescription) *pion.SessionDescription {
	if len(times) == 0 {
		times = []pion.TimeDescription{{}}
	}
	kind, host := "IP4", l.RTP.Addr().Unmap()
	if host.Is6() {
		kind = "IP6"
	}
	return &pion.SessionDescription{
		Origin: pion.Origin{
			Username: "confbridge", SessionID: l.SessionID, SessionVersion: 1,
			NetworkType: "IN", AddressType: kind, UnicastAddress: host.String(),
		},
		SessionName: "-",
		ConnectionInformation: &pion.ConnectionInformation{
			NetworkType: "IN", AddressType: kind, Address: &pion.Address{Address: host.String()},
		},
		TimeDescriptions: times, // the offer's: RFC 3264 §6
	}
}

// written is our audio stream as it is written.
type written struct {
	formats
	packet     time.Duration
	direction  string
	mux        bool
	extensions []extension
}

// audio writes our audio stream.
func (l Local) audio(w written) *pion.MediaDescription {
	m := &pion.MediaDescription{MediaName: pion.MediaName{
		Media: "audio", Port: pion.RangedPort{Value: int(l.RTP.Port())}, Protos: []string{"RTP", "AVP"},
	}}
	add := func(key, value string) { m.Attributes = append(m.Attributes, pion.Attribute{Key: key, Value: value}) }
	for _, f := range w.all() {
		number := strconv.Itoa(int(f.payloadType))
		m.MediaName.Formats = append(m.MediaName.Formats, number)
		encoding, fmtp := f.rtpmap()
		add("rtpmap", number+" "+encoding)
		if fmtp != "" {
			add("fmtp", number+" "+fmtp)
		}
	}
	add("ptime", milliseconds(w.packet))
	for _, e := range w.extensions {
		add("extmap", e.String())
	}
	add(w.direction, "")
	if w.mux {
		add("rtcp-mux", "")
	}
	return m
}

// marshal writes d with the version that it must have behind l.Previous.
func (l Local) marshal(d *pion.SessionDescription) []byte {
	if l.Previous == nil {
		return mustMarshal(d)
	}
	previous, err := parse(l.Previous)
	if err != nil {
		return mustMarshal(d) // not one of ours: there is no version to go on from
	}
	d.Origin.SessionVersion = previous.Origin.SessionVersion
	body := mustMarshal(d)
	if string(body) != string(l.Previous) {
		d.Origin.SessionVersion++
		body = mustMarshal(d)
	}
	return body
}

// mustMarshal writes d. pion's Marshal has an error result that it never uses.
func mustMarshal(d *pion.SessionDescription) []byte {
	body, err := d.Marshal()
	if err != nil {
		panic(err)
	}
	return body
}
