package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func must(t *testing.T, texts ...string) *Schedule {
	t.Helper()
	var windows []Window
	for _, text := range texts {
		w, err := ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		windows = append(windows, w)
	}
	s, err := Parse(windows)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	now, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func TestWindows(t *testing.T) {
	const mondays = "2026-03-02T09:00 Europe/Berlin 1h FREQ=WEEKLY;BYDAY=MO"
	tests := []struct {
		name    string
		windows []string
		now     string
		open    bool
		until   string // of what is; empty: for ever
	}{
		{"before the first", []string{mondays}, "2026-01-01T00:00:00Z", false, "2026-03-02T09:00:00+01:00"},
		{"a second before it opens", []string{mondays}, "2026-03-09T08:59:59+01:00", false, "2026-03-09T09:00:00+01:00"},
		{"as it opens", []string{mondays}, "2026-03-09T09:00:00+01:00", true, "2026-03-09T10:00:00+01:00"},
		{"a second before it closes", []string{mondays}, "2026-03-09T09:59:59+01:00", true, "2026-03-09T10:00:00+01:00"},
		{"as it closes", []string{mondays}, "2026-03-09T10:00:00+01:00", false, "2026-03-16T09:00:00+01:00"},
		{"the wall's time is kept in summer", []string{mondays}, "2026-03-29T12:00:00Z", false, "2026-03-30T09:00:00+02:00"},
		{"many years later", []string{mondays}, "2126-03-05T12:00:00Z", false, "2126-03-11T09:00:00+01:00"},
		{"in New York clocks change on other days", []string{"2026-03-02T09:00 America/New_York 1h FREQ=WEEKLY;BYDAY=MO"}, "2026-03-08T12:00:00Z", false, "2026-03-09T09:00:00-04:00"},
		{"once", []string{"2026-03-02T09:00 UTC 1h"}, "2026-03-02T09:30:00Z", true, "2026-03-02T10:00:00Z"},
		{"once, and it is over", []string{"2026-03-02T09:00 UTC 1h"}, "2026-03-02T10:00:00Z", false, ""},
		{"a time that does not exist is read with the offset before", []string{"2026-03-29T02:30 Europe/Berlin 30m"}, "2026-03-29T00:00:00Z", false, "2026-03-29T03:30:00+02:00"},
		{"so it is in New York", []string{"2026-03-08T02:30 America/New_York 30m"}, "2026-03-08T00:00:00Z", false, "2026-03-08T03:30:00-04:00"},
		{"a time that is there twice is the first", []string{"2026-10-25T02:30 Europe/Berlin 30m"}, "2026-10-25T00:00:00Z", false, "2026-10-25T02:30:00+02:00"},
		{"so it is in New York in autumn", []string{"2026-11-01T01:30 America/New_York 30m"}, "2026-11-01T00:00:00Z", false, "2026-11-01T01:30:00-04:00"},
		{"a duration lasts as long on the night of the change", []string{"2026-10-24T22:00 Europe/Berlin 8h FREQ=DAILY"}, "2026-10-25T00:00:00+02:00", true, "2026-10-25T05:00:00+01:00"},
		{"windows that touch are one", []string{"2026-03-02T09:00 UTC 1h", "2026-03-02T10:00 UTC 1h", "2026-03-02T12:00 UTC 1h"}, "2026-03-02T09:30:00Z", true, "2026-03-02T11:00:00Z"},
		{"windows overlap", []string{"2026-03-02T09:00 UTC 3h", "2026-03-02T10:00 UTC 1h"}, "2026-03-02T10:30:00Z", true, "2026-03-02T12:00:00Z"},
		{"the next of two zones", []string{"2026-03-02T09:00 America/New_York 1h", "2026-03-02T09:00 Europe/Berlin 1h"}, "2026-03-01T00:00:00Z", false, "2026-03-02T09:00:00+01:00"},
		{"always open", []string{"2026-03-02T00:00 UTC 24h FREQ=DAILY"}, "2026-03-02T10:30:00Z", true, ""},
		{"an exception of a day", []string{mondays + " EXDATE=2026-03-09"}, "2026-03-08T00:00:00Z", false, "2026-03-16T09:00:00+01:00"},
		{"an exception of a time", []string{"2026-03-02T09:00 UTC 1h FREQ=DAILY;BYHOUR=9,15 EXDATE=2026-03-03T09:00"}, "2026-03-03T00:00:00Z", false, "2026-03-03T15:00:00Z"},
		{"the last Friday of the month", []string{"2026-01-01T18:00 UTC 1h FREQ=MONTHLY;BYDAY=-1FR"}, "2026-03-01T00:00:00Z", false, "2026-03-27T18:00:00Z"},
		{"the 31st, where there is one", []string{"2026-01-31T18:00 UTC 1h FREQ=MONTHLY"}, "2026-02-01T00:00:00Z", false, "2026-03-31T18:00:00Z"},
		{"29 February", []string{"2024-02-29T18:00 UTC 1h FREQ=YEARLY"}, "2026-02-01T00:00:00Z", false, "2028-02-29T18:00:00Z"},
		{"every other week", []string{"2026-03-02T09:00 UTC 1h FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"}, "2030-01-01T00:00:00Z", false, "2030-01-14T09:00:00Z"},
		{"three times", []string{"2026-03-02T09:00 UTC 1h FREQ=DAILY;COUNT=3"}, "2026-03-04T10:00:00Z", false, ""},
		{"until a moment in UTC that is the next day on the wall", []string{"2026-03-02T00:30 Europe/Berlin 10m FREQ=DAILY;UNTIL=20260303T233000Z"}, "2026-03-03T12:00:00Z", false, "2026-03-04T00:30:00+01:00"},
		{"and not a second longer", []string{"2026-03-02T00:30 Europe/Berlin 10m FREQ=DAILY;UNTIL=20260303T232959Z"}, "2026-03-03T12:00:00Z", false, ""},
		{"until a day, which counts", []string{"2026-03-02T09:00 UTC 1h FREQ=DAILY;UNTIL=20260304"}, "2026-03-03T12:00:00Z", false, "2026-03-04T09:00:00Z"},
		{"over a day that Samoa left out", []string{"2011-12-29T09:00 Pacific/Apia 1h FREQ=DAILY"}, "2011-12-29T20:00:00Z", false, "2011-12-30T19:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := must(t, tt.windows...)
			now, want := at(t, tt.now), at(t, tt.until)
			open, until := s.At(now)
			if open != tt.open || !until.Equal(want) {
				t.Errorf("got open %v until %v, want %v until %v", open, until, tt.open, want)
			}
			if s.Open(now) != open {
				t.Error("Open says something else")
			}
			if closes, ok := s.Closes(now); ok != (open && !want.IsZero()) || ok && !closes.Equal(want) {
				t.Errorf("Closes: got %v, %v", closes, ok)
			}
			next, ok := s.Next(now)
			if !open && (ok == want.IsZero() || !next.Equal(want)) {
				t.Errorf("Next: got %v, %v", next, ok)
			}
			if open && ok && (!next.After(until) || !s.Open(next) || s.Open(next.Add(-time.Second))) {
				t.Errorf("Next, after it has closed: got %v", next)
			}
		})
	}
}

