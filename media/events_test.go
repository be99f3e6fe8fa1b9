package media

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/mixer/codec"
)

// dtmf is a telephone-event packet.
type dtmf struct {
	seq      uint16
	ts       uint32
	event    byte
	end      bool
	duration uint16
	marker   bool
}

func (d dtmf) bytes() []byte {
	b := []byte{d.event, keyVolume, byte(d.duration >> 8), byte(d.duration)}
	if d.end {
		b[1] |= endBit
	}
	return marshal(rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 101, SSRC: 7, SequenceNumber: d.seq, Timestamp: d.ts, Marker: d.marker},
		Payload: b,
	})
}

// press is a whole key as most phones send it: 3 updates, 3 ends.
func press(seq uint16, ts uint32, event byte) []dtmf {
	return []dtmf{
		{seq, ts, event, false, 160, true},
		{seq + 1, ts, event, false, 320, false},
		{seq + 2, ts, event, false, 480, false},
		{seq + 3, ts, event, true, 640, false},
		{seq + 4, ts, event, true, 640, false},
		{seq + 5, ts, event, true, 640, false},
	}
}

func without(all []dtmf, from, to int) []dtmf {
	return append(append([]dtmf{}, all[:from]...), all[to:]...)
}

func TestKeysAreToldOnce(t *testing.T) {
	long := []dtmf{}
	for i := range uint16(20) { // 164 s in segments of 0xffff units, without an end
		long = append(long, dtmf{3 + i, 1000 + uint32(i)*0xffff, 5, false, 0xffff, i == 0})
	}
	for _, c := range []struct {
		name    string
		packets []dtmf
		wait    time.Duration
		want    []key
	}{
		{"six packets", press(3, 1000, 1), 0, []key{{'1', 80 * time.Millisecond}}},
		{"every packet twice", append(press(3, 1000, 11), press(3, 1000, 11)...), 0, []key{{'#', 80 * time.Millisecond}}},
		{"only an end", press(3, 1000, 10)[5:], 0, []key{{'*', 80 * time.Millisecond}}},
		{"the end before the updates", append(press(3, 1000, 2)[3:], press(3, 1000, 2)[:3]...), 0, []key{{'2', 80 * time.Millisecond}}},
		{"the end lost and silence", press(3, 1000, 15)[:3], eventLost, []key{{'D', 60 * time.Millisecond}}},
		{"the end lost, too soon to tell", press(3, 1000, 15)[:3], eventLost - 1, nil},
		{"one update only", press(3, 1000, 3)[:1], eventLost, []key{{'3', 20 * time.Millisecond}}},
		{
			"a key of which one packet came, behind the next", append(append(press(3, 1000, 4), press(11, 5000, 6)[0]), append(press(9, 3000, 5)[5:], press(11, 5000, 6)[1:]...)...), 0,
			[]key{{'4', 80 * time.Millisecond}, {'5', 80 * time.Millisecond}, {'6', 80 * time.Millisecond}},
		},
		{
			"the same, twice", append(append(press(3, 1000, 4), press(11, 5000, 6)[0]), append([]dtmf{{9, 3000, 5, true, 640, false}, {9, 3000, 5, true, 640, false}}, press(11, 5000, 6)[1:]...)...), 0,
			[]key{{'4', 80 * time.Millisecond}, {'5', 80 * time.Millisecond}, {'6', 80 * time.Millisecond}},
		},
		{
			"the same, once the next was told", append(append(press(3, 1000, 4), press(11, 5000, 6)...), press(9, 3000, 5)[5]), 0,
			[]key{{'4', 80 * time.Millisecond}, {'6', 80 * time.Millisecond}},
		},
		{
			"a late packet of the segment before", []dtmf{
				{3, 1000, 9, false, 0xff00, true}, {5, 1000 + 0xffff, 9, false, 160, false}, {4, 1000, 9, false, 0xffff, false}, {6, 1000 + 0xffff, 9, true, 801, false},
			}, 0, []key{{'9', (0xffff + 801) * time.Second / 8000}},
		},
		{"one update, another key", append(press(3, 1000, 4)[:1], press(9, 3000, 5)...), 0, []key{{'4', 20 * time.Millisecond}, {'5', 80 * time.Millisecond}}},
		{"the end lost, another key", append(press(3, 1000, 4)[:3], press(9, 3000, 5)...), 0, []key{{'4', 60 * time.Millisecond}, {'5', 80 * time.Millisecond}}},
		{"the same key twice", append(press(3, 1000, 6), press(9, 3000, 6)...), 0, []key{{'6', 80 * time.Millisecond}, {'6', 80 * time.Millisecond}}},
		{"the same key at once again", append(press(3, 1000, 6), press(9, 1640, 6)...), 0, []key{{'6', 80 * time.Millisecond}, {'6', 80 * time.Millisecond}}},
		{"a straggler of the key before", append(append(press(3, 1000, 6), press(9, 3000, 7)...), press(3, 1000, 6)[5]), 0, []key{{'6', 80 * time.Millisecond}, {'7', 80 * time.Millisecond}}},
		{
			"the end of another key amid one", append(append(press(3, 1000, 6)[:4], press(9, 3000, 7)[:3]...), append([]dtmf{{8, 1000, 7, true, 6400, false}}, press(9, 3000, 7)[3:]...)...),
			0,
			[]key{{'6', 80 * time.Millisecond}, {'7', 80 * time.Millisecond}},
		},
		{
			"another key under the same timestamp", append(press(3, 1000, 6)[:2], append(press(3, 1000, 7)[3:], press(3, 1000, 6)[3:]...)...),
			0,
			[]key{{'6', 80 * time.Millisecond}},
		},
		{"no key, but a flash", press(3, 1000, 16), time.Second, nil},
		{
			"two segments", []dtmf{
				{3, 1000, 9, false, 0xff00, true},
				{4, 1000, 9, false, 0xffff, false},
				{5, 1000 + 0xffff, 9, false, 160, false},
				{6, 1000 + 0xffff, 9, true, 801, false},
			}, 0, []key{{'9', (0xffff + 801) * time.Second / 8000}},
		},
		{"a key that does not end", long, time.Minute, []key{{'5', longestKey}}},
		{"the first packets lost", without(press(3, 1000, 8), 0, 3), 0, []key{{'8', 80 * time.Millisecond}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.rtp(signalledAddr, 7, 1, 2)
			for _, p := range c.packets {
				s.l.inject(p.bytes(), signalledAddr, s.now, &s.ear)
			}
			s.wait(c.wait)
			if diff := cmp.Diff(c.want, s.ear.keys); diff != "" {
				t.Error(diff)
			}
			if len(s.ear.audio) != 1 {
				t.Errorf("%d packets of audio came, want only the one before the key", len(s.ear.audio))
			}
		})
	}
}

