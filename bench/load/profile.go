package main

import (
	"bytes"
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

	"golang.org/x/sync/errgroup"

	"github.com/confbridge/confbridge/bench/gen"
	"github.com/confbridge/confbridge/bench/profile/perf"
)

// Profiles of waits and counts of system calls slow the bridge down: they are taken behind the window, so long.
const (
	blockTime = 5 * time.Second
	traceTime = 3 * time.Second
)

// What is written into the folder of --profiles. CPU time is sampled by perf, where that may, else by the bridge itself, whose samples go in step with the ticks of
// a room.
const (
	cpuFile    = "cpu.pb.gz"
	allocsFile = "allocs.pb.gz"
	blockFile  = "block.pb.gz"
	callsFile  = "syscalls.txt"
)

// perfCalls are the system calls that perf counts: those that serve packets, time, memory and files. To begin and end counting all there
// are, in each thread, takes seconds.
var perfCalls = []string{
	"recvmmsg", "recvmsg", "recvfrom", "sendto", "sendmsg", "sendmmsg", "io_uring_enter", "futex", "nanosleep", "clock_nanosleep", "epoll_pwait", "epoll_ctl",
	"read", "write", "openat", "close", "sched_yield", "tgkill", "rt_sigreturn", "madvise", "mmap",
}

// takeProfiles takes those of the window, where they are wanted. What it returns waits for them, and then takes those that would have
// disturbed it.
func (l *load) takeProfiles(ctx context.Context) (done func() error) {
	if l.profiles == "" {
		return func() error { return nil }
	}
	var window errgroup.Group
	window.Go(func() error {
		if sampled, err := l.sample(ctx); sampled || err != nil {
			return err
		}
		return l.fetch(ctx, "profile", cpuFile, l.steady)
	})
	window.Go(func() error { return l.fetch(ctx, "allocs", allocsFile, l.steady) })
	return func() error {
		return errors.Join(window.Wait(), l.fetch(ctx, "block", blockFile, blockTime), l.countCalls(ctx))
	}
}

// fetch takes one profile for so long, and writes it.
func (l *load) fetch(ctx context.Context, kind, name string, d time.Duration) error {
	text, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%d", httpAddress, kind, int(d.Seconds())))
	if err != nil {
		return fmt.Errorf("profile %s: %w", kind, err)
	}
	if err := os.WriteFile(filepath.Join(l.profiles, name), []byte(text), 0o644); err != nil {
		return fmt.Errorf("profile %s: %w", kind, err)
	}
	return nil
}

// sample has perf sample the bridge's CPU time, and says whether it could. It knows that at once.
func (l *load) sample(ctx context.Context) (bool, error) {
	raw := filepath.Join(l.profiles, "perf.data")
	defer func() { _ = os.Remove(raw) }() // it may not be there
	if may := exec.CommandContext(ctx, "perf", perf.Record(l.bridge.pid, raw, 0)...).Run() == nil; !may {
		return false, nil
	}
	if out, err := exec.CommandContext(ctx, "perf", perf.Record(l.bridge.pid, raw, l.steady)...).CombinedOutput(); err != nil {
		return false, fmt.Errorf("perf record: %w: %s", err, out)
	}
	text, err := exec.CommandContext(ctx, "perf", perf.Script(raw)...).Output()
	if err != nil {
		return false, fmt.Errorf("perf script: %w", err)
	}
	p, err := perf.Parse(bytes.NewReader(text), l.steady)
	if err != nil {
		return false, err
	}
	f, err := os.Create(filepath.Join(l.profiles, cpuFile))
	if err != nil {
		return false, fmt.Errorf("profile: %w", err)
	}
	defer f.Close()
	if err := p.Write(f); err != nil {
		return false, fmt.Errorf("profile: %w", err)
	}
	return true, nil
}

// countCalls counts the bridge's system calls: by perf, which the bridge does not feel; else by strace, which holds it back, so that
// its ticks say how much of its work it has done. Where there is neither, or neither may, nothing is counted.
func (l *load) countCalls(ctx context.Context) error {
	counted, err := l.perfStat(ctx)
	if counted || err != nil {
		l.run.TracedTicks = traceTime.Seconds() / gen.PacketTime.Seconds()
		return err
	}
	before, err := l.bridge.metricsOf(ctx)
	if err != nil {
		return err
	}
	if err := l.strace(ctx); err != nil {
		return err
	}
	after, err := l.bridge.metricsOf(ctx)
	l.run.TracedTicks = (after[tickTime+"_count"] - before[tickTime+"_count"]) / float64(l.rooms)
	return err
}

// perfStat has perf count, and says whether it could.
func (l *load) perfStat(ctx context.Context) (bool, error) {
	file := filepath.Join(l.profiles, callsFile)
	cmd := exec.CommandContext(ctx, "perf", "stat", "-x", ",", "-o", file, "-e", "syscalls:sys_enter_"+strings.Join(perfCalls, ",syscalls:sys_enter_"), "-p", strconv.Itoa(l.bridge.pid),
		"--", "sleep", strconv.Itoa(int(traceTime.Seconds())))
	if may := cmd.Run() == nil; !may {
		return false, nil // it is not there, or the kernel does not let it
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return false, fmt.Errorf("system calls: %w", err)
	}
	return strings.Contains(string(text), "sys_enter_"), nil
}

func (l *load) strace(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, traceTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "strace", "-c", "-f", "-q", "-o", filepath.Join(l.profiles, callsFile), "-p", strconv.Itoa(l.bridge.pid))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // it lets go, and writes
	cmd.WaitDelay = traceTime
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintln(os.Stderr, "load: neither perf nor strace: system calls are not counted")
		return nil
	}
	if ctx.Err() == nil && err != nil { // it did not wait for its end
		return fmt.Errorf("system calls: %w: %s", err, out)
	}
	return nil
}
