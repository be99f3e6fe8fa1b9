package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/bench/report"
)

func good() report.Run {
	ratio, micros, left, leg := 1.5, 500.0, 0, 30_000.0
	return report.Run{
		Name: "good", Legs: 300, Rooms: 1, Talkers: 3, Answered: 300, OwnToneDB: -60, Chirps: 300,
		MouthToEarP50: 12, MouthToEarP95: 22, Ratio: &ratio, ServerMicros: &micros, FloorMicros: &micros,
		SocketsLeft: &left, ParticipantLeft: &left, RSSPerLeg: &leg,
	}
}

func TestGoals(t *testing.T) {
	r := good()
	if got := r.Missed(); len(got) > 0 {
		t.Errorf("a good run misses %v", got)
	}
	one, three, fat := 1, 3.0, 50_000.0
	for name, change := range map[string]func(*report.Run){
		"calls failed":   func(r *report.Run) { r.Answered = 299 },
		"sent again":     func(r *report.Run) { r.Repeated = 1 },
		"bad legs":       func(r *report.Run) { r.BadLegs = 1 },
		"hear wrong":     func(r *report.Run) { r.HearWrong = 1 },
		"own tone":       func(r *report.Run) { r.OwnToneDB = -40 },
		"sockets left":   func(r *report.Run) { r.SocketsLeft = &one },
		"participants":   func(r *report.Run) { r.ParticipantLeft = &one },
		"p50":            func(r *report.Run) { r.MouthToEarP50 = 16 },
		"p95":            func(r *report.Run) { r.MouthToEarP95 = 26 },
		"times":          func(r *report.Run) { r.Ratio = &three },
		"kB a leg":       func(r *report.Run) { r.RSSPerLeg = &fat },
		"chirps not fou": func(r *report.Run) { r.ChirpsMissed = 100 },
	} {
		r := good()
		change(&r)
		if got := r.Missed(); len(got) != 1 || !strings.Contains(got[0], name) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestGoalsOfThoseWhoDialAndOfRecordings(t *testing.T) {
	late := 0
	with := func() report.Run {
		r := good()
		r.Dialogues, r.Recorded, r.LateTicks = &report.Dialogues{PerSecond: 10}, &report.Recorded{Recordings: r.Rooms}, &late
		r.MouthToEarP50 = 100 // the load is more than that of the goals for speed
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
		if err := report.Render(page, files); err != nil {
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
	if err := report.Render(filepath.Join(dir, "olderz"), files); err == nil {
		t.Error("a page that is not there was written")
	}
}