func TestSoundAfterAKeyEndsIt(t *testing.T) {
	s := newScene(t)
	s.rtp(signalledAddr, 7, 1, 2)
	for _, p := range press(4, 1000, 1)[:3] {
		s.l.inject(p.bytes(), signalledAddr, s.now, &s.ear)
	}
	s.l.inject(packet(7, 3), signalledAddr, s.now, &s.ear) // late, from before the key
	if len(s.ear.keys) != 0 {
		t.Error("late sound ended the key")
	}
	s.rtp(signalledAddr, 7, 7, 1)
	if want := []key{{'1', 60 * time.Millisecond}}; !cmp.Equal(want, s.ear.keys) {
		t.Errorf("got %v, want %v", s.ear.keys, want)
	}
}

func TestSoundAmidAKeyDoesNotEndIt(t *testing.T) {
	s := newScene(t)
	s.rtp(signalledAddr, 7, 1, 2)
	sequence := uint16(3)
	for _, p := range press(0, 1000, 1)[1:4] { // of a telephone that sends both
		p.seq = sequence
		s.l.inject(p.bytes(), signalledAddr, s.now, &s.ear)
		s.rtp(signalledAddr, 7, sequence+1, 1)
		sequence += 2
	}
	s.wait(eventLost)
	if want := []key{{'1', 80 * time.Millisecond}}; !cmp.Equal(want, s.ear.keys) {
		t.Errorf("got %v, want %v", s.ear.keys, want)
	}
}

