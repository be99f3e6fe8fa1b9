package api

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/quality"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

func TestAParticipantIsShownUpdatedAndRemoved(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	p := b.join(t, "1000", "ann")
	ctx := waitContext(t)
	name := participantName("1000", p.ID())
	got, err := b.participants.GetParticipant(ctx, &confbridgev1.GetParticipantRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	want := &confbridgev1.Participant{
		Name: name, DisplayName: "ann", Number: 1, Role: confbridgev1.Role_ROLE_SPEAKER,
		Address: "sip:ann@192.0.2.1", CallId: "ann-call",
		Format: &confbridgev1.AudioFormat{
			Codec: "PCMU", ClockRateHz: 8000, SampleRateHz: 8000, PacketTime: durationpb.New(20 * time.Millisecond),
		},
		Media: &confbridgev1.MediaStats{}, LevelDbfs: -127, Kind: confbridgev1.ParticipantKind_PARTICIPANT_KIND_CALL, Place: confbridgev1.Place_PLACE_INSIDE,
	}
	ignore := protocmp.IgnoreFields(&confbridgev1.Participant{}, "join_time", "media", "quality")
	if diff := cmp.Diff(want, got, protocmp.Transform(), ignore); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
	if got.GetJoinTime() == nil || got.GetMedia() == nil {
		t.Errorf("got join_time %v, media %v", got.GetJoinTime(), got.GetMedia())
	}
	got, err = b.participants.UpdateParticipant(ctx, &confbridgev1.UpdateParticipantRequest{
		Participant: &confbridgev1.Participant{
			Name: name, Muted: true, Deaf: true, GainDb: -6.5, Role: confbridgev1.Role_ROLE_MODERATOR, DisplayName: "Ann",
		},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want.Muted, want.Deaf, want.GainDb = true, true, -6.5
	want.MutedBy = confbridgev1.MutedBy_MUTED_BY_MODERATOR
	want.Role, want.DisplayName = confbridgev1.Role_ROLE_MODERATOR, "Ann"
	if diff := cmp.Diff(want, got, protocmp.Transform(), ignore); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	if _, err := b.participants.RemoveParticipant(ctx, &confbridgev1.RemoveParticipantRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
	<-p.Left()
	if p.Reason() != rooms.ReasonRemoved {
		t.Errorf("got reason %v, want removed", p.Reason())
	}
	_, err = b.participants.GetParticipant(ctx, &confbridgev1.GetParticipantRequest{Name: name})
	if status.Code(err) != codes.NotFound {
		t.Errorf("got %v, want NOT_FOUND", err)
	}
}

func TestParticipantRequestsThatCannotBeNameTheField(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	name := participantName("1000", b.join(t, "1000", "ann").ID())
	ctx := waitContext(t)
	update := func(p *confbridgev1.Participant, paths ...string) error {
		p.Name = name
		_, err := b.participants.UpdateParticipant(ctx, &confbridgev1.UpdateParticipantRequest{
			Participant: p, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
		return err
	}
	get := func(name string) error {
		_, err := b.participants.GetParticipant(ctx, &confbridgev1.GetParticipantRequest{Name: name})
		return err
	}
	list := func(parent, token string) error {
		_, err := b.participants.ListParticipants(ctx, &confbridgev1.ListParticipantsRequest{Parent: parent, PageToken: token})
		return err
	}
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{"too loud", update(&confbridgev1.Participant{GainDb: 30.1}, "gain_db"), []string{"participant.gain_db"}},
		{"a gain that is no number", update(&confbridgev1.Participant{GainDb: math.NaN()}, "gain_db"), []string{"participant.gain_db"}},
		{"hears too loud", update(&confbridgev1.Participant{HearingGainDb: -31}, "hearing_gain_db"), []string{"participant.hearing_gain_db"}},
		{"no role", update(&confbridgev1.Participant{}, "role"), []string{"participant.role"}},
		{"a role that is none", update(&confbridgev1.Participant{Role: 99}, "role"), []string{"participant.role"}},
		{
			"all faults at once", update(&confbridgev1.Participant{GainDb: math.Inf(1), DisplayName: "\n"}, "gain_db", "display_name", "role"),
			[]string{"participant.gain_db", "participant.display_name", "participant.role"},
		},
		{"what is output only", update(&confbridgev1.Participant{}, "talking"), []string{"update_mask"}},
		{"a room's name", get("rooms/1000"), []string{"name"}},
		{"an id with a slash", get(name + "/x"), []string{"name"}},
		{"an empty id", get("rooms/1000/participants/"), []string{"name"}},
		{"a list of nothing", list("", ""), []string{"parent"}},
		{"a list of a participant", list(name, ""), []string{"parent"}},
		{
			"a token of another room", list("rooms/1000", cursor{collection: "rooms/2/participants", last: "a"}.token()),
			[]string{"page_token"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantFields(t, tt.err, tt.want...) })
	}
}

func TestWhatIsKnownOfAParticipantsSoundIsShown(t *testing.T) {
	at := time.Unix(1, 0)
	info := rooms.ParticipantInfo{
		ID: "a1", Room: "1", Muted: true, MutedBy: rooms.MutedByLecture, HandPosition: 3, HasFloor: true, Place: rooms.PlaceLobby,
		Dominant: true, LevelDBFS: -23.5, PacketTime: 30 * time.Millisecond,
		Format:   codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 16000},
		Received: &rooms.Received{Format: codec.Format{Name: codec.G722, ClockRateHz: 8000, SampleRateHz: 16000}, PacketTime: 40 * time.Millisecond},
		Media: rooms.MediaStats{
			PacketsReceived: 1, PacketsLost: 2, PacketsLate: 3, PacketsDiscarded: 4, Concealed: 5, Recovered: 6, Stretched: 7, Cut: 8,
			BufferDelay: 9,
		},
		Quality: &rooms.Quality{
			Heard: quality.Local{
				Loss: .1, Discard: .2, Concealed: .3, BufferNominal: 1, BufferMax: 2, BufferLimit: 3, SignalDBFS: -20, NoiseDBFS: -60,
				RFactor: 80, MOS: 4,
			},
			Hears: quality.Peer{
				At: at, Loss: .4, Lost: -5, Jitter: 6, Incoming: 7, RoundTrip: 8, VoIP: true, RFactor: 70, MOS: 3.6, BufferNominal: 9,
			},
		},
	}
	nano := func(n int64) *durationpb.Duration { return durationpb.New(time.Duration(n)) }
	want := &confbridgev1.Participant{
		Name: "rooms/1/participants/a1", Role: confbridgev1.Role_ROLE_SPEAKER, Kind: confbridgev1.ParticipantKind_PARTICIPANT_KIND_CALL, Dominant: true, LevelDbfs: -23.5,
		Muted: true, MutedBy: confbridgev1.MutedBy_MUTED_BY_LECTURE, HandPosition: 3, HasFloor: true, Place: confbridgev1.Place_PLACE_LOBBY,
		Format: &confbridgev1.AudioFormat{Codec: "opus", ClockRateHz: 48000, SampleRateHz: 16000, PacketTime: nano(30e6)},
		ReceivedFormat: &confbridgev1.AudioFormat{
			Codec: "G722", ClockRateHz: 8000, SampleRateHz: 16000, PacketTime: nano(40e6),
		},
		Media: &confbridgev1.MediaStats{
			PacketsReceived: 1, PacketsLost: 2, PacketsLate: 3, PacketsDiscarded: 4, Concealed: nano(5), Recovered: nano(6),
			Stretched: nano(7), Cut: nano(8), BufferDelay: nano(9),
		},
		Quality: &confbridgev1.Quality{
			Heard: &confbridgev1.HeardQuality{
				LossRatio: .1, DiscardRatio: .2, ConcealedRatio: .3, Jitter: nano(7), BufferNominal: nano(1), BufferMax: nano(2),
				BufferLimit: nano(3), SignalDbfs: -20, NoiseDbfs: -60, RFactor: 80, Mos: 4,
			},
			Hears: &confbridgev1.HearsQuality{
				ReportTime: timestamppb.New(at), LossRatio: .4, PacketsLost: -5, Jitter: nano(6), RoundTrip: nano(8), RFactor: 70,
				Mos: 3.6, BufferNominal: nano(9),
			},
		},
	}
	if diff := cmp.Diff(want, toParticipant(info), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	info.Quality.Hears = quality.Peer{}
	want.Quality.Hears, want.Quality.Heard.Jitter = nil, nil
	if diff := cmp.Diff(want, toParticipant(info), protocmp.Transform()); diff != "" {
		t.Errorf("without a report (-want +got):\n%s", diff)
	}
	if got := toQuality(nil); got != nil {
		t.Errorf("got %v where nothing is known", got)
	}
	if got := toQuality(&rooms.Quality{Hears: quality.Peer{At: at, RoundTrip: 0}}); got.GetHeard() != nil ||
		got.GetHears().GetRoundTrip() != nil || got.GetHears().GetBufferNominal() != nil {
		t.Errorf("got %v of a report that says neither", got)
	}
}

func TestListParticipantsPageByPage(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	names := []string{"ann", "bob", "cy", "dee", "eve"}
	people := map[string]*rooms.Participant{}
	for _, name := range names {
		people[name] = b.join(t, "1000", name)
	}
	list := func(token string) (page []string, next string) {
		resp, err := b.participants.ListParticipants(waitContext(t), &confbridgev1.ListParticipantsRequest{
			Parent: "rooms/1000", PageSize: 2, PageToken: token,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range resp.GetParticipants() {
			page = append(page, p.GetDisplayName())
		}
		return page, resp.GetNextPageToken()
	}
	first, token := list("")
	people["bob"].Leave(rooms.ReasonHangup) // the last of the page, whom the token names
	second, token := list(token)
	third, token := list(token)
	want := [][]string{{"ann", "bob"}, {"cy", "dee"}, {"eve"}}
	if diff := cmp.Diff(want, [][]string{first, second, third}); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if token != "" {
		t.Errorf("got a token %q on the last page", token)
	}
}

func TestBytesThatAreNoUTF8AreReplaced(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	p := b.join(t, "1000", "a\xffb")
	got, err := b.participants.GetParticipant(waitContext(t), &confbridgev1.GetParticipantRequest{
		Name: participantName("1000", p.ID()),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetAddress() != "sip:a\uFFFDb@192.0.2.1" {
		t.Errorf("got address %q", got.GetAddress())
	}
}

func TestEventsAreConverted(t *testing.T) {
	at := time.Unix(1, 0)
	got := toEvent(rooms.Event{
		Room: "1", Sequence: 7, Time: at, Kind: rooms.KindKeyPressed, Key: '#', Held: 80 * time.Millisecond,
		Participant: rooms.ParticipantInfo{ID: "a1", Room: "1"},
	})
	if got.GetKeyPress().GetKey() != "#" || got.GetKeyPress().GetHeld().AsDuration() != 80*time.Millisecond {
		t.Errorf("got key %v", got.GetKeyPress())
	}
	if got.GetParticipant().GetName() != "rooms/1/participants/a1" || got.GetRoom() != nil {
		t.Errorf("got %v", got)
	}
	got = toEvent(rooms.Event{
		Room: "1", Kind: rooms.KindEnded, Reason: rooms.ReasonEmpty, Info: &rooms.Info{Number: "1"},
	})
	want := &confbridgev1.Event{
		RoomName: "rooms/1", Kind: confbridgev1.EventKind_EVENT_KIND_ENDED, Reason: confbridgev1.Reason_REASON_EMPTY,
		Room: &confbridgev1.Room{
			Name: "rooms/1", MaxTalkers: 4, Agc: proto.Bool(false), NoiseSuppression: proto.Bool(false),
			RecordingTone: proto.Bool(false), RecordingBeep: proto.Bool(false),
			RecordingRule: confbridgev1.RecordingRule_RECORDING_RULE_NEVER, RecordingFrom: proto.Int32(0),
		},
	}
	modesByDefault(want.Room)
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
	got = toEvent(rooms.Event{Room: "1", Kind: rooms.KindTimeWarning, Remaining: time.Minute})
	if got.GetRemaining().AsDuration() != time.Minute {
		t.Errorf("got %v, want a minute that remains", got)
	}
	got = toEvent(rooms.Event{
		Room: "1", Kind: rooms.KindBanned,
		Ban: &rooms.Ban{ID: "b", Address: "sip:a@b", DisplayName: "A", Created: at, Expires: at.Add(time.Hour)},
	})
	ban := &confbridgev1.Ban{
		Name: "rooms/1/bans/b", Address: "sip:a@b", DisplayName: "A",
		CreateTime: timestamppb.New(at), ExpireTime: timestamppb.New(at.Add(time.Hour)),
	}
	if diff := cmp.Diff(ban, got.GetBan(), protocmp.Transform()); diff != "" {
		t.Errorf("banned (-want +got):\n%s", diff)
	}
	want = &confbridgev1.Event{RoomName: "rooms/1", Kind: confbridgev1.EventKind_EVENT_KIND_DOMINANT_SPEAKER}
	got = toEvent(rooms.Event{Room: "1", Kind: rooms.KindDominantSpeaker})
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("nobody has the floor (-want +got):\n%s", diff)
	}
	want = &confbridgev1.Event{
		RoomName: "rooms/1", Kind: confbridgev1.EventKind_EVENT_KIND_LATE,
		Lateness: &confbridgev1.Lateness{SkippedFrames: 1, LateTurns: 2, Worst: durationpb.New(30 * time.Millisecond)},
	}
	got = toEvent(rooms.Event{Room: "1", Kind: rooms.KindLate, Lateness: rooms.Lateness{Skipped: 1, Late: 2, Worst: 30 * time.Millisecond}})
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("late (-want +got):\n%s", diff)
	}
}

func TestEveryKindReasonAndRoleHasItsEnumValue(t *testing.T) {
	for k := rooms.KindJoined; k <= rooms.KindUnbanned; k++ {
		if kinds[k] == 0 {
			t.Errorf("kind %d has none", k)
		}
	}
	for r := rooms.ReasonHangup; r <= rooms.ReasonHostLeft; r++ {
		if reasons[r] == 0 {
			t.Errorf("reason %v has none", r)
		}
	}
	if reasons[rooms.ReasonLooped] == 0 || kinds[rooms.KindFeedLooped] == 0 {
		t.Error("a loop has none")
	}
	if kinds[rooms.KindLate] == 0 {
		t.Error("lateness has none")
	}
	if e := toEvent(rooms.Event{Kind: rooms.KindOpusComplexity, Complexity: &rooms.ComplexityChange{From: 5, To: 3}}); e.GetKind() != confbridgev1.EventKind_EVENT_KIND_OPUS_COMPLEXITY_CHANGED ||
		e.GetOpusComplexity().GetFrom() != 5 || e.GetOpusComplexity().GetTo() != 3 {
		t.Errorf("a change of complexity from 5 to 3 is %v", e)
	}
	for w := rooms.WayCall; w <= rooms.WaySession; w++ {
		if ways[w] == 0 {
			t.Errorf("way %d has none", w)
		}
	}
	for r := rooms.RoleSpeaker; r <= rooms.RoleListener; r++ {
		if back, ok := roleFromProto(roles[r]); !ok || back != r {
			t.Errorf("role %d came back as %d", r, back)
		}
	}
	for p := rooms.PlaceInside; p <= rooms.PlaceLobby; p++ {
		if places[p] == 0 {
			t.Errorf("place %d has none", p)
		}
	}
	for m := rooms.MutedBySelf; m <= rooms.MutedByLecture; m++ {
		if muters[m] == 0 {
			t.Errorf("muter %d has none", m)
		}
	}
	if len(places) != len(confbridgev1.Place_name)-1 || len(muters) != len(confbridgev1.MutedBy_name)-1 ||
		len(hostLeaves) != len(confbridgev1.LastHostLeave_name)-1 {
		t.Error("the .proto has places, or ones who mute, that nothing becomes")
	}
	if len(kinds) != len(confbridgev1.EventKind_name)-1 || len(reasons) != len(confbridgev1.Reason_name)-1 ||
		len(roles) != len(confbridgev1.Role_name)-1 {
		t.Error("the .proto has values that nothing becomes")
	}
	if toDuration(0) != nil || !cmp.Equal(toDuration(time.Second), durationpb.New(time.Second), protocmp.Transform()) {
		t.Error("durations")
	}
}
