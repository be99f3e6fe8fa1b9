package cdr

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func record(n int, ended time.Time) Record {
	return Record{
		ID: fmt.Sprintf("c%d", n), Direction: In, Began: ended.Add(-time.Minute), Answered: ended.Add(-59 * time.Second), Ended: ended,
		CallID: fmt.Sprintf("%d@phone", n), Address: "sip:alice@example.com", Number: "1000", Transport: "udp", Remote: "192.0.2.1:5060",
		Status: 200, EndedBy: Peer, Reason: "caller hung up", Room: "1000",
		Seat: &Seat{Participant: "p", Role: "speaker", Joined: ended.Add(-59 * time.Second), Left: ended, Codec: "opus", PacketsReceived: 2950, Loss: 0.01},
	}
}

func closed(t *testing.T, b *Book) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// all lists everything by pages of limit.
func all(t *testing.T, b *Book, want Filter, limit int) []Record {
	t.Helper()
	var got []Record
	for after := Cursor(""); ; {
		page, next, err := b.List(t.Context(), want, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > limit {
			t.Fatalf("a page has %d records, more than %d", len(page), limit)
		}
		got = append(got, page...)
		if after = next; after == "" {
			return got
		}
	}
}

func ids(records []Record) string {
	var list []string
	for _, r := range records {
		list = append(list, r.ID)
	}
	return strings.Join(list, " ")
}

func TestRecordsComeBackAsTheyWereAdded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cdr")
	b := NewBook(Config{Dir: dir})
	b.Start()
	want := []Record{record(1, noon), {ID: "c2", Direction: Out, Began: noon, Ended: noon, CallID: "x", Status: 404, Reason: "no such room"}}
	for _, r := range want {
		b.Add(r)
	}
	closed(t, b)
	if diff := cmp.Diff(want, all(t, b, Filter{}, 1)); diff != "" {
		t.Error(diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v; want one file", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 0600", info.Mode(), err)
	}
	if got := counted(t, b); got != "lost 0, written 2" {
		t.Errorf("got %s", got)
	}
	b.Add(record(3, noon)) // too late
	if got := counted(t, b); got != "lost 1, written 2" {
		t.Errorf("behind the end: got %s", got)
	}
}

func counted(t *testing.T, b *Book) string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(b); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("got %v, %v", families, err)
	}
	var parts []string
	for _, m := range families[0].GetMetric() {
		parts = append(parts, fmt.Sprintf("%s %.0f", m.GetLabel()[0].GetValue(), m.GetCounter().GetValue()))
	}
	return strings.Join(parts, ", ")
}

