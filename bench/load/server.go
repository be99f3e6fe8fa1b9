package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The ports of a bridge that the load starts itself: not the usual ones, where another may be running.
const (
	sipAddress  = "127.0.0.1:10560"
	grpcAddress = "127.0.0.1:10551"
	httpAddress = "127.0.0.1:10580"
)

const serverConfig = `sip:
  listen: ["udp://` + sipAddress + `"]
  anonymous: allow
%smedia:
  ports: 12000-39999
api:
  grpc: ` + grpcAddress + `
  http: ` + httpAddress + `
%sdata_dir: %s
recording: {tone: false, min_free: "0"}
log: {level: warn}
%s`

// bridge is the process under load.
type bridge struct {
	sip     netip.AddrPort
	metrics string
	pid     int // 0: not known
	cmd     *exec.Cmd
	dir     string
}

// startBridge starts the server named in o, or names the one that runs.
func startBridge(ctx context.Context, o options) (*bridge, error) {
	if o.server == "" {
		return &bridge{sip: netip.MustParseAddrPort(o.target), metrics: o.metrics, pid: o.pid}, nil
	}
	dir, err := os.MkdirTemp("", "confbridge-load-")
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	b := &bridge{sip: netip.MustParseAddrPort(sipAddress), metrics: "http://" + httpAddress + "/metrics", dir: dir}
	file := filepath.Join(dir, "confbridge.yaml")
	trunks, list, profiles := "", "", ""
	if o.profiles != "" {
		profiles = "  pprof: true\n"
	}
	if o.dialogues > 0 {
		trunks, list = pinConfig()
	}
	text := fmt.Appendf(nil, serverConfig, trunks, profiles, filepath.Join(dir, "data"), list)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("server: %w", err), b.stop())
	}
	b.cmd = exec.CommandContext(ctx, o.server, "serve", "--config", file)
	b.cmd.Cancel = func() error { return b.cmd.Process.Signal(syscall.SIGTERM) }
	b.cmd.Stderr = os.Stderr
	if o.procs > 0 {
		b.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(o.procs))
	}
	if err := b.cmd.Start(); err != nil {
		b.cmd = nil
		return nil, errors.Join(fmt.Errorf("server: %w", err), b.stop())
	}
	b.pid = b.cmd.Process.Pid
	if err := b.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

func (b *bridge) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("server: not ready after 10 s"))
	defer cancel()
	for {
		if _, err := get(ctx, "http://"+httpAddress+"/readyz"); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop is end and remove.
func (b *bridge) stop() error { return errors.Join(b.end(), b.remove()) }

// end drains a server that startBridge has started. Its end within 6 s, and with exit code 0, is part of the test.
func (b *bridge) end() error {
	if b.cmd == nil {
		return nil
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("server: %w", err)
	}
	hang := time.AfterFunc(6*time.Second, func() { b.cmd.Process.Kill() }) //nolint:errcheck // it may have ended just now
	defer hang.Stop()
	if err := b.cmd.Wait(); err != nil {
		return fmt.Errorf("server: ended with %w", err)
	}
	return nil
}

// remove removes its files.
func (b *bridge) remove() error {
	if b.dir == "" {
		return nil
	}
	if err := os.RemoveAll(b.dir); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

// participants reads how many the server has in its rooms.
func (b *bridge) participants(ctx context.Context) (int, error) {
	values, err := b.metricsOf(ctx)
	total := 0.0
	for name, value := range values {
		if name == "confbridge_participants" || strings.HasPrefix(name, "confbridge_participants{") {
			total += value
		}
	}
	return int(total), err
}

// metricsOf reads all metrics, by their names with labels.
func (b *bridge) metricsOf(ctx context.Context) (map[string]float64, error) {
	text, err := get(ctx, b.metrics)
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		if values[line[:i]], err = strconv.ParseFloat(line[i+1:], 64); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return values, nil
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("metrics: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	if err != nil {
		return "", fmt.Errorf("metrics: %w", err)
	}
	return string(text), nil
}

// floorProcess is bench/floor.
type floorProcess struct {
	cmd   *exec.Cmd
	in    io.Closer
	ports []uint16
}

func startFloor(ctx context.Context, binary string, legs int) (*floorProcess, error) {
	f := &floorProcess{cmd: exec.CommandContext(ctx, binary, "--legs", strconv.Itoa(legs))}
	f.cmd.Stderr = os.Stderr
	in, err := f.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	if err := f.cmd.Start(); err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	f.in = in
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &f.ports)
	}
	if err == nil && len(f.ports) != legs {
		err = errors.New("wrong number of ports")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("floor: %w", err), f.stop())
	}
	return f, nil
}

func (f *floorProcess) stop() error {
	if err := errors.Join(f.in.Close(), f.cmd.Wait()); err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	return nil
}
