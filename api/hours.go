package api

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/schedule"
)

// parseHours reads the windows of a request's room (schedule.ErrInvalid); nil of none.
func parseHours(room *confbridgev1.Room) (*schedule.Schedule, error) {
	if len(room.GetOpenWindows()) > schedule.MaxWindows {
		return schedule.Parse(make([]schedule.Window, len(room.GetOpenWindows()))) // which says so
	}
	var windows []schedule.Window
	for _, w := range room.GetOpenWindows() {
		windows = append(windows, schedule.Window{
			Start: w.GetStart(), Zone: w.GetTimeZone(), Duration: w.GetDuration().AsDuration(), Rule: w.GetRule(), Except: w.GetExcept(),
		})
	}
	return schedule.Parse(windows)
}

// hoursOf is the schedule of windows that hoursFault has no fault with.
func hoursOf(room *confbridgev1.Room) *schedule.Schedule {
	s, err := parseHours(room)
	if err != nil {
		return nil
	}
	return s
}

// hoursFault is roomFault for the windows. What would keep everybody out for ever is one too.
func hoursFault(room *confbridgev1.Room) string {
	s, err := parseHours(room)
	if err != nil {
		return err.Error()
	}
	if open, until := s.At(time.Now()); !open && until.IsZero() {
		return "all windows are over: the room would never open again"
	}
	return ""
}

// addHours tells when a room is open.
func addHours(room *confbridgev1.Room, i rooms.Info) {
	for _, w := range i.Schedule.Windows() {
		room.OpenWindows = append(room.OpenWindows, &confbridgev1.OpenWindow{
			Start: w.Start, TimeZone: w.Zone, Duration: durationpb.New(w.Duration), Rule: w.Rule, Except: w.Except,
		})
	}
	room.OutlastsWindows, room.Closed = i.OutlastsSchedule, i.Closed
	if i.Closed {
		room.OpenTime = toTimestamp(i.TurnsAt)
	} else {
		room.CloseTime = toTimestamp(i.TurnsAt)
	}
}
