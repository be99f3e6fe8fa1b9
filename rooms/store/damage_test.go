package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// regular are all files below dir.
func regular(t *rapid.T, dir string) []string {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// banIn is the one ban of a room.
func banIn(number string) rooms.Ban {
	return rooms.Ban{ID: "b" + number, Address: "sip:" + number + "@192.0.2.1", DisplayName: "Bob", Created: created, Expires: created.AddDate(100, 0, 0)}
}

// leadsTo is the one dialled number that leads to a room.
func leadsTo(number string) dialplan.Number {
	return dialplan.Number{Dialled: "+49" + number, Trunk: "carrier", Room: number}
}

// someRooms is a folder with that many rooms, each with one event, a ban, a mark and a dialled number.
func someRooms(t *testing.T, many int) string {
	t.Helper()
	dir := t.TempDir()
	s, _, _ := opened(t, Config{Dir: dir})
	for i := range many {
		number := fmt.Sprint(1000 + i)
		if err := s.Put(t.Context(), room(number, "name of "+number)); err != nil {
			t.Fatal(err)
		}
		err := s.Tell(t.Context(), []rooms.Event{event(number, 1)}, []rooms.Mark{{Room: number, Last: 256}})
		if err := errors.Join(err, s.PutBan(t.Context(), number, banIn(number)), s.PutNumber(t.Context(), leadsTo(number))); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	return dir
}

// spoilt is a copy of a store with some bytes of one file changed.
type spoilt struct {
	dir, file string
	changed   bool
}

func spoil(rt *rapid.T, whole, dir string) spoilt {
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		rt.Fatal(err)
	}
	files := regular(rt, filepath.Join(dir, "store"))
	file := rapid.SampledFrom(files).Draw(rt, "file")
	b, err := os.ReadFile(file)
	if err != nil {
		rt.Fatal(err)
	}
	if len(b) == 0 {
		return spoilt{}
	}
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(b)-1), 1, 20).Draw(rt, "bytes") {
		b[i] ^= rapid.ByteRange(1, 255).Draw(rt, "flip")
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		rt.Fatal(err)
	}
	return spoilt{dir: dir, file: file, changed: true}
}

// What is confirmed of each room is there or named, and all can be changed again; events are there or named, and no number comes again.
func TestDamageIsNamedAndTheRestServed(t *testing.T) {
	const many = 12
	whole := someRooms(t, many)
	rapid.Check(t, func(rt *rapid.T) {
		d := spoil(rt, whole, filepath.Join(t.TempDir(), "copy"))
		if !d.changed {
			return
		}
		log := &logged{}
		s, kept, marks := opened(t, Config{Dir: d.dir, Log: log.logger()})
		defer closeStore(t, s)
		here := map[string]bool{}
		for _, k := range kept {
			if diff := cmp.Diff(room(k.Number, "name of "+k.Number), k); diff != "" {
				rt.Errorf("(-put +kept):\n%s", diff)
			}
			here[k.Number] = true
		}
		named := strings.Contains(log.String(), "damaged")
		banned := map[string]bool{}
		for _, b := range s.Bans() {
			if diff := cmp.Diff(rooms.KeptBan{Room: b.Room, Ban: banIn(b.Room)}, b); diff != "" {
				rt.Errorf("(-put +kept):\n%s", diff)
			}
			banned[b.Room] = true
		}
		leads := map[string]bool{}
		for _, n := range s.Numbers() {
			if diff := cmp.Diff(leadsTo(n.Room), n); diff != "" {
				rt.Errorf("(-put +kept):\n%s", diff)
			}
			leads[n.Room] = true
		}
		last := map[string]uint64{}
		for _, m := range marks {
			last[m.Room] = m.Last
		}
		for i := range many {
			number := fmt.Sprint(1000 + i)
			if !here[number] && !named {
				rt.Errorf("room %s is gone from %s, and nobody says so: %s", number, d.file, log)
			}
			if !leads[number] && !named {
				rt.Errorf("the number of room %s is gone from %s, and nobody says so: %s", number, d.file, log)
			}
			if !banned[number] && !named {
				rt.Errorf("the ban of room %s is gone from %s, and nobody says so: %s", number, d.file, log)
			}
			if here[number] && last[number] < 256 {
				rt.Errorf("room %s goes on behind %d: %s", number, last[number], log)
			}
			past, err := s.Recall(t.Context(), number, 0, 10)
			if err != nil || len(past.Events) != 1 && !named {
				rt.Errorf("room %s has %d events, %v: %s", number, len(past.Events), err, log)
			}
			err = s.Tell(t.Context(), []rooms.Event{event(number, past.Last+1)}, []rooms.Mark{{Room: number, Last: past.Last + 256}})
			if err := errors.Join(err, s.Put(t.Context(), room(number, "changed")), s.PutBan(t.Context(), number, banIn(number)), s.PutNumber(t.Context(), leadsTo(number))); err != nil {
				rt.Errorf("room %s cannot be changed any more: %v: %s", number, err, log)
			}
		}
		if lost := many - len(kept); lost > many/2 {
			rt.Errorf("%d of %d rooms are gone after damage to %s", lost, many, d.file)
		}
	})
}

