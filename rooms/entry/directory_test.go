package entry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// shelf keeps numbers in memory, and nothing while it is broken.
type shelf struct {
	kept   map[dialplan.Key]dialplan.Number
	broken error
	silent int // so many changes are made, and nobody is told so
}

func (s *shelf) PutNumber(_ context.Context, n dialplan.Number) error {
	if s.broken == nil {
		s.kept[n.Key()] = n
	}
	return s.answer()
}

func (s *shelf) RemoveNumber(_ context.Context, k dialplan.Key) error {
	if s.broken == nil {
		delete(s.kept, k)
	}
	return s.answer()
}

// answer is that of a store that may have timed out.
func (s *shelf) answer() error {
	if s.silent > 0 {
		s.silent--
		return context.DeadlineExceeded
	}
	return s.broken
}

// listed is a directory with a number that the file declares, over a shelf.
func listed(t *testing.T) (*Directory, *shelf) {
	t.Helper()
	d, err := newDirectory([]dialplan.Number{{Dialled: "100", Room: "1000"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{kept: map[dialplan.Key]dialplan.Number{}}
	d.Restore(NumberMemory{Keeper: s})
	return d, s
}

func TestANumberThatIsMadeLeadsTheNextCall(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		if _, err := b.desk.Admit(b.ctx, "+4930123", rooms.Caller{}); !errors.Is(err, rooms.ErrNoRoom) {
			t.Errorf("before: got %v, want ErrNoRoom", err)
		}
		numbers := b.desk.Numbers()
		n, err := numbers.Create(b.ctx, dialplan.Number{Dialled: "+4930*", Room: "1000", Voice: "de", Declared: true})
		if want := (dialplan.Number{Dialled: "+4930*", Room: "1000", Voice: "de"}); err != nil || n != want {
			t.Fatalf("got %+v, %v, want %+v", n, err, want)
		}
		if err := b.desk.Reachable("+4930123"); err != nil {
			t.Errorf("reachable: %v", err)
		}
		c := b.dial("+4930123", rooms.Origin{})
		c.leg.press("1357#")
		time.Sleep(10 * time.Second)
		if got, want := b.of(c).said, "de:welcome de:enter-pin de:entering"; got != want || c.Room() != "1000" {
			t.Errorf("in room %s was said %q, want %q", c.Room(), got, want)
		}
		other, none := "3000", ""
		if _, err := numbers.Update(b.ctx, n.Key(), NumberPatch{Room: &other, Voice: &none}); err != nil {
			t.Fatal(err)
		}
		if again := b.dial("+4930123", rooms.Origin{}); again.Room() != "3000" || c.Room() != "1000" {
			t.Errorf("changed: the next call is in room %s, the one before in %s", again.Room(), c.Room())
		}
		if err := numbers.Delete(b.ctx, n.Key()); err != nil {
			t.Fatal(err)
		}
		if err := b.desk.Reachable("+4930123"); !errors.Is(err, rooms.ErrNoRoom) {
			t.Errorf("deleted: got %v, want ErrNoRoom", err)
		}
	})
}

func TestWhatCannotBeDoneToNumbers(t *testing.T) {
	d, s := listed(t)
	ctx := t.Context()
	room, voice, same := "2000", "no voice", "1000"
	made := dialplan.Number{Dialled: "200", Room: "1000"}
	if _, err := d.Create(ctx, made); err != nil {
		t.Fatal(err)
	}
	inFile, absent := dialplan.Key{Dialled: "100"}, dialplan.Key{Dialled: "100", Trunk: "carrier"}
	update := func(k dialplan.Key, p NumberPatch) error { _, err := d.Update(ctx, k, p); return err }
	create := func(n dialplan.Number) error { _, err := d.Create(ctx, n); return err }
	for _, row := range []struct {
		name string
		err  error
		want error
	}{
		{"made twice", create(made), ErrNumberExists},
		{"made where the file declares it", create(dialplan.Number{Dialled: "100", Room: "2000"}), ErrNumberInFile},
		{"two stars", create(dialplan.Number{Dialled: "*1*"}), ErrInvalid},
		{"a room that cannot be", create(dialplan.Number{Dialled: "1", Room: "a room"}), ErrInvalid},
		{"a voice that cannot be", create(dialplan.Number{Dialled: "1", Voice: voice}), ErrInvalid},
		{"a trunk that cannot be", create(dialplan.Number{Dialled: "1", Trunk: "a/b"}), ErrInvalid},
		{"changed in the file", update(inFile, NumberPatch{Room: &room}), ErrNumberDeclared},
		{"left as it is in the file", update(inFile, NumberPatch{Room: &same}), nil},
		{"taken out of the file", d.Delete(ctx, inFile), ErrNumberDeclared},
		{"changed where there is none", update(absent, NumberPatch{Room: &room}), ErrNoNumber},
		{"deleted where there is none", d.Delete(ctx, absent), ErrNoNumber},
		{"changed to what cannot be", update(made.Key(), NumberPatch{Voice: &voice}), ErrInvalid},
	} {
		if !errors.Is(row.err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, row.err, row.want)
		}
	}
	if _, err := d.Number(absent); !errors.Is(err, ErrNoNumber) {
		t.Errorf("got %v, want ErrNoNumber", err)
	}
	want := []dialplan.Number{{Dialled: "100", Room: "1000", Declared: true}, made}
	if diff := cmp.Diff(want, d.List("", 10)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[dialplan.Key]dialplan.Number{made.Key(): made}, s.kept); diff != "" {
		t.Errorf("what is kept (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeKeptOfNumbersChangesNothing(t *testing.T) {
	d, s := listed(t)
	made := dialplan.Number{Dialled: "200", Room: "1000"}
	if _, err := d.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	s.broken = errBroken
	room := "2000"
	_, created := d.Create(t.Context(), dialplan.Number{Dialled: "300"})
	_, updated := d.Update(t.Context(), made.Key(), NumberPatch{Room: &room})
	for what, err := range map[string]error{"create": created, "update": updated, "delete": d.Delete(t.Context(), made.Key())} {
		if !errors.Is(err, rooms.ErrStorage) || !errors.Is(err, errBroken) {
			t.Errorf("%s: got %v, want ErrStorage", what, err)
		}
	}
	if got := d.List("100", 10); len(got) != 1 || got[0] != made {
		t.Errorf("got %+v, want %+v alone", got, made)
	}
	s.broken = context.DeadlineExceeded
	if err := d.Delete(t.Context(), made.Key()); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, rooms.ErrStorage) {
		t.Errorf("too slow: got %v, want DeadlineExceeded alone", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.turn <- struct{}{}
	if err := d.Delete(ctx, made.Key()); !errors.Is(err, context.Canceled) {
		t.Errorf("behind somebody who takes long: got %v, want Canceled", err)
	}
}

// What the store has done without saying so would be in force at the next start.
func TestWhatTheStoreDidNotAnswerForIsTakenBack(t *testing.T) {
	made, room := dialplan.Number{Dialled: "200", Room: "1000"}, "2000"
	for name, change := range map[string]func(*Directory) error{
		"made": func(d *Directory) error { _, err := d.Create(t.Context(), dialplan.Number{Dialled: "300"}); return err },
		"changed": func(d *Directory) error {
			_, err := d.Update(t.Context(), made.Key(), NumberPatch{Room: &room})
			return err
		},
		"deleted": func(d *Directory) error { return d.Delete(t.Context(), made.Key()) },
	} {
		for after, silent := range map[string]int{"at once": 1, "with the next change": 2, "at the end": 2} {
			t.Run(name+", "+after, func(t *testing.T) {
				d, s := listed(t)
				if _, err := d.Create(t.Context(), made); err != nil {
					t.Fatal(err)
				}
				s.silent = silent
				if err := change(d); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("got %v, want DeadlineExceeded", err)
				}
				want := map[dialplan.Key]dialplan.Number{made.Key(): made}
				switch after {
				case "with the next change":
					other := dialplan.Number{Dialled: "400"}
					want[other.Key()] = other
					if _, err := d.Create(t.Context(), other); err != nil {
						t.Fatal(err)
					}
				case "at the end":
					d.close(t.Context())
				}
				if diff := cmp.Diff(want, s.kept); diff != "" {
					t.Errorf("what is kept (-want +got):\n%s", diff)
				}
				if len(d.doubts.all) > 0 {
					t.Errorf("%v are in doubt still", d.doubts.all)
				}
			})
		}
	}
}

// A number that could not be read is refused until it is made anew; what it was before nobody knows.
func TestWhatCouldNotBeReadIsNotTakenBack(t *testing.T) {
	d, s := listed(t)
	lost := dialplan.Key{Dialled: "77"}
	d.Restore(NumberMemory{Keeper: s, Blocked: []dialplan.Key{lost}})
	s.silent = 1
	if _, err := d.Create(t.Context(), dialplan.Number{Dialled: "77"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want DeadlineExceeded", err)
	}
	if _, kept := s.kept[lost]; !kept || len(d.doubts.all) > 0 {
		t.Errorf("got %v, %v in doubt", s.kept, d.doubts.all)
	}
	if _, err := d.Number(lost); !errors.Is(err, rooms.ErrStorage) {
		t.Errorf("got %v, want ErrStorage", err)
	}
}

func TestDoubtsAreBounded(t *testing.T) {
	d, s := listed(t)
	var log bytes.Buffer
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	s.broken = errBroken
	for n := range maxDoubts + 10 {
		if _, err := d.Create(t.Context(), dialplan.Number{Dialled: strconv.Itoa(1000 + n)}); !errors.Is(err, rooms.ErrStorage) {
			t.Fatalf("got %v, want ErrStorage", err)
		}
	}
	if last := d.doubts.all[len(d.doubts.all)-1]; len(d.doubts.all) != maxDoubts || last.Dialled != strconv.Itoa(1000+maxDoubts+9) {
		t.Errorf("%d are in doubt, the last %v", len(d.doubts.all), last)
	}
	d.close(t.Context())
	for _, word := range []string{"not tried again: there are too many\" number=1009\n", "for a change that was refused\" number=1010\n"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("nobody says %q", word)
		}
	}
}

// stuckShelf does not answer.
type stuckShelf struct{ *shelf }

func (s stuckShelf) PutNumber(ctx context.Context, _ dialplan.Number) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func (s stuckShelf) RemoveNumber(ctx context.Context, _ dialplan.Key) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestAStoreOfNumbersThatDoesNotAnswerLeavesTimeAtTheEnd(t *testing.T) {
	for name, most := range map[string]time.Duration{"there is less": endTime / 2, "there is more": 10 * endTime} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, s := listed(t)
				d.keeper = stuckShelf{s}
				d.doubts.add(dialplan.Key{Dialled: "200"})
				ctx, cancel := context.WithTimeout(t.Context(), most)
				defer cancel()
				began := time.Now()
				d.close(ctx)
				if took, want := time.Since(began), min(most, endTime); took != want {
					t.Errorf("the end took %v, want %v", took, want)
				}
			})
		})
	}
}

