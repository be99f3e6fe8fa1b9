package main

import (
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// noon is the present of all golden files.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(noon.Add(-d)) }

func sampleBans() []*confbridgev1.Ban {
	return []*confbridgev1.Ban{
		{
			Name: "rooms/1000/bans/b2k7", Address: "sip:mallory@192.0.2.66", DisplayName: "Mallory",
			CreateTime: ago(time.Hour), ExpireTime: ago(-23 * time.Hour),
		},
		{
			Name: "rooms/1000/bans/q9z4", Address: "sip:\x1b[31m@telephones.example.com", DisplayName: "a\nb",
			CreateTime: ago(time.Minute), ExpireTime: ago(-time.Minute),
		},
	}
}

// sampleTrunks has one in each state.
func sampleTrunks() []*confbridgev1.Trunk {
	return []*confbridgev1.Trunk{
		{
			Name: "trunks/carrier", Calls: 12, MaxCalls: 100, CallsTotal: 4711, RefusedTotal: 3,
			Registration: &confbridgev1.Registration{
				State: confbridgev1.Registration_STATE_REGISTERED, Registrar: "sip:carrier.example", Address: "sip:bridge@carrier.example",
				Target: "udp://192.0.2.1:5060", ChangeTime: ago(3 * time.Hour), ExpireTime: ago(-8 * time.Minute), NextAttemptTime: ago(-7 * time.Minute),
			},
			Reachability: &confbridgev1.Reachability{
				State: confbridgev1.Reachability_STATE_UP, Uri: "sip:carrier.example", ChangeTime: ago(26 * time.Hour),
				RoundTrip: durationpb.New(12345 * time.Microsecond),
			},
		},
		{
			Name: "trunks/branch", Calls: 1, CallsTotal: 7,
			Registration: &confbridgev1.Registration{
				State: confbridgev1.Registration_STATE_FAILED, ChangeTime: ago(40 * time.Second), Error: "SIP 403 Forbidden: \x1b[31mno such user here at all",
			},
			Reachability: &confbridgev1.Reachability{State: confbridgev1.Reachability_STATE_DOWN, ChangeTime: ago(90 * time.Second), Error: "no answer in time"},
		},
		{
			Name:         "trunks/new",
			Registration: &confbridgev1.Registration{State: confbridgev1.Registration_STATE_REGISTERING},
			Reachability: &confbridgev1.Reachability{State: confbridgev1.Reachability_STATE_UNKNOWN},
		},
		{Name: "trunks/phones", Calls: 2},
	}
}

// sample is a bridge with a bit of everything in it.
func sample() *fakeBridge {
	ann := &confbridgev1.Participant{
		Name: "rooms/1000/participants/k3x9", DisplayName: "Ann", Number: 3, Role: confbridgev1.Role_ROLE_MODERATOR, Talking: true,
		Dominant: true, LevelDbfs: -23.4, Place: confbridgev1.Place_PLACE_INSIDE, HasFloor: true,
		Address: "sip:ann@192.0.2.1", CallId: "a84b4c76e66710", JoinTime: ago(4*time.Minute + 5*time.Second),
		Format: &confbridgev1.AudioFormat{Codec: "opus", ClockRateHz: 48000, SampleRateHz: 48000, PacketTime: durationpb.New(20 * time.Millisecond)},
		ReceivedFormat: &confbridgev1.AudioFormat{
			Codec: "opus", ClockRateHz: 48000, SampleRateHz: 48000, PacketTime: durationpb.New(20 * time.Millisecond),
		},
		Media: &confbridgev1.MediaStats{
			PacketsReceived: 12248, PacketsLost: 2, PacketsLate: 1,
			Concealed: durationpb.New(60 * time.Millisecond), BufferDelay: durationpb.New(12 * time.Millisecond),
			PacketsDiscarded: 3, Recovered: durationpb.New(40 * time.Millisecond), Stretched: durationpb.New(35 * time.Millisecond),
			Cut: durationpb.New(1234567 * time.Microsecond),
		},
		Quality: &confbridgev1.Quality{
			Heard: &confbridgev1.HeardQuality{
				LossRatio: .00123, DiscardRatio: .01, ConcealedRatio: .5, Jitter: durationpb.New(2345 * time.Microsecond),
				BufferNominal: durationpb.New(12 * time.Millisecond), BufferMax: durationpb.New(180 * time.Millisecond),
				BufferLimit: durationpb.New(500 * time.Millisecond), SignalDbfs: -20.6, NoiseDbfs: -58, RFactor: 87.7, Mos: 4.27,
			},
			Hears: &confbridgev1.HearsQuality{
				ReportTime: ago(4 * time.Second), LossRatio: .25, PacketsLost: 17, Jitter: durationpb.New(12 * time.Millisecond),
				RoundTrip: durationpb.New(43 * time.Millisecond), RFactor: 70, Mos: 3.6, BufferNominal: durationpb.New(60 * time.Millisecond),
			},
		},
	}
	bob := &confbridgev1.Participant{
		Name: "rooms/1000/participants/p71q", Role: confbridgev1.Role_ROLE_LISTENER, Muted: true, Deaf: true, GainDb: -6.5,
		Address: "sip:a.very.long.user.name.indeed.and.then.some@telephones.example.com", JoinTime: ago(26 * time.Hour),
		Format:    &confbridgev1.AudioFormat{Codec: "PCMU", ClockRateHz: 8000, SampleRateHz: 8000, PacketTime: durationpb.New(20 * time.Millisecond)},
		LevelDbfs: -127,
		Media:     &confbridgev1.MediaStats{},
		Place:     confbridgev1.Place_PLACE_INSIDE, MutedBy: confbridgev1.MutedBy_MUTED_BY_LECTURE,
	}
	evil := &confbridgev1.Participant{
		Name: "rooms/1000/participants/zz", DisplayName: "\x1b[31mred\nalert\x07", Role: confbridgev1.Role_ROLE_SPEAKER,
		JoinTime: ago(9 * time.Second), GainDb: 3, Talking: true, LevelDbfs: -.2,
		Format: &confbridgev1.AudioFormat{Codec: "PCMA", ClockRateHz: 8000, SampleRateHz: 8000, PacketTime: durationpb.New(30 * time.Millisecond)},
		ReceivedFormat: &confbridgev1.AudioFormat{
			Codec: "G722", ClockRateHz: 8000, SampleRateHz: 16000, PacketTime: durationpb.New(20 * time.Millisecond),
		},
		Media: &confbridgev1.MediaStats{PacketsReceived: 90, PacketsLost: 10}, Place: confbridgev1.Place_PLACE_INSIDE, HandPosition: 12,
	}
	dee := &confbridgev1.Participant{
		Name: "rooms/1000/participants/w0w0", DisplayName: "Dee", Role: confbridgev1.Role_ROLE_SPEAKER, JoinTime: ago(2 * time.Second),
		Format: &confbridgev1.AudioFormat{Codec: "PCMA", ClockRateHz: 8000, SampleRateHz: 8000, PacketTime: durationpb.New(20 * time.Millisecond)},
		Media:  &confbridgev1.MediaStats{}, LevelDbfs: -127, Place: confbridgev1.Place_PLACE_WAITING_FOR_HOST,
	}
	rooms := []*confbridgev1.Room{
		{
			Name: "rooms/1000", DisplayName: "Monday", MaxParticipants: 8, MaxDuration: durationpb.New(90 * time.Minute),
			Locked: true, CreateTime: ago(72 * time.Hour), StartTime: ago(26 * time.Hour), ParticipantCount: 3,
			SampleRateHz: 48000, LastSequence: 41, MaxTalkers: 4, Agc: proto.Bool(true), NoiseSuppression: proto.Bool(false),
			OpusComplexity: 8, OpusComplexityNow: 6, OpusBitrateBps: 96000,
			RecordingContent: confbridgev1.RecordingContent_RECORDING_CONTENT_BOTH, RecordingFormat: confbridgev1.RecordingFormat_RECORDING_FORMAT_FLAC,
			RecordingTone: proto.Bool(true), RecordingBeep: proto.Bool(true), RecordingRule: confbridgev1.RecordingRule_RECORDING_RULE_WITH_HOST, RecordingFrom: proto.Int32(2), Recording: sampleRecordings()[2].GetName(), RecordingPaused: true,
			OpenWindows: []*confbridgev1.OpenWindow{
				{
					Start: "2026-03-02T09:00", TimeZone: "Europe/Berlin", Duration: durationpb.New(90 * time.Minute), Rule: "FREQ=WEEKLY;BYDAY=MO,WE",
					Except: []string{"2026-12-23"},
				},
				{Start: "2026-03-04T11:30", TimeZone: "UTC", Duration: durationpb.New(time.Hour)},
			},
			CloseTime: ago(-30 * time.Minute), OutlastsWindows: true,
			Voice: "de-anna", Speaking: confbridgev1.Speaking_SPEAKING_EVENTS, Announce: confbridgev1.Announce_ANNOUNCE_WORDS, AnnounceLimit: 7,
			EarlyWait: durationpb.New(15 * time.Minute), RecordNames: proto.Bool(true),
			Music: "music/piano", Keys: map[string]string{"speak-quieter": "*52"},
			Lobby: proto.Bool(true), Lecture: proto.Bool(true), AllowSelfUnmute: proto.Bool(true), ReservedForHosts: proto.Int32(2),
			OnLastHostLeave: confbridgev1.LastHostLeave_LAST_HOST_LEAVE_END, HostGrace: durationpb.New(2 * time.Minute),
			WarnBefore: []*durationpb.Duration{durationpb.New(5 * time.Minute), durationpb.New(time.Minute)},
		},
		{Name: "rooms/7", OnDemand: true, CreateTime: ago(time.Second), StartTime: ago(time.Second), ParticipantCount: 1},
		{
			Name:        "rooms/" + strings.Repeat("1234567890", 6),
			DisplayName: "Die Besprechung aller Abteilungen über alles Übrige, jeden zweiten Mittwoch", CreateTime: ago(0),
		},
	}
	event := func(n uint64, k confbridgev1.EventKind, p *confbridgev1.Participant) *confbridgev1.Event {
		at := timestamppb.New(noon.Add(time.Duration(n) * 1234 * time.Millisecond))
		return &confbridgev1.Event{RoomName: "rooms/1000", Sequence: n, Time: at, Kind: k, Participant: p}
	}
	key := event(45, confbridgev1.EventKind_EVENT_KIND_KEY_PRESSED, ann)
	key.KeyPress = &confbridgev1.KeyPress{Key: "#", Held: durationpb.New(120 * time.Millisecond)}
	left := event(46, confbridgev1.EventKind_EVENT_KIND_LEFT, ann)
	left.Reason = confbridgev1.Reason_REASON_MEDIA_TIMEOUT
	ended := event(47, confbridgev1.EventKind_EVENT_KIND_ENDED, nil)
	ended.Reason, ended.Room = confbridgev1.Reason_REASON_EMPTY, rooms[0]
	floor := event(48, confbridgev1.EventKind_EVENT_KIND_DOMINANT_SPEAKER, bob)
	nobody := event(49, confbridgev1.EventKind_EVENT_KIND_DOMINANT_SPEAKER, nil)
	records := event(50, confbridgev1.EventKind_EVENT_KIND_RECORDING_STARTED, nil)
	fails := event(51, confbridgev1.EventKind_EVENT_KIND_RECORDING_FAILED, nil)
	fails.Reason = confbridgev1.Reason_REASON_DISK_LOW
	for _, e := range []*confbridgev1.Event{records, fails} {
		e.Recording, e.Room = sampleRecordings()[0].GetName(), rooms[0]
	}
	waits := event(52, confbridgev1.EventKind_EVENT_KIND_WAITING, dee)
	hand := event(53, confbridgev1.EventKind_EVENT_KIND_HAND_RAISED, evil)
	muted := event(54, confbridgev1.EventKind_EVENT_KIND_MUTED, bob)
	given := event(55, confbridgev1.EventKind_EVENT_KIND_FLOOR_GIVEN, ann)
	warned := event(56, confbridgev1.EventKind_EVENT_KIND_TIME_WARNING, nil)
	warned.Remaining, warned.Room = durationpb.New(5*time.Minute), rooms[0]
	banned := event(57, confbridgev1.EventKind_EVENT_KIND_BANNED, bob)
	unbanned := event(58, confbridgev1.EventKind_EVENT_KIND_UNBANNED, nil)
	banned.Ban, unbanned.Ban, unbanned.Room = sampleBans()[0], sampleBans()[1], rooms[0]
	var distributed []*confbridgev1.WatchRoomResponse
	for i, k := range []confbridgev1.EventKind{
		confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_STARTED, confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_DOWN,
		confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_UP, confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_LOOPED,
		confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_STOPPED,
	} {
		e := event(uint64(59+i), k, nil)
		e.Distribution = sampleDistributions()[0].GetName()
		distributed = append(distributed, &confbridgev1.WatchRoomResponse{Content: &confbridgev1.WatchRoomResponse_Event{Event: e}})
	}
	late := event(64, confbridgev1.EventKind_EVENT_KIND_LATE, nil)
	late.Lateness = &confbridgev1.Lateness{SkippedFrames: 3, LateTurns: 12, Worst: durationpb.New(83_456 * time.Microsecond)}
	less := event(65, confbridgev1.EventKind_EVENT_KIND_OPUS_COMPLEXITY_CHANGED, nil)
	less.OpusComplexity = &confbridgev1.OpusComplexityChange{From: 8, To: 6}
	told := func(e *confbridgev1.Event) *confbridgev1.WatchRoomResponse {
		return &confbridgev1.WatchRoomResponse{Content: &confbridgev1.WatchRoomResponse_Event{Event: e}}
	}
	return &fakeBridge{
		rooms:        rooms,
		participants: []*confbridgev1.Participant{ann, bob, evil, dee},
		story: append([]*confbridgev1.WatchRoomResponse{
			{Content: &confbridgev1.WatchRoomResponse_Snapshot{Snapshot: &confbridgev1.RoomSnapshot{
				Room: rooms[0], Participants: []*confbridgev1.Participant{ann, bob, evil, dee}, Sequence: 41,
			}}},
			{}, // what a newer bridge might say
			{Content: &confbridgev1.WatchRoomResponse_Missed{
				Missed: &confbridgev1.MissedEvents{FromSequence: 42, ToSequence: 42},
			}},
			told(event(43, confbridgev1.EventKind_EVENT_KIND_JOINED, bob)),
			told(event(44, confbridgev1.EventKind_EVENT_KIND_TALKING_STARTED, evil)),
			told(key), told(left), told(ended), told(floor), told(nobody), told(records), told(fails), told(waits), told(hand), told(muted), told(given), told(warned),
			told(banned), told(unbanned),
		}, append(distributed, told(late), told(less))...),
	}
}
