// Command run does the whole benchmark: it builds the load and the floor, lets the load go through its runs and up a ladder of
// ever more legs, prints one table and what became of the goals, writes bench/results/NAME.json and puts both into
// docs/benchmarks.md. It exits with 1 if a call failed or a goal was missed, and says which.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/confbridge/confbridge/bench/drive"
	"github.com/confbridge/confbridge/bench/report"
)

const (
	results = "bench/results"
	ladder  = "ladder" // as --only has it
	// pictures is where they go, beside the page.
	pictures = "benchmarks"
)

// options is the command line.
type options struct {
	server, name, page string
	only               *regexp.Regexp
}

func main() {
	o := options{}
	flag.StringVar(&o.server, "server", "bin/confbridge", "the bridge to measure")
	flag.StringVar(&o.name, "name", "", "of the file in bench/results; empty: date and commit")
	flag.StringVar(&o.page, "page", "docs/benchmarks.md", "where the table goes; empty: nowhere, and to no result either")
	only := flag.String("only", "", "do the runs whose names fit this regular expression alone, and write nothing; the ladder's is "+ladder)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	var missed []string
	if o.only, err = regexp.Compile(*only); err == nil {
		if *only != "" {
			o.page = ""
		}
		missed, err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	for _, m := range missed {
		fmt.Fprintln(os.Stderr, "missed:", m)
	}
	if err != nil || len(missed) > 0 {
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
	fmt.Println("all goals met")
}

// run does all runs and returns what was missed.
func run(ctx context.Context, o options) (missed []string, err error) {
	d, err := drive.Build(ctx)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	f := report.Now(ctx)
	for _, r := range drive.Loads() {
		if !o.only.MatchString(r.Name) {
			continue
		}
		fmt.Printf("%s …\n", r.Name)
		args := r.Command(o.server)
		if r.Floor {
			args = append(args, "--floor", d.Floor())
		}
		got, err := d.Undisturbed(ctx, args...)
		if err != nil {
			return missed, fmt.Errorf("%s: %w", r.Name, err)
		}
		f.Runs = append(f.Runs, got)
		missed = append(missed, got.Missed()...)
	}
	if o.only.MatchString(ladder) {
		fmt.Println("ever more legs in one room …")
		if f.Ladder, err = climb(ctx, func(ctx context.Context, legs int) (report.Run, error) {
			return d.Once(ctx, "--legs", fmt.Sprint(legs), "--for", "8s", "--rate", "200", "--server", o.server, "--name", fmt.Sprintf("%d in 1 room", legs))
		}); err != nil {
			return missed, err
		}
	}
	goals, bad := f.Goals()
	fmt.Printf("\n%s\n%s\n", f.Summary(), goals)
	missed = append(missed, bad...)
	if o.page == "" {
		return missed, nil
	}
	if o.name == "" {
		o.name = f.Name()
	}
	if err := f.Write(results, o.name); err != nil {
		return missed, fmt.Errorf("write: %w", err)
	}
	files, err := report.ReadAll(results)
	return missed, errors.Join(err, report.Render(o.page, pictures, files))
}
