package media

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/quality"
)

var xrOptions = cmp.Options{
	cmpopts.IgnoreUnexported(rtcp.VoIPMetricsReportBlock{}), cmpopts.IgnoreTypes(rtcp.XRHeader{}),
}

// extendedOf is the extended report of a compound; nil if it has none.
func extendedOf(packets []rtcp.Packet) *rtcp.ExtendedReport {
	for _, p := range packets {
		if x, ok := p.(*rtcp.ExtendedReport); ok {
			return x
		}
	}
	return nil
}

// metered is a leg that has heard 200 packets, of which five were lost in a burst of seven, and one came too late.
func metered(t *testing.T, asked bool) (*Leg, *peer, time.Time) {
	t.Helper()
	l, p := openLeg(t, newTestEngine(t, Config{Timeout: time.Hour}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	s.Metrics = asked
	configure(t, l, s)
	in := &ear{late: func(sequence uint16) bool { return sequence == 58 }}
	now := start
	if err := l.Receive(now, &deaf{}); err != nil {
		t.Fatal(err)
	}
	for seq := range uint16(200) {
		now = now.Add(tick)
		if seq < 50 || seq == 52 || seq == 54 || seq > 56 {
			l.inject(packet(7, seq), addrOf(p.rtp), now, in)
		}
	}
	return l, p, now
}

var known = quality.Local{
	Loss: .025, Recovered: .005, Discard: .5, Concealed: .1, BufferNominal: 37 * time.Millisecond, BufferMax: 80 * time.Millisecond,
	BufferLimit: 400 * time.Millisecond, SignalDBFS: -20.4, NoiseDBFS: -61, RFactor: 87.6, MOS: 4.25,
}

func TestMetricsAreSentToWhoAsks(t *testing.T) {
	l, p, now := metered(t, true)
	l.Observe(known)
	l.report.peer.RoundTrip = 123 * time.Millisecond
	reports := 0
	var x *rtcp.ExtendedReport
	for ; x == nil && reports < 2*metricsEvery; reports++ {
		var packets []rtcp.Packet
		packets, now = nextReport(t, l, p, now, &deaf{})
		x = extendedOf(packets)
	}
	if reports != metricsEvery {
		t.Errorf("the first metrics came with report %d, want %d", reports, metricsEvery)
	}
	want := &rtcp.ExtendedReport{SenderSSRC: l.sender.ssrc, Reports: []rtcp.ReportBlock{&rtcp.VoIPMetricsReportBlock{
		SSRC: 7, LossRate: 5, DiscardRate: 128, // .02 of 256: what was recovered is not lost (RFC 3611 §4.7.1)
		// 50 to 56 are the burst: 5 of 7 are lost, 140 ms. 58 came too late and belongs to it: 6 of 9, 180 ms. The window holds back the last 64 of 199.
		BurstDensity: 170, GapDensity: 0, BurstDuration: 180, GapDuration: (199 - 64 - 9) * 20,
		RoundTripDelay: 123, EndSystemDelay: 37 + 20 + 20,
		SignalLevel: 256 - 17, NoiseLevel: 256 - 58, RERL: 127, Gmin: 16,
		RFactor: 88, ExtRFactor: 127, MOSLQ: l.listening(&known), MOSCQ: 43,
		RXConfig: 0xb0, JBNominal: 37, JBMaximum: 80, JBAbsMax: 400,
	}}}
	if diff := cmp.Diff(want, x, xrOptions); diff != "" {
		t.Error(diff)
	}
	// One who listens is not troubled by delay: with 52 % lost R is 93.2 − 95·52/77.1 = 29.1, and MOS 1.573.
	if got := l.listening(&known); got != 16 {
		t.Errorf("got MOS-LQ %d, want 16 tenths", got)
	}
}

func TestMetricsAreSentToNobodyElse(t *testing.T) {
	l, p, now := metered(t, false)
	l.Observe(known)
	for range 2 * metricsEvery {
		var packets []rtcp.Packet
		if packets, now = nextReport(t, l, p, now, &deaf{}); extendedOf(packets) != nil {
			t.Fatal("a peer that has not asked was sent an extended report")
		}
	}
	// Another's extended report is no reason, the peer's is.
	for _, ssrc := range []uint32{8, 7} {
		b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 7}, &rtcp.ExtendedReport{SenderSSRC: ssrc}})
		if err != nil {
			t.Fatal(err)
		}
		if why := l.handleRTCP(udp.Packet{Data: b, From: addrOf(p.rtcp), At: now}, now, new(parsed), &deaf{}); why != accepted {
			t.Fatal(reasonNames[why])
		}
		packets, at := nextReport(t, l, p, now, &deaf{})
		if got := extendedOf(packets) != nil; got != (ssrc == 7) {
			t.Errorf("after an extended report of %d: sent some is %v", ssrc, got)
		}
		now = at
	}
}

