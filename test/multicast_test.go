package test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
)

// likeFrom is how like what was said a recording is at least.
const likeFrom = 0.98

// talkSeconds is how long somebody talks to the groups: a minute with CONFBRIDGE_TEST_LONG=1.
func talkSeconds() int {
	if os.Getenv("CONFBRIDGE_TEST_LONG") != "" {
		return 60
	}
	return 8
}

// audience is a distribution and who records it.
type audience struct {
	id, sdp   string
	group     netip.AddrPort
	ssrc      uint32
	receivers []*receiver
	// deaf have the description with another source: to hear them is a fault.
	deaf []*receiver
}

// sitePackets are the TTL or hop limit and the DSCP of the distributions here.
const (
	siteTTL  = 4
	siteDSCP = 46
)

// Three programs on three hosts record what somebody says, from groups of both kinds and IP versions; all have the same packets, and nobody else's source is heard. By
// what tshark sees the packets are as they are to be.
func TestThreeReceiversHearWhatIsSaid(t *testing.T) {
	t.Parallel()
	ears := []string{"ear1", "ear2", "ear3"}
	c := newCampus(t, bridge.Config{Distributions: "  announce_interval: 5s\n"}, ears...)
	v := talk(t, talkSeconds()-1)
	captures := map[string]func(){}
	for _, name := range append([]string{"source"}, ears...) {
		captures[name] = c.Host(name).Capture(filepath.Join(c.dir, name+".pcap"))
	}
	var all []*audience
	for i, group := range []string{"239.1.2.3:5004", "232.1.2.3:5006", "[ff05::1:3]:5008", "[ff35::8000:3]:5010"} {
		a := c.gather(t, []string{"any4", "specific4", "any6", "specific6"}[i], group)
		all = append(all, a)
	}
	for _, a := range all {
		c.joined(t, a.group.String(), ears...)
		for _, r := range a.receivers {
			r.awake(t)
		}
	}
	c.say(t, v, talkSeconds())
	strict := c.keptUp(t)
	over := time.Duration(time.Now().UnixNano())
	for _, a := range all {
		for _, r := range slices.Concat(a.receivers, a.deaf) {
			r.stop(t)
		}
	}
	c.stop(t)
	seen := map[string][]frame{}
	for name, stop := range captures {
		stop()
		seen[name] = frames(t, filepath.Join(c.dir, name+".pcap"), 5004, 5006, 5008, 5010)
	}
	for _, a := range all {
		from := c.source.IPv4
		if a.group.Addr().Is6() {
			from = c.source.IPv6
		}
		sent := to(seen["source"], from, a.group.Addr())
		t.Run(a.id, func(t *testing.T) {
			a.checkSound(t, v, soundOf(sent), strict)
			for _, name := range ears {
				checkSame(t, name, soundOf(sent), soundOf(to(seen[name], from, a.group.Addr())))
			}
			checkSent(t, sent)
			checkReports(t, sent, over, strict)
			checkAnnounced(t, from, seen["source"])
		})
	}
}

// gather begins a distribution that is announced, and has each host record it by another program; for source-specific groups there are some that wait for another source.
func (c *campus) gather(t *testing.T, id, group string) *audience {
	t.Helper()
	a := &audience{id: id, group: netip.MustParseAddrPort(group)}
	d := &confbridgev1.Distribution{Destinations: []string{group}, Interface: "eth0", Ttl: new(int32), Announced: true}
	*d.Ttl = siteTTL
	source, stranger := c.source.IPv4, "192.0.2.99"
	if a.group.Addr().Is6() {
		source, stranger = c.source.IPv6, "2001:db8::99"
	}
	if strings.HasPrefix(id, "specific") {
		d.Source = source.String()
	}
	a.sdp, a.ssrc = c.describe(t, id, d)
	if d.Source != "" {
		text, err := os.ReadFile(a.sdp)
		if err != nil {
			t.Fatal(err)
		}
		right := "source-filter: incl IN " + ipVersion(source) + " " + a.group.Addr().String() + " " + source.String()
		wrong := strings.TrimSuffix(right, source.String()) + stranger
		if !strings.Contains(string(text), right) {
			t.Fatalf("no %s in\n%s", right, text)
		}
		other := filepath.Join(c.dir, id+"-other.sdp")
		writeFile(t, other, strings.ReplaceAll(string(text), right, wrong))
		for _, player := range []string{"ffmpeg", "listen"} {
			a.deaf = append(a.deaf, c.start(t, c.Host("ear3"), player, other))
		}
		eventually(t, "the switch knows whom the strangers would hear", func() bool {
			return c.Members(a.group.Addr(), netip.MustParseAddr(stranger)) != nil
		})
	}
	for i, player := range []string{"ffmpeg", "gstreamer", "listen"} {
		a.receivers = append(a.receivers, c.start(t, c.Host(fmt.Sprintf("ear%d", i+1)), player, a.sdp))
	}
	return a
}

