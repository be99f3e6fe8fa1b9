package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func TestHoursAreAskedFor(t *testing.T) {
	const window = "2026-03-02T09:00 Europe/Berlin 1h FREQ=WEEKLY;BYDAY=MO,WE EXDATE=2026-12-23,2026-12-24"
	weekly := &confbridgev1.OpenWindow{
		Start: "2026-03-02T09:00", TimeZone: "Europe/Berlin", Duration: durationpb.New(time.Hour), Rule: "FREQ=WEEKLY;BYDAY=MO,WE",
		Except: []string{"2026-12-23", "2026-12-24"},
	}
	once := &confbridgev1.OpenWindow{Start: "2026-03-05T09:00", TimeZone: "UTC", Duration: durationpb.New(time.Minute)}
	for _, row := range []struct {
		name string
		args []string
		want proto.Message
	}{
		{
			"a room with two windows",
			[]string{"rooms", "create", "7", "--open", window, "--open", "2026-03-05T09:00 UTC 1m", "--outlast"},
			&confbridgev1.CreateRoomRequest{RoomId: "7", Room: &confbridgev1.Room{
				MaxDuration: durationpb.New(0), OpenWindows: []*confbridgev1.OpenWindow{weekly, once}, OutlastsWindows: true,
			}},
		},
		{
			"other windows",
			[]string{"rooms", "update", "7", "--open", "2026-03-05T09:00 UTC 1m"},
			&confbridgev1.UpdateRoomRequest{
				Room: &confbridgev1.Room{Name: "rooms/7", OpenWindows: []*confbridgev1.OpenWindow{once}}, UpdateMask: paths("open_windows"),
			},
		},
		{
			"no windows any more",
			[]string{"rooms", "update", "7", "--open", "always", "--no-outlast"},
			&confbridgev1.UpdateRoomRequest{Room: &confbridgev1.Room{Name: "rooms/7"}, UpdateMask: paths("open_windows", "outlasts_windows")},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			fake := sample()
			got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": fake.start(t)}, row.args...)
			if got.code != exitOK {
				t.Fatalf("got exit %d, %s", got.code, got.stderr)
			}
			if diff := cmp.Diff(row.want, fake.lastRequest(), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
	got := runAt(t.Context(), nil, "rooms", "create", "7", "--open", "mondays")
	if got.code != exitUsage || !strings.Contains(got.stderr, "START ZONE DURATION") {
		t.Errorf("a window that is none: got exit %d, %s", got.code, got.stderr)
	}
}
