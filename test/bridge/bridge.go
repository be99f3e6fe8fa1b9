// Package bridge builds the program and runs it as users do: as a process with a configuration file, on free ports of
// the loopback. The end-to-end tests and the demonstration start their bridges with it.
package bridge

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTime is how long a bridge may take to become ready; stopTime what the README promises for its end.
const (
	startTime = 30 * time.Second
	stopTime  = 5 * time.Second
)

// Build builds the program into dir and returns its path; flags are more of `go build`.
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	binary := filepath.Join(dir, "confbridge")
	args := append([]string{"build", "-tags=nolibopusfile", "-o", binary}, flags...)
	args = append(args, "github.com/confbridge/confbridge/cmd/confbridge")
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// Config is one bridge. Binary and Dir are required; empty fields leave the program's defaults.
type Config struct {
	Binary string
	// Dir takes the configuration file and the data.
	Dir string
	// Listen is sip.listen; nil means a free UDP and a free TCP port of 127.0.0.1.
	Listen []string
	// MediaPorts as in "20000-20199".
	MediaPorts   string
	MediaTimeout time.Duration
	EmptyGrace   time.Duration
	// HEP is trace.hep: who gets copies of the SIP messages.
	HEP string
	// SIP has more lines of the section sip, each indented by two spaces.
	SIP string
	// Rooms has more lines of the section rooms, each indented by two spaces.
	Rooms string
	// Numbers is the list of where dialled numbers lead, as YAML in one line.
	Numbers string
	// LogLevel is log.level; empty: warn.
	LogLevel string
	// Closed has calls to rooms that nobody made refused.
	Closed bool
	// Distributions has the lines of the section distributions, each indented by two spaces.
	Distributions string
	// Sounds has the lines of the section sounds, each indented by two spaces.
	Sounds string
	// Namespace is the network namespace (ip netns) that the bridge runs in; empty: that of the caller. Dial connects from there; nil where that is the caller's.
	Namespace string
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
}

// yaml is the configuration file. The log has warnings and errors: of a healthy bridge it stays empty.
func (c Config) yaml() string {
	listen := c.Listen
	if listen == nil {
		listen = []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "sip:\n  listen: [\"%s\"]\n%s", strings.Join(listen, `", "`), c.SIP)
	fmt.Fprintf(&b, "api:\n  grpc: 127.0.0.1:0\n  http: 127.0.0.1:0\n")
	fmt.Fprintf(&b, "data_dir: %q\nlog:\n  level: %s\n", filepath.Join(c.Dir, "data"), cmp.Or(c.LogLevel, "warn"))
	fmt.Fprintf(&b, "rooms:\n  on_demand: %t\n%s", !c.Closed, c.Rooms)
	if c.EmptyGrace > 0 {
		fmt.Fprintf(&b, "  empty_grace: %v\n", c.EmptyGrace)
	}
	if c.HEP != "" {
		fmt.Fprintf(&b, "trace:\n  hep: %q\n", c.HEP)
	}
	if c.MediaPorts != "" || c.MediaTimeout > 0 {
		b.WriteString("media:\n")
	}
	if c.MediaPorts != "" {
		fmt.Fprintf(&b, "  ports: %s\n", c.MediaPorts)
	}
	if c.MediaTimeout > 0 {
		fmt.Fprintf(&b, "  timeout: %v\n", c.MediaTimeout)
	}
	if c.Numbers != "" {
		fmt.Fprintf(&b, "numbers: %s\n", c.Numbers)
	}
	if c.Sounds != "" {
		b.WriteString("sounds:\n" + c.Sounds)
	}
	if c.Distributions != "" {
		fmt.Fprintf(&b, "distributions:\n%s", c.Distributions)
	}
	return b.String()
}

// Bridge is a running bridge. Its fields do not change.
type Bridge struct {
	// UDP, TCP and the others are where calls go: host:port of the last listener of each kind. GRPC and HTTP are host:port.
	UDP, TCP, TLS, WS, WSS, GRPC, HTTP string
	// PID is the process.
	PID int

	web   http.Client
	cmd   *exec.Cmd
	term  func() error // sends SIGTERM once: a second one would end the program at once
	log   bytes.Buffer // of the process; to be read after its end
	ended chan struct{}
	err   error // of the process, once ended is closed
}

