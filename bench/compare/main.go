// Command compare says what a change has done to speed: it builds another commit beside the working tree, and lets loads and
// Go benchmarks go against both in turns, within one run, so that the machine is the same for both.
//
//	go run ./bench/compare --ref main~3 --only "300 in 1 room" --turns 3
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/confbridge/confbridge/bench/drive"
	"github.com/confbridge/confbridge/bench/report"
)

// options is the command line.
type options struct {
	ref, packages, bench, benchTime, seconds string
	turns                                    int
	only                                     *regexp.Regexp
}

// leastSamples is how many of each Go benchmark benchstat needs to tell a difference from chance.
const leastSamples = 6

// sides are what is compared, in the order of columns.
var sides = [2]string{"ref", "now"}

func main() {
	var o options
	flag.StringVar(&o.ref, "ref", "", "the commit to compare with")
	only := flag.String("only", "^("+report.PCMUOneRoom+"|"+report.PCMUManyRooms+"|"+report.Opus+")$", "loads whose names fit this regular expression; - for none")
	flag.StringVar(&o.seconds, "for", "10s", "how long each load is measured")
	flag.StringVar(&o.packages, "packages", "./mixer/... ./media/... ./rooms", "whose Go benchmarks are run; empty: none")
	flag.StringVar(&o.bench, "bench", ".", "which of them")
	flag.StringVar(&o.benchTime, "benchtime", "100ms", "how long each")
	flag.IntVar(&o.turns, "turns", 3, "how often both are measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if o.only, err = regexp.Compile(*only); err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.ref == "" || o.turns < 1 {
		return errors.New("ref: a commit to compare with; turns: 1 or more")
	}
	d, err := drive.Build(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	trees := [2]string{filepath.Join(d.Dir(), "ref"), "."}
	if err := drive.Command(ctx, "", "git", "worktree", "add", "--detach", trees[0], o.ref); err != nil {
		return fmt.Errorf("ref: %w", err)
	}
	defer func() {
		err = errors.Join(err, drive.Command(context.WithoutCancel(ctx), "", "git", "worktree", "remove", "--force", trees[0]))
	}()
	var bridges [2]string
	for i, tree := range trees {
		bridges[i] = filepath.Join(d.Dir(), "bridge-"+sides[i])
		if err := drive.Command(ctx, tree, "go", "build", drive.Tags, "-o", bridges[i], "./cmd/confbridge"); err != nil {
			return fmt.Errorf("build of %s: %w", sides[i], err)
		}
	}
	ref, err := drive.Output(ctx, trees[0], "git", "log", "-1", "--format=%h, %s")
	if err != nil {
		return fmt.Errorf("ref: %w", err)
	}
	now := report.Now(ctx)
	fmt.Printf("ref is commit %s\nnow is %s\n\n", strings.TrimSpace(string(ref)), now.Head())
	if err := loads(ctx, d, bridges, o); err != nil {
		return err
	}
	return benchmarks(ctx, d.Dir(), trees, o)
}

// loads lets each load go against both bridges in turns; who begins changes.
func loads(ctx context.Context, d *drive.Driver, bridges [2]string, o options) error {
	var all []pair
	for _, l := range drive.Loads() {
		if !o.only.MatchString(l.Name) {
			continue
		}
		p := pair{name: l.Name}
		for turn := range o.turns {
			for _, side := range order(turn) {
				fmt.Fprintf(os.Stderr, "%s, turn %d, %s …\n", l.Name, turn+1, sides[side])
				r, err := d.Once(ctx, append(l.Command(bridges[side]), "--for", o.seconds)...)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", l.Name, sides[side], err)
				}
				p.runs[side] = append(p.runs[side], r)
			}
		}
		all = append(all, p)
	}
	if len(all) > 0 {
		fmt.Println(table(all))
	}
	return nil
}

// order is who is measured first in a turn: what grows warm, or busy, meanwhile is not always the second's.
func order(turn int) [2]int {
	if turn%2 == 1 {
		return [2]int{1, 0}
	}
	return [2]int{0, 1}
}

// benchmarks runs the Go benchmarks of both trees in turns and has benchstat compare them.
func benchmarks(ctx context.Context, dir string, trees [2]string, o options) error {
	if o.packages == "" {
		return nil
	}
	var said [2][]byte
	args := append([]string{"test", drive.Tags, "-run", "^$", "-bench", o.bench, "-benchtime", o.benchTime, "-benchmem", "-count", fmt.Sprint((leastSamples + o.turns - 1) / o.turns)}, strings.Fields(o.packages)...)
	for turn := range o.turns {
		for _, side := range order(turn) {
			fmt.Fprintf(os.Stderr, "Go benchmarks, turn %d, %s …\n", turn+1, sides[side])
			out, err := drive.Output(ctx, trees[side], "go", args...)
			if err != nil {
				return fmt.Errorf("benchmarks of %s: %w", sides[side], err)
			}
			said[side] = slices.Concat(said[side], out)
		}
	}
	stat := []string{"tool", "-modfile=internal/tools/go.mod", "benchstat"}
	for i, name := range sides {
		file := filepath.Join(dir, name+".txt")
		if err := os.WriteFile(file, said[i], 0o644); err != nil {
			return fmt.Errorf("benchmarks: %w", err)
		}
		stat = append(stat, name+"="+file)
	}
	out, err := drive.Output(ctx, "", "go", stat...)
	if err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	fmt.Print(string(out))
	return nil
}