func TestAFullQueueLosesAndCounts(t *testing.T) {
	b := NewBook(Config{Dir: t.TempDir()})
	for n := range queueSize + 3 { // nobody writes yet: whoever waited would wait for ever
		b.Add(record(n, noon))
	}
	b.Start()
	closed(t, b)
	if got, want := counted(t, b), fmt.Sprintf("lost 3, written %d", queueSize); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFilters(t *testing.T) {
	b := NewBook(Config{Dir: t.TempDir()})
	w := &writer{cfg: b.cfg}
	for n := range 6 { // six days, one record each
		r := record(n, noon.AddDate(0, 0, n))
		r.Room = fmt.Sprintf("%d", 1000+n%2)
		if got := w.append(r.Ended, []Record{r}); got != 1 {
			t.Fatalf("record %d was not written", n)
		}
	}
	w.shut()
	tests := []struct {
		name string
		want Filter
		ids  string
	}{
		{"everything", Filter{}, "c0 c1 c2 c3 c4 c5"},
		{"from a moment on, which counts", Filter{Since: noon.AddDate(0, 0, 4)}, "c4 c5"},
		{"from just behind it", Filter{Since: noon.AddDate(0, 0, 4).Add(1)}, "c5"},
		{"before a moment, which does not count", Filter{Until: noon.AddDate(0, 0, 2)}, "c0 c1"},
		{"one room", Filter{Room: "1001"}, "c1 c3 c5"},
		{"all at once", Filter{Since: noon.AddDate(0, 0, 1), Until: noon.AddDate(0, 0, 5), Room: "1001"}, "c1 c3"},
		{"a room that nobody called", Filter{Room: "2"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int{1, 2, 100} {
				if got := ids(all(t, b, tt.want, limit)); got != tt.ids {
					t.Errorf("by pages of %d: got %q, want %q", limit, got, tt.ids)
				}
			}
		})
	}
}

func TestFilesAreRotatedByDayAndSizeAndKeptForATime(t *testing.T) {
	dir := t.TempDir()
	w := &writer{cfg: Config{Dir: dir, MaxSize: 800, Keep: 48 * time.Hour, Log: slog.New(slog.DiscardHandler)}}
	for n := range 9 {
		at := noon.AddDate(0, 0, n/3)
		if got := w.append(at, []Record{record(n, at)}); got != 1 {
			t.Fatalf("record %d was not written", n)
		}
	}
	w.shut()
	names := func() string {
		list, err := files(dir)
		if err != nil {
			t.Fatal(err)
		}
		var s []string
		for _, f := range list {
			s = append(s, f.name())
		}
		return strings.Join(s, " ")
	}
	want := "2026-03-04-0001.jsonl 2026-03-04-0002.jsonl 2026-03-05-0001.jsonl 2026-03-05-0002.jsonl 2026-03-06-0001.jsonl 2026-03-06-0002.jsonl"
	if got := names(); got != want {
		t.Fatalf("got %s\nwant %s", got, want)
	}
	again := &writer{cfg: w.cfg} // of a bridge that was started anew: it goes on with the last one
	later := noon.AddDate(0, 0, 2)
	if again.append(later, []Record{record(9, later)}) != 1 || again.file.number != 2 {
		t.Errorf("went on with %s", again.file.name())
	}
	if again.append(later.AddDate(0, 0, 1), []Record{record(10, later)}) != 1 {
		t.Error("the next day was not written")
	}
	again.shut()
	want = strings.TrimPrefix(want, "2026-03-04-0001.jsonl 2026-03-04-0002.jsonl ") + " 2026-03-07-0001.jsonl"
	if got := names(); got != want {
		t.Errorf("after two days: got %s\nwant %s", got, want)
	}
}

func TestALineThatACrashHasTornIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	today := file{day: dayOf(time.Now()), number: 1}
	whole, err := record(1, noon).line()
	if err != nil {
		t.Fatal(err)
	}
	torn := append(bytes.Clone(whole), whole[:len(whole)/2]...)
	if err := os.WriteFile(filepath.Join(dir, today.name()), torn, 0o600); err != nil {
		t.Fatal(err)
	}
	b := NewBook(Config{Dir: dir})
	if got := ids(all(t, b, Filter{}, 10)); got != "c1" {
		t.Errorf("before the start: got %q", got)
	}
	b.Start()
	b.Add(record(2, noon))
	closed(t, b)
	if got := ids(all(t, b, Filter{}, 10)); got != "c1 c2" {
		t.Errorf("after the start: got %q", got)
	}
	if got := counted(t, b); got != "lost 0, written 1" {
		t.Errorf("got %s", got)
	}
}

// A file that is a link to /dev/full is on a full disk.
func TestAFullDiskLosesCountsAndIsToldOnce(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	dir := t.TempDir()
	full := filepath.Join(dir, file{day: dayOf(noon), number: 1}.name())
	if err := os.Symlink("/dev/full", full); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	w := &writer{cfg: Config{Dir: dir, MaxSize: 1 << 20, Log: slog.New(slog.NewTextHandler(&log, nil))}}
	for n := range 3 {
		if got := w.append(noon, []Record{record(n, noon)}); got != 0 {
			t.Errorf("%d records are on a full disk", got)
		}
	}
	if got := strings.Count(log.String(), "call records cannot be written"); got != 1 {
		t.Errorf("told %d times, want once:\n%s", got, log.String())
	}
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	if got := w.append(noon, []Record{record(3, noon)}); got != 1 {
		t.Errorf("with space again %d records were written", got)
	}
	w.shut()
	if !strings.Contains(log.String(), "call records are written again") {
		t.Errorf("the end was not told:\n%s", log.String())
	}
	if got := ids(all(t, NewBook(w.cfg), Filter{}, 10)); got != "c3" {
		t.Errorf("got %q", got)
	}
}

