package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sipp lets SIPp place the calls, with the scenario that is built into it: somebody else's user agent, and somebody else's count.
func sipp(ctx context.Context, o options) (r Result, err error) {
	dir, err := os.MkdirTemp("", "confbridge-sipp-")
	if err != nil {
		return r, fmt.Errorf("sipp: %w", err)
	}
	defer os.RemoveAll(dir)
	number := o.room
	if number == "" {
		number = "5000"
	}
	cmd := exec.CommandContext(ctx, "sipp", "-sn", "uac", "-s", number, "-i", "127.0.0.1", "-p", "10590", "-mp", "10592", //nolint:gosec // our own numbers
		"-r", strconv.Itoa(int(o.rate)), "-m", strconv.Itoa(int(o.rate*o.last.Seconds())), "-d", strconv.FormatInt(o.hold.Milliseconds(), 10), "-l", "100000",
		"-nostdin", "-timeout", fmt.Sprintf("%ds", int((o.last+o.hold+patience).Seconds())), "-trace_stat", "-stf", "stat.csv", "-trace_rtt", "-rtt_freq", "1", o.to.String())
	cmd.Dir = dir
	start := time.Now()
	out, runErr := cmd.CombinedOutput() // it exits with 1 where calls have failed, which the numbers say as well
	r.Seconds = time.Since(start).Seconds()
	if cmd.ProcessState == nil {
		return r, fmt.Errorf("sipp: %w", runErr)
	}
	r.sippCPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	last, err := lastRow(filepath.Join(dir, "stat.csv"))
	if err != nil {
		return r, fmt.Errorf("sipp: %w: %w\n%s", err, runErr, out)
	}
	count := func(name string) int {
		n, _ := strconv.Atoi(last[name])
		return n
	}
	r.Offered, r.Completed, r.Again = count("TotalCallCreated"), count("SuccessfulCall(C)"), count("Retransmissions(C)")
	r.Accepted = r.Completed
	r.Rate = float64(r.Offered) / (r.Seconds - o.hold.Seconds())
	names, _ := filepath.Glob(filepath.Join(dir, "*rtt.csv"))
	var took []time.Duration
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return r, fmt.Errorf("sipp: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Split(line, ";"); len(f) > 1 {
				if ms, err := strconv.ParseFloat(f[1], 64); err == nil {
					took = append(took, time.Duration(ms*float64(time.Millisecond)))
				}
			}
		}
	}
	r.AcceptMsP50, r.AcceptMsP95, _ = quantiles(took)
	return r, nil
}

// lastRow is the last row of a table, by the names of its columns.
func lastRow(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.Comma, in.FieldsPerRecord = ';', -1
	rows, err := in.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 {
		return nil, errors.New("a table without rows")
	}
	row := map[string]string{}
	for i, value := range rows[len(rows)-1] {
		if i < len(rows[0]) {
			row[rows[0][i]] = value
		}
	}
	return row, nil
}