// Start runs a bridge and returns when it is ready. Stop must be called.
func Start(ctx context.Context, cfg Config) (*Bridge, error) {
	file := filepath.Join(cfg.Dir, "confbridge.yaml")
	if err := os.WriteFile(file, []byte(cfg.yaml()), 0o600); err != nil {
		return nil, err
	}
	b := &Bridge{ended: make(chan struct{}), web: http.Client{Transport: &http.Transport{DialContext: cfg.Dial, DisableKeepAlives: true}}}
	args := []string{cfg.Binary, "serve", "--config", file}
	if cfg.Namespace != "" {
		args = append([]string{"ip", "netns", "exec", cfg.Namespace}, args...) // which becomes the bridge: the process is the same
	}
	// The process outlives ctx, which is that of the start: Stop ends it.
	b.cmd = exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...)
	b.cmd.Stderr = &b.log
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	b.PID = b.cmd.Process.Pid
	b.term = sync.OnceValue(func() error { return b.cmd.Process.Signal(syscall.SIGTERM) })
	greeted := make(chan struct{})
	go b.follow(out, greeted)
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := b.await(ctx, greeted); err != nil {
		_ = b.cmd.Process.Kill()
		<-b.ended
		return nil, fmt.Errorf("the bridge did not become ready: %w: %s", err, b.log.String())
	}
	return b, nil
}

// follow reads what the bridge prints, for its addresses, and waits for its end.
func (b *Bridge) follow(out io.Reader, greeted chan<- struct{}) {
	defer close(b.ended)
	var once sync.Once
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "SIP":
			for _, url := range fields[1:] {
				scheme, addr, _ := strings.Cut(url, "://")
				if at := b.listener(scheme); at != nil {
					*at = addr
				}
			}
		case "gRPC":
			b.GRPC = fields[1]
		case "HTTP":
			b.HTTP = strings.TrimPrefix(fields[1], "http://")
			once.Do(func() { close(greeted) })
		}
	}
	b.err = b.cmd.Wait()
}

// listener is the field for the listeners of a scheme; nil where there is none.
func (b *Bridge) listener(scheme string) *string {
	switch scheme {
	case "udp":
		return &b.UDP
	case "tcp":
		return &b.TCP
	case "tls":
		return &b.TLS
	case "ws":
		return &b.WS
	case "wss":
		return &b.WSS
	}
	return nil
}

// await waits for the addresses, then for /readyz.
func (b *Bridge) await(ctx context.Context, greeted <-chan struct{}) error {
	select {
	case <-greeted:
	case <-b.ended:
		return errors.Join(errors.New("it ended"), b.err)
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		code, _, err := b.Fetch(ctx, "/readyz")
		if err == nil && code == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-b.ended:
			return errors.Join(errors.New("it ended"), b.err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Fetch gets a path of the HTTP listener.
func (b *Bridge) Fetch(ctx context.Context, path string) (code int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.HTTP+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := b.web.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// Terminate sends SIGTERM, unless that was done before, and does not wait.
func (b *Bridge) Terminate() error { return b.term() }

// Ended is closed when the process has ended.
func (b *Bridge) Ended() <-chan struct{} { return b.ended }

// Stop calls Terminate, unless the process has ended, and waits. It returns what was logged. The error says that the
// bridge did not end within 5 s (it is killed then) or not with exit code 0.
func (b *Bridge) Stop() (log string, err error) {
	if err := b.Terminate(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return "", err
	}
	select {
	case <-b.ended:
	case <-time.After(stopTime):
		_ = b.cmd.Process.Signal(syscall.SIGABRT) // prints the goroutines that hang
		<-b.ended
		return b.log.String(), fmt.Errorf("the bridge did not end within %v of SIGTERM", stopTime)
	}
	return b.log.String(), b.err
}