func TestAFolderThatCannotBeMadeLosesRecordsAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := NewBook(Config{Dir: filepath.Join(path, "cdr")})
	b.Start()
	b.Add(record(1, noon))
	closed(t, b)
	if got := counted(t, b); got != "lost 1, written 0" {
		t.Errorf("got %s", got)
	}
	if _, _, err := b.List(t.Context(), Filter{}, "", 1); !errors.Is(err, ErrDisk) {
		t.Errorf("got %v, want ErrDisk", err)
	}
}

func TestTextsOfPeersAreCut(t *testing.T) {
	b := NewBook(Config{Dir: t.TempDir()})
	b.Start()
	r := record(1, noon)
	r.DisplayName = strings.Repeat("ä", 40_000)
	r.Address = "\x00\xff\n\"" + strings.Repeat("\x01", 70_000) // six bytes each in JSON
	r.CallID, r.Reason, r.Number = r.Address, r.Address, r.Address
	b.Add(r)
	closed(t, b)
	got := all(t, b, Filter{}, 10)
	if len(got) != 1 || got[0].DisplayName != strings.Repeat("ä", maxText/2) {
		t.Fatalf("got %v", got)
	}
}

func TestCursorsThatAreNone(t *testing.T) {
	b := NewBook(Config{Dir: t.TempDir()})
	for _, c := range []Cursor{"x", "2026-03-04-0001", "2026-03-04-0001.", "2026-03-04-0001.-1", "2026-13-04-0001.0", "../../etc-0001.0", "2026-03-04-1.0"} {
		if _, _, err := b.List(t.Context(), Filter{}, c, 1); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", c, err)
		}
	}
}

func TestAPageThatLooksThroughTooMuchIsShort(t *testing.T) {
	dir := t.TempDir()
	w := &writer{cfg: Config{Dir: dir, MaxSize: 1 << 30, Log: slog.New(slog.DiscardHandler)}}
	for n := range 10 {
		w.append(noon, []Record{record(n, noon)})
	}
	w.shut()
	s := scan{want: Filter{Room: "2"}, limit: 10, left: w.size / 2}
	at, full, err := s.file(t.Context(), filepath.Join(dir, w.file.name()), 0)
	if err != nil || !full || at < w.size/2 || at >= w.size {
		t.Errorf("got %d of %d bytes, full %v, %v", at, w.size, full, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := NewBook(w.cfg).List(ctx, Filter{}, "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// FuzzList reads files that hold anything: no line of them may keep a whole record behind it from being found.
func FuzzList(f *testing.F) {
	whole, err := record(1, noon).line()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("\n\n{}\nnull\n[]\n{\"id\":\"a\"}\n{\"id\":1}\n"))
	f.Add(append(bytes.Repeat([]byte("x"), 3*maxLine), '\n'))
	f.Add([]byte(`{"id":"a","ended":"2026-03-04T12:00:00Z","seat":{"loss":1e999}}` + "\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		text := append(append(bytes.Clone(content), '\n'), whole...)
		s := scan{limit: len(text), left: maxScan}
		at, full, err := s.read(t.Context(), bufio.NewReaderSize(bytes.NewReader(text), maxLine), 0)
		if err != nil || full || at != int64(len(text)) {
			t.Errorf("got %d of %d bytes, full %v, %v", at, len(text), full, err)
		}
		if len(s.page) == 0 || s.page[len(s.page)-1].ID != "c1" || len(s.page) > bytes.Count(text, []byte("\n")) {
			t.Errorf("got %d records", len(s.page))
		}
	})
}
