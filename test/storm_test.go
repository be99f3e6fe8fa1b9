package test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/confbridge/confbridge/test/bridge"
)

// maxResident bounds the memory of a bridge that has had a hundred calls, twice. The race detector takes its own.
const maxResident = 128 << 20

// A hundred calls hang up at once: nothing is left of them.
func TestStormOfHangups(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{EmptyGrace: 200 * time.Millisecond})
	goroutines, _ := b.metric(t, "go_goroutines")
	sockets := b.descriptors(t)
	for range 2 {
		stats := b.sipp(t, b.UDP, "-sn", "uac", "-m", "100", "-r", "1000", "-d", "1500")
		wantStats(t, stats, map[string]string{"SuccessfulCall(C)": "100", "FailedCall(C)": "0"})
		eventually(t, "no room is left", func() bool {
			n, _ := b.metric(t, "confbridge_rooms")
			return n == 0 && b.room(t, "1000") == nil
		})
		for _, name := range []string{"confbridge_participants", "confbridge_media_legs", "confbridge_sip_calls"} {
			eventually(t, name+" goes back to 0", func() bool { n, _ := b.metric(t, name); return n == 0 })
		}
		// The API's and the scraper's connections come and go.
		eventually(t, "sockets are given back", func() bool { return b.descriptors(t) <= sockets+4 })
		eventually(t, "goroutines end", func() bool { n, _ := b.metric(t, "go_goroutines"); return n <= goroutines+8 })
	}
	if resident, found := b.metric(t, "process_resident_memory_bytes"); !raceEnabled && (!found || resident > maxResident) {
		t.Errorf("%.0f MiB of memory, want %d or less", resident/(1<<20), maxResident>>20)
	}
}

// descriptors is how many files the bridge has open.
func (b *running) descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.PID))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
