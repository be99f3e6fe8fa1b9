package api

import (
	"context"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// one does something to the participant of that name.
func one(
	ctx context.Context, name string, do func(ctx context.Context, number, id string) (rooms.ParticipantInfo, error),
) (*confbridgev1.Participant, error) {
	number, id, err := parseParticipantName("name", name)
	if err != nil {
		return nil, err
	}
	info, err := do(ctx, number, id)
	if err != nil {
		return nil, err
	}
	return toParticipant(info), nil
}

func (s *participantService) RaiseHand(ctx context.Context, req *confbridgev1.RaiseHandRequest) (*confbridgev1.Participant, error) {
	return one(ctx, req.GetName(), s.rooms.RaiseHand)
}

func (s *participantService) LowerHand(ctx context.Context, req *confbridgev1.LowerHandRequest) (*confbridgev1.Participant, error) {
	return one(ctx, req.GetName(), s.rooms.LowerHand)
}

func (s *participantService) YieldFloor(ctx context.Context, req *confbridgev1.YieldFloorRequest) (*confbridgev1.Participant, error) {
	return one(ctx, req.GetName(), s.rooms.YieldFloor)
}

func (s *participantService) NextHand(ctx context.Context, req *confbridgev1.NextHandRequest) (*confbridgev1.NextHandResponse, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	info, err := s.rooms.NextHand(ctx, number)
	if err != nil {
		return nil, err
	}
	resp := &confbridgev1.NextHandResponse{}
	if info.ID != "" {
		resp.Participant = toParticipant(info)
	}
	return resp, nil
}

func (s *participantService) MuteAllParticipants(
	ctx context.Context, req *confbridgev1.MuteAllParticipantsRequest,
) (*confbridgev1.MuteAllParticipantsResponse, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	n, err := s.rooms.MuteAll(ctx, number, req.GetAllowSelfUnmute())
	if err != nil {
		return nil, err
	}
	return &confbridgev1.MuteAllParticipantsResponse{MutedCount: int32(n)}, nil
}

func (s *participantService) UnmuteAllParticipants(
	ctx context.Context, req *confbridgev1.UnmuteAllParticipantsRequest,
) (*confbridgev1.UnmuteAllParticipantsResponse, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	n, err := s.rooms.UnmuteAll(ctx, number)
	if err != nil {
		return nil, err
	}
	return &confbridgev1.UnmuteAllParticipantsResponse{UnmutedCount: int32(n)}, nil
}
