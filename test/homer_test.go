package test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/confbridge/confbridge/test/bridge"
)

// homer is a Kamailio that reads HEPv3 and says what it has read.
type homer struct {
	mu   sync.Mutex
	read []string // "127.0.0.1:5060 INVITE callid"
	log  strings.Builder
}

func startHomer(t *testing.T) (c *homer, addr string) {
	t.Helper()
	kamailio := have(t, "kamailio")
	modules, _ := filepath.Glob(kamailioModules)
	text, err := os.ReadFile("kamailio/capture.cfg")
	if err != nil || len(modules) != 1 {
		t.Fatalf("%v; Kamailio's modules are %q", err, modules)
	}
	dir, port := t.TempDir(), strconv.Itoa(freePort(t))
	file := filepath.Join(dir, "capture.cfg")
	writeFile(t, file, strings.NewReplacer("@PORT@", port, "@DIR@", dir, "@MODULES@", modules[0]+"/").Replace(string(text)))
	cmd := exec.CommandContext(context.Background(), kamailio, "-f", file, "-DD", "-E", "-m", "64", "-M", "8", "-Y", dir, "-w", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	c = &homer{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.mu.Lock()
			if _, read, ok := strings.Cut(lines.Text(), ": HEP "); ok {
				c.read = append(c.read, read)
			}
			c.log.WriteString(lines.Text() + "\n")
			c.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		<-done
		_ = cmd.Wait() // however it ended
		if t.Failed() {
			t.Logf("kamailio:\n%s", c.log.String())
		}
	})
	return c, net.JoinHostPort("127.0.0.1", port)
}

// of are what was read of a call.
func (c *homer) of(callID string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, r := range c.read {
		if what, ok := strings.CutSuffix(r, " "+callID); ok {
			all = append(all, what)
		}
	}
	return all
}

// Those who wrote Kamailio's reader defined HEPv3.
func TestKamailioReadsTheCopies(t *testing.T) {
	t.Parallel()
	c, addr := startHomer(t)
	b := startBridge(t, bridge.Config{HEP: addr})
	b.allowLog("messages do not reach the Homer") // it may be there later than the first of them
	probe := b.openWire(t, "udp")
	eventually(t, "the capture server reads", func() bool {
		probe.request("OPTIONS sip:1000@{remote} SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: <sip:p@h>;tag=1\nTo: <sip:1000@h>\nCall-ID: probe\nCSeq: 1 OPTIONS", "")
		return len(c.of("probe")) > 0
	})
	d := b.openWire(t, "tcp").dial("1000", plainSDP)
	d.bye()
	peer, us := d.conn.LocalAddr().String(), d.conn.RemoteAddr().String()
	for _, want := range []string{peer + " INVITE", us + " 200", peer + " ACK", peer + " BYE"} {
		eventually(t, want, func() bool {
			for _, got := range c.of(d.id) {
				if got == want {
					return true
				}
			}
			return false
		})
	}
}
