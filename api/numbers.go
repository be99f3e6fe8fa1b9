package api

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/entry"
)

// numberService is confbridge.v1.NumberService.
type numberService struct {
	confbridgev1.UnimplementedNumberServiceServer
	numbers *entry.Directory
	trunks  Trunks // nil: there are none
}

// numberFields can be updated, as of the comment on UpdateNumberRequest.
var numberFields = []string{"room", "voice"}

func (s *numberService) CreateNumber(ctx context.Context, req *confbridgev1.CreateNumberRequest) (*confbridgev1.Number, error) {
	asked := req.GetNumber()
	n := dialplan.Number{Dialled: asked.GetDialled(), Trunk: asked.GetTrunk(), Voice: asked.GetVoice()}
	v := numberFaults(asked, numberFields)
	if err := (dialplan.Key{Dialled: n.Dialled}).Check(); err != nil {
		v.add("number.dialled", quote(n.Dialled)+" is not 1 to 128 bytes, with one star at the most where it ends in one")
	}
	if !s.isTrunk(n.Trunk) {
		v.add("number.trunk", "there is no trunk "+quote(n.Trunk))
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	n.Room = leadsTo(asked)
	n, err := s.numbers.Create(ctx, n)
	if err != nil {
		return nil, err
	}
	return toNumber(n), nil
}

// isTrunk says whether calls can come by what is called so.
func (s *numberService) isTrunk(name string) bool {
	if name == "" || name == dialplan.Anonymous {
		return true
	}
	return s.trunks != nil && slices.ContainsFunc(s.trunks.Trunks(), func(t Trunk) bool { return t.Name == name })
}

// numberFaults are those of the fields that paths names.
func numberFaults(n *confbridgev1.Number, paths []string) (v violations) {
	if slices.Contains(paths, "room") && n.GetRoom() != "" {
		if _, err := parseRoomName("room", n.GetRoom()); err != nil {
			v.add("number.room", quote(n.GetRoom())+" is not the name of a room, like rooms/1000")
		}
	}
	if slices.Contains(paths, "voice") && !rooms.IsVoice(n.GetVoice()) {
		v.add("number.voice", quote(n.GetVoice())+" is no voice, like en or de-anna")
	}
	return v
}

// leadsTo is the number of the room that a number leads to, whose name is good; empty: an entrance.
func leadsTo(n *confbridgev1.Number) string {
	room, _ := parseRoomName("room", n.GetRoom())
	return room
}

func (s *numberService) GetNumber(_ context.Context, req *confbridgev1.GetNumberRequest) (*confbridgev1.Number, error) {
	k, err := parseNumberName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	n, err := s.numbers.Number(k)
	if err != nil {
		return nil, err
	}
	return toNumber(n), nil
}

func (s *numberService) ListNumbers(_ context.Context, req *confbridgev1.ListNumbersRequest) (*confbridgev1.ListNumbersResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	from, err := parseToken(numbersCollection, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	all := s.numbers.List(from.last, size+1) // one more tells whether this page is the last
	resp := &confbridgev1.ListNumbersResponse{}
	if len(all) > size {
		all = all[:size]
		resp.NextPageToken = cursor{collection: numbersCollection, last: all[size-1].Key().ID()}.token()
	}
	for _, n := range all {
		resp.Numbers = append(resp.Numbers, toNumber(n))
	}
	return resp, nil
}

func (s *numberService) UpdateNumber(ctx context.Context, req *confbridgev1.UpdateNumberRequest) (*confbridgev1.Number, error) {
	asked := req.GetNumber()
	k, err := parseNumberName("number.name", asked.GetName())
	if err != nil {
		return nil, err
	}
	paths, err := updatePaths(req.GetUpdateMask(), asked, numberFields)
	if err != nil {
		return nil, err
	}
	if err := numberFaults(asked, paths).err(); err != nil {
		return nil, err
	}
	n, err := s.numbers.Update(ctx, k, entry.NumberPatch{Room: pick(paths, "room", leadsTo(asked)), Voice: pick(paths, "voice", asked.GetVoice())})
	if err != nil {
		return nil, err
	}
	return toNumber(n), nil
}

func (s *numberService) DeleteNumber(ctx context.Context, req *confbridgev1.DeleteNumberRequest) (*emptypb.Empty, error) {
	k, err := parseNumberName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.numbers.Delete(ctx, k); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func toNumber(n dialplan.Number) *confbridgev1.Number {
	out := &confbridgev1.Number{Name: numberName(n.Key()), Dialled: n.Dialled, Trunk: n.Trunk, Declared: n.Declared, Unreadable: n.Unreadable}
	if !n.Unreadable {
		out.Room, out.Voice = roomNameOr(n.Room), n.Voice
	}
	return out
}