// Numbers have nothing to do with who is asked for a PIN.
func TestNumbersAreSettledWhereADialogueDoesNotEnd(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		numbers, s := b.desk.Numbers(), &shelf{kept: map[dialplan.Key]dialplan.Number{{Dialled: "200"}: {Dialled: "200"}}}
		numbers.Restore(NumberMemory{Keeper: s})
		numbers.doubts.add(dialplan.Key{Dialled: "200"})
		b.desk.asked.Add(1)
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		if err := b.desk.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		if len(s.kept) > 0 {
			t.Errorf("kept is %v, want nothing", s.kept)
		}
		b.desk.asked.Done()
	})
}

func TestTheFileHasItsWayWithNumbersThatWereKept(t *testing.T) {
	var log bytes.Buffer
	d, err := newDirectory([]dialplan.Number{{Dialled: "100", Room: "1000"}}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	d.Restore(NumberMemory{
		Numbers: []dialplan.Number{{Dialled: "100", Room: "hand"}, {Dialled: "200", Room: "2000"}, {Dialled: "300", Room: "not a room"}},
		Blocked: []dialplan.Key{{Dialled: "100"}, {Dialled: "400", Trunk: "carrier"}, {}},
	})
	want := []dialplan.Number{
		{Dialled: "100", Room: "1000", Declared: true},
		{Dialled: "200", Room: "2000"},
		{Dialled: "300", Room: "not a room", Unreadable: true},
		{Dialled: "400", Trunk: "carrier", Unreadable: true},
	}
	if diff := cmp.Diff(want, d.List("", 10)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, word := range []string{
		"a number that was made is now declared: the file says where it leads\" number=100",
		"cannot be read are refused, until it is created anew or deleted\" number=400@carrier", "a number is left out that cannot be\" number=300",
	} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("nobody says %q:\n%s", word, &log)
		}
	}
}

