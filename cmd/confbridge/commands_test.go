package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func TestWhatCommandsPrint(t *testing.T) {
	tests := []struct{ golden, args string }{
		{"rooms_list.txt", "rooms list"},
		{"rooms_list.json", "rooms list --json"},
		{"rooms_show.txt", "rooms show 1000"},
		{"rooms_show.json", "rooms show 1000 --json"},
		{"participants_list.txt", "participants list 1000"},
		{"participants_list.json", "participants list 1000 --json"},
		{"participants_show.txt", "participants show 1000 k3x9"},
		{"participants_show_new.txt", "participants show 1000 zz"},
		{"participants_hands.txt", "participants hands 1000"},
		{"participants_hands.json", "participants hands 1000 --json"},
		{"bans_list.txt", "bans list 1000"},
		{"bans_list.json", "bans list 1000 --json"},
		{"recordings_list.txt", "recordings"},
		{"recordings_list.json", "recordings list --json"},
		{"recordings_show.txt", "recordings get 20260303t120000-0123456789"},
		{"cdr.txt", "cdr"},
		{"cdr.json", "cdr --json"},
		{"cdr.csv", "cdr --csv"},
		{"invitations_list.txt", "invitations list 1000"},
		{"invitations_list.json", "invitations list 1000 --json"},
		{"numbers_list.txt", "numbers list"},
		{"numbers_list.json", "numbers list --json"},
		{"numbers_show.txt", "numbers show +49301234* --trunk carrier"},
		{"distributions_list.txt", "distributions list 1000"},
		{"distributions_list.json", "distributions list 1000 --json"},
		{"distributions_show.txt", "distributions show 1000 hall"},
		{"distributions_show.json", "distributions show 1000 hall --json"},
		{"distributions_show_off.txt", "distributions show 1000 desks"},
		{"distributions_sdp.txt", "distributions sdp 1000 hall"},
		{"distributions_sdp.json", "distributions sdp 1000 hall --json"},
		{"trunks_list.txt", "trunks"},
		{"trunks_list.json", "trunks list --json"},
		{"trunks_show.txt", "trunks show carrier"},
	}
	addr := sample().start(t)
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, strings.Fields(tt.args)...)
			if got.code != exitOK || got.stderr != "" {
				t.Fatalf("got exit %d, %s", got.code, got.stderr)
			}
			golden(t, tt.golden, got.stdout)
			for line := range strings.Lines(got.stdout) {
				line = strings.TrimSuffix(line, "\n")
				if strings.HasSuffix(tt.golden, ".txt") && columns(line) > lineWidth {
					t.Errorf("wider than %d: %s", lineWidth, line)
				}
				if strings.ContainsAny(line, "\x1b\x07") {
					t.Errorf("a control character gets through: %q", line)
				}
			}
		})
	}
}

func TestTrunksAreWatchedUntilCtrlC(t *testing.T) {
	for name, args := range map[string][]string{
		"trunks_watch.txt":  {"trunks", "watch"},
		"trunks_watch.json": {"trunks", "watch", "--json"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), testWait)
			defer cancel()
			out := &lineCounter{want: len(sampleTrunks()), reached: cancel}
			var errOut strings.Builder
			c := &console{
				program: "confbridge", stdout: out, stderr: &errOut, zone: time.UTC,
				getenv: func(string) string { return "" }, now: func() time.Time { return noon },
			}
			if code := c.run(ctx, append(args, "--api", sample().start(t))); code != exitOK || errOut.String() != "" {
				t.Fatalf("got exit %d, %s", code, errOut.String())
			}
			golden(t, name, out.String())
		})
	}
}

