package drive_test

import (
	"slices"
	"testing"

	"github.com/confbridge/confbridge/bench/drive"
	"github.com/confbridge/confbridge/bench/report"
)

func TestEachLoadThatGoalsAreAboutIsThereOnce(t *testing.T) {
	var names []string
	for _, l := range drive.Loads() {
		names = append(names, l.Name)
		if got := l.Command("bridge"); !slices.Contains(got, "bridge") || !slices.Contains(got, l.Name) {
			t.Errorf("%s: got the command %q", l.Name, got)
		}
	}
	slices.Sort(names)
	want := []string{
		report.PCMUOneRoom, report.PCMUManyRooms, report.G722, report.Opus, report.Mixed, report.Few, report.Many, report.ManyOneProc,
		report.OpusSilent, report.Churn, report.OnHold, report.Idle,
	}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}