func TestNothingIsSaidThatIsNotKnown(t *testing.T) {
	l, p, now := metered(t, true)
	for range 2 * metricsEvery {
		var packets []rtcp.Packet
		if packets, now = nextReport(t, l, p, now, &deaf{}); extendedOf(packets) != nil {
			t.Fatal("metrics were sent before there were any")
		}
	}
	l.Observe(quality.Local{SignalDBFS: -127, NoiseDBFS: math.NaN()})
	packets, _ := nextReport(t, l, p, now, &deaf{})
	m, ok := extendedOf(packets).Reports[0].(*rtcp.VoIPMetricsReportBlock)
	if !ok || m.SignalLevel != 127 || m.NoiseLevel != 127 || m.RFactor != 127 || m.MOSLQ != 127 || m.MOSCQ != 127 {
		t.Errorf("got %+v, want 127 for what is not known", m)
	}
}

func TestTheLastMetricsComeWithBye(t *testing.T) {
	e := newTestEngine(t, Config{})
	l, err := e.Open(addrOf(newPeer(t, "127.0.0.1").rtp).Addr())
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, "127.0.0.1")
	s := p.stream()
	s.Metrics = true
	configure(t, l, s)
	for seq := range uint16(2) {
		l.inject(packet(7, seq), addrOf(p.rtp), start, &deaf{})
	}
	l.Observe(known)
	l.Send(start, []byte{1}, 160)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, _ := p.read(p.rtcp)
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	_, bye := packets[len(packets)-1].(*rtcp.Goodbye)
	if x := extendedOf(packets); x == nil || len(x.Reports) != 1 || !bye {
		t.Errorf("got %v, want metrics and BYE behind them", packets)
	}
}

func TestAReferenceTimeIsAnswered(t *testing.T) {
	l, p, now := metered(t, false)
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 7},
		&rtcp.ExtendedReport{SenderSSRC: 7, Reports: []rtcp.ReportBlock{&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 0x1122334455667788}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if why := l.handleRTCP(udp.Packet{Data: b, From: addrOf(p.rtcp), At: now}, now, new(parsed), &deaf{}); why != accepted {
		t.Fatal(reasonNames[why])
	}
	packets, at := nextReport(t, l, p, now, &deaf{})
	want := &rtcp.ExtendedReport{SenderSSRC: l.sender.ssrc, Reports: []rtcp.ReportBlock{&rtcp.DLRRReportBlock{
		Reports: []rtcp.DLRRReport{{SSRC: 7, LastRR: 0x33445566, DLRR: uint32(at.Sub(now) * 65536 / time.Second)}},
	}}}
	if diff := cmp.Diff(want, extendedOf(packets), xrOptions); diff != "" {
		t.Error(diff)
	}
	if packets, _ = nextReport(t, l, p, at, &deaf{}); extendedOf(packets) != nil {
		t.Error("it was answered twice")
	}
}

