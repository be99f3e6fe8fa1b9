package test

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// toneAsSent is for rooms whose tones are to be heard as loud as they were sent.
const toneAsSent = "  agc: false\n"

// While all kinds of wrong bytes come in, a call that is in progress loses nothing.
func TestHostileBytesDisturbNobody(t *testing.T) {
	b := startBridge(t, bridge.Config{Rooms: toneAsSent})
	client := newClient(t)
	speaker := invite(t, client, "sip:1000@"+b.UDP, codec.PCMU, tone(877, 8000, 120))
	listener := invite(t, client, "sip:1000@"+b.TCP+";transport=tcp", codec.PCMU, nil)
	b.present(t, "1000", 2)
	listener.listen(t, 4000)
	from, since := len(listener.sound()), time.Now()
	malformed, _ := b.metric(t, "confbridge_sip_signalling_total", `what="malformed"`)

	rng := rand.New(rand.NewPCG(1, 2))
	garbageSIP(t, b, rng)
	garbageRTP(t, b, rng)
	strangersBye(t, b, speaker, listener)

	eventually(t, "sound during and after the attack", func() bool { return len(listener.sound()) >= from+24000 })
	b.wholeTone(t, listener, since, 877)
	for name, labels := range map[string][]string{
		"confbridge_rtp_rejected_total": nil,
		"confbridge_rtp_packets_total":  {`result="rejected"`},
	} {
		if n, _ := b.metric(t, name, labels...); n == 0 {
			t.Errorf("%s%v has not risen", name, labels)
		}
	}
	if n, _ := b.metric(t, "confbridge_sip_signalling_total", `what="malformed"`); n <= malformed {
		t.Error("malformed SIP was not counted")
	}
}

// wholeTone checks that a tone of -12 dBFS is in all that the bridge has sent to a guest since a moment. It looks at the packets: what the
// guest's own jitter buffer makes of them is not the bridge's. Forgiven is a twentieth, and what the bridge says that it had to make up because
// the speaker, who shares this process with those who attack, was late.
func (b *running) wholeTone(t *testing.T, g *guest, since time.Time, hz float64) {
	t.Helper()
	var concealed time.Duration
	for _, p := range b.present(t, "1000", 2) {
		if lost := p.GetMedia().GetPacketsLost(); lost > 0 {
			t.Errorf("%s has lost %d packets", p.GetAddress(), lost)
		}
		concealed += p.GetMedia().GetConcealed().AsDuration()
	}
	packets, weak := g.since(since), 0
	for _, p := range packets {
		if level := measure.ToneDBFS(decode(t, p), 8000, hz); level < -15 {
			t.Logf("after %v the tone is at %.1f dBFS, and was sent at -12", p.at.Sub(since), level)
			weak++
		}
	}
	made := int(concealed / (20 * time.Millisecond))
	if most := len(packets)/20 + 2*made; len(packets) == 0 || weak > most {
		t.Errorf("the tone is not whole in %d of %d packets, of which %d were made up; want %d at most", weak, len(packets), made, most)
	}
}

// garbageSIP sends noise, and an INVITE that ends at each of its bytes.
func garbageSIP(t *testing.T, b *running, rng *rand.Rand) {
	udp := b.openWire(t, "udp")
	for range 200 {
		udp.raw(noise(rng, 1+rng.IntN(1200)))
	}
	template := &dialogue{wire: udp, room: "4000", id: "template@test", cseq: 1}
	whole := template.send("BYE", plainSDP) // outside of any dialog: it does nothing by itself
	for end := range len(whole) {
		udp.raw(whole[:end])
	}
	for range 100 {
		broken := append([]byte(nil), whole...)
		for range 1 + rng.IntN(8) {
			broken[rng.IntN(len(broken))] = byte(rng.Uint32())
		}
		udp.raw(broken)
	}
	for i := range 20 {
		conn, err := net.Dial("tcp", b.TCP)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0:
			conn.Write(noise(rng, 5000))
		case 1:
			conn.Write(whole[:rng.IntN(len(whole))])
		case 2:
			conn.Write([]byte("INVITE sip:x@y SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n"))
		}
		conn.Close()
	}
}

