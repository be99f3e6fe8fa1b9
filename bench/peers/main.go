// Command peers lets the load that confbridge is measured with go against other conference bridges too, one behind the other, with
// the floor in each run: whichever of them is installed. It prints a table, writes bench/results/peers/NAME.json and puts the newest
// figures of each number of legs into docs/benchmarks.md. See the README beside it.
//
//	go run ./bench/peers --legs 100,300 --only "confbridge|janus"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/confbridge/confbridge/bench/archive"
	"github.com/confbridge/confbridge/bench/drive"
	"github.com/confbridge/confbridge/bench/proc"
	"github.com/confbridge/confbridge/bench/report"
)

const (
	results = "bench/results/peers"
	talkers = 3
)

// options is the command line.
type options struct {
	server, page string
	legs         []int
	seconds      time.Duration
	only         *regexp.Regexp
	once         bool
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/confbridge", "the bridge that others are compared with")
	flag.StringVar(&o.page, "page", "docs/benchmarks.md", "where the table goes; empty: nowhere, and to no result either")
	legs := flag.String("legs", "100,300", "how many calls in one room: a run each")
	flag.DurationVar(&o.seconds, "for", 10*time.Second, "how long each run is measured")
	only := flag.String("only", "", "measure those alone whose names fit this regular expression, and write nothing: confbridge, asterisk, freeswitch, janus")
	flag.BoolVar(&o.once, "once", false, "do not repeat runs in which the load was late, as the machine was busy otherwise")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	runtime.LockOSThread() // peers inherit its precedence, and end with it
	var err error
	if o.only, err = regexp.Compile(*only); err == nil {
		if *only != "" {
			o.page = ""
		}
		if o.legs, err = numbers(*legs); err == nil {
			err = run(ctx, o)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}

// numbers reads a list of numbers of legs.
func numbers(list string) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < talkers {
			return nil, fmt.Errorf("legs: %q is not a number from %d on", s, talkers)
		}
		all = append(all, n)
	}
	return all, nil
}

func run(ctx context.Context, o options) error {
	d, err := drive.Build(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	proc.Prefer()
	f, err := find(ctx, o)
	if err != nil {
		return err
	}
	var failed []error
	for _, legs := range o.legs {
		for _, p := range peers(o.server) {
			if _, there := f.Versions[p.name]; !there {
				continue
			}
			fmt.Printf("%s, %d legs …\n", p.name, legs)
			r, err := measure(ctx, d, p, legs, o)
			if err != nil && ctx.Err() != nil {
				return err
			}
			if err != nil { // the others are measured all the same
				fmt.Fprintln(os.Stderr, "peers:", err)
				failed = append(failed, err)
				continue
			}
			f.Runs = append(f.Runs, r)
		}
	}
	fmt.Printf("\n%s", page([]file{f}))
	if o.page == "" || len(f.Runs) == 0 {
		return errors.Join(failed...)
	}
	return errors.Join(append(failed, f.keep(o))...)
}

// keep writes the result, and the page anew.
func (f *file) keep(o options) error {
	name := f.Name()
	for _, legs := range o.legs {
		name += "-" + strconv.Itoa(legs)
	}
	if err := archive.Write(results, name, f); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	files, err := archive.ReadAll(results, func(f file) time.Time { return f.Date })
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return archive.Show(o.page, "peers", page(files))
}

// find says which of the peers that are asked for are there.
func find(ctx context.Context, o options) (file, error) {
	f := file{File: report.Now(ctx), Versions: map[string]string{}}
	for _, p := range peers(o.server) {
		if !o.only.MatchString(p.id) {
			continue
		}
		if !p.installed() {
			fmt.Printf("%s: %s is not installed, and skipped\n", p.name, p.program)
			f.Missing = append(f.Missing, p.name)
			continue
		}
		version, err := p.says(ctx)
		if err != nil {
			return f, fmt.Errorf("%s: %w", p.id, err)
		}
		f.Versions[p.name] = version
	}
	return f, nil
}

// measure starts a peer, lets the load go against it with the floor in the same run, and ends it.
func measure(ctx context.Context, d *drive.Driver, p peer, legs int, o options) (r report.Run, err error) {
	running, err := start(ctx, p)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, running.stop(context.WithoutCancel(ctx))) }()
	drive := d.Undisturbed
	if o.once {
		drive = d.Once
	}
	r, err = drive(ctx, "--name", p.name, "--legs", strconv.Itoa(legs), "--rooms", "1", "--talkers", strconv.Itoa(talkers), "--for", o.seconds.String(),
		"--floor", d.Floor(), "--target", address(sipPort).String(), "--pid", strconv.Itoa(running.cmd.Process.Pid), "--metrics", "")
	if err != nil {
		return r, fmt.Errorf("%s: %w", p.id, err)
	}
	return r, nil
}
