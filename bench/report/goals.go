package report

import (
	"fmt"
	"slices"
	"strings"
)

// What a run of any load must show.
const (
	goalOwnToneDB    = -50.0
	goalChirpsMissed = 0.02 // of all: more, and the delay is not known
)

// Missed says what is wrong with a run, one line each; none means that it was served as it should be. What it may cost is
// File.Goals.
func (r *Run) Missed() []string {
	var missed []string
	miss := func(bad bool, format string, args ...any) {
		if bad {
			missed = append(missed, r.Name+": "+fmt.Sprintf(format, args...))
		}
	}
	miss(r.Answered < r.Legs, "%d of %d calls failed: %v", r.Legs-r.Answered, r.Legs, r.Failures)
	miss(r.Retransmitted+r.Repeated > 0, "%d requests and %d responses were sent again", r.Retransmitted, r.Repeated)
	miss(r.BadLegs > 0, "%d bad legs", r.BadLegs)
	miss(r.HearWrong > 0, "%d legs hear wrong: %v", r.HearWrong, r.HearNotes)
	miss(!r.Hold && r.OwnToneDB > goalOwnToneDB, "own tone at %.1f dB, goal %.0f", r.OwnToneDB, goalOwnToneDB)
	miss(r.SocketsLeft != nil && *r.SocketsLeft > 0, "%d sockets left over", deref(r.SocketsLeft))
	miss(r.ParticipantLeft != nil && *r.ParticipantLeft > 0, "%d participants left over", deref(r.ParticipantLeft))
	miss(r.Churn > 0 && float64(r.ChurnCalls) < 0.9*r.Churn*r.Seconds, "%d calls came and went, want %.0f a second: %v", r.ChurnCalls, r.Churn, r.Failures)
	if d := r.Dialogues; d != nil {
		miss(d.Failed > 0, "%d callers who dialled their PIN were not let in: %v", d.Failed, d.Failures)
		miss(d.PerSecond == 0, "nobody who dialled a PIN was let in")
	}
	if c := r.Recorded; c != nil {
		miss(c.Recordings != r.Rooms || c.Gaps+c.Broken > 0, "%d recordings of %d rooms, %d gaps, %d broken off", c.Recordings, r.Rooms, c.Gaps, c.Broken)
		miss(deref(r.LateTicks) > 0, "%d frames skipped by rooms that were late", deref(r.LateTicks))
	}
	all := r.Chirps + r.ChirpsMissed
	miss(r.Name == PCMUOneRoom && (all == 0 || float64(r.ChirpsMissed) > goalChirpsMissed*float64(all)), "%d of %d chirps not found", r.ChirpsMissed, all)
	return missed
}

// goal is one that the whole benchmark has.
type goal struct {
	text    string
	figure  func(f *File) *float64 // nil: not measured
	most    float64
	format  string
	atLeast bool // most is the least
}

// goals are those of the project for one quiet machine with two processors, shared with the load.
var goals = []goal{
	{PCMUOneRoom + ", 3 talk: ≤ 1.6 times the floor", ratio(PCMUOneRoom), 1.6, "%.2f", false},
	{PCMUOneRoom + ": no bad leg", of(PCMUOneRoom, func(r *Run) *float64 { return float(r.BadLegs) }), 0, "%.0f", false},
	{PCMUManyRooms + ", 1 talks in each: ≤ 2.0 times the floor", ratio(PCMUManyRooms), 2, "%.2f", false},
	{G722 + ": ≤ 2.5 times the floor", ratio(G722), 2.5, "%.2f", false},
	{Opus + ", 3 talk, 48 kHz: ≤ 800 µs per leg and second, or ≤ 3.2 times the floor", opusCost, 800, "%.0f µs", false},
	{"PCMU in one room until 1 % of the legs are bad: ≥ 2000 legs", func(f *File) *float64 { return best(f.Ladder) }, 2000, "%.0f", true},
	{"cost of a leg, 1500 in one room against 150: ≤ 1.1", quotient(Many, Few, server), 1.1, "%.2f", false},
	{"tick of 1500 in one room, two processors against one: ≤ 0.6", quotient(Many, ManyOneProc, tick), 0.6, "%.2f", false},
	{PCMUOneRoom + ": mouth to ear p50 ≤ 12 ms", of(PCMUOneRoom, func(r *Run) *float64 { return &r.MouthToEarP50 }), 12, "%.1f ms", false},
	{PCMUOneRoom + ": mouth to ear p95 ≤ 21 ms", of(PCMUOneRoom, func(r *Run) *float64 { return &r.MouthToEarP95 }), 21, "%.1f ms", false},
	{"memory ≤ 20 kB a leg of PCMU", of(PCMUOneRoom, memory), 20, "%.1f kB", false},
	{"memory ≤ 60 kB a leg of Opus that does not talk", of(OpusSilent, memory), 60, "%.1f kB", false},
	{Churn + ": packets behind their turn p99.9 ≤ 2 ms", of(Churn, func(r *Run) *float64 { return r.LateMsP999 }), 2, "%.1f ms", false},
	{Idle + ": ≤ 0.1 % of a processor", of(Idle, func(r *Run) *float64 { return scaled(r.IdleMicros, 1e-4) }), 0.1, "%.3f %%", false},
	{OnHold + ", who send nothing: ≤ 15 % of a processor", of(OnHold, func(r *Run) *float64 { return scaled(r.ServerMicros, 1e-4*float64(r.Legs)) }), 15, "%.1f %%", false},
}

