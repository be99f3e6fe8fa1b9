package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

var ignoreTimes = protocmp.IgnoreFields(&confbridgev1.Room{}, "create_time", "start_time", "last_sequence")

func TestARoomIsCreatedShownUpdatedAndDeleted(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx := waitContext(t)
	want := &confbridgev1.Room{
		Name: "rooms/1000", DisplayName: "Käse", MaxParticipants: 8, MaxDuration: durationpb.New(time.Hour), Locked: true,
		MaxTalkers: 4, Agc: proto.Bool(false), NoiseSuppression: proto.Bool(false), // what the bridge is configured with
	}
	restByDefault(want)
	got, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{
		Name: "rooms/ignored", DisplayName: "Käse", MaxParticipants: 8, MaxDuration: durationpb.New(time.Hour), Locked: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), ignoreTimes); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if got.GetCreateTime() == nil || got.GetStartTime() != nil {
		t.Errorf("got create_time %v and start_time %v of an empty room", got.GetCreateTime(), got.GetStartTime())
	}
	got, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room:       &confbridgev1.Room{Name: "rooms/1000", DisplayName: "not in the mask"},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"locked", "max_duration"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want.Locked, want.MaxDuration = false, nil
	if diff := cmp.Diff(want, got, protocmp.Transform(), ignoreTimes); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	got, err = b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: "rooms/1000"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), ignoreTimes); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
	if _, err := b.rooms.DeleteRoom(ctx, &confbridgev1.DeleteRoomRequest{Name: "rooms/1000"}); err != nil {
		t.Fatal(err)
	}
	_, err = b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: "rooms/1000"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("got %v, want NOT_FOUND", err)
	}
}

