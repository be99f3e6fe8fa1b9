package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/recorder"
)

// recordingBridge is a bridge that can record.
func recordingBridge(t *testing.T) *bridge {
	t.Helper()
	rec := recorder.New(recorder.Config{Dir: t.TempDir()})
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // behind the bridge's own
		ctx, cancel := context.WithTimeout(context.Background(), testWait)
		defer cancel()
		if err := rec.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return newBridge(t, rooms.Config{Recorder: rec})
}

// refusal is the reason that an error carries.
func refusal(t *testing.T, err error, code codes.Code) string {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("got %v, want %v", err, code)
		return ""
	}
	return detail[*errdetails.ErrorInfo](t, status.Convert(err)).GetReason()
}

func (b *bridge) download(t *testing.T, name, file string) ([]byte, error) {
	t.Helper()
	stream, err := b.recordings.DownloadRecording(waitContext(t), &confbridgev1.DownloadRecordingRequest{Name: name, File: file})
	if err != nil {
		return nil, err
	}
	var all []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m.GetData()...)
	}
}

func TestARoomIsRecordedAndTheRecordingFetchedAndDeleted(t *testing.T) {
	b := recordingBridge(t)
	ctx := waitContext(t)
	_, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{
		RecordingContent: confbridgev1.RecordingContent_RECORDING_CONTENT_MIX, RecordingFormat: confbridgev1.RecordingFormat_RECORDING_FORMAT_WAV,
	}})
	if err != nil {
		t.Fatal(err)
	}
	start := &confbridgev1.StartRecordingRequest{Name: "rooms/1000"}
	_, err = b.rooms.StartRecording(ctx, start)
	if got := refusal(t, err, codes.FailedPrecondition); got != "ROOM_EMPTY" {
		t.Errorf("an empty room: got %s", got)
	}
	b.join(t, "1000", "ann")
	rec, err := b.rooms.StartRecording(ctx, start)
	if err != nil {
		t.Fatal(err)
	}
	if rec.GetState() != confbridgev1.Recording_STATE_RUNNING || rec.GetRoom() != "rooms/1000" || rec.GetStartTime() == nil {
		t.Errorf("got %v", rec)
	}
	_, err = b.rooms.StartRecording(ctx, start)
	if got := refusal(t, err, codes.FailedPrecondition); got != "ROOM_RECORDED" {
		t.Errorf("a second one: got %s", got)
	}
	_, err = b.recordings.DeleteRecording(ctx, &confbridgev1.DeleteRecordingRequest{Name: rec.GetName()})
	if got := refusal(t, err, codes.FailedPrecondition); got != "RECORDING_NOT_FINISHED" {
		t.Errorf("delete while it runs: got %s", got)
	}
	if _, err := b.rooms.PauseRecording(ctx, &confbridgev1.PauseRecordingRequest{Name: "rooms/1000"}); err != nil {
		t.Error(err)
	}
	room, err := b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: "rooms/1000"})
	if err != nil || room.GetRecording() != rec.GetName() || !room.GetRecordingPaused() {
		t.Errorf("the room says %q, paused %v, %v", room.GetRecording(), room.GetRecordingPaused(), err)
	}
	if _, err := b.rooms.ResumeRecording(ctx, &confbridgev1.ResumeRecordingRequest{Name: "rooms/1000"}); err != nil {
		t.Error(err)
	}
	get := &confbridgev1.GetRecordingRequest{Name: rec.GetName()}
	wait(t, "some sound", func() bool {
		rec, err = b.recordings.GetRecording(ctx, get)
		return err == nil && rec.GetLength().AsDuration() >= 100*time.Millisecond
	})
	if _, err := b.rooms.StopRecording(ctx, &confbridgev1.StopRecordingRequest{Name: "rooms/1000"}); err != nil {
		t.Fatal(err)
	}
	wait(t, "whole files", func() bool {
		rec, err = b.recordings.GetRecording(ctx, get)
		return err == nil && rec.GetState() == confbridgev1.Recording_STATE_FINISHED
	})
	if len(rec.GetFiles()) != 1 || rec.GetReason() != confbridgev1.Reason_REASON_STOPPED {
		t.Fatalf("got %v", rec)
	}
	fetchAll(t, b, rec)
	if _, err := b.recordings.DeleteRecording(ctx, &confbridgev1.DeleteRecordingRequest{Name: rec.GetName()}); err != nil {
		t.Fatal(err)
	}
	_, err = b.recordings.GetRecording(ctx, get)
	if got := refusal(t, err, codes.NotFound); got != "RECORDING_NOT_FOUND" {
		t.Errorf("a deleted one: got %s", got)
	}
}

