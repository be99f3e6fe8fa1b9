package serve

import (
	"log/slog"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/entry"
)

// entryConfig is what the file says of the way in, in the words of package rooms/entry.
func entryConfig(cfg config.Config, sounds entry.Sounds, log *slog.Logger) entry.Config {
	c := entry.Config{Sounds: sounds, Log: log}
	for _, n := range cfg.Numbers {
		c.Numbers = append(c.Numbers, dialplan.Number{Dialled: n.Dialled, Trunk: n.Trunk, Room: n.Room, Voice: n.Voice})
	}
	return c
}
