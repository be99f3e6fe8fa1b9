package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/confbridge/confbridge/bench/gen"
	"github.com/confbridge/confbridge/bench/proc"
	"github.com/confbridge/confbridge/bench/report"
	"github.com/confbridge/confbridge/bench/uac"
)

const (
	settle     = 3 * time.Second // after the last call is in, until the window begins
	toneWindow = 2 * time.Second // at its end; nobody chirps then
	chirpEvery = 10              // packets
	firstRoom  = 1000            // its number
	keepers    = 8               // legs that remember all they hear, to find the chirps in
)

// load is one run.
type load struct {
	options
	bridge *bridge
	agent  *uac.Agent
	set    *gen.Set
	plan   *gen.Plan
	voices []*voice    // of each leg, and of those that come and go
	calls  []*uac.Call // nil where one failed
	setup  []time.Duration
	run    report.Run
	mu     sync.Mutex // guards run.Failures while calls are placed and ended
}

// measure does one run: first the floor, then the bridge. It takes its thread for itself: the bridge and the floor
// inherit the precedence that it has.
func measure(ctx context.Context, o options) (*report.Run, error) {
	runtime.LockOSThread()
	l := &load{options: o, calls: make([]*uac.Call, o.legs), setup: make([]time.Duration, o.legs)}
	l.run = report.Run{
		Nice: proc.Prefer(), Name: o.name, Codec: o.codec, Legs: o.legs, Rooms: o.rooms, Talkers: o.talkers, Rate: o.rate, Seconds: o.steady.Seconds(),
		Procs: o.procs, Hold: o.hold, Churn: o.churn, IdleRooms: o.idleRooms, IdleSeconds: o.idle.Seconds(),
	}
	var err error
	if l.voices, err = voices(o.codec, o.legs+comers(o.churn)); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if o.floor != "" {
		micros, err := measureFloor(ctx, o)
		if err != nil {
			return nil, err
		}
		l.run.FloorMicros = &micros
	}
	if l.bridge, err = startBridge(ctx, o); err != nil {
		return nil, err
	}
	err = l.measureBridge(ctx)
	if err := errors.Join(err, l.bridge.end(), l.checkRecordings(), l.bridge.remove()); err != nil {
		return nil, err
	}
	return &l.run, nil
}

// measureFloor reads what bare sockets cost, in µs of CPU per leg and second.
func measureFloor(ctx context.Context, o options) (micros float64, err error) {
	f, err := startFloor(ctx, o.floor, o.legs)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	set, err := gen.Open(o.legs, 0, o.steady+settle)
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	defer func() { err = errors.Join(err, set.Stop()) }()
	set.Start()
	for i, port := range f.ports {
		if err := set.Connect(i, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)); err != nil {
			return 0, fmt.Errorf("floor: %w", err)
		}
	}
	if err := wait(ctx, time.Now().Add(settle)); err != nil {
		return 0, err
	}
	return cpuDuring(ctx, f.cmd.Process.Pid, min(o.steady, 10*time.Second), o.legs)
}

// cpuDuring reads what a process takes from now on, in µs per leg and second.
func cpuDuring(ctx context.Context, pid int, d time.Duration, legs int) (float64, error) {
	before, err := proc.CPU(pid)
	if err != nil {
		return 0, fmt.Errorf("window: %w", err)
	}
	begun := time.Now()
	if err := wait(ctx, begun.Add(d)); err != nil {
		return 0, err
	}
	after, err := proc.CPU(pid)
	if err != nil {
		return 0, fmt.Errorf("window: %w", err)
	}
	return float64((after - before).Microseconds()) / time.Since(begun).Seconds() / float64(legs), nil
}

func wait(ctx context.Context, until time.Time) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Until(until)):
		return nil
	}
}

func (l *load) measureBridge(ctx context.Context) (err error) {
	if l.agent, err = uac.Listen(l.bridge.sip); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer func() { err = errors.Join(err, l.agent.Close()) }()
	if l.set, err = gen.Open(l.legs+comers(l.churn), keepers, l.steady); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if err := l.prepareSound(ctx); err != nil {
		return errors.Join(err, l.set.Stop())
	}
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection now would be heard
	l.set.Start()
	err = l.talk(ctx)
	if err := errors.Join(err, l.set.Stop()); err != nil {
		return err
	}
	l.listen()
	return nil
}

// talk places the calls, watches the steady window, and hangs up.
func (l *load) talk(ctx context.Context) error {
	if err := l.makeRooms(ctx); err != nil {
		return err
	}
	if l.bridge.pid != 0 {
		micros, err := cpuDuring(ctx, l.bridge.pid, l.idle, 1)
		if err != nil {
			return err
		}
		l.run.IdleMicros = &micros
	}
	rssIdle, socketsIdle, err := l.size()
	if err != nil {
		return err
	}
	l.place(ctx)
	if err := l.holdAll(ctx); err != nil {
		return err
	}
	l.run.Retransmitted, l.run.Repeated = l.agent.Retransmissions()
	if err := l.accompany(ctx, func(from time.Time) error { return l.steadily(ctx, from) }); err != nil {
		return err
	}
	rss, _, err := l.size()
	if err != nil {
		return err
	}
	if l.bridge.pid != 0 {
		perLeg := float64(rss-rssIdle) / float64(l.legs)
		l.run.RSSIdle, l.run.RSSPerLeg = &rssIdle, &perLeg
	}
	for i, c := range l.calls {
		if c != nil && c.Ended.Load() {
			l.fail(fmt.Errorf("leg %d: the bridge hung up", i))
			l.run.Answered--
		}
	}
	l.hangup(ctx)
	l.run.Retransmitted, l.run.Repeated = l.agent.Retransmissions()
	return l.awaitNothing(ctx, socketsIdle)
}

