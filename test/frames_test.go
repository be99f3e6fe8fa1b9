package test

import (
	"encoding/hex"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// frame is a packet of a session as tshark understands it.
type frame struct {
	at       time.Duration // since 1970
	src, dst netip.Addr
	ttl      int // or hop limit
	dscp     int

	sound     bool // it is RTP, and has these three
	sequence  uint16
	timestamp uint32
	payload   []byte

	control      []int  // the types of RTCP that it has (RFC 3550 §12.1)
	ntp          uint64 // of a sender report, with the timestamp of the same moment
	ntpTimestamp uint32

	announced, withdrawn bool // SAP
}

// The types of RTCP.
const (
	senderReport = 200
	goodbye      = 203
)

// fields are what tshark is asked for; of those that are of IPv4 and IPv6 one is empty.
var fields = strings.Fields(`frame.time_epoch ip.src ipv6.src ip.dst ipv6.dst ip.ttl ipv6.hlim ip.dsfield.dscp ipv6.tclass.dscp
	rtp.seq rtp.timestamp rtp.payload rtcp.pt rtcp.timestamp.ntp.msw rtcp.timestamp.ntp.lsw rtcp.timestamp.rtp sap.flags.t`)

// frames are the packets of RTP, RTCP and SAP in a capture. RTP is on the ports given, RTCP on those behind them. A packet that tshark calls malformed is a fault.
func frames(t *testing.T, file string, ports ...int) (all []frame) {
	t.Helper()
	args := []string{"-n", "-r", file}
	for _, p := range ports {
		args = append(args, "-d", "udp.port=="+strconv.Itoa(p)+",rtp", "-d", "udp.port=="+strconv.Itoa(p+1)+",rtcp")
	}
	args = append(args, "-Y", "rtp or rtcp or sap or _ws.malformed", "-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-e", "_ws.malformed")
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.CommandContext(t.Context(), have(t, "tshark"), args...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		if len(cells) != len(fields)+1 || cells[0] != "" {
			t.Errorf("tshark finds fault with %s", line)
			continue
		}
		all = append(all, readFrame(t, cells[1:]))
	}
	return all
}

// readFrame reads the fields of one packet.
func readFrame(t *testing.T, cells []string) (f frame) {
	t.Helper()
	number := func(s string) uint64 {
		if s == "" {
			return 0
		}
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			t.Errorf("tshark: %v in %v", err, cells)
		}
		return n
	}
	either := func(i int) string { return cells[i] + cells[i+1] }
	seconds, nanos, _ := strings.Cut(cells[0], ".")
	f.at = time.Duration(number(seconds))*time.Second + time.Duration(number(strings.TrimLeft(nanos, "0")))
	f.src, _ = netip.ParseAddr(either(1))
	f.dst, _ = netip.ParseAddr(either(3))
	f.ttl, f.dscp = int(number(either(5))), int(number(either(7)))
	if cells[9] != "" {
		f.sound, f.sequence, f.timestamp = true, uint16(number(cells[9])), uint32(number(cells[10]))
		f.payload, _ = hex.DecodeString(strings.ReplaceAll(cells[11], ":", ""))
	}
	if cells[12] != "" {
		for s := range strings.SplitSeq(cells[12], ",") {
			f.control = append(f.control, int(number(s)))
		}
	}
	f.ntp, f.ntpTimestamp = number(cells[13])<<32|number(cells[14]), uint32(number(cells[15]))
	f.announced, f.withdrawn = cells[16] == "0" || cells[16] == "False", cells[16] == "1" || cells[16] == "True"
	return f
}

// to are the frames of one source to one address.
func to(all []frame, src, dst netip.Addr) (some []frame) {
	for _, f := range all {
		if f.src == src && f.dst == dst {
			some = append(some, f)
		}
	}
	return some
}

// soundOf are those of RTP.
func soundOf(all []frame) (some []frame) {
	for _, f := range all {
		if f.sound {
			some = append(some, f)
		}
	}
	return some
}

// ntpTime is a time of NTP since 1970 (RFC 3550 §4).
func ntpTime(ntp uint64) time.Duration {
	const until1970 = 2208988800
	return time.Duration(ntp>>32-until1970)*time.Second + time.Duration((ntp&0xffffffff)*uint64(time.Second)>>32)
}
