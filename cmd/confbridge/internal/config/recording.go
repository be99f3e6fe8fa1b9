package config

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Recording is where recordings are kept, for how long, and how rooms are recorded that nobody has said anything else of.
type Recording struct {
	// Dir is the folder; empty: recordings in DataDir.
	Dir string
	// Content is mix, tracks or both; Format wav, flac or opus.
	Content, Format string
	// Tone is heard at its beginning and end, Beep every 15 s.
	Tone, Beep bool
	// Rule is never, always or with_host; From with how many participants that begins, 0 or 1: the first.
	Rule string
	From int
	// KeepFor and KeepBytes bound what is kept; 0: nothing does.
	KeepFor   time.Duration
	KeepBytes int64
	// MinFree is how much of the disk must stay free.
	MinFree int64
}

// maxKeep is ten years.
const maxKeep = 10 * 366 * 24 * time.Hour

func defaultRecording() Recording {
	return Recording{Content: "mix", Format: "opus", Tone: true, Rule: "never", From: 1, MinFree: 1 << 30}
}

// recordingKeys are those of recording.
func recordingKeys() []key {
	return []key{
		{
			path: "recording.dir",
			set: func(c *Config, s string) error {
				if c.Recording.Dir = s; s == "" {
					return nil
				}
				return checkWritable(s)
			},
			get: func(c *Config) string { return strconv.Quote(c.Recording.Dir) },
		},
		{
			path: "recording.content",
			set:  func(c *Config, s string) error { c.Recording.Content = s; return oneOf(s, "mix", "tracks", "both") },
			get:  func(c *Config) string { return c.Recording.Content },
		},
		{
			path: "recording.format",
			set:  func(c *Config, s string) error { c.Recording.Format = s; return oneOf(s, "wav", "flac", "opus") },
			get:  func(c *Config) string { return c.Recording.Format },
		},
		{
			path: "recording.tone", shape: flag,
			set: func(c *Config, s string) (err error) { c.Recording.Tone, err = strconv.ParseBool(s); return err },
			get: func(c *Config) string { return strconv.FormatBool(c.Recording.Tone) },
		},
		{
			path: "recording.beep", shape: flag,
			set: func(c *Config, s string) (err error) { c.Recording.Beep, err = strconv.ParseBool(s); return err },
			get: func(c *Config) string { return strconv.FormatBool(c.Recording.Beep) },
		},
		{
			path: "recording.rule",
			set:  func(c *Config, s string) error { c.Recording.Rule = s; return oneOf(s, recordingRules...) },
			get:  func(c *Config) string { return c.Recording.Rule },
		},
		{
			path: "recording.from",
			set: func(c *Config, s string) (err error) {
				c.Recording.From, err = parseCount(s, 0, maxRoomMembers)
				return err
			},
			get: func(c *Config) string { return strconv.Itoa(c.Recording.From) },
		},
		{
			path: "recording.keep_for",
			set: func(c *Config, s string) (err error) {
				c.Recording.KeepFor, err = parseDuration(s, 0, maxKeep)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.Recording.KeepFor) },
		},
		{
			path: "recording.keep_bytes",
			set:  func(c *Config, s string) (err error) { c.Recording.KeepBytes, err = parseBytes(s); return err },
			get:  func(c *Config) string { return bytesYAML(c.Recording.KeepBytes) },
		},
		{
			path: "recording.min_free",
			set:  func(c *Config, s string) (err error) { c.Recording.MinFree, err = parseBytes(s); return err },
			get:  func(c *Config) string { return bytesYAML(c.Recording.MinFree) },
		},
	}
}

// recordingRules are when rooms are recorded by themselves.
var recordingRules = []string{"never", "always", "with_host"}

// RoomRecording is how a declared room is recorded; what is empty or nil is that of Recording.
type RoomRecording struct {
	RecordingContent, RecordingFormat, RecordingRule string
	RecordingFrom                                    *int
}

// Recorded is what a room says, or else what all say.
func (r RoomRecording) Recorded(all Recording) Recording {
	all.Content = cmp.Or(r.RecordingContent, all.Content)
	all.Format = cmp.Or(r.RecordingFormat, all.Format)
	all.Rule = cmp.Or(r.RecordingRule, all.Rule)
	given(&all.From, r.RecordingFrom)
	return all
}

// roomRecordingFields are the keys of a declared room that are about recordings.
func roomRecordingFields() []field[Room] {
	choice := func(name string, at func(*Room) *string, values ...string) field[Room] {
		return field[Room]{
			name: name,
			set:  func(r *Room, s string) error { *at(r) = s; return oneOf(s, values...) },
			get:  func(r *Room) string { return *at(r) },
		}
	}
	return []field[Room]{
		choice("recording_content", func(r *Room) *string { return &r.RecordingContent }, "mix", "tracks", "both"),
		choice("recording_format", func(r *Room) *string { return &r.RecordingFormat }, "wav", "flac", "opus"),
		choice("recording_rule", func(r *Room) *string { return &r.RecordingRule }, recordingRules...),
		{
			name: "recording_from",
			set: func(r *Room, s string) error {
				n, err := parseCount(s, 0, maxRoomMembers)
				r.RecordingFrom = &n
				return err
			},
			get: func(r *Room) string {
				if r.RecordingFrom == nil {
					return ""
				}
				return strconv.Itoa(*r.RecordingFrom)
			},
		},
	}
}

// byteUnits are powers of 1024, the largest first.
var byteUnits = []struct {
	name string
	size int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// maxBytes is 1024 TiB.
const maxBytes = 1 << 50

// parseBytes reads a number of bytes, as 500MiB or 20GiB.
func parseBytes(s string) (int64, error) {
	number, size := s, int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			number, size = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > maxBytes/size {
		return 0, fmt.Errorf("%q is not a number of bytes, like 500MiB or 20GiB, up to 1024TiB", s)
	}
	return n * size, nil
}

func bytesYAML(n int64) string {
	for _, u := range byteUnits {
		if n > 0 && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
