package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// talkers is how many talk.
	talkers = 5
	// many is how many groups and calls there are where one alone would cost too little to be measured.
	many = 100
	// settle is what passes after a change, and briefly when receivers have come.
	settle  = 300 * time.Millisecond
	briefly = 100 * time.Millisecond
	tick    = 20 * time.Millisecond
)

// audiences are how many receive one group.
var audiences = []int{1, 10, 100}

// round is what the bridge cost in one round, in µs of CPU a second.
type round struct {
	alone, groups, calls float64
	packets, ticks       float64 // that were sent or could not be, with many groups, and in how many ticks
}

// sweep is what it cost with one group, by its audience: the mean of the way there and the way back.
type sweep map[int]float64

// bench is what measures.
type bench struct {
	options
	server *server
	phones *phones
}

// measure prints the table. It runs on the receivers' host.
func measure(ctx context.Context, o options) (err error) {
	b := &bench{options: o}
	if b.server, err = startServer(ctx, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.stop()) }()
	if b.phones, err = newPhones(ctx, talkers, many); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.phones.close(context.WithoutCancel(ctx))) }()
	if err := pause(ctx, 2*time.Second); err != nil { // jitter buffers have found what they need
		return err
	}
	rounds := make([]round, o.rounds)
	for i := range rounds {
		if err := b.round(ctx, &rounds[i]); err != nil {
			return err
		}
	}
	if err := b.server.send(ctx, 1); err != nil {
		return err
	}
	sweeps := make([]sweep, o.sweeps)
	for i := range sweeps {
		sweeps[i] = sweep{}
		if err := b.sweep(ctx, sweeps[i], i); err != nil {
			return err
		}
	}
	report(o, rounds, sweeps)
	return nil
}

// sweep measures each audience there and back, in the n-th order, so that what drifts falls on all alike.
func (b *bench) sweep(ctx context.Context, s sweep, n int) error {
	there := slices.Concat(audiences[n%len(audiences):], audiences[:n%len(audiences)])
	back := slices.Clone(there)
	slices.Reverse(back)
	for _, n := range append(there, back...) {
		cost, err := b.heard(ctx, n)
		if err != nil {
			return err
		}
		s[n] += cost / 2
	}
	return nil
}

// round measures each row once.
func (b *bench) round(ctx context.Context, r *round) (err error) {
	if r.alone, err = b.turn(ctx, settle, b.options.turn); err != nil {
		return err
	}
	if err := b.groups(ctx, r); err != nil {
		return err
	}
	if err := b.phones.call(ctx, talkers, talkers+many); err != nil {
		return err
	}
	if r.calls, err = b.turn(ctx, settle, b.options.turn); err != nil {
		return err
	}
	return b.phones.hangup(ctx, talkers, talkers+many)
}

// turn is what the bridge costs as it is, once something has settled.
func (b *bench) turn(ctx context.Context, settled, lasts time.Duration) (float64, error) {
	if err := pause(ctx, settled); err != nil {
		return 0, err
	}
	return b.server.cost(ctx, lasts)
}

// heard is what one group costs with so many receivers, each of which has to get most of it, whatever else the machine does.
func (b *bench) heard(ctx context.Context, n int) (cost float64, err error) {
	e, err := newEars(n)
	if err != nil {
		return 0, err
	}
	defer func() {
		got, failed := e.leave()
		if want := int(b.short / tick / 2); failed == nil && got < want {
			failed = fmt.Errorf("one of %d receivers has got %d packets, want %d", n, got, want)
		}
		err = errors.Join(err, failed)
	}()
	return b.turn(ctx, briefly, b.short)
}

// groups measures many of them, and counts what is sent.
func (b *bench) groups(ctx context.Context, r *round) error {
	if err := b.server.send(ctx, many); err != nil {
		return err
	}
	sent, failed, err := b.server.packets(ctx)
	if err != nil {
		return err
	}
	from := time.Now()
	if r.groups, err = b.turn(ctx, settle, b.options.turn); err != nil {
		return err
	}
	sentThen, failedThen, err := b.server.packets(ctx)
	if err != nil {
		return err
	}
	r.packets, r.ticks = float64(sentThen+failedThen-sent-failed), time.Since(from).Seconds()/tick.Seconds()
	return b.server.send(ctx, 0)
}
