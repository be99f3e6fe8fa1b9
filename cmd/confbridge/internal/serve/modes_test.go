package serve

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/entry"
)

func TestADeclaredRoomHasModesOfItsOwn(t *testing.T) {
	no, yes, grace, seats := false, true, time.Second, 0
	cfg := config.Rooms{
		Modes: config.Modes{WaitForHost: true, Lobby: true, HostGrace: time.Minute, ReservedForHosts: 2, WarnBefore: []time.Duration{time.Minute}},
		List: []config.Room{{Number: "1"}, {Number: "2", RoomModes: config.RoomModes{
			WaitForHost: &no, Lobby: &no, Lecture: &yes, MuteOnEntry: &yes, AllowSelfUnmute: &yes, OnLastHostLeave: config.LeaveEnd, HostGrace: &grace,
			ReservedForHosts: &seats, WarnBefore: []time.Duration{time.Hour}, RecordNames: &yes,
		}}},
	}
	desk, err := entry.New(entry.Config{}, rooms.NewRegistry(rooms.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&Main{cfg: config.Config{Rooms: cfg}, desk: desk}).declared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []rooms.Modes{
		{
			WaitForHost: true, Lobby: true, HostGrace: time.Minute, ReservedForHosts: 2,
			WarnBefore: [rooms.MaxWarnings]time.Duration{time.Minute},
		},
		{
			RecordNames: true,
			Lecture:     true, MuteOnEntry: true, AllowSelfUnmute: true, EndWithoutHost: true, HostGrace: time.Second,
			WarnBefore: [rooms.MaxWarnings]time.Duration{time.Hour},
		},
	}
	if diff := cmp.Diff(want, []rooms.Modes{got[0].Modes, got[1].Modes}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestADeclaredRoomIsRecordedAsItSays(t *testing.T) {
	all := config.Default().Recording
	all.Beep, all.Rule = true, "with_host"
	from := 2
	cfg := config.Rooms{List: []config.Room{{Number: "1"}, {Number: "2", RoomRecording: config.RoomRecording{
		RecordingContent: "both", RecordingFormat: "wav", RecordingRule: "always", RecordingFrom: &from,
	}}}}
	desk, err := entry.New(entry.Config{}, rooms.NewRegistry(rooms.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&Main{cfg: config.Config{Rooms: cfg, Recording: all}, desk: desk}).declared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []rooms.RecordingSettings{
		{Content: rooms.RecordMix, Format: rooms.FormatOpus, Tone: true, Beep: true, Rule: rooms.RecordWithHost, From: 1},
		{Content: rooms.RecordBoth, Format: rooms.FormatWAV, Tone: true, Beep: true, Rule: rooms.RecordAlways, From: 2},
	}
	if diff := cmp.Diff(want, []rooms.RecordingSettings{got[0].Recording, got[1].Recording}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestModesOfTheFileAreThoseOfRooms(t *testing.T) {
	got, err := roomModes(config.Modes{
		WaitForHost: true, OnLastHostLeave: config.LeaveEnd, HostGrace: time.Second, Lobby: true, Lecture: true, MuteOnEntry: true,
		AllowSelfUnmute: true, ReservedForHosts: 3, WarnBefore: []time.Duration{time.Minute, time.Hour}, EarlyWait: time.Minute, RecordNames: true,
	})
	want := rooms.Modes{
		WaitForHost: true, EndWithoutHost: true, HostGrace: time.Second, Lobby: true, Lecture: true, MuteOnEntry: true, AllowSelfUnmute: true,
		ReservedForHosts: 3, WarnBefore: [rooms.MaxWarnings]time.Duration{time.Hour, time.Minute}, EarlyWait: time.Minute, RecordNames: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	got, err = roomModes(config.Default().Rooms.Modes)
	want = rooms.Modes{
		HostGrace: time.Minute, AllowSelfUnmute: true, WarnBefore: [rooms.MaxWarnings]time.Duration{5 * time.Minute, time.Minute},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("without a file: %v, (-want +got):\n%s", err, diff)
	}
}
