// Package stage divides a CPU profile of the bridge among the stages that a leg's sound goes through.
//
// A sample belongs to the stage that its deepest frame names; a frame that names none, as memmove does, leaves that to
// its caller. Which function names which stage is in rules.go.
package stage

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/confbridge/confbridge/bench/profile/perf"
)

// Stage is one of them.
type Stage string

// The stages, in the order in which sound goes through them; then what serves all of them.
const (
	Receive   Stage = "receive"
	Jitter    Stage = "jitter"
	Decode    Stage = "decode"
	Levels    Stage = "levels"
	Mix       Stage = "mix"
	Encode    Stage = "encode"
	Send      Stage = "send"
	Scheduler Stage = "scheduler"
	Garbage   Stage = "garbage collection"
	Rest      Stage = "rest"
	// Library is decoding and encoding inside libopus, where it is not known which: perf does not see who has called C.
	Library Stage = "libopus, both ways"
	// Unknown is what no rule knows.
	Unknown Stage = "unknown"

	ask Stage = "" // the caller
)

// Stages are all of them, in that order.
func Stages() []Stage {
	return []Stage{Receive, Jitter, Decode, Library, Levels, Mix, Encode, Send, Scheduler, Garbage, Rest, Unknown}
}

// Of is the stage that a function names, by its name in a profile; empty where it names none.
func Of(function string) Stage {
	in, name := split(function)
	rules := others
	if own, ok := strings.CutPrefix(in, module); ok {
		rules, in = ours, own
	}
	for _, r := range rules {
		if r.fits(in, name) {
			return r.stage
		}
	}
	return ask
}

func (r rule) fits(in, name string) bool {
	below, tree := strings.CutSuffix(r.in, "/")
	return (in == below || tree && strings.HasPrefix(in, r.in)) && (r.named == nil || r.named.MatchString(name))
}

// split takes a function's name apart: package, and receiver and name without the signs around a pointer, and without what a
// generic one was made for.
func split(function string) (in, name string) {
	function, _, _ = strings.Cut(function, "[")
	slash := strings.LastIndexByte(function, '/') + 1
	dot := strings.IndexByte(function[slash:], '.')
	if dot < 0 {
		return "", function
	}
	return function[:slash+dot], strings.NewReplacer("(*", "", "(", "", ")", "").Replace(function[slash+dot+1:])
}

// Stack is a sample's functions, the deepest first, those that were inlined too.
func Stack(s *profile.Sample) []string {
	var names []string
	for _, location := range s.Location {
		for _, line := range location.Line {
			if line.Function != nil {
				names = append(names, line.Function.Name)
			}
		}
	}
	return names
}

// OfStack is the stage of a stack, the deepest function first.
func OfStack(stack []string) Stage {
	for _, function := range stack {
		if s := Of(function); s != ask {
			return s
		}
	}
	return Unknown
}

// Division is what each stage took.
type Division struct {
	Samples int64
	Nanos   map[Stage]int64
	Kernel  map[Stage]int64 // and within that system calls
	// Strangers are the stacks that no rule knows, those that took most first: at most ten.
	Strangers []string
}

// Divide divides a CPU profile.
func Divide(p *profile.Profile) Division {
	d := Division{Nanos: map[Stage]int64{}, Kernel: map[Stage]int64{}}
	strangers := map[string]int64{}
	for _, s := range p.Sample {
		stack := Stack(s)
		of, nanos := OfStack(stack), s.Value[len(s.Value)-1]
		d.Samples += s.Value[0]
		d.Nanos[of] += nanos
		if len(stack) > 0 && (strings.HasPrefix(stack[0], kernel) || strings.HasPrefix(stack[0], perf.Kernel)) {
			d.Kernel[of] += nanos
		}
		if of == Unknown {
			strangers[strings.Join(stack, " < ")] += nanos
		}
	}
	for stack := range strangers {
		d.Strangers = append(d.Strangers, stack)
	}
	slices.SortFunc(d.Strangers, func(a, b string) int {
		return cmp.Or(cmp.Compare(strangers[b], strangers[a]), cmp.Compare(a, b))
	})
	d.Strangers = d.Strangers[:min(len(d.Strangers), 10)]
	return d
}

// All is what the whole profile took.
func (d Division) All() int64 {
	sum := int64(0)
	for _, n := range d.Nanos {
		sum += n
	}
	return sum
}

// UnknownShare is the part that no rule knows, of 1.
func (d Division) UnknownShare() float64 {
	return float64(d.Nanos[Unknown]) / float64(max(d.All(), 1))
}
