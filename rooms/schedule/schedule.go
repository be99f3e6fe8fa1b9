// Package schedule knows when a room is open: windows that repeat by rules of RFC 5545, each in a time zone of its own. It has no clock: all
// is asked for a moment.
//
// Windows are on the wall: one at 09:00 in Europe/Berlin opens at 09:00 there in summer and in winter. A time that does not exist, on the night on
// which clocks go forward, is read with the offset that held before (RFC 5545 §3.3.5): 02:30 is then 03:30. One that exists
// twice is the first. A window lasts for its duration, whatever clocks do meanwhile.
package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // the zones are the same everywhere, also where the system has none
)

// ErrInvalid says that a window cannot be; ErrNever that there is no moment at which it would open.
var (
	ErrInvalid = errors.New("invalid schedule")
	ErrNever   = fmt.Errorf("%w: the window never opens", ErrInvalid)
)

// MaxWindows is how many windows a schedule may have.
const MaxWindows = 16

// Schedule is some windows; it is open while one of them is. It does not change, so it is safe for concurrent use. The nil one has no windows
// and is always open.
type Schedule struct {
	windows  []Window
	compiled []*compiled
}

// Parse makes a schedule of windows; nil of none. ErrInvalid names the window, and ErrNever one that has no opening at all: whether one still lies
// ahead is what Next says.
func Parse(windows []Window) (*Schedule, error) {
	if len(windows) == 0 {
		return nil, nil
	}
	if len(windows) > MaxWindows {
		return nil, fmt.Errorf("%w: %d windows are more than %d", ErrInvalid, len(windows), MaxWindows)
	}
	s := &Schedule{}
	for i, w := range windows {
		c, err := w.compile()
		if err == nil {
			if _, some := c.spans(time.Time{}).next(); !some {
				err = ErrNever
			}
		}
		if err != nil {
			return nil, fmt.Errorf("window %d: %w", i+1, err)
		}
		w.Except = slices.Clone(w.Except)
		s.windows = append(s.windows, w)
		s.compiled = append(s.compiled, c)
	}
	return s, nil
}

// Windows are those it was made of.
func (s *Schedule) Windows() []Window {
	if s == nil {
		return nil
	}
	windows := slices.Clone(s.windows)
	for i, w := range windows {
		windows[i].Except = slices.Clone(w.Except)
	}
	return windows
}

// Equal says whether both have the same windows in the same order.
func (s *Schedule) Equal(o *Schedule) bool {
	if s == nil || o == nil {
		return s == o
	}
	return slices.EqualFunc(s.windows, o.windows, Window.equal)
}

// MarshalJSON writes the windows.
func (s *Schedule) MarshalJSON() ([]byte, error) { return json.Marshal(s.Windows()) }

// UnmarshalJSON reads them. There must be some.
func (s *Schedule) UnmarshalJSON(text []byte) error {
	var windows []Window
	if err := json.Unmarshal(text, &windows); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	read, err := Parse(windows)
	if err == nil && read == nil {
		err = fmt.Errorf("%w: there is no window", ErrInvalid)
	}
	if err != nil {
		return err
	}
	*s = *read
	return nil
}

// farthest is how far ahead a closing is looked for: what is open for so long is taken to be open for ever.
const farthest = 400 * 24 * time.Hour

// At says whether it is open at a moment, and until when that stays so: windows that touch are one. until is zero where nothing changes any more.
func (s *Schedule) At(now time.Time) (open bool, until time.Time) {
	if s == nil {
		return true, time.Time{}
	}
	for sp := range s.merged(now) {
		switch {
		case !sp.end.After(now):
		case !open && sp.start.After(now):
			return false, sp.start
		case !open:
			open, until = true, sp.end
		case sp.start.After(until):
			return true, until
		case sp.end.After(until):
			until = sp.end
		}
		if open && until.Sub(now) > farthest {
			return true, time.Time{}
		}
	}
	return open, until
}

// Open says whether it is open at a moment.
func (s *Schedule) Open(now time.Time) bool {
	open, _ := s.At(now)
	return open
}

// Closes is when it closes that is open now; false where it is closed, or never closes.
func (s *Schedule) Closes(now time.Time) (time.Time, bool) {
	open, until := s.At(now)
	return until, open && !until.IsZero()
}

// Next is when it opens next, after it has closed where it is open now; false where it never does.
func (s *Schedule) Next(now time.Time) (time.Time, bool) {
	open, until := s.At(now)
	if open && !until.IsZero() {
		open, until = s.At(until)
	}
	return until, !open && !until.IsZero()
}
