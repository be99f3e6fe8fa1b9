package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/entry"
)

// roomService is confbridge.v1.RoomService; WatchRoom is in watch.go.
type roomService struct {
	confbridgev1.UnimplementedRoomServiceServer
	rooms  *rooms.Registry
	desk   *entry.Desk
	sounds Sounds // nil: there are none
}

func (s *roomService) CreateRoom(ctx context.Context, req *confbridgev1.CreateRoomRequest) (*confbridgev1.Room, error) {
	var v violations
	if !validNumber(req.GetRoomId()) {
		v.add("room_id", quote(req.GetRoomId())+" is not 1 to 64 of letters, digits and -_.+*#")
	}
	room := req.GetRoom()
	for _, path := range roomFields {
		if fault := roomFault(room, path); fault != "" {
			v.add("room."+path, fault)
		}
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	modes, err := s.newModes(room)
	if err != nil {
		return nil, err
	}
	info, err := s.desk.Create(ctx, req.GetRoomId(), rooms.Settings{
		DisplayName:      room.GetDisplayName(),
		MaxParticipants:  int(room.GetMaxParticipants()),
		MaxDuration:      room.GetMaxDuration().AsDuration(),
		Locked:           room.GetLocked(),
		MaxTalkers:       s.maxTalkers(room),
		AGC:              s.agc(room),
		NoiseSuppression: s.noiseSuppression(room),
		Opus:             effort(room),
		Recording:        s.recordingSettings(room),
		Schedule:         hoursOf(room),
		OutlastsSchedule: room.GetOutlastsWindows(),
		Modes:            modes,
		Speech:           speech(room),
		IdentityForPIN:   room.GetIdentityForPin(),
	}, pins(room, roomFields, nil))
	if err != nil {
		return nil, err
	}
	return toRoom(info), nil
}

func (s *roomService) GetRoom(ctx context.Context, req *confbridgev1.GetRoomRequest) (*confbridgev1.Room, error) {
	number, err := parseRoomName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	info, err := s.rooms.Info(ctx, number)
	if err != nil {
		return nil, err
	}
	return toRoom(info), nil
}

func (s *roomService) ListRooms(ctx context.Context, req *confbridgev1.ListRoomsRequest) (*confbridgev1.ListRoomsResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	from, err := parseToken(roomsCollection, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	infos, err := s.rooms.List(ctx, from.last, size+1) // one more tells whether this page is the last
	if err != nil {
		return nil, err
	}
	resp := &confbridgev1.ListRoomsResponse{}
	if len(infos) > size {
		infos = infos[:size]
		resp.NextPageToken = cursor{collection: roomsCollection, last: infos[size-1].Number}.token()
	}
	for _, info := range infos {
		resp.Rooms = append(resp.Rooms, toRoom(info))
	}
	return resp, nil
}

func (s *roomService) UpdateRoom(ctx context.Context, req *confbridgev1.UpdateRoomRequest) (*confbridgev1.Room, error) {
	room := req.GetRoom()
	number, err := parseRoomName("room.name", room.GetName())
	if err != nil {
		return nil, err
	}
	paths, err := updatePaths(req.GetUpdateMask(), room, roomFields)
	if err != nil {
		return nil, err
	}
	if err := validateRoom(room, paths); err != nil {
		return nil, err
	}
	recording := s.recordingSettings(room)
	info, err := s.desk.Update(ctx, number, rooms.SettingsPatch{
		DisplayName:      pick(paths, "display_name", room.GetDisplayName()),
		MaxParticipants:  pick(paths, "max_participants", int(room.GetMaxParticipants())),
		MaxDuration:      pick(paths, "max_duration", room.GetMaxDuration().AsDuration()),
		Locked:           pick(paths, "locked", room.GetLocked()),
		MaxTalkers:       pick(paths, "max_talkers", s.maxTalkers(room)),
		AGC:              pick(paths, "agc", s.agc(room)),
		NoiseSuppression: pick(paths, "noise_suppression", s.noiseSuppression(room)),
		OpusComplexity:   pick(paths, "opus_complexity", effort(room).Complexity),
		OpusBitrateBps:   pick(paths, "opus_bitrate_bps", effort(room).BitrateBps),
		RecordingContent: pick(paths, "recording_content", recording.Content),
		RecordingFormat:  pick(paths, "recording_format", recording.Format),
		RecordingTone:    pick(paths, "recording_tone", recording.Tone),
		RecordingBeep:    pick(paths, "recording_beep", recording.Beep),
		RecordingRule:    pick(paths, "recording_rule", recording.Rule),
		RecordingFrom:    pick(paths, "recording_from", recording.From),
		Schedule:         pick(paths, "open_windows", hoursOf(room)),
		OutlastsSchedule: pick(paths, "outlasts_windows", room.GetOutlastsWindows()),
		ModesPatch:       s.modesPatch(room, paths),
		SpeechPatch:      speechPatch(room, paths),
		IdentityForPIN:   pick(paths, "identity_for_pin", room.GetIdentityForPin()),
	}, pins(room, paths, req.GetUpdateMask().GetPaths()))
	if err != nil {
		return nil, err
	}
	return toRoom(info), nil
}

func (s *roomService) DeleteRoom(ctx context.Context, req *confbridgev1.DeleteRoomRequest) (*emptypb.Empty, error) {
	number, err := parseRoomName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.rooms.Delete(ctx, number, req.GetForce()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func (s *roomService) EndRoom(ctx context.Context, req *confbridgev1.EndRoomRequest) (*confbridgev1.EndRoomResponse, error) {
	number, err := parseRoomName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if req.GetForce() {
		err = s.rooms.End(ctx, number, rooms.ReasonEnded)
	} else {
		err = s.rooms.Finish(ctx, number)
	}
	if err != nil {
		return nil, err
	}
	return &confbridgev1.EndRoomResponse{}, nil
}

// maxAside is how many one request can take into a side room.
const maxAside = 64

func (s *roomService) OpenSideRoom(ctx context.Context, req *confbridgev1.OpenSideRoomRequest) (*confbridgev1.Room, error) {
	number, err := parseRoomName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	ids := req.GetParticipants()
	if n := len(ids); n < 2 || n > maxAside {
		return nil, violated("participants", fmt.Sprintf("has %d ids, want 2 to %d", n, maxAside))
	}
	info, err := s.rooms.OpenSideRoom(ctx, number, ids...)
	if err != nil {
		return nil, err
	}
	return toRoom(info), nil
}

func (s *roomService) CloseSideRoom(ctx context.Context, req *confbridgev1.CloseSideRoomRequest) (*confbridgev1.CloseSideRoomResponse, error) {
	number, err := parseRoomName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.rooms.CloseSideRoom(ctx, number); err != nil {
		return nil, err
	}
	return &confbridgev1.CloseSideRoomResponse{}, nil
}

// maxTalkers is what a request says of it, or else what the bridge is configured with; so are agc and noiseSuppression.
func (s *roomService) maxTalkers(room *confbridgev1.Room) int {
	return cmp.Or(int(room.GetMaxTalkers()), s.rooms.Defaults().MaxTalkers)
}

func (s *roomService) agc(room *confbridgev1.Room) bool {
	if room == nil || room.Agc == nil {
		return s.rooms.Defaults().AGC
	}
	return *room.Agc
}

func (s *roomService) noiseSuppression(room *confbridgev1.Room) bool {
	if room == nil || room.NoiseSuppression == nil {
		return s.rooms.Defaults().NoiseSuppression
	}
	return *room.NoiseSuppression
}

// effort is what encoders of Opus are to spend; zeros are the bridge's.
func effort(room *confbridgev1.Room) codec.Effort {
	return codec.Effort{Complexity: int(room.GetOpusComplexity()), BitrateBps: int(room.GetOpusBitrateBps())}
}

// pick is value where path is to be set, and nil where it is not.
func pick[T any](paths []string, path string, value T) *T {
	if !slices.Contains(paths, path) {
		return nil
	}
	return &value
}
