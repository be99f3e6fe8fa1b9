package media

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
)

func TestParse(t *testing.T) {
	header := rtp.Header{Version: 2, PayloadType: 8, SequenceNumber: 1, Timestamp: 2, SSRC: 3}
	with := func(change func(*rtp.Packet)) []byte {
		p := rtp.Packet{Header: header, Payload: []byte("sound")}
		change(&p)
		return marshal(p)
	}
	extended := func(profile uint16, words uint16, body ...byte) []byte {
		b := with(func(p *rtp.Packet) { p.Payload = nil })
		b[0] |= extensionBit
		return append(append(b, byte(profile>>8), byte(profile), byte(words>>8), byte(words)), body...)
	}
	for _, c := range []struct {
		name   string
		packet []byte
		want   string
		why    reason
	}{
		{"nothing", nil, "", reasonShort},
		{"less than a header", make([]byte, 11), "", reasonShort},
		{"version 0", make([]byte, 12), "", reasonVersion},
		{"plain", with(func(*rtp.Packet) {}), "sound", accepted},
		{"only a header", with(func(p *rtp.Packet) { p.Payload = nil }), "", accepted},
		{"15 CSRCs", with(func(p *rtp.Packet) { p.CSRC = make([]uint32, 15) }), "sound", accepted},
		{"CSRCs that are not there", append([]byte{0x8f}, make([]byte, 70)...), "", reasonShort},
		{"padding", with(func(p *rtp.Packet) { p.Padding, p.PaddingSize = true, 4 }), "sound", accepted},
		{"nothing but padding", with(func(p *rtp.Packet) { p.Payload, p.Padding, p.PaddingSize = nil, true, 4 }), "", accepted},
		{"padding of 0", append([]byte{0xa0}, make([]byte, 12)...), "", reasonPadding},
		{"padding longer than the rest", append(append([]byte{0xa0}, make([]byte, 12)...), 3), "", reasonPadding},
		{"padding without a byte for it", append([]byte{0xa0}, make([]byte, 11)...), "", reasonPadding},
		{"one-byte extension", with(func(p *rtp.Packet) { _ = p.SetExtension(1, []byte{5}) }), "sound", accepted},
		{"unknown extension", append(extended(0x1234, 1, 1, 2, 3, 4), "sound"...), "sound", accepted},
		{"empty extension", append(extended(0x1234, 0), "sound"...), "sound", accepted},
		{"malformed element of an extension", append(extended(0xbede, 1, 0x1f, 0, 0, 0), "sound"...), "sound", accepted},
		{"extension that is not there", extended(0xbede, 2, 1, 2, 3, 4), "", reasonShort},
		{"extension cut in its header", extended(0xbede, 0)[:14], "", reasonShort},
	} {
		var h rtp.Header
		got, _, why := parse(bytes.Clone(c.packet), &h)
		if string(got) != c.want || why != c.why {
			t.Errorf("%s: got %q, %q; want %q, %q", c.name, got, reasonNames[why], c.want, reasonNames[c.why])
		}
	}
	var h rtp.Header
	if _, _, why := parse(append(extended(0xbede, 0), 1), &h); why != accepted || h.PayloadType != 8 || h.SequenceNumber != 1 || h.Timestamp != 2 || h.SSRC != 3 {
		t.Errorf("got header %+v", h)
	}
}

// FuzzRTP gives a leg whatever may come from its peer.
func FuzzRTP(f *testing.F) {
	f.Add(packet(7, 1), packet(7, 2), packet(7, 3))
	f.Add([]byte{}, []byte{0x80}, append([]byte{0x8f}, make([]byte, 20)...))
	f.Add(marshal(rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 101, SequenceNumber: 1}, Payload: []byte{1, 0x8a, 0, 100}}),
		marshal(rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 101, SequenceNumber: 2}, Payload: []byte{1, 0x8a, 0, 100}}),
		marshal(rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: 3}, Payload: []byte{0xff, 0x3f}}))
	f.Add(append([]byte{0xb0}, make([]byte, 30)...), append([]byte{0x90}, make([]byte, 15)...), []byte{0x80, 200, 0, 1, 0, 0, 0, 0})
	f.Add(sid(1), sid(2), sid(3)[:headerSize])
	f.Add(append([]byte{0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x30, 0x8a, 0, 0}, 1, 2, 3),
		append([]byte{0x90, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 7, 0x10, 0, 0, 1, 3, 1, 0x8a, 9}, 1, 2, 3), sid(3))
	e := newTestEngine(f, Config{})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		l := bare(e)
		var in ear
		for i, p := range [][]byte{a, b, c, a, b, c} {
			why := reasonTooLong
			if len(p) <= udp.MaxPacket {
				why = l.inject(p, signalledAddr, start, &in)
			}
			if why == accepted && len(p) < headerSize {
				t.Errorf("packet %d of %d bytes was taken", i, len(p))
			}
		}
		l.events.expire(start.Add(eventLost), &in)
		if in.early {
			t.Error("audio came before the first restart")
		}
		for _, p := range in.audio {
			if (p.Samples <= 0) != p.Noise || p.Samples > 5760 || len(p.Payload) == 0 {
				t.Errorf("a packet of %d samples", p.Samples)
			}
		}
		for _, k := range in.keys {
			if k.Held < 0 || k.Held > longestKey {
				t.Errorf("a key held for %v", k.Held)
			}
		}
	})
}

// bare is a configured leg without sockets.
func bare(e *Engine) *Leg {
	l := newLeg(e, signalledAddr, udp.Socket{FD: -1, V4: true}, udp.Socket{FD: -1, V4: true})
	err := l.Configure(Stream{
		Remote: signalledAddr, Send: true, Receive: true, Mux: true,
		Payloads: []Payload{{0, 0, 0, codec.Profile{Format: pcmu}}, {8, 8, 0, codec.Profile{Format: pcma}}, {111, 111, 0, codec.Profile{Format: opus}}}, Events: []EventPayload{{101, 101, 8000}, {110, 110, 48000}},
		Noise: 13, LevelID: 3, MixID: 4,
	})
	if err != nil {
		panic(err)
	}
	return l
}
