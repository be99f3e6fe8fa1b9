package rooms_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/confbridge/confbridge/api"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// TestAMeetingIsTheSameByKeysAndByGRPC is a meeting of twelve that goes through every mode and every key: with its words in testdata/meeting.txt, and with the same events
// where a program asks for what moderators dial.
func TestAMeetingIsTheSameByKeysAndByGRPC(t *testing.T) {
	byKeys, byGRPC := rooms.TellStory(t, nil), rooms.TellStory(t, overGRPC)
	if len(byKeys) != len(byGRPC) {
		t.Fatalf("%d steps by keys, %d by gRPC", len(byKeys), len(byGRPC))
	}
	for i, want := range byKeys {
		if byGRPC[i] != want {
			t.Errorf("by keys %q, by gRPC %q", want, byGRPC[i])
		}
	}
}

// overGRPC is a program that steers rooms over gRPC.
func overGRPC(t *testing.T, g *rooms.Registry, numbers *rooms.StoryDialer) func(context.Context, rooms.StoryCall) error {
	t.Helper()
	ln := bufconn.Listen(1 << 16)
	server := api.New(api.Config{Dialer: dialer{numbers}}, g)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	conn, err := grpc.NewClient("passthrough:///story", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return ln.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		server.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	p := program{confbridgev1.NewRoomServiceClient(conn), confbridgev1.NewParticipantServiceClient(conn)}
	return p.do
}

// dialer has the API call numbers.
type dialer struct{ numbers *rooms.StoryDialer }

func (d dialer) Dial(ctx context.Context, to api.DialOut) (string, error) {
	return "somebody", d.numbers.Dial(ctx, to.Room, to.Address)
}

// program asks for what the story wants.
type program struct {
	rooms        confbridgev1.RoomServiceClient
	participants confbridgev1.ParticipantServiceClient
}

const room = "rooms/1000"

func participant(id string) string { return room + "/participants/" + id }

func (p program) do(ctx context.Context, c rooms.StoryCall) (err error) {
	switch c.What {
	case "lock":
		err = p.update(ctx, &confbridgev1.Room{Locked: c.On}, "locked")
	case "lecture":
		err = p.update(ctx, &confbridgev1.Room{Lecture: &c.On}, "lecture")
	case "wait-for-host":
		err = p.update(ctx, &confbridgev1.Room{WaitForHost: &c.On}, "wait_for_host")
	case "lobby":
		err = p.update(ctx, &confbridgev1.Room{Lobby: &c.On}, "lobby")
	case "record":
		_, err = p.rooms.StartRecording(ctx, &confbridgev1.StartRecordingRequest{Name: room})
	case "pause":
		_, err = p.rooms.PauseRecording(ctx, &confbridgev1.PauseRecordingRequest{Name: room})
	case "resume":
		_, err = p.rooms.ResumeRecording(ctx, &confbridgev1.ResumeRecordingRequest{Name: room})
	case "stop":
		_, err = p.rooms.StopRecording(ctx, &confbridgev1.StopRecordingRequest{Name: room})
	case "end":
		_, err = p.rooms.EndRoom(ctx, &confbridgev1.EndRoomRequest{Name: room})
	case "side":
		_, err = p.rooms.OpenSideRoom(ctx, &confbridgev1.OpenSideRoomRequest{Name: room, Participants: []string{c.Who, c.Whom}})
	case "back":
		_, err = p.rooms.CloseSideRoom(ctx, &confbridgev1.CloseSideRoomRequest{Name: "rooms/" + c.Room})
	default:
		return p.about(ctx, c)
	}
	return err
}

// roles are those of the API.
var roles = map[rooms.Role]confbridgev1.Role{
	rooms.RoleModerator: confbridgev1.Role_ROLE_MODERATOR, rooms.RoleSpeaker: confbridgev1.Role_ROLE_SPEAKER, rooms.RoleListener: confbridgev1.Role_ROLE_LISTENER,
}

// about does what is about participants.
func (p program) about(ctx context.Context, c rooms.StoryCall) (err error) {
	one := participant(c.Who)
	switch c.What {
	case "deaf":
		err = p.change(ctx, &confbridgev1.Participant{Name: one, Deaf: c.On}, "deaf")
	case "mute":
		err = p.change(ctx, &confbridgev1.Participant{Name: one, Muted: c.On}, "muted")
	case "role":
		err = p.change(ctx, &confbridgev1.Participant{Name: one, Role: roles[c.Role]}, "role")
	case "gain":
		err = p.change(ctx, &confbridgev1.Participant{Name: one, GainDb: c.DB}, "gain_db")
	case "hearing":
		err = p.change(ctx, &confbridgev1.Participant{Name: one, HearingGainDb: c.DB}, "hearing_gain_db")
	case "whisper":
		err = p.change(ctx, &confbridgev1.Participant{Name: one, WhisperTo: c.Whom}, "whisper_to")
	case "mute-all":
		_, err = p.participants.MuteAllParticipants(ctx, &confbridgev1.MuteAllParticipantsRequest{Parent: room, AllowSelfUnmute: c.On})
	case "unmute-all":
		_, err = p.participants.UnmuteAllParticipants(ctx, &confbridgev1.UnmuteAllParticipantsRequest{Parent: room})
	case "raise":
		_, err = p.participants.RaiseHand(ctx, &confbridgev1.RaiseHandRequest{Name: one})
	case "lower":
		_, err = p.participants.LowerHand(ctx, &confbridgev1.LowerHandRequest{Name: one})
	case "next":
		_, err = p.participants.NextHand(ctx, &confbridgev1.NextHandRequest{Parent: room})
	case "yield":
		_, err = p.participants.YieldFloor(ctx, &confbridgev1.YieldFloorRequest{Name: one})
	case "admit":
		_, err = p.participants.AdmitParticipant(ctx, &confbridgev1.AdmitParticipantRequest{Name: one})
	case "admit-all":
		_, err = p.participants.AdmitAllParticipants(ctx, &confbridgev1.AdmitAllParticipantsRequest{Parent: room})
	case "remove":
		_, err = p.participants.RemoveParticipant(ctx, &confbridgev1.RemoveParticipantRequest{Name: one})
	case "ban":
		_, err = p.participants.RemoveParticipant(ctx, &confbridgev1.RemoveParticipantRequest{Name: one, BanDuration: durationpb.New(c.For)})
	case "move":
		_, err = p.participants.MoveParticipant(ctx, &confbridgev1.MoveParticipantRequest{Name: one, DestinationParent: "rooms/" + c.Room})
	case "dial":
		_, err = p.participants.DialParticipant(ctx, &confbridgev1.DialParticipantRequest{Parent: room, Address: c.Number})
	default:
		panic(fmt.Sprintf("nobody asks for %q", c.What))
	}
	return err
}

func (p program) update(ctx context.Context, to *confbridgev1.Room, field string) error {
	to.Name = room
	_, err := p.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: to, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{field}}})
	return err
}

func (p program) change(ctx context.Context, to *confbridgev1.Participant, field string) error {
	_, err := p.participants.UpdateParticipant(ctx, &confbridgev1.UpdateParticipantRequest{
		Participant: to, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{field}},
	})
	return err
}
