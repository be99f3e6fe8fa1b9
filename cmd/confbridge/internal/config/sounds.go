package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms/sounds"
	"github.com/confbridge/confbridge/rooms/sounds/web"
)

// Sounds is what is played to people.
type Sounds struct {
	// Folder has sounds and voices; empty: there are only the voices that are built in.
	Folder string
	// Voice speaks where a room or a number asks for no other.
	Voice string
	// Longest is how long a sound may be, CacheBytes how much memory those may take that are not played at the moment.
	Longest    time.Duration
	CacheBytes int64
	// URLs are the beginnings of those that may be played; none: no URL is fetched. A file may have URLBytes, and all of it may take URLTimeout.
	URLs       []string
	URLBytes   int64
	URLTimeout time.Duration
}

const (
	shortestSound = time.Second
	longestSound  = time.Hour // 345 MB in memory, at 48 kHz
	maxURLBytes   = 1 << 30
	maxURLTimeout = time.Minute
)

func defaultSounds() Sounds {
	return Sounds{Voice: "en", Longest: 10 * time.Minute, CacheBytes: 128 << 20, URLBytes: 32 << 20, URLTimeout: 10 * time.Second}
}

// voiceName is a language, or one with a hyphen and whatever tells the voice from others.
var voiceName = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9_-]+)?$`)

// soundsKeys are those of sounds.
func soundsKeys() []key {
	return []key{
		{
			path: "sounds.folder",
			set:  func(c *Config, s string) error { c.Sounds.Folder = s; return checkFolder(s) },
			get:  func(c *Config) string { return strconv.Quote(c.Sounds.Folder) },
		},
		{
			path: "sounds.voice",
			set: func(c *Config, s string) error {
				if c.Sounds.Voice = s; !voiceName.MatchString(s) {
					return fmt.Errorf("%q is no voice, like en or de-anna: a language, and a name of its own after a hyphen", s)
				}
				return nil
			},
			get: func(c *Config) string { return c.Sounds.Voice },
		},
		{
			path: "sounds.longest",
			set: func(c *Config, s string) (err error) {
				c.Sounds.Longest, err = parseDuration(s, shortestSound, longestSound)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.Sounds.Longest) },
		},
		{
			path: "sounds.cache",
			set: func(c *Config, s string) (err error) {
				if c.Sounds.CacheBytes, err = parseBytes(s); err == nil && c.Sounds.CacheBytes == 0 {
					err = fmt.Errorf("%q is too little: the last sound is always kept, so give it some room", s)
				}
				return err
			},
			get: func(c *Config) string { return bytesYAML(c.Sounds.CacheBytes) },
		},
		{
			path: "sounds.urls", shape: list, empty: true,
			clear: func(c *Config) { c.Sounds.URLs = nil },
			set: func(c *Config, s string) error {
				c.Sounds.URLs = append(c.Sounds.URLs, s)
				_, err := web.ParsePrefix(s)
				return err
			},
			get: func(c *Config) string { return quotedList(c.Sounds.URLs, strings.Clone) },
		},
		{
			path: "sounds.url_max_bytes",
			set: func(c *Config, s string) (err error) {
				if c.Sounds.URLBytes, err = parseBytes(s); err == nil && (c.Sounds.URLBytes == 0 || c.Sounds.URLBytes > maxURLBytes) {
					err = fmt.Errorf("%q is not within 1 to 1GiB", s)
				}
				return err
			},
			get: func(c *Config) string { return bytesYAML(c.Sounds.URLBytes) },
		},
		{
			path: "sounds.url_timeout",
			set: func(c *Config, s string) (err error) {
				c.Sounds.URLTimeout, err = parseDuration(s, time.Second, maxURLTimeout)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.Sounds.URLTimeout) },
		},
	}
}

// crossVoice looks for the usual voice.
func (l *loader) crossVoice() {
	l.checkVoice(l.places["sounds.voice"], "sounds.voice", l.cfg.Sounds.Voice)
}

// checkVoice looks for a voice, which may be built in or in the folder.
func (l *loader) checkVoice(at place, path, voice string) {
	language, _, _ := strings.Cut(voice, "-")
	if !voiceName.MatchString(voice) || slices.Contains(sounds.Languages(), language) {
		return
	}
	if info, err := os.Stat(filepath.Join(l.cfg.Sounds.Folder, voice)); l.cfg.Sounds.Folder != "" && err == nil && info.IsDir() {
		return
	}
	l.fault(at, path, "there is no voice %q: %s are built in, others are folders in sounds.folder",
		voice, strings.Join(sounds.Languages(), " and "))
}
