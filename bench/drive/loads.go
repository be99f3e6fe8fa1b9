package drive

import (
	"strings"

	"github.com/confbridge/confbridge/bench/report"
)

// Load is one of those that the bridge is measured with.
type Load struct {
	Name, Args string // of the run; the command line of bench/load
	Floor      bool   // whether it is compared with the floor
}

// Command is the arguments of bench/load for a bridge's binary. Arguments behind them win.
func (l Load) Command(server string) []string {
	return append(strings.Fields(l.Args), "--name", l.Name, "--server", server)
}

// Loads are all of them, in the order in which they are shown.
func Loads() []Load {
	return []Load{
		{report.PCMUOneRoom, "--legs 300 --rooms 1 --talkers 3 --for 20s", true},
		{report.PCMUManyRooms, "--legs 300 --rooms 75 --talkers 1 --for 15s", true},
		{report.G722, "--codec G722 --legs 100 --rooms 1 --talkers 3 --for 15s", true},
		{report.Opus, "--codec opus --legs 100 --rooms 1 --talkers 3 --for 15s", true},
		{report.Mixed, "--codec mixed --legs 300 --rooms 1 --talkers 3 --for 15s", true},
		{report.Few, "--legs 150 --rooms 1 --talkers 3 --for 15s --procs 2", true},
		{report.Many, "--legs 1500 --rooms 1 --talkers 3 --for 15s --rate 200 --procs 2", true},
		{report.ManyOneProc, "--legs 1500 --rooms 1 --talkers 3 --for 15s --rate 200 --procs 1", false},
		{report.OpusSilent, "--codec opus --legs 300 --rooms 1 --talkers 0 --for 8s", false},
		{report.Churn, "--legs 1000 --rooms 50 --talkers 1 --for 20s --rate 200 --churn 20", false},
		{report.OnHold, "--legs 1000 --rooms 1 --talkers 0 --for 10s --rate 200 --hold", false},
		{report.Idle, "--legs 2 --rooms 1 --talkers 0 --for 4s --idle-rooms 1000 --idle 20s", false},
	}
}
