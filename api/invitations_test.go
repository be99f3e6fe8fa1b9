package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

func TestPINsAreSetAndNeverShown(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx := waitContext(t)
	shown := func(step string, r *confbridgev1.Room, err error, pin, moderator bool) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if r.GetHasPin() != pin || r.GetHasModeratorPin() != moderator || r.Pin != nil || r.ModeratorPin != nil {
			t.Errorf("%s: got %v", step, r)
		}
	}
	mask := func(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
	set := func(r *confbridgev1.Room, m *fieldmaskpb.FieldMask) (*confbridgev1.Room, error) {
		r.Name = "rooms/1000"
		return b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: r, UpdateMask: m})
	}
	r, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{Pin: proto.String("1357")}})
	shown("created with a PIN", r, err, true, false)
	r, err = set(&confbridgev1.Room{ModeratorPin: proto.String("2468"), IdentityForPin: true}, nil)
	shown("without a mask what is given", r, err, true, true)
	if !r.GetIdentityForPin() {
		t.Error("identity_for_pin is not set")
	}
	r, err = set(&confbridgev1.Room{DisplayName: "Board"}, mask("*"))
	shown("with * what is given", r, err, true, true)
	if r.GetIdentityForPin() || r.GetDisplayName() != "Board" {
		t.Errorf("the other fields: got %v", r)
	}
	r, err = set(&confbridgev1.Room{Pin: proto.String("9999")}, mask("display_name"))
	shown("not what the mask does not name", r, err, true, true)
	if _, err := set(&confbridgev1.Room{Pin: proto.String("2468")}, mask("pin")); status.Code(err) != codes.AlreadyExists {
		t.Errorf("the moderators' PIN for participants: got %v", err)
	}
	r, err = set(&confbridgev1.Room{}, mask("pin"))
	shown("what the mask names is taken away", r, err, false, true)
	r, err = b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: "rooms/1000"})
	shown("shown", r, err, false, true)
}

func TestAWrongPINIsNotRepeated(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx := waitContext(t)
	for _, pin := range []string{"135", "12345678901234567", "13 57", "geheim"} {
		_, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{Pin: &pin, ModeratorPin: &pin}})
		st := status.Convert(err)
		if st.Code() != codes.InvalidArgument {
			t.Errorf("%s: got %v", pin, err)
			continue
		}
		fields := ""
		for _, v := range detail[*errdetails.BadRequest](t, st).GetFieldViolations() {
			fields += v.GetField() + " "
		}
		if fields != "room.pin room.moderator_pin " || strings.Contains(fmt.Sprint(st.Proto()), pin) {
			t.Errorf("%s: got fields %s and %v", pin, fields, st.Proto())
		}
	}
	same := "1357"
	_, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{Pin: &same, ModeratorPin: &same}})
	if status.Code(err) != codes.AlreadyExists || strings.Contains(err.Error(), same) {
		t.Errorf("the same PIN twice: got %v", err)
	}
}

