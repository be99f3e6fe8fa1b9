package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// Recordings is what the RecordingService shows. Its methods are safe for concurrent use; their errors are package rooms's.
type Recordings interface {
	// List returns at most limit recordings behind that ID, by ID.
	List(after string, limit int) []rooms.Recording
	// Recording describes one.
	Recording(id string) (rooms.Recording, error)
	// OpenFile opens a file of a finished recording; an empty name is the first.
	OpenFile(id, name string) (*os.File, error)
	// Delete takes a finished recording away.
	Delete(id string) error
}

// chunkBytes is how much of a file goes into one message.
const chunkBytes = 64 << 10

// recordingService is confbridge.v1.RecordingService.
type recordingService struct {
	confbridgev1.UnimplementedRecordingServiceServer
	recordings Recordings // nil: there are none
}

func (s *recordingService) ListRecordings(
	_ context.Context, req *confbridgev1.ListRecordingsRequest,
) (*confbridgev1.ListRecordingsResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	from, err := parseToken(recordingsCollection, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp := &confbridgev1.ListRecordingsResponse{}
	if s.recordings == nil {
		return resp, nil
	}
	all := s.recordings.List(from.last, size+1) // one more tells whether this page is the last
	if len(all) > size {
		all = all[:size]
		resp.NextPageToken = cursor{collection: recordingsCollection, last: all[size-1].ID}.token()
	}
	for _, r := range all {
		resp.Recordings = append(resp.Recordings, toRecording(r))
	}
	return resp, nil
}

func (s *recordingService) GetRecording(
	_ context.Context, req *confbridgev1.GetRecordingRequest,
) (*confbridgev1.Recording, error) {
	id, err := s.id(req.GetName())
	if err != nil {
		return nil, err
	}
	rec, err := s.recordings.Recording(id)
	if err != nil {
		return nil, err
	}
	return toRecording(rec), nil
}

func (s *recordingService) DeleteRecording(
	_ context.Context, req *confbridgev1.DeleteRecordingRequest,
) (*emptypb.Empty, error) {
	id, err := s.id(req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.recordings.Delete(id); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func (s *recordingService) DownloadRecording(
	req *confbridgev1.DownloadRecordingRequest, stream grpc.ServerStreamingServer[confbridgev1.DownloadRecordingResponse],
) error {
	id, err := s.id(req.GetName())
	if err != nil {
		return err
	}
	f, err := s.recordings.OpenFile(id, req.GetFile())
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		chunk := make([]byte, chunkBytes) // the stream may still hold the one before
		n, err := f.Read(chunk)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", rooms.ErrDisk, err)
		}
		if err := stream.Send(&confbridgev1.DownloadRecordingResponse{Data: chunk[:n]}); err != nil {
			return err
		}
	}
}

// id is that of a recording's name (ErrInvalid; ErrNoRecording where there can be none).
func (s *recordingService) id(name string) (string, error) {
	id, err := parseRecordingName("name", name)
	if err == nil && s.recordings == nil {
		err = rooms.ErrNoRecording
	}
	return id, err
}

func (s *roomService) StartRecording(ctx context.Context, req *confbridgev1.StartRecordingRequest) (*confbridgev1.Recording, error) {
	return recorded(ctx, req.GetName(), s.rooms.StartRecording)
}

func (s *roomService) StopRecording(ctx context.Context, req *confbridgev1.StopRecordingRequest) (*confbridgev1.Recording, error) {
	return recorded(ctx, req.GetName(), s.rooms.StopRecording)
}

func (s *roomService) PauseRecording(ctx context.Context, req *confbridgev1.PauseRecordingRequest) (*confbridgev1.Recording, error) {
	return recorded(ctx, req.GetName(), s.rooms.PauseRecording)
}

func (s *roomService) ResumeRecording(ctx context.Context, req *confbridgev1.ResumeRecordingRequest) (*confbridgev1.Recording, error) {
	return recorded(ctx, req.GetName(), s.rooms.ResumeRecording)
}

// recorded does something to a room's recording.
func recorded(
	ctx context.Context, name string, do func(context.Context, string) (rooms.Recording, error),
) (*confbridgev1.Recording, error) {
	number, err := parseRoomName("name", name)
	if err != nil {
		return nil, err
	}
	rec, err := do(ctx, number)
	if err != nil {
		return nil, err
	}
	return toRecording(rec), nil
}

func toRecording(r rooms.Recording) *confbridgev1.Recording {
	out := &confbridgev1.Recording{
		Name: recordingName(r.ID), State: recordingStates[r.State],
		Content: recordingContents[r.Content], Format: recordingFormats[r.Format],
		StartTime: toTimestamp(r.Started), Length: toDuration(r.Length), Reason: reasons[r.Reason],
		Repaired: r.Repaired, GapCount: int32(r.Gaps),
	}
	if r.Room != "" {
		out.Room = roomName(r.Room)
	}
	for _, f := range r.Files {
		out.Files = append(out.Files, &confbridgev1.RecordingFile{
			Name: f.Name, ParticipantId: f.Participant, Bytes: f.Bytes, Sha256: f.SHA256,
		})
	}
	return out
}

// The enums of recordings; what a table lacks is UNSPECIFIED.
var (
	recordingStates = map[rooms.RecordingState]confbridgev1.Recording_State{
		rooms.RecordingRunning:   confbridgev1.Recording_STATE_RUNNING,
		rooms.RecordingFinishing: confbridgev1.Recording_STATE_FINISHING,
		rooms.RecordingFinished:  confbridgev1.Recording_STATE_FINISHED,
	}
	recordingContents = map[rooms.RecordingContent]confbridgev1.RecordingContent{
		rooms.RecordMix:    confbridgev1.RecordingContent_RECORDING_CONTENT_MIX,
		rooms.RecordTracks: confbridgev1.RecordingContent_RECORDING_CONTENT_TRACKS,
		rooms.RecordBoth:   confbridgev1.RecordingContent_RECORDING_CONTENT_BOTH,
	}
	recordingFormats = map[rooms.RecordingFormat]confbridgev1.RecordingFormat{
		rooms.FormatWAV:  confbridgev1.RecordingFormat_RECORDING_FORMAT_WAV,
		rooms.FormatFLAC: confbridgev1.RecordingFormat_RECORDING_FORMAT_FLAC,
		rooms.FormatOpus: confbridgev1.RecordingFormat_RECORDING_FORMAT_OPUS,
	}
	recordingRules = map[rooms.RecordingRule]confbridgev1.RecordingRule{
		rooms.RecordNever:    confbridgev1.RecordingRule_RECORDING_RULE_NEVER,
		rooms.RecordAlways:   confbridgev1.RecordingRule_RECORDING_RULE_ALWAYS,
		rooms.RecordWithHost: confbridgev1.RecordingRule_RECORDING_RULE_WITH_HOST,
	}
)

// from finds the key of a value in one of the tables of enums; false where it has none.
func from[K, V comparable](table map[K]V, value V) (key K, ok bool) {
	for k, v := range table {
		if v == value {
			return k, true
		}
	}
	return key, false
}

// recordingSettings is what a request says of them, or else what the bridge is configured with.
func (s *roomService) recordingSettings(room *confbridgev1.Room) rooms.RecordingSettings {
	set := s.rooms.Defaults().Recording
	if c, ok := from(recordingContents, room.GetRecordingContent()); ok {
		set.Content = c
	}
	if f, ok := from(recordingFormats, room.GetRecordingFormat()); ok {
		set.Format = f
	}
	if room != nil && room.RecordingTone != nil {
		set.Tone = *room.RecordingTone
	}
	if room != nil && room.RecordingBeep != nil {
		set.Beep = *room.RecordingBeep
	}
	if r, ok := from(recordingRules, room.GetRecordingRule()); ok {
		set.Rule = r
	}
	if room != nil && room.RecordingFrom != nil {
		set.From = int(*room.RecordingFrom)
	}
	return set
}

// recordingFault is roomFault for the settings of recordings.
func recordingFault(room *confbridgev1.Room, path string) string {
	var known bool
	var value fmt.Stringer
	switch path {
	case "recording_content":
		_, known = from(recordingContents, room.GetRecordingContent())
		known = known || room.GetRecordingContent() == confbridgev1.RecordingContent_RECORDING_CONTENT_UNSPECIFIED
		value = room.GetRecordingContent()
	case "recording_format":
		_, known = from(recordingFormats, room.GetRecordingFormat())
		known = known || room.GetRecordingFormat() == confbridgev1.RecordingFormat_RECORDING_FORMAT_UNSPECIFIED
		value = room.GetRecordingFormat()
	case "recording_rule":
		_, known = from(recordingRules, room.GetRecordingRule())
		known = known || room.GetRecordingRule() == confbridgev1.RecordingRule_RECORDING_RULE_UNSPECIFIED
		value = room.GetRecordingRule()
	case "recording_from":
		if n := room.GetRecordingFrom(); n < 0 || n > maxParticipants {
			return fmt.Sprintf("%d is not within 0 to %d", n, maxParticipants)
		}
		return ""
	default:
		return ""
	}
	if !known {
		return value.String() + " is none that can be recorded"
	}
	return ""
}
