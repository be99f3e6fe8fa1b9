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
	"google.golang.org/protobuf/types/known/timestamppb"

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

// noon is the present of all golden files.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(noon.Add(-d)) }

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

func sampleBans() []*confbridgev1.Ban {
	return []*confbridgev1.Ban{
		{
			Name: "rooms/1000/bans/b2k7", Address: "sip:mallory@192.0.2.66", DisplayName: "Mallory",
			CreateTime: ago(time.Hour), ExpireTime: ago(-23 * time.Hour),
		},
		{
			Name: "rooms/1000/bans/q9z4", Address: "sip:\x1b[31m@telephones.example.com", DisplayName: "a\nb",
			CreateTime: ago(time.Minute), ExpireTime: ago(-time.Minute),
		},
	}
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

// sampleTrunks has one in each state.
func sampleTrunks() []*confbridgev1.Trunk {
	return []*confbridgev1.Trunk{
		{
			Name: "trunks/carrier", Calls: 12, MaxCalls: 100, CallsTotal: 4711, RefusedTotal: 3,
			Registration: &confbridgev1.Registration{
				State: confbridgev1.Registration_STATE_REGISTERED, Registrar: "sip:carrier.example", Address: "sip:bridge@carrier.example",
				Target: "udp://192.0.2.1:5060", ChangeTime: ago(3 * time.Hour), ExpireTime: ago(-8 * time.Minute), NextAttemptTime: ago(-7 * time.Minute),
			},
			Reachability: &confbridgev1.Reachability{
				State: confbridgev1.Reachability_STATE_UP, Uri: "sip:carrier.example", ChangeTime: ago(26 * time.Hour),
				RoundTrip: durationpb.New(12345 * time.Microsecond),
			},
		},
		{
			Name: "trunks/branch", Calls: 1, CallsTotal: 7,
			Registration: &confbridgev1.Registration{
				State: confbridgev1.Registration_STATE_FAILED, ChangeTime: ago(40 * time.Second), Error: "SIP 403 Forbidden: \x1b[31mno such user here at all",
			},
			Reachability: &confbridgev1.Reachability{State: confbridgev1.Reachability_STATE_DOWN, ChangeTime: ago(90 * time.Second), Error: "no answer in time"},
		},
		{
			Name:         "trunks/new",
			Registration: &confbridgev1.Registration{State: confbridgev1.Registration_STATE_REGISTERING},
			Reachability: &confbridgev1.Reachability{State: confbridgev1.Reachability_STATE_UNKNOWN},
		},
		{Name: "trunks/phones", Calls: 2},
	}
}

// sample is a bridge with a bit of everything in it.
func sample() *fakeBridge {
	ann := &confbridgev1.Participant{
		Name: "rooms/1000/participants/k3x9", DisplayName: "Ann", Number: 3, Role: confbridgev1.Role_ROLE_MODERATOR, Talking: true,
		Dominant: true, LevelDbfs: -23.4, Place: confbridgev1.Place_PLACE_INSIDE, HasFloor: true,
		Address: "sip:ann@192.0.2.1", CallId: "a84b4c76e66710", JoinTime: ago(4*time.Minute + 5*time.Second),
		Format: &confbridgev1.AudioFormat{Codec: "opus", ClockRateHz: 48000, SampleRateHz: 48000, PacketTime: durationpb.New(20 * time.Millisecond)},
		ReceivedFormat: &confbridgev1.AudioFormat{
			Codec: "opus", ClockRateHz: 48000, SampleRateHz: 48000, PacketTime: durationpb.New(20 * time.Millisecond),
		},
		Media: &confbridgev1.MediaStats{
			PacketsReceived: 12248, PacketsLost: 2, PacketsLate: 1,
			Concealed: durationpb.New(60 * time.Millisecond), BufferDelay: durationpb.New(12 * time.Millisecond),
			PacketsDiscarded: 3, Recovered: durationpb.New(40 * time.Millisecond), Stretched: durationpb.New(35 * time.Millisecond),
			Cut: durationpb.New(1234567 * time.Microsecond),
		},
		Quality: &confbridgev1.Quality{
			Heard: &confbridgev1.HeardQuality{
				LossRatio: .00123, DiscardRatio: .01, ConcealedRatio: .5, Jitter: durationpb.New(2345 * time.Microsecond),
				BufferNominal: durationpb.New(12 * time.Millisecond), BufferMax: durationpb.New(180 * time.Millisecond),
				BufferLimit: durationpb.New(500 * time.Millisecond), SignalDbfs: -20.6, NoiseDbfs: -58, RFactor: 87.7, Mos: 4.27,
			},
			Hears: &confbridgev1.HearsQuality{
				ReportTime: ago(4 * time.Second), LossRatio: .25, PacketsLost: 17, Jitter: durationpb.New(12 * time.Millisecond),
				RoundTrip: durationpb.New(43 * time.Millisecond), RFactor: 70, Mos: 3.6, BufferNominal: durationpb.New(60 * time.Millisecond),
			},
		},
	}
	bob := &confbridgev1.Participant{
		Name: "rooms/1000/participants/p71q", Role: confbridgev1.Role_ROLE_LISTENER, Muted: true, Deaf: true, GainDb: -6.5,
		Address: "sip:a.very.long.user.name.indeed.and.then.some@telephones.example.com", JoinTime: ago(26 * time.Hour),
		Format:    &confbridgev1.AudioFormat{Codec: "PCMU", ClockRateHz: 8000, SampleRateHz: 8000, PacketTime: durationpb.New(20 * time.Millisecond)},
		LevelDbfs: -127,
		Media:     &confbridgev1.MediaStats{},
		Place:     confbridgev1.Place_PLACE_INSIDE, MutedBy: confbridgev1.MutedBy_MUTED_BY_LECTURE,
	}
	evil := &confbridgev1.Participant{
		Name: "rooms/1000/participants/zz", DisplayName: "\x1b[31mred\nalert\x07", Role: confbridgev1.Role_ROLE_SPEAKER,
		JoinTime: ago(9 * time.Second), GainDb: 3, Talking: true, LevelDbfs: -.2,
		Format: &confbridgev1.AudioFormat{Codec: "PCMA", ClockRateHz: 8000, SampleRateHz: 8000, PacketTime: durationpb.New(30 * time.Millisecond)},
		ReceivedFormat: &confbridgev1.AudioFormat{
			Codec: "G722", ClockRateHz: 8000, SampleRateHz: 16000, PacketTime: durationpb.New(20 * time.Millisecond),
		},
		Media: &confbridgev1.MediaStats{PacketsReceived: 90, PacketsLost: 10}, Place: confbridgev1.Place_PLACE_INSIDE, HandPosition: 12,
	}
	dee := &confbridgev1.Participant{
		Name: "rooms/1000/participants/w0w0", DisplayName: "Dee", Role: confbridgev1.Role_ROLE_SPEAKER, JoinTime: ago(2 * time.Second),
		Format: &confbridgev1.AudioFormat{Codec: "PCMA", ClockRateHz: 8000, SampleRateHz: 8000, PacketTime: durationpb.New(20 * time.Millisecond)},
		Media:  &confbridgev1.MediaStats{}, LevelDbfs: -127, Place: confbridgev1.Place_PLACE_WAITING_FOR_HOST,
	}
	rooms := []*confbridgev1.Room{
		{
			Name: "rooms/1000", DisplayName: "Monday", MaxParticipants: 8, MaxDuration: durationpb.New(90 * time.Minute),
			Locked: true, CreateTime: ago(72 * time.Hour), StartTime: ago(26 * time.Hour), ParticipantCount: 3,
			SampleRateHz: 48000, LastSequence: 41, MaxTalkers: 4, Agc: proto.Bool(true), NoiseSuppression: proto.Bool(false),
			OpusComplexity: 8, OpusComplexityNow: 6, OpusBitrateBps: 96000,
			RecordingContent: confbridgev1.RecordingContent_RECORDING_CONTENT_BOTH, RecordingFormat: confbridgev1.RecordingFormat_RECORDING_FORMAT_FLAC,
			RecordingTone: proto.Bool(true), RecordingBeep: proto.Bool(true), RecordingRule: confbridgev1.RecordingRule_RECORDING_RULE_WITH_HOST, RecordingFrom: proto.Int32(2), Recording: sampleRecordings()[2].GetName(), RecordingPaused: true,
			OpenWindows: []*confbridgev1.OpenWindow{
				{
					Start: "2026-03-02T09:00", TimeZone: "Europe/Berlin", Duration: durationpb.New(90 * time.Minute), Rule: "FREQ=WEEKLY;BYDAY=MO,WE",
					Except: []string{"2026-12-23"},
				},
				{Start: "2026-03-04T11:30", TimeZone: "UTC", Duration: durationpb.New(time.Hour)},
			},
			CloseTime: ago(-30 * time.Minute), OutlastsWindows: true,
			Voice: "de-anna", Speaking: confbridgev1.Speaking_SPEAKING_EVENTS, Announce: confbridgev1.Announce_ANNOUNCE_WORDS, AnnounceLimit: 7,
			EarlyWait: durationpb.New(15 * time.Minute), RecordNames: proto.Bool(true),
			Music: "music/piano", Keys: map[string]string{"speak-quieter": "*52"},
			Lobby: proto.Bool(true), Lecture: proto.Bool(true), AllowSelfUnmute: proto.Bool(true), ReservedForHosts: proto.Int32(2),
			OnLastHostLeave: confbridgev1.LastHostLeave_LAST_HOST_LEAVE_END, HostGrace: durationpb.New(2 * time.Minute),
			WarnBefore: []*durationpb.Duration{durationpb.New(5 * time.Minute), durationpb.New(time.Minute)},
		},
		{Name: "rooms/7", OnDemand: true, CreateTime: ago(time.Second), StartTime: ago(time.Second), ParticipantCount: 1},
		{
			Name:        "rooms/" + strings.Repeat("1234567890", 6),
			DisplayName: "Die Besprechung aller Abteilungen über alles Übrige, jeden zweiten Mittwoch", CreateTime: ago(0),
		},
	}
	event := func(n uint64, k confbridgev1.EventKind, p *confbridgev1.Participant) *confbridgev1.Event {
		at := timestamppb.New(noon.Add(time.Duration(n) * 1234 * time.Millisecond))
		return &confbridgev1.Event{RoomName: "rooms/1000", Sequence: n, Time: at, Kind: k, Participant: p}
	}
	key := event(45, confbridgev1.EventKind_EVENT_KIND_KEY_PRESSED, ann)
	key.KeyPress = &confbridgev1.KeyPress{Key: "#", Held: durationpb.New(120 * time.Millisecond)}
	left := event(46, confbridgev1.EventKind_EVENT_KIND_LEFT, ann)
	left.Reason = confbridgev1.Reason_REASON_MEDIA_TIMEOUT
	ended := event(47, confbridgev1.EventKind_EVENT_KIND_ENDED, nil)
	ended.Reason, ended.Room = confbridgev1.Reason_REASON_EMPTY, rooms[0]
	floor := event(48, confbridgev1.EventKind_EVENT_KIND_DOMINANT_SPEAKER, bob)
	nobody := event(49, confbridgev1.EventKind_EVENT_KIND_DOMINANT_SPEAKER, nil)
	records := event(50, confbridgev1.EventKind_EVENT_KIND_RECORDING_STARTED, nil)
	fails := event(51, confbridgev1.EventKind_EVENT_KIND_RECORDING_FAILED, nil)
	fails.Reason = confbridgev1.Reason_REASON_DISK_LOW
	for _, e := range []*confbridgev1.Event{records, fails} {
		e.Recording, e.Room = sampleRecordings()[0].GetName(), rooms[0]
	}
	waits := event(52, confbridgev1.EventKind_EVENT_KIND_WAITING, dee)
	hand := event(53, confbridgev1.EventKind_EVENT_KIND_HAND_RAISED, evil)
	muted := event(54, confbridgev1.EventKind_EVENT_KIND_MUTED, bob)
	given := event(55, confbridgev1.EventKind_EVENT_KIND_FLOOR_GIVEN, ann)
	warned := event(56, confbridgev1.EventKind_EVENT_KIND_TIME_WARNING, nil)
	warned.Remaining, warned.Room = durationpb.New(5*time.Minute), rooms[0]
	banned := event(57, confbridgev1.EventKind_EVENT_KIND_BANNED, bob)
	unbanned := event(58, confbridgev1.EventKind_EVENT_KIND_UNBANNED, nil)
	banned.Ban, unbanned.Ban, unbanned.Room = sampleBans()[0], sampleBans()[1], rooms[0]
	var distributed []*confbridgev1.WatchRoomResponse
	for i, k := range []confbridgev1.EventKind{
		confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_STARTED, confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_DOWN,
		confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_UP, confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_LOOPED,
		confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_STOPPED,
	} {
		e := event(uint64(59+i), k, nil)
		e.Distribution = sampleDistributions()[0].GetName()
		distributed = append(distributed, &confbridgev1.WatchRoomResponse{Content: &confbridgev1.WatchRoomResponse_Event{Event: e}})
	}
	late := event(64, confbridgev1.EventKind_EVENT_KIND_LATE, nil)
	late.Lateness = &confbridgev1.Lateness{SkippedFrames: 3, LateTurns: 12, Worst: durationpb.New(83_456 * time.Microsecond)}
	less := event(65, confbridgev1.EventKind_EVENT_KIND_OPUS_COMPLEXITY_CHANGED, nil)
	less.OpusComplexity = &confbridgev1.OpusComplexityChange{From: 8, To: 6}
	told := func(e *confbridgev1.Event) *confbridgev1.WatchRoomResponse {
		return &confbridgev1.WatchRoomResponse{Content: &confbridgev1.WatchRoomResponse_Event{Event: e}}
	}
	return &fakeBridge{
		rooms:        rooms,
		participants: []*confbridgev1.Participant{ann, bob, evil, dee},
		story: append([]*confbridgev1.WatchRoomResponse{
			{Content: &confbridgev1.WatchRoomResponse_Snapshot{Snapshot: &confbridgev1.RoomSnapshot{
				Room: rooms[0], Participants: []*confbridgev1.Participant{ann, bob, evil, dee}, Sequence: 41,
			}}},
			{}, // what a newer bridge might say
			{Content: &confbridgev1.WatchRoomResponse_Missed{
				Missed: &confbridgev1.MissedEvents{FromSequence: 42, ToSequence: 42},
			}},
			told(event(43, confbridgev1.EventKind_EVENT_KIND_JOINED, bob)),
			told(event(44, confbridgev1.EventKind_EVENT_KIND_TALKING_STARTED, evil)),
			told(key), told(left), told(ended), told(floor), told(nobody), told(records), told(fails), told(waits), told(hand), told(muted), told(given), told(warned),
			told(banned), told(unbanned),
		}, append(distributed, told(late), told(less))...),
	}
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
