package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/bench/profile/stage"
	"github.com/confbridge/confbridge/bench/report"
)

const counted = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 29.62    0.814207        1584       300        35 futex
  6.84    0.188122           8     45000           sendto
  0.00    0.000001           1         1           brk
------ ----------- ----------- --------- --------- ------------------
100.00    2.749199          55     45301        35 total
`

func TestTheTableHasEachStageAndItsKernel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls")
	if err := os.WriteFile(file, []byte(counted), 0o600); err != nil {
		t.Fatal(err)
	}
	calls, err := readCalls(file, 300*3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Call{{"sendto", 50}, {"futex", 1.0 / 3}, {"brk", 1.0 / 900}}, calls); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if _, err := readCalls(file, 0); err == nil {
		t.Error("calls of no time are counted")
	}
	clock := 700.0
	l := newLoad(report.Run{Name: "some", Legs: 300, ServerMicros: &clock}, stage.Division{
		Samples: 200, Nanos: map[stage.Stage]int64{stage.Receive: 1.5e9, stage.Send: 0.6e9}, Kernel: map[stage.Stage]int64{stage.Send: 0.3e9},
	}, 10)
	l.Calls = calls
	if math.Abs(l.Micros[stage.Receive]-500) > 1e-9 {
		t.Errorf("1.5 s in 10 s of 300 legs are %v µs per leg and second", l.Micros[stage.Receive])
	}
	f := File{Loads: []Load{l, {Name: "other", Micros: map[stage.Stage]float64{stage.Mix: 3}}}}
	got := f.Table()
	for _, want := range []string{
		"| µs per leg and second | some | other |\n|---|---:|---:|\n| receive | 500.0 | 0.0 |\n| receive, of that the kernel | 0.0 | 0.0 |\n",
		"| send | 200.0 | 0.0 |\n| send, of that the kernel | 100.0 | 0.0 |\n", "| mix | 0.0 | 3.0 |\n",
		"| all | 700.0 | 3.0 |\n| all, by the process's clock | 700.0 | 0.0 |\n| samples | 200 | 0 |\n",
		"| `sendto` | 50.00 | – |\n| `futex` | 0.33 | – |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "brk") || strings.Count(got, "\n") != 24 {
		t.Errorf("the table has too much:\n%s", got)
	}
}

func TestPerfIsReadAsStraceIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls")
	const counted = "# started on Sat Nov 28 17:38:35 2026\n\n300,,syscalls:sys_enter_futex,70968656,100.00,,\n45000,,syscalls:sys_enter_sendto,70968656,100.00,,\n" +
		"0,,syscalls:sys_enter_brk,70968656,100.00,,\n<not counted>,,syscalls:sys_enter_read,0,100.00,,\n5,,cycles,1,100.00,,\n"
	if err := os.WriteFile(file, []byte(counted), 0o600); err != nil {
		t.Fatal(err)
	}
	calls, err := readCalls(file, 300*3)
	if diff := cmp.Diff([]Call{{"sendto", 50}, {"futex", 1.0 / 3}}, calls); err != nil || diff != "" {
		t.Errorf("%v, want -, got +\n%s", err, diff)
	}
}

func TestWithoutACountThereIsNoTableOfCalls(t *testing.T) {
	calls, err := readCalls(filepath.Join(t.TempDir(), "none"), 1)
	if err != nil || calls != nil {
		t.Errorf("got %v, %v", calls, err)
	}
	if f := (File{Loads: []Load{{Name: "some"}}}); strings.Contains(f.Table(), "system calls") {
		t.Error("there is a table of what was not counted")
	}
}
