package report

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/confbridge/confbridge/bench/archive"
)

// columns are the figures that stand in the table of all runs.
var columns = []struct {
	name  string
	value func(r *Run) string
}{
	{"µs per leg and second", func(r *Run) string {
		if r.IdleRooms > 0 {
			return "–"
		}
		return optional(r.ServerMicros, "%.0f", 1)
	}},
	{"floor", func(r *Run) string { return optional(r.FloorMicros, "%.0f", 1) }},
	{"ratio", func(r *Run) string { return optional(r.Ratio, "%.2f", 1) }},
	{"delay p50, p95, ms", func(r *Run) string {
		if r.Chirps == 0 {
			return "–"
		}
		return fmt.Sprintf("%.1f, %.1f", r.MouthToEarP50, r.MouthToEarP95)
	}},
	{"bad legs", func(r *Run) string {
		if r.Hold {
			return "–"
		}
		return fmt.Sprint(r.BadLegs)
	}},
	{"kB a leg", func(r *Run) string {
		if r.IdleRooms > 0 {
			return "–"
		}
		return optional(r.RSSPerLeg, "%.1f", 1e-3)
	}},
	{"a tick, µs", func(r *Run) string { return optional(r.TickMicros, "%.0f", 1) }},
	{"behind its turn p99.9, ms", func(r *Run) string { return optional(r.LateMsP999, "%.1f", 1) }},
	{"before the calls, % of a processor", func(r *Run) string { return optional(r.IdleMicros, "%.2f", 1e-4) }},
	{"generator late p99, ms", func(r *Run) string { return fmt.Sprintf("%.1f", r.GeneratorLateMsP99) }},
}

// Summary is all runs in one table, a line each, in Markdown; the ladder is a line below it.
func (f *File) Summary() string {
	var b strings.Builder
	b.WriteString("| |")
	for _, c := range columns {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(columns)) + "\n")
	for i := range f.Runs {
		fmt.Fprintf(&b, "| %s |", f.Runs[i].Name)
		for _, c := range columns {
			b.WriteString(" " + c.value(&f.Runs[i]) + " |")
		}
		b.WriteString("\n")
	}
	if len(f.Ladder) == 0 {
		return b.String()
	}
	b.WriteString("\nPCMU in one room, ever more legs (bad ones; µs per leg and second):")
	for i := range f.Ladder {
		r := &f.Ladder[i]
		fmt.Fprintf(&b, " %d (%d; %s)", r.Legs, r.BadLegs+r.Legs-r.Answered, optional(r.ServerMicros, "%.0f", 1))
		b.WriteString(map[bool]string{true: ".\n", false: ","}[i == len(f.Ladder)-1])
	}
	return b.String()
}

// row is one line of the table of few runs: what it is and how a run shows it.
var rows = []struct {
	name  string
	value func(r *Run) string
}{
	{"legs, rooms, talkers", func(r *Run) string { return fmt.Sprintf("%d, %d, %d", r.Legs, r.Rooms, r.Talkers) }},
	{"calls answered", func(r *Run) string { return fmt.Sprintf("%d at %.0f/s", r.Answered, r.Rate) }},
	{"requests, responses sent again", func(r *Run) string { return fmt.Sprintf("%d, %d", r.Retransmitted, r.Repeated) }},
	{"setup p95, ms", func(r *Run) string { return fmt.Sprintf("%.1f", r.SetupMsP95) }},
	{"bad legs", func(r *Run) string { return fmt.Sprint(r.BadLegs) }},
	{"packets received, lost, late", func(r *Run) string { return fmt.Sprintf("%d, %d, %d", r.PacketsIn, r.PacketsLost, r.PacketsLate) }},
	{"mouth to ear p50, p95, max, ms", func(r *Run) string {
		if r.Chirps == 0 {
			return "–"
		}
		return fmt.Sprintf("%.1f, %.1f, %.1f", r.MouthToEarP50, r.MouthToEarP95, r.MouthToEarMax)
	}},
	{"chirps found, missed", func(r *Run) string { return fmt.Sprintf("%d, %d", r.Chirps, r.ChirpsMissed) }},
	{"legs that hear wrong", func(r *Run) string { return fmt.Sprint(r.HearWrong) }},
	{"own tone against the others', dB", func(r *Run) string { return fmt.Sprintf("%.1f", r.OwnToneDB) }},
	{"server CPU, µs per leg and second", func(r *Run) string { return optional(r.ServerMicros, "%.0f", 1) }},
	{"floor CPU, µs per leg and second", func(r *Run) string { return optional(r.FloorMicros, "%.0f", 1) }},
	{"ratio", func(r *Run) string { return optional(r.Ratio, "%.2f", 1) }},
	{"server CPU before the calls, µs per second", func(r *Run) string { return optional(r.IdleMicros, "%.0f", 1) }},
	{"memory per leg, kB", func(r *Run) string { return optional(r.RSSPerLeg, "%.1f", 1e-3) }},
	{"all hang up, s", func(r *Run) string { return fmt.Sprintf("%.2f", r.HangupSeconds) }},
	{"sockets, participants left over", func(r *Run) string { return optionalInt(r.SocketsLeft) + ", " + optionalInt(r.ParticipantLeft) }},
	{"frames skipped by late rooms", func(r *Run) string { return optionalInt(r.LateTicks) }},
	{"callers who dial PINs, in the dialogue at once", func(r *Run) string {
		return r.dialogues(func(d *Dialogues) string { return fmt.Sprintf("%d, %.0f", d.Callers, d.AtOnce) })
	}},
	{"let in a second; wrong PINs; failed calls", func(r *Run) string {
		return r.dialogues(func(d *Dialogues) string { return fmt.Sprintf("%.1f; %d; %d", d.PerSecond, d.Wrong, d.Failed) })
	}},
	{"answer to a PIN p50, p95, ms", func(r *Run) string {
		return r.dialogues(func(d *Dialogues) string { return fmt.Sprintf("%.0f, %.0f", d.AnswerMsP50, d.AnswerMsP95) })
	}},
	{"recordings, gaps in them, broken off", func(r *Run) string {
		if r.Recorded == nil {
			return "–"
		}
		return fmt.Sprintf("%d, %d, %d", r.Recorded.Recordings, r.Recorded.Gaps, r.Recorded.Broken)
	}},
	{"recording the mix: without, with, µs per leg and second; more", func(r *Run) string {
		if len(r.RecordCosts) == 0 {
			return "–"
		}
		var all []string
		for _, c := range r.RecordCosts {
			all = append(all, fmt.Sprintf("%s %.0f, %.0f; %+.1f %%", c.Format, c.Plain, c.Recorded, 100*c.Extra/c.Plain))
		}
		return strings.Join(all, "<br>")
	}},
	{"generator late p99, max, ms", func(r *Run) string { return fmt.Sprintf("%.1f, %.1f", r.GeneratorLateMsP99, r.GeneratorLateMsMax) }},
}

