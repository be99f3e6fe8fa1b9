package config

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Modes is who may come into rooms and who may speak, where nobody says anything else.
type Modes struct {
	WaitForHost      bool
	OnLastHostLeave  string // LeaveGoOn or LeaveEnd
	HostGrace        time.Duration
	Lobby            bool
	Lecture          bool
	MuteOnEntry      bool
	AllowSelfUnmute  bool
	ReservedForHosts int
	RecordNames      bool
	EarlyWait        time.Duration   // of rooms that have opening hours
	WarnBefore       []time.Duration // at most maxWarnings
}

// What a conference does when its last moderator has left.
const (
	LeaveGoOn = "go-on"
	LeaveEnd  = "end"
)

// Bounds of modes.
const (
	maxWarnings  = 4
	maxHostSeats = 100_000
	maxHostGrace = time.Hour
	maxEarlyWait = 24 * time.Hour
	maxWarning   = 7 * 24 * time.Hour
)

func defaultModes() Modes {
	return Modes{
		OnLastHostLeave: LeaveGoOn, HostGrace: time.Minute, AllowSelfUnmute: true,
		WarnBefore: []time.Duration{5 * time.Minute, time.Minute},
	}
}

// modeKeys are those of rooms that are about modes.
func modeKeys() []key {
	return []key{
		modeFlag("wait_for_host", func(m *Modes) *bool { return &m.WaitForHost }),
		{
			path: "rooms.on_last_host_leave",
			set:  func(c *Config, s string) error { c.Rooms.OnLastHostLeave = s; return oneOf(s, LeaveGoOn, LeaveEnd) },
			get:  func(c *Config) string { return c.Rooms.OnLastHostLeave },
		},
		{
			path: "rooms.host_grace",
			set: func(c *Config, s string) (err error) {
				c.Rooms.HostGrace, err = parseDuration(s, 0, maxHostGrace)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.Rooms.HostGrace) },
		},
		modeFlag("lobby", func(m *Modes) *bool { return &m.Lobby }),
		modeFlag("lecture", func(m *Modes) *bool { return &m.Lecture }),
		modeFlag("mute_on_entry", func(m *Modes) *bool { return &m.MuteOnEntry }),
		modeFlag("record_names", func(m *Modes) *bool { return &m.RecordNames }),
		modeFlag("allow_self_unmute", func(m *Modes) *bool { return &m.AllowSelfUnmute }),
		{
			path: "rooms.reserved_for_hosts",
			set: func(c *Config, s string) (err error) {
				c.Rooms.ReservedForHosts, err = parseCount(s, 0, maxHostSeats)
				return err
			},
			get: func(c *Config) string { return strconv.Itoa(c.Rooms.ReservedForHosts) },
		},
		{
			path: "rooms.early_wait",
			set: func(c *Config, s string) (err error) {
				c.Rooms.EarlyWait, err = parseDuration(s, 0, maxEarlyWait)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.Rooms.EarlyWait) },
		},
		{
			path: "rooms.warn_before", shape: list, empty: true,
			clear: func(c *Config) { c.Rooms.WarnBefore = nil },
			set:   func(c *Config, s string) error { return addWarning(&c.Rooms.WarnBefore, s) },
			get:   func(c *Config) string { return quotedList(c.Rooms.WarnBefore, durationYAML) },
		},
	}
}

func modeFlag(name string, at func(*Modes) *bool) key {
	return key{
		path: "rooms." + name, shape: flag,
		set: func(c *Config, s string) (err error) { *at(&c.Rooms.Modes), err = strconv.ParseBool(s); return err },
		get: func(c *Config) string { return strconv.FormatBool(*at(&c.Rooms.Modes)) },
	}
}

func addWarning(to *[]time.Duration, s string) error {
	d, err := parseDuration(s, time.Second, maxWarning)
	switch {
	case err != nil:
		return err
	case slices.Contains(*to, d):
		return fmt.Errorf("%s is there twice", s)
	case len(*to) == maxWarnings:
		return fmt.Errorf("there are more than %d", maxWarnings)
	}
	*to = append(*to, d)
	return nil
}

// RoomModes are those of a declared room; what is not said is as in Modes.
type RoomModes struct {
	WaitForHost, Lobby, Lecture, MuteOnEntry, AllowSelfUnmute, RecordNames *bool

	OnLastHostLeave  string
	HostGrace        *time.Duration
	ReservedForHosts *int
	WarnBefore       []time.Duration
}

// Or is what r says, or else what m does.
func (r RoomModes) Or(m Modes) Modes {
	given(&m.WaitForHost, r.WaitForHost)
	given(&m.Lobby, r.Lobby)
	given(&m.Lecture, r.Lecture)
	given(&m.MuteOnEntry, r.MuteOnEntry)
	given(&m.AllowSelfUnmute, r.AllowSelfUnmute)
	given(&m.RecordNames, r.RecordNames)
	given(&m.HostGrace, r.HostGrace)
	given(&m.ReservedForHosts, r.ReservedForHosts)
	if r.OnLastHostLeave != "" {
		m.OnLastHostLeave = r.OnLastHostLeave
	}
	if r.WarnBefore != nil {
		m.WarnBefore = r.WarnBefore
	}
	return m
}

func given[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// roomModeFields are the keys of a declared room that are about modes.
func roomModeFields() []field[Room] {
	return []field[Room]{
		flagField("wait_for_host", func(r *Room) **bool { return &r.WaitForHost }),
		{
			name: "on_last_host_leave",
			set:  func(r *Room, s string) error { r.OnLastHostLeave = s; return oneOf(s, LeaveGoOn, LeaveEnd) },
			get:  func(r *Room) string { return r.OnLastHostLeave },
		},
		{
			name: "host_grace",
			set: func(r *Room, s string) error {
				d, err := parseDuration(s, 0, maxHostGrace)
				r.HostGrace = &d
				return err
			},
			get: func(r *Room) string {
				if r.HostGrace == nil {
					return ""
				}
				return durationYAML(*r.HostGrace)
			},
		},
		flagField("lobby", func(r *Room) **bool { return &r.Lobby }),
		flagField("lecture", func(r *Room) **bool { return &r.Lecture }),
		flagField("mute_on_entry", func(r *Room) **bool { return &r.MuteOnEntry }),
		flagField("record_names", func(r *Room) **bool { return &r.RecordNames }),
		flagField("allow_self_unmute", func(r *Room) **bool { return &r.AllowSelfUnmute }),
		{
			name: "reserved_for_hosts",
			set: func(r *Room, s string) error {
				n, err := parseCount(s, 0, maxHostSeats)
				r.ReservedForHosts = &n
				return err
			},
			get: func(r *Room) string {
				if r.ReservedForHosts == nil {
					return ""
				}
				return strconv.Itoa(*r.ReservedForHosts)
			},
		},
		{
			name: "warn_before", shape: list,
			set: func(r *Room, s string) error { return addWarning(&r.WarnBefore, s) },
			get: func(r *Room) string { return unless(len(r.WarnBefore) == 0, quotedList(r.WarnBefore, durationYAML)) },
		},
	}
}
