package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// Window is a time for which a room is open, once or again and again.
type Window struct {
	// Start is when it opens first, by the clock on the wall of Zone: "2026-03-02T09:00", seconds if they are wanted. From 2000 on, up to 2200.
	Start string `json:"start"`
	// Zone names a zone of the IANA time zone database: "Europe/Berlin", "UTC".
	Zone string `json:"zone"`
	// Duration is how long it is open each time: 1 min to 31 days, in whole seconds, whatever clocks do meanwhile.
	Duration time.Duration `json:"duration"`
	// Rule is when it opens again, an RRULE of RFC 5545 §3.3.10 without its name: "FREQ=WEEKLY;BYDAY=MO,WE". FREQ is DAILY or longer; with BYHOUR and others it
	// may open up to 24 times a day. Empty: it opens once. Only what matches the rule counts, Start too.
	Rule string `json:"rule,omitempty"`
	// Except are openings that do not take place: days, "2026-12-24", or one of the day's, "2026-12-24T09:00".
	Except []string `json:"except,omitempty"`
}

// Bounds of a window.
const (
	minDuration = time.Minute
	maxDuration = 31 * 24 * time.Hour
	maxRule     = 256 // bytes
	maxExcept   = 366
	maxZone     = 64 // bytes
	maxADay     = 24
	maxInterval = 1000
	maxCount    = 10_000
	firstYear   = 2000
	lastYear    = 2200
)

// localLayouts are how times on the wall are written; the first is what is printed.
var localLayouts = []string{"2006-01-02T15:04", "2006-01-02T15:04:05"}

// exceptKey introduces the exceptions in a window's text.
const exceptKey = "EXDATE="

// ParseWindow reads what String writes: START ZONE DURATION [RULE] [EXDATE=LIST], as in
// "2026-03-02T09:00 Europe/Berlin 1h30m FREQ=WEEKLY;BYDAY=MO EXDATE=2026-12-21,2026-12-28" (ErrInvalid). Parse checks what is in it.
func ParseWindow(text string) (Window, error) {
	parts := strings.Fields(text)
	if len(parts) < 3 || len(parts) > 5 {
		return Window{}, fmt.Errorf("%w: %q is not START ZONE DURATION [RULE] [EXDATE=LIST]", ErrInvalid, text)
	}
	w := Window{Start: parts[0], Zone: parts[1]}
	var err error
	if w.Duration, err = time.ParseDuration(parts[2]); err != nil {
		return Window{}, fmt.Errorf("%w: %q is not a duration, like 1h30m", ErrInvalid, parts[2])
	}
	for _, p := range parts[3:] {
		list, isExcept := strings.CutPrefix(p, exceptKey)
		switch {
		case isExcept && w.Except == nil:
			w.Except = strings.Split(list, ",")
		case !isExcept && w.Rule == "":
			w.Rule = p
		default:
			return Window{}, fmt.Errorf("%w: %q is there twice", ErrInvalid, p)
		}
	}
	return w, nil
}

// String is the window on one line, as ParseWindow reads it.
func (w Window) String() string {
	parts := []string{w.Start, w.Zone, w.Duration.String()}
	if w.Rule != "" {
		parts = append(parts, w.Rule)
	}
	if len(w.Except) > 0 {
		parts = append(parts, exceptKey+strings.Join(w.Except, ","))
	}
	return strings.Join(parts, " ")
}

func (w Window) equal(o Window) bool {
	return w.Start == o.Start && w.Zone == o.Zone && w.Duration == o.Duration && w.Rule == o.Rule && slices.Equal(w.Except, o.Except)
}

// compiled is a window that has been checked. Times on the wall are kept as if they were UTC, and moved (see moved).
type compiled struct {
	zone     *time.Location
	start    time.Time
	duration time.Duration
	rule     *rrule.ROption // nil: it opens once
	days     map[time.Time]bool
	times    map[time.Time]bool
}

