package store

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	sdp "github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/distribution"
)

var created = time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)

func room(number, name string) rooms.Kept {
	return rooms.Kept{
		Number: number, Created: created,
		Settings: rooms.Settings{DisplayName: name, MaxParticipants: 7, MaxDuration: time.Hour, Locked: true, MaxTalkers: 3, AGC: true, NoiseSuppression: true},
	}
}

func event(number string, seq uint64) rooms.Event {
	return rooms.Event{
		Room: number, Sequence: seq, Time: created, Kind: rooms.KindLeft, Reason: rooms.ReasonHangup,
		Participant: rooms.ParticipantInfo{ID: "a1", Room: number, Caller: rooms.Caller{DisplayName: "Åsa", Role: rooms.RoleModerator}, LevelDBFS: -127},
	}
}

func byNumber(a, b rooms.Kept) int { return cmp.Compare(a.Number, b.Number) }

// onBoth runs a test against the server within the process, and against one of its own.
func onBoth(t *testing.T, test func(t *testing.T, cfg Config)) {
	t.Run("within", func(t *testing.T) { test(t, Config{Dir: t.TempDir()}) })
	t.Run("elsewhere", func(t *testing.T) { test(t, Config{Dir: t.TempDir(), URL: startNATS(t)}) })
}

// sendsAndReceives is what a room sends to groups, and takes in, with keys.
func sendsAndReceives(t *testing.T) (*distribution.Set, *distribution.SourceSet) {
	t.Helper()
	pcmu := codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}
	sent, err := distribution.NewSet(distribution.Distribution{
		ID: "hall", To: []netip.AddrPort{netip.MustParseAddrPort("239.1.2.3:5004")}, TTL: 1, Codec: codec.PCMU, Packet: 20 * time.Millisecond, Silence: distribution.SilenceNothing,
		Suite: distribution.SuiteGCM, Key: make([]byte, 28), SSRC: 7, Created: created,
	})
	if err != nil {
		t.Fatal(err)
	}
	taken, err := distribution.NewSourceSet(
		distribution.Source{ID: "stage", Group: netip.MustParseAddrPort("239.1.2.4:5004"), Format: pcmu, Interface: "eth1", Timeout: time.Hour, Created: created},
		distribution.Source{
			ID: "attic", Group: netip.MustParseAddrPort("232.1.2.4:5005"), RTCPPort: 6000, Sources: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, TTL: 3, PayloadType: 97, Format: pcmu,
			DisplayName: "Attic", Key: sdp.Key{Suite: string(distribution.SuiteCM), Master: make([]byte, 30)}, Created: created,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	return sent, taken
}

func TestRoomsAreThereAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		s, kept, marks := opened(t, cfg)
		if len(kept) != 0 || len(marks) != 0 {
			t.Errorf("new: got %v, %v", kept, marks)
		}
		want := []rooms.Kept{room("1000", "one"), room("*+#._-aZ", "odd"), room("2", "")}
		want[1].Distributions, want[1].Sources = sendsAndReceives(t)
		for _, k := range append(want, room("gone", ""), room("1000", "changed")) {
			if err := s.Put(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		for _, number := range []string{"gone", "never was"} {
			if err := s.Remove(t.Context(), number); err != nil {
				t.Fatal(err)
			}
		}
		want[0].DisplayName = "changed"
		slices.SortFunc(want, byNumber)
		for range 2 {
			closeStore(t, s)
			s, kept, _ = opened(t, cfg)
			slices.SortFunc(kept, byNumber)
			if diff := gocmp.Diff(want, kept); diff != "" {
				t.Errorf("(-put +kept):\n%s", diff)
			}
		}
	})
}

func TestBansAreThereAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		s, _, _ := opened(t, cfg)
		for _, number := range []string{"1000", "1000.", "2"} {
			if err := s.PutBan(t.Context(), number, banIn(number)); err != nil {
				t.Fatal(err)
			}
		}
		later := banIn("2")
		later.Expires = created
		err := errors.Join(s.PutBan(t.Context(), "2", later), s.RemoveBan(t.Context(), "1000", "b1000"), s.RemoveBan(t.Context(), "1000", "never was"))
		if err != nil {
			t.Fatal(err)
		}
		want := []rooms.KeptBan{{Room: "1000.", Ban: banIn("1000.")}, {Room: "2", Ban: later}}
		for range 2 {
			closeStore(t, s)
			var kept []rooms.Kept
			s, kept, _ = opened(t, cfg)
			got := s.Bans()
			slices.SortFunc(got, func(a, b rooms.KeptBan) int { return cmp.Compare(a.Room, b.Room) })
			if diff := gocmp.Diff(want, got); diff != "" || len(kept) != 0 || len(s.LeftOut()) != 0 {
				t.Errorf("rooms %v, left out %v (-put +kept):\n%s", kept, s.LeftOut(), diff)
			}
		}
	})
}

func TestNumbersAreThereAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		s, _, _ := opened(t, cfg)
		want := []dialplan.Number{
			{Dialled: "+4930123400", Room: "1000"},
			{Dialled: "+49301234*", Trunk: "carrier", Voice: "de"},
			{Dialled: "1000/ä sales", Trunk: dialplan.Anonymous, Room: "2"},
		}
		for _, n := range append(want, dialplan.Number{Dialled: "1000", Room: "gone"}, dialplan.Number{Dialled: "+4930123400", Room: "changed"}) {
			if err := s.PutNumber(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		for _, k := range []dialplan.Key{{Dialled: "1000"}, {Dialled: "never was"}} {
			if err := s.RemoveNumber(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.PutNumber(t.Context(), dialplan.Number{Dialled: "1", Trunk: "a/b"}); !errors.Is(err, dialplan.ErrInvalid) {
			t.Errorf("a trunk with a slash: got %v, want ErrInvalid", err)
		}
		if err := s.Put(t.Context(), room("1000", "a room, and no number")); err != nil {
			t.Fatal(err)
		}
		want[0].Room = "changed"
		for range 2 {
			closeStore(t, s)
			var kept []rooms.Kept
			s, kept, _ = opened(t, cfg)
			got := s.Numbers()
			slices.SortFunc(got, func(a, b dialplan.Number) int { return strings.Compare(a.Dialled, b.Dialled) })
			slices.SortFunc(want, func(a, b dialplan.Number) int { return strings.Compare(a.Dialled, b.Dialled) })
			if diff := gocmp.Diff(want, got); diff != "" || len(kept) != 1 || len(s.LeftOutNumbers()) != 0 {
				t.Errorf("rooms %v, left out %v (-put +kept):\n%s", kept, s.LeftOutNumbers(), diff)
			}
		}
	})
}

func TestEventsAndMarksAreThereAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		cfg.EventsKept = 5
		s, _, _ := opened(t, cfg)
		var events []rooms.Event
		for seq := range uint64(8) {
			events = append(events, event("1000", 2*seq+1), event("2", seq+1))
		}
		err := s.Tell(t.Context(), events, []rooms.Mark{{Room: "1000", Last: 300}, {Room: "only*mark", Last: 7}})
		if err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
		s, _, marks := opened(t, cfg)
		slices.SortFunc(marks, func(a, b rooms.Mark) int { return cmp.Compare(a.Room, b.Room) })
		if want := []rooms.Mark{{Room: "1000", Last: 300}, {Room: "only*mark", Last: 7}}; !slices.Equal(marks, want) {
			t.Errorf("marks: got %v, want %v", marks, want)
		}
		for _, row := range []struct {
			name, number string
			after        uint64
			limit        int
			want         rooms.Past
		}{
			{"all that is kept", "1000", 0, 10, rooms.Past{Last: 300, First: 7, Events: []rooms.Event{
				event("1000", 7), event("1000", 9), event("1000", 11), event("1000", 13), event("1000", 15),
			}}},
			{"behind one", "1000", 11, 10, rooms.Past{Last: 300, First: 7, Events: []rooms.Event{event("1000", 13), event("1000", 15)}}},
			{"the newest", "1000", 0, 1, rooms.Past{Last: 300, First: 7, Events: []rooms.Event{event("1000", 15)}}},
			{"only the mark", "1000", 0, 0, rooms.Past{Last: 300}},
			{"without a mark", "2", 7, 10, rooms.Past{Last: 8, First: 4, Events: []rooms.Event{event("2", 8)}}},
			{"without events", "only*mark", 0, 10, rooms.Past{Last: 7}},
			{"never heard of", "3", 0, 10, rooms.Past{}},
		} {
			got, err := s.Recall(t.Context(), row.number, row.after, row.limit)
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			if diff := gocmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", row.name, diff)
			}
		}
	})
}

