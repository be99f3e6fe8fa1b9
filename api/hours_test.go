package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// inAnHour is a window that opens in an hour, to the minute, every day.
func inAnHour() (*confbridgev1.OpenWindow, time.Time) {
	opens := time.Now().UTC().Truncate(time.Minute).Add(time.Hour)
	return &confbridgev1.OpenWindow{
		Start: opens.Format("2006-01-02T15:04"), TimeZone: "UTC", Duration: durationpb.New(time.Minute), Rule: "FREQ=DAILY",
		Except: []string{"2199-12-24"},
	}, opens
}

func TestARoomsHoursAreSetAndShown(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx := waitContext(t)
	window, opens := inAnHour()
	room, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{
		RoomId: "1000", Room: &confbridgev1.Room{OpenWindows: []*confbridgev1.OpenWindow{window}, OutlastsWindows: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !room.GetClosed() || !room.GetOpenTime().AsTime().Equal(opens) || room.GetCloseTime() != nil || !room.GetOutlastsWindows() {
		t.Errorf("got %v", room)
	}
	if diff := cmp.Diff([]*confbridgev1.OpenWindow{window}, room.GetOpenWindows(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	_, err = b.reg.Admit(ctx, "1000", rooms.Caller{})
	if st := toStatus(&confbridgev1.GetRoomRequest{Name: "rooms/1000"}, err); st.Code() != codes.FailedPrecondition {
		t.Errorf("an early caller: got %v", err)
	}
	room, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room: &confbridgev1.Room{Name: "rooms/1000", DisplayName: "x"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
	})
	if err != nil || len(room.GetOpenWindows()) != 1 {
		t.Errorf("another field: got %v, %v", room, err)
	}
	always := &confbridgev1.OpenWindow{Start: "2026-01-01T00:00", TimeZone: "UTC", Duration: durationpb.New(24 * time.Hour), Rule: "FREQ=DAILY"}
	room, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room: &confbridgev1.Room{Name: "rooms/1000", OpenWindows: []*confbridgev1.OpenWindow{always}}, // of what is set: no mask
	})
	if err != nil || room.GetClosed() || room.GetOpenTime() != nil || room.GetCloseTime() != nil {
		t.Errorf("always open: got %v, %v", room, err)
	}
	room, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room: &confbridgev1.Room{Name: "rooms/1000"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"open_windows", "outlasts_windows"}},
	})
	if err != nil || room.GetClosed() || len(room.GetOpenWindows()) != 0 || room.GetOutlastsWindows() {
		t.Errorf("no windows: got %v, %v", room, err)
	}
}

func TestHoursThatCannotBe(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx := waitContext(t)
	b.create(t, "1000")
	window, _ := inAnHour()
	change := func(f func(*confbridgev1.OpenWindow)) []*confbridgev1.OpenWindow {
		w := &confbridgev1.OpenWindow{
			Start: window.GetStart(), TimeZone: window.GetTimeZone(), Duration: window.GetDuration(), Rule: window.GetRule(),
		}
		f(w)
		return []*confbridgev1.OpenWindow{w}
	}
	many := make([]*confbridgev1.OpenWindow, 17)
	for i := range many {
		many[i] = window
	}
	for _, row := range []struct {
		name    string
		windows []*confbridgev1.OpenWindow
		says    string
	}{
		{"a rule that opens every second", change(func(w *confbridgev1.OpenWindow) { w.Rule = "FREQ=SECONDLY" }), "FREQ is DAILY"},
		{"a zone that is none", change(func(w *confbridgev1.OpenWindow) { w.TimeZone = "Mars" }), `"Mars" is not a time zone`},
		{"no duration", change(func(w *confbridgev1.OpenWindow) { w.Duration = nil }), "a duration of 0s"},
		{"30 February", change(func(w *confbridgev1.OpenWindow) { w.Rule = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" }), "never opens"},
		{"what is over", change(func(w *confbridgev1.OpenWindow) { w.Start, w.Rule = "2001-01-01T00:00", "" }), "would never open again"},
		{"too many", many, "17 windows are more than 16"},
	} {
		t.Run(row.name, func(t *testing.T) {
			room := &confbridgev1.Room{Name: "rooms/1000", OpenWindows: row.windows}
			_, err := b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: room})
			if got := refusal(t, err, codes.InvalidArgument); got != "INVALID_ARGUMENT" || !strings.Contains(err.Error(), row.says) {
				t.Errorf("update: got %v", err)
			}
			_, err = b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "2000", Room: room})
			if got := refusal(t, err, codes.InvalidArgument); got != "INVALID_ARGUMENT" || !strings.Contains(err.Error(), "room.open_windows") {
				t.Errorf("create: got %v", err)
			}
		})
	}
}