// ipVersion is how descriptions call that of an address.
func ipVersion(a netip.Addr) string {
	if a.Is4() {
		return "IP4"
	}
	return "IP6"
}

// keptUp says whether the machine was quick enough for the bridge to mix each frame in time. Where it was not, the bridge has left frames out, as it should, and what it
// sends is not what was said any more: then a recording is judged by what was sent alone, to the sample. A run of a minute is always judged by both.
func (c *campus) keptUp(t *testing.T) bool {
	t.Helper()
	late, found := c.metric(t, "confbridge_mixer_late_ticks_total")
	if !found {
		t.Error("no metric of late ticks")
	}
	t.Logf("%.0f ticks were late", late)
	return late == 0 || os.Getenv("CONFBRIDGE_TEST_LONG") != ""
}

// checkSound wants each recording to be of what was said, and to have no gap. Where it is not strict, the machine was too slow for the first.
func (a *audience) checkSound(t *testing.T, v voice, sent []frame, strict bool) {
	t.Helper()
	all := pcmu(t, sent)
	for _, r := range a.receivers {
		heard := r.heard(t)
		// What others play is moved nowhere; our own listener stretches and cuts where the machine is busy, as a telephone does.
		ours := strings.HasPrefix(r.name, "listen")
		got := likeness(v, heard)
		if ours {
			got = likenessMoved(v, heard)
		}
		t.Logf("%s: likeness %.4f, %.1f s", r.name, got, float64(len(heard))/8000)
		want := likeFrom
		if !strict || ours && os.Getenv("CONFBRIDGE_TEST_LONG") == "" { // our own may have been late where the bridge was not
			want = heardFrom
		}
		if !(got >= want) || len(heard) < len(v.pcm) {
			t.Errorf("%s: likeness %.4f in %d samples, want %.2f in %d\n%s", r.name, got, len(heard), want, len(v.pcm), r.said.String())
		}
		if ours {
			a.checkReport(t, r)
			continue
		}
		if !bytes.Contains(littleEndian(all), littleEndian(heard)) {
			t.Errorf("%s: what was recorded is no stretch of what was sent", r.name)
		}
	}
	for _, r := range a.deaf {
		if strings.HasPrefix(r.name, "listen") {
			if code := r.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(r.said.String(), "nothing was heard") {
				t.Errorf("%s: exit %d\n%s", r.name, code, r.said.String())
			}
			continue
		}
		if heard, err := phone.LoadWAV(r.wav, 8000); err == nil && len(heard) > 0 { // there is no file, or a header alone
			t.Errorf("%s: has recorded %d samples of a source that it has not asked for", r.name, len(heard))
		}
	}
}

// checkReport looks at what our own listener tells of what it has heard.
func (a *audience) checkReport(t *testing.T, r *receiver) {
	t.Helper()
	var told struct {
		SSRC         uint32   `json:"ssrc"`
		Lost         int      `json:"packets_lost"`
		Contributors []uint32 `json:"contributors"`
	}
	if err := json.Unmarshal([]byte(r.said.String()), &told); err != nil {
		t.Fatalf("%s: %v\n%s", r.name, err, r.said.String())
	}
	if told.SSRC != a.ssrc || told.Lost != 0 || len(told.Contributors) != 1 {
		t.Errorf("%s: got %+v, want SSRC %d, nothing lost, and one who was mixed", r.name, told, a.ssrc)
	}
}

