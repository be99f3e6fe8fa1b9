package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// modesByDefault is what a room says of its modes where nobody has set any.
func modesByDefault(r *confbridgev1.Room) {
	setModes(r, false, 0, 0)
	if r.OpusComplexity == 0 {
		r.OpusComplexity = codec.DefaultComplexity
	}
}

// setModes sets all modes of a room.
func setModes(r *confbridgev1.Room, on bool, grace time.Duration, reserved int32, warn ...time.Duration) {
	r.WaitForHost, r.Lobby, r.Lecture = &on, &on, &on
	r.MuteOnEntry, r.AllowSelfUnmute, r.ReservedForHosts = &on, &on, &reserved
	r.OnLastHostLeave, r.HostGrace = confbridgev1.LastHostLeave_LAST_HOST_LEAVE_GO_ON, durationpb.New(grace)
	if on {
		r.OnLastHostLeave = confbridgev1.LastHostLeave_LAST_HOST_LEAVE_END
	}
	r.RecordNames = &on
	r.EarlyWait = durationpb.New(2 * grace)
	r.WarnBefore = nil
	for _, d := range warn {
		r.WarnBefore = append(r.WarnBefore, durationpb.New(d))
	}
}

func TestModesOfARoomAreMadeAndUpdated(t *testing.T) {
	defaults, err := rooms.Warnings(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	b := newBridge(t, rooms.Config{Defaults: rooms.Settings{Modes: rooms.Modes{
		WaitForHost: true, EndWithoutHost: true, HostGrace: time.Minute, Lobby: true, Lecture: true, MuteOnEntry: true, AllowSelfUnmute: true,
		ReservedForHosts: 2, WarnBefore: defaults, EarlyWait: 2 * time.Minute, RecordNames: true,
	}}})
	ctx := waitContext(t)
	configured, set, none := &confbridgev1.Room{}, &confbridgev1.Room{}, &confbridgev1.Room{}
	setModes(configured, true, time.Minute, 2, time.Minute)
	setModes(set, false, time.Second, 7, time.Second, time.Hour)
	setModes(none, false, 0, 0)
	want := func(t *testing.T, got, want *confbridgev1.Room, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		shown := &confbridgev1.Room{}
		for _, field := range modeFields {
			f := shown.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(field))
			if got.ProtoReflect().Has(f) {
				shown.ProtoReflect().Set(f, got.ProtoReflect().Get(f))
			}
		}
		if diff := cmp.Diff(want, shown, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	update := func(set *confbridgev1.Room, paths ...string) (*confbridgev1.Room, error) {
		set = proto.CloneOf(set)
		set.Name = "rooms/1"
		return b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: set, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	got, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "1"})
	t.Run("nothing said is what the bridge is configured with", func(t *testing.T) { want(t, got, configured, err) })
	got, err = b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "2", Room: set})
	setModes(set, false, time.Second, 7, time.Hour, time.Second) // the longest comes first
	t.Run("what is said counts", func(t *testing.T) { want(t, got, set, err) })
	got, err = update(set)
	t.Run("no mask sets what is there", func(t *testing.T) { want(t, got, set, err) })
	got, err = update(&confbridgev1.Room{Lecture: proto.Bool(true), HostGrace: durationpb.New(time.Hour)}, "lecture")
	lecture := proto.CloneOf(set)
	lecture.Lecture = proto.Bool(true)
	t.Run("a mask sets what it names", func(t *testing.T) { want(t, got, lecture, err) })
	got, err = update(&confbridgev1.Room{}, "*")
	configured.WarnBefore = nil
	t.Run("a star sets what is unset to what the bridge is configured with, but warnings to none", func(t *testing.T) { want(t, got, configured, err) })
	got, err = update(none, modeFields...)
	t.Run("a mask sets to nothing", func(t *testing.T) { want(t, got, none, err) })
}

func TestModesThatCannotBeNameTheField(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	create := func(room *confbridgev1.Room) error {
		_, err := b.rooms.CreateRoom(waitContext(t), &confbridgev1.CreateRoomRequest{RoomId: "2", Room: room})
		return err
	}
	second := durationpb.New(time.Second)
	tests := []struct {
		name string
		room *confbridgev1.Room
		want string
	}{
		{"an end that there is none of", &confbridgev1.Room{OnLastHostLeave: 9}, "room.on_last_host_leave"},
		{"a grace time below 0", &confbridgev1.Room{HostGrace: durationpb.New(-1)}, "room.host_grace"},
		{"a grace time too long", &confbridgev1.Room{HostGrace: durationpb.New(time.Hour + 1)}, "room.host_grace"},
		{"a grace time that is none", &confbridgev1.Room{HostGrace: &durationpb.Duration{Seconds: 1, Nanos: -1}}, "room.host_grace"},
		{"fewer than no seats", &confbridgev1.Room{ReservedForHosts: proto.Int32(-1)}, "room.reserved_for_hosts"},
		{"too many seats", &confbridgev1.Room{ReservedForHosts: proto.Int32(100_001)}, "room.reserved_for_hosts"},
		{"a warning at the end", &confbridgev1.Room{WarnBefore: []*durationpb.Duration{second, durationpb.New(0)}}, "room.warn_before"},
		{"waiting for longer than a day", &confbridgev1.Room{EarlyWait: durationpb.New(rooms.MaxEarlyWait + 1)}, "room.early_wait"},
		{"a warning too early", &confbridgev1.Room{WarnBefore: []*durationpb.Duration{durationpb.New(maxDuration + 1)}}, "room.warn_before"},
		{
			"five warnings", &confbridgev1.Room{WarnBefore: []*durationpb.Duration{second, second, second, second, second}},
			"room.warn_before",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantFields(t, create(tt.room), tt.want) })
	}
}
