package store

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/confbridge/confbridge/rooms"
)

const manyRooms = 10_000

// filled is a folder with many rooms in it.
func filled(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	s, _, _, err := Open(b.Context(), Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	for i := range manyRooms {
		number := fmt.Sprint(100000 + i)
		if err := s.Put(b.Context(), room(number, "name of "+number)); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// started is a registry over dir.
func started(b *testing.B, dir string) (*Store, *rooms.Registry) {
	b.Helper()
	s, kept, marks, err := Open(b.Context(), Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	g := rooms.NewRegistry(rooms.Config{})
	if err := g.Restore(b.Context(), rooms.Memory{Keeper: s, Rooms: kept, Marks: marks}); err != nil {
		b.Fatal(err)
	}
	return s, g
}

func stopped(b *testing.B, s *Store, g *rooms.Registry) {
	b.Helper()
	if err := g.Close(context.WithoutCancel(b.Context())); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkStart is from a folder with 10,000 rooms to a registry that has them.
func BenchmarkStart(b *testing.B) {
	dir := filled(b)
	for b.Loop() {
		s, g := started(b, dir)
		b.StopTimer()
		stopped(b, s, g)
		b.StartTimer()
	}
}

// BenchmarkRoomsAsleep tells what 10,000 closed rooms hold of the heap, with what the server holds of them.
func BenchmarkRoomsAsleep(b *testing.B) {
	dir := filled(b)
	empty := b.TempDir()
	for b.Loop() {
		s, g := started(b, empty)
		before := heap()
		stopped(b, s, g)
		s, g = started(b, dir)
		after := heap()
		b.ReportMetric(float64(after-before)/manyRooms, "B/room")
		stopped(b, s, g)
	}
}

// BenchmarkList is one page of 50 out of 10,000, as the API asks for it: with one room more.
func BenchmarkList(b *testing.B) {
	s, g := started(b, filled(b))
	defer stopped(b, s, g)
	for b.Loop() {
		page, err := g.List(b.Context(), "", 51)
		if err != nil || len(page) != 51 {
			b.Fatal(len(page), err)
		}
	}
}

// BenchmarkPut is one room made lasting on the disk; BENCH_DIR names a folder on the disk in question.
func BenchmarkPut(b *testing.B) {
	dir, err := os.MkdirTemp(os.Getenv("BENCH_DIR"), "store-bench-")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, _, _, err := Open(b.Context(), Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for b.Loop() {
		if err := s.Put(b.Context(), room("1000", "board")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTell is one event in a batch of 512.
func BenchmarkTell(b *testing.B) {
	s, _, _, err := Open(b.Context(), Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	seq := uint64(0)
	for b.Loop() {
		batch := make([]rooms.Event, 512)
		for i := range batch {
			seq++
			batch[i] = event("1000", seq)
		}
		if err := s.Tell(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(seq), "ns/event")
}
