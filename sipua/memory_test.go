package sipua

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// heap is what is in use after what is not has been collected.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// A room's events outlive its calls by far; of an INVITE of 21 kB they are to keep who called, and not the INVITE.
func TestACallThatIsOverKeepsNothingOfItsINVITE(t *testing.T) {
	const calls, most = 100, 10 << 10
	b := newBridge(t, nil)
	var padding []string
	for range 3 {
		padding = append(padding, "Subject: "+strings.Repeat("x", 7<<10))
	}
	w := b.phone(t, "TCP") // whose transactions are gone with their answers
	callID, target := w.callID, w.target
	place := func(name string) {
		w.callID, w.toTag, w.target = callID+name, "", target
		w.call(padding...)
		w.hangup()
	}
	place("first") // makes what is made once
	before := heap()
	for i := range calls {
		place(fmt.Sprint(i))
	}
	if each := (heap() - before) / calls; each > most {
		t.Errorf("a call of %d octets leaves %d, want %d at most", 3*7<<10, each, most)
	}
}
