package media

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/mixer"
)

func TestWhoIsInTheMixIsTold(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	s.MixID = 5
	configure(t, l, s)
	many := make([]mixer.Source, 20)
	ids, levels := make([]uint32, mixer.MaxSources), make([]byte, mixer.MaxSources)
	for i := range many {
		many[i] = mixer.Source{ID: uint32(100 + i), Level: uint8(i)}
		if i < len(ids) {
			ids[i], levels[i] = uint32(100+i), byte(i)
		}
	}
	self := l.sender.ssrc
	for _, c := range []struct {
		name    string
		sources []mixer.Source
		ids     []uint32
		levels  []byte
	}{
		{"nobody yet", nil, nil, nil},
		{"one", []mixer.Source{{ID: 7, Level: 20}}, []uint32{7}, []byte{20}},
		{"more than a header holds", many, ids, levels},
		{"fewer again", []mixer.Source{{ID: 9, Level: 3}, {ID: 7, Level: 127}}, []uint32{9, 7}, []byte{3, 127}},
		{"one without a name, and we", []mixer.Source{{Level: 1}, {ID: self}, {ID: 8, Level: 200}}, []uint32{8}, []byte{127}},
		{"nobody any more", nil, nil, nil},
	} {
		l.Mixed(c.sources)
		l.Send(start, []byte("sound"), 160)
		got := p.readRTP()
		var read []byte
		if got.Extension {
			read = got.GetExtension(5)
		}
		if diff := cmp.Diff(c.ids, append([]uint32(nil), got.CSRC...)); diff != "" {
			t.Errorf("%s: CSRC (-want +got):\n%s", c.name, diff)
		}
		if !cmp.Equal(c.levels, read) || got.Extension != (c.levels != nil) {
			t.Errorf("%s: got levels %v, want %v", c.name, read, c.levels)
		}
		if string(got.Payload) != "sound" || got.SSRC != self {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
	if got := l.Stats().BytesSent; got != 6*(12+5)+4*(1+15+2+1)+(8+20+8+8) {
		t.Errorf("got %d bytes sent", got)
	}
	if l.sender.octets != 6*5 {
		t.Errorf("got %d octets of payload, want 30", l.sender.octets)
	}
}

func TestWithoutAnAgreementNoLevelsAreSent(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	configure(t, l, s)
	l.Mixed([]mixer.Source{{ID: 7, Level: 20}})
	l.Send(start, []byte("sound"), 160)
	if got := p.readRTP(); got.Extension || !cmp.Equal(got.CSRC, []uint32{7}) {
		t.Errorf("got %v", got)
	}
	s.MixID = 14
	configure(t, l, s)
	l.Send(start, []byte("sound"), 160)
	if got := p.readRTP(); !cmp.Equal(got.GetExtension(14), []byte{20}) {
		t.Errorf("once agreed got %v", got)
	}
}

func TestAKeyIsOfNobodyInTheMix(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	s.MixID = 1
	configure(t, l, s)
	l.Mixed([]mixer.Source{{ID: 7, Level: 20}})
	if err := l.PressKey('1', 0); err != nil {
		t.Fatal(err)
	}
	l.Send(start, []byte("sound"), 160)
	got := p.readRTP()
	if got.PayloadType != 96 || len(got.CSRC) != 0 || got.Extension || !cmp.Equal(got.Payload, []byte{1, keyVolume, 0, 160}) {
		t.Errorf("got %v with payload %v", got, got.Payload)
	}
}

func TestTheLongestPacketGoesOut(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	s.MixID = 1
	configure(t, l, s)
	sources := make([]mixer.Source, mixer.MaxSources)
	for i := range sources {
		sources[i] = mixer.Source{ID: uint32(1 + i), Level: 127}
	}
	l.Mixed(sources)
	long := make([]byte, l.Format().LongestPayload())
	long[0], long[len(long)-1] = 1, 2
	l.Send(start, long, 160)
	l.Send(start, append(long, 3), 160)
	if got := p.readRTP(); !cmp.Equal(got.Payload, long) || len(got.CSRC) != 15 {
		t.Errorf("got %d bytes of payload, %d CSRCs", len(got.Payload), len(got.CSRC))
	}
	if s := l.Stats(); s.PacketsSent != 1 || s.SendErrors != 1 || s.BytesSent != uint64(longestHeader+len(long)) {
		t.Errorf("got %+v: one byte more was to be refused", s)
	}
}

func TestMixedDoesNotAllocate(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	sound, sources := make([]byte, 160), []mixer.Source{{ID: 7, Level: 20}, {ID: 8, Level: 30}}
	n := testing.AllocsPerRun(100, func() {
		l.Mixed(sources)
		l.Send(start, sound, 160)
		l.Mixed(nil)
		l.Send(start, sound, 160)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	l = bare(newTestEngine(t, Config{}))
	if n := testing.AllocsPerRun(1, func() { l.Mixed(sources); l.Send(start, sound, 160) }); n != 0 {
		t.Errorf("%v allocations of the first", n)
	}
}

// TestCSRCOfThePeerIsSteppedOver has another mixer's packets come in.
func TestCSRCOfThePeerIsSteppedOver(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	for seq := range uint16(3) {
		l.inject(marshal(rtp.Packet{
			Header:  rtp.Header{Version: 2, SSRC: 7, SequenceNumber: seq, Timestamp: uint32(seq) * 160, CSRC: []uint32{1, 2, 3}},
			Payload: make([]byte, 160),
		}), signalledAddr, start, &in)
	}
	if len(in.audio) != 2 || len(in.audio[0].Payload) != 160 {
		t.Errorf("got %+v", in.audio)
	}
}
