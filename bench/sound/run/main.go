// Command run is the bench of sound: it starts a bridge, places real calls to it from simulated telephones through an impaired
// network, compares what they hear with what was said, and prints a table of what is asked for and what was got. It writes
// the table and pictures into docs/sound.md and docs/sound/, and the figures to bench/results/sound/. It exits with 1 if a
// figure is missed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/page"
)

// options is the command line.
type options struct {
	server, only, page, results, commit string
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/confbridge", "the bridge to measure")
	flag.StringVar(&o.only, "only", "", "only scenes whose title matches this; nothing is written then")
	flag.StringVar(&o.page, "page", "docs/sound.md", "where the table goes, and the pictures into a folder of that name; empty: nowhere")
	flag.StringVar(&o.results, "results", "bench/results/sound", "where the figures go; empty: nowhere")
	flag.StringVar(&o.commit, "commit", "", "what the bridge was built from; empty: this tree")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	missed, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sound:", err)
	}
	if err != nil || missed > 0 {
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}

// run does all of it and returns how many figures were missed.
func run(ctx context.Context, o options) (int, error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return 0, fmt.Errorf("only: %w", err)
	}
	var scenes []scene
	for _, s := range append(pairs(), parties()...) {
		if only.MatchString(s.title()) {
			scenes = append(scenes, s)
		}
	}
	f := header(ctx, o.commit)
	if err := measure(ctx, o.server, scenes, &f); err != nil {
		return 0, err
	}
	if o.only != "" {
		fmt.Printf("%s\n%s\n%s\n", f.Heading(), f.Table(nil), f.CallTable())
		return len(f.Missed()), nil
	}
	before, err := o.write(&f, scenes)
	fmt.Printf("%s\n\n%s\n%d of %d figures missed\n", f.Heading(), f.Table(before), len(f.Missed()), len(f.Rows))
	return len(f.Missed()), err
}

// measure plays all scenes to a bridge, and judges them when it has ended.
func measure(ctx context.Context, server string, scenes []scene, f *page.File) error {
	unable := map[string]error{}
	var ready []scene
	for i, err := range forAll(scenes, scene.prepare) {
		if err != nil {
			unable[scenes[i].title()] = err
			continue
		}
		ready = append(ready, scenes[i])
	}
	dir, err := os.MkdirTemp("", "confbridge-sound-")
	if err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	defer os.RemoveAll(dir)
	b, err := start(ctx, server, dir)
	if err != nil {
		return err
	}
	failed := b.play(ctx, ready)
	if err := b.stop(); err != nil {
		return err
	}
	var late []float64
	for _, l := range b.lab.Lateness() {
		late = append(late, float64(l)/1000)
	}
	f.LateMsP99, f.LateMsMax = metric.Quantile(late, 0.99), metric.Quantile(late, 1)
	for _, s := range scenes {
		fail(s, errors.Join(unable[s.title()], failed[s.title()]))
	}
	if err := judgeAll(scenes, f); err != nil {
		return err
	}
	return listen(ctx, scenes, f)
}

// fail notes why a scene has nothing to judge.
func fail(s scene, err error) {
	switch s := s.(type) {
	case *pair:
		s.failed = err
	case *party:
		s.failed = err
	}
}

// judgeAll judges all scenes: what takes long side by side, then one after the other in their order.
func judgeAll(scenes []scene, f *page.File) error {
	forAll(scenes, func(s scene) error {
		if p, ok := s.(*pair); ok {
			p.compare()
		}
		return nil
	})
	var errs []error
	for _, s := range scenes {
		errs = append(errs, s.judge(f))
	}
	return errors.Join(errs...)
}

// forAll does something with all scenes, as many at once as there are processors.
func forAll(scenes []scene, do func(scene) error) []error {
	errs := make([]error, len(scenes))
	var all sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for i, s := range scenes {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(s)
		})
	}
	all.Wait()
	return errs
}

// write keeps the figures and renders the page. It returns the oldest run, which this one is compared with; nil if there is
// none.
func (o options) write(f *page.File, scenes []scene) (before *page.File, err error) {
	if o.results != "" {
		name := f.Date.Format("2006-01-02") + "-" + strings.TrimSuffix(f.Commit, "+")
		if err := f.Write(o.results, name); err != nil {
			return nil, err
		}
		all, err := page.ReadAll(o.results)
		if err != nil {
			return nil, err
		}
		if len(all) > 1 {
			before = &all[0]
		}
	}
	if o.page == "" {
		return before, nil
	}
	folder := strings.TrimSuffix(o.page, filepath.Ext(o.page))
	pictures, err := draw(scenes, folder)
	if err != nil {
		return before, err
	}
	return before, f.Render(o.page, before, pictures)
}
