package serve

import (
	"log/slog"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// soundsConfig is what the file says of sounds, in the words of package sounds.
func soundsConfig(s config.Sounds, log *slog.Logger) sounds.Config {
	return sounds.Config{Folder: s.Folder, Voice: s.Voice, Longest: s.Longest, CacheBytes: s.CacheBytes, Log: log}
}
