package api

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// chairing is a bridge whose rooms have these modes, with people in room 1000 who are called by their names.
func chairing(t *testing.T, modes rooms.Modes, names ...string) (b *bridge, person map[string]string) {
	t.Helper()
	b = newBridge(t, rooms.Config{OnDemand: true, Defaults: rooms.Settings{Modes: modes}})
	person = map[string]string{}
	for _, name := range names {
		person[name] = participantName("1000", b.join(t, "1000", name).ID())
	}
	return b, person
}

func (b *bridge) participant(t *testing.T, name string) *confbridgev1.Participant {
	t.Helper()
	p, err := b.participants.GetParticipant(waitContext(t), &confbridgev1.GetParticipantRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhoWaitsInTheLobbyIsAdmitted(t *testing.T) {
	b, person := chairing(t, rooms.Modes{Lobby: true}, "ann", "bob", "cy")
	ctx := waitContext(t)
	if got := b.participant(t, person["ann"]).GetPlace(); got != confbridgev1.Place_PLACE_LOBBY {
		t.Errorf("got %v, want the lobby", got)
	}
	got, err := b.participants.AdmitParticipant(ctx, &confbridgev1.AdmitParticipantRequest{Name: person["ann"]})
	if err != nil || got.GetPlace() != confbridgev1.Place_PLACE_INSIDE {
		t.Errorf("got %v, %v, want inside", got.GetPlace(), err)
	}
	_, err = b.participants.AdmitParticipant(ctx, &confbridgev1.AdmitParticipantRequest{Name: person["ann"]})
	wantReason(t, err, codes.FailedPrecondition, "PARTICIPANT_NOT_WAITING", person["ann"])
	all, err := b.participants.AdmitAllParticipants(ctx, &confbridgev1.AdmitAllParticipantsRequest{Parent: "rooms/1000"})
	if err != nil || all.GetAdmittedCount() != 2 {
		t.Errorf("got %v, %v, want 2", all, err)
	}
	if got := b.participant(t, person["cy"]).GetPlace(); got != confbridgev1.Place_PLACE_INSIDE {
		t.Errorf("got %v, want inside", got)
	}
}

func wantReason(t *testing.T, err error, code codes.Code, reason, resource string) {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != code {
		t.Fatalf("got %v, want %v", err, code)
	}
	info := detail[*errdetails.ErrorInfo](t, st)
	if info.GetReason() != reason || info.GetMetadata()["resource"] != resource {
		t.Errorf("got %s of %q, want %s of %q", info.GetReason(), info.GetMetadata()["resource"], reason, resource)
	}
}

func TestAParticipantIsMoved(t *testing.T) {
	b, person := chairing(t, rooms.Modes{}, "ann")
	b.create(t, "2000")
	ctx := waitContext(t)
	move := func(name, to string) (*confbridgev1.Participant, error) {
		return b.participants.MoveParticipant(ctx, &confbridgev1.MoveParticipantRequest{Name: name, DestinationParent: to})
	}
	got, err := move(person["ann"], "rooms/2000")
	if err != nil {
		t.Fatal(err)
	}
	if got.GetName() != "rooms/2000/participants/"+person["ann"][len("rooms/1000/participants/"):] || got.GetDisplayName() != "ann" {
		t.Errorf("got %v", got)
	}
	ann := got.GetName()
	_, err = move(person["ann"], "rooms/2000") // she is not there any more
	wantReason(t, err, codes.NotFound, "PARTICIPANT_NOT_FOUND", person["ann"])
	_, err = move("rooms/*/participants/a", "rooms/2000") // no such room
	wantReason(t, err, codes.NotFound, "PARTICIPANT_NOT_FOUND", "rooms/*/participants/a")
	if _, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "3000", Room: &confbridgev1.Room{Locked: true}}); err != nil {
		t.Fatal(err)
	}
	_, err = move(ann, "rooms/3000")
	wantReason(t, err, codes.FailedPrecondition, "ROOM_LOCKED", "rooms/3000")
	_, err = move(ann, "rooms/2000")
	wantFields(t, err, "destination_parent")
	_, err = move(ann, "")
	wantFields(t, err, "destination_parent")
	_, err = move("rooms/2000", "rooms/3000")
	wantFields(t, err, "name")
}

func TestNoRoomToMoveToIsNamed(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	name := participantName("1000", b.join(t, "1000", "ann").ID())
	_, err := b.participants.MoveParticipant(waitContext(t), &confbridgev1.MoveParticipantRequest{Name: name, DestinationParent: "rooms/9"})
	wantReason(t, err, codes.NotFound, "ROOM_NOT_FOUND", "rooms/9")
}

