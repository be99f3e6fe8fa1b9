package test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/confbridge/confbridge/test/bridge"
)

// capture keeps the packets of the loopback that a filter lets through, in a file.
type capture struct {
	t      *testing.T
	tshark string
	file   string
	cmd    *exec.Cmd
}

// startCapture starts when tshark says that it has begun.
func startCapture(t *testing.T, filter string) *capture {
	t.Helper()
	c := &capture{t: t, tshark: have(t, "tshark"), file: filepath.Join(t.TempDir(), "capture.pcapng")}
	if os.Geteuid() != 0 {
		t.Skip("only root may capture packets")
	}
	c.cmd = exec.CommandContext(context.Background(), c.tshark, "-i", "lo", "-f", filter, "-w", c.file, "-a", "duration:120", "-q")
	said, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	var all []string
	for lines.Scan() {
		all = append(all, lines.Text())
		if strings.Contains(lines.Text(), "Capturing on") || strings.Contains(lines.Text(), "Capture started") {
			go func() { // until it ends: nobody may wait to write
				for lines.Scan() {
				}
			}()
			return c
		}
	}
	t.Fatalf("tshark did not begin:\n%s", strings.Join(all, "\n"))
	return nil
}

// stop ends the capture.
func (c *capture) stop() {
	c.t.Helper()
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("tshark: %v", err)
	}
}

// read prints the packets that a display filter lets through, as SIP on the ports given.
func (c *capture) read(display string, ports []string) string {
	c.t.Helper()
	out, err := c.look(display, ports)
	if err != nil {
		c.t.Fatalf("tshark: %v", err)
	}
	return out
}

// look is read of a file that may still be written to.
func (c *capture) look(display string, ports []string) (string, error) {
	args := []string{"-n", "-r", c.file, "-Y", display}
	for _, p := range ports {
		args = append(args, "-d", "udp.port=="+p+",sip", "-d", "tcp.port=="+p+",sip")
	}
	out, err := exec.CommandContext(c.t.Context(), c.tshark, args...).Output()
	return string(out), err
}

// What the bridge says is SIP, SDP and nothing else to somebody else's eyes.
func TestNobodyFindsAMalformedMessage(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	_, udp, _ := net.SplitHostPort(b.UDP)
	_, tcp, _ := net.SplitHostPort(b.TCP)
	c := startCapture(t, fmt.Sprintf("port %s or port %s", udp, tcp))
	for _, name := range []string{"hold", "late_offer", "options", "unknown_method", "require", "update", "info", "no_codec"} {
		scenario, err := filepath.Abs(filepath.Join("sipp", name+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		b.sipp(t, b.UDP, "-sf", scenario, "-m", "1", "-t", "u1")
		b.sipp(t, b.TCP, "-sf", scenario, "-m", "1", "-t", "t1")
	}
	ports := []string{udp, tcp}
	eventually(t, "the capture has the last message", func() bool { // packets come to it late
		out, err := c.look(`sip.CSeq.method == "INVITE" and sip.Status-Code == 488 and tcp.srcport == `+tcp, ports)
		return err == nil && out != ""
	})
	c.stop()
	if n := strings.Count(c.read("sip", ports), "\n"); n < 80 {
		t.Errorf("tshark has seen %d SIP messages, want at least 80", n)
	}
	if bad := c.read(`_ws.malformed or _ws.expert.severity == "Error"`, ports); bad != "" {
		t.Errorf("tshark finds fault with\n%s", bad)
	}
	if bad := c.read(`(udp.srcport == `+udp+` or (tcp.srcport == `+tcp+` and tcp.len > 0)) and not sip`, ports); bad != "" {
		t.Errorf("tshark does not know as SIP\n%s", bad)
	}
}
