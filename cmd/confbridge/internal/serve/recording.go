package serve

import (
	"log/slog"
	"path/filepath"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/recorder"
)

// recorderConfig is what the file says of where recordings are kept, in the words of package recorder.
func recorderConfig(cfg config.Config, log *slog.Logger) recorder.Config {
	c := recorder.Config{
		Dir: cfg.Recording.Dir, KeepFor: cfg.Recording.KeepFor, KeepBytes: cfg.Recording.KeepBytes, MinFree: cfg.Recording.MinFree, Log: log,
	}
	if c.Dir == "" {
		c.Dir = filepath.Join(cfg.DataDir, "recordings")
	}
	return c
}

// What of a room is recorded, and in which files, by its name in the file.
var (
	recordingContents = map[string]rooms.RecordingContent{
		"mix": rooms.RecordMix, "tracks": rooms.RecordTracks, "both": rooms.RecordBoth,
	}
	recordingFormats = map[string]rooms.RecordingFormat{
		"wav": rooms.FormatWAV, "flac": rooms.FormatFLAC, "opus": rooms.FormatOpus,
	}
	recordingRules = map[string]rooms.RecordingRule{
		"never": rooms.RecordNever, "always": rooms.RecordAlways, "with_host": rooms.RecordWithHost,
	}
)

// recordingSettings is what the file says of how rooms are recorded.
func recordingSettings(r config.Recording) rooms.RecordingSettings {
	return rooms.RecordingSettings{
		Content: recordingContents[r.Content], Format: recordingFormats[r.Format], Tone: r.Tone, Beep: r.Beep,
		Rule: recordingRules[r.Rule], From: r.From,
	}
}
