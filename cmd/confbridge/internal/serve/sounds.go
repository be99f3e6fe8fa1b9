package serve

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms/sounds"
	"github.com/confbridge/confbridge/rooms/sounds/web"
)

// soundsConfig is what the file says of sounds, in the words of package sounds.
func soundsConfig(s config.Sounds, log *slog.Logger) (sounds.Config, error) {
	c := sounds.Config{Folder: s.Folder, Voice: s.Voice, Longest: s.Longest, CacheBytes: s.CacheBytes, Log: log}
	if len(s.URLs) == 0 {
		return c, nil
	}
	fetcher, err := web.New(web.Config{Prefixes: s.URLs, MostBytes: s.URLBytes, Timeout: s.URLTimeout})
	if err != nil {
		return c, fmt.Errorf("sounds: %w", err)
	}
	c.Fetcher = fetcher
	return c, nil
}

// library is the sounds of a bridge, which are opened after the parts that play them are made, and before those are asked for anything.
type library struct{ of *Main }

// Prompt implements entry.Sounds and rooms.Sounds.
func (l library) Prompt(voice, name string) *mixer.Clip { return l.of.sounds.Prompt(voice, name) }

// Clip implements api.Sounds and rooms.Sounds.
func (l library) Clip(ctx context.Context, voice, name string) (*mixer.Clip, error) {
	return l.of.sounds.Clip(ctx, voice, name)
}

// Fetched implements api.Sounds.
func (l library) Fetched(ctx context.Context, url string) (*mixer.Clip, error) {
	return l.of.sounds.Fetched(ctx, url)
}

// Language implements rooms.Sounds.
func (l library) Language(voice string) string { return l.of.sounds.Language(voice) }
