// Package perf reads what Linux's perf has sampled of a process as a profile that the tools for Go's own profiles understand.
//
// Go's profiler goes by timers of the kernel that fire with its clock, every 4 ms on most machines. A room ticks every 20 ms: of one room alone the same
// few instants of a tick are seen over and over. Perf's timer has a period of its own.
package perf

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// RateHz is what perf samples with: in step with nothing that a bridge does.
const RateHz = 1009

// Record is the arguments of perf that sample a process for so long, into a file.
func Record(pid int, file string, d time.Duration) []string {
	return []string{
		"record", "-q", "-e", "cpu-clock", "-F", strconv.Itoa(RateHz), "-g", "-p", strconv.Itoa(pid), "-o", file,
		"--", "sleep", strconv.FormatFloat(d.Seconds(), 'f', 3, 64),
	}
}

// Script is the arguments of perf that write such a file as the text that Parse reads.
func Script(file string) []string {
	return []string{"script", "-i", file, "-F", "comm,period,ip,sym,dso"}
}

// Kernel is what the names of the kernel's own functions begin with in a profile.
const Kernel = "[k] "

// Parse reads the text of perf script, of samples that were taken for so long: a line of a command and its period in ns, then the stack, the deepest
// function first, an address, a name and a file each, then an empty line. Functions of C libraries are named by these: libopus.opus_encode, or
// libopus.unknown, where there is no name.
func Parse(r io.Reader, d time.Duration) (*profile.Profile, error) {
	b := newBuilder(d)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case strings.TrimSpace(line) == "":
			b.end()
		case line[0] == '\t' || line[0] == ' ':
			if name, ok := function(line); ok {
				b.stack = append(b.stack, b.location(name))
			}
		default:
			fields := strings.Fields(line)
			period, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("line %d: a period in ns is wanted at the end of %q", n, line)
			}
			b.end()
			b.period = period
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("samples of perf: %w", err)
	}
	b.end()
	if err := b.p.CheckValid(); err != nil {
		return nil, fmt.Errorf("samples of perf: %w", err)
	}
	return b.p, nil
}

// function is what a line of a stack names; false where it is of no file: what C leaves in the place of a frame's address.
func function(line string) (name string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return "", false
	}
	name = strings.Join(fields[1:len(fields)-1], " ")
	file := strings.Trim(fields[len(fields)-1], "()")
	base, isLibrary := strings.CutPrefix(path.Base(file), "lib")
	switch {
	case file == "[unknown]":
		return "", false
	case strings.HasPrefix(file, "["):
		return Kernel + name, true
	case isLibrary:
		base, _, _ = strings.Cut(base, ".")
		return "lib" + base + "." + strings.Trim(name, "[]"), true
	case name == "[unknown]":
		return "", false
	}
	return strings.TrimSuffix(name, ".abi0"), true
}

// builder puts a profile together.
type builder struct {
	p         *profile.Profile
	locations map[string]*profile.Location
	samples   map[string]*profile.Sample // by their stacks

	period int64
	stack  []*profile.Location
}

func newBuilder(d time.Duration) *builder {
	return &builder{
		p: &profile.Profile{
			SampleType:    []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
			PeriodType:    &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
			Period:        int64(time.Second) / RateHz,
			DurationNanos: int64(d),
		},
		locations: map[string]*profile.Location{}, samples: map[string]*profile.Sample{},
	}
}

func (b *builder) location(name string) *profile.Location {
	if l := b.locations[name]; l != nil {
		return l
	}
	id := uint64(len(b.locations) + 1)
	f := &profile.Function{ID: id, Name: name, SystemName: name}
	l := &profile.Location{ID: id, Line: []profile.Line{{Function: f}}}
	b.p.Function, b.p.Location = append(b.p.Function, f), append(b.p.Location, l)
	b.locations[name] = l
	return l
}

// end takes in the sample that was read.
func (b *builder) end() {
	if b.period == 0 {
		return
	}
	if len(b.stack) == 0 {
		b.stack = append(b.stack, b.location("unknown"))
	}
	var key strings.Builder
	for _, l := range b.stack {
		fmt.Fprintf(&key, "%d ", l.ID)
	}
	s := b.samples[key.String()]
	if s == nil {
		s = &profile.Sample{Location: append([]*profile.Location(nil), b.stack...), Value: make([]int64, 2)}
		b.samples[key.String()] = s
		b.p.Sample = append(b.p.Sample, s)
	}
	s.Value[0]++
	s.Value[1] += b.period
	b.period, b.stack = 0, b.stack[:0]
}
