package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/entry"
)

// invitationService is confbridge.v1.InvitationService.
type invitationService struct {
	confbridgev1.UnimplementedInvitationServiceServer
	desk *entry.Desk
}

// invitedDigits is how long the PIN of an invitation is where nobody says anything else.
const invitedDigits = 8

func (s *invitationService) CreateInvitation(
	ctx context.Context, req *confbridgev1.CreateInvitationRequest,
) (*confbridgev1.Invitation, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	if err := validateInvitation(req); err != nil {
		return nil, err
	}
	digits := int(req.GetPinDigits())
	if digits == 0 {
		digits = invitedDigits
	}
	asked := req.GetInvitation()
	i, pin, err := s.desk.Invite(ctx, number, access.Invitation{
		Name: asked.GetDisplayName(), Moderator: asked.GetRole() == confbridgev1.Role_ROLE_MODERATOR,
		From: fromTimestamp(asked.GetStartTime()), Until: fromTimestamp(asked.GetEndTime()),
	}, digits)
	if err != nil {
		return nil, err
	}
	out := toInvitation(number, i)
	out.Pin = pin.Reveal()
	return out, nil
}

func validateInvitation(req *confbridgev1.CreateInvitationRequest) error {
	var v violations
	if n := req.GetPinDigits(); n != 0 && (n < access.ShortestPIN || n > access.LongestPIN) {
		v.add("pin_digits", fmt.Sprintf("%d is not within %d to %d", n, access.ShortestPIN, access.LongestPIN))
	}
	i := req.GetInvitation()
	if fault := displayNameFault(i.GetDisplayName()); fault != "" {
		v.add("invitation.display_name", fault)
	}
	if r := i.GetRole(); r != confbridgev1.Role_ROLE_UNSPECIFIED && r != confbridgev1.Role_ROLE_SPEAKER && r != confbridgev1.Role_ROLE_MODERATOR {
		v.add("invitation.role", r.String()+" is no role to be invited as")
	}
	for field, at := range map[string]*timestamppb.Timestamp{"invitation.start_time": i.GetStartTime(), "invitation.end_time": i.GetEndTime()} {
		if at != nil && at.CheckValid() != nil {
			v.add(field, "is no valid time")
		}
	}
	from, until := i.GetStartTime(), i.GetEndTime()
	if len(v) == 0 && from != nil && until != nil && !from.AsTime().Before(until.AsTime()) {
		v.add("invitation.end_time", "is not behind start_time")
	}
	return v.err()
}

func (s *invitationService) GetInvitation(ctx context.Context, req *confbridgev1.GetInvitationRequest) (*confbridgev1.Invitation, error) {
	number, id, err := parseInvitationName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	all, err := s.desk.Invitations(ctx, number)
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(all, func(i access.Invitation) bool { return i.ID == id })
	if n < 0 {
		return nil, fmt.Errorf("invitation %q: %w", id, entry.ErrNoInvitation)
	}
	return toInvitation(number, all[n]), nil
}

func (s *invitationService) ListInvitations(
	ctx context.Context, req *confbridgev1.ListInvitationsRequest,
) (*confbridgev1.ListInvitationsResponse, error) {
	number, size, from, err := parseListOf(req, invitationsCollection)
	if err != nil {
		return nil, err
	}
	all, err := s.desk.Invitations(ctx, number)
	if err != nil {
		return nil, err
	}
	at, found := slices.BinarySearchFunc(all, from.last, func(i access.Invitation, id string) int { return strings.Compare(i.ID, id) })
	if found {
		at++
	}
	all = all[at:]
	resp := &confbridgev1.ListInvitationsResponse{}
	if len(all) > size {
		all = all[:size]
		resp.NextPageToken = cursor{collection: from.collection, last: all[size-1].ID}.token()
	}
	for _, i := range all {
		resp.Invitations = append(resp.Invitations, toInvitation(number, i))
	}
	return resp, nil
}

func (s *invitationService) DeleteInvitation(ctx context.Context, req *confbridgev1.DeleteInvitationRequest) (*emptypb.Empty, error) {
	number, id, err := parseInvitationName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.desk.Withdraw(ctx, number, id); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func toInvitation(number string, i access.Invitation) *confbridgev1.Invitation {
	role := rooms.RoleSpeaker
	if i.Moderator {
		role = rooms.RoleModerator
	}
	return &confbridgev1.Invitation{
		Name: invitationName(number, i.ID), DisplayName: i.Name, Role: roles[role],
		StartTime: toTimestamp(i.From), EndTime: toTimestamp(i.Until), UseTime: toTimestamp(i.Used),
	}
}

// fromTimestamp is the zero time where there is none.
func fromTimestamp(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// pinFault is what is wrong with a PIN, without saying the PIN.
func pinFault(digits string) string {
	if digits == "" {
		return ""
	}
	if _, err := access.ParsePIN(digits); err != nil {
		return fmt.Sprintf("is not %d to %d digits", access.ShortestPIN, access.LongestPIN)
	}
	return ""
}

// pins are those that a request sets: of paths those that are given, or that mask names.
func pins(room *confbridgev1.Room, paths, mask []string) entry.PINs {
	pin := func(path string, given *string) *access.PIN {
		if !slices.Contains(paths, path) || given == nil && !slices.Contains(mask, path) {
			return nil
		}
		if given == nil || *given == "" {
			return &access.PIN{}
		}
		p, _ := access.ParsePIN(*given) // it was validated
		return &p
	}
	if room == nil {
		return entry.PINs{}
	}
	return entry.PINs{Participant: pin("pin", room.Pin), Moderator: pin("moderator_pin", room.ModeratorPin)}
}
