package cdr

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is how records are kept.
type Config struct {
	// Dir is the folder of the files; it is made where it is not there.
	Dir string
	// Keep is how long a day's records are kept behind its end; 0: until somebody takes them away.
	Keep time.Duration
	// MaxSize is the size in bytes from which on a day gets another file; 0 means 64 MiB.
	MaxSize int64
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

const (
	defaultMaxSize = 64 << 20
	// queueSize is how many records wait while the disk is busy: 8 s of 500 calls a second, some 4 MB.
	queueSize = 4096
	// maxBatch bounds what is written at once.
	maxBatch = 256
)

// Book is the records of one bridge. Add, List and the metrics are safe for concurrent use; Start and Close are called once at
// most, in this order. It is a prometheus.Collector of confbridge_call_records_total{result}.
type Book struct {
	cfg   Config
	queue chan *Record
	stop  chan struct{}
	ended chan struct{}

	started       atomic.Bool
	closed        atomic.Bool
	written, lost atomic.Uint64
}

// NewBook returns a book that has opened nothing. It takes records from now on and writes them from Start on.
func NewBook(cfg Config) *Book {
	if cfg.MaxSize == 0 {
		cfg.MaxSize = defaultMaxSize
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Book{cfg: cfg, queue: make(chan *Record, queueSize), stop: make(chan struct{}), ended: make(chan struct{})}
}

// Start begins to write. What fails is logged, counted and tried again with the next record: calls go on without.
func (b *Book) Start() {
	b.started.Store(true)
	go b.run()
}

// Add takes the record of a call. It never waits: what finds the queue full is lost and counted. Texts are cut to 256 bytes and
// copied.
func (b *Book) Add(r Record) {
	r.clip()
	if b.closed.Load() {
		b.lost.Add(1)
		return
	}
	select {
	case b.queue <- &r:
	default:
		b.lost.Add(1)
	}
}

// Close writes what has been added and returns when that has been given to the disk, or with ctx's error. One that was never started
// writes nothing.
func (b *Book) Close(ctx context.Context) error {
	b.closed.Store(true)
	if !b.started.Load() {
		return nil
	}
	close(b.stop)
	select {
	case <-b.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("call records: %w", context.Cause(ctx))
	}
}

// run is the goroutine that writes.
func (b *Book) run() {
	defer close(b.ended)
	w := &writer{cfg: b.cfg}
	defer w.shut()
	w.sweep(time.Now())
	for {
		select {
		case r := <-b.queue:
			b.write(w, *r)
		case <-b.stop:
			for len(b.queue) > 0 {
				b.write(w, *<-b.queue)
			}
			return
		}
	}
}

// write writes first and what waits behind it, as far as that fits into one batch. Nothing stays in a buffer of ours.
func (b *Book) write(w *writer, first Record) {
	batch := []Record{first}
	for len(batch) < maxBatch && len(b.queue) > 0 {
		batch = append(batch, *<-b.queue)
	}
	whole := w.append(time.Now(), batch)
	b.written.Add(uint64(whole))
	b.lost.Add(uint64(len(batch) - whole))
}

var descRecords = prometheus.NewDesc("confbridge_call_records_total",
	"Call detail records: written, or lost because the queue was full or the disk failed.", []string{"result"}, nil)

// Describe implements prometheus.Collector.
func (b *Book) Describe(ch chan<- *prometheus.Desc) { ch <- descRecords }

// Collect implements prometheus.Collector.
func (b *Book) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(descRecords, prometheus.CounterValue, float64(b.written.Load()), "written")
	ch <- prometheus.MustNewConstMetric(descRecords, prometheus.CounterValue, float64(b.lost.Load()), "lost")
}
