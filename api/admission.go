package api

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

func (s *participantService) AdmitParticipant(
	ctx context.Context, req *confbridgev1.AdmitParticipantRequest,
) (*confbridgev1.Participant, error) {
	return one(ctx, req.GetName(), s.rooms.LetIn)
}

func (s *participantService) AdmitAllParticipants(
	ctx context.Context, req *confbridgev1.AdmitAllParticipantsRequest,
) (*confbridgev1.AdmitAllParticipantsResponse, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	n, err := s.rooms.LetAllIn(ctx, number)
	if err != nil {
		return nil, err
	}
	return &confbridgev1.AdmitAllParticipantsResponse{AdmittedCount: int32(n)}, nil
}

func (s *participantService) MoveParticipant(
	ctx context.Context, req *confbridgev1.MoveParticipantRequest,
) (*confbridgev1.Participant, error) {
	number, id, err := parseParticipantName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	to, err := parseRoomName("destination_parent", req.GetDestinationParent())
	if err != nil {
		return nil, err
	}
	if to == number {
		return nil, violated("destination_parent", "the participant is there")
	}
	if _, err := s.rooms.Participant(ctx, number, id); errors.Is(err, rooms.ErrNoRoom) {
		return nil, fmt.Errorf("room %q: %w", number, rooms.ErrNoParticipant) // what is told of a room is about the other one
	} else if err != nil {
		return nil, err
	}
	info, err := s.rooms.Move(ctx, number, id, to)
	if err != nil {
		return nil, err
	}
	return toParticipant(info), nil
}

func (s *participantService) RemoveParticipant(
	ctx context.Context, req *confbridgev1.RemoveParticipantRequest,
) (*confbridgev1.RemoveParticipantResponse, error) {
	number, id, err := parseParticipantName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	ban := req.GetBanDuration()
	if fault := durationFault(ban, 0, rooms.MaxBanTime); ban != nil && fault != "" {
		return nil, violated("ban_duration", fault)
	}
	if ban.AsDuration() > 0 {
		err = s.rooms.Ban(ctx, number, id, ban.AsDuration())
	} else {
		err = s.rooms.Remove(ctx, number, id)
	}
	if err != nil {
		return nil, err
	}
	return &confbridgev1.RemoveParticipantResponse{}, nil
}

func (s *participantService) ListBans(_ context.Context, req *confbridgev1.ListBansRequest) (*confbridgev1.ListBansResponse, error) {
	number, size, from, err := parseListOf(req, bansCollection)
	if err != nil {
		return nil, err
	}
	bans, err := s.rooms.Bans(number)
	if err != nil {
		return nil, err
	}
	bans = bansBehind(bans, from)
	resp := &confbridgev1.ListBansResponse{}
	if len(bans) > size {
		bans = bans[:size]
		last := bans[size-1]
		resp.NextPageToken = cursor{collection: from.collection, last: last.ID, joined: last.Created}.token()
	}
	for _, b := range bans {
		resp.Bans = append(resp.Bans, toBan(number, b))
	}
	return resp, nil
}

// bansBehind is what follows the cursor in bans, which are in order of making. Where the one that the cursor names is over, it goes on with
// those that were made later.
func bansBehind(bans []rooms.Ban, c cursor) []rooms.Ban {
	if c.last == "" {
		return bans
	}
	if i := slices.IndexFunc(bans, func(b rooms.Ban) bool { return b.ID == c.last }); i >= 0 {
		return bans[i+1:]
	}
	return slices.DeleteFunc(bans, func(b rooms.Ban) bool { return !b.Created.After(c.joined) })
}

func (s *participantService) DeleteBan(ctx context.Context, req *confbridgev1.DeleteBanRequest) (*emptypb.Empty, error) {
	number, id, err := parseBanName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.rooms.Unban(ctx, number, id); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func toBan(number string, b rooms.Ban) *confbridgev1.Ban {
	return &confbridgev1.Ban{
		Name:        banName(number, b.ID),
		Address:     validText(b.Address),
		DisplayName: validText(b.DisplayName),
		CreateTime:  toTimestamp(b.Created),
		ExpireTime:  toTimestamp(b.Expires),
	}
}
