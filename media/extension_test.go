package media

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/mixer/jitter"
)

func TestLevelsAreRead(t *testing.T) {
	voice := jitter.Level{Known: true, Voice: true, Below: 30}
	for _, c := range []struct {
		name    string
		profile uint16
		data    []byte
		want    jitter.Level
	}{
		{"one byte", 0xbede, []byte{0x30, 0x80 | 30, 0, 0}, voice},
		{"no speech", 0xbede, []byte{0x30, 127}, jitter.Level{Known: true, Below: 127}},
		{"behind padding and another", 0xbede, []byte{0, 0, 0x21, 9, 9, 0, 0x30, 0x80 | 30}, voice},
		{"the first of two", 0xbede, []byte{0x30, 0x80 | 30, 0x30, 1}, voice},
		{"two bytes", 0x1000, []byte{3, 1, 0x80 | 30, 0}, voice},
		{"two bytes with application bits", 0x100f, []byte{0, 3, 1, 0x80 | 30}, voice},
		{"two bytes, behind an empty one and one of 17", 0x1000, append(append([]byte{7, 0, 9, 17}, make([]byte, 17)...), 3, 1, 0x80|30), voice},
		{"of another id", 0xbede, []byte{0x20, 0x80 | 30}, jitter.Level{}},
		{"of two bytes", 0xbede, []byte{0x31, 0x80 | 30, 0}, jitter.Level{}},
		{"of no byte", 0x1000, []byte{3, 0, 0, 0}, jitter.Level{}},
		{"of another profile", 0x1234, []byte{0x30, 0x80 | 30}, jitter.Level{}},
		{"cut off", 0xbede, []byte{0x30}, jitter.Level{}},
		{"cut off before its length", 0x1000, []byte{3}, jitter.Level{}},
		{"behind one that is too long", 0xbede, []byte{0x2f, 0, 0x30, 0x80 | 30}, jitter.Level{}},
		{"behind id 15", 0xbede, []byte{0xf0, 0, 0x30, 0x80 | 30}, jitter.Level{}},
		{"behind an id 0 with a length", 0xbede, []byte{0x01, 0, 0, 0x30, 0x80 | 30}, jitter.Level{}},
		{"nothing", 0xbede, nil, jitter.Level{}},
	} {
		x := extension{c.profile, c.data}
		if got := x.level(3); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
		if got := x.level(0); got.Known {
			t.Errorf("%s: got %+v where none was agreed", c.name, got)
		}
	}
}

// loud is a packet whose level is in element 3.
func loud(t *testing.T, seq uint16, form uint16) []byte {
	t.Helper()
	p := rtp.Packet{
		Header:  rtp.Header{Version: 2, SSRC: 7, SequenceNumber: seq, Timestamp: uint32(seq) * 160},
		Payload: make([]byte, 160),
	}
	if err := p.SetExtensionWithProfile(3, []byte{0x80 | byte(seq)}, form); err != nil {
		t.Fatal(err)
	}
	return marshal(p)
}

func TestLevelsComeWithTheSound(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	for seq := uint16(1); seq <= 4; seq++ {
		form := uint16(rtp.ExtensionProfileOneByte)
		if seq%2 == 0 {
			form = rtp.ExtensionProfileTwoByte
		}
		if why := l.inject(loud(t, seq, form), signalledAddr, start, &in); seq > 1 && why != accepted {
			t.Fatal(reasonNames[why])
		}
	}
	l.stream.LevelID = 0
	l.inject(loud(t, 5, rtp.ExtensionProfileOneByte), signalledAddr, start, &in)
	for i, p := range in.audio {
		want := jitter.Level{Known: true, Voice: true, Below: uint8(2 + i)}
		if i == 3 {
			want = jitter.Level{}
		}
		if p.Level != want || len(p.Payload) != 160 {
			t.Errorf("packet %d: got %+v and %d bytes, want %+v and 160", i, p.Level, len(p.Payload), want)
		}
	}
	if len(in.audio) != 4 {
		t.Errorf("got %d packets, want 4", len(in.audio))
	}
}

// FuzzExtension reads elements of whatever is there, and compares with pion where pion can read it.
func FuzzExtension(f *testing.F) {
	f.Add(uint16(0xbede), []byte{0x30, 0x8f, 0, 0}, uint8(3))
	f.Add(uint16(0x1000), []byte{3, 1, 0x8f, 0, 4, 0, 0, 5}, uint8(3))
	f.Add(uint16(0xbede), []byte{0xf0, 0, 0x30, 1}, uint8(3))
	f.Fuzz(func(t *testing.T, profile uint16, data []byte, id uint8) {
		data = data[:len(data)/4*4]
		id = 1 + id%maxExtensionID
		if len(data) > 1000 {
			return
		}
		got, ok := extension{profile, data}.element(id)
		if len(got) > len(data) || !ok && got != nil {
			t.Errorf("got %d bytes, %v", len(got), ok)
		}
		if profile != oneByteForm && profile != twoByteForm<<4 {
			return
		}
		packet := append([]byte{0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, byte(profile >> 8), byte(profile), byte(len(data) / 4 >> 8), byte(len(data) / 4)}, data...)
		var h rtp.Header
		if _, err := h.Unmarshal(packet); err != nil {
			return
		}
		if want := h.GetExtension(id); want != nil && !bytes.Equal(got, want) {
			t.Errorf("got % x, pion reads % x", got, want)
		}
	})
}