func TestAKeyIsToldOnceIfItsEndComesAfterAll(t *testing.T) {
	s := newScene(t)
	s.rtp(signalledAddr, 7, 1, 2)
	all := press(3, 1000, 1)
	s.l.inject(all[0].bytes(), signalledAddr, s.now, &s.ear)
	s.wait(eventLost)
	for _, p := range all[1:] {
		s.l.inject(p.bytes(), signalledAddr, s.now, &s.ear)
	}
	if want := []key{{'1', 20 * time.Millisecond}}; !cmp.Equal(want, s.ear.keys) {
		t.Errorf("got %v, want %v", s.ear.keys, want)
	}
}

// TestKeysOfASourceThatBeginsAnew has a telephone restart under its SSRC, with timestamps before those of its last key.
func TestKeysOfASourceThatBeginsAnew(t *testing.T) {
	s := newScene(t)
	s.rtp(signalledAddr, 7, 1, 2)
	for _, p := range press(3, 100_000, 1) {
		s.l.inject(p.bytes(), signalledAddr, s.now, &s.ear)
	}
	s.rtp(signalledAddr, 7, 20_000, 3)
	for _, p := range press(20_003, 1000, 2) {
		s.l.inject(p.bytes(), signalledAddr, s.now, &s.ear)
	}
	if want := []key{{'1', 80 * time.Millisecond}, {'2', 80 * time.Millisecond}}; !cmp.Equal(want, s.ear.keys) {
		t.Errorf("got %v, want %v", s.ear.keys, want)
	}
}

func TestAnotherSourceHasKeysOfItsOwn(t *testing.T) {
	s := newScene(t)
	s.rtp(signalledAddr, 7, 1, 2)
	for _, ssrc := range []byte{7, 8} {
		for _, p := range press(3, 1000, 1) {
			b := p.bytes()
			b[11] = ssrc
			s.l.inject(b, signalledAddr, s.now, &s.ear)
		}
	}
	if want := []key{{'1', 80 * time.Millisecond}, {'1', 80 * time.Millisecond}}; !cmp.Equal(want, s.ear.keys) {
		t.Errorf("got %v, want %v", s.ear.keys, want)
	}
}

func TestEventsAreNoJitter(t *testing.T) {
	s := newScene(t)
	s.rtp(signalledAddr, 7, 1, 2)
	before := s.l.source
	for i, p := range press(3, 1000, 1) {
		s.l.inject(p.bytes(), signalledAddr, s.now.Add(time.Duration(i)*time.Second), &s.ear)
	}
	if got := s.l.source.jitter; got != before.jitter {
		t.Errorf("jitter went from %d to %d", before.jitter, got)
	}
	if got, want := len(s.ear.absent), len(press(3, 1000, 1)); got != want {
		t.Errorf("%d packets were told to hold no audio, want %d", got, want)
	}
}