// steadily is the window, from an instant on.
func (l *load) steadily(ctx context.Context, from time.Time) error {
	l.follow(from)
	if err := wait(ctx, from); err != nil {
		return err
	}
	if l.bridge.pid == 0 {
		return wait(ctx, from.Add(l.steady))
	}
	profiled := l.takeProfiles(ctx)
	micros, err := cpuDuring(ctx, l.bridge.pid, l.steady, l.legs)
	if err = errors.Join(err, profiled()); err != nil {
		return err
	}
	l.run.ServerMicros = &micros
	if l.run.FloorMicros != nil {
		ratio := micros / *l.run.FloorMicros
		l.run.Ratio = &ratio
	}
	return nil
}

// size is the server's memory and sockets; zero where the process is not known.
func (l *load) size() (rss int64, sockets int, err error) {
	if l.bridge.pid == 0 {
		return 0, 0, nil
	}
	if rss, err = proc.RSS(l.bridge.pid); err != nil {
		return 0, 0, fmt.Errorf("load: %w", err)
	}
	if sockets, err = proc.UDPSockets(l.bridge.pid); err != nil {
		return 0, 0, fmt.Errorf("load: %w", err)
	}
	return rss, sockets, nil
}

// own are the legs of the calls that stay.
func (l *load) own() []*gen.Leg { return l.set.Legs[:l.legs] }

func (l *load) room(leg int) int { return leg % l.rooms }

// talker says whether a leg talks, and as which of its room's talkers.
func (l *load) talker(leg int) (int, bool) {
	size := (l.legs - l.room(leg) + l.rooms - 1) / l.rooms
	for k := range l.talkers {
		if leg/l.rooms == k*size/l.talkers {
			return k, true
		}
	}
	return 0, false
}

// follow tells the generator when to do what.
func (l *load) follow(from time.Time) {
	to := from.Add(l.steady)
	l.plan = &gen.Plan{
		From: from.UnixNano(), To: to.UnixNano(),
		ToneFrom: to.Add(-toneWindow).UnixNano(), ToneTo: to.UnixNano(),
		ChirpTo: to.Add(-toneWindow - 500*time.Millisecond).UnixNano(), ChirpEvery: chirpEvery,
	}
	heard := map[int]bool{} // rooms that somebody listens in for chirps
	for i, leg := range l.own() {
		heard[l.room(i)] = heard[l.room(i)] || leg.Heard != nil
	}
	for i, leg := range l.own() {
		_, talks := l.talker(i)
		alone := l.rooms > 1 && leg.Heard != nil // in a small room it may be the only one that would hear itself
		if !talks && !alone && heard[l.room(i)] && l.calls[i] != nil {
			l.plan.Probes = append(l.plan.Probes, i)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1)) // any order, so that a short run has probes of all phases
	rnd.Shuffle(len(l.plan.Probes), func(i, j int) {
		l.plan.Probes[i], l.plan.Probes[j] = l.plan.Probes[j], l.plan.Probes[i]
	})
	l.set.Follow(l.plan)
}

// fail notes a failure; the first few are reported.
func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.run.Failures) < 5 {
		l.run.Failures = append(l.run.Failures, err.Error())
	}
}

// place places all calls at the rate that is asked for.
func (l *load) place(ctx context.Context) {
	var placed sync.WaitGroup
	begun := time.Now()
	for i := range l.legs {
		if wait(ctx, begun.Add(time.Duration(float64(i)/l.rate*float64(time.Second)))) != nil {
			break
		}
		placed.Go(func() {
			called := time.Now()
			c, err := l.agent.Place(ctx, fmt.Sprint(firstRoom+l.room(i)), "load", l.voices[i].offer(l.set.Legs[i].Port(), "sendrecv"))
			if err == nil {
				err = l.set.Connect(i, c.Media)
			}
			if err != nil {
				l.fail(err)
				return
			}
			l.calls[i], l.setup[i] = c, time.Since(called)
		})
	}
	placed.Wait()
	var took []time.Duration
	for i, c := range l.calls {
		if c != nil {
			took = append(took, l.setup[i])
		}
	}
	l.run.Answered = len(took)
	if len(took) > 0 {
		slices.Sort(took)
		l.run.SetupMsP95 = took[len(took)*95/100].Seconds() * 1000
	}
}

// hangup ends all calls at once.
func (l *load) hangup(ctx context.Context) {
	var ended sync.WaitGroup
	begun := time.Now()
	for _, c := range l.calls {
		if c != nil {
			ended.Go(func() {
				if err := c.Hangup(ctx); err != nil {
					l.fail(err)
				}
			})
		}
	}
	ended.Wait()
	l.run.HangupSeconds = time.Since(begun).Seconds()
}

// awaitNothing gives the server 5 s to have nothing left of the calls, and notes what is.
func (l *load) awaitNothing(ctx context.Context, socketsIdle int) error {
	for end := time.Now().Add(5 * time.Second); ; {
		participants := 0
		var err error
		if l.bridge.metrics != "" {
			if participants, err = l.bridge.participants(ctx); err != nil {
				fmt.Fprintln(os.Stderr, "load:", err)
			} else {
				l.run.ParticipantLeft = &participants
			}
		}
		_, sockets, err := l.size()
		if err != nil {
			return err
		}
		sockets -= socketsIdle
		if l.bridge.pid != 0 {
			l.run.SocketsLeft = &sockets
		}
		if participants == 0 && sockets <= 0 || time.Now().After(end) {
			return nil
		}
		if err := wait(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return err
		}
	}
}
