package media

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/media/internal/udp"
)

// nextReport moves the leg's clock on until a report is sent, and returns it and when that was.
func nextReport(t *testing.T, l *Leg, p *peer, now time.Time, in Inlet) ([]rtcp.Packet, time.Time) {
	t.Helper()
	for last := l.report.last; l.report.last.Equal(last); now = now.Add(tick) {
		if now.Sub(start) > time.Hour {
			t.Fatal("no report in an hour")
		}
		if err := l.Receive(now, in); err != nil {
			t.Fatal(err)
		}
	}
	b, from := p.read(p.rtcp)
	if want := nextPort(l.Addr()); from != want {
		t.Errorf("the report came from %v, want %v", from, want)
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return packets, now.Add(-tick)
}

func TestSenderReport(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{Timeout: time.Hour}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	var in ear
	if err := l.Receive(start, &in); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint16{10, 11, 12, 14, 17} {
		l.inject(packet(7, seq), addrOf(p.rtp), start.Add(time.Duration(seq)*tick), &in)
	}
	const ntp = 0x1122334455667788
	sr, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 7, NTPTime: ntp}})
	if err != nil {
		t.Fatal(err)
	}
	heard := start.Add(500 * time.Millisecond)
	if why := l.handleRTCP(udp.Packet{Data: sr, From: addrOf(p.rtcp), At: heard}, heard, new(parsed), new(ear)); why != accepted {
		t.Fatal(reasonNames[why])
	}
	sentAt := start.Add(time.Second)
	l.Send(sentAt, make([]byte, 160), 160)
	l.Send(sentAt, make([]byte, 160), 160)
	p.readRTP()
	second := p.readRTP()

	packets, at := nextReport(t, l, p, sentAt, &in)
	if since := at.Sub(start); since < 2500*time.Millisecond/2*100/122 || since > 3100*time.Millisecond {
		t.Errorf("the first report came after %v", since)
	}
	got, ok := packets[0].(*rtcp.SenderReport)
	if !ok || len(packets) != 2 {
		t.Fatalf("got %v, want a sender report and a source description", packets)
	}
	want := &rtcp.SenderReport{
		SSRC: l.sender.ssrc, NTPTime: control.NTPTime(at), PacketCount: 2, OctetCount: 320,
		RTPTime: second.Timestamp + uint32(at.Sub(sentAt)*8000/time.Second),
		Reports: []rtcp.ReceptionReport{{
			// The first of 10 was probation: 11 to 17 are 7, of which 4 came; 3/7 of 256 is 109.
			SSRC: 7, FractionLost: 109, TotalLost: 3, LastSequenceNumber: 17, Jitter: 0,
			LastSenderReport: 0x33445566, Delay: uint32(at.Sub(heard) * 65536 / time.Second),
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sdes, ok := packets[1].(*rtcp.SourceDescription)
	if !ok || len(sdes.Chunks) != 1 || sdes.Chunks[0].Source != l.sender.ssrc || len(sdes.Chunks[0].Items) != 1 ||
		sdes.Chunks[0].Items[0].Type != rtcp.SDESCNAME || len(sdes.Chunks[0].Items[0].Text) != 16 {
		t.Errorf("got %v, want one CNAME of 16 characters", packets[1])
	}

	// Another source: nothing is said of the old one's reports any more.
	for seq := range uint16(8) {
		l.inject(packet(8, seq), addrOf(p.rtp), at, &in)
	}
	packets, at = nextReport(t, l, p, at, &in)
	if got, ok := packets[0].(*rtcp.SenderReport); !ok || len(got.Reports) != 1 ||
		got.Reports[0] != (rtcp.ReceptionReport{SSRC: 8, LastSequenceNumber: 7, Jitter: got.Reports[0].Jitter}) {
		t.Errorf("about another source got %v", packets[0])
	}

	// No RTP in the last interval nor in the one before: only a receiver, and nothing was heard since.
	packets, _ = nextReport(t, l, p, at, &in)
	if rr, ok := packets[0].(*rtcp.ReceiverReport); !ok || len(rr.Reports) != 0 || rr.SSRC != l.sender.ssrc {
		t.Errorf("third report: got %v, want an empty receiver report", packets[0])
	}
}

func TestRTCPThatIsNotRTCP(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	rr := []byte{0x80, 201, 0, 1, 0, 0, 0, 7}
	for name, c := range map[string]struct {
		b    []byte
		from netip.AddrPort
		want reason
	}{
		"a report":                          {rr, signalledAddr, accepted},
		"a report by a stranger":            {rr, strangerAddr, reasonRTCPSource},
		"half a report":                     {rr[:7], signalledAddr, reasonRTCP},
		"version 1":                         {[]byte{0x40, 201, 0, 1, 0, 0, 0, 7}, signalledAddr, reasonRTCP},
		"padding in the first":              {[]byte{0xa0, 201, 0, 1, 0, 0, 0, 7}, signalledAddr, reasonRTCP},
		"no report first":                   {[]byte{0x81, 203, 0, 1, 0, 0, 0, 7}, signalledAddr, reasonRTCP},
		"no SSRC":                           {[]byte{0x80, 201, 0, 0, 0x80, 201, 0, 0}, signalledAddr, reasonRTCP},
		"a length too long":                 {[]byte{0x80, 201, 0, 2, 0, 0, 0, 7}, signalledAddr, reasonRTCP},
		"rubbish behind":                    {append(rr[:8:8], 1, 2, 3, 4), signalledAddr, reasonRTCP},
		"blocks that are not there":         {[]byte{0x81, 201, 0, 1, 0, 0, 0, 7}, signalledAddr, reasonRTCP},
		"a sender report without its times": {[]byte{0x80, 200, 0, 1, 0, 0, 0, 7}, signalledAddr, reasonRTCP},
		"BYE for more than it names":        {append(rr[:8:8], 0x82, 203, 0, 1, 0, 0, 0, 7), signalledAddr, reasonRTCP},
		"an unknown packet behind":          {append(rr[:8:8], 0x80, 210, 0, 0), signalledAddr, accepted},
	} {
		if why := l.handleRTCP(udp.Packet{Data: c.b, From: c.from, At: start}, start, new(parsed), new(ear)); why != c.want {
			t.Errorf("%s: got %q, want %q", name, reasonNames[why], reasonNames[c.want])
		}
	}
}

func TestNTPTime(t *testing.T) {
	if got := control.NTPTime(time.Unix(0, 0)); got != 2208988800<<32 {
		t.Errorf("got %#x for 1970", got)
	}
	if got := control.NTPTime(time.Unix(1, 750_000_000)); got != 2208988801<<32|0xc0000000 {
		t.Errorf("got %#x for 1970 and 1.75 s", got)
	}
	if got := control.NTPMiddle(0x1122334455667788); got != 0x33445566 {
		t.Errorf("got %#x in the middle", got)
	}
}

func TestRoundTrip(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	for seq := range uint16(2) {
		l.inject(packet(7, seq), signalledAddr, start, &in)
	}
	// Sent at 1000 s, kept by the peer for 2.5 s, back at 1003 s: half a second on the way.
	lsr := control.NTPMiddle(control.NTPTime(time.Unix(1000, 0)))
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 7, Reports: []rtcp.ReceptionReport{
			{SSRC: 99, FractionLost: 1, LastSenderReport: lsr},
			{SSRC: l.sender.ssrc, FractionLost: 64, LastSenderReport: lsr, Delay: 5 * 65536 / 2},
		}},
		rtcp.NewCNAMESourceDescription(7, "peer"),
		&rtcp.Goodbye{Sources: []uint32{5, 7}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if why := l.handleRTCP(udp.Packet{Data: b, From: signalledAddr, At: time.Unix(1003, 0)}, start, new(parsed), new(ear)); why != accepted {
		t.Fatal(reasonNames[why])
	}
	if got := l.Stats(); got.RoundTrip != 500*time.Millisecond || got.PeerLost != 0.25 || !got.PeerBye {
		t.Errorf("got %+v, want a round trip of 0.5 s, a quarter lost, and BYE", got)
	}
	// BYE of a source is not the end of the call.
	if why := l.inject(packet(7, 2), signalledAddr, start, &in); why != accepted {
		t.Errorf("after BYE got %q", reasonNames[why])
	}
}

func TestIntervalOfReports(t *testing.T) {
	var r reporter
	r.init()
	for _, c := range []struct {
		initial bool
		size    float64
		mean    time.Duration
	}{{true, 100, 2500 * time.Millisecond}, {false, 100, 5 * time.Second}, {false, 2500, 10 * time.Second}} {
		r.initial, r.size = c.initial, c.size
		sum := time.Duration(0)
		const n = 2000
		for range n {
			got := r.interval()
			sum += got
			if f := float64(got) * control.Compensation / float64(c.mean); f < 0.499 || f > 1.501 {
				t.Fatalf("got %v for a mean of %v", got, c.mean)
			}
		}
		if f := float64(sum) / n * control.Compensation / float64(c.mean); math.Abs(f-1) > 0.05 {
			t.Errorf("the mean is %.3f of what it should be", f)
		}
	}
}

func TestPaceOfReports(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{Timeout: time.Hour}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	var in deaf
	if err := l.Receive(start, &in); err != nil {
		t.Fatal(err)
	}
	_, first := nextReport(t, l, p, start, &in)
	now, n := first, 60
	for range n {
		_, at := nextReport(t, l, p, now, &in)
		if gap := at.Sub(now); gap < 2*time.Second || gap > 6200*time.Millisecond+tick {
			t.Errorf("%v between two reports", gap)
		}
		now = at
	}
	// Reconsideration brings the mean to about 5 s.
	if mean := now.Sub(first) / time.Duration(n); mean < 4*time.Second || mean > 6*time.Second {
		t.Errorf("a report every %v, want about every 5 s", mean)
	}
}

func TestByeAtTheEnd(t *testing.T) {
	e := newTestEngine(t, Config{})
	p := newPeer(t, "127.0.0.1")
	for _, spoke := range []bool{false, true} {
		l, err := e.Open(netip.MustParseAddr("127.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		configure(t, l, p.stream())
		if spoke {
			l.Send(start, []byte{1}, 160)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if !spoke {
			if !p.quiet(p.rtcp) {
				t.Error("BYE from a leg that never sent anything")
			}
			continue
		}
		b, _ := p.read(p.rtcp)
		packets, err := rtcp.Unmarshal(b)
		if err != nil || len(packets) != 3 {
			t.Fatalf("got %v, %v", packets, err)
		}
		if diff := cmp.Diff(&rtcp.Goodbye{Sources: []uint32{l.sender.ssrc}}, packets[2]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestMux(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	s.Mux, s.RemoteRTCP = true, netip.AddrPort{}
	configure(t, l, s)
	var in ear
	for seq := range uint16(2) {
		p.send(p.rtp, packet(7, seq), l.Addr())
	}
	b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 7, NTPTime: 1 << 40}})
	if err != nil {
		t.Fatal(err)
	}
	p.send(p.rtp, b, l.Addr())
	until(t, l, start, &in, func() bool { return len(in.audio) == 1 && l.report.senderReport == 1<<24 })
	l.Send(start, []byte{1}, 160)
	p.readRTP()
	l.report.next, l.report.last = start, start.Add(-time.Hour)
	if err := l.Receive(start, &in); err != nil {
		t.Fatal(err)
	}
	b, from := p.read(p.rtp)
	if packets, err := rtcp.Unmarshal(b); err != nil || from != l.Addr() || len(packets) != 2 {
		t.Errorf("got %v, %v from %v; want RTCP from the RTP port", packets, err, from)
	}
}

func TestCollision(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	var in ear
	l.Send(start, []byte{1}, 160)
	old := p.readRTP().SSRC
	if why := l.inject(packet(old, 1), strangerAddr, start, &in); why != reasonSource || l.sender.ssrc != old {
		t.Errorf("a stranger's packet got %q and changed our SSRC: %v", reasonNames[why], l.sender.ssrc != old)
	}
	if why := l.inject(packet(old, 1), addrOf(p.rtp), start, &in); why != reasonLoop {
		t.Errorf("got %q", reasonNames[why])
	}
	b, _ := p.read(p.rtcp)
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if bye, ok := packets[len(packets)-1].(*rtcp.Goodbye); !ok || bye.Sources[0] != old {
		t.Errorf("got %v, want BYE for %x", packets, old)
	}
	l.Send(start, []byte{1}, 160)
	renewed := p.readRTP().SSRC
	if l.sender.packets != 1 || l.sender.octets != 1 {
		t.Errorf("the counts of a new SSRC are %d and %d, want 1 and 1", l.sender.packets, l.sender.octets)
	}
	if renewed == old {
		t.Error("our SSRC is the old one")
	}
	// A peer that had our SSRC by chance goes on with it.
	for seq := range uint16(2) {
		l.inject(packet(old, 2+seq), addrOf(p.rtp), start, &in)
	}
	if len(in.audio) != 1 {
		t.Errorf("%d packets of the peer were heard, want 1", len(in.audio))
	}
	// In RTCP it is a collision as well.
	b, err = rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: renewed}})
	if err != nil {
		t.Fatal(err)
	}
	if why := l.handleRTCP(udp.Packet{Data: b, From: addrOf(p.rtcp), At: start}, start, new(parsed), new(ear)); why != reasonLoop || l.sender.ssrc == renewed {
		t.Errorf("got %q, SSRC changed: %v", reasonNames[why], l.sender.ssrc != renewed)
	}
	renewed = l.sender.ssrc
	// One that sends back what it gets is not heard, and does not make us change again.
	for seq := range uint16(20) {
		if why := l.inject(packet(renewed, seq), addrOf(p.rtp), start.Add(time.Duration(seq)*time.Second), &in); why != reasonLoop {
			t.Errorf("got %q", reasonNames[why])
		}
	}
	if l.sender.ssrc != renewed || len(in.audio) != 1 {
		t.Error("the loop was taken for a collision")
	}
}

func TestReportsDoNotAllocate(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{Timeout: time.Hour}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	_ = p.rtcp.SetReadBuffer(1) // nobody reads what comes there
	var in deaf
	for seq := range uint16(2) {
		l.inject(packet(7, seq), addrOf(p.rtp), start, &in)
	}
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: 7, NTPTime: 1 << 40, Reports: make([]rtcp.ReceptionReport, 31)},
		&rtcp.ReceiverReport{SSRC: 7, Reports: make([]rtcp.ReceptionReport, 31)}, rtcp.NewCNAMESourceDescription(7, "peer"),
		&rtcp.ExtendedReport{SenderSSRC: 7, Reports: []rtcp.ReportBlock{
			&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 1 << 40}, &rtcp.VoIPMetricsReportBlock{SSRC: l.sender.ssrc},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var into parsed
	into.init()
	now, n := start, 0
	got := testing.AllocsPerRun(100, func() {
		now = now.Add(20 * time.Second) // a report is due each time
		last := l.report.last
		if why := l.handleRTCP(udp.Packet{Data: b, From: addrOf(p.rtcp), At: now}, now, &into, &in); why != accepted {
			t.Fatal(reasonNames[why])
		}
		l.source.received++
		l.Observe(known)
		l.Send(now, b[:10], 160)
		if err := l.Receive(now, &in); err != nil {
			t.Fatal(err)
		}
		if !l.report.last.Equal(last) {
			n++
		}
	})
	if got != 0 || n < 90 {
		t.Errorf("%v allocations with %d reports in 101 ticks", got, n)
	}
}

// FuzzRTCP gives a leg whatever may come from its peer.
func FuzzRTCP(f *testing.F) {
	add := func(packets ...rtcp.Packet) {
		b, err := rtcp.Marshal(packets)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	block := []rtcp.ReceptionReport{{SSRC: 1, TotalLost: 0xffffff, LastSenderReport: 1, Delay: 1}}
	add(&rtcp.SenderReport{SSRC: 7, NTPTime: 1 << 50, Reports: block}, rtcp.NewCNAMESourceDescription(7, "a"), &rtcp.Goodbye{Sources: []uint32{7}})
	add(&rtcp.ReceiverReport{SSRC: 7, Reports: block}, &rtcp.PictureLossIndication{SenderSSRC: 7})
	add(&rtcp.ReceiverReport{SSRC: 7}, &rtcp.ExtendedReport{SenderSSRC: 7, Reports: []rtcp.ReportBlock{
		&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 1 << 50}, &rtcp.VoIPMetricsReportBlock{SSRC: 1, RFactor: 200, MOSLQ: 255, JBNominal: 9},
	}})
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 7, 0xa0, 207, 0, 2, 0, 0, 0, 7, 4, 0, 0, 4})
	f.Add([]byte{0x80, 200, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x9f, 201, 0, 1, 0, 0, 0, 7})
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 7, 0xa1, 203, 0, 1, 0, 0, 0, 7})
	e := newTestEngine(f, Config{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > udp.MaxPacket {
			return
		}
		l := bare(e)
		var in ear
		l.sender.ssrc = 1
		for seq := range uint16(2) {
			l.inject(packet(7, seq), signalledAddr, start, &in)
		}
		why := l.handleRTCP(udp.Packet{Data: b, From: signalledAddr, At: start}, start, new(parsed), &in)
		if _, err := rtcp.Unmarshal(b); why == accepted && len(b) < 8 {
			t.Errorf("%d bytes were taken, pion says %v", len(b), err)
		}
		if s := l.Stats(); s.RoundTrip < 0 || s.PeerLost < 0 || s.PeerLost > 1 {
			t.Errorf("got %+v", s)
		}
		l.handle(udp.Packet{Data: b, From: signalledAddr, At: start}, start, new(parsed), &in)
		l.report.block(&l.source, start)
		for _, p := range in.reports {
			if p.Loss < 0 || p.Loss > 1 || p.RFactor < 0 || p.RFactor > 100 || p.MOS != 0 && (p.MOS < 1 || p.MOS > 5) || p.RoundTrip < 0 || p.Jitter < 0 {
				t.Errorf("got %+v", p)
			}
		}
		l.Observe(known)
		own := l.report.appendExtended(nil, l, start, true)
		var x rtcp.ExtendedReport
		if len(own) > 0 && x.Unmarshal(own) != nil {
			t.Errorf("pion cannot read % x", own)
		}
	})
}
