// Command multicast measures what a room's groups cost the bridge: by how many listen, by how many groups there are, and beside as many calls that only listen. It
// makes two hosts in network namespaces with a line between them. The bridge is alone on one of them, and on one processor. Who calls and who receives is
// on the other host and the other processor, which also takes in what comes by the line, as on a host of its own: else the bridge's system call would go on
// into each receiver's socket. It needs root, iproute2 and two processors.
//
//	make bench-multicast
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/bench/proc"
)

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/confbridge", "the bridge to measure")
	flag.IntVar(&o.rounds, "rounds", 5, "how often no group, many groups and many calls have their turn")
	flag.DurationVar(&o.turn, "turn", 1500*time.Millisecond, "what such a turn lasts")
	flag.IntVar(&o.sweeps, "sweeps", 36, "how often the audiences of one group have two turns each, there and back")
	flag.DurationVar(&o.short, "short", 300*time.Millisecond, "what one of those lasts")
	flag.StringVar(&o.host, "bridge-host", "", "measure, on the host of the receivers, a bridge on this one; the program starts itself so")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	run := start
	if o.host != "" {
		run = measure
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "multicast:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}

// options are the flags.
type options struct {
	server, host string
	rounds       int
	turn         time.Duration
	sweeps       int
	short        time.Duration
}

// start makes the hosts, and has this program measure on the one of the receivers.
func start(ctx context.Context, o options) (err error) {
	hosts, err := newHosts(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hosts.remove()) }()
	runtime.LockOSThread() // this thread's precedence is that of all that it starts
	proc.Prefer()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program: %w", err)
	}
	cmd := on(ctx, hosts.ears, othersCPU, self, "--server", o.server, "--rounds", fmt.Sprint(o.rounds), "--turn", o.turn.String(),
		"--sweeps", fmt.Sprint(o.sweeps), "--short", o.short.String(), "--bridge-host", hosts.source)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	return nil
}
