package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// sampleRecordings has one in each state.
func sampleRecordings() []*confbridgev1.Recording {
	sum := strings.Repeat("0123456789abcdef", 4)
	return []*confbridgev1.Recording{
		{
			Name: "recordings/20260303t120000-0123456789", Room: "rooms/1000", State: confbridgev1.Recording_STATE_FINISHED,
			Content: confbridgev1.RecordingContent_RECORDING_CONTENT_BOTH, Format: confbridgev1.RecordingFormat_RECORDING_FORMAT_OPUS,
			StartTime: ago(24 * time.Hour), Length: durationpb.New(65*time.Minute + 20*time.Millisecond),
			Reason: confbridgev1.Reason_REASON_DISK_LOW, GapCount: 1,
			Files: []*confbridgev1.RecordingFile{
				{Name: "mix.opus", Bytes: 23456789, Sha256: sum}, {Name: "k3x9.opus", ParticipantId: "k3x9", Bytes: 12345, Sha256: sum},
			},
		},
		{
			Name: "recordings/20260304t100000-aaaaaaaaaa", Room: "rooms/" + strings.Repeat("1234567890", 6),
			State: confbridgev1.Recording_STATE_FINISHED, StartTime: ago(2 * time.Hour), Length: durationpb.New(9 * time.Second), Repaired: true,
		},
		{
			Name: "recordings/20260304t115900-ffffffffff", Room: "rooms/1000", State: confbridgev1.Recording_STATE_RUNNING,
			StartTime: ago(time.Minute), Length: durationpb.New(time.Minute),
		},
	}
}

// ListRecordings has pages of one.
func (f *fakeBridge) ListRecordings(
	_ context.Context, req *confbridgev1.ListRecordingsRequest,
) (*confbridgev1.ListRecordingsResponse, error) {
	all := sampleRecordings()
	i := len(req.GetPageToken())
	resp := &confbridgev1.ListRecordingsResponse{Recordings: all[i : i+1]}
	if i+1 < len(all) {
		resp.NextPageToken = strings.Repeat("x", i+1)
	}
	return resp, nil
}

func (f *fakeBridge) GetRecording(_ context.Context, req *confbridgev1.GetRecordingRequest) (*confbridgev1.Recording, error) {
	f.keep(req)
	return sampleRecordings()[0], nil
}

func (f *fakeBridge) DeleteRecording(_ context.Context, req *confbridgev1.DeleteRecordingRequest) (*emptypb.Empty, error) {
	f.keep(req)
	return &emptypb.Empty{}, nil
}

// DownloadRecording sends a file's name twice, in two pieces.
func (f *fakeBridge) DownloadRecording(
	req *confbridgev1.DownloadRecordingRequest, stream grpc.ServerStreamingServer[confbridgev1.DownloadRecordingResponse],
) error {
	f.keep(req)
	for range 2 {
		if err := stream.Send(&confbridgev1.DownloadRecordingResponse{Data: []byte(req.GetFile())}); err != nil {
			return err
		}
	}
	if f.downloadFails {
		return status.Error(codes.Unavailable, "gone")
	}
	return nil
}

func (f *fakeBridge) StartRecording(_ context.Context, req *confbridgev1.StartRecordingRequest) (*confbridgev1.Recording, error) {
	f.keep(req)
	return sampleRecordings()[2], nil
}

func (f *fakeBridge) StopRecording(_ context.Context, req *confbridgev1.StopRecordingRequest) (*confbridgev1.Recording, error) {
	f.keep(req)
	return sampleRecordings()[2], nil
}

func (f *fakeBridge) PauseRecording(_ context.Context, req *confbridgev1.PauseRecordingRequest) (*confbridgev1.Recording, error) {
	f.keep(req)
	return sampleRecordings()[2], nil
}

func (f *fakeBridge) ResumeRecording(_ context.Context, req *confbridgev1.ResumeRecordingRequest) (*confbridgev1.Recording, error) {
	f.keep(req)
	return sampleRecordings()[2], nil
}