// garbageRTP sends noise, and what looks like sound, to the ports of everybody in the call.
func garbageRTP(t *testing.T, b *running, rng *rand.Rand) {
	ports := b.mediaPorts(t)
	if len(ports) < 4 {
		t.Fatalf("the bridge has %d UDP ports open in its media range, want RTP and RTCP of two calls", len(ports))
	}
	for _, port := range ports {
		conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			conn.Write(noise(rng, 1+rng.IntN(300)))
			conn.Write(rtpPacket(0, uint16(i), uint32(160*i), 0xbad, noise(rng, 160)))
			conn.Write(rtpPacket(77, uint16(i), uint32(160*i), 0xbad, noise(rng, 160)))
			time.Sleep(2 * time.Millisecond) // the kernel's queue is not what is tested
		}
		conn.Close()
	}
}

// strangersBye knows the Call-ID of a call but not its tags.
func strangersBye(t *testing.T, b *running, victims ...*guest) {
	for _, victim := range victims {
		for _, tag := range []string{"", "guessed"} {
			d := &dialogue{wire: b.openWire(t, "udp"), room: "1000", id: victim.call.CallID(), toTag: tag, cseq: 1}
			d.send("BYE", "")
			if res := d.response(d.cseq, "BYE"); res.StatusCode != 481 {
				t.Errorf("a stranger's BYE with the tag %q gets %d, want 481", tag, res.StatusCode)
			}
		}
	}
}

func noise(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

// Malformed requests whose response can be routed are told what is wrong with them.
func TestMalformedRequestsAreToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	const good = `INVITE sip:1000@{remote} SIP/2.0
Via: {via}
Max-Forwards: 70
From: <sip:wire@{local}>;tag=1
To: <sip:1000@{remote}>
Call-ID: malformed@test
CSeq: 1 INVITE
Contact: <sip:wire@{local}>`
	for _, row := range []struct{ name, old, new, says string }{
		{"no Call-ID", "Call-ID: malformed@test\n", "", "Call-ID"},
		{"no From", "From: <sip:wire@{local}>;tag=1\n", "", "From"},
		{"no To", "To: <sip:1000@{remote}>\n", "", "To"},
		{"no CSeq", "CSeq: 1 INVITE\n", "", "CSeq"},
		{"a CSeq of another method", "CSeq: 1 INVITE", "CSeq: 1 BYE", "CSeq"},
		{"a CSeq that is no number", "CSeq: 1 INVITE", "CSeq: one INVITE", "CSeq"},
		{"a From that is no address", "From: <sip:wire@{local}>", "From: <sip:wire@{local}", "From"},
		{"two Call-IDs", "Call-ID: malformed@test", "Call-ID: malformed@test\nCall-ID: again@test", "Call-ID"},
		{"no Contact", "\nContact: <sip:wire@{local}>", "", "Contact"},
		{"a body shorter than it says", "Max-Forwards: 70", "Max-Forwards: 70\nContent-Length: 500", "Content-Length"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := b.openWire(t, "udp")
			text := strings.Replace(good, row.old, row.new, 1)
			if text == good {
				t.Fatal("the row changes nothing")
			}
			w.request(text, "")
			// The response lacks what the request lacks: the status line is all that can be read.
			status := "SIP/2.0 100 "
			for strings.HasPrefix(status, "SIP/2.0 100 ") {
				status, _, _ = strings.Cut(string(w.datagram(patience)), "\r\n")
			}
			if !strings.HasPrefix(status, "SIP/2.0 400 ") || !strings.Contains(status, row.says) {
				t.Errorf("%q, want 400 with %s in the phrase", status, row.says)
			}
		})
	}
	resp, err := b.rooms.ListRooms(t.Context(), &confbridgev1.ListRoomsRequest{})
	if err != nil || len(resp.GetRooms()) != 0 {
		t.Errorf("rooms: %v, %v; want none", resp, err)
	}
}
