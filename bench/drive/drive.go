// Package drive builds the load with its floor, and lets it go through runs, for the commands that measure with it.
package drive

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/confbridge/confbridge/bench/report"
)

const (
	attempts    = 3
	disturbedMs = 3.0
)

// Tags are what everything is built with: hraban/opus also wraps libopusfile, which we do not use.
const Tags = "-tags=nolibopusfile"

// Driver has the load built in a temporary folder.
type Driver struct{ dir string }

// Build builds the load of the working tree. Close is to be called behind it.
func Build(ctx context.Context) (*Driver, error) {
	dir, err := os.MkdirTemp("", "confbridge-bench-")
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	d := &Driver{dir}
	if err := Command(ctx, "", "go", "build", Tags, "-o", dir+string(filepath.Separator), "./bench/floor", "./bench/load"); err != nil {
		d.Close()
		return nil, fmt.Errorf("build: %w", err)
	}
	return d, nil
}

// Close removes what was built.
func (d *Driver) Close() { os.RemoveAll(d.dir) }

// Dir is the temporary folder; what else is put there goes with it.
func (d *Driver) Dir() string { return d.dir }

// Floor is the binary of the floor.
func (d *Driver) Floor() string { return filepath.Join(d.dir, "floor") }

// Once lets the load go through one run, by its command line.
func (d *Driver) Once(ctx context.Context, args ...string) (got report.Run, err error) {
	out := filepath.Join(d.dir, "run.json")
	if err := Command(ctx, "", filepath.Join(d.dir, "load"), append(args, "--out", out)...); err != nil {
		return got, err
	}
	text, err := os.ReadFile(out)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		return got, fmt.Errorf("result: %w", err)
	}
	return got, nil
}

// Undisturbed is Once, and again where the load itself was late: then the machine was busy with something else, and what was
// measured says little of the bridge. The least disturbed run counts.
func (d *Driver) Undisturbed(ctx context.Context, args ...string) (best report.Run, err error) {
	for attempt := 1; attempt <= attempts; attempt++ {
		got, err := d.Once(ctx, args...)
		if err != nil {
			return best, err
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

// Command runs a program in a folder; empty: this one. Its output is in the error, if it fails, and shown nowhere else.
func Command(ctx context.Context, dir, name string, args ...string) error {
	_, err := Output(ctx, dir, name, args...)
	return err
}

// Output is Command, and returns what the program has said.
func Output(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // the load ends its server
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, out)
	}
	return out, nil
}