func TestAStoreThatCannotBeOpenedIsMadeAnewOfWhatIsInIt(t *testing.T) {
	const many = 5
	dir := someRooms(t, many)
	s, _, _ := opened(t, Config{Dir: dir})
	n := s.session.Load()
	if err := n.js.DeleteStream(t.Context(), eventsStream); err != nil {
		t.Fatal(err)
	}
	// Nothing makes ours of a stream of this kind.
	_, err := n.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: eventsStream, Subjects: []string{eventsSubject + "*"}, Retention: jetstream.WorkQueuePolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range many {
		if err := s.Tell(t.Context(), []rooms.Event{event(fmt.Sprint(1000+i), 1)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	log := &logged{}
	s, kept, marks := opened(t, Config{Dir: dir, Log: log.logger()})
	defer closeStore(t, s)
	if len(kept) != many || len(marks) != many {
		t.Errorf("got %d rooms, %d marks: %s", len(kept), len(marks), log)
	}
	for _, k := range kept {
		if past, err := s.Recall(t.Context(), k.Number, 0, 10); err != nil || len(past.Events) != 1 {
			t.Errorf("room %s: got %+v, %v", k.Number, past, err)
		}
	}
	if err := s.Put(t.Context(), room("new", "")); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "the store cannot be opened") || !strings.Contains(log.String(), "aside="+dir) {
		t.Errorf("nobody says so: %s", log)
	}
}

func TestADeathWhileAStoreIsMadeAnewLosesNothing(t *testing.T) {
	dir := someRooms(t, 3)
	// The new one was whole, and the old one already out of the way.
	if err := os.Rename(filepath.Join(dir, "store"), filepath.Join(dir, "store.new")); err != nil {
		t.Fatal(err)
	}
	s, kept, _ := opened(t, Config{Dir: dir})
	closeStore(t, s)
	if len(kept) != 3 {
		t.Errorf("whole: got %v", kept)
	}
	// The new one was not whole.
	if err := os.CopyFS(filepath.Join(dir, "store.new"), os.DirFS(someRooms(t, 1))); err != nil {
		t.Fatal(err)
	}
	_, kept, _ = opened(t, Config{Dir: dir})
	if len(kept) != 3 {
		t.Errorf("not whole: got %v", kept)
	}
	if _, err := os.Stat(filepath.Join(dir, "store.new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was not whole is there still: %v", err)
	}
}

func TestDamagedNumbersKeepNobodyOut(t *testing.T) {
	s, _, _ := opened(t, Config{Dir: t.TempDir()})
	if err := s.Tell(t.Context(), []rooms.Event{event("1000", 7)}, nil); err != nil {
		t.Fatal(err)
	}
	damaged := record{kind: aMark, number: "1000"}.message()
	damaged.Data[0]++
	if err := s.session.Load().publish(t.Context(), []*nats.Msg{damaged}); err != nil {
		t.Fatal(err)
	}
	past, err := s.Recall(t.Context(), "1000", 0, 10)
	if err != nil || past.Last != leap+7 || len(past.Events) != 1 {
		t.Errorf("got %+v, %v", past, err)
	}
}

// Two marks of one number: where the newer is damaged, what it said must not be given again.
func TestNumbersLeapWhereMarksAreDamaged(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := opened(t, Config{Dir: dir})
	if err := s.Put(t.Context(), room("1000", "")); err != nil {
		t.Fatal(err)
	}
	for _, last := range []uint64{256, 512} {
		if err := s.Tell(t.Context(), nil, []rooms.Mark{{Room: "1000", Last: last}}); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	file := filepath.Join(messages(filepath.Join(dir, "store"), numbersStream), "1.blk")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.LastIndex(b, []byte("512"))]++
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, marks := opened(t, Config{Dir: dir})
	closeStore(t, s)
	if len(marks) != 1 || marks[0].Last <= 512 {
		t.Fatalf("got %v", marks)
	}
	if _, _, again := opened(t, Config{Dir: dir}); !slices.Equal(again, marks) {
		t.Errorf("at the next start: got %v, want %v", again, marks)
	}
}

// What is damaged is cut off when the files are opened, so the number has to be remembered by itself.
func TestARoomThatCannotBeReadIsNamedUntilItIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := opened(t, Config{Dir: dir})
	for _, k := range []rooms.Kept{room("1000", "spoilt"), room("2000", "spoilt"), room("3000", "whole")} {
		if err := s.Put(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	file := filepath.Join(messages(filepath.Join(dir, "store"), roomsStream), "1.blk")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(b, []byte("spoilt"), []byte("spoilT")), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		log := &logged{}
		s, kept, _ := opened(t, Config{Dir: dir, Log: log.logger()})
		got := s.LeftOut()
		slices.Sort(got)
		if len(kept) != 1 || !slices.Equal(got, []string{"1000", "2000"}) || !strings.Contains(log.String(), "room=1000") {
			t.Errorf("left out %v, kept %v: %s", got, kept, log)
		}
		closeStore(t, s)
	}
	s, _, _ = opened(t, Config{Dir: dir})
	if err := errors.Join(s.Put(t.Context(), room("1000", "anew")), s.Remove(t.Context(), "2000")); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s, kept, _ := opened(t, Config{Dir: dir})
	if got := s.LeftOut(); len(kept) != 2 || len(got) != 0 {
		t.Errorf("left out %v, kept %v", got, kept)
	}
}

func TestARecordThatIsDamagedInItsMessageIsLeftOut(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		s, _, _ := opened(t, cfg)
		damaged := record{kind: aRoom, number: "*1+0#"}.message()
		damaged.Data[0]++
		if err := s.session.Load().publish(t.Context(), []*nats.Msg{damaged}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			closeStore(t, s)
			s, _, _ = opened(t, cfg)
			if got := s.LeftOut(); !slices.Equal(got, []string{"*1+0#"}) {
				t.Errorf("left out %v", got)
			}
		}
	})
}