func TestCallsToANumberThatCannotBeReadAreRefused(t *testing.T) {
	inBubbleOf(t, Config{}, rooms.Config{OnDemand: true}, func(b *bridge) {
		numbers := b.desk.Numbers()
		lost := dialplan.Key{Dialled: "77", Trunk: "carrier"}
		numbers.Restore(NumberMemory{Blocked: []dialplan.Key{lost, {Dialled: "88"}}})
		carried := rooms.Caller{Origin: &rooms.Origin{Trunk: "carrier"}}
		for _, number := range []string{"77", "88"} {
			if _, err := b.desk.Admit(b.ctx, number, carried); !errors.Is(err, rooms.ErrStorage) {
				t.Errorf("%s: got %v, want ErrStorage", number, err)
			}
		}
		if err := b.desk.Reachable("77"); err != nil {
			t.Errorf("by other trunks: %v", err)
		}
		if err := b.desk.Reachable("88"); !errors.Is(err, rooms.ErrStorage) {
			t.Errorf("by all trunks: got %v, want ErrStorage", err)
		}
		if _, err := numbers.Number(lost); !errors.Is(err, rooms.ErrStorage) {
			t.Errorf("got %v, want ErrStorage", err)
		}
		room := "3000"
		if _, err := numbers.Update(b.ctx, lost, NumberPatch{Room: &room}); !errors.Is(err, rooms.ErrStorage) {
			t.Errorf("changed: got %v, want ErrStorage", err)
		}
		if _, err := numbers.Create(b.ctx, dialplan.Number{Dialled: "77", Trunk: "carrier", Room: room}); err != nil {
			t.Fatal(err)
		}
		if p, err := b.desk.Admit(b.ctx, "77", carried); err != nil || p.Room() != room {
			t.Errorf("made anew: got %v", err)
		} else {
			p.Leave(rooms.ReasonHangup)
		}
		if err := numbers.Delete(b.ctx, dialplan.Key{Dialled: "88"}); err != nil {
			t.Fatal(err)
		}
		if err := b.desk.Reachable("88"); err != nil {
			t.Errorf("deleted: %v", err)
		}
	})
}

func TestThereAreNotMoreNumbersThanCanBe(t *testing.T) {
	d, err := newDirectory(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for n := range dialplan.MaxNumbers {
		d.plan.Put(dialplan.Number{Dialled: strings.Repeat("1", n%100+1), Trunk: "t" + strings.Repeat("x", n/100%60) + string(rune('a'+n/6000))})
	}
	if d.plan.Len() != dialplan.MaxNumbers {
		t.Fatalf("%d numbers", d.plan.Len())
	}
	if _, err := d.Create(t.Context(), dialplan.Number{Dialled: "2"}); !errors.Is(err, ErrTooManyNumbers) {
		t.Errorf("got %v, want ErrTooManyNumbers", err)
	}
}
