// Command profile says where the bridge's time goes: it lets the loads of bench/run go against it and takes profiles of CPU,
// allocations and waits, and a count of system calls. Flame graphs and the profiles themselves go to a folder; a table of what
// each stage takes of a leg's second to docs/performance.md and bench/results/profile. It exits with 1 where more than a few
// per cent are of no stage: then the rules in bench/profile/stage are to be told of functions that are new.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/pprof/profile"

	"github.com/confbridge/confbridge/bench/archive"
	"github.com/confbridge/confbridge/bench/drive"
	"github.com/confbridge/confbridge/bench/profile/flame"
	"github.com/confbridge/confbridge/bench/profile/stage"
	"github.com/confbridge/confbridge/bench/report"
)

// folders are the loads that are profiled, by their names, and where their pictures go.
var folders = map[string]string{report.PCMUOneRoom: "pcmu-1", report.PCMUManyRooms: "pcmu-75", report.Opus: "opus-1"}

// pictures are the flame graphs of a load: file of the profile, which of its values, what it shows.
var pictures = []struct{ file, kind, shows string }{
	{"cpu", "cpu", "CPU"},
	{"allocs", "alloc_space", "memory allocated"},
	{"block", "delay", "time waited"},
}

// mostUnknown is the part of a profile that may be of no stage.
const mostUnknown = 0.03

// options is the command line.
type options struct {
	server, out, page, name string
	seconds                 int
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/confbridge", "the bridge to profile")
	flag.StringVar(&o.out, "out", "profile", "folder for flame graphs and profiles")
	flag.StringVar(&o.page, "page", "docs/performance.md", "where the table goes; empty: nowhere, and to no result either")
	flag.StringVar(&o.name, "name", "", "of the file in bench/results/profile; empty: date and commit")
	flag.IntVar(&o.seconds, "seconds", 30, "how long each load is profiled")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}

func run(ctx context.Context, o options) error {
	d, err := drive.Build(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	f := File{File: report.Now(ctx)}
	var unknown error
	for _, l := range drive.Loads() {
		if folders[l.Name] == "" {
			continue
		}
		fmt.Printf("%s …\n", l.Name)
		folder := filepath.Join(o.out, folders[l.Name])
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("out: %w", err)
		}
		got, err := d.Once(ctx, append(l.Command(o.server), "--profiles", folder, "--for", fmt.Sprintf("%ds", o.seconds))...)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		shares, strangers, err := evaluate(folder, got)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		f.Runs, f.Loads = append(f.Runs, got), append(f.Loads, shares)
		if len(strangers) > 0 {
			unknown = errors.Join(unknown, fmt.Errorf("%s: more than %.0f %% is of no stage:\n%s", l.Name, 100*mostUnknown, strings.Join(strangers, "\n")))
		}
	}
	fmt.Printf("\n%s\nflame graphs: %s/*/*.svg\n", f.Table(), o.out)
	if o.page == "" {
		return unknown
	}
	if o.name == "" {
		o.name = f.Name()
	}
	return errors.Join(unknown, archive.Write("bench/results/profile", o.name, f), archive.Show(o.page, "profile", f.Head()+"\n\n"+f.Table()))
}

// evaluate draws the pictures of a load, and divides its CPU time. strangers are stacks of no stage, where they are too much.
func evaluate(folder string, r report.Run) (l Load, strangers []string, err error) {
	for _, p := range pictures {
		if err := draw(folder, p.file, p.kind, r.Name+": "+p.shows); err != nil {
			return l, nil, err
		}
	}
	cpu, err := read(filepath.Join(folder, "cpu.pb.gz"))
	if err != nil {
		return l, nil, err
	}
	divided := stage.Divide(cpu)
	l = newLoad(r, divided, float64(cpu.DurationNanos)/1e9)
	if l.Calls, err = readCalls(filepath.Join(folder, "syscalls.txt"), float64(r.Legs)*r.TracedTicks*ticksSeconds); err != nil {
		return l, nil, err
	}
	if divided.UnknownShare() > mostUnknown {
		strangers = divided.Strangers
	}
	return l, strangers, nil
}

func read(name string) (*profile.Profile, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	p, err := profile.ParseData(text)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	return p, nil
}

// draw draws a flame graph beside its profile.
func draw(folder, file, kind, title string) (err error) {
	p, err := read(filepath.Join(folder, file+".pb.gz"))
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(folder, file+".svg"))
	if err != nil {
		return fmt.Errorf("flame graph: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := flame.Write(f, p, kind, title); err != nil {
		return fmt.Errorf("flame graph: %w", err)
	}
	return nil
}
