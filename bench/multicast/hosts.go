package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// hosts are two network namespaces with a line between them.
type hosts struct{ source, ears string }

// The processors of the bridge, and of everybody else.
const (
	serverCPU = "0"
	othersCPU = "1"
	// othersMask is the second as a set, in hexadecimal.
	othersMask = "2"
)

// Where the two hosts are.
const (
	bridgeAddress = "192.0.2.1"
	earsAddress   = "192.0.2.2"
)

// newHosts makes them.
func newHosts(ctx context.Context) (*hosts, error) {
	mask, err := os.CreateTemp("", "cpus")
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	defer func() { _ = os.Remove(mask.Name()) }()
	if _, err := mask.WriteString(othersMask); err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	h := &hosts{source: fmt.Sprintf("cbb%d-source", os.Getpid()), ears: fmt.Sprintf("cbb%d-ears", os.Getpid())}
	for _, line := range []string{
		"ip netns add " + h.source,
		"ip netns add " + h.ears,
		"ip -n " + h.source + " link add eth0 type veth peer name eth0 netns " + h.ears,
		"ip -n " + h.source + " addr add " + bridgeAddress + "/24 dev eth0",
		"ip -n " + h.ears + " addr add " + earsAddress + "/24 dev eth0",
		"ip -n " + h.ears + " link set lo up",
		"ip -n " + h.source + " link set lo up",
		"ip -n " + h.source + " link set eth0 up",
		"ip -n " + h.ears + " link set eth0 up",
		"ip -n " + h.source + " route add default dev eth0",
		"ip -n " + h.ears + " route add default dev eth0",
		// What comes in is taken over by the others' processor: without that, the sender's system call would go on into each receiver's socket.
		"ip netns exec " + h.ears + " dd if=" + mask.Name() + " of=/sys/class/net/eth0/queues/rx-0/rps_cpus status=none",
	} {
		if err := command(ctx, line); err != nil {
			return nil, errors.Join(err, h.remove())
		}
	}
	return h, nil
}

// remove takes them away.
func (h *hosts) remove() error {
	ctx := context.Background()
	return errors.Join(command(ctx, "ip netns delete "+h.source), command(ctx, "ip netns delete "+h.ears))
}

// on is a program on one of the hosts and one processor.
func on(ctx context.Context, host, cpu, program string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", host, "taskset", "-c", cpu, program}, args...)...)
}

// command runs a command to its end.
func command(ctx context.Context, line string) error {
	words := strings.Fields(line)
	if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}
