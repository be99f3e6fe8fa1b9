package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/confbridge/confbridge/bench/profile/stage"
	"github.com/confbridge/confbridge/bench/report"
)

// ticksSeconds is how long a tick is. While calls are counted, which slows the bridge down, its ticks say how much of its work it has
// done.
const ticksSeconds = 0.02

// File is one go of the profile, as bench/results/profile/NAME.json.
type File struct {
	report.File
	Loads []Load `json:"loads"`
}

// Load is where the time of one load went, in µs per leg and second.
type Load struct {
	Name    string                  `json:"name"`
	Samples int64                   `json:"samples"`
	Micros  map[stage.Stage]float64 `json:"us_per_leg_second"`
	Kernel  map[stage.Stage]float64 `json:"of_that_kernel"`
	Clock   float64                 `json:"by_cpu_clock"` // all of it, by the process's own clock
	Calls   []Call                  `json:"system_calls"` // those that were made most first; none where they were not counted
}

// Call is how often a system call was made.
type Call struct {
	Name string  `json:"name"`
	Per  float64 `json:"per_leg_second"`
}

func newLoad(r report.Run, d stage.Division, seconds float64) Load {
	l := Load{Name: r.Name, Samples: d.Samples, Micros: map[stage.Stage]float64{}, Kernel: map[stage.Stage]float64{}}
	legSeconds := float64(r.Legs) * seconds
	for _, s := range stage.Stages() {
		l.Micros[s], l.Kernel[s] = float64(d.Nanos[s])/1000/legSeconds, float64(d.Kernel[s])/1000/legSeconds
	}
	if r.ServerMicros != nil {
		l.Clock = *r.ServerMicros
	}
	return l
}

// readCalls reads what perf stat or strace -c has written, of so many seconds, of all legs together, for which the bridge has worked.
// There is none where nothing was counted.
func readCalls(name string, legSeconds float64) ([]Call, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("system calls: %w", err)
	}
	if legSeconds <= 0 {
		return nil, errors.New("system calls: no room has ticked while they were counted")
	}
	var calls []Call
	for line := range strings.Lines(string(text)) {
		if name, n, ok := readCall(line); ok {
			calls = append(calls, Call{name, float64(n) / legSeconds})
		}
	}
	slices.SortStableFunc(calls, func(a, b Call) int { return cmp.Compare(b.Per, a.Per) })
	return calls, nil
}

// readCall reads a line of either; false where it counts no call.
func readCall(line string) (name string, n int, ok bool) {
	if f := strings.Split(line, ","); len(f) > 2 { // count, unit, event, …
		if name, ok = strings.CutPrefix(f[2], "syscalls:sys_enter_"); !ok {
			return "", 0, false
		}
		n, err := strconv.Atoi(f[0])
		return name, n, err == nil && n > 0
	}
	f := strings.Fields(line) // % time, seconds, usecs/call, calls, errors if there were any, syscall
	if len(f) < 5 || f[len(f)-1] == "total" {
		return "", 0, false
	}
	n, err := strconv.Atoi(f[3])
	return f[len(f)-1], n, err == nil // else the heading, and the lines around the table
}

// Table is the loads side by side, in Markdown: what each stage takes, then which system calls are made.
func (f *File) Table() string {
	var b strings.Builder
	line := func(name string, cell func(l *Load) string) {
		fmt.Fprintf(&b, "| %s |", name)
		for i := range f.Loads {
			fmt.Fprintf(&b, " %s |", cell(&f.Loads[i]))
		}
		b.WriteString("\n")
	}
	line("µs per leg and second", func(l *Load) string { return l.Name })
	b.WriteString("|---|" + strings.Repeat("---:|", len(f.Loads)) + "\n")
	for _, s := range stage.Stages() {
		line(string(s), func(l *Load) string { return fmt.Sprintf("%.1f", l.Micros[s]) })
		if s == stage.Receive || s == stage.Send {
			line(string(s)+", of that the kernel", func(l *Load) string { return fmt.Sprintf("%.1f", l.Kernel[s]) })
		}
	}
	line("all", func(l *Load) string {
		sum := 0.0
		for _, v := range l.Micros {
			sum += v
		}
		return fmt.Sprintf("%.1f", sum)
	})
	line("all, by the process's clock", func(l *Load) string { return fmt.Sprintf("%.1f", l.Clock) })
	line("samples", func(l *Load) string { return strconv.FormatInt(l.Samples, 10) })
	if slices.ContainsFunc(f.Loads, func(l Load) bool { return len(l.Calls) > 0 }) {
		b.WriteString("\n")
		f.calls(line, &b)
	}
	return b.String()
}

// calls is the table of those system calls that any load makes at least once a minute and leg.
func (f *File) calls(line func(string, func(*Load) string), b *strings.Builder) {
	per := func(l *Load, name string) (float64, bool) {
		i := slices.IndexFunc(l.Calls, func(c Call) bool { return c.Name == name })
		if i < 0 {
			return 0, false
		}
		return l.Calls[i].Per, true
	}
	line("system calls per leg and second, about", func(l *Load) string { return l.Name })
	b.WriteString("|---|" + strings.Repeat("---:|", len(f.Loads)) + "\n")
	var shown []string
	for i := range f.Loads {
		for _, c := range f.Loads[i].Calls {
			if c.Per < 1.0/60 || slices.Contains(shown, c.Name) {
				continue
			}
			shown = append(shown, c.Name)
			line("`"+c.Name+"`", func(l *Load) string {
				if n, ok := per(l, c.Name); ok {
					return fmt.Sprintf("%.2f", n)
				}
				return "–"
			})
		}
	}
}