// fetchAll compares what is downloaded with what the recording says of it.
func fetchAll(t *testing.T, b *bridge, rec *confbridgev1.Recording) {
	t.Helper()
	file := rec.GetFiles()[0]
	for _, name := range []string{"", file.GetName()} {
		raw, err := b.download(t, rec.GetName(), name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		if int64(len(raw)) != file.GetBytes() || hex.EncodeToString(sum[:]) != file.GetSha256() {
			t.Errorf("%d bytes of SHA-256 %x, want %v", len(raw), sum, file)
		}
	}
	raw, err := b.download(t, rec.GetName(), "recording.json")
	if err != nil {
		t.Fatal(err)
	}
	var side struct {
		Room         string
		Participants []struct{ Name string }
	}
	if err := json.Unmarshal(raw, &side); err != nil || side.Room != "1000" || len(side.Participants) != 1 || side.Participants[0].Name != "ann" {
		t.Errorf("the sidecar says %s (%v)", raw, err)
	}
	for _, name := range []string{"../.lock", "/etc/passwd", ".."} {
		_, err := b.download(t, rec.GetName(), name)
		if got := refusal(t, err, codes.NotFound); got != "RECORDING_NOT_FOUND" {
			t.Errorf("file %q: got %s", name, got)
		}
	}
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testWait); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: has not come", what)
		}
	}
}