func (r *Run) dialogues(show func(*Dialogues) string) string {
	if r.Dialogues == nil {
		return "–"
	}
	return show(r.Dialogues)
}

func optional(p *float64, format string, scale float64) string {
	if p == nil {
		return "–"
	}
	return fmt.Sprintf(format, *p*scale)
}

func optionalInt(p *int) string {
	if p == nil {
		return "–"
	}
	return fmt.Sprint(*p)
}

// Table is a file's runs side by side with all that was measured, in Markdown that also reads well on a terminal.
func (f *File) Table() string {
	cells := make([][]string, len(rows)+1)
	cells[0] = []string{""}
	for _, r := range f.Runs {
		cells[0] = append(cells[0], r.Name)
	}
	for i, row := range rows {
		cells[i+1] = []string{row.name}
		for j := range f.Runs {
			cells[i+1] = append(cells[i+1], row.value(&f.Runs[j]))
		}
	}
	width := make([]int, len(cells[0]))
	for _, line := range cells {
		for j, c := range line {
			width[j] = max(width[j], len([]rune(c)))
		}
	}
	var b strings.Builder
	for i, line := range cells {
		for j, c := range line {
			fmt.Fprintf(&b, "| %-*s ", width[j], c)
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, w := range width {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

// Render puts the newest file's table, goals and pictures into a page, and a line for each run against the floor that there has
// been. The pictures are files beside the page, in the folder of that name, which is made.
func Render(page, pictures string, files []File) error {
	var b strings.Builder
	if len(files) > 0 {
		f := &files[len(files)-1]
		goals, _ := f.Goals()
		fmt.Fprintf(&b, "%s\n\n%s\n%s", f.Head(), f.Summary(), goals)
		dir := filepath.Join(filepath.Dir(page), pictures)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("pictures: %w", err)
		}
		drawn, err := f.Plot(dir)
		if err != nil {
			return err
		}
		for _, name := range drawn {
			fmt.Fprintf(&b, "\n![%s](%s/%s)\n", strings.TrimSuffix(name, ".png"), pictures, name)
		}
		b.WriteString("\n| date | commit | run | bad legs | p50, ms | p95, ms | ratio | kB a leg |\n|---|---|---|---|---|---|---|---|\n")
		for _, f := range slices.Backward(files) {
			for _, r := range f.Runs {
				if r.Ratio == nil {
					continue
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %d | %.1f | %.1f | %s | %s |\n", f.Date.UTC().Format("2006-01-02 15:04"), f.Commit, r.Name,
					r.BadLegs, r.MouthToEarP50, r.MouthToEarP95, optional(r.Ratio, "%.2f", 1), optional(r.RSSPerLeg, "%.1f", 1e-3))
			}
		}
	}
	return archive.Show(page, "results", b.String())
}
