package test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// sippMedia keeps the media ports of the SIPps that run side by side apart.
var sippMedia atomic.Int64

// sippMediaPort is where a SIPp's media ports begin, of which it has ten.
func sippMediaPort() int { return int(16000 + sippMedia.Add(1)%200*10) }

// sippRun is a SIPp that has been started.
type sippRun struct {
	cmd           *exec.Cmd
	stats, errors string // files
	said          bytes.Buffer
}

// startSIPp starts SIPp against the bridge, with media ports from media on. It is to be waited for.
func (b *running) startSIPp(t *testing.T, media int, addr string, args ...string) *sippRun {
	t.Helper()
	sipp := have(t, "sipp")
	dir := t.TempDir()
	r := &sippRun{stats: filepath.Join(dir, "stats.csv"), errors: filepath.Join(dir, "errors.log")}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	r.cmd = exec.CommandContext(ctx, sipp, append([]string{
		addr, "-s", "1000", "-i", "127.0.0.1", "-bind_local", "-p", strconv.Itoa(freePort(t)), "-mp", strconv.Itoa(media),
		"-nostdin", "-timeout", "40s", "-recv_timeout", "15000", "-trace_stat", "-stf", r.stats, "-fd", "1", "-trace_err", "-error_file", r.errors,
	}, args...)...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, &r.said, &r.said
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// wait waits for the end of SIPp, where no call may have failed, and returns the last line of its statistics, by column.
func (r *sippRun) wait(t *testing.T) map[string]string {
	t.Helper()
	if err := r.cmd.Wait(); err != nil {
		faults, _ := os.ReadFile(r.errors)
		t.Errorf("%s: %v\n%s%s", strings.Join(r.cmd.Args, " "), err, faults, r.said.String())
	}
	return lastStats(t, r.stats)
}

// sipp runs SIPp against the bridge to its end.
func (b *running) sipp(t *testing.T, addr string, args ...string) map[string]string {
	t.Helper()
	return b.startSIPp(t, sippMediaPort(), addr, args...).wait(t)
}

// What freePort gives out: even ports, so that each has the next one for its RTCP, and none of those that Linux gives to
// whoever asks for any (32768 to 60999). Nobody comes upon one by chance between its being found free and its being taken.
const (
	firstFreePort = 65000
	freePorts     = 500
)

var portsGiven atomic.Int64

// freePort is a port of 127.0.0.1 that is free for UDP and TCP, and is given to nobody else in this process for a long time.
func freePort(t *testing.T) int {
	t.Helper()
	for range freePorts / 2 {
		// another process that runs these tests beside us begins elsewhere
		port := firstFreePort + 2*((os.Getpid()*397+int(portsGiven.Add(1)))%(freePorts/2))
		tcp, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		tcp.Close()
		if err == nil {
			udp.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func lastStats(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("statistics of SIPp: %d lines, %v", len(rows), err)
	}
	last := map[string]string{}
	for i, name := range rows[0] {
		if i < len(rows[len(rows)-1]) {
			last[name] = rows[len(rows)-1][i]
		}
	}
	return last
}

// wantStats compares columns of SIPp's statistics.
func wantStats(t *testing.T, stats map[string]string, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got, ok := stats[name]; !ok || got != value {
			t.Errorf("SIPp: %s = %q, want %s", name, got, value)
		}
	}
}

func TestTwoHundredCallsOfSIPp(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"u1", "t1"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			b := startBridge(t, bridge.Config{})
			addr := b.UDP
			if transport == "t1" {
				addr = b.TCP
			}
			stats := b.sipp(t, addr, "-sn", "uac", "-m", "200", "-r", "50", "-d", "3000", "-t", transport)
			wantStats(t, stats, map[string]string{
				"TotalCallCreated": "200", "SuccessfulCall(C)": "200", "FailedCall(C)": "0", "Retransmissions(C)": "0",
				"OutOfCallMsgs(C)": "0", "FatalErrors(C)": "0",
			})
			if n, _ := b.metric(t, "confbridge_sip_signalling_total", `what="repeated"`); n != 0 {
				t.Errorf("the bridge sent %v messages again", n)
			}
			if n, _ := b.metric(t, "confbridge_sip_requests_total", `method="INVITE"`, `code="200"`); n != 200 {
				t.Errorf("%v INVITEs were answered with 200, want 200", n)
			}
			b.present(t, "1000", 0)
		})
	}
}

// Scenarios of our own: test/sipp/NAME.xml says what each checks. Each is run over UDP and over TCP.
func TestScenariosOfSIPp(t *testing.T) {
	t.Parallel()
	open := startBridge(t, bridge.Config{})
	closed := startBridge(t, bridge.Config{Closed: true})
	full := startBridge(t, bridge.Config{})
	if _, err := full.rooms.CreateRoom(t.Context(), &confbridgev1.CreateRoomRequest{
		RoomId: "1000", Room: &confbridgev1.Room{MaxParticipants: 1},
	}); err != nil {
		t.Fatal(err)
	}
	invite(t, newClient(t), "sip:1000@"+full.UDP, codec.PCMU, nil)
	ringing := startBridge(t, bridge.Config{SIP: "  ring: 700ms\n"})
	guarded := startBridge(t, bridge.Config{SIP: "  anonymous: challenge\n  algorithms: [MD5]\n  trunks: [{name: office, users: {alice: secret}}]\n"})
	used := map[string]bool{"multicast.xml": true} // by TestASessionOfSIPpBesideACaller
	for _, row := range []struct {
		name string
		b    *running
	}{
		{"late_offer", open},
		{"late_offer_no_answer", open},
		{"hold", open},
		{"no_codec", open},
		{"no_audio", open},
		{"unknown_method", open},
		{"require", open},
		{"options", open},
		{"wrong_tag", open},
		{"update", open},
		{"info", open},
		{"not_found", closed},
		{"session_timer", open},
		{"prack", ringing},
		{"full", full},
		{"digest", guarded},
	} {
		used[row.name+".xml"] = true
		for _, transport := range []string{"u1", "t1"} {
			t.Run(row.name+" "+transport, func(t *testing.T) {
				t.Parallel()
				scenario, err := filepath.Abs(filepath.Join("sipp", row.name+".xml"))
				if err != nil {
					t.Fatal(err)
				}
				addr := row.b.UDP
				if transport == "t1" {
					addr = row.b.TCP
				}
				stats := row.b.sipp(t, addr, "-sf", scenario, "-m", "1", "-t", transport, "-auth_uri", "1000@"+addr)
				wantStats(t, stats, map[string]string{"SuccessfulCall(C)": "1", "FailedCall(C)": "0", "Retransmissions(C)": "0"})
			})
		}
	}
	files, err := filepath.Glob("sipp/*.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !used[filepath.Base(f)] {
			t.Errorf("%s is run by nobody", f)
		}
	}
}
