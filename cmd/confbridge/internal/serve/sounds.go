package serve

import (
	"context"
	"log/slog"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// soundsConfig is what the file says of sounds, in the words of package sounds.
func soundsConfig(s config.Sounds, log *slog.Logger) sounds.Config {
	return sounds.Config{Folder: s.Folder, Voice: s.Voice, Longest: s.Longest, CacheBytes: s.CacheBytes, Log: log}
}

// library is the sounds of a bridge, which are opened after the parts that play them are made, and before those are asked for anything.
type library struct{ of *Main }

// Prompt implements entry.Sounds and rooms.Sounds.
func (l library) Prompt(voice, name string) *mixer.Clip { return l.of.sounds.Prompt(voice, name) }

// Clip implements api.Sounds and rooms.Sounds.
func (l library) Clip(ctx context.Context, voice, name string) (*mixer.Clip, error) {
	return l.of.sounds.Clip(ctx, voice, name)
}

// Language implements rooms.Sounds.
func (l library) Language(voice string) string { return l.of.sounds.Language(voice) }
