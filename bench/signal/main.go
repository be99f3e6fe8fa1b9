// Command signal loads the signalling of a confbridge, on loopback, and says how it was served:
//
//	signal calls   --to 127.0.0.1:5060 --rate 900 --for 60s   places calls, whatever becomes of those before (open loop)
//	signal sipp    --to 127.0.0.1:5060 --rate 500 --for 30s   lets SIPp place them
//	signal flood   --to 127.0.0.1:5060 --rate 20000 --for 10s sends OPTIONS
//	signal unacked --to 127.0.0.1:5060 --rate 500 --calls 2000 --room none  INVITEs whose answers are never acknowledged
//	signal idle    --to 127.0.0.1:5060 --calls 5000 --for 5s  opens TCP (--tls: TLS) connections, from many loopback addresses, and waits
//	signal pipelined --to 127.0.0.1:5060 --calls 5000         requests of one call on one TCP connection, all at once
//	signal able    --to 127.0.0.1:5060 --rate 250 --for 8s    looks for the highest rate at which all calls are answered in full
//	signal table   FILE PAGE                                  puts such results into a page
//
// --pid names the bridge's process, whose CPU and memory are then measured. The result is one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/confbridge/confbridge/bench/proc"
)

// options is the command line.
type options struct {
	to    netip.AddrPort
	rate  float64
	last  time.Duration
	calls int
	hold  time.Duration
	room  string
	pid   int
	tls   bool
	// sources is from how many addresses calls come.
	sources int
}

// Result is what a run came to; what a mode does not measure is zero.
type Result struct {
	Mode     string  `json:"mode"`
	Offered  int     `json:"offered"`
	Rate     float64 `json:"rate"`    // offered a second, as it came out
	Seconds  float64 `json:"seconds"` // of offering
	Accepted int     `json:"accepted"`
	// Completed are accepted calls whose BYE was answered with 200 too.
	Completed int `json:"completed"`
	Refused   int `json:"refused"` // 503
	// RetryAfter are refusals that say when to come again.
	RetryAfter int            `json:"retry_after"`
	Statuses   map[string]int `json:"statuses,omitempty"`
	Silent     int            `json:"silent"` // INVITEs that were never answered
	Again      int            `json:"sent_again"`
	Inversions int            `json:"inversions,omitempty"` // answers that were not in their turn

	AcceptMsP50 float64 `json:"accept_ms_p50"` // INVITE to 200
	AcceptMsP95 float64 `json:"accept_ms_p95"`
	RefuseMsP95 float64 `json:"refuse_ms_p95"` // INVITE to 503
	RefuseMsMax float64 `json:"refuse_ms_max"`

	ServerCPU    float64 `json:"server_cpu"`    // of one core, while it was offered
	GeneratorCPU float64 `json:"generator_cpu"` // the load's own
	// ServerMicros is the bridge's CPU for each of what was offered, until all was answered.
	ServerMicros float64 `json:"server_us_each"`
	RSSBefore    int64   `json:"rss_before"`
	RSSPeak      int64   `json:"rss_peak"`
	RSSAfter     int64   `json:"rss_after"` // 5 s after the end

	sippCPU time.Duration // of SIPp, where that was the load
}

const modes = "calls, sipp, flood, unacked, idle, pipelined, able, machine or table"

func main() {
	var o options
	to := flag.String("to", "127.0.0.1:10560", "the bridge")
	flag.Float64Var(&o.rate, "rate", 100, "requests a second")
	flag.DurationVar(&o.last, "for", 10*time.Second, "how long")
	flag.IntVar(&o.calls, "calls", 0, "how many at most; 0: as many as come")
	flag.DurationVar(&o.hold, "hold", time.Second, "how long a call lasts")
	flag.StringVar(&o.room, "room", "", "number to call; empty: twenty rooms in turn")
	flag.IntVar(&o.pid, "pid", 0, "of the bridge; 0: is not measured")
	flag.BoolVar(&o.tls, "tls", false, "idle, pipelined: over TLS")
	flag.IntVar(&o.sources, "sources", 1, "calls: from how many addresses")
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "signal: "+modes+"?")
		os.Exit(2)
	}
	mode := os.Args[1]
	switch mode {
	case "machine":
		_ = json.NewEncoder(os.Stdout).Encode(machine())
		return
	case "table":
		if err := table(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "signal:", err)
			os.Exit(1)
		}
		return
	}
	runtime.LockOSThread()
	proc.Prefer()
	_ = flag.CommandLine.Parse(os.Args[2:]) // it exits by itself
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if o.to, err = netip.ParseAddrPort(*to); err == nil && (o.rate <= 0 || o.rate > 100000 || o.last <= 0 || o.last > 10*time.Minute) {
		err = errors.New("rate: more than 0, at most 100000; for: at most 10m")
	}
	var r Result
	if err == nil {
		r, err = run(ctx, mode, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "signal:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
	_ = json.NewEncoder(os.Stdout).Encode(r)
}

// run measures around one mode.
func run(ctx context.Context, mode string, o options) (Result, error) {
	do, ok := map[string]func(context.Context, options) (Result, error){
		"calls": placeCalls, "flood": flood, "unacked": placeCalls, "idle": idle, "pipelined": pipelined, "able": able, "sipp": sipp,
	}[mode]
	if !ok {
		return Result{}, fmt.Errorf("%q: %s", mode, modes)
	}
	if mode == "unacked" {
		o.hold = -1
	}
	var before, peak int64
	cpu := func() (time.Duration, error) { return 0, nil }
	if o.pid != 0 {
		var err error
		if before, err = proc.RSS(o.pid); err != nil {
			return Result{}, err
		}
		cpu = func() (time.Duration, error) { return proc.CPU(o.pid) }
	}
	watching, done := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		peak = watch(watching, o.pid)
	}()
	start, mine := time.Now(), ownCPU()
	cpu0, err := cpu()
	if err != nil {
		done()
		return Result{}, err
	}
	r, err := do(ctx, o)
	cpu1, cpuErr := cpu()
	took := time.Since(start)
	r.Mode, r.ServerCPU = mode, (cpu1-cpu0).Seconds()/took.Seconds()
	if r.Offered > 0 && mode != "able" {
		r.ServerMicros = float64((cpu1 - cpu0).Microseconds()) / float64(r.Offered)
	}
	r.GeneratorCPU = (ownCPU() - mine + r.sippCPU).Seconds() / took.Seconds()
	if o.pid != 0 && mode != "idle" {
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
		}
	}
	done()
	<-watched
	r.RSSBefore, r.RSSPeak = before, peak
	if o.pid != 0 {
		r.RSSAfter, _ = proc.RSS(o.pid)
	}
	return r, errors.Join(err, cpuErr)
}

// watch returns the largest memory that was seen.
func watch(ctx context.Context, pid int) (peak int64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for pid != 0 {
		if rss, err := proc.RSS(pid); err == nil {
			peak = max(peak, rss)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return peak
		}
	}
	return 0
}

// ownCPU is the time that this process has taken.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