func TestEventsThatAreToldAtOnceShareMessages(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		s, _, _ := opened(t, cfg)
		var events []rooms.Event
		const many = 100
		for seq := range uint64(many) {
			events = append(events, event("1000", seq+1), event("2", seq+1))
		}
		if err := s.Tell(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
		info, err := s.session.Load().events.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		one, err := eventRecord(events[0])
		if err != nil {
			t.Fatal(err)
		}
		if want := 2 * (many*len(one.encode())/maxPack + 1); int(info.State.Msgs) > want {
			t.Errorf("%d events are in %d messages, want at most %d", len(events), info.State.Msgs, want)
		}
		past, err := s.Recall(t.Context(), "2", 90, many)
		if err != nil || past.First != 1 || past.Last != many || len(past.Events) != 10 || past.Events[0].Sequence != 91 {
			t.Errorf("got %d events from %d to %d, %v", len(past.Events), past.First, past.Last, err)
		}
	})
}

func TestADamagedEventTakesNoOtherWithIt(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		log := &logged{}
		cfg.Log = log.logger()
		s, _, _ := opened(t, cfg)
		messages, errs := pack([]rooms.Event{event("1000", 1), event("1000", 2), event("1000", 3)})
		if len(messages) != 1 || len(errs) != 0 {
			t.Fatalf("got %d messages, %v", len(messages), errs)
		}
		messages[0].Data[len(messages[0].Data)/2]++
		if err := s.session.Load().publish(t.Context(), messages); err != nil {
			t.Fatal(err)
		}
		past, err := s.Recall(t.Context(), "1000", 0, 10)
		if err != nil || len(past.Events) != 2 || past.Events[0].Sequence != 1 || past.Events[1].Sequence != 3 {
			t.Errorf("got %v, %v, want events 1 and 3", past.Events, err)
		}
		if !strings.Contains(log.String(), "events are damaged") {
			t.Errorf("nobody says so: %s", log)
		}
	})
}

func TestARegistryGoesOnWhereItWas(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		for life := range uint64(3) {
			s, kept, marks := opened(t, cfg)
			g := rooms.NewRegistry(rooms.Config{})
			if err := g.Restore(t.Context(), rooms.Memory{Keeper: s, Rooms: kept, Marks: marks}); err != nil {
				t.Fatal(err)
			}
			if life == 0 {
				if _, err := g.Create(t.Context(), "1000", rooms.Settings{}); err != nil {
					t.Fatal(err)
				}
			}
			after := uint64(0)
			w, err := g.Watch(t.Context(), "1000", &after)
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprint(life)
			if _, err := g.Update(t.Context(), "1000", rooms.SettingsPatch{DisplayName: &name}); err != nil {
				t.Fatal(err)
			}
			for i := range life + 1 {
				e, err := w.Next(t.Context())
				if err != nil || e.Sequence != i+1 || e.Info.DisplayName != fmt.Sprint(i) {
					t.Errorf("life %d: got event %d of %q, %v, want %d", life, e.Sequence, e.Info.DisplayName, err, i+1)
				}
			}
			if err := g.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
		}
	})
}

func TestTwoBridgesDoNotShareAFolder(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := opened(t, Config{Dir: dir})
	_, _, _, err := Open(t.Context(), Config{Dir: dir})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(dir, ": process ", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	closeStore(t, s)
	opened(t, Config{Dir: dir})
}

func TestAFolderThatCannotBeUsedIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, "/proc/nothing"} {
		if _, _, _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v", dir, err)
		}
	}
}

func TestAServerThatIsNotThereIsNamed(t *testing.T) {
	_, _, _, err := Open(t.Context(), Config{Dir: t.TempDir(), URL: "nats://127.0.0.1:1"})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "nats://127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
}
