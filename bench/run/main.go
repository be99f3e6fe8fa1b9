// Command run does the whole benchmark: it builds the load and the floor, lets the load go through its runs, prints
// the table, writes bench/results/NAME.json and puts the table into docs/benchmarks.md. It exits with 1 if a call
// failed or a goal was missed, and says which.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/confbridge/confbridge/bench/proc"
	"github.com/confbridge/confbridge/bench/report"
)

// runs are the loads, by the command line of bench/load.
var runs = []struct {
	name, args string
	floor      bool
}{
	{"300 in one room", "--legs 300 --rooms 1 --talkers 3 --for 20s --rate 100", true},
	{"300 in 100 rooms", "--legs 300 --rooms 100 --talkers 1 --for 8s --rate 100", true},
	{"200 calls at 100/s", "--legs 200 --rooms 1 --talkers 3 --for 5s --rate 100", false},
}

const (
	attempts    = 3
	disturbedMs = 3.0
)

func main() {
	server := flag.String("server", "bin/confbridge", "the bridge to measure")
	name := flag.String("name", "", "of the file in bench/results; empty: date and commit")
	page := flag.String("page", "docs/benchmarks.md", "where the table goes; empty: nowhere")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	missed, err := run(ctx, *server, *name, *page)
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

// run does all runs and returns the goals that were missed.
func run(ctx context.Context, server, name, page string) ([]string, error) {
	dir, err := os.MkdirTemp("", "confbridge-bench-")
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := command(ctx, "go", "build", "-o", dir+string(filepath.Separator), "./bench/floor", "./bench/load"); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	f := header(ctx)
	var missed []string
	for _, r := range runs {
		fmt.Printf("%s …\n", r.name)
		args := append(strings.Fields(r.args), "--name", r.name, "--server", server)
		if r.floor {
			args = append(args, "--floor", filepath.Join(dir, "floor"))
		}
		got, err := measure(ctx, dir, args)
		if err != nil {
			return missed, fmt.Errorf("%s: %w", r.name, err)
		}
		f.Runs = append(f.Runs, got)
		missed = append(missed, got.Missed()...)
	}
	fmt.Printf("\n%s\n", f.Table())
	if name == "" {
		name = f.Date.Format("2006-01-02") + "-" + strings.TrimSuffix(f.Commit, "+")
	}
	const results = "bench/results"
	if err := f.Write(results, name); err != nil {
		return missed, fmt.Errorf("write: %w", err)
	}
	if page == "" {
		return missed, nil
	}
	files, err := report.ReadAll(results)
	return missed, errors.Join(err, report.Render(page, files))
}

// measure lets the load go through one run, and again where the load itself was late: then the machine was busy with
// something else, and what was measured says little of the bridge. The least disturbed run counts.
func measure(ctx context.Context, dir string, args []string) (best report.Run, err error) {
	out := filepath.Join(dir, "run.json")
	for attempt := 1; attempt <= attempts; attempt++ {
		if err := command(ctx, filepath.Join(dir, "load"), append(args, "--out", out)...); err != nil {
			return best, err
		}
		text, err := os.ReadFile(out)
		if err != nil {
			return best, fmt.Errorf("result: %w", err)
		}
		var got report.Run
		if err := json.Unmarshal(text, &got); err != nil {
			return best, fmt.Errorf("result: %w", err)
		}
		if attempt == 1 || got.GeneratorLateMsP99 < best.GeneratorLateMsP99 {
			best = got
		}
		best.Attempts = attempt
		if best.GeneratorLateMsP99 <= disturbedMs {
			break
		}
		fmt.Printf("  the load was late by %.1f ms (p99): the machine is busy otherwise\n", got.GeneratorLateMsP99)
	}
	return best, nil
}

// header says what is measured, and on what.
func header(ctx context.Context) report.File {
	f := report.File{Date: time.Now().UTC().Truncate(time.Second), Commit: "unknown", Cores: runtime.NumCPU(), Go: runtime.Version()}
	f.CPU, f.Kernel = proc.Machine()
	if out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		f.Commit = strings.TrimSpace(string(out))
		if exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD", "--", "*.go", "go.mod").Run() != nil {
			f.Commit += "+"
		}
	}
	return f
}

// command runs a program. Its output is shown only if it fails: the runs are shown together at the end.
func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // the load ends its server
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, out)
	}
	return nil
}
