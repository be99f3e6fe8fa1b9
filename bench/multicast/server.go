package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The addresses of the bridge, on its host's loopback.
const (
	sipAddress  = "127.0.0.1:5060"
	grpcAddress = "127.0.0.1:50051"
)

const serverConfig = `sip:
  listen: ["udp://` + sipAddress + `"]
api:
  grpc: ` + grpcAddress + `
data_dir: %s
log: {level: warn}
`

// server is the bridge, and those who talk in its room.
type server struct {
	path, dir string
	cmd       *exec.Cmd
	callers   []*exec.Cmd
	groups    int
}

// startServer starts the bridge and has everybody talk.
func startServer(ctx context.Context, h *hosts, o options) (*server, error) {
	dir, err := os.MkdirTemp("", "confbridge-multicast-")
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s := &server{path: o.server, dir: dir}
	file := filepath.Join(dir, "confbridge.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, serverConfig, filepath.Join(dir, "data")), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("server: %w", err), s.stop())
	}
	s.cmd = on(ctx, h.source, serverCPU, o.server, "serve", "--config", file)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return nil, errors.Join(fmt.Errorf("server: %w", err), s.stop())
	}
	for range 100 {
		if err = s.cli(ctx, h, "rooms", "create", "1000"); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	for range talkers {
		c := on(ctx, h.source, othersCPU, o.server, "call", "sip:1000@"+sipAddress, "--play", o.sound, "--for", "1h")
		if err := c.Start(); err != nil {
			return nil, errors.Join(fmt.Errorf("caller: %w", err), s.stop())
		}
		s.callers = append(s.callers, c)
	}
	return s, nil
}

// cli runs a command of the program against the bridge.
func (s *server) cli(ctx context.Context, h *hosts, args ...string) error {
	cmd := on(ctx, h.source, othersCPU, s.path, append(args, "--api", grpcAddress)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// stop ends all.
func (s *server) stop() error {
	for _, c := range s.callers {
		_ = c.Process.Signal(syscall.SIGINT) // it may have ended
		_ = c.Wait()
	}
	var err error
	if s.cmd != nil {
		err = errors.Join(s.cmd.Process.Signal(syscall.SIGTERM), s.cmd.Wait())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// turn has the groups and receivers of a row, and returns the µs of CPU that the bridge takes in a second.
func (s *server) turn(ctx context.Context, h *hosts, r row, lasts time.Duration) (cost float64, err error) {
	for ; s.groups < r.groups; s.groups++ {
		if err := s.cli(ctx, h, "distributions", "add", "1000", "--id", fmt.Sprintf("g%d", s.groups), "--to", group(s.groups).String(), "--interface", "eth0"); err != nil {
			return 0, err
		}
	}
	for ; s.groups > r.groups; s.groups-- {
		if err := s.cli(ctx, h, "distributions", "remove", "1000", fmt.Sprintf("g%d", s.groups-1)); err != nil {
			return 0, err
		}
	}
	if r.ears > 0 {
		leave, err := startEars(ctx, h, r.ears)
		if err != nil {
			return 0, err
		}
		defer func() {
			got, failed := leave()
			if least := int(lasts / (20 * time.Millisecond) * 9 / 10); failed == nil && got < least {
				failed = fmt.Errorf("a receiver has got %d packets, want %d", got, least)
			}
			err = errors.Join(err, failed)
		}()
	}
	time.Sleep(time.Second) // what was changed has settled
	before, err := runTime(s.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	from := time.Now()
	time.Sleep(lasts)
	after, err := runTime(s.cmd.Process.Pid)
	return float64((after - before).Microseconds()) / time.Since(from).Seconds(), err
}

// startEars starts this program as n receivers; leave ends them, and says how many packets came to the one that has got the fewest.
func startEars(ctx context.Context, h *hosts, n int) (leave func() (int, error), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := on(ctx, h.ears, othersCPU, self, "--ears", strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("receivers: they have not joined"), cmd.Wait())
	}
	return func() (int, error) {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return 0, err
		}
		lines.Scan()
		got, err := strconv.Atoi(lines.Text())
		return got, errors.Join(err, cmd.Wait())
	}, nil
}

// runTime is how long the threads of a process have run, in the kernel's nanoseconds: the ticks of /proc/PID/stat are too coarse.
func runTime(pid int) (sum time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("run time of %d: no threads: %w", pid, err)
	}
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("run time of %d: %w", pid, err)
		}
		ran, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("run time of %d: %w", pid, err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}
