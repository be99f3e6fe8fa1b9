package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/bench/report"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func TestEachPeerIsToldItsPortsAndFolders(t *testing.T) {
	for _, p := range peers("confbridge") {
		dir := t.TempDir()
		if err := p.configure(dir); err != nil {
			t.Errorf("%s: %v", p.id, err)
			continue
		}
		var all strings.Builder
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if filepath.Base(name) == "data" {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		want := []string{"12000", "39999", "127.0.0.1"}
		if p.janus {
			want = append(want, "10551", "room-1000")
		} else {
			want = append(want, "10560")
		}
		for _, w := range want {
			if !strings.Contains(all.String(), w) {
				t.Errorf("%s: %q is nowhere in its configuration", p.id, w)
			}
		}
		if strings.Contains(all.String(), "{{") {
			t.Errorf("%s: something was not filled in", p.id)
		}
		if args := p.args(dir); !slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, dir) }) {
			t.Errorf("%s: %q do not name its configuration", p.id, args)
		}
	}
}

func TestWhatIsNotInstalledIsSkipped(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, p := range peers(filepath.Join(t.TempDir(), "confbridge")) {
		if p.installed() {
			t.Errorf("%s is found where nothing is", p.id)
		}
	}
}

func TestAPeerThatEndsByItselfIsAnErrorWithWhatItSaid(t *testing.T) {
	runtime.LockOSThread() // it ends with the thread
	defer runtime.UnlockOSThread()
	p := peers("sh")[0]
	p.args = func(string) []string { return []string{"-c", "echo no such thing; exit 3"} }
	run, err := start(context.WithoutCancel(t.Context()), p)
	if err == nil || !strings.Contains(err.Error(), "no such thing") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, %v", run, err)
	}
}

func TestNumbersOfLegs(t *testing.T) {
	if got, err := numbers("100, 300"); err != nil || !slices.Equal(got, []int{100, 300}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "2", "100,", "many"} {
		if got, err := numbers(bad); err == nil {
			t.Errorf("%q: got %v", bad, got)
		}
	}
}

func TestThePageHasTheNewestOfEachNumberOfLegs(t *testing.T) {
	run := func(name string, legs int, floor, micros float64) report.Run {
		ratio := micros / floor
		return report.Run{Name: name, Legs: legs, Answered: legs, FloorMicros: &floor, ServerMicros: &micros, Ratio: &ratio}
	}
	const ours, other = "confbridge", "Janus, AudioBridge"
	got := page([]file{
		{File: report.File{Commit: "old", Runs: []report.Run{run(ours, 100, 100, 900), run(ours, 300, 200, 300)}}},
		{
			File:     report.File{Commit: "new", Runs: []report.Run{run(ours, 100, 100, 150), run(other, 100, 200, 900)}},
			Versions: map[string]string{ours: "v1", other: "v2"}, Missing: []string{"FreeSWITCH"},
		},
	})
	for _, want := range []string{
		"100 legs: 0001-01-01 00:00, commit new, ",
		"| confbridge | 100 | 100 | 150 | 1.50 | 1.00 | – | 0 | 0 | – | 0.0 |\n| Janus, AudioBridge | 100 | 200 | 900 | 4.50 | 3.00 | – | 0 | 0 | – | 0.0 |\n\n" +
			"- confbridge: v1\n- Janus, AudioBridge: v2\n- FreeSWITCH was not installed, and not measured\n\n300 legs: 0001-01-01 00:00, commit old, ",
		"| confbridge | 300 | 200 | 300 | 1.50 | 1.00 | – | 0 | 0 | – | 0.0 |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwithout\n%s", got, want)
		}
	}
	if strings.Contains(got, "9.00") {
		t.Errorf("got what was measured before:\n%s", got)
	}
}