func TestCommandsAskTheAPIForWhatTheySay(t *testing.T) {
	const ann = "rooms/1000/participants/k3x9"
	room := func(set *confbridgev1.Room, mask ...string) proto.Message {
		set.Name = "rooms/1000"
		return &confbridgev1.UpdateRoomRequest{Room: set, UpdateMask: paths(mask...)}
	}
	participant := func(set *confbridgev1.Participant, mask ...string) proto.Message {
		set.Name = ann
		return &confbridgev1.UpdateParticipantRequest{Participant: set, UpdateMask: paths(mask...)}
	}
	tests := []struct {
		args string
		want proto.Message
		says string
	}{
		{
			"rooms create 1000 --name Monday --max-participants 8 --max-duration 90m --locked",
			&confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{
				DisplayName: "Monday", MaxParticipants: 8, MaxDuration: durationpb.New(90 * time.Minute), Locked: true,
			}},
			"rooms/1000: created",
		},
		{
			"rooms update 1000 --max-duration 1h --name=",
			room(&confbridgev1.Room{MaxDuration: durationpb.New(time.Hour)}, "display_name", "max_duration"), "rooms/1000: updated",
		},
		{
			"rooms update rooms/1000 --max-participants 0", room(&confbridgev1.Room{}, "max_participants"),
			"rooms/1000: updated",
		},
		{
			"rooms create 1000 --max-talkers all --agc --no-noise-suppression",
			&confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{
				MaxDuration: durationpb.New(0), MaxTalkers: -1, Agc: proto.Bool(true), NoiseSuppression: proto.Bool(false),
			}},
			"rooms/1000: created",
		},
		{
			"rooms update 1000 --opus-complexity 8 --opus-bitrate 96000",
			room(&confbridgev1.Room{OpusComplexity: 8, OpusBitrateBps: 96000}, "opus_complexity", "opus_bitrate_bps"), "rooms/1000: updated",
		},
		{
			"rooms update 1000 --max-talkers 7 --no-agc --noise-suppression",
			room(&confbridgev1.Room{MaxTalkers: 7, Agc: proto.Bool(false), NoiseSuppression: proto.Bool(true)},
				"max_talkers", "agc", "noise_suppression"), "rooms/1000: updated",
		},
		{
			"rooms create 1000 --pin 1357 --moderator-pin 2468 --identity-for-pin",
			&confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{
				MaxDuration: durationpb.New(0), Pin: proto.String("1357"), ModeratorPin: proto.String("2468"), IdentityForPin: true,
			}},
			"rooms/1000: created",
		},
		{
			"rooms update 1000 --pin - --moderator-pin -", room(&confbridgev1.Room{Pin: proto.String("8642"), ModeratorPin: proto.String("9753")}, "pin", "moderator_pin"),
			"rooms/1000: updated",
		},
		{
			"rooms update 1000 --pin-file testdata/pin.txt --moderator-pin=", room(&confbridgev1.Room{Pin: proto.String("135790"), ModeratorPin: proto.String("")}, "pin", "moderator_pin"),
			"rooms/1000: updated",
		},
		{"rooms update 1000 --no-identity-for-pin", room(&confbridgev1.Room{}, "identity_for_pin"), "rooms/1000: updated"},
		{
			"invitations create 1000 --name Zoe --moderator --from 2026-12-01T09:00:00+01:00 --until 2026-12-01T10:00:00Z --digits 6",
			&confbridgev1.CreateInvitationRequest{Parent: "rooms/1000", PinDigits: 6, Invitation: &confbridgev1.Invitation{
				DisplayName: "Zoe", Role: confbridgev1.Role_ROLE_MODERATOR,
				StartTime: timestamppb.New(time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)), EndTime: timestamppb.New(time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)),
			}},
			"rooms/1000/invitations/k3x9: PIN 48151623",
		},
		{
			"invitations delete 1000 k3x9", &confbridgev1.DeleteInvitationRequest{Name: "rooms/1000/invitations/k3x9"},
			"rooms/1000/invitations/k3x9: deleted",
		},
		{
			"numbers create +49301234* --trunk carrier --room 1000 --voice de",
			&confbridgev1.CreateNumberRequest{Number: &confbridgev1.Number{Dialled: "+49301234*", Trunk: "carrier", Room: "rooms/1000", Voice: "de"}},
			"numbers/+49301234*@carrier: created",
		},
		{
			"numbers create 200", &confbridgev1.CreateNumberRequest{Number: &confbridgev1.Number{Dialled: "200"}},
			"numbers/+49301234*@carrier: created",
		},
		{
			"numbers update a/b --trunk carrier --room=",
			&confbridgev1.UpdateNumberRequest{Number: &confbridgev1.Number{Name: "numbers/a%2Fb@carrier"}, UpdateMask: paths("room")},
			"numbers/+49301234*@carrier: updated",
		},
		{
			"numbers update numbers/200 --room rooms/1000 --voice de",
			&confbridgev1.UpdateNumberRequest{Number: &confbridgev1.Number{Name: "numbers/200", Room: "rooms/1000", Voice: "de"}, UpdateMask: paths("room", "voice")},
			"numbers/+49301234*@carrier: updated",
		},
		{"numbers delete 200", &confbridgev1.DeleteNumberRequest{Name: "numbers/200"}, "numbers/200: deleted"},
		{"rooms lock 1000", room(&confbridgev1.Room{Locked: true}, "locked"), "rooms/1000: locked"},
		{"rooms unlock 1000", room(&confbridgev1.Room{}, "locked"), "rooms/1000: unlocked"},
		{
			"rooms play 1000 music/piano --voice de", &confbridgev1.PlayAnnouncementRequest{Name: "rooms/1000", Sound: "music/piano", Voice: "de"},
			"rooms/1000: music/piano plays for 1.23s",
		},
		{
			"rooms play 1000 tone:440/500 --to k3x9", &confbridgev1.PlayAnnouncementRequest{Name: ann, Sound: "tone:440/500"},
			ann + ": tone:440/500 plays for 1.23s",
		},
		{"rooms play 1000 --stop", &confbridgev1.StopAnnouncementRequest{Name: "rooms/1000"}, "rooms/1000: stopped"},
		{"rooms play 1000 --stop --to k3x9", &confbridgev1.StopAnnouncementRequest{Name: ann}, ann + ": stopped"},
		{
			"rooms side 1000 k3x9 b2c3", &confbridgev1.OpenSideRoomRequest{Name: "rooms/1000", Participants: []string{"k3x9", "b2c3"}},
			"rooms/1000-side-k3x9ab: 2 are in it",
		},
		{"rooms back 1000-side-k3x9ab", &confbridgev1.CloseSideRoomRequest{Name: "rooms/1000-side-k3x9ab"}, "rooms/1000-side-k3x9ab: all are back"},
		{"rooms end 1000", &confbridgev1.EndRoomRequest{Name: "rooms/1000"}, "rooms/1000: ended"},
		{"rooms end 1000 --force", &confbridgev1.EndRoomRequest{Name: "rooms/1000", Force: true}, "rooms/1000: ended"},
		{"rooms end 1000 --json", &confbridgev1.EndRoomRequest{Name: "rooms/1000"}, "{}"},
		{"rooms delete 1000", &confbridgev1.DeleteRoomRequest{Name: "rooms/1000"}, "rooms/1000: deleted"},
		{"rooms delete 1000 --force", &confbridgev1.DeleteRoomRequest{Name: "rooms/1000", Force: true}, "rooms/1000: deleted"},
		{"participants mute 1000 k3x9", participant(&confbridgev1.Participant{Muted: true}, "muted"), ann + ": muted"},
		{"participants unmute 1000 k3x9", participant(&confbridgev1.Participant{}, "muted"), ann + ": unmuted"},
		{"participants deaf 1000 k3x9", participant(&confbridgev1.Participant{Deaf: true}, "deaf"), ann + ": deaf"},
		{"participants undeaf 1000 k3x9", participant(&confbridgev1.Participant{}, "deaf"), ann + ": hears again"},
		{
			"participants gain 1000 k3x9 -6.5", participant(&confbridgev1.Participant{GainDb: -6.5}, "gain_db"),
			ann + ": gain -6.5 dB",
		},
		{
			"participants hearing 1000 k3x9 6", participant(&confbridgev1.Participant{HearingGainDb: 6}, "hearing_gain_db"),
			ann + ": hears others by +6 dB",
		},
		{
			"participants whisper 1000 k3x9 b2c3", participant(&confbridgev1.Participant{WhisperTo: "b2c3"}, "whisper_to"),
			ann + ": heard by b2c3 alone",
		},
		{"participants whisper 1000 k3x9", participant(&confbridgev1.Participant{}, "whisper_to"), ann + ": heard by everybody"},
		{"participants gain 1000 k3x9 0", participant(&confbridgev1.Participant{}, "gain_db"), ann + ": gain 0 dB"},
		{
			"participants role 1000 k3x9 moderator",
			participant(&confbridgev1.Participant{Role: confbridgev1.Role_ROLE_MODERATOR}, "role"), ann + ": is a moderator",
		},
		{"participants kick 1000 k3x9", &confbridgev1.RemoveParticipantRequest{Name: ann}, ann + ": removed"},
		{
			"participants kick 1000 k3x9 --ban 24h", &confbridgev1.RemoveParticipantRequest{Name: ann, BanDuration: durationpb.New(24 * time.Hour)},
			ann + ": removed, and banned for 24h0m0s",
		},
		{
			"rooms create 1000 --wait-for-host --on-last-host-leave end --host-grace 2m --lobby --lecture --mute-on-entry --allow-self-unmute " +
				"--reserved-for-hosts 2 --warn-before 5m,1m --early-wait 15m --record-names",
			&confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{
				MaxDuration: durationpb.New(0), WaitForHost: proto.Bool(true), Lobby: proto.Bool(true), Lecture: proto.Bool(true),
				MuteOnEntry: proto.Bool(true), AllowSelfUnmute: proto.Bool(true), ReservedForHosts: proto.Int32(2),
				OnLastHostLeave: confbridgev1.LastHostLeave_LAST_HOST_LEAVE_END, HostGrace: durationpb.New(2 * time.Minute),
				WarnBefore: []*durationpb.Duration{durationpb.New(5 * time.Minute), durationpb.New(time.Minute)},
				EarlyWait:  durationpb.New(15 * time.Minute), RecordNames: proto.Bool(true),
			}},
			"rooms/1000: created",
		},
		{
			"rooms update 1000 --speaking events --announce nobody --announce-limit 9 --voice de --music music/piano",
			room(&confbridgev1.Room{
				Speaking: confbridgev1.Speaking_SPEAKING_EVENTS, Announce: confbridgev1.Announce_ANNOUNCE_NOBODY, AnnounceLimit: 9,
				Voice: "de", Music: "music/piano",
			}, "voice", "speaking", "announce", "announce_limit", "music"),
			"rooms/1000: updated",
		},
		{
			"rooms update 1000 --key lock=*51 --key end=",
			room(&confbridgev1.Room{Keys: map[string]string{"lock": "*51", "end": "", "speak-quieter": "*52"}}, "keys"),
			"rooms/1000: updated",
		},
		{
			"rooms update 1000 --default-keys --key mute=*61",
			room(&confbridgev1.Room{Keys: map[string]string{"mute": "*61"}}, "keys"),
			"rooms/1000: updated",
		},
		{
			"rooms create 1000 --key lock=*51",
			&confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{MaxDuration: durationpb.New(0), Keys: map[string]string{"lock": "*51"}}},
			"rooms/1000: created",
		},
		{
			"rooms create 1000 --announce tone --voice en",
			&confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{
				MaxDuration: durationpb.New(0), Announce: confbridgev1.Announce_ANNOUNCE_TONE, Voice: "en",
			}},
			"rooms/1000: created",
		},
		{
			"rooms update 1000 --no-lecture --on-last-host-leave go-on --warn-before 0 --reserved-for-hosts 0",
			room(&confbridgev1.Room{
				Lecture: proto.Bool(false), OnLastHostLeave: confbridgev1.LastHostLeave_LAST_HOST_LEAVE_GO_ON, ReservedForHosts: proto.Int32(0),
			}, "lecture", "on_last_host_leave", "reserved_for_hosts", "warn_before"),
			"rooms/1000: updated",
		},
		{
			"participants admit 1000 w0w0", &confbridgev1.AdmitParticipantRequest{Name: "rooms/1000/participants/w0w0"},
			"rooms/1000/participants/w0w0: waiting for host",
		},
		{"participants admit 1000 --all", &confbridgev1.AdmitAllParticipantsRequest{Parent: "rooms/1000"}, "rooms/1000: 3 let in"},
		{
			"participants raise 1000 zz", &confbridgev1.RaiseHandRequest{Name: "rooms/1000/participants/zz"},
			"rooms/1000/participants/zz: number 12",
		},
		{"participants lower 1000 k3x9", &confbridgev1.LowerHandRequest{Name: ann}, ann + ": hand lowered"},
		{"participants next 1000", &confbridgev1.NextHandRequest{Parent: "rooms/1000"}, ann + ": has the floor"},
		{"participants next 7", &confbridgev1.NextHandRequest{Parent: "rooms/7"}, "rooms/7: nobody wants to speak"},
		{"participants yield 1000 k3x9", &confbridgev1.YieldFloorRequest{Name: ann}, ann + ": has the floor no longer"},
		{"participants mute-all 1000", &confbridgev1.MuteAllParticipantsRequest{Parent: "rooms/1000"}, "rooms/1000: 11 muted"},
		{
			"participants mute-all 1000 --allow-self-unmute",
			&confbridgev1.MuteAllParticipantsRequest{Parent: "rooms/1000", AllowSelfUnmute: true}, "rooms/1000: 11 muted",
		},
		{"participants unmute-all 1000", &confbridgev1.UnmuteAllParticipantsRequest{Parent: "rooms/1000"}, "rooms/1000: 10 unmuted"},
		{
			"participants move 1000 k3x9 2000", &confbridgev1.MoveParticipantRequest{Name: ann, DestinationParent: "rooms/2000"},
			ann + ": moved to rooms/2000",
		},
		{"bans lift 1000 b2k7", &confbridgev1.DeleteBanRequest{Name: "rooms/1000/bans/b2k7"}, "rooms/1000/bans/b2k7: lifted"},
	}
	fake := sample()
	addr := fake.start(t)
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, strings.Fields(tt.args)...)
			if got.code != exitOK || got.stderr != "" || got.stdout != tt.says+"\n" {
				t.Errorf("got exit %d, %q, %q; want %q", got.code, got.stdout, got.stderr, tt.says)
			}
			if diff := cmp.Diff(tt.want, fake.lastRequest(), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a negative gain before a flag", func(t *testing.T) {
		got := runAt(t.Context(), nil, "participants", "gain", "1000", "k3x9", "-3", "--json", "--api", addr)
		if got.code != exitOK || !strings.HasPrefix(got.stdout, "{\n") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestHelpNamesEveryCommand(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}} {
		got := runAt(t.Context(), nil, args...)
		if got.code != exitOK || got.stderr != "" {
			t.Errorf("%v: got exit %d, %q", args, got.code, got.stderr)
		}
		golden(t, "help.txt", got.stdout)
	}
}

func TestVersionSaysWhichGo(t *testing.T) {
	got := runAt(t.Context(), nil, "version")
	if got.code != exitOK || !strings.HasPrefix(got.stdout, "confbridge ") || !strings.Contains(got.stdout, "go1.") {
		t.Errorf("got %+v", got)
	}
	got = runAt(t.Context(), nil, "version", "--json")
	if got.code != exitOK || !strings.Contains(got.stdout, `"go": "go1.`) {
		t.Errorf("got %+v", got)
	}
}