func TestARoomThatWasRemovedIsNotLeftOut(t *testing.T) {
	s := &Store{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	now := newFound()
	for _, number := range []string{"1000", "2000"} {
		now.add(record{kind: aRoom, number: number, revision: 7})
	}
	var m memory
	marks := s.leaveOut(&m, now, []damage{{Number: "1000", Revision: 6}, {Number: "2000", Revision: 8}, {Number: "no number", Revision: 8}})
	if want := []string{"2000"}; !slices.Equal(m.leftOut, want) || len(marks) != 1 {
		t.Errorf("left out %v, %d records; want %v", m.leftOut, len(marks), want)
	}
}

func TestABanThatCannotBeReadIsNamedAndSetAside(t *testing.T) {
	dir := someRooms(t, 3)
	file := filepath.Join(messages(filepath.Join(dir, "store"), bansStream), "1.blk")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte("sip:1001"))]++
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	s, kept, _ := opened(t, Config{Dir: dir, Log: log.logger()})
	if got := s.Bans(); len(got) != 2 || len(kept) != 3 || len(s.LeftOut()) != 0 {
		t.Errorf("got %d bans, %d rooms, left out %v; want 2, 3, none", len(got), len(kept), s.LeftOut())
	}
	if aside, err := filepath.Glob(filepath.Join(dir, "damaged", "*")); err != nil || len(aside) != 1 || !strings.Contains(log.String(), "1001/b1001") {
		t.Errorf("set aside %v, %v: %s", aside, err, log)
	}
}
