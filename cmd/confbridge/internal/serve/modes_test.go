package serve

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms"
)

func TestModesOfTheFileAreThoseOfRooms(t *testing.T) {
	got, err := roomModes(config.Modes{
		WaitForHost: true, OnLastHostLeave: config.LeaveEnd, HostGrace: time.Second, Lobby: true, Lecture: true, MuteOnEntry: true,
		AllowSelfUnmute: true, ReservedForHosts: 3, WarnBefore: []time.Duration{time.Minute, time.Hour},
	})
	want := rooms.Modes{
		WaitForHost: true, EndWithoutHost: true, HostGrace: time.Second, Lobby: true, Lecture: true, MuteOnEntry: true, AllowSelfUnmute: true,
		ReservedForHosts: 3, WarnBefore: [rooms.MaxWarnings]time.Duration{time.Hour, time.Minute},
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