func TestUpdateRoomMasks(t *testing.T) {
	room := func(name string, limit int32, locked bool) *confbridgev1.Room {
		return &confbridgev1.Room{Name: "rooms/1", DisplayName: name, MaxParticipants: limit, Locked: locked}
	}
	sounds := func(r *confbridgev1.Room, talkers int32, agc, quiet bool) *confbridgev1.Room {
		r.MaxTalkers, r.Agc, r.NoiseSuppression = talkers, &agc, &quiet
		return r
	}
	tests := []struct {
		name  string
		set   *confbridgev1.Room
		paths []string
		want  *confbridgev1.Room
	}{
		{"one path sets one field", room("new", 9, true), []string{"display_name"}, sounds(room("new", 5, false), 7, true, false)},
		{"a path sets a field to nothing", room("", 0, false), []string{"max_participants"}, sounds(room("old", 0, false), 7, true, false)},
		{
			"a star sets all fields", sounds(room("", 3, true), -1, false, true),
			[]string{"*"},
			sounds(room("", 3, true), -1, false, true),
		},
		{
			"a star sets what is unset to what the bridge is configured with", room("", 3, true),
			[]string{"*"},
			sounds(room("", 3, true), 2, false, true),
		},
		{"no mask sets what is not empty", room("", 3, true), nil, sounds(room("old", 3, true), 7, true, false)},
		{
			"no mask sets what is false and not unset", &confbridgev1.Room{Name: "rooms/1", Agc: proto.Bool(false)}, nil,
			sounds(room("old", 5, false), 7, false, false),
		},
		{
			"what is spent on Opus", &confbridgev1.Room{Name: "rooms/1", OpusComplexity: 9, OpusBitrateBps: 96000},
			[]string{"opus_complexity", "opus_bitrate_bps"},
			&confbridgev1.Room{
				Name: "rooms/1", DisplayName: "old", MaxParticipants: 5, MaxTalkers: 7, Agc: proto.Bool(true), NoiseSuppression: proto.Bool(false),
				OpusComplexity: 9, OpusBitrateBps: 96000,
			},
		},
		{
			"the settings of the sound", sounds(room("new", 9, true), 16, false, true),
			[]string{"max_talkers", "agc", "noise_suppression"},
			sounds(room("old", 5, false), 16, false, true),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBridge(t, rooms.Config{Defaults: rooms.Settings{MaxTalkers: 2, NoiseSuppression: true}})
			ctx := waitContext(t)
			_, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{
				RoomId: "1", Room: sounds(room("old", 5, false), 7, true, false),
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
				Room: tt.set, UpdateMask: &fieldmaskpb.FieldMask{Paths: tt.paths},
			})
			if err != nil {
				t.Fatal(err)
			}
			restByDefault(tt.want)
			if diff := cmp.Diff(tt.want, got, protocmp.Transform(), ignoreTimes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// restByDefault is what a room says of its modes and recordings where nobody has set anything.
func restByDefault(r *confbridgev1.Room) {
	modesByDefault(r)
	r.RecordingContent = confbridgev1.RecordingContent_RECORDING_CONTENT_MIX
	r.RecordingFormat = confbridgev1.RecordingFormat_RECORDING_FORMAT_OPUS
	r.RecordingTone, r.RecordingBeep = proto.Bool(false), proto.Bool(false)
	r.RecordingRule, r.RecordingFrom = confbridgev1.RecordingRule_RECORDING_RULE_NEVER, proto.Int32(0)
}

func TestARoomGetsTheDefaultsOfTheBridge(t *testing.T) {
	for _, defaults := range []rooms.Settings{{}, {AGC: true, MaxTalkers: rooms.AllTalkers}, {NoiseSuppression: true, MaxTalkers: 9}} {
		b := newBridge(t, rooms.Config{Defaults: defaults})
		got, err := b.rooms.CreateRoom(waitContext(t), &confbridgev1.CreateRoomRequest{RoomId: "1"})
		if err != nil {
			t.Fatal(err)
		}
		talkers := int32(defaults.MaxTalkers)
		if talkers == 0 {
			talkers = 4
		}
		if got.GetMaxTalkers() != talkers || got.GetAgc() != defaults.AGC || got.GetNoiseSuppression() != defaults.NoiseSuppression {
			t.Errorf("with %+v got %v", defaults, got)
		}
	}
}

func TestRoomRequestsThatCannotBeNameTheField(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1")
	ctx := waitContext(t)
	create := func(id string, room *confbridgev1.Room) error {
		_, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: id, Room: room})
		return err
	}
	update := func(room *confbridgev1.Room, paths ...string) error {
		_, err := b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
			Room: room, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
		return err
	}
	get := func(name string) error {
		_, err := b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: name})
		return err
	}
	list := func(size int32, token string) error {
		_, err := b.rooms.ListRooms(ctx, &confbridgev1.ListRoomsRequest{PageSize: size, PageToken: token})
		return err
	}
	one := "rooms/1"
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{"no number", create("", nil), []string{"room_id"}},
		{"a number with a slash", create("a/b", nil), []string{"room_id"}},
		{"a number of 65 bytes", create(strings.Repeat("9", 65), nil), []string{"room_id"}},
		{"too many participants", create("2", &confbridgev1.Room{MaxParticipants: 100_001}), []string{"room.max_participants"}},
		{"fewer than no participants", create("2", &confbridgev1.Room{MaxParticipants: -1}), []string{"room.max_participants"}},
		{"more talkers than there are places", create("2", &confbridgev1.Room{MaxTalkers: 17}), []string{"room.max_talkers"}},
		{"fewer than all talkers", create("2", &confbridgev1.Room{MaxTalkers: -2}), []string{"room.max_talkers"}},
		{"a negative duration", create("2", &confbridgev1.Room{MaxDuration: durationpb.New(-1)}), []string{"room.max_duration"}},
		{
			"a duration that is none",
			create("2", &confbridgev1.Room{MaxDuration: &durationpb.Duration{Seconds: 1, Nanos: -1}}),
			[]string{"room.max_duration"},
		},
		{"a long name", create("2", &confbridgev1.Room{DisplayName: strings.Repeat("x", 129)}), []string{"room.display_name"}},
		{"a name with an escape", create("2", &confbridgev1.Room{DisplayName: "\x1b[31m"}), []string{"room.display_name"}},
		{
			"all faults at once", create("/", &confbridgev1.Room{DisplayName: "\x00", MaxParticipants: -1}),
			[]string{"room_id", "room.display_name", "room.max_participants"},
		},
		{"an update of no room", update(nil, "locked"), []string{"room.name"}},
		{"an update of another thing", update(&confbridgev1.Room{Name: "rooms/1/participants/a"}, "locked"), []string{"room.name"}},
		{"an update of an unknown field", update(&confbridgev1.Room{Name: one}, "locked", "colour"), []string{"update_mask"}},
		{"an update of what is output only", update(&confbridgev1.Room{Name: one}, "create_time"), []string{"update_mask"}},
		{"a star among others", update(&confbridgev1.Room{Name: one}, "*", "locked"), []string{"update_mask"}},
		{
			"a wrong value in the mask", update(&confbridgev1.Room{Name: one, MaxParticipants: -1}, "max_participants"),
			[]string{"room.max_participants"},
		},
		{"no name", get(""), []string{"name"}},
		{"a name without its collection", get("1000"), []string{"name"}},
		{"a name with a space", get("rooms/10 00"), []string{"name"}},
		{"a negative page size", list(-1, ""), []string{"page_size"}},
		{"a page token that is none", list(0, "abc"), []string{"page_token"}},
		{"a page token of another list", list(0, cursor{collection: "rooms/1/participants", last: "a"}.token()), []string{"page_token"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantFields(t, tt.err, tt.want...) })
	}
	t.Run("a wrong value outside the mask does no harm", func(t *testing.T) {
		if err := update(&confbridgev1.Room{Name: one, MaxParticipants: -1}, "locked"); err != nil {
			t.Error(err)
		}
	})
}

