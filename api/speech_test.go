package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// onlySpeech is what a room tells of what it says.
func onlySpeech(r *confbridgev1.Room) *confbridgev1.Room {
	return &confbridgev1.Room{
		Voice: r.GetVoice(), Speaking: r.GetSpeaking(), Announce: r.GetAnnounce(), AnnounceLimit: r.GetAnnounceLimit(), Music: r.GetMusic(),
		Keys: r.GetKeys(),
	}
}

func TestSpeechOfARoomIsMadeAndUpdated(t *testing.T) {
	b := newBridge(t, rooms.Config{Defaults: rooms.Settings{Speech: rooms.Speech{Keys: rooms.DefaultKeys()}}})
	ctx := waitContext(t)
	want := func(got, want *confbridgev1.Room, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, onlySpeech(got), protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	set := &confbridgev1.Room{
		Voice: "de", Speaking: confbridgev1.Speaking_SPEAKING_EVENTS, Announce: confbridgev1.Announce_ANNOUNCE_WORDS, AnnounceLimit: 7,
		Music: "music/piano", Keys: map[string]string{"lock": "*51", "speak-quieter": "*52", "end": ""},
	}
	got, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "1", Room: set})
	want(got, set, err)
	set.Announce = confbridgev1.Announce_ANNOUNCE_TONE
	got, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room:       &confbridgev1.Room{Name: "rooms/1", Announce: confbridgev1.Announce_ANNOUNCE_TONE, Voice: "en"},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"announce"}},
	})
	want(got, set, err)
	got, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room: &confbridgev1.Room{Name: "rooms/1"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: speechFields},
	})
	want(got, &confbridgev1.Room{}, err)
}

func TestSpeechThatCannotBeNamesTheField(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	tests := []struct {
		field string
		room  *confbridgev1.Room
	}{
		{"voice", &confbridgev1.Room{Voice: "../anna"}},
		{"speaking", &confbridgev1.Room{Speaking: 9}},
		{"announce", &confbridgev1.Room{Announce: -1}},
		{"announce_limit", &confbridgev1.Room{AnnounceLimit: -1}},
		{"music", &confbridgev1.Room{Music: strings.Repeat("m", 256)}},
		{"keys", &confbridgev1.Room{Keys: map[string]string{"dance": "*5"}}},
		{"keys", &confbridgev1.Room{Keys: map[string]string{"lock": "5"}}},
	}
	for _, test := range tests {
		t.Run(test.field, func(t *testing.T) {
			_, err := b.rooms.CreateRoom(waitContext(t), &confbridgev1.CreateRoomRequest{RoomId: "2", Room: test.room})
			if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "room."+test.field) {
				t.Errorf("got %v, want INVALID_ARGUMENT of room.%s", err, test.field)
			}
		})
	}
}

func TestKeysThatDoNotGoTogetherAreRefused(t *testing.T) {
	b := newBridge(t, rooms.Config{Defaults: rooms.Settings{Speech: rooms.Speech{Keys: rooms.DefaultKeys()}}})
	ctx := waitContext(t)
	for _, test := range []struct{ keys, why string }{
		{"*5", "*5 is for speak-quieter and for lock"},
		{"*51", "*5 (speak-quieter) is the beginning of *51 (lock)"},
		{"*#", "*# (lock) is the beginning of *#0 (pause)"},
	} {
		room := &confbridgev1.Room{Name: "rooms/3", Keys: map[string]string{"lock": test.keys}}
		_, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "3", Room: room})
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), test.why) {
			t.Errorf("create: got %v, want INVALID_ARGUMENT, %s", err, test.why)
		}
		if _, err = b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "4"}); err != nil && status.Code(err) != codes.AlreadyExists {
			t.Fatal(err)
		}
		room.Name = "rooms/4"
		_, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: room, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"keys"}}})
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), test.why) {
			t.Errorf("update: got %v, want INVALID_ARGUMENT, %s", err, test.why)
		}
	}
}

func TestEveryWayToSpeakHasItsWord(t *testing.T) {
	if len(speakings) != len(confbridgev1.Speaking_name) || len(announces) != len(confbridgev1.Announce_name) {
		t.Errorf("%d and %d words of %d and %d", len(speakings), len(announces), len(confbridgev1.Speaking_name), len(confbridgev1.Announce_name))
	}
}