func TestNoScheduleIsAlwaysOpen(t *testing.T) {
	s, err := Parse(nil)
	if s != nil || err != nil {
		t.Fatalf("got %v, %v", s, err)
	}
	if open, until := s.At(time.Now()); !open || !until.IsZero() || s.Windows() != nil {
		t.Errorf("got open %v until %v, %v", open, until, s.Windows())
	}
}

func TestWhatIsNoWindow(t *testing.T) {
	const start = "2026-03-02T09:00 UTC "
	tests := []struct {
		name, text string
		err        error
		says       string
	}{
		{"nothing", "", ErrInvalid, "is not START ZONE DURATION"},
		{"a start that is no time", "monday UTC 1h", ErrInvalid, `"monday" is not a time`},
		{"a start with an offset", "2026-03-02T09:00Z UTC 1h", ErrInvalid, "is not a time"},
		{"a start long ago", "1999-12-31T09:00 UTC 1h", ErrInvalid, "is not within the years 2000 to 2200"},
		{"a zone that is none", "2026-03-02T09:00 Europe/Nowhere 1h", ErrInvalid, `"Europe/Nowhere" is not a time zone`},
		{"the zone of whatever machine", "2026-03-02T09:00 Local 1h", ErrInvalid, `"Local" is not a time zone`},
		{"a zone that is a path", "2026-03-02T09:00 ../../etc/passwd 1h", ErrInvalid, "is not a time zone"},
		{"no time at all", start + "0s", ErrInvalid, "is not within 1m0s to 744h0m0s"},
		{"parts of seconds", start + "61.5s", ErrInvalid, "in whole seconds"},
		{"a rule that is none", start + "1h weekly", ErrInvalid, "is not one like FREQ=WEEKLY"},
		{"a rule without a frequency", start + "1h BYDAY=MO", ErrInvalid, "has no FREQ"},
		{"every second for a thousand years", start + "1h FREQ=SECONDLY", ErrInvalid, "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY"},
		{"every hour", start + "1h FREQ=HOURLY", ErrInvalid, "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY"},
		{"every minute by another way", start + "1m FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5", ErrInvalid, "more than 24 times a day"},
		{"a key that stands twice", start + "1h FREQ=DAILY;UNTIL=20270101;UNTIL=20280101", ErrInvalid, "UNTIL is there twice"},
		{"both ends", start + "1h FREQ=DAILY;COUNT=2;UNTIL=20280101", ErrInvalid, "exclude each other"},
		{"an interval of an age", start + "1h FREQ=DAILY;INTERVAL=1001", ErrInvalid, "INTERVAL is not within"},
		{"a count without end", start + "1h FREQ=DAILY;COUNT=10001", ErrInvalid, "COUNT is not within"},
		{"the second Monday of a week", start + "1h FREQ=WEEKLY;BYDAY=2MO", ErrInvalid, "needs FREQ=MONTHLY or YEARLY"},
		{"a month that is none", start + "1h FREQ=YEARLY;BYMONTH=13", ErrInvalid, "bymonth must be between 1 and 12"},
		{"an exception that is none", start + "1h FREQ=DAILY EXDATE=christmas", ErrInvalid, `"christmas" is no exception`},
		{"two lines", start + "1h FREQ=DAILY\x00BYDAY=MO", ErrInvalid, "is not one like FREQ=WEEKLY"},
		{"30 February", start + "1h FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", ErrNever, "window 1: invalid schedule: the window never opens"},
		{"an end before the beginning", start + "1h FREQ=DAILY;UNTIL=20260301", ErrNever, "never opens"},
		{"nothing but exceptions", start + "1h EXDATE=2026-03-02", ErrNever, "never opens"},
		{"too much", start + "1h FREQ=DAILY EXDATE=2026-12-24 more", ErrInvalid, "is not START ZONE DURATION"},
		{"two rules", start + "1h FREQ=DAILY FREQ=DAILY", ErrInvalid, "is there twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := ParseWindow(tt.text)
			if err == nil {
				_, err = Parse([]Window{w})
			}
			if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want one that says %q", err, tt.says)
			}
		})
	}
	w, err := ParseWindow(start + "1h")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(slices.Repeat([]Window{w}, MaxWindows+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many windows: got %v", err)
	}
}

