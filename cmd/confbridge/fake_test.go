package main

import (
	"bytes"
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// asProgram makes the test binary the program itself, for tests of what only a process has: signals.
const asProgram = "CONFBRIDGE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// testWait is how long a test waits for what must come; only a failing test waits so long.
const testWait = 20 * time.Second

// fakeBridge answers with what it was given and keeps the last request.
type fakeBridge struct {
	confbridgev1.UnimplementedRoomServiceServer
	confbridgev1.UnimplementedParticipantServiceServer
	confbridgev1.UnimplementedTrunkServiceServer
	confbridgev1.UnimplementedRecordingServiceServer
	confbridgev1.UnimplementedCallRecordServiceServer
	confbridgev1.UnimplementedInvitationServiceServer
	confbridgev1.UnimplementedDistributionServiceServer
	confbridgev1.UnimplementedNumberServiceServer

	rooms         []*confbridgev1.Room
	participants  []*confbridgev1.Participant
	story         []*confbridgev1.WatchRoomResponse
	downloadFails bool  // in the middle
	storyEnds     error // nil: the stream stays open behind the story

	mu   sync.Mutex
	last proto.Message
}

func (f *fakeBridge) keep(m proto.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = m
}

func (f *fakeBridge) lastRequest() proto.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// ListRooms has pages of one room, whatever the client asks for.
func (f *fakeBridge) ListRooms(_ context.Context, req *confbridgev1.ListRoomsRequest) (*confbridgev1.ListRoomsResponse, error) {
	i := len(req.GetPageToken())
	if i >= len(f.rooms) {
		return &confbridgev1.ListRoomsResponse{}, nil
	}
	return &confbridgev1.ListRoomsResponse{Rooms: f.rooms[i : i+1], NextPageToken: strings.Repeat("x", i+1)}, nil
}

func (f *fakeBridge) GetRoom(_ context.Context, req *confbridgev1.GetRoomRequest) (*confbridgev1.Room, error) {
	f.keep(req)
	return f.rooms[0], nil
}

func (f *fakeBridge) CreateRoom(_ context.Context, req *confbridgev1.CreateRoomRequest) (*confbridgev1.Room, error) {
	f.keep(req)
	return f.rooms[0], nil
}

func (f *fakeBridge) UpdateRoom(_ context.Context, req *confbridgev1.UpdateRoomRequest) (*confbridgev1.Room, error) {
	f.keep(req)
	return f.rooms[0], nil
}

func (f *fakeBridge) DeleteRoom(_ context.Context, req *confbridgev1.DeleteRoomRequest) (*emptypb.Empty, error) {
	f.keep(req)
	return &emptypb.Empty{}, nil
}

func (f *fakeBridge) PlayAnnouncement(_ context.Context, req *confbridgev1.PlayAnnouncementRequest) (*confbridgev1.PlayAnnouncementResponse, error) {
	f.keep(req)
	return &confbridgev1.PlayAnnouncementResponse{Duration: durationpb.New(1234567 * time.Microsecond)}, nil
}

func (f *fakeBridge) StopAnnouncement(_ context.Context, req *confbridgev1.StopAnnouncementRequest) (*confbridgev1.StopAnnouncementResponse, error) {
	f.keep(req)
	return &confbridgev1.StopAnnouncementResponse{}, nil
}

func (f *fakeBridge) OpenSideRoom(_ context.Context, req *confbridgev1.OpenSideRoomRequest) (*confbridgev1.Room, error) {
	f.keep(req)
	return &confbridgev1.Room{Name: req.GetName() + "-side-k3x9ab", SideOf: req.GetName(), ParticipantCount: int32(len(req.GetParticipants()))}, nil
}

func (f *fakeBridge) CloseSideRoom(_ context.Context, req *confbridgev1.CloseSideRoomRequest) (*confbridgev1.CloseSideRoomResponse, error) {
	f.keep(req)
	return &confbridgev1.CloseSideRoomResponse{}, nil
}

func (f *fakeBridge) CreateInvitation(_ context.Context, req *confbridgev1.CreateInvitationRequest) (*confbridgev1.Invitation, error) {
	f.keep(req)
	return &confbridgev1.Invitation{Name: req.GetParent() + "/invitations/k3x9", Pin: "48151623"}, nil
}

// ListInvitations has two, on a page each.
func (f *fakeBridge) ListInvitations(_ context.Context, req *confbridgev1.ListInvitationsRequest) (*confbridgev1.ListInvitationsResponse, error) {
	f.keep(req)
	if req.GetPageToken() == "" {
		return &confbridgev1.ListInvitationsResponse{NextPageToken: "x", Invitations: []*confbridgev1.Invitation{{
			Name: req.GetParent() + "/invitations/a1", DisplayName: "Zoe", Role: confbridgev1.Role_ROLE_SPEAKER, StartTime: ago(-time.Hour), EndTime: ago(-2 * time.Hour),
		}}}, nil
	}
	return &confbridgev1.ListInvitationsResponse{Invitations: []*confbridgev1.Invitation{{
		Name: req.GetParent() + "/invitations/b2", Role: confbridgev1.Role_ROLE_MODERATOR, UseTime: ago(time.Minute),
	}}}, nil
}

func (f *fakeBridge) DeleteInvitation(_ context.Context, req *confbridgev1.DeleteInvitationRequest) (*emptypb.Empty, error) {
	f.keep(req)
	return &emptypb.Empty{}, nil
}

func (f *fakeBridge) EndRoom(_ context.Context, req *confbridgev1.EndRoomRequest) (*confbridgev1.EndRoomResponse, error) {
	f.keep(req)
	return &confbridgev1.EndRoomResponse{}, nil
}

func (f *fakeBridge) WatchRoom(
	req *confbridgev1.WatchRoomRequest, stream grpc.ServerStreamingServer[confbridgev1.WatchRoomResponse],
) error {
	f.keep(req)
	for _, m := range f.story {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	if f.storyEnds != nil {
		return f.storyEnds
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (f *fakeBridge) ListParticipants(
	_ context.Context, req *confbridgev1.ListParticipantsRequest,
) (*confbridgev1.ListParticipantsResponse, error) {
	f.keep(req)
	return &confbridgev1.ListParticipantsResponse{Participants: f.participants}, nil
}

func (f *fakeBridge) GetParticipant(
	_ context.Context, req *confbridgev1.GetParticipantRequest,
) (*confbridgev1.Participant, error) {
	f.keep(req)
	for _, p := range f.participants {
		if p.GetName() == req.GetName() {
			return p, nil
		}
	}
	return f.participants[0], nil
}

func (f *fakeBridge) UpdateParticipant(
	_ context.Context, req *confbridgev1.UpdateParticipantRequest,
) (*confbridgev1.Participant, error) {
	f.keep(req)
	return f.participants[0], nil
}

func (f *fakeBridge) RemoveParticipant(
	_ context.Context, req *confbridgev1.RemoveParticipantRequest,
) (*confbridgev1.RemoveParticipantResponse, error) {
	f.keep(req)
	return &confbridgev1.RemoveParticipantResponse{}, nil
}

func (f *fakeBridge) AdmitParticipant(
	_ context.Context, req *confbridgev1.AdmitParticipantRequest,
) (*confbridgev1.Participant, error) {
	f.keep(req)
	return f.participants[len(f.participants)-1], nil // still waits, for a host
}

func (f *fakeBridge) AdmitAllParticipants(
	_ context.Context, req *confbridgev1.AdmitAllParticipantsRequest,
) (*confbridgev1.AdmitAllParticipantsResponse, error) {
	f.keep(req)
	return &confbridgev1.AdmitAllParticipantsResponse{AdmittedCount: 3}, nil
}

func (f *fakeBridge) MoveParticipant(
	_ context.Context, req *confbridgev1.MoveParticipantRequest,
) (*confbridgev1.Participant, error) {
	f.keep(req)
	return f.participants[0], nil
}

func (f *fakeBridge) RaiseHand(_ context.Context, req *confbridgev1.RaiseHandRequest) (*confbridgev1.Participant, error) {
	f.keep(req)
	return f.participants[2], nil
}

func (f *fakeBridge) LowerHand(_ context.Context, req *confbridgev1.LowerHandRequest) (*confbridgev1.Participant, error) {
	f.keep(req)
	return f.participants[0], nil
}

func (f *fakeBridge) YieldFloor(_ context.Context, req *confbridgev1.YieldFloorRequest) (*confbridgev1.Participant, error) {
	f.keep(req)
	return f.participants[0], nil
}

func (f *fakeBridge) NextHand(_ context.Context, req *confbridgev1.NextHandRequest) (*confbridgev1.NextHandResponse, error) {
	f.keep(req)
	if req.GetParent() != "rooms/1000" {
		return &confbridgev1.NextHandResponse{}, nil
	}
	return &confbridgev1.NextHandResponse{Participant: f.participants[0]}, nil
}

func (f *fakeBridge) MuteAllParticipants(
	_ context.Context, req *confbridgev1.MuteAllParticipantsRequest,
) (*confbridgev1.MuteAllParticipantsResponse, error) {
	f.keep(req)
	return &confbridgev1.MuteAllParticipantsResponse{MutedCount: 11}, nil
}

func (f *fakeBridge) UnmuteAllParticipants(
	_ context.Context, req *confbridgev1.UnmuteAllParticipantsRequest,
) (*confbridgev1.UnmuteAllParticipantsResponse, error) {
	f.keep(req)
	return &confbridgev1.UnmuteAllParticipantsResponse{UnmutedCount: 10}, nil
}

// ListBans has pages of one ban.
func (f *fakeBridge) ListBans(_ context.Context, req *confbridgev1.ListBansRequest) (*confbridgev1.ListBansResponse, error) {
	f.keep(req)
	if i := len(req.GetPageToken()); i < len(sampleBans()) {
		return &confbridgev1.ListBansResponse{Bans: sampleBans()[i : i+1], NextPageToken: strings.Repeat("x", i+1)}, nil
	}
	return &confbridgev1.ListBansResponse{}, nil
}

func (f *fakeBridge) DeleteBan(_ context.Context, req *confbridgev1.DeleteBanRequest) (*emptypb.Empty, error) {
	f.keep(req)
	return &emptypb.Empty{}, nil
}

// ListTrunks has pages of one trunk.
func (f *fakeBridge) ListTrunks(_ context.Context, req *confbridgev1.ListTrunksRequest) (*confbridgev1.ListTrunksResponse, error) {
	trunks := sampleTrunks()
	i := len(req.GetPageToken())
	resp := &confbridgev1.ListTrunksResponse{Trunks: trunks[i : i+1]}
	if i+1 < len(trunks) {
		resp.NextPageToken = strings.Repeat("x", i+1)
	}
	return resp, nil
}

func (f *fakeBridge) WatchTrunks(_ *confbridgev1.WatchTrunksRequest, stream grpc.ServerStreamingServer[confbridgev1.WatchTrunksResponse]) error {
	for _, k := range sampleTrunks() {
		if err := stream.Send(&confbridgev1.WatchTrunksResponse{Trunk: k}); err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (f *fakeBridge) GetTrunk(_ context.Context, req *confbridgev1.GetTrunkRequest) (*confbridgev1.Trunk, error) {
	f.keep(req)
	return sampleTrunks()[0], nil
}

func (f *fakeBridge) start(t *testing.T) string {
	t.Helper()
	return serveFake(t, func(s *grpc.Server) {
		confbridgev1.RegisterRoomServiceServer(s, f)
		confbridgev1.RegisterParticipantServiceServer(s, f)
		confbridgev1.RegisterTrunkServiceServer(s, f)
		confbridgev1.RegisterRecordingServiceServer(s, f)
		confbridgev1.RegisterCallRecordServiceServer(s, f)
		confbridgev1.RegisterInvitationServiceServer(s, f)
		confbridgev1.RegisterDistributionServiceServer(s, f)
		confbridgev1.RegisterNumberServiceServer(s, f)
	})
}

// serveFake serves on a loopback port and returns its address.
func serveFake(t *testing.T, register func(*grpc.Server)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.WaitForHandlers(true))
	register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// result is what a run has left behind.
type result struct {
	code           int
	stdout, stderr string
}

// runAt runs the program at noon, with these variables in the environment, and two lines with a PIN each on its standard input.
func runAt(ctx context.Context, env map[string]string, args ...string) result {
	var stdout, stderr bytes.Buffer
	c := &console{
		program: "confbridge", stdin: strings.NewReader("8642\n9753\n"), stdout: &stdout, stderr: &stderr, getenv: func(name string) string { return env[name] },
		now: func() time.Time { return noon }, zone: time.UTC,
	}
	code := c.run(ctx, args)
	return result{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// golden compares with testdata/name, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