// TestWhatThePeerReportsGoesToTheRoom has compounds come in, each of which is to be told once.
func TestWhatThePeerReportsGoesToTheRoom(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	for seq := range uint16(3) {
		l.inject(packet(7, seq), signalledAddr, start, &in)
	}
	receive := func(at time.Time, packets ...rtcp.Packet) {
		t.Helper()
		b, err := rtcp.Marshal(packets)
		if err != nil {
			t.Fatal(err)
		}
		if why := l.handleRTCP(udp.Packet{Data: b, From: signalledAddr, At: at}, at, new(parsed), &in); why != accepted {
			t.Fatal(reasonNames[why])
		}
	}
	about := func(ssrc uint32) *rtcp.ReceiverReport {
		return &rtcp.ReceiverReport{SSRC: 7, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 64, TotalLost: 12, Jitter: 80}}}
	}
	metrics := func(ssrc uint32, change func(*rtcp.VoIPMetricsReportBlock)) *rtcp.ExtendedReport {
		b := &rtcp.VoIPMetricsReportBlock{SSRC: ssrc, RoundTripDelay: 90, RFactor: 88, MOSLQ: 41, MOSCQ: 39, JBNominal: 60}
		change(b)
		return &rtcp.ExtendedReport{SenderSSRC: 7, Reports: []rtcp.ReportBlock{b}}
	}
	same := func(*rtcp.VoIPMetricsReportBlock) {}
	receive(start, about(99), metrics(99, same))
	if len(in.reports) != 0 {
		t.Errorf("got %+v about another", in.reports)
	}
	// Two packets 20 ms apart by their timestamps came at once: 20 ms / 16.
	want := quality.Peer{At: start, Incoming: 1250 * time.Microsecond, Loss: .25, Lost: 12, Jitter: 10 * time.Millisecond}
	receive(start, about(l.sender.ssrc))
	both := want
	both.At, both.RoundTrip, both.VoIP = start.Add(time.Second), 90*time.Millisecond, true
	both.RFactor, both.MOS, both.BufferNominal = 88, 4.1, 60*time.Millisecond
	receive(both.At, about(l.sender.ssrc), metrics(l.sender.ssrc, same))
	conversation := both
	conversation.MOS = 3.9
	receive(both.At, &rtcp.ReceiverReport{SSRC: 7}, metrics(l.sender.ssrc, func(b *rtcp.VoIPMetricsReportBlock) { b.MOSLQ = 127 }))
	unknown := both
	unknown.RFactor, unknown.MOS = 0, 0
	receive(both.At, &rtcp.ReceiverReport{SSRC: 7}, metrics(l.sender.ssrc, func(b *rtcp.VoIPMetricsReportBlock) { b.RFactor, b.MOSLQ, b.MOSCQ = 127, 127, 51 }))
	if diff := cmp.Diff([]quality.Peer{want, both, conversation, unknown}, in.reports); diff != "" {
		t.Error(diff)
	}
	negative := about(l.sender.ssrc)
	negative.Reports[0].TotalLost = 0xffffff
	receive(both.At, negative)
	if got := in.reports[len(in.reports)-1].Lost; got != -1 {
		t.Errorf("got %d lost, want -1: duplicates came", got)
	}
}

func TestExtendedReportsThatAreNone(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	for seq := range uint16(2) {
		l.inject(packet(7, seq), signalledAddr, start, &ear{})
	}
	ssrc := binary.BigEndian.AppendUint32(nil, l.sender.ssrc)
	with := func(blocks ...byte) []byte {
		b := []byte{0x80, 201, 0, 1, 0, 0, 0, 7, 0x80, 207, 0, byte(1 + len(blocks)/4), 0, 0, 0, 7}
		return append(b, blocks...)
	}
	padded := with(9, 0, 0, 0, 0, 0, 0, 4)
	padded[8] |= 0x20
	overpadded := with(9, 0, 0, 0, 0, 0, 0, 16)
	overpadded[8] |= 0x20
	for name, c := range map[string]struct {
		b    []byte
		want reason
	}{
		"no blocks":                     {with(), accepted},
		"an unknown block":              {with(200, 0, 0, 1, 1, 2, 3, 4), accepted},
		"padding behind a block":        {padded, accepted},
		"more padding than there is":    {overpadded, reasonRTCP},
		"a block that is not there":     {with(7, 0, 0, 8, 0, 0, 0, 1), reasonRTCP},
		"no SSRC":                       {[]byte{0x80, 201, 0, 1, 0, 0, 0, 7, 0x80, 207, 0, 0}, reasonRTCP},
		"metrics of another length":     {with(append([]byte{7, 0, 0, 1}, ssrc...)...), accepted},
		"a reference time that is half": {with(4, 0, 0, 1, 1, 2, 3, 4), accepted},
	} {
		var in ear
		if why := l.handleRTCP(udp.Packet{Data: c.b, From: signalledAddr, At: start}, start, new(parsed), &in); why != c.want {
			t.Errorf("%s: got %q, want %q", name, reasonNames[why], reasonNames[c.want])
		}
		if len(in.reports) != 0 || l.report.extended.reference != 0 {
			t.Errorf("%s: got %+v, reference time %d", name, in.reports, l.report.extended.reference)
		}
	}
}