// opusCost is what a leg of Opus takes; where that is within 3.2 times the floor, which is as good, at most the goal of 800 µs.
func opusCost(f *File) *float64 {
	const micros, times = 800, 3.2
	cost, floors := of(Opus, server)(f), ratio(Opus)(f)
	if cost != nil && floors != nil && *floors <= times {
		return float(min(*cost, micros))
	}
	return cost
}

func server(r *Run) *float64 { return r.ServerMicros }

func tick(r *Run) *float64 { return r.TickMicros }

func memory(r *Run) *float64 { return scaled(r.RSSPerLeg, 1e-3) }

// of is a figure of the run of that name.
func of(name string, figure func(r *Run) *float64) func(f *File) *float64 {
	return func(f *File) *float64 {
		i := slices.IndexFunc(f.Runs, func(r Run) bool { return r.Name == name })
		if i < 0 {
			return nil
		}
		return figure(&f.Runs[i])
	}
}

func ratio(name string) func(f *File) *float64 {
	return of(name, func(r *Run) *float64 { return r.Ratio })
}

func quotient(above, below string, figure func(r *Run) *float64) func(f *File) *float64 {
	return func(f *File) *float64 {
		a, b := of(above, figure)(f), of(below, figure)(f)
		if a == nil || b == nil || *b == 0 {
			return nil
		}
		return float(*a / *b)
	}
}

// Bad says whether a load was more than the bridge can bear: 1 % of its legs are bad, or calls failed.
func (r *Run) Bad() bool { return r.Answered < r.Legs || 100*r.BadLegs >= r.Legs }

// best is the most legs that were borne; nil where no ladder was climbed.
func best(ladder []Run) *float64 {
	if len(ladder) == 0 {
		return nil
	}
	most := 0
	for i := range ladder {
		if !ladder[i].Bad() {
			most = max(most, ladder[i].Legs)
		}
	}
	return float(most)
}

// missed says whether the goal is missed, and what was measured.
func (g *goal) missed(f *File) (measured string, missed bool) {
	v := g.figure(f)
	if v == nil {
		return "not measured", false
	}
	return fmt.Sprintf(g.format, *v), g.atLeast && *v < g.most || !g.atLeast && *v > g.most
}

// Goals is the goals beside what was measured, in Markdown, and those that were missed, a line each.
func (f *File) Goals() (table string, missed []string) {
	var b strings.Builder
	b.WriteString("| goal | measured | |\n|---|---|---|\n")
	for i := range goals {
		measured, bad := goals[i].missed(f)
		verdict := "met"
		switch {
		case bad:
			verdict = "**missed**"
			missed = append(missed, goals[i].text+": "+measured)
		case measured == "not measured":
			verdict = ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", goals[i].text, measured, verdict)
	}
	return b.String(), missed
}

func float[T int | float64](v T) *float64 {
	f := float64(v)
	return &f
}

func scaled(p *float64, by float64) *float64 {
	if p == nil {
		return nil
	}
	return float(*p * by)
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
