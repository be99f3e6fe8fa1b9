package api

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/confbridge/confbridge/mixer"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// fakeSounds has one sound of 1.5 s; other names are what is wrong with them.
type fakeSounds struct{}

func (fakeSounds) Clip(_ context.Context, voice, name string) (*mixer.Clip, error) {
	for _, err := range []error{sounds.ErrNotFound, sounds.ErrFormat, sounds.ErrTooLong, sounds.ErrClosed} {
		if name == err.Error() {
			return nil, fmt.Errorf("sound %q: %w", name, err)
		}
	}
	if voice != "" || name != "music/piano" {
		return nil, errors.New("asked for something else")
	}
	return &mixer.Clip{Name: name, RateHz: 8000, PCM: make([]int16, 12000)}, nil
}

// Fetched has the same sound, at one URL.
func (fakeSounds) Fetched(_ context.Context, url string) (*mixer.Clip, error) {
	for _, err := range []error{sounds.ErrNotAllowed, sounds.ErrUnreachable} {
		if url == "https://"+err.Error() {
			return nil, fmt.Errorf("sound: %w", err)
		}
	}
	if url != "https://media.example.com/piano.opus?key=1" {
		return nil, errors.New("asked for something else")
	}
	return &mixer.Clip{Name: url, RateHz: 8000, PCM: make([]int16, 12000)}, nil
}

func TestAnnouncements(t *testing.T) {
	b := newBridgeWith(t, rooms.Config{}, Config{Sounds: fakeSounds{}})
	b.create(t, "1")
	ctx := waitContext(t)
	play := func(name, sound string) error {
		resp, err := b.rooms.PlayAnnouncement(ctx, &confbridgev1.PlayAnnouncementRequest{Name: name, Sound: sound})
		if err == nil && resp.GetDuration().AsDuration().Seconds() != 1.5 {
			t.Errorf("%s lasts %v, want 1.5 s", sound, resp.GetDuration().AsDuration())
		}
		return err
	}
	stop := func(name string) error {
		_, err := b.rooms.StopAnnouncement(ctx, &confbridgev1.StopAnnouncementRequest{Name: name})
		return err
	}
	if err := play("rooms/1", "music/piano"); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("in an empty room: got %v, want FAILED_PRECONDITION", err)
	}
	ann := participantName("1", b.join(t, "1", "ann").ID())
	for _, row := range []struct {
		name string
		err  error
		want codes.Code
	}{
		{"a room", play("rooms/1", "music/piano"), codes.OK},
		{"one participant", play(ann, "music/piano"), codes.OK},
		{"a stranger", play("rooms/1/participants/b2", "music/piano"), codes.NotFound},
		{"no such room", play("rooms/2", "music/piano"), codes.NotFound},
		{"no sound", play("rooms/1", ""), codes.InvalidArgument},
		{"no name", play("", "music/piano"), codes.InvalidArgument},
		{"half a name", play("rooms/1/participants", "music/piano"), codes.InvalidArgument},
		{"a sound that is not there", play("rooms/1", sounds.ErrNotFound.Error()), codes.NotFound},
		{"one that is none", play("rooms/1", sounds.ErrFormat.Error()), codes.InvalidArgument},
		{"one that is too long", play("rooms/1", sounds.ErrTooLong.Error()), codes.InvalidArgument},
		{"a URL that is not allowed", play("rooms/1", "https://"+sounds.ErrNotAllowed.Error()), codes.PermissionDenied},
		{"a URL that leads nowhere", play("rooms/1", "https://"+sounds.ErrUnreachable.Error()), codes.Unavailable},
		{"the end of the bridge", play("rooms/1", sounds.ErrClosed.Error()), codes.Unavailable},
		{"stop in the room", stop("rooms/1"), codes.OK},
		{"stop what has been stopped", stop("rooms/1"), codes.OK},
		{"stop at one", stop(ann), codes.OK},
		{"stop at a stranger", stop("rooms/1/participants/b2"), codes.NotFound},
	} {
		if got := status.Code(row.err); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, row.err, row.want)
		}
	}
	without := newBridge(t, rooms.Config{})
	_, err := without.rooms.PlayAnnouncement(ctx, &confbridgev1.PlayAnnouncementRequest{Name: "rooms/1", Sound: "music/piano"})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("without sounds: got %v, want FAILED_PRECONDITION", err)
	}
}
