package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// row is one line of the table: what it is and how a run shows it.
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
		if r.RecordCost == nil {
			return "–"
		}
		return fmt.Sprintf("%.0f, %.0f; %+.1f %%", r.RecordCost.Plain, r.RecordCost.Recorded, 100*r.RecordCost.Extra/r.RecordCost.Plain)
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

// Table is a file's runs side by side, in Markdown that also reads well on a terminal.
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

// The table stands in the page between these lines.
const (
	begin = "<!-- results begin -->"
	end   = "<!-- results end -->"
)

// Render puts the newest file's table into a page, and a line of the main figures for each older one.
func Render(page string, files []File) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return errors.New("page: " + page + " has no place for results")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n\n", before, begin)
	if len(files) > 0 {
		f := &files[len(files)-1]
		fmt.Fprintf(&b, "%s, commit %s, %d × %s, Linux %s, %s.\n\n%s", f.Date.UTC().Format("2006-01-02 15:04"), f.Commit, f.Cores, f.CPU, f.Kernel, f.Go, f.Table())
		b.WriteString("\n| date | commit | run | bad legs | p50, ms | p95, ms | ratio | kB a leg |\n|---|---|---|---|---|---|---|---|\n")
		for _, f := range slices.Backward(files) {
			for _, r := range f.Runs {
				fmt.Fprintf(&b, "| %s | %s | %s | %d | %.1f | %.1f | %s | %s |\n", f.Date.UTC().Format("2006-01-02 15:04"), f.Commit, r.Name,
					r.BadLegs, r.MouthToEarP50, r.MouthToEarP95, optional(r.Ratio, "%.2f", 1), optional(r.RSSPerLeg, "%.1f", 1e-3))
			}
		}
	}
	fmt.Fprintf(&b, "\n%s%s", end, after)
	if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}