func TestASchedulesJSONIsItsWindows(t *testing.T) {
	s := must(t, "2026-03-02T09:00 Europe/Berlin 1h30m0s FREQ=WEEKLY;BYDAY=MO EXDATE=2026-12-21,2026-12-28", "2026-03-02T09:00 UTC 1m0s")
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again := &Schedule{}
	if err := json.Unmarshal(text, again); err != nil || !again.Equal(s) {
		t.Errorf("got %v, %v of %s", again.Windows(), err, text)
	}
	other := must(t, "2026-03-02T09:00 UTC 1m0s")
	if s.Equal(other) || s.Equal(nil) || (*Schedule)(nil).Equal(s) || !(*Schedule)(nil).Equal(nil) {
		t.Error("different schedules are equal, or none is not equal to none")
	}
	for _, bad := range []string{"[]", "{}", `[{"start":"x"}]`, "null"} {
		if err := json.Unmarshal([]byte(bad), &Schedule{}); bad != "null" && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

// slowInstant finds a time on the wall by looking at each minute of two days.
func slowInstant(wall time.Time, zone *time.Location) time.Time {
	for t := wall.Add(-24 * time.Hour); t.Before(wall.Add(24 * time.Hour)); t = t.Add(time.Minute) {
		if onWall(t, zone).Equal(wall) {
			return t
		}
	}
	// The clock never shows it: the minute before the jump says which offset would have held.
	for t := wall.Add(-24 * time.Hour); ; t = t.Add(time.Minute) {
		if onWall(t, zone).After(wall) {
			_, offset := t.Add(-time.Minute).In(zone).Zone()
			return wall.Add(-time.Duration(offset) * time.Second)
		}
	}
}

// rule is one that the slow way understands too.
type rule struct {
	freq     string
	interval int
	days     []time.Weekday
	monthDay int
}

var dayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

func (r rule) String() string {
	s := fmt.Sprintf("FREQ=%s;INTERVAL=%d", r.freq, r.interval)
	if r.freq == "MONTHLY" {
		return s + fmt.Sprintf(";BYMONTHDAY=%d", r.monthDay)
	}
	var names []string
	for _, d := range r.days {
		names = append(names, dayNames[d])
	}
	return s + ";BYDAY=" + strings.Join(names, ",")
}

// opensOn says whether a day is one of the rule's; weeks begin on Mondays.
func (r rule) opensOn(day, start time.Time) bool {
	first, today := start.Truncate(24*time.Hour), day.Truncate(24*time.Hour)
	if today.Before(first) {
		return false
	}
	monday := func(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }
	switch r.freq {
	case "DAILY":
		return int(today.Sub(first)/(24*time.Hour))%r.interval == 0 && slices.Contains(r.days, day.Weekday())
	case "WEEKLY":
		weeks := int(monday(today).Sub(monday(first)) / (7 * 24 * time.Hour))
		return weeks%r.interval == 0 && slices.Contains(r.days, day.Weekday())
	}
	months := (day.Year()-start.Year())*12 + int(day.Month()-start.Month())
	return months%r.interval == 0 && day.Day() == r.monthDay
}

func TestAgainstTheSlowWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe", "Asia/Kathmandu"}).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		r := rule{
			freq: rapid.SampledFrom([]string{"DAILY", "WEEKLY", "MONTHLY"}).Draw(t, "freq"), interval: rapid.IntRange(1, 3).Draw(t, "interval"),
			days:     rapid.SliceOfNDistinct(rapid.SampledFrom([]time.Weekday{0, 1, 2, 3, 4, 5, 6}), 1, 7, rapid.ID[time.Weekday]).Draw(t, "days"),
			monthDay: rapid.IntRange(1, 31).Draw(t, "day"),
		}
		start := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "first"),
			rapid.IntRange(0, 23).Draw(t, "hour"), rapid.SampledFrom([]int{0, 15, 30, 59}).Draw(t, "minute"), 0, 0, time.UTC)
		w := Window{
			Start: start.Format(localLayouts[0]), Zone: zone.String(), Rule: r.String(),
			Duration: time.Duration(rapid.SampledFrom([]int{1, 30, 60, 24 * 60, 36 * 60}).Draw(t, "minutes")) * time.Minute,
		}
		s, err := Parse([]Window{w})
		if errors.Is(err, ErrNever) { // the 31st of every third month that has 30
			t.Skip()
		}
		if err != nil {
			t.Fatal(err)
		}
		// Two months around a change of clocks, and before them what may still be open.
		around := time.Date(2026+rapid.IntRange(0, 2).Draw(t, "year"), rapid.SampledFrom([]time.Month{3, 10}).Draw(t, "season"), 1, 0, 0, 0, 0, time.UTC)
		var spans []span
		for day := around.AddDate(0, 0, -3); day.Before(around.AddDate(0, 2, 0)); day = day.AddDate(0, 0, 1) {
			if wall := day.Add(start.Sub(start.Truncate(24 * time.Hour))); r.opensOn(wall, start) {
				begin := slowInstant(wall, zone)
				spans = append(spans, span{begin, begin.Add(w.Duration)})
			}
		}
		for range 8 {
			now := around.Add(time.Duration(rapid.IntRange(0, 45*24*60).Draw(t, "now")) * time.Minute)
			open := false
			var next time.Time
			for _, sp := range spans {
				open = open || !now.Before(sp.start) && now.Before(sp.end)
				if sp.start.After(now) && (next.IsZero() || sp.start.Before(next)) {
					next = sp.start
				}
			}
			got, until := s.At(now)
			if got != open {
				t.Errorf("%v at %v: got open %v, want %v", w, now, got, open)
			}
			if !open && !next.IsZero() && !until.Equal(next) {
				t.Errorf("%v at %v: opens at %v, want %v", w, now, until, next)
			}
			if open && !until.IsZero() && slices.ContainsFunc(spans, func(sp span) bool { return !until.Before(sp.start) && until.Before(sp.end) }) {
				t.Errorf("%v at %v: is to close at %v, where it is open", w, now, until)
			}
		}
	})
}

