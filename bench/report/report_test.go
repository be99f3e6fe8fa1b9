package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/bench/report"
)

func ptr(v float64) *float64 { return &v }

func good() report.Run {
	left := 0
	return report.Run{
		Name: report.PCMUOneRoom, Legs: 300, Rooms: 1, Talkers: 3, Answered: 300, OwnToneDB: -60, Chirps: 300,
		MouthToEarP50: 12, MouthToEarP95: 21, Ratio: ptr(1.5), ServerMicros: ptr(500), FloorMicros: ptr(330),
		SocketsLeft: &left, ParticipantLeft: &left, RSSPerLeg: ptr(18_000),
	}
}

func TestWhatIsWrongWithARun(t *testing.T) {
	r := good()
	if got := r.Missed(); len(got) > 0 {
		t.Errorf("a good run misses %v", got)
	}
	one := 1
	for name, change := range map[string]func(*report.Run){
		"calls failed":   func(r *report.Run) { r.Answered = 299 },
		"sent again":     func(r *report.Run) { r.Repeated = 1 },
		"bad legs":       func(r *report.Run) { r.BadLegs = 1 },
		"hear wrong":     func(r *report.Run) { r.HearWrong = 1 },
		"own tone":       func(r *report.Run) { r.OwnToneDB = -40 },
		"sockets left":   func(r *report.Run) { r.SocketsLeft = &one },
		"participants":   func(r *report.Run) { r.ParticipantLeft = &one },
		"chirps not fou": func(r *report.Run) { r.ChirpsMissed = 100 },
		"came and went":  func(r *report.Run) { r.Churn, r.Seconds, r.ChurnCalls = 20, 10, 179 },
	} {
		r := good()
		change(&r)
		if got := r.Missed(); len(got) != 1 || !strings.Contains(got[0], name) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	r.Hold, r.OwnToneDB = true, 0
	if got := r.Missed(); len(got) > 0 {
		t.Errorf("who hears nothing misses %v", got)
	}
}

// whole is a file in which each goal is met, if only just.
func whole() report.File {
	run := func(name string, legs int, change func(r *report.Run)) report.Run {
		r := good()
		r.Name, r.Legs, r.Answered = name, legs, legs
		change(&r)
		return r
	}
	return report.File{
		Runs: []report.Run{
			run(report.PCMUOneRoom, 300, func(r *report.Run) { r.Ratio, r.RSSPerLeg = ptr(1.6), ptr(20_000) }),
			run(report.PCMUManyRooms, 300, func(r *report.Run) { r.Ratio = ptr(2) }),
			run(report.G722, 100, func(r *report.Run) { r.Ratio = ptr(2.5) }),
			run(report.Opus, 100, func(r *report.Run) { r.Ratio, r.ServerMicros = ptr(4), ptr(800) }),
			run(report.Few, 150, func(r *report.Run) { r.ServerMicros = ptr(500) }),
			run(report.Many, 1500, func(r *report.Run) { r.ServerMicros, r.TickMicros = ptr(549), ptr(6000) }),
			run(report.ManyOneProc, 1500, func(r *report.Run) { r.TickMicros = ptr(10_001) }),
			run(report.OpusSilent, 300, func(r *report.Run) { r.RSSPerLeg = ptr(60_000) }),
			run(report.Churn, 1000, func(r *report.Run) { r.LateMsP999 = ptr(2) }),
			run(report.Idle, 2, func(r *report.Run) { r.IdleMicros = ptr(1000) }),
			run(report.OnHold, 1000, func(r *report.Run) { r.ServerMicros = ptr(149) }),
		},
		Ladder: []report.Run{{Legs: 1000, Answered: 1000, BadLegs: 9}, {Legs: 2000, Answered: 2000, BadLegs: 19}, {Legs: 4000, Answered: 4000, BadLegs: 40}},
	}
}

func TestEachGoalIsMetOrMissed(t *testing.T) {
	f := whole()
	table, missed := f.Goals()
	if len(missed) > 0 || strings.Contains(table, "not measured") || strings.Count(table, "| met |") != 15 {
		t.Fatalf("missed %v:\n%s", missed, table)
	}
	for i, tt := range []struct {
		run    int
		change func(r *report.Run)
		want   string
	}{
		{0, func(r *report.Run) { r.Ratio = ptr(1.61) }, "1.61"},
		{0, func(r *report.Run) { r.BadLegs = 1 }, "no bad leg: 1"},
		{1, func(r *report.Run) { r.Ratio = ptr(2.01) }, "2.01"},
		{2, func(r *report.Run) { r.Ratio = ptr(2.51) }, "2.51"},
		{3, func(r *report.Run) { r.ServerMicros = ptr(801) }, "801 µs"},
		{5, func(r *report.Run) { r.ServerMicros = ptr(600) }, "1.20"},
		{5, func(r *report.Run) { r.TickMicros = ptr(7000) }, "0.70"},
		{0, func(r *report.Run) { r.MouthToEarP50 = 12.1 }, "12.1 ms"},
		{0, func(r *report.Run) { r.MouthToEarP95 = 21.1 }, "21.1 ms"},
		{0, func(r *report.Run) { r.RSSPerLeg = ptr(20_100) }, "20.1 kB"},
		{7, func(r *report.Run) { r.RSSPerLeg = ptr(60_100) }, "60.1 kB"},
		{8, func(r *report.Run) { r.LateMsP999 = ptr(2.1) }, "2.1 ms"},
		{9, func(r *report.Run) { r.IdleMicros = ptr(1010) }, "0.101 %"},
		{10, func(r *report.Run) { r.ServerMicros = ptr(151) }, "15.1 %"},
	} {
		f := whole()
		tt.change(&f.Runs[tt.run])
		if table, missed := f.Goals(); len(missed) != 1 || !strings.Contains(missed[0], tt.want) || strings.Count(table, "**missed**") != 1 {
			t.Errorf("change %d: want %s missed, got %v", i, tt.want, missed)
		}
	}
	f.Ladder[1].BadLegs = 20
	if _, missed := f.Goals(); len(missed) != 1 || !strings.Contains(missed[0], "1000") {
		t.Errorf("a ladder to 1000: got %v", missed)
	}
	f = whole()
	f.Runs[3].ServerMicros, f.Runs[3].Ratio = ptr(900), ptr(3.2)
	if _, missed := f.Goals(); len(missed) > 0 {
		t.Errorf("Opus at 3.2 times the floor: got %v", missed)
	}
	if table, missed := (&report.File{}).Goals(); len(missed) > 0 || strings.Count(table, "not measured") != 15 {
		t.Errorf("of nothing, missed %v:\n%s", missed, table)
	}
}

func TestTheSummaryHasALineForEachRunAndTheLadder(t *testing.T) {
	f := whole()
	got := f.Summary()
	for _, want := range []string{
		"| PCMU, 300 in 1 room | 500 | 330 | 1.60 | 12.0, 21.0 | 0 | 20.0 |",
		" 1000 (9; –), 2000 (19; –), 4000 (40; –).\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the summary lacks %q:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n| "); n != len(f.Runs) {
		t.Errorf("got %d lines of %d runs:\n%s", n, len(f.Runs), got)
	}
}

func TestADistributionIsTwentyOneFigures(t *testing.T) {
	sorted := make([]float64, 201)
	for i := range sorted {
		sorted[i] = float64(i) / 10
	}
	got := report.By5(sorted)
	if len(got) != 21 || got[0] != 0 || got[10] != 10 || got[20] != 20 {
		t.Errorf("got %v", got)
	}
	if got := report.By5([]float32(nil)); got != nil {
		t.Errorf("of nothing: got %v", got)
	}
}

// TestOldResultsAreRead reads all that were kept.
func TestOldResultsAreRead(t *testing.T) {
	files, err := report.ReadAll("../results")
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for _, f := range files {
		runs += len(f.Runs)
		for _, r := range f.Runs {
			if r.Legs == 0 || r.Answered == 0 || r.ServerMicros == nil {
				t.Errorf("%s: %q has no figures", f.Commit, r.Name)
			}
		}
	}
	if len(files) < 5 || runs < 15 {
		t.Errorf("got %d files with %d runs", len(files), runs)
	}
}

func TestGoalsOfThoseWhoDialAndOfRecordings(t *testing.T) {
	late := 0
	with := func() report.Run {
		r := good()
		r.Dialogues, r.Recorded, r.LateTicks = &report.Dialogues{PerSecond: 10}, &report.Recorded{Recordings: r.Rooms}, &late
		return r
	}
	r := with()
	if got := r.Missed(); len(got) > 0 {
		t.Errorf("a good run misses %v", got)
	}
	one := 1
	for name, change := range map[string]func(*report.Run){
		"not let in":          func(r *report.Run) { r.Dialogues.Failed = 1 },
		"nobody":              func(r *report.Run) { r.Dialogues.PerSecond = 0 },
		"0 recordings":        func(r *report.Run) { r.Recorded.Recordings = 0 },
		"1 gaps":              func(r *report.Run) { r.Recorded.Gaps = 1 },
		"1 broken":            func(r *report.Run) { r.Recorded.Broken = 1 },
		"1 frames skipped by": func(r *report.Run) { r.LateTicks = &one },
	} {
		r := with()
		change(&r)
		if got := r.Missed(); len(got) != 1 || !strings.Contains(got[0], name) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestThePageHoldsTheNewestTable(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"older", "newer"} {
		r := good()
		r.Name = name
		f := report.File{Date: time.Unix(int64(i)*86400, 0), Commit: name, Runs: []report.Run{r}}
		if err := f.Write(dir, "z"[:1-i]+name); err != nil { // the order of names is not that of dates
			t.Fatal(err)
		}
	}
	files, err := report.ReadAll(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("got %d files, error %v", len(files), err)
	}
	page := filepath.Join(dir, "page.md")
	if err := os.WriteFile(page, []byte("before\n<!-- results begin -->\nold\n<!-- results end -->\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is as once
		if err := report.Render(page, "pictures", files); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "\nafter\n") || strings.Contains(got, "old\n") {
		t.Errorf("the page around the table is not as it was:\n%s", got)
	}
	if strings.Count(got, "commit newer") != 1 || strings.Contains(got, "commit older") || !strings.Contains(got, "| older |") {
		t.Errorf("the page does not show the newest run, and a line for the older:\n%s", got)
	}
	if err := report.Render(filepath.Join(dir, "olderz"), "pictures", files); err == nil {
		t.Error("a page that is not there was written")
	}
}
