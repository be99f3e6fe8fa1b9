// Command multicast measures what a room's groups cost the bridge, by how many listen, and by how many groups there are. It makes two hosts in network namespaces:
// the bridge and those who talk on one, the receivers on the other, whose packets are taken in by another processor than the bridge's, as on a host of
// their own. It needs root, iproute2 and two processors.
//
//	make bench-multicast
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/confbridge", "the bridge to measure")
	flag.StringVar(&o.sound, "sound", "", "WAV that those who talk say; needed")
	flag.IntVar(&o.rounds, "rounds", 4, "how often each row has its turn")
	flag.DurationVar(&o.turn, "turn", 5*time.Second, "what a turn lasts")
	ears := flag.Int("ears", 0, "be so many receivers, until killed; no more is done then")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	var err error
	if *ears > 0 {
		err = listen(ctx, *ears)
	} else {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "multicast:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}

// options are the flags.
type options struct {
	server, sound string
	rounds        int
	turn          time.Duration
}

// row is a thing to measure.
type row struct {
	name         string
	groups, ears int
	costs        []float64 // µs of CPU in a second, one for each turn
}

// talkers is how many talk.
const talkers = 5

// run prints the table.
func run(ctx context.Context, o options) (err error) {
	if o.sound == "" {
		return errors.New("--sound is missing")
	}
	hosts, err := newHosts(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hosts.remove()) }()
	b, err := startServer(ctx, hosts, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	rows := []*row{
		{name: "no group", groups: 0},
		{name: "1 group, 1 receiver", groups: 1, ears: 1},
		{name: "1 group, 10 receivers", groups: 1, ears: 10},
		{name: "1 group, 100 receivers", groups: 1, ears: 100},
		{name: "100 groups, no receiver", groups: 100},
	}
	for range o.rounds {
		for _, r := range rows {
			cost, err := b.turn(ctx, hosts, *r, o.turn)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			r.costs = append(r.costs, cost)
		}
	}
	fmt.Printf("%d talkers, PCMU, %d turns of %v each\n\n| | server CPU, µs a second: median | least to most |\n|---|---|---|\n", talkers, o.rounds, o.turn)
	for _, r := range rows {
		slices.Sort(r.costs)
		fmt.Printf("| %s | %.0f | %.0f to %.0f |\n", r.name, r.costs[len(r.costs)/2], r.costs[0], r.costs[len(r.costs)-1])
	}
	return nil
}

// command runs a command to its end.
func command(ctx context.Context, line string) error {
	words := strings.Fields(line)
	if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}
