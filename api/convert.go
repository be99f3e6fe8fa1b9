package api

import (
	"cmp"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// The enums, in both directions; what a table lacks is UNSPECIFIED.
var (
	roles = map[rooms.Role]confbridgev1.Role{
		rooms.RoleSpeaker:   confbridgev1.Role_ROLE_SPEAKER,
		rooms.RoleModerator: confbridgev1.Role_ROLE_MODERATOR,
		rooms.RoleListener:  confbridgev1.Role_ROLE_LISTENER,
	}
	places = map[rooms.Place]confbridgev1.Place{
		rooms.PlaceInside:  confbridgev1.Place_PLACE_INSIDE,
		rooms.PlaceWaiting: confbridgev1.Place_PLACE_WAITING_FOR_HOST,
		rooms.PlaceAsked:   confbridgev1.Place_PLACE_ASKED,
		rooms.PlaceLobby:   confbridgev1.Place_PLACE_LOBBY,
		rooms.PlaceEarly:   confbridgev1.Place_PLACE_WAITING_FOR_OPENING,
	}
	ways = map[rooms.Way]confbridgev1.ParticipantKind{
		rooms.WayCall:    confbridgev1.ParticipantKind_PARTICIPANT_KIND_CALL,
		rooms.WaySession: confbridgev1.ParticipantKind_PARTICIPANT_KIND_SESSION,
	}
	muters = map[rooms.MutedBy]confbridgev1.MutedBy{
		rooms.MutedBySelf:      confbridgev1.MutedBy_MUTED_BY_SELF,
		rooms.MutedByModerator: confbridgev1.MutedBy_MUTED_BY_MODERATOR,
		rooms.MutedByLecture:   confbridgev1.MutedBy_MUTED_BY_LECTURE,
	}
	kinds = map[rooms.Kind]confbridgev1.EventKind{
		rooms.KindJoined:          confbridgev1.EventKind_EVENT_KIND_JOINED,
		rooms.KindLeft:            confbridgev1.EventKind_EVENT_KIND_LEFT,
		rooms.KindMuted:           confbridgev1.EventKind_EVENT_KIND_MUTED,
		rooms.KindUnmuted:         confbridgev1.EventKind_EVENT_KIND_UNMUTED,
		rooms.KindTalkingStarted:  confbridgev1.EventKind_EVENT_KIND_TALKING_STARTED,
		rooms.KindTalkingStopped:  confbridgev1.EventKind_EVENT_KIND_TALKING_STOPPED,
		rooms.KindKeyPressed:      confbridgev1.EventKind_EVENT_KIND_KEY_PRESSED,
		rooms.KindLocked:          confbridgev1.EventKind_EVENT_KIND_LOCKED,
		rooms.KindUnlocked:        confbridgev1.EventKind_EVENT_KIND_UNLOCKED,
		rooms.KindUpdated:         confbridgev1.EventKind_EVENT_KIND_UPDATED,
		rooms.KindEnded:           confbridgev1.EventKind_EVENT_KIND_ENDED,
		rooms.KindDominantSpeaker: confbridgev1.EventKind_EVENT_KIND_DOMINANT_SPEAKER,

		rooms.KindWaiting:       confbridgev1.EventKind_EVENT_KIND_WAITING,
		rooms.KindLetIn:         confbridgev1.EventKind_EVENT_KIND_LET_IN,
		rooms.KindHostArrived:   confbridgev1.EventKind_EVENT_KIND_HOST_ARRIVED,
		rooms.KindHostLeft:      confbridgev1.EventKind_EVENT_KIND_HOST_LEFT,
		rooms.KindHandRaised:    confbridgev1.EventKind_EVENT_KIND_HAND_RAISED,
		rooms.KindHandLowered:   confbridgev1.EventKind_EVENT_KIND_HAND_LOWERED,
		rooms.KindFloorGiven:    confbridgev1.EventKind_EVENT_KIND_FLOOR_GIVEN,
		rooms.KindFloorReturned: confbridgev1.EventKind_EVENT_KIND_FLOOR_RETURNED,
		rooms.KindAllMuted:      confbridgev1.EventKind_EVENT_KIND_ALL_MUTED,
		rooms.KindAllUnmuted:    confbridgev1.EventKind_EVENT_KIND_ALL_UNMUTED,
		rooms.KindUnmuteRefused: confbridgev1.EventKind_EVENT_KIND_UNMUTE_REFUSED,
		rooms.KindTimeWarning:   confbridgev1.EventKind_EVENT_KIND_TIME_WARNING,
		rooms.KindBanned:        confbridgev1.EventKind_EVENT_KIND_BANNED,
		rooms.KindUnbanned:      confbridgev1.EventKind_EVENT_KIND_UNBANNED,

		rooms.KindRecordingStarted: confbridgev1.EventKind_EVENT_KIND_RECORDING_STARTED,
		rooms.KindRecordingPaused:  confbridgev1.EventKind_EVENT_KIND_RECORDING_PAUSED,
		rooms.KindRecordingResumed: confbridgev1.EventKind_EVENT_KIND_RECORDING_RESUMED,
		rooms.KindRecordingStopped: confbridgev1.EventKind_EVENT_KIND_RECORDING_STOPPED,
		rooms.KindRecordingFailed:  confbridgev1.EventKind_EVENT_KIND_RECORDING_FAILED,
		rooms.KindOpened:           confbridgev1.EventKind_EVENT_KIND_OPENED,
		rooms.KindClosed:           confbridgev1.EventKind_EVENT_KIND_CLOSED,

		rooms.KindFeedStarted: confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_STARTED,
		rooms.KindFeedStopped: confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_STOPPED,
		rooms.KindFeedDown:    confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_DOWN,
		rooms.KindFeedUp:      confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_UP,
		rooms.KindFeedLooped:  confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_LOOPED,

		rooms.KindLate:           confbridgev1.EventKind_EVENT_KIND_LATE,
		rooms.KindOpusComplexity: confbridgev1.EventKind_EVENT_KIND_OPUS_COMPLEXITY_CHANGED,

		rooms.KindDialing:    confbridgev1.EventKind_EVENT_KIND_DIALING,
		rooms.KindRinging:    confbridgev1.EventKind_EVENT_KIND_RINGING,
		rooms.KindAnswered:   confbridgev1.EventKind_EVENT_KIND_ANSWERED,
		rooms.KindDialFailed: confbridgev1.EventKind_EVENT_KIND_DIAL_FAILED,
	}
	reasons = map[rooms.Reason]confbridgev1.Reason{
		rooms.ReasonHangup:       confbridgev1.Reason_REASON_HANGUP,
		rooms.ReasonRemoved:      confbridgev1.Reason_REASON_REMOVED,
		rooms.ReasonEnded:        confbridgev1.Reason_REASON_ENDED,
		rooms.ReasonEmpty:        confbridgev1.Reason_REASON_EMPTY,
		rooms.ReasonMaxDuration:  confbridgev1.Reason_REASON_MAX_DURATION,
		rooms.ReasonMediaTimeout: confbridgev1.Reason_REASON_MEDIA_TIMEOUT,
		rooms.ReasonFailed:       confbridgev1.Reason_REASON_FAILED,
		rooms.ReasonDraining:     confbridgev1.Reason_REASON_DRAINING,
		rooms.ReasonStopped:      confbridgev1.Reason_REASON_STOPPED,
		rooms.ReasonDiskLow:      confbridgev1.Reason_REASON_DISK_LOW,
		rooms.ReasonDiskFailed:   confbridgev1.Reason_REASON_DISK_FAILED,
		rooms.ReasonTooLong:      confbridgev1.Reason_REASON_TOO_LONG,
		rooms.ReasonMoved:        confbridgev1.Reason_REASON_MOVED,
		rooms.ReasonClosed:       confbridgev1.Reason_REASON_CLOSED,

		rooms.ReasonBusy:        confbridgev1.Reason_REASON_BUSY,
		rooms.ReasonNoAnswer:    confbridgev1.Reason_REASON_NO_ANSWER,
		rooms.ReasonDeclined:    confbridgev1.Reason_REASON_DECLINED,
		rooms.ReasonUnreachable: confbridgev1.Reason_REASON_UNREACHABLE,
		rooms.ReasonForbidden:   confbridgev1.Reason_REASON_FORBIDDEN,
		rooms.ReasonHostLeft:    confbridgev1.Reason_REASON_HOST_LEFT,

		rooms.ReasonWrongPIN:       confbridgev1.Reason_REASON_WRONG_PIN,
		rooms.ReasonLockedOut:      confbridgev1.Reason_REASON_LOCKED_OUT,
		rooms.ReasonNothingEntered: confbridgev1.Reason_REASON_NOTHING_ENTERED,
		rooms.ReasonNoRoom:         confbridgev1.Reason_REASON_NO_ROOM,
		rooms.ReasonRoomLocked:     confbridgev1.Reason_REASON_ROOM_LOCKED,
		rooms.ReasonRoomFull:       confbridgev1.Reason_REASON_ROOM_FULL,
		rooms.ReasonOverloaded:     confbridgev1.Reason_REASON_OVERLOADED,
		rooms.ReasonNotConfirmed:   confbridgev1.Reason_REASON_NOT_CONFIRMED,

		rooms.ReasonLooped: confbridgev1.Reason_REASON_LOOPED,
	}
)

func roleFromProto(r confbridgev1.Role) (rooms.Role, bool) {
	for ours, theirs := range roles {
		if theirs == r {
			return ours, true
		}
	}
	return 0, false
}

func toRoom(i rooms.Info) *confbridgev1.Room {
	room := &confbridgev1.Room{
		Name:             roomName(i.Number),
		DisplayName:      i.DisplayName,
		MaxParticipants:  int32(i.MaxParticipants),
		MaxDuration:      toDuration(i.MaxDuration),
		Locked:           i.Locked,
		OnDemand:         i.OnDemand,
		CreateTime:       toTimestamp(i.Created),
		StartTime:        toTimestamp(i.Started),
		ParticipantCount: int32(i.Participants),
		SampleRateHz:     int32(i.SampleRateHz),
		LastSequence:     i.Sequence,
		MaxTalkers:       int32(cmp.Or(i.MaxTalkers, rooms.DefaultTalkers)),
		Agc:              proto.Bool(i.AGC),
		NoiseSuppression: proto.Bool(i.NoiseSuppression),

		OpusComplexity:    int32(i.Opus.ComplexityOr(codec.DefaultComplexity)),
		OpusBitrateBps:    int32(i.Opus.BitrateBps),
		OpusComplexityNow: int32(i.OpusComplexity),

		RecordingContent: recordingContents[i.Recording.Content],
		RecordingFormat:  recordingFormats[i.Recording.Format],
		RecordingTone:    proto.Bool(i.Recording.Tone),
		RecordingBeep:    proto.Bool(i.Recording.Beep),
		RecordingRule:    recordingRules[i.Recording.Rule],
		RecordingFrom:    proto.Int32(int32(i.Recording.From)),
		Recording:        recordingNameOr(i.Recorded),
		RecordingPaused:  i.RecordingPaused,

		HasPin: i.HasPIN, HasModeratorPin: i.HasModeratorPIN, IdentityForPin: i.IdentityForPIN,

		SideOf: roomNameOr(i.SideOf),
	}
	addHours(room, i)
	showModes(room, i.Modes)
	showSpeech(room, i.Speech)
	return room
}

func toParticipant(p rooms.ParticipantInfo) *confbridgev1.Participant {
	return &confbridgev1.Participant{
		Name:          participantName(p.Room, p.ID),
		DisplayName:   validText(p.DisplayName),
		Role:          roles[p.Role],
		Muted:         p.Muted,
		Deaf:          p.Deaf,
		GainDb:        p.GainDB,
		HearingGainDb: p.HearingGainDB, WhisperTo: p.WhisperTo,
		Address:   validText(p.Address),
		CallId:    validText(p.CallID),
		Talking:   p.Talking,
		JoinTime:  toTimestamp(p.Joined),
		LevelDbfs: p.LevelDBFS,
		Dominant:  p.Dominant,
		Format:    toFormat(p.Format, p.PacketTime),

		Number:       int32(p.Number),
		Kind:         ways[p.Way],
		Place:        places[p.Place],
		MutedBy:      muters[p.MutedBy],
		HandPosition: int32(p.HandPosition),
		HasFloor:     p.HasFloor,

		ReceivedFormat: toReceived(p.Received),
		Media:          toMedia(p.Media),
		Quality:        toQuality(p.Quality),
	}
}

func toParticipants(infos []rooms.ParticipantInfo) []*confbridgev1.Participant {
	all := make([]*confbridgev1.Participant, len(infos))
	for i, p := range infos {
		all[i] = toParticipant(p)
	}
	return all
}

func toEvent(e rooms.Event) *confbridgev1.Event {
	out := &confbridgev1.Event{
		RoomName: roomName(e.Room),
		Sequence: e.Sequence,
		Time:     toTimestamp(e.Time),
		Kind:     kinds[e.Kind],
		Reason:   reasons[e.Reason],

		Recording: recordingNameOr(e.Recording),
		Remaining: toDuration(e.Remaining),
	}
	if e.Ban != nil {
		out.Ban = toBan(e.Room, *e.Ban)
	}
	if c := e.Complexity; c != nil {
		out.OpusComplexity = &confbridgev1.OpusComplexityChange{From: int32(c.From), To: int32(c.To)}
	}
	if e.Feed != "" {
		out.Distribution = distributionName(e.Room, e.Feed)
	}
	if e.Kind == rooms.KindLate {
		out.Lateness = &confbridgev1.Lateness{SkippedFrames: e.Lateness.Skipped, LateTurns: e.Lateness.Late, Worst: durationpb.New(e.Lateness.Worst)}
	}
	if state, ok := dialKinds[e.Kind]; ok {
		out.Dial = toDial(rooms.Dial{ID: e.Participant.ID, Room: e.Room, Caller: e.Participant.Caller})
		out.Dial.State, out.Dial.SipStatus = state, int32(e.Code)
	} else if e.Participant.ID != "" {
		out.Participant = toParticipant(e.Participant)
	} else if e.Info != nil {
		out.Room = toRoom(*e.Info)
	}
	if e.Kind == rooms.KindKeyPressed {
		out.KeyPress = &confbridgev1.KeyPress{Key: string(rune(e.Key)), Held: durationpb.New(e.Held)}
	}
	return out
}

func toSnapshot(s *rooms.Snapshot) *confbridgev1.RoomSnapshot {
	out := &confbridgev1.RoomSnapshot{Participants: toParticipants(s.Participants), Sequence: s.Sequence}
	if s.Room.Number != "" {
		out.Room = toRoom(s.Room)
	}
	return out
}

func toTimestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func toDuration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// validText makes a telephone's bytes fit a protobuf string, which must be UTF-8.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
