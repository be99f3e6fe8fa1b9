package report

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/confbridge/confbridge/bench/proc"
)

// Now is a file without runs: of what is measured now, in a working tree, and on what.
func Now(ctx context.Context) File {
	f := File{Date: time.Now().UTC().Truncate(time.Second), Commit: "unknown", Cores: runtime.NumCPU(), Go: runtime.Version()}
	f.CPU, f.Kernel = proc.Machine()
	if out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		f.Commit = strings.TrimSpace(string(out))
		if exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD", "--", "*.go", "go.mod").Run() != nil {
			f.Commit += "+"
		}
	}
	return f
}

// Name is what the file is called where nobody says anything else: date and commit.
func (f *File) Name() string {
	return f.Date.Format("2006-01-02") + "-" + strings.TrimSuffix(f.Commit, "+")
}

// Head says in a line when, of what and on what the figures were taken.
func (f *File) Head() string {
	return fmt.Sprintf("%s, commit %s, %d × %s, Linux %s, %s.", f.Date.UTC().Format("2006-01-02 15:04"), f.Commit, f.Cores, f.CPU, f.Kernel, f.Go)
}
