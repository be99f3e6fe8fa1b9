// Package proc reads what /proc says of another process: CPU, memory and sockets. Linux only.
package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the user and system time that a process has taken so far, all threads together, by its CPU clock: to the
// nanosecond, where /proc has hundredths of a second (clock_getcpuclockid(3)).
func CPU(pid int) (time.Duration, error) {
	const perProcess = 2 // CPUCLOCK_SCHED, in the three bits behind the complement of the process's number
	if pid < 1 {
		return 0, fmt.Errorf("CPU of %d: %w", pid, unix.ESRCH)
	}
	var at unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|perProcess), &at); err != nil {
		return 0, fmt.Errorf("CPU of %d: %w", pid, err)
	}
	return time.Duration(at.Nano()), nil
}

// RSS is the resident memory of a process in bytes.
func RSS(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("memory of %d: %w", pid, err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kB int64
			if _, err := fmt.Sscanf(rest, "%d kB", &kB); err != nil {
				return 0, fmt.Errorf("memory of %d: %w", pid, err)
			}
			return kB << 10, nil
		}
	}
	return 0, fmt.Errorf("memory of %d: no VmRSS", pid)
}

// UDPSockets is how many UDP sockets a process has open.
func UDPSockets(pid int) (int, error) {
	inodes := map[string]bool{}
	for _, table := range []string{"udp", "udp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			return 0, fmt.Errorf("sockets of %d: %w", pid, err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 9 {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return 0, fmt.Errorf("sockets of %d: %w", pid, err)
	}
	n := 0
	for _, name := range names {
		if target, err := os.Readlink(name); err == nil && inodes[target] {
			n++
		}
	}
	return n, nil
}

// niceness is that of all that is measured, where it may be had: other work on the machine disturbs less.
const niceness = -10

// Prefer gives the calling thread, which must be locked, and the processes that it starts precedence over other work.
// It returns the niceness that it has got. Where sessions are scheduled as groups (sched(7), "The autogroup feature"),
// it makes one of its own first, and that is what counts.
func Prefer() int {
	if _, err := unix.Setsid(); err == nil { // it fails where this process leads a group already
		if os.WriteFile("/proc/self/autogroup", []byte(strconv.Itoa(niceness)), 0) != nil {
			return 0
		}
	}
	if unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) != nil {
		return 0 // only root may
	}
	return niceness
}

// Machine says on what the figures were taken.
func Machine() (cpu, kernel string) {
	cpu, kernel = "unknown", "unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = strings.TrimSpace(string(text))
	}
	return cpu, kernel
}

// Realtime takes all threads of this process, and the processes that they start from now on, before all other work on the machine
// (SCHED_RR, sched(7)), or gives that up. It says whether it may. It is for what measures times and sleeps most of its own. One
// thread alone would not do: Go's threads wait for each other.
func Realtime(on bool) bool {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
	if on {
		attr.Policy, attr.Priority = unix.SCHED_RR, 1
	}
	for range 2 { // a thread that came up meanwhile has what the one that made it had
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return false
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return false
			}
			if err := unix.SchedSetAttr(id, &attr, 0); err != nil && !errors.Is(err, unix.ESRCH) {
				return false
			}
		}
	}
	return true
}
