package api

import (
	"context"
	"slices"
	"time"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// participantService is confbridge.v1.ParticipantService.
type participantService struct {
	confbridgev1.UnimplementedParticipantServiceServer
	rooms  *rooms.Registry
	dialer Dialer // nil: nobody is called
}

func (s *participantService) ListParticipants(
	ctx context.Context, req *confbridgev1.ListParticipantsRequest,
) (*confbridgev1.ListParticipantsResponse, error) {
	number, size, from, err := parseListOf(req, participantsCollection)
	if err != nil {
		return nil, err
	}
	infos, err := s.rooms.Participants(ctx, number)
	if err != nil {
		return nil, err
	}
	infos = behind(infos, from, func(p rooms.ParticipantInfo) (string, time.Time) { return p.ID, p.Joined })
	resp := &confbridgev1.ListParticipantsResponse{}
	if len(infos) > size {
		infos = infos[:size]
		last := infos[size-1]
		resp.NextPageToken = cursor{collection: from.collection, last: last.ID, joined: last.Joined}.token()
	}
	resp.Participants = toParticipants(infos)
	return resp, nil
}

// behind is what follows the cursor in infos, which are in order of joining, or of being called; of says which one it is, and when that was. Where
// the one that the cursor names has left, it goes on with those who came later.
func behind[T any](infos []T, c cursor, of func(T) (id string, at time.Time)) []T {
	if c.last == "" {
		return infos
	}
	is := func(p T) bool { id, _ := of(p); return id == c.last }
	if i := slices.IndexFunc(infos, is); i >= 0 {
		return infos[i+1:]
	}
	for i, p := range infos {
		if _, at := of(p); at.After(c.joined) {
			return infos[i:]
		}
	}
	return nil
}

func (s *participantService) GetParticipant(
	ctx context.Context, req *confbridgev1.GetParticipantRequest,
) (*confbridgev1.Participant, error) {
	number, id, err := parseParticipantName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	info, err := s.rooms.Participant(ctx, number, id)
	if err != nil {
		return nil, err
	}
	return toParticipant(info), nil
}

func (s *participantService) UpdateParticipant(
	ctx context.Context, req *confbridgev1.UpdateParticipantRequest,
) (*confbridgev1.Participant, error) {
	p := req.GetParticipant()
	number, id, err := parseParticipantName("participant.name", p.GetName())
	if err != nil {
		return nil, err
	}
	paths, err := updatePaths(req.GetUpdateMask(), p, participantFields)
	if err != nil {
		return nil, err
	}
	if err := validateParticipant(p, paths); err != nil {
		return nil, err
	}
	role, _ := roleFromProto(p.GetRole())
	info, err := s.rooms.UpdateParticipant(ctx, number, id, rooms.ParticipantPatch{
		DisplayName: pick(paths, "display_name", p.GetDisplayName()),
		Role:        pick(paths, "role", role),
		Muted:       pick(paths, "muted", p.GetMuted()),
		Deaf:        pick(paths, "deaf", p.GetDeaf()),
		GainDB:      pick(paths, "gain_db", p.GetGainDb()),

		HearingGainDB: pick(paths, "hearing_gain_db", p.GetHearingGainDb()),
		WhisperTo:     pick(paths, "whisper_to", p.GetWhisperTo()),
	})
	if err != nil {
		return nil, err
	}
	return toParticipant(info), nil
}