func TestInvitations(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx := waitContext(t)
	b.create(t, "1000")
	client := confbridgev1.NewInvitationServiceClient(b.conn)
	start := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	made := map[string]*confbridgev1.Invitation{}
	for i := range 3 {
		got, err := client.CreateInvitation(ctx, &confbridgev1.CreateInvitationRequest{
			Parent: "rooms/1000", PinDigits: int32(4 * i), Invitation: &confbridgev1.Invitation{
				Name: "mine", DisplayName: "Zoe", Role: confbridgev1.Role(i), Pin: "1234",
				StartTime: timestamppb.New(start), EndTime: timestamppb.New(start.Add(time.Hour)),
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := &confbridgev1.Invitation{
			Name: got.GetName(), DisplayName: "Zoe", Role: max(confbridgev1.Role(i), confbridgev1.Role_ROLE_SPEAKER), Pin: got.GetPin(),
			StartTime: timestamppb.New(start), EndTime: timestamppb.New(start.Add(time.Hour)),
		}
		if n := len(got.GetPin()); !proto.Equal(got, want) || n != []int{8, 4, 8}[i] || !strings.HasPrefix(got.GetName(), "rooms/1000/invitations/") {
			t.Errorf("got %v, want %v", got, want)
		}
		got.Pin = ""
		made[got.GetName()] = got
	}
	if r, err := b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: "rooms/1000"}); err != nil || r.GetHasPin() || r.GetHasModeratorPin() {
		t.Errorf("got %v, %v", r, err)
	}
	listed := 0
	for token := ""; ; {
		page, err := client.ListInvitations(ctx, &confbridgev1.ListInvitationsRequest{Parent: "rooms/1000", PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.GetInvitations() {
			listed++
			if !proto.Equal(i, made[i.GetName()]) {
				t.Errorf("listed: got %v, want %v", i, made[i.GetName()])
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if listed != len(made) {
		t.Errorf("listed: got %d, want %d", listed, len(made))
	}
	for name, want := range made {
		if got, err := client.GetInvitation(ctx, &confbridgev1.GetInvitationRequest{Name: name}); err != nil || !proto.Equal(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
		if _, err := client.DeleteInvitation(ctx, &confbridgev1.DeleteInvitationRequest{Name: name}); err != nil {
			t.Error(err)
		}
		_, err := client.GetInvitation(ctx, &confbridgev1.GetInvitationRequest{Name: name})
		info := detail[*errdetails.ErrorInfo](t, status.Convert(err))
		kind := detail[*errdetails.ResourceInfo](t, status.Convert(err))
		if status.Code(err) != codes.NotFound || info.GetReason() != "INVITATION_NOT_FOUND" || info.GetMetadata()["resource"] != name ||
			kind.GetResourceType() != "confbridge.v1.Invitation" {
			t.Errorf("one that is gone: got %v", err)
		}
	}
}

func TestInvitationsThatCannotBe(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx := waitContext(t)
	client := confbridgev1.NewInvitationServiceClient(b.conn)
	now := timestamppb.Now()
	for _, row := range []struct {
		name string
		req  *confbridgev1.CreateInvitationRequest
		code codes.Code
	}{
		{"to no room", &confbridgev1.CreateInvitationRequest{Parent: "rooms/1"}, codes.NotFound},
		{"to what is no room's name", &confbridgev1.CreateInvitationRequest{Parent: "1"}, codes.InvalidArgument},
		{"a short PIN", &confbridgev1.CreateInvitationRequest{Parent: "rooms/1", PinDigits: 3}, codes.InvalidArgument},
		{"a long PIN", &confbridgev1.CreateInvitationRequest{Parent: "rooms/1", PinDigits: 17}, codes.InvalidArgument},
		{
			"a listener", &confbridgev1.CreateInvitationRequest{Parent: "rooms/1", Invitation: &confbridgev1.Invitation{Role: confbridgev1.Role_ROLE_LISTENER}},
			codes.InvalidArgument,
		},
		{
			"an end before the beginning", &confbridgev1.CreateInvitationRequest{Parent: "rooms/1", Invitation: &confbridgev1.Invitation{StartTime: now, EndTime: now}},
			codes.InvalidArgument,
		},
		{
			"no time at all", &confbridgev1.CreateInvitationRequest{Parent: "rooms/1", Invitation: &confbridgev1.Invitation{StartTime: &timestamppb.Timestamp{Nanos: -1}}},
			codes.InvalidArgument,
		},
	} {
		if _, err := client.CreateInvitation(ctx, row.req); status.Code(err) != row.code {
			t.Errorf("%s: got %v, want %v", row.name, err, row.code)
		}
	}
	if _, err := client.GetInvitation(ctx, &confbridgev1.GetInvitationRequest{Name: "rooms/1/participants/a"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a participant's name: got %v", err)
	}
}