// FuzzParse reads windows: those that can be must be written as they are read, and be asked in a bounded time.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"2026-03-02T09:00 Europe/Berlin 1h FREQ=WEEKLY;BYDAY=MO EXDATE=2026-12-24,2026-12-24T09:00", "2026-03-29T02:30 Europe/Berlin 30m",
		"2000-01-01T00:00 UTC 24h FREQ=DAILY", "2026-03-02T09:00 UTC 1h FREQ=YEARLY;BYWEEKNO=-1;BYDAY=MO;BYSETPOS=-1", "2026-03-02T09:00 UTC 1h FREQ=SECONDLY",
		"2200-12-31T23:59:59 Pacific/Apia 744h FREQ=MONTHLY;BYYEARDAY=-366;WKST=SU;UNTIL=22001231T000000Z", "2026-03-02T09:00 UTC 1h FREQ=DAILY;BYDAY=,",
	} {
		f.Add(text)
	}
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWindow(text)
		if err != nil {
			return
		}
		again, err := ParseWindow(w.String())
		if err != nil || !again.equal(w) {
			t.Fatalf("%q is written as %q: %v", text, w, err)
		}
		s, err := Parse([]Window{w})
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
			return
		}
		open, until := s.At(now)
		if !until.IsZero() && (!until.After(now) || s.Open(until) == open && !open) {
			t.Errorf("%q: open %v until %v", text, open, until)
		}
	})
}
