package recorder

import (
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/rooms"
)

// slowDisk is a file that is brought to the disk when somebody lets it.
type slowDisk struct {
	file
	waiting *atomic.Int32
	let     <-chan struct{}
}

func (f slowDisk) Sync() error {
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	<-f.let
	return f.file.Sync()
}

// Many conferences that end at once would otherwise take every processor from those that go on.
func TestTapesAreFinishedOneBehindTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waiting atomic.Int32
		let := make(chan struct{})
		r := New(Config{Dir: t.TempDir()})
		r.create = func(root *os.Root, name string) (file, error) {
			made, err := createFile(root, name)
			return slowDisk{made, &waiting, let}, err
		}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		defer closeRecorder(t, r)
		var tapes []*tape
		for range 5 {
			tp := openTape(t, r, rooms.RecordingSettings{Content: rooms.RecordMix, Format: rooms.FormatWAV})
			tp.Put(&rooms.TapeFrame{RateHz: 8000, Mix: tone(8000, 440, 3000, 0)})
			tapes = append(tapes, tp)
		}
		time.Sleep(time.Second)
		closed := time.Now()
		for _, tp := range tapes {
			if err := tp.Close(rooms.ReasonEmpty); err != nil {
				t.Fatal(err)
			}
		}
		for left := len(tapes); left > 0; left-- {
			time.Sleep(time.Second)
			synctest.Wait()
			if n := waiting.Load(); n != 1 {
				t.Fatalf("%d tapes are finished at once, want 1", n)
			}
			let <- struct{}{}
		}
		synctest.Wait()
		for _, tp := range tapes {
			s := r.kept[tp.id]
			if s.Ticks != 1 || !s.Ended.Equal(closed) {
				t.Errorf("recording %s has %d ticks and ended at %v, want 1 and %v", tp.id, s.Ticks, s.Ended, closed)
			}
		}
	})
}
