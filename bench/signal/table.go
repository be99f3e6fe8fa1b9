package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/confbridge/confbridge/bench/proc"
	"github.com/confbridge/confbridge/bench/report"
)

// header is the first line of a file of results: what was measured, and on what.
type header struct {
	Date   time.Time `json:"date"`
	Commit string    `json:"commit"` // with "+" where the tree had changes
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Kernel string    `json:"kernel"`
	Go     string    `json:"go"`
}

func machine() header {
	h := header{Date: time.Now().UTC().Truncate(time.Second), Commit: "unknown", Cores: runtime.NumCPU(), Go: runtime.Version()}
	h.CPU, h.Kernel = proc.Machine()
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil { //nolint:noctx // it takes no time
		h.Commit = strings.TrimSpace(string(out))
		if exec.Command("git", "diff", "--quiet", "HEAD", "--", "*.go", "go.mod").Run() != nil { //nolint:noctx // as above
			h.Commit += "+"
		}
	}
	return h
}

// results are a file's lines by their names.
type results struct {
	header
	names []string
	runs  map[string]Result
	loads map[string]report.Run
}

func (r *results) read(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	r.runs, r.loads = map[string]Result{}, map[string]report.Run{}
	for i, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		if i == 0 {
			if err := json.Unmarshal(line, &r.header); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		var named struct {
			Name string `json:"name"`
			Mode string `json:"mode"`
		}
		if err := json.Unmarshal(line, &named); err != nil {
			return fmt.Errorf("%s: line %d: %w", name, i+1, err)
		}
		r.names = append(r.names, named.Name)
		if named.Mode == "" {
			var l report.Run
			err = json.Unmarshal(line, &l)
			r.loads[named.Name] = l
		} else {
			var one Result
			err = json.Unmarshal(line, &one)
			r.runs[named.Name] = one
		}
		if err != nil {
			return fmt.Errorf("%s: line %d: %w", name, i+1, err)
		}
	}
	return nil
}

// The table stands in the page between these lines.
const (
	begin = "<!-- signal begin -->"
	end   = "<!-- signal end -->"
)

// table puts a file of results, the first argument, into a page, the second.
func table(args []string) error {
	if len(args) != 2 {
		return errors.New("table: FILE PAGE")
	}
	var r results
	if err := r.read(args[0]); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	page, err := os.ReadFile(args[1])
	if err != nil {
		return fmt.Errorf("table: %w", err)
	}
	before, rest, ok := bytes.Cut(page, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return errors.New("table: " + args[1] + " has no place for it")
	}
	text := r.render(filepath.ToSlash(args[0]))
	fmt.Print(text)
	if err := os.WriteFile(args[1], []byte(string(before)+begin+"\n\n"+text+"\n"+end+string(after)), 0o644); err != nil { //nolint:gosec // a page for all
		return fmt.Errorf("table: %w", err)
	}
	return nil
}

// render is the table of calls, what else was measured, and what came of the goals.
func (r *results) render(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, commit %s, %d × %s shared with the load, Linux %s, %s (`%s`).\n\n", r.Date.UTC().Format("2006-01-02 15:04"), r.Commit, r.Cores, r.CPU, r.Kernel, r.Go, name)
	b.WriteString("| | offered | in full | refused | sent again | INVITE to 200 p50, p95, ms | to 503 p95, max, ms | CPU of bridge, load: cores | memory before, peak, after, MB |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, n := range r.names {
		if k, ok := r.runs[n]; ok && (k.Mode == "calls" || k.Mode == "sipp" || k.Mode == "able") {
			fmt.Fprintf(&b, "| %s | %d in %.0f s | %d | %d | %d | %.1f, %.1f | %.1f, %.0f | %.2f, %.2f | %d, %d, %d |\n", n, k.Offered, k.Seconds, k.Completed, k.Refused, k.Again,
				k.AcceptMsP50, k.AcceptMsP95, k.RefuseMsP95, k.RefuseMsMax, k.ServerCPU, k.GeneratorCPU, k.RSSBefore/1e6, k.RSSPeak/1e6, k.RSSAfter/1e6)
		}
	}
	b.WriteString("\n| goal | measured | |\n|---|---|---|\n")
	for _, g := range r.goals() {
		met := "met"
		if !g.met {
			met = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", g.what, g.got, met)
	}
	return b.String()
}