// pcmu is what is in packets of PCMU.
func pcmu(t *testing.T, sent []frame) (pcm []int16) {
	t.Helper()
	f, ok := codec.Lookup("PCMU", 8000)
	if !ok {
		t.Fatal("no PCMU")
	}
	d, err := codec.NewDecoder(f)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int16, 8000)
	for _, s := range sent {
		n, err := d.Decode(out, s.payload)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, out[:n]...)
	}
	return pcm
}

func littleEndian(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// checkSame wants the packets that have come to a host to be those that were sent while it was a member, each once.
func checkSame(t *testing.T, host string, sent, came []frame) {
	t.Helper()
	if len(came) < 50*(talkSeconds()-1) {
		t.Errorf("%s: %d packets have come", host, len(came))
		return
	}
	first := slices.IndexFunc(sent, func(f frame) bool { return f.sequence == came[0].sequence })
	if first < 0 || len(sent)-first < len(came) {
		t.Errorf("%s: %d packets from sequence %d on are more than were sent", host, len(came), came[0].sequence)
		return
	}
	for i, f := range came {
		if s := sent[first+i]; f.sequence != s.sequence || f.timestamp != s.timestamp || !bytes.Equal(f.payload, s.payload) {
			t.Errorf("%s: packet %d has sequence %d and timestamp %d, want %d and %d and the same sound", host, i, f.sequence, f.timestamp, s.sequence, s.timestamp)
			return
		}
	}
}

// checkSent wants one packet for each 20 ms, with the TTL and DSCP that were set, and a goodbye at the end.
func checkSent(t *testing.T, sent []frame) {
	t.Helper()
	for _, f := range sent {
		if f.ttl != siteTTL || f.dscp != siteDSCP {
			t.Fatalf("got TTL %d and DSCP %d, want %d and %d", f.ttl, f.dscp, siteTTL, siteDSCP)
		}
	}
	rtp := soundOf(sent)
	for i, f := range rtp[1:] {
		if before := rtp[i]; f.sequence != before.sequence+1 || f.timestamp != before.timestamp+160 || len(f.payload) != 160 {
			t.Errorf("sequence %d, timestamp %d, %d bytes behind %d and %d", f.sequence, f.timestamp, len(f.payload), before.sequence, before.timestamp)
		}
	}
	if last := sent[len(sent)-1]; !slices.Contains(last.control, goodbye) {
		t.Errorf("the last packet is no BYE: %+v", last)
	}
}

// pairedWithin is how well the two clocks of a sender report go together.
const pairedWithin = 5 * time.Millisecond

// checkReports wants sender reports at the interval of RFC 3550 §6.3, whose times are those at which packets of that timestamp were sent.
func checkReports(t *testing.T, sent []frame, until time.Duration, strict bool) {
	t.Helper()
	// The interval of 5 s is made random and then made up for (§6.3.1); who looks may be late.
	const least, most = 2000 * time.Millisecond, 6700 * time.Millisecond
	var last time.Duration
	var offsets []time.Duration
	n := 0
	for _, f := range sent {
		if !slices.Contains(f.control, senderReport) {
			continue
		}
		offsets = append(offsets, offset(f, soundOf(sent)).Abs())
		if f.at > until { // receivers leave, and then the bridge
			continue
		}
		if gap := f.at - last; strict && n > 0 && (gap < least || gap > most) {
			t.Errorf("%v between two reports, want %v to %v", gap, least, most)
		}
		last = f.at
		n++
	}
	if want := talkSeconds() / 7; n < want {
		t.Errorf("%d reports, want %d or more", n, want)
	}
	// The median: a report of a busy machine's may come between two packets that both were late.
	slices.Sort(offsets)
	if strict && len(offsets) > 0 && offsets[len(offsets)/2] >= pairedWithin {
		t.Errorf("the NTP times of reports are %v off what their timestamps say", offsets)
	}
	t.Logf("%d reports, NTP times off by %v", n, offsets)
}

// offset is how much later the packets of the second before a report were sent than it says of their timestamps. That packet counts that was least late: others have
// waited for the processor.
func offset(report frame, rtp []frame) time.Duration {
	least := time.Duration(1<<63 - 1)
	for _, f := range rtp {
		if f.at < report.at-time.Second || f.at > report.at {
			continue
		}
		after := time.Duration(int32(f.timestamp-report.ntpTimestamp)) * time.Second / 8000
		if off := f.at - ntpTime(report.ntp) - after; off < least {
			least = off
		}
	}
	return least
}

// checkAnnounced wants announcements of each session, at their interval, and that they are taken back at the end.
func checkAnnounced(t *testing.T, from netip.Addr, sent []frame) {
	t.Helper()
	announced, withdrawn := 0, 0
	for _, f := range sent {
		switch {
		case f.src != from:
		case f.announced && withdrawn > 0:
			t.Error("announced once more after it was taken back")
		case f.announced:
			announced++
		case f.withdrawn:
			withdrawn++
		}
		if (f.announced || f.withdrawn) && f.ttl != siteTTL {
			t.Errorf("an announcement's TTL is %d, want %d", f.ttl, siteTTL)
		}
	}
	// Two sessions of each IP version, whose announcements are 3.3 to 6.7 s apart.
	if least, most := 2*(1+talkSeconds()/7), 2*(2+(talkSeconds()+3*int(patience/time.Second))/3); announced < least || announced > most || withdrawn != 2 {
		t.Errorf("%d announcements and %d deletions, want %d to %d and 2", announced, withdrawn, least, most)
	}
}

// A telephone with unicast is in the room that goes out to a group, hears and is heard.
func TestBaresipInARoomWithAGroup(t *testing.T) {
	t.Parallel()
	baresip := have(t, "baresip")
	all := speakers(t)
	c := newCampus(t, bridge.Config{}, "ear1")
	sdp, _ := c.describe(t, "hall", &confbridgev1.Distribution{Destinations: []string{"239.1.2.3:5004"}, Interface: "eth0"})
	r := c.start(t, c.Host("ear1"), "ffmpeg", sdp)
	c.joined(t, "239.1.2.3:5004", "ear1")
	said := filepath.Join(c.dir, "said.wav")
	out, err := exec.CommandContext(t.Context(), have(t, "ffmpeg"), "-loglevel", "error", "-i", all[0].file, "-af", "apad=pad_dur=60", "-ac", "1", "-ar", "8000", said).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	writeFile(t, filepath.Join(c.dir, "config"), fmt.Sprintf(baresipConfig, 5070, said, 8000, c.dir, baresipModules, "g711"))
	writeFile(t, filepath.Join(c.dir, "accounts"), "<sip:x@127.0.0.1>;regint=0;audio_codecs=PCMU/8000/1\n")
	writeFile(t, filepath.Join(c.dir, "contacts"), "")
	ended := make(chan ran, 1)
	cmd := c.source.Command(baresip, "-f", c.dir, "-e", "/dial sip:1000@"+c.UDP, "-t", "9")
	go func() { ended <- finish(t, cmd) }()
	c.present(t, "1000", 1)
	c.say(t, all[1], 7)
	if r := <-ended; r.code != 0 {
		t.Fatalf("baresip: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	r.stop(t)
	checkHeard(t, "the group", r.heard(t), 2, 0, 1)
	dumps, _ := filepath.Glob(filepath.Join(c.dir, "dump-*-dec.wav"))
	if len(dumps) != 1 {
		t.Fatalf("baresip has recorded %d files", len(dumps))
	}
	checkHeard(t, "baresip", (&receiver{name: "baresip", wav: dumps[0]}).heard(t), 0, 1)
}
