package gen

import (
	"bytes"
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func rtp(n int) []byte {
	b := make([]byte, headerSize+PacketSamples)
	b[0] = 2 << 6
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	binary.BigEndian.PutUint32(b[4:], uint32(n)*PacketSamples)
	b[headerSize] = byte(n)
	return b
}

func TestQuality(t *testing.T) {
	at := func(n int) int64 { return int64(n) * int64(PacketTime) }
	for _, tt := range []struct {
		name string
		come func(seq int) []int64 // arrivals of that packet
		want Quality
	}{
		{"all come in time", func(n int) []int64 { return []int64{at(n)} }, Quality{Received: 100}},
		{"constant delay is not lateness", func(n int) []int64 { return []int64{at(n + 40)} }, Quality{Received: 100}},
		{"one in ten is lost", func(n int) []int64 {
			if n%10 == 5 {
				return nil
			}
			return []int64{at(n)}
		}, Quality{Received: 90, Lost: 10}},
		{"the rest is lost", func(n int) []int64 {
			if n >= 50 {
				return nil
			}
			return []int64{at(n)}
		}, Quality{Received: 50, Lost: 48}},
		{"one in ten is late by 21 ms", func(n int) []int64 {
			if n%10 == 5 {
				return []int64{at(n) + 21e6}
			}
			return []int64{at(n)}
		}, Quality{Received: 100, Late: 10}},
		{"repetitions do not make up for losses", func(n int) []int64 {
			if n%10 == 5 {
				return nil
			}
			return []int64{at(n), at(n) + 1}
		}, Quality{Received: 90, Lost: 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &Leg{Coding: PCMU(), drift: make([]float32, 0, 300)}
			for n := range 100 {
				for _, arrival := range tt.come(n) {
					l.take(rtp(65500+n), arrival, &Plan{})
				}
			}
			if got := l.Quality(100); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestNothingHeardIsAllLost(t *testing.T) {
	if got := (&Leg{}).Quality(100); got != (Quality{Lost: 100}) {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsNoPCMUIsIgnored(t *testing.T) {
	l := &Leg{Coding: PCMU(), drift: make([]float32, 0, 10)}
	for _, b := range [][]byte{nil, {2 << 6}, rtp(1)[:headerSize], append([]byte{2 << 6, 200}, make([]byte, 30)...)} {
		l.take(b, 1, &Plan{})
	}
	if l.heard {
		t.Error("something was heard")
	}
}

func TestWhoIsInTheMixIsSteppedOver(t *testing.T) {
	plain := rtp(7)
	for name, header := range map[string][]byte{
		"two CSRCs": {2<<6 | 2, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3},
		"one CSRC and its level": {
			2<<6 | 1<<4 | 1, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 20, 0, 0,
		},
		"an empty extension": {2<<6 | 1<<4, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0xbe, 0xde, 0, 0},
	} {
		l := &Leg{Coding: PCMU(), drift: make([]float32, 0, 10), Heard: make([]Packet, 0, 1), memory: make([]byte, 0, 1000)}
		l.take(append(header, plain[headerSize:]...), 1, &Plan{})
		if len(l.Heard) != 1 || !slices.Equal(l.Heard[0].Payload, plain[headerSize:]) || l.Heard[0].Timestamp != 9 {
			t.Errorf("%s: got %+v", name, l.Heard)
		}
		for n := range header {
			l := &Leg{Coding: PCMU(), drift: make([]float32, 0, 10)}
			if l.take(header[:n+1], 1, &Plan{}); l.heard {
				t.Errorf("%s, cut off behind %d bytes: something was heard", name, n+1)
			}
		}
	}
}

// TestLegsTalkToAnEcho lets four legs send to one socket that sends all of it back.
func TestLegsTalkToAnEcho(t *testing.T) {
	echo, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done, enough := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		count, full := map[netip.AddrPort]int{}, 0
		for {
			n, from, err := echo.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if _, err := echo.WriteToUDPAddrPort(buf[:n], from); err != nil {
				return
			}
			if count[from]++; count[from] == 3 {
				if full++; full == 4 {
					close(enough)
				}
			}
		}
	}()
	s, err := Open(4, 4, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	s.Legs[0].Sound = [][]byte{make([]byte, PacketSamples)}
	for _, l := range s.Legs {
		l.Chirp = [][]byte{make([]byte, PacketSamples)}
	}
	s.Follow(&Plan{
		From: 0, To: math.MaxInt64, ChirpTo: math.MaxInt64, ChirpEvery: 1, Probes: []int{1},
	})
	s.Start()
	to := netip.MustParseAddrPort(echo.LocalAddr().String())
	for i := range s.Legs {
		if err := s.Connect(i, to); err != nil {
			t.Fatal(err)
		}
	}
	<-enough
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	echo.Close()
	<-done
	if len(s.Chirps()) == 0 {
		t.Error("nobody chirped")
	}
	for i, l := range s.Legs {
		if l.Sent == 0 || len(l.Heard) == 0 {
			t.Fatalf("leg %d sent %d packets and heard %d", i, l.Sent, len(l.Heard))
		}
		p := l.Heard[0]
		want := byte(0xff)
		if i < 2 {
			want = 0
		}
		if len(p.Payload) != PacketSamples || p.Payload[0] != want {
			t.Errorf("leg %d heard %d bytes that begin with %#x, want %#x", i, len(p.Payload), p.Payload[0], want)
		}
		if age := time.Since(time.Unix(0, p.Arrival)); age < 0 || age > time.Minute {
			t.Errorf("leg %d: a packet arrived %v ago", i, age)
		}
	}
}

func TestALegSaysItsLastWordsOnceTheChirpsAreOver(t *testing.T) {
	ear, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Close()
	s, err := Open(1, 0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	s.Legs[0].Sound = [][]byte{bytes.Repeat([]byte{1}, PacketSamples)}
	s.Legs[0].Last = [][]byte{bytes.Repeat([]byte{2}, PacketSamples)}
	s.Start()
	if err := s.Connect(0, netip.MustParseAddrPort(ear.LocalAddr().String())); err != nil {
		t.Fatal(err)
	}
	said := func() byte {
		buf := make([]byte, 2000)
		_ = ear.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := ear.Read(buf)
		if err != nil || n != headerSize+PacketSamples {
			t.Fatalf("got %d bytes, %v", n, err)
		}
		return buf[headerSize]
	}
	if got := said(); got != 1 {
		t.Errorf("without a plan it says %d", got)
	}
	s.Follow(&Plan{To: math.MaxInt64, ChirpTo: 1})
	for said() != 2 {
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherCodingGoesByItsOwnTypeClockAndSizes(t *testing.T) {
	l := &Leg{Coding: Coding{Kind: 111, Units: 960}, drift: make([]float32, 0, 10), Heard: make([]Packet, 0, 10), memory: make([]byte, 0, 100)}
	var out [headerSize]byte
	l.header(out[:], 3)
	if out[1] != 111|1<<7 || binary.BigEndian.Uint32(out[4:]) != 3*960 {
		t.Errorf("got the header %x", out)
	}
	plan := &Plan{ToneFrom: 0, ToneTo: 5 * int64(PacketTime)}
	for _, n := range []int{0, 1, 3, 9} { // 2 is lost, 9 beyond the window
		b := append(rtp(n)[:headerSize], bytes.Repeat([]byte{byte(n)}, n+1)...)
		b[1] = 111
		binary.BigEndian.PutUint32(b[4:], uint32(n)*960)
		l.take(b, int64(n)*int64(PacketTime), plan)
	}
	l.take(rtp(4), 0, plan) // PCMU is not its own
	if len(l.Heard) != 4 || len(l.Heard[3].Payload) != 10 {
		t.Errorf("heard %+v", l.Heard)
	}
	var sizes []int
	for _, p := range l.Tone {
		sizes = append(sizes, len(p))
	}
	if !slices.Equal(sizes, []int{1, 2, 0, 4, 0}) {
		t.Errorf("the tone has payloads of %v bytes", sizes)
	}
	if late := l.LateMs(nil); slices.Max(late) > 0.001 {
		t.Errorf("what comes by its own clock is late by %v ms", late)
	}
}

func TestAChirpIsSentToItsEnd(t *testing.T) {
	l := &Leg{Coding: Coding{Silence: [][]byte{{0}}, Chirp: [][]byte{{1}, {2}, {3}}}}
	s := &Set{Legs: []*Leg{l}, begun: time.Now(), chirps: make([]Chirp, 0, 2)}
	plan := &Plan{ChirpTo: math.MaxInt64, ChirpEvery: 5, Probes: []int{0}}
	var said []byte
	for n := range int64(10) {
		said = append(said, s.say(0, n, plan)...)
	}
	if want := []byte{1, 2, 3, 0, 0, 1, 2, 3, 0, 0}; !bytes.Equal(said, want) || len(s.chirps) != 2 {
		t.Errorf("said %v with %d chirps, want %v", said, len(s.chirps), want)
	}
}
