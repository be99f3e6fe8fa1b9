package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/schedule"
)

// hoursFlags are when a room is open; nil leaves it as it is.
type hoursFlags struct {
	Open    []string `sep:"none" placeholder:"WINDOW" help:"When the room is open: START ZONE DURATION [RULE] [EXDATE=LIST], as \"2026-03-02T09:00 Europe/Berlin 1h FREQ=WEEKLY;BYDAY=MO\". May be given several times; always: at all times."`
	Outlast *bool    `negatable:"" help:"Let a conference go on when the room closes."`
}

// anytime is how no windows are said.
const anytime = "always"

// apply puts what was given into room and says which fields that are.
func (f hoursFlags) apply(room *confbridgev1.Room) (paths []string, err error) {
	if len(f.Open) > 0 {
		paths = append(paths, "open_windows")
	}
	for _, text := range f.Open {
		if text == anytime && len(f.Open) == 1 {
			break
		}
		w, err := schedule.ParseWindow(text)
		if err != nil {
			return nil, usageError{fmt.Errorf("--open: %w", err)}
		}
		room.OpenWindows = append(room.OpenWindows, &confbridgev1.OpenWindow{
			Start: w.Start, TimeZone: w.Zone, Duration: durationpb.New(w.Duration), Rule: w.Rule, Except: w.Except,
		})
	}
	if f.Outlast != nil {
		room.OutlastsWindows = *f.Outlast
		paths = append(paths, "outlasts_windows")
	}
	return paths, nil
}

// hoursOf are the rows that tell when a room is open; none where it always is.
func (c *console) hoursOf(r *confbridgev1.Room) (rows [][2]string) {
	if len(r.GetOpenWindows()) == 0 {
		return nil
	}
	now := "no"
	switch {
	case !r.GetClosed() && r.GetCloseTime() != nil:
		now = "until " + c.stamp(r.GetCloseTime().AsTime())
	case !r.GetClosed():
		now = "yes"
	case r.GetOpenTime() != nil:
		now = "from " + c.stamp(r.GetOpenTime().AsTime())
	}
	rows = append(rows, [2]string{"open", now}, [2]string{"outlasts closing", yesNo(r.GetOutlastsWindows())}, [2]string{"early callers", earlyOf(r)})
	for _, w := range r.GetOpenWindows() {
		rows = append(rows, [2]string{"window", w.GetStart() + " " + w.GetTimeZone() + " " + w.GetDuration().AsDuration().String()})
		if w.GetRule() != "" {
			rows = append(rows, [2]string{"  again", w.GetRule()})
		}
		if len(w.GetExcept()) > 0 {
			rows = append(rows, [2]string{"  but not", strings.Join(w.GetExcept(), ", ")})
		}
	}
	return rows
}

// earlyOf is what becomes of those who call before the room opens.
func earlyOf(r *confbridgev1.Room) string {
	if d := r.GetEarlyWait().AsDuration(); d > 0 {
		return "wait, from " + d.String() + " before"
	}
	return "are refused"
}
