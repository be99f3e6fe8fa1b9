// Command load places many real SIP calls to a confbridge, talks and listens in all of them, and reports how they
// were served and what that cost. It measures the floor (see bench/floor) with the same generator in the same run.
//
//	load --server bin/confbridge --floor bin/floor --legs 300 --rooms 1 --talkers 3 --for 20s --rate 100
//
// With --target it calls a bridge that runs already, which may be another one than confbridge (see bench/peers); --pid then
// says which process to watch. What each figure means is written in docs/benchmarks.md.
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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/confbridge/confbridge/bench/report"
)

// options is the command line.
type options struct {
	name                 string
	legs, rooms, talkers int
	steady               time.Duration
	rate                 float64
	server, floor        string // binaries
	target, metrics      string
	pid                  int
	dialogues            int  // callers who dial PINs meanwhile
	record               bool // the mix of every room
	recordTurns          int  // in which that is compared with no recording
	format               string
	codec                string
	procs                int           // processors that the bridge may use; 0: all
	hold                 bool          // all put the room on hold, and send nothing
	churn                float64       // calls a second that come and go meanwhile
	idleRooms            int           // rooms in which nobody is
	idle                 time.Duration // how long the bridge is watched before the first call
	profiles             string        // folder
}

func (o *options) check() error {
	var errs []error
	if o.legs < 1 || o.rooms < 1 || o.rooms > o.legs || o.legs > 12000 {
		errs = append(errs, errors.New("legs: 1 to 12000, and no more rooms than legs"))
	}
	if o.talkers < 0 || o.talkers > o.legs/max(o.rooms, 1) {
		errs = append(errs, errors.New("talkers: 0 to as many as there are in a room"))
	}
	if o.codec != mixed && !slices.ContainsFunc(spoken, func(s spokenCodec) bool { return strings.EqualFold(string(s.name), o.codec) }) {
		errs = append(errs, errors.New("codec: PCMU, PCMA, G722, opus or mixed"))
	}
	if o.churn < 0 || o.churn > 100 || o.churn > 0 && o.dialogues > 0 {
		errs = append(errs, errors.New("churn: 0 to 100 calls a second, without dialogues"))
	}
	if o.idle < 0 || o.idleRooms < 0 || o.idleRooms > 100_000 || o.procs < 0 || o.server == "" && (o.idleRooms > 0 || o.procs > 0 || o.profiles != "") {
		errs = append(errs, errors.New("idle, idle-rooms, procs: 0 or more; they and profiles need a server that the load starts"))
	}
	if o.steady < 4*time.Second || o.steady > 10*time.Minute {
		errs = append(errs, errors.New("for: 4s to 10m"))
	}
	if o.dialogues < 0 || o.dialogues > 2000 || o.server == "" && (o.dialogues > 0 || o.record) {
		errs = append(errs, errors.New("dialogues: 0 to 2000; they and recordings need a server that the load starts"))
	}
	if o.recordTurns < 0 || o.recordTurns > 100 || o.server == "" && o.recordTurns > 0 {
		errs = append(errs, errors.New("record-turns: 0 to 100, of a server that the load starts"))
	}
	if err := o.checkFormat(); err != nil {
		errs = append(errs, err)
	}
	if o.rate <= 0 {
		errs = append(errs, errors.New("rate: more than 0"))
	}
	if _, err := netip.ParseAddrPort(o.target); (o.server == "") == (err != nil) {
		errs = append(errs, errors.New("either a server to start or the address of a target, as 127.0.0.1:5060"))
	}
	return errors.Join(errs...)
}

// checkFormat looks at what recordings are to be, where there are any.
func (o *options) checkFormat() error {
	for f := range strings.SplitSeq(o.format, ",") {
		switch {
		case !o.record && o.recordTurns == 0:
		case recordFormats[f] == 0, f != o.format && o.record:
			return fmt.Errorf("record-format %q: wav, flac or opus; several only with record-turns, and without record", o.format)
		}
	}
	return nil
}

func main() {
	var o options
	flag.StringVar(&o.name, "name", "load", "what the run is called in the report")
	flag.IntVar(&o.legs, "legs", 300, "how many calls")
	flag.IntVar(&o.rooms, "rooms", 1, "into how many rooms")
	flag.IntVar(&o.talkers, "talkers", 3, "how many talk in each room")
	flag.DurationVar(&o.steady, "for", 20*time.Second, "how long to measure once all are in")
	flag.Float64Var(&o.rate, "rate", 100, "calls placed a second")
	flag.StringVar(&o.server, "server", "", "confbridge to start, on ports of its own")
	flag.StringVar(&o.floor, "floor", "", "floor to compare with; empty: none")
	flag.StringVar(&o.target, "target", "", "address of a bridge that runs already")
	flag.StringVar(&o.metrics, "metrics", "http://127.0.0.1:8080/metrics", "of that bridge; empty: it is another one than confbridge, and has none of these")
	flag.IntVar(&o.pid, "pid", 0, "of that bridge; 0: its CPU and memory are not measured")
	flag.IntVar(&o.dialogues, "dialogues", 0, "callers who dial PINs meanwhile, one call behind the other, into rooms of their own")
	flag.BoolVar(&o.record, "record", false, "have the mix of every room recorded")
	flag.IntVar(&o.recordTurns, "record-turns", 0, "before the window, so often measure what it costs to record the mix of every room, and not to")
	flag.StringVar(&o.format, "record-format", "opus", "of recordings: wav, flac or opus; with record-turns also several, with commas")
	flag.StringVar(&o.codec, "codec", "PCMU", "what all telephones speak: PCMU, PCMA, G722, opus, or mixed for as many of each")
	flag.IntVar(&o.procs, "procs", 0, "processors that the server may use (GOMAXPROCS); 0: all")
	flag.BoolVar(&o.hold, "hold", false, "all have the room on hold, and send nothing")
	flag.Float64Var(&o.churn, "churn", 0, "calls a second that come, stay for two seconds and go, while the others talk")
	flag.IntVar(&o.idleRooms, "idle-rooms", 0, "rooms in which nobody is")
	flag.DurationVar(&o.idle, "idle", 2*time.Second, "how long to watch the server before the first call")
	flag.StringVar(&o.profiles, "profiles", "", "folder for profiles of the server, and a count of its system calls; it must be there")
	out := flag.String("out", "", "also write the run as JSON to this file")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // its bridge must not outlive it
	defer stop()
	if err := mainRun(ctx, o, *out); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func mainRun(ctx context.Context, o options, out string) error {
	if err := o.check(); err != nil {
		return err
	}
	run, err := measure(ctx, o)
	if err != nil {
		return err
	}
	f := report.File{Runs: []report.Run{*run}}
	fmt.Print(f.Table())
	if out == "" {
		return nil
	}
	text, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if err := os.WriteFile(out, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}
