package phone

import (
	"math"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/confbridge/confbridge/bench/sound/network"
)

// echo sends all that comes back to where it came from, until the test ends.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if _, err := conn.WriteToUDPAddrPort(buf[:n], from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

// ramp is sound of which each sample tells where it is from.
func ramp(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 0.9 * math.Sin(2*math.Pi*float64(i%800)/800) * float64(i) / float64(n)
	}
	return out
}

// TestWhatAnEchoSendsBackIsWhatTheCodecMakes has one telephone without a call hear itself.
func TestWhatAnEchoSendsBackIsWhatTheCodecMakes(t *testing.T) {
	to := echo(t)
	lab, err := Open(to, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := Profile("PCMU", 20)
	if err != nil {
		t.Fatal(err)
	}
	pcm := ramp(8000)
	track, err := NewTrack(profile, pcm, network.Path{Base: 100 * time.Millisecond, Duplicate: 0.3, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	p := &Phone{lab: lab, profile: profile}
	if err := lab.add(p); err != nil {
		t.Fatal(err)
	}
	if err := p.socket.Connect(to); err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(50 * time.Millisecond)
	p.Play(track, start)
	deadline := time.Now().Add(20 * time.Second)
	for at, ok := p.LastArrival(); !ok || at.Before(start.Add(1070*time.Millisecond)); at, ok = p.LastArrival() {
		if time.Now().After(deadline) {
			t.Fatal("not all has come back")
		}
		<-time.After(10 * time.Millisecond)
	}
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	heard, err := p.Heard()
	if err != nil {
		t.Fatal(err)
	}
	want, err := Clean(profile, pcm)
	if err != nil {
		t.Fatal(err)
	}
	if heard.Packets != 50 || heard.Lost != 0 || heard.Bad != 0 || len(heard.PCM) != len(want) {
		t.Fatalf("got %d packets, %d lost, %d bad, %d samples", heard.Packets, heard.Lost, heard.Bad, len(heard.PCM))
	}
	for i := range want {
		if heard.PCM[i] != want[i] {
			t.Fatalf("sample %d: got %v, want %v", i, heard.PCM[i], want[i])
		}
	}
	said, came := track.SaidAt(8000), heard.HeardAt(8000)
	if got := said(4000) - said(0); math.Abs(got-0.5) > 0.3 {
		t.Errorf("half of the sound takes %v s to say", got)
	}
	for i := 0; i < 8000; i += 80 {
		if d := came(i) - said(i); d < 0.0999 { // more, where the machine is busy
			t.Fatalf("sample %d took %.4f s, less than its way", i, d)
		}
	}
	if len(lab.Lateness()) == 0 {
		t.Error("nobody knows how late the lab was")
	}
}

func TestLostPacketsAreSilenceAndCounted(t *testing.T) {
	profile, err := Profile("PCMA", 20)
	if err != nil {
		t.Fatal(err)
	}
	track, err := NewTrack(profile, ramp(8000), network.Path{})
	if err != nil {
		t.Fatal(err)
	}
	p := &Phone{lab: &Lab{zero: time.Unix(0, 0)}, profile: profile}
	for k, payload := range track.payloads {
		if k == 20 || k == 21 {
			continue
		}
		p.heard = append(p.heard, Packet{int64(k) * 20e6, p.packet(8, uint16(65530+k), uint32(k*160), false, payload)})
	}
	p.heard[3], p.heard[7] = p.heard[7], p.heard[3]
	p.heard = append(p.heard, Packet{0, []byte("RTCP")}, Packet{0, p.packet(0, 5, 5, false, []byte{1})})
	r, err := p.Heard()
	if err != nil {
		t.Fatal(err)
	}
	if r.Lost != 2 || r.Packets != 48 {
		t.Errorf("got %d lost of %d", r.Lost, r.Packets)
	}
	for i := 20 * 160; i < 22*160; i++ {
		if r.PCM[i] != 0 {
			t.Fatalf("sample %d of what never came is %v", i, r.PCM[i])
		}
	}
	if got := r.HeardAt(8000)(30*160 + 40); math.Abs(got-0.605) > 1e-9 {
		t.Errorf("a sample came at %v s, want 0.605", got)
	}
}

func TestProfiles(t *testing.T) {
	if p, err := Profile("opus", 60); err != nil || p.PacketSamples() != 2880 {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, bad := range []string{"G729", ""} {
		if _, err := Profile(bad, 20); err == nil {
			t.Errorf("there is a codec %q", bad)
		}
	}
	if _, err := Profile("PCMU", 25); err == nil {
		t.Error("there are packets of 25 ms")
	}
}
