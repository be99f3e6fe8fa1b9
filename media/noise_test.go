package media

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/mixer/codec"
)

// sid is a packet of comfort noise: a level and a spectrum (RFC 3389 §3).
func sid(seq uint16) []byte {
	return marshal(rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 13, SSRC: 7, SequenceNumber: seq, Timestamp: uint32(seq) * 160},
		Payload: []byte{60, 130, 120},
	})
}

func TestComfortNoiseIsPartOfTheStream(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	l.inject(packet(7, 1), signalledAddr, start, &in)
	l.inject(packet(7, 2), signalledAddr, start, &in)
	if why := l.inject(sid(4), signalledAddr, start, &in); why != accepted {
		t.Fatal(reasonNames[why])
	}
	l.inject(packet(7, 3), signalledAddr, start, &in) // was overtaken
	l.inject(packet(7, 5), signalledAddr, start, &in)
	if want := []uint16{2, 4, 3, 5}; !slices.Equal(in.sequences(), want) || !cmp.Equal(in.restarts, []codec.Format{pcmu}) {
		t.Errorf("got %v with restarts %v, want %v with one of PCMU", in.sequences(), in.restarts, want)
	}
	for _, p := range in.audio {
		if is := p.Sequence == 4; p.Noise != is || (p.Samples == 0) != is {
			t.Errorf("packet %d: noise is %v, %d samples", p.Sequence, p.Noise, p.Samples)
		}
	}
	if got := in.audio[1]; got.Timestamp != 640 || !slices.Equal(got.Payload, []byte{60, 130, 120}) {
		t.Errorf("got %+v", got)
	}
}

func TestAStreamMayBeginWithComfortNoise(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	for seq := range uint16(3) {
		l.inject(sid(seq), signalledAddr, start, &in)
	}
	b := packet(7, 3)
	b[1] = 8
	l.inject(b, signalledAddr, start, &in)
	if want := []codec.Format{pcmu, pcma}; !slices.Equal(in.restarts, want) || len(in.audio) != 3 || in.early {
		t.Errorf("got restarts %v and %d packets, want %v and 3", in.restarts, len(in.audio), want)
	}
}

func TestComfortNoiseAmidAnotherClockIsAbsent(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	for seq := range uint16(3) {
		l.inject(marshal(rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: 111, SSRC: 7, SequenceNumber: seq, Timestamp: uint32(seq) * 960},
			Payload: []byte{31 << 3, 0},
		}), signalledAddr, start, &in)
	}
	l.inject(sid(3), signalledAddr, start, &in)
	if len(in.audio) != 2 || !slices.Equal(in.absent, []uint16{3}) || len(in.restarts) != 1 {
		t.Errorf("got %d packets, %v absent, restarts %v", len(in.audio), in.absent, in.restarts)
	}
}

func TestComfortNoiseThatCannotBe(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	for seq := range uint16(2) {
		l.inject(packet(7, seq), signalledAddr, start, &in)
	}
	if why := l.inject(sid(2)[:headerSize], signalledAddr, start, &in); why != reasonPayload {
		t.Errorf("an empty one got %q", reasonNames[why])
	}
	s := l.stream
	s.Noise = 0
	configure(t, l, s)
	if why := l.inject(sid(2), signalledAddr, start, &in); why != reasonPayloadType {
		t.Errorf("one that was not agreed got %q", reasonNames[why])
	}
	l = bare(newTestEngine(t, Config{}))
	s = l.stream
	s.Payloads = s.Payloads[2:] // Opus alone
	configure(t, l, s)
	for seq := range uint16(2) {
		if why := l.inject(sid(seq), signalledAddr, start, &in); seq == 1 && why != reasonPayloadType {
			t.Errorf("one before any codec of its clock got %q", reasonNames[why])
		}
	}
}