func TestPressKey(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	l.Send(start, []byte{1}, 160)
	first := p.readRTP()
	for _, digit := range []byte("5#") {
		if err := l.PressKey(digit, 60*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	type sent struct {
		Type, Event byte
		End, Marker bool
		Duration    uint16
		Timestamp   uint32
	}
	var got, want []sent
	for i := range uint16(13) {
		l.Send(start, []byte{1}, 160)
		b := p.readRTP()
		if b.SequenceNumber != first.SequenceNumber+1+i {
			t.Errorf("packet %d has sequence number %d, the first %d", i, b.SequenceNumber, first.SequenceNumber)
		}
		s := sent{Type: b.PayloadType, Marker: b.Marker, Timestamp: b.Timestamp - first.Timestamp}
		if b.PayloadType == 96 {
			s.Event, s.End = b.Payload[0], b.Payload[1]&endBit != 0
			s.Duration = uint16(b.Payload[2])<<8 | uint16(b.Payload[3])
		}
		got = append(got, s)
	}
	keyAt := func(event byte, ts uint32) {
		want = append(want,
			sent{96, event, false, true, 160, ts}, sent{96, event, false, false, 320, ts},
			sent{96, event, true, false, 480, ts}, sent{96, event, true, false, 480, ts}, sent{96, event, true, false, 480, ts})
	}
	keyAt(5, 160)
	want = append(want, sent{0, 0, false, true, 0, 960}, sent{0, 0, false, false, 0, 1120})
	keyAt(11, 1280)
	want = append(want, sent{0, 0, false, true, 0, 2080})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKeysInPacketsOfAnyLength(t *testing.T) {
	for _, clockHz := range []int{8000, 16000, 48000} {
		for _, ms := range []int{10, 20, 30, 40, 60} {
			t.Run(fmt.Sprintf("%d ms at %d Hz", ms, clockHz), func(t *testing.T) {
				l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
				s := p.stream()
				s.Events = []EventPayload{{101, 96, 8000}, {102, 97, 16000}, {103, 98, 48000}}
				configure(t, l, s)
				l.keys.configure(s.Events, clockHz) // as a codec of that clock would
				perMS := clockHz / 1000
				units := ms * perMS
				const held = 100
				if err := l.PressKey('7', held*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				wantType := map[int]uint8{8000: 96, 16000: 97, 48000: 98}[clockHz]
				first := l.sender.next
				for n, ends := 1, 0; ends < endPackets; n++ {
					l.Send(start, []byte{1}, units)
					got := p.readRTP()
					want := min(n*units, held*perMS)
					if want == held*perMS {
						ends++
					}
					end, duration := got.Payload[1]&endBit != 0, int(got.Payload[2])<<8|int(got.Payload[3])
					if got.PayloadType != wantType || got.Timestamp != first || got.Marker != (n == 1) || got.Payload[0] != 7 ||
						duration != want || end != (ends > 0) {
						t.Errorf("packet %d: got type %d, timestamp +%d, marker %v, key %d for %d, end %v; want %d units", n,
							got.PayloadType, got.Timestamp-first, got.Marker, got.Payload[0], duration, end, want)
					}
				}
				sent := l.sender.next - first
				l.Send(start, []byte{1}, units)
				if got := p.readRTP(); got.PayloadType != 0 || !got.Marker || got.Timestamp != first+sent || int(sent)%units != 0 {
					t.Errorf("behind the key got %v, want sound at +%d", got, sent)
				}
			})
		}
	}
}

func TestAKeyOutlastsAChangeOfCodec(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	s.Events = []EventPayload{{101, 96, 8000}, {103, 98, 48000}}
	configure(t, l, s)
	if err := l.PressKey('7', 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	duration := func(units int) (uint8, int) {
		l.Send(start, []byte{1}, units)
		b := p.readRTP()
		return b.PayloadType, int(b.Payload[2])<<8 | int(b.Payload[3])
	}
	for i := range 3 {
		if pt, got := duration(160); pt != 96 || got != 160*(1+i) {
			t.Errorf("at 8 kHz got type %d, %d units", pt, got)
		}
	}
	s.Payloads = []Payload{{111, 111, 0, codec.Profile{Format: opus}}}
	configure(t, l, s)
	for i := range 4 {
		if pt, got := duration(960); pt != 98 || got != min(960*(4+i), 4800) {
			t.Errorf("at 48 kHz got type %d, %d units", pt, got)
		}
	}
}

func TestPressedKeysAreHeardAsPressed(t *testing.T) {
	e := newTestEngine(t, Config{})
	a, b := openLeg(t, e, "127.0.0.1"), openLeg(t, e, "127.0.0.1")
	s := Stream{Remote: b.Addr(), Send: true, Receive: true, Payloads: []Payload{{111, 111, 0, codec.Profile{Format: opus}}}, Events: []EventPayload{{101, 101, 8000}, {102, 102, 48000}}}
	configure(t, a, s)
	s.Remote = a.Addr()
	configure(t, b, s)
	var in ear
	now := start
	step := func() {
		now = now.Add(tick)
		a.Send(now, []byte{31 << 3, 0}, 960)
		_ = b.Receive(now, &in)
	}
	step()
	step()
	want := []key{}
	for i := range digits {
		held := time.Duration(40+20*i) * time.Millisecond
		if err := a.PressKey(digits[i], held); err != nil {
			t.Fatal(err)
		}
		want = append(want, key{digits[i], held})
	}
	for i := 0; i < tries && len(in.keys) < len(want); i++ {
		step()
	}
	if diff := cmp.Diff(want, in.keys); diff != "" {
		t.Error(diff)
	}
}

func TestHowLongAKeyIsHeld(t *testing.T) {
	for _, c := range []struct{ asked, want time.Duration }{
		{0, keyUsual},
		{time.Millisecond, 40 * time.Millisecond},
		{-time.Second, 40 * time.Millisecond},
		{time.Second, time.Second},
		{time.Hour, 0xffff * time.Second / 8000},
	} {
		l := bare(newTestEngine(t, Config{}))
		if err := l.PressKey('1', c.asked); err != nil {
			t.Fatal(err)
		}
		if got := l.keys.queue[l.keys.head].duration(); got != c.want {
			t.Errorf("asked for %v: got %v, want %v", c.asked, got, c.want)
		}
	}
}

func TestPressKeyRefuses(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	if err := l.PressKey('x', 0); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	for range keysQueued {
		if err := l.PressKey('A', time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.PressKey('1', 0); !errors.Is(err, ErrKeyQueue) {
		t.Errorf("got %v, want ErrKeyQueue", err)
	}
	l.Send(start, nil, 160)
	s := l.stream
	without := s
	without.Events = nil
	configure(t, l, without)
	if err := l.PressKey('1', 0); !errors.Is(err, ErrNoEvents) {
		t.Errorf("got %v, want ErrNoEvents", err)
	}
	if l.keys.active() || l.keys.now {
		t.Error("keys wait for a peer that takes none")
	}
	configure(t, l, s)
	if err := l.PressKey('1', 0); err != nil {
		t.Error(err)
	}
}

// FuzzTelephoneEvent gives the receiver of keys a run of events: 9 bytes each.
func FuzzTelephoneEvent(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 1, 1, 0x8a, 3, 0, 2, 0, 0, 0, 1, 1, 0x8a, 3})
	f.Add([]byte{0, 1, 0, 0, 0, 1, 1, 0x0a, 255, 0x80, 2, 0, 0, 255, 255, 1, 0x0a, 255, 0, 3, 0, 1, 255, 254, 1, 0x8a, 255})
	f.Add([]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 15, 0, 0, 0, 2, 0, 0, 0, 1, 255, 255, 0, 0, 1, 0, 0, 0, 1, 0, 255, 255})
	f.Fuzz(func(t *testing.T, script []byte) {
		var e eventReceiver
		var in ear
		packets := 0
		for now := start; len(script) >= 9; script = script[9:] {
			b := script[:9]
			h := rtp.Header{
				Marker: b[0]&0x80 != 0, SequenceNumber: uint16(b[0]&0x7f)<<8 | uint16(b[1]),
				Timestamp: uint32(b[2])<<24 | uint32(b[3])<<16 | uint32(b[4])<<8 | uint32(b[5]),
			}
			e.packet(&h, []byte{b[6], b[7], b[8], b[8]}, 8000, now, &in)
			packets++
			if b[7]&1 != 0 {
				e.finish(&in)
			}
			now = now.Add(time.Duration(b[7]) * time.Millisecond)
			e.expire(now, &in)
		}
		if len(in.keys) > packets {
			t.Errorf("%d keys out of %d packets", len(in.keys), packets)
		}
		for _, k := range in.keys {
			if _, ok := eventOf(k.Digit); !ok || k.Held < 0 || k.Held > longestKey {
				t.Errorf("got key %+v", k)
			}
		}
	})
}
