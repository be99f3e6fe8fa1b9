package config

import (
	"fmt"
	"strconv"
	"time"
)

// CDR is how call detail records are kept.
type CDR struct {
	// Enabled keeps them, in cdr of DataDir.
	Enabled bool
	// Keep is for how long; 0: until somebody takes the files away.
	Keep time.Duration
	// MaxSize is the size of a file from which on a day gets another one.
	MaxSize int64
}

// minRecordsFile keeps the folder from filling with files of a line each.
const minRecordsFile = 64 << 10

// cdrKeys are those of cdr.
func cdrKeys() []key {
	return []key{
		{
			path: "cdr.enabled", shape: flag,
			set: func(c *Config, s string) (err error) { c.CDR.Enabled, err = strconv.ParseBool(s); return err },
			get: func(c *Config) string { return strconv.FormatBool(c.CDR.Enabled) },
		},
		{
			path: "cdr.keep",
			set:  func(c *Config, s string) (err error) { c.CDR.Keep, err = parseDuration(s, 0, maxKeep); return err },
			get:  func(c *Config) string { return durationYAML(c.CDR.Keep) },
		},
		{
			path: "cdr.max_size",
			set: func(c *Config, s string) (err error) {
				if c.CDR.MaxSize, err = parseBytes(s); err == nil && c.CDR.MaxSize < minRecordsFile {
					err = fmt.Errorf("%s is less than %s", s, bytesYAML(minRecordsFile))
				}
				return err
			},
			get: func(c *Config) string { return bytesYAML(c.CDR.MaxSize) },
		},
	}
}