// compile checks a window (ErrInvalid).
func (w Window) compile() (*compiled, error) {
	c := &compiled{duration: w.Duration, days: map[time.Time]bool{}, times: map[time.Time]bool{}}
	if w.Zone == "" || w.Zone == "Local" || len(w.Zone) > maxZone {
		return nil, fmt.Errorf("%w: %q is not a time zone, like Europe/Berlin or UTC", ErrInvalid, w.Zone)
	}
	var err error
	if c.zone, err = time.LoadLocation(w.Zone); err != nil {
		return nil, fmt.Errorf("%w: %q is not a time zone, like Europe/Berlin or UTC", ErrInvalid, w.Zone)
	}
	start, err := parseLocal(w.Start)
	if err != nil {
		return nil, err
	}
	if start.Year() < firstYear || start.Year() > lastYear {
		return nil, fmt.Errorf("%w: %s is not within the years %d to %d", ErrInvalid, w.Start, firstYear, lastYear)
	}
	c.start = moved(start)
	if w.Duration < minDuration || w.Duration > maxDuration || w.Duration%time.Second != 0 {
		return nil, fmt.Errorf("%w: a duration of %v is not within %v to %v, in whole seconds", ErrInvalid, w.Duration, minDuration, maxDuration)
	}
	if err := c.except(w.Except); err != nil {
		return nil, err
	}
	if w.Rule != "" {
		if c.rule, err = parseRule(w.Rule, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func parseLocal(text string) (time.Time, error) {
	for _, layout := range localLayouts {
		if t, err := time.Parse(layout, text); err == nil && t.Nanosecond() == 0 {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %q is not a time like 2026-03-02T09:00", ErrInvalid, text)
}

func (c *compiled) except(list []string) error {
	if len(list) > maxExcept {
		return fmt.Errorf("%w: more than %d exceptions", ErrInvalid, maxExcept)
	}
	for _, text := range list {
		if day, err := time.Parse(time.DateOnly, text); err == nil && day.Year() <= lastYear {
			c.days[moved(day)] = true
			continue
		}
		t, err := parseLocal(text)
		if err != nil || t.Year() > lastYear {
			return fmt.Errorf("%w: %q is no exception like 2026-12-24 or 2026-12-24T09:00", ErrInvalid, text)
		}
		c.times[moved(t)] = true
	}
	return nil
}

// excepted says whether an opening does not take place.
func (c *compiled) excepted(local time.Time) bool {
	return c.times[local] || c.days[local.Truncate(24*time.Hour)]
}

// parseRule reads a rule for a window whose zone and start are known.
func parseRule(text string, c *compiled) (*rrule.ROption, error) {
	bad := func(why string) error { return fmt.Errorf("%w: rule %.80q: %s", ErrInvalid, text, why) }
	strange := func(r rune) bool { return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=;,+-", r) }
	if len(text) > maxRule || strings.ContainsFunc(text, strange) {
		return nil, bad("is not one like FREQ=WEEKLY;BYDAY=MO,WE")
	}
	if !strings.HasPrefix(text, "FREQ=") && !strings.Contains(text, ";FREQ=") {
		return nil, bad("has no FREQ")
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ";") {
		key, _, _ := strings.Cut(part, "=")
		if seen[key] {
			return nil, bad(key + " is there twice")
		}
		seen[key] = true
	}
	if strings.Contains(text, "DTSTART") || strings.Contains(text, "BYEASTER") {
		return nil, bad("DTSTART and BYEASTER are no parts of a rule")
	}
	o, err := rrule.StrToROptionInLocation(text, time.UTC)
	if err != nil {
		return nil, bad(err.Error())
	}
	if err := checkRule(o); err != nil {
		return nil, bad(err.Error())
	}
	if !o.Until.IsZero() {
		if o.Until, err = until(text, o.Until, c.zone); err != nil {
			return nil, bad(err.Error())
		}
	}
	o.Dtstart = c.start
	if _, err := rrule.NewRRule(*o); err != nil {
		return nil, bad(err.Error())
	}
	return o, nil
}

// checkRule keeps what a rule costs within bounds.
func checkRule(o *rrule.ROption) error {
	switch {
	case o.Freq > rrule.DAILY:
		return errors.New("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY; BYHOUR and BYMINUTE say when within a day")
	case o.Interval < 0 || o.Interval > maxInterval:
		return fmt.Errorf("INTERVAL is not within 1 to %d", maxInterval)
	case o.Count < 0 || o.Count > maxCount:
		return fmt.Errorf("COUNT is not within 1 to %d", maxCount)
	case o.Count > 0 && !o.Until.IsZero():
		return errors.New("COUNT and UNTIL exclude each other")
	case max(len(o.Byhour), 1)*max(len(o.Byminute), 1)*max(len(o.Bysecond), 1) > maxADay:
		return fmt.Errorf("opens more than %d times a day", maxADay)
	}
	if o.Freq == rrule.WEEKLY || o.Freq == rrule.DAILY {
		for _, d := range o.Byweekday {
			if d.N() != 0 {
				return errors.New("a day like 2MO needs FREQ=MONTHLY or YEARLY")
			}
		}
	}
	return nil
}

// until is the last moment that an opening may have, on the wall and moved. What ends in Z is UTC, as RFC 5545 wants it; a day is meant to its end.
func until(text string, parsed time.Time, zone *time.Location) (time.Time, error) {
	if parsed.Year() > lastYear || parsed.Year() < firstYear {
		return time.Time{}, fmt.Errorf("UNTIL is not within the years %d to %d", firstYear, lastYear)
	}
	_, value, _ := strings.Cut(text, "UNTIL=")
	value, _, _ = strings.Cut(value, ";")
	switch {
	case strings.HasSuffix(value, "Z"):
		return moved(onWall(parsed, zone)), nil
	case !strings.Contains(value, "T"):
		return moved(parsed.Add(24*time.Hour - time.Second)), nil
	}
	return moved(parsed), nil
}