func TestWhoIsBannedIsListedUntilItIsTakenBack(t *testing.T) {
	b, person := chairing(t, rooms.Modes{}, "ann", "bob", "cy", "dee")
	ctx := waitContext(t)
	remove := func(name string, ban *durationpb.Duration) error {
		_, err := b.participants.RemoveParticipant(ctx, &confbridgev1.RemoveParticipantRequest{Name: name, BanDuration: ban})
		return err
	}
	wantFields(t, remove(person["ann"], durationpb.New(-1)), "ban_duration")
	wantFields(t, remove(person["ann"], durationpb.New(rooms.MaxBanTime+1)), "ban_duration")
	for name, ban := range map[string]*durationpb.Duration{"cy": durationpb.New(0), "dee": nil} {
		if err := remove(person[name], ban); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ann", "bob"} {
		if err := remove(person[name], durationpb.New(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	list := func(token string) *confbridgev1.ListBansResponse {
		t.Helper()
		resp, err := b.participants.ListBans(ctx, &confbridgev1.ListBansRequest{Parent: "rooms/1000", PageSize: 1, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first := list("")
	second := list(first.GetNextPageToken())
	if second.GetNextPageToken() != "" {
		t.Error("there are more than two bans")
	}
	var got []string
	for _, ban := range append(first.GetBans(), second.GetBans()...) {
		got = append(got, ban.GetAddress()+" "+ban.GetExpireTime().AsTime().Sub(ban.GetCreateTime().AsTime()).String())
	}
	if diff := cmp.Diff([]string{"sip:ann@192.0.2.1 1h0m0s", "sip:bob@192.0.2.1 1h0m0s"}, got); diff != "" {
		t.Errorf("bans (-want +got):\n%s", diff)
	}
	ann := first.GetBans()[0].GetName()
	if _, err := b.participants.DeleteBan(ctx, &confbridgev1.DeleteBanRequest{Name: ann}); err != nil {
		t.Fatal(err)
	}
	if rest := list(first.GetNextPageToken()); len(rest.GetBans()) != 1 || rest.GetBans()[0].GetDisplayName() != "bob" {
		t.Errorf("behind a ban that is gone: got %v, want bob's", rest.GetBans())
	}
	_, err := b.participants.DeleteBan(ctx, &confbridgev1.DeleteBanRequest{Name: ann})
	wantReason(t, err, codes.NotFound, "BAN_NOT_FOUND", ann)
	_, err = b.participants.DeleteBan(ctx, &confbridgev1.DeleteBanRequest{Name: person["ann"]})
	wantFields(t, err, "name")
	if _, err := b.reg.Admit(ctx, "1000", rooms.Caller{Address: "sip:bob@192.0.2.1"}); err == nil {
		t.Error("who is banned is admitted")
	}
}

func TestHandsAreRaisedAndTheFloorIsGiven(t *testing.T) {
	b, person := chairing(t, rooms.Modes{Lecture: true}, "ann", "bob")
	ctx := waitContext(t)
	for i, name := range []string{"ann", "bob"} {
		got, err := b.participants.RaiseHand(ctx, &confbridgev1.RaiseHandRequest{Name: person[name]})
		if err != nil || got.GetHandPosition() != int32(i+1) || got.GetMutedBy() != confbridgev1.MutedBy_MUTED_BY_LECTURE {
			t.Errorf("%s: got number %d, muted by %v, %v", name, got.GetHandPosition(), got.GetMutedBy(), err)
		}
	}
	next := func() *confbridgev1.Participant {
		t.Helper()
		resp, err := b.participants.NextHand(ctx, &confbridgev1.NextHandRequest{Parent: "rooms/1000"})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetParticipant()
	}
	if got := next(); got.GetName() != person["ann"] || !got.GetHasFloor() || got.GetMuted() {
		t.Errorf("got %v, want ann with the floor, and not muted", got)
	}
	_, err := b.participants.RaiseHand(ctx, &confbridgev1.RaiseHandRequest{Name: person["ann"]})
	wantReason(t, err, codes.FailedPrecondition, "PARTICIPANT_NOT_ALLOWED", person["ann"])
	got, err := b.participants.LowerHand(ctx, &confbridgev1.LowerHandRequest{Name: person["bob"]})
	if err != nil || got.GetHandPosition() != 0 {
		t.Errorf("got number %d, %v, want no hand", got.GetHandPosition(), err)
	}
	got, err = b.participants.YieldFloor(ctx, &confbridgev1.YieldFloorRequest{Name: person["ann"]})
	if err != nil || got.GetHasFloor() || !got.GetMuted() {
		t.Errorf("got %v, %v, want ann without the floor, and muted", got, err)
	}
	_, err = b.participants.YieldFloor(ctx, &confbridgev1.YieldFloorRequest{Name: person["ann"]})
	wantReason(t, err, codes.FailedPrecondition, "PARTICIPANT_WITHOUT_FLOOR", person["ann"])
	if got := next(); got != nil {
		t.Errorf("got %v, want nobody", got)
	}
}

func TestAllAreMutedAndUnmuted(t *testing.T) {
	b, person := chairing(t, rooms.Modes{}, "ann", "bob")
	ctx := waitContext(t)
	muted, err := b.participants.MuteAllParticipants(ctx, &confbridgev1.MuteAllParticipantsRequest{Parent: "rooms/1000", AllowSelfUnmute: true})
	if err != nil || muted.GetMutedCount() != 2 || !b.participant(t, person["bob"]).GetMuted() {
		t.Errorf("got %v, %v, want 2 muted", muted, err)
	}
	unmuted, err := b.participants.UnmuteAllParticipants(ctx, &confbridgev1.UnmuteAllParticipantsRequest{Parent: "rooms/1000"})
	if err != nil || unmuted.GetUnmutedCount() != 2 || b.participant(t, person["bob"]).GetMuted() {
		t.Errorf("got %v, %v, want 2 unmuted", unmuted, err)
	}
}

func TestMethodsOfAMeetingCheckWhatTheyAreAbout(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	api := b.participants
	type ctx = context.Context
	rpcs := map[string]func(ctx ctx, name string) error{
		"AdmitParticipant": func(ctx ctx, name string) error {
			_, err := api.AdmitParticipant(ctx, &confbridgev1.AdmitParticipantRequest{Name: name})
			return err
		},
		"RaiseHand": func(ctx ctx, name string) error {
			_, err := api.RaiseHand(ctx, &confbridgev1.RaiseHandRequest{Name: name})
			return err
		},
		"LowerHand": func(ctx ctx, name string) error {
			_, err := api.LowerHand(ctx, &confbridgev1.LowerHandRequest{Name: name})
			return err
		},
		"YieldFloor": func(ctx ctx, name string) error {
			_, err := api.YieldFloor(ctx, &confbridgev1.YieldFloorRequest{Name: name})
			return err
		},
	}
	ofRooms := map[string]func(ctx ctx, parent string) error{
		"AdmitAllParticipants": func(ctx ctx, parent string) error {
			_, err := api.AdmitAllParticipants(ctx, &confbridgev1.AdmitAllParticipantsRequest{Parent: parent})
			return err
		},
		"NextHand": func(ctx ctx, parent string) error {
			_, err := api.NextHand(ctx, &confbridgev1.NextHandRequest{Parent: parent})
			return err
		},
		"MuteAllParticipants": func(ctx ctx, parent string) error {
			_, err := api.MuteAllParticipants(ctx, &confbridgev1.MuteAllParticipantsRequest{Parent: parent})
			return err
		},
		"UnmuteAllParticipants": func(ctx ctx, parent string) error {
			_, err := api.UnmuteAllParticipants(ctx, &confbridgev1.UnmuteAllParticipantsRequest{Parent: parent})
			return err
		},
	}
	for name, rpc := range rpcs {
		t.Run(name, func(t *testing.T) {
			wantFields(t, rpc(waitContext(t), "rooms/1000"), "name")
			wantReason(t, rpc(waitContext(t), "rooms/9/participants/a"), codes.NotFound, "ROOM_NOT_FOUND", "rooms/9")
		})
	}
	for name, rpc := range ofRooms {
		t.Run(name, func(t *testing.T) {
			wantFields(t, rpc(waitContext(t), "1000"), "parent")
			wantReason(t, rpc(waitContext(t), "rooms/9"), codes.NotFound, "ROOM_NOT_FOUND", "rooms/9")
		})
	}
	t.Run("ListBans", func(t *testing.T) {
		_, err := api.ListBans(waitContext(t), &confbridgev1.ListBansRequest{Parent: "1000"})
		wantFields(t, err, "parent")
		_, err = api.ListBans(waitContext(t), &confbridgev1.ListBansRequest{Parent: "rooms/1000", PageSize: -1})
		wantFields(t, err, "page_size")
	})
}
