package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/confbridge/confbridge/mixer"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// Sounds is what can be played. It is safe for concurrent use; its errors are package sounds's.
type Sounds interface {
	// Clip is a sound by its name, of a voice where that is not empty.
	Clip(ctx context.Context, voice, name string) (*mixer.Clip, error)
	// Fetched is the sound that a URL leads to.
	Fetched(ctx context.Context, url string) (*mixer.Clip, error)
}

// Bounds of what names a sound, in bytes.
const (
	maxSound = 1024
	maxVoice = 64
)

func (s *roomService) PlayAnnouncement(
	ctx context.Context, req *confbridgev1.PlayAnnouncementRequest,
) (*confbridgev1.PlayAnnouncementResponse, error) {
	number, id, err := parseAudience("name", req.GetName())
	if err != nil {
		return nil, err
	}
	var v violations
	if n := len(req.GetSound()); n == 0 || n > maxSound {
		v.add("sound", fmt.Sprintf("has %d bytes, want 1 to %d", n, maxSound))
	}
	if n := len(req.GetVoice()); n > maxVoice {
		v.add("voice", fmt.Sprintf("has %d bytes, more than %d", n, maxVoice))
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	if s.sounds == nil {
		return nil, errNoSounds
	}
	clip, err := s.clip(ctx, req.GetVoice(), req.GetSound())
	if err != nil {
		return nil, err
	}
	if id == "" {
		_, err = s.rooms.Announce(ctx, number, clip)
	} else {
		_, err = s.rooms.AnnounceTo(ctx, number, id, clip)
	}
	if err != nil {
		return nil, err
	}
	return &confbridgev1.PlayAnnouncementResponse{Duration: toDuration(clip.Duration())}, nil
}

func (s *roomService) clip(ctx context.Context, voice, name string) (*mixer.Clip, error) {
	if sounds.IsURL(name) {
		return s.sounds.Fetched(ctx, name)
	}
	return s.sounds.Clip(ctx, voice, name)
}

func (s *roomService) StopAnnouncement(
	ctx context.Context, req *confbridgev1.StopAnnouncementRequest,
) (*confbridgev1.StopAnnouncementResponse, error) {
	number, id, err := parseAudience("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if id == "" {
		err = s.rooms.StopAnnouncing(ctx, number)
	} else {
		err = s.rooms.StopAnnouncingTo(ctx, number, id)
	}
	if err != nil {
		return nil, err
	}
	return &confbridgev1.StopAnnouncementResponse{}, nil
}

// parseAudience takes the number out of a room's name, and the id as well where it is a participant's.
func parseAudience(field, name string) (number, id string, err error) {
	if strings.Count(name, "/") > 1 {
		return parseParticipantName(field, name)
	}
	number, err = parseRoomName(field, name)
	return number, "", err
}