func TestRecordingsAreListedByPages(t *testing.T) {
	b := recordingBridge(t)
	ctx := waitContext(t)
	b.create(t, "1000")
	b.join(t, "1000", "ann")
	var want []string
	for range 3 {
		rec, err := b.rooms.StartRecording(ctx, &confbridgev1.StartRecordingRequest{Name: "rooms/1000"})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, rec.GetName())
		wait(t, "some sound", func() bool {
			got, err := b.recordings.GetRecording(ctx, &confbridgev1.GetRecordingRequest{Name: rec.GetName()})
			return err == nil && got.GetLength().AsDuration() > 0
		})
		if _, err := b.rooms.StopRecording(ctx, &confbridgev1.StopRecordingRequest{Name: "rooms/1000"}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	token, pages := "", 0
	for ; pages == 0 || token != ""; pages++ {
		page, err := b.recordings.ListRecordings(ctx, &confbridgev1.ListRecordingsRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.GetRecordings() {
			seen[r.GetName()] = true
		}
		token = page.GetNextPageToken()
	}
	if pages != 2 || len(seen) != 3 {
		t.Errorf("%d recordings on %d pages", len(seen), pages)
	}
	for _, name := range want {
		if !seen[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}

func TestABridgeWithoutARecorderSaysSo(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx := waitContext(t)
	b.create(t, "1000")
	b.join(t, "1000", "ann")
	_, err := b.rooms.StartRecording(ctx, &confbridgev1.StartRecordingRequest{Name: "rooms/1000"})
	if got := refusal(t, err, codes.FailedPrecondition); got != "RECORDING_UNAVAILABLE" {
		t.Errorf("start: got %s", got)
	}
	_, err = b.recordings.GetRecording(ctx, &confbridgev1.GetRecordingRequest{Name: "recordings/a-1"})
	if got := refusal(t, err, codes.NotFound); got != "RECORDING_NOT_FOUND" {
		t.Errorf("get: got %s", got)
	}
	if all, err := b.recordings.ListRecordings(ctx, &confbridgev1.ListRecordingsRequest{}); err != nil || len(all.GetRecordings()) > 0 {
		t.Errorf("list: got %v, %v", all, err)
	}
	for _, name := range []string{"", "recordings/", "recordings/../x", "rooms/1000", "recordings/a/b"} {
		_, err := b.recordings.GetRecording(ctx, &confbridgev1.GetRecordingRequest{Name: name})
		if got := refusal(t, err, codes.InvalidArgument); got != "INVALID_ARGUMENT" {
			t.Errorf("name %q: got %s", name, got)
		}
	}
}

func TestHowARoomIsRecordedCanBeSet(t *testing.T) {
	b := newBridge(t, rooms.Config{Defaults: rooms.Settings{Recording: rooms.RecordingSettings{Format: rooms.FormatFLAC, Tone: true}}})
	ctx := waitContext(t)
	room, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{
		RoomId: "1000", Room: &confbridgev1.Room{RecordingContent: confbridgev1.RecordingContent_RECORDING_CONTENT_BOTH},
	})
	if err != nil {
		t.Fatal(err)
	}
	is := func(what string, c confbridgev1.RecordingContent, f confbridgev1.RecordingFormat, tone, beep bool) {
		t.Helper()
		if room.GetRecordingContent() != c || room.GetRecordingFormat() != f || room.GetRecordingTone() != tone || room.GetRecordingBeep() != beep {
			t.Errorf("%s: got %v, %v, tone %v, beep %v", what, room.GetRecordingContent(), room.GetRecordingFormat(),
				room.GetRecordingTone(), room.GetRecordingBeep())
		}
	}
	const (
		both = confbridgev1.RecordingContent_RECORDING_CONTENT_BOTH
		flac = confbridgev1.RecordingFormat_RECORDING_FORMAT_FLAC
		opus = confbridgev1.RecordingFormat_RECORDING_FORMAT_OPUS
	)
	is("made with the bridge's defaults", both, flac, true, false)
	room, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room: &confbridgev1.Room{
			Name: "rooms/1000", RecordingFormat: opus, RecordingTone: proto.Bool(false), RecordingBeep: proto.Bool(true),
		},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"recording_format", "recording_tone", "recording_beep"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	is("after an update", both, opus, false, true)
	if room.GetRecordingRule() != confbridgev1.RecordingRule_RECORDING_RULE_NEVER || room.RecordingFrom == nil || room.GetRecordingFrom() != 0 {
		t.Errorf("a rule that nobody has set: got %v, %v", room.GetRecordingRule(), room.RecordingFrom)
	}
	const withHost = confbridgev1.RecordingRule_RECORDING_RULE_WITH_HOST
	room, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room:       &confbridgev1.Room{Name: "rooms/1000", RecordingRule: withHost, RecordingFrom: proto.Int32(3), RecordingTone: proto.Bool(true)},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"recording_rule", "recording_from"}},
	})
	if err != nil || room.GetRecordingRule() != withHost || room.GetRecordingFrom() != 3 {
		t.Errorf("a rule: got %v, %v (%v)", room.GetRecordingRule(), room.GetRecordingFrom(), err)
	}
	is("after the rule was set", both, opus, false, true)
	for path, fault := range map[string]*confbridgev1.Room{"recording_rule": {RecordingRule: 99}, "recording_from": {RecordingFrom: proto.Int32(-1)}} {
		fault.Name = "rooms/1000"
		_, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: fault, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{path}}})
		if got := refusal(t, err, codes.InvalidArgument); got != "INVALID_ARGUMENT" {
			t.Errorf("%s: got %s", path, got)
		}
	}
	_, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room:       &confbridgev1.Room{Name: "rooms/1000", RecordingFormat: 99},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"recording_format"}},
	})
	if got := refusal(t, err, codes.InvalidArgument); got != "INVALID_ARGUMENT" {
		t.Errorf("an unknown format: got %s", got)
	}
}