func TestListRoomsPageByPage(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	for _, number := range []string{"5", "3", "1", "4", "2"} {
		b.create(t, number)
	}
	var got [][]string
	token := ""
	for {
		resp, err := b.rooms.ListRooms(waitContext(t), &confbridgev1.ListRoomsRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		var page []string
		for _, r := range resp.GetRooms() {
			page = append(page, r.GetName())
		}
		got = append(got, page)
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	want := [][]string{{"rooms/1", "rooms/2"}, {"rooms/3", "rooms/4"}, {"rooms/5"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestDeleteRoomAsksForForceWhileSomebodyIsInIt(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1")
	p := b.join(t, "1", "ann")
	ctx := waitContext(t)
	_, err := b.rooms.DeleteRoom(ctx, &confbridgev1.DeleteRoomRequest{Name: "rooms/1"})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("got %v, want FAILED_PRECONDITION", err)
	}
	if _, err := b.rooms.DeleteRoom(ctx, &confbridgev1.DeleteRoomRequest{Name: "rooms/1", Force: true}); err != nil {
		t.Fatal(err)
	}
	<-p.Left()
	if p.Reason() != rooms.ReasonEnded {
		t.Errorf("got reason %v, want ended", p.Reason())
	}
}

func TestTwoGoIntoASideRoomAndBack(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1")
	p, q := b.join(t, "1", "ann"), b.join(t, "1", "bob")
	ctx := waitContext(t)
	open := func(name string, ids ...string) (*confbridgev1.Room, error) {
		return b.rooms.OpenSideRoom(ctx, &confbridgev1.OpenSideRoomRequest{Name: name, Participants: ids})
	}
	_, err := open("rooms/1", p.ID())
	wantFields(t, err, "participants")
	_, err = open("1", p.ID(), q.ID())
	wantFields(t, err, "name")
	if _, err := open("rooms/1", p.ID(), "nobody"); status.Code(err) != codes.NotFound {
		t.Errorf("with a stranger: got %v, want NOT_FOUND", err)
	}
	side, err := open("rooms/1", p.ID(), q.ID())
	if err != nil || side.GetSideOf() != "rooms/1" || side.GetParticipantCount() != 2 || !side.GetLocked() {
		t.Fatalf("got %v, %v", side, err)
	}
	if _, err := b.rooms.CloseSideRoom(ctx, &confbridgev1.CloseSideRoomRequest{Name: side.GetName()}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: "rooms/1"}); err != nil || got.GetParticipantCount() != 2 {
		t.Errorf("got %v, %v; want both back", got, err)
	}
}

func TestEndRoomSendsEverybodyAwayAndKeepsTheRoom(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1")
	p := b.join(t, "1", "ann")
	ctx := waitContext(t)
	if _, err := b.rooms.EndRoom(ctx, &confbridgev1.EndRoomRequest{Name: "rooms/1"}); err != nil {
		t.Fatal(err)
	}
	<-p.Left()
	got, err := b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: "rooms/1"})
	if err != nil || got.GetParticipantCount() != 0 {
		t.Errorf("got %v, %v; want an empty room", got, err)
	}
}