func TestRecordingCommandsAskForTheRightThing(t *testing.T) {
	const id = "20260304t115900-ffffffffff"
	for _, row := range []struct {
		args   string
		want   proto.Message
		stdout string
	}{
		{"rooms record 1000", &confbridgev1.StartRecordingRequest{Name: "rooms/1000"}, "rooms/1000: recording started: recordings/" + id},
		{"rooms record 1000 --stop", &confbridgev1.StopRecordingRequest{Name: "rooms/1000"}, "rooms/1000: recording stopped: recordings/" + id},
		{"rooms record 1000 --pause", &confbridgev1.PauseRecordingRequest{Name: "rooms/1000"}, "rooms/1000: recording paused: recordings/" + id},
		{"rooms record rooms/1000 --resume", &confbridgev1.ResumeRecordingRequest{Name: "rooms/1000"}, "rooms/1000: recording resumed: recordings/" + id},
		{"recordings delete " + id, &confbridgev1.DeleteRecordingRequest{Name: "recordings/" + id}, "recordings/" + id + ": deleted"},
		{"rooms create 1000 --record-content both --record-format wav --no-record-tone --record-beep", &confbridgev1.CreateRoomRequest{
			RoomId: "1000", Room: &confbridgev1.Room{
				MaxDuration:      durationpb.New(0),
				RecordingContent: confbridgev1.RecordingContent_RECORDING_CONTENT_BOTH, RecordingFormat: confbridgev1.RecordingFormat_RECORDING_FORMAT_WAV,
				RecordingTone: proto.Bool(false), RecordingBeep: proto.Bool(true),
			},
		}, "rooms/1000: created"},
		{"rooms update 1000 --record-rule with-host --record-from 2", &confbridgev1.UpdateRoomRequest{
			Room: &confbridgev1.Room{
				Name: "rooms/1000", RecordingRule: confbridgev1.RecordingRule_RECORDING_RULE_WITH_HOST, RecordingFrom: proto.Int32(2),
			},
			UpdateMask: paths("recording_rule", "recording_from"),
		}, "rooms/1000: updated"},
		{"rooms update 1000 --record-format flac", &confbridgev1.UpdateRoomRequest{
			Room:       &confbridgev1.Room{Name: "rooms/1000", RecordingFormat: confbridgev1.RecordingFormat_RECORDING_FORMAT_FLAC},
			UpdateMask: paths("recording_format"),
		}, "rooms/1000: updated"},
	} {
		t.Run(row.args, func(t *testing.T) {
			fake := sample()
			got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": fake.start(t)}, strings.Fields(row.args)...)
			if got.code != exitOK || strings.TrimSpace(got.stdout) != row.stdout {
				t.Fatalf("got exit %d, %q, %s", got.code, got.stdout, got.stderr)
			}
			if diff := cmp.Diff(row.want, fake.lastRequest(), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCannotBeAskedOfARecording(t *testing.T) {
	for _, args := range []string{"rooms record 1000 --stop --pause", "rooms create 1000 --record-format mp3", "rooms create 1000 --record-rule sometimes", "recordings get"} {
		if got := runAt(t.Context(), nil, strings.Fields(args)...); got.code != exitUsage {
			t.Errorf("%s: got exit %d, %s", args, got.code, got.stderr)
		}
	}
}

func TestARecordingIsFetchedIntoAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	env := map[string]string{"CONFBRIDGE_API": sample().start(t)}
	got := runAt(t.Context(), env, "recordings", "get", "20260303t120000-0123456789", "-o", dir)
	if got.code != exitOK {
		t.Fatalf("got exit %d, %s", got.code, got.stderr)
	}
	for _, name := range []string{"recording.json", "mix.opus", "k3x9.opus"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(raw) != name+name {
			t.Errorf("%s has %q (%v)", name, raw, err)
		}
	}
}

func TestWhatIsBrokenOffLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	fake := sample()
	fake.downloadFails = true
	got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": fake.start(t)}, "recordings", "get", "20260303t120000-0123456789", "-o", dir)
	if got.code != exitError || got.stderr == "" {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
}
