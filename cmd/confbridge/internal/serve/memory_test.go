package serve

import (
	"runtime/debug"
	"testing"
)

func TestMemoryIsGivenBackWhenARushIsOver(t *testing.T) {
	load, held, freed := 0, uint64(20<<20), 0
	w := &tide{
		load: func() int { return load }, footprint: func() uint64 { return held },
		free: func() { freed++; held = 30 << 20 },
	}
	at := func(what string, calls int, bytes uint64, want int) {
		t.Helper()
		load, held = calls, bytes
		if w.look(); freed != want {
			t.Errorf("%s: freed %d times, want %d", what, freed, want)
		}
	}
	at("nothing has happened", 0, 20<<20, 0)
	at("a rush", 60000, 300<<20, 0)
	at("it goes on", 50000, 320<<20, 0)
	at("it is over", 100, 320<<20, 1)
	at("nothing more to free", 0, 40<<20, 1)
	at("a small rush", 5000, 70<<20, 1)
	at("it is over, and was not worth it", 10, 70<<20, 1)
	at("the next rush", 40000, 200<<20, 1)
	at("is over too", 0, 200<<20, 2)
}

func TestMemoryIsGivenBackOnceWhenCallsStay(t *testing.T) {
	load, held, freed := 0, uint64(20<<20), 0
	w := &tide{
		load: func() int { return load }, footprint: func() uint64 { return held },
		free: func() { freed++; held -= 10 << 20 },
	}
	at := func(what string, calls int, bytes uint64, want int) {
		t.Helper()
		load, held = calls, bytes
		if w.look(); freed != want {
			t.Errorf("%s: freed %d times, want %d", what, freed, want)
		}
	}
	at("nothing has happened", 0, 20<<20, 0)
	at("calls come", 600, 50<<20, 0)
	at("and more", 1000, 70<<20, 0)
	at("those stay", 1020, 70<<20, 1)
	at("and stay", 1000, 80<<20, 1)
	at("some go", 900, 80<<20, 1)
	at("the others stay", 900, 80<<20, 2)
	at("some come", 1100, 73<<20, 2)
	at("and stay, and little was to be had", 1100, 73<<20, 2)
}

func TestHeapFootprintIsThatOfThisProcess(t *testing.T) {
	debug.FreeOSMemory() // or the 64 MB may be found in what a run before has left
	before := heapFootprint()
	if before < 1<<20 || before > 1<<40 {
		t.Fatalf("got %d", before)
	}
	keep := make([]byte, 64<<20)
	for i := range keep {
		keep[i] = 1
	}
	if after := heapFootprint(); after < before+32<<20 {
		t.Errorf("got %d with 64 MB more than %d", after, before)
	}
	if keep[5] != 1 {
		t.Error("gone")
	}
}
