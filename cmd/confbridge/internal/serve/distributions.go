package serve

import (
	"log/slog"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/rooms/distributor"
)

// distributorConfig is what the file says of distributions, in the words of package distributor.
func distributorConfig(_ config.Config, sounds distributor.Sounds, radio *sap.Announcer, log *slog.Logger) distributor.Config {
	return distributor.Config{Sounds: sounds, Announcer: radio, Log: log}
}
