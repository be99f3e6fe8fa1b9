package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/confbridge/confbridge/bench/report"
)

// The metrics of frames that rooms have skipped, and of what a tick takes.
const (
	lateTicks = "confbridge_mixer_late_ticks_total"
	tickTime  = "confbridge_mixer_tick_seconds"
)

// accompany has rooms recorded and PINs dialled, if that is asked for, and then lets during have its window, whose beginning it is given.
func (l *load) accompany(ctx context.Context, during func(from time.Time) error) (err error) {
	if l.recordTurns > 0 {
		if err := errors.Join(wait(ctx, time.Now().Add(settle)), l.compareRecording(ctx)); err != nil {
			return err
		}
	}
	if l.record {
		if err := l.startRecordings(ctx, l.format); err != nil {
			return err
		}
	}
	from := time.Now().Add(settle)
	if l.dialogues == 0 {
		gone := l.comeAndGo(ctx, from)
		err := l.countLate(ctx, func() error { return during(from) })
		gone()
		return err
	}
	d, err := startDialogues(ctx, l.bridge.sip, l.dialogues)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := wait(ctx, time.Now().Add(askedFor)); err != nil {
		return err
	}
	from = time.Now().Add(settle)
	type result struct {
		of  *report.Dialogues
		err error
	}
	watched := make(chan result, 1)
	go func() {
		if err := wait(ctx, from); err != nil {
			watched <- result{err: err}
			return
		}
		of, err := d.watch(ctx, l.bridge, from.Add(l.steady))
		watched <- result{of, err}
	}()
	err = l.countLate(ctx, func() error { return during(from) })
	r := <-watched
	if r.of != nil {
		r.of.Callers = l.dialogues
	}
	l.run.Dialogues = r.of
	return errors.Join(err, r.err)
}

// countLate counts the frames that are skipped meanwhile, and how long ticks take; of a bridge with these metrics.
func (l *load) countLate(ctx context.Context, during func() error) error {
	if l.bridge.metrics == "" {
		return during()
	}
	before, err := l.bridge.metricsOf(ctx)
	if err != nil {
		return err
	}
	if err := during(); err != nil {
		return err
	}
	after, err := l.bridge.metricsOf(ctx)
	if err != nil {
		return err
	}
	late := int(after[lateTicks] - before[lateTicks])
	l.run.LateTicks = &late
	if n := after[tickTime+"_count"] - before[tickTime+"_count"]; n > 0 {
		micros := (after[tickTime+"_sum"] - before[tickTime+"_sum"]) / n * 1e6
		l.run.TickMicros = &micros
	}
	return nil
}

// checkRecordings reads what was recorded, when the bridge has ended.
func (l *load) checkRecordings() error {
	if !l.record {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(l.bridge.dir, "data", "recordings", "*", "recording.json"))
	if err != nil {
		return fmt.Errorf("recordings: %w", err)
	}
	l.run.Recorded = &report.Recorded{Recordings: len(names)}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("recordings: %w", err)
		}
		var side struct {
			Reason   string
			Repaired bool
			Gaps     []any
		}
		if err := json.Unmarshal(text, &side); err != nil {
			return fmt.Errorf("recordings: %s: %w", name, err)
		}
		l.run.Recorded.Gaps += len(side.Gaps)
		if side.Repaired || side.Reason != "empty" {
			l.run.Recorded.Broken++
		}
	}
	return nil
}
