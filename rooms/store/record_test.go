package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// The file is what versions that are in use have written: it has to be read for ever. A field of rooms.Settings that gets another name needs
// a reader of the old one.
func TestARecordIsWrittenAsItAlwaysWas(t *testing.T) {
	r, err := roomRecord(room("1000", "board"), 5)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/room.record")
	if err != nil {
		t.Fatal(err)
	}
	old, n, err := decode(want)
	if err != nil || n != len(want) {
		t.Fatalf("got %d of %d bytes, %v", n, len(want), err)
	}
	k, err := old.room()
	if diff := cmp.Diff(room("1000", "board"), k); err != nil || diff != "" {
		t.Errorf("%v (-put +kept):\n%s", err, diff)
	}
	if got := r.encode(); len(got) < len(want) { // new fields may come
		t.Errorf("got %q, want %q", got, want)
	}
}

// As with rooms: testdata/number.record has to be read for ever.
func TestANumbersRecordIsWrittenAsItAlwaysWas(t *testing.T) {
	n := dialplan.Number{Dialled: "+49301234*", Trunk: "carrier", Room: "1000", Voice: "de"}
	r, err := dialledRecord(n, 7)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/number.record")
	if err != nil {
		t.Fatal(err)
	}
	old, length, err := decode(want)
	if err != nil || length != len(want) {
		t.Fatalf("got %d of %d bytes, %v", length, len(want), err)
	}
	if got, err := old.dialled(); err != nil || got != n {
		t.Errorf("got %+v, %v, want %+v", got, err, n)
	}
	if got := r.encode(); len(got) < len(want) { // new fields may come
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatANewerVersionHasWrittenIsRefusedInClearWords(t *testing.T) {
	for _, r := range []record{
		{kind: aRoom, revision: 9, number: "1000", body: []byte(`{"Number":"1000","PIN":"hash"}`)},
		{kind: aBan, revision: 9, number: "1000/b1", body: []byte(`{"ID":"b1","Network":"192.0.2.0/24"}`)},
		{kind: aDialled, revision: 9, number: "1000/", body: []byte(`{"Dialled":"1000","Hours":"9-17"}`)},
		{kind: 'Z', revision: 9, number: "1000", body: []byte(`{}`)},
	} {
		dir := t.TempDir()
		s, _, _ := opened(t, Config{Dir: dir})
		if err := s.write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
		for range 2 { // and nothing is changed by that
			_, _, _, err := Open(t.Context(), Config{Dir: dir})
			if !errors.Is(err, ErrNewer) {
				t.Errorf("%q: got %v, want ErrNewer", r.body, err)
			}
		}
		if aside, err := filepath.Glob(filepath.Join(dir, "damaged", "*")); err != nil || len(aside) > 0 {
			t.Errorf("%q: set aside: %v, %v", r.body, aside, err)
		}
	}
	old := record{kind: aRoom, number: "1000", body: []byte(`{"Number":"1000"}`)}
	if k, err := old.room(); err != nil || k.Number != "1000" {
		t.Errorf("a record that lacks what came later: got %+v, %v", k, err)
	}
}

func FuzzSearch(f *testing.F) {
	one := record{kind: aRoom, revision: 3, number: "1000", body: []byte(`{"Number":"1000"}`)}
	newer := record{kind: aRoom, revision: 4, number: "1000"}
	f.Add(one.encode())
	f.Add(record{kind: aBan, revision: 5, number: "1000/b1", body: []byte(`{"ID":"b1","Address":"sip:a@192.0.2.1"}`)}.encode())
	f.Add(record{kind: aDialled, revision: 6, number: "+49*/carrier", body: []byte(`{"Dialled":"+49*","Trunk":"carrier","Room":"1"}`)}.encode())
	f.Add(append(append([]byte("junk"), one.encode()...), newer.encode()...))
	f.Add(append(one.encode()[:30], one.encode()...))
	f.Add(magic)
	f.Fuzz(func(t *testing.T, b []byte) {
		all := newFound()
		end := all.searchBytes("f", b, all.add)
		if end > len(b) {
			t.Errorf("the last record ends at %d of %d", end, len(b))
		}
		for at, r := range all.newest {
			if !bytes.Contains(b, r.encode()) || at.number != r.number || at.kind != r.kind {
				t.Errorf("found %+v as %+v, which is not there", r, at)
			}
			if k, err := r.ban(); err == nil && banNumber(k.Room, k.ID) != r.number && strings.Contains(r.number, "/") {
				t.Errorf("the ban of %q is that of %+v", r.number, k)
			}
			if n, err := r.dialled(); err == nil && dialledNumber(n.Key()) != r.number {
				t.Errorf("the number of %q is %+v", r.number, n)
			}
		}
		for _, d := range all.damaged {
			if _, _, err := decode(b[d.Offset:]); !errors.Is(err, errDamaged) {
				t.Errorf("offset %d is not damaged: %v", d.Offset, err)
			}
		}
	})
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	whole := record{kind: aRoom, revision: 3, number: "1000", body: []byte(`{"Number":"1000"}`)}.encode()
	for i := range len(whole) * 8 {
		b := bytes.Clone(whole)
		b[i/8] ^= 1 << (i % 8)
		if r, _, err := decode(b); err == nil {
			t.Errorf("bit %d: got %+v", i, r)
		}
	}
	for n := range whole {
		if _, _, err := decode(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes: no error", n, len(whole))
		}
	}
}

func TestPINsComeBackAsHashes(t *testing.T) {
	pin, err := access.ParsePIN("48151623")
	if err != nil {
		t.Fatal(err)
	}
	guard := access.NewGuard(access.Config{Cost: access.Cost{MemoryKiB: 8, Passes: 1, Lanes: 1}})
	k := room("1000", "board")
	if k.PINs, err = guard.Rekey(t.Context(), nil, &pin, nil); err != nil {
		t.Fatal(err)
	}
	r, err := roomRecord(k, 5)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(r.encode(), []byte("48151623")) {
		t.Error("the record has the PIN")
	}
	back, err := r.room()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k.PINs.Record(), back.PINs.Record()); diff != "" {
		t.Errorf("(-put +kept):\n%s", diff)
	}
	r.body = bytes.Replace(r.body, []byte("$argon2id"), []byte("$argon3id"), 1)
	if _, err := r.room(); !errors.Is(err, errDamaged) {
		t.Errorf("a hash that cannot be read: got %v, want a room that is damaged, not one without a PIN", err)
	}
}

func TestAnEventAboutNoRoomHasNone(t *testing.T) {
	r := record{kind: anEvent, number: "1000", body: []byte(`{"Room":"1000","Sequence":7,"Kind":1,"Participant":{"ID":"a1"},"Info":{"Number":"","Locked":false}}`)}
	e, err := r.event()
	if err != nil || e.Info != nil || e.Participant.ID != "a1" {
		t.Errorf("what an earlier version has written: got %+v, %v", e, err)
	}
	want := rooms.Event{Room: "1000", Sequence: 8, Kind: rooms.KindEnded, Info: &rooms.Info{Number: "1000", Participants: 2}}
	r, err = eventRecord(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.event()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-told +kept):\n%s", err, diff)
	}
}
