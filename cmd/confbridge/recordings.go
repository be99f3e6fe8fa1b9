package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type roomsRecordCmd struct {
	apiFlags
	roomArg
	Stop   bool `xor:"what" help:"End the recording."`
	Pause  bool `xor:"what" help:"Leave out what is said from now on."`
	Resume bool `xor:"what" help:"Go on with a recording that pauses."`
}

func (cmd *roomsRecordCmd) Run(ctx context.Context, c *console) error {
	name := roomName(cmd.Room)
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		var rec *confbridgev1.Recording
		var err error
		done := "recording started"
		switch {
		case cmd.Stop:
			rec, err = api.rooms.StopRecording(ctx, &confbridgev1.StopRecordingRequest{Name: name})
			done = "recording stopped"
		case cmd.Pause:
			rec, err = api.rooms.PauseRecording(ctx, &confbridgev1.PauseRecordingRequest{Name: name})
			done = "recording paused"
		case cmd.Resume:
			rec, err = api.rooms.ResumeRecording(ctx, &confbridgev1.ResumeRecordingRequest{Name: name})
			done = "recording resumed"
		default:
			rec, err = api.rooms.StartRecording(ctx, &confbridgev1.StartRecordingRequest{Name: name})
		}
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, rec, "%s: %s: %s", name, done, rec.GetName())
	})
}

// recordingFlags are how a room is recorded; nil leaves it as it is, or to the bridge.
type recordingFlags struct {
	RecordContent *string `placeholder:"WHAT" enum:"mix,tracks,both" help:"What is recorded: mix, tracks (one a participant) or both."`
	RecordFormat  *string `placeholder:"FORMAT" enum:"wav,flac,opus" help:"In which files: wav, flac or opus."`
	RecordTone    *bool   `negatable:"" help:"Play a tone when a recording starts, goes on, pauses and stops."`
	RecordBeep    *bool   `negatable:"" help:"Beep every 15 s while a recording runs."`
	RecordRule    *string `placeholder:"WHEN" enum:"never,always,with-host" help:"When it is recorded by itself: never, always or with-host (while a moderator is there)."`
	RecordFrom    *int32  `placeholder:"N" help:"With how many participants that begins; 0 is 1."`
}

// apply puts what was given into room and says which fields that are.
func (f recordingFlags) apply(room *confbridgev1.Room) (paths []string) {
	if f.RecordContent != nil {
		room.RecordingContent = confbridgev1.RecordingContent(
			confbridgev1.RecordingContent_value["RECORDING_CONTENT_"+strings.ToUpper(*f.RecordContent)])
		paths = append(paths, "recording_content")
	}
	if f.RecordFormat != nil {
		room.RecordingFormat = confbridgev1.RecordingFormat(
			confbridgev1.RecordingFormat_value["RECORDING_FORMAT_"+strings.ToUpper(*f.RecordFormat)])
		paths = append(paths, "recording_format")
	}
	if f.RecordTone != nil {
		room.RecordingTone = f.RecordTone
		paths = append(paths, "recording_tone")
	}
	if f.RecordBeep != nil {
		room.RecordingBeep = f.RecordBeep
		paths = append(paths, "recording_beep")
	}
	if f.RecordRule != nil {
		room.RecordingRule = confbridgev1.RecordingRule(
			confbridgev1.RecordingRule_value["RECORDING_RULE_"+strings.ToUpper(strings.ReplaceAll(*f.RecordRule, "-", "_"))])
		paths = append(paths, "recording_rule")
	}
	if f.RecordFrom != nil {
		room.RecordingFrom = f.RecordFrom
		paths = append(paths, "recording_from")
	}
	return paths
}

type recordingsCmd struct {
	List   recordingsListCmd   `cmd:"" default:"withargs" help:"List all recordings, the oldest first."`
	Get    recordingsGetCmd    `cmd:"" help:"Fetch a recording's files into a folder, or show it."`
	Delete recordingsDeleteCmd `cmd:"" help:"Take a recording away."`
}

type recordingsListCmd struct{ apiFlags }

func (cmd *recordingsListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all := &confbridgev1.ListRecordingsResponse{}
		for token := ""; ; {
			page, err := api.recordings.ListRecordings(ctx, &confbridgev1.ListRecordingsRequest{PageSize: 1000, PageToken: token})
			if err != nil {
				return err
			}
			all.Recordings = append(all.Recordings, page.GetRecordings()...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		return c.recordingTable(all.GetRecordings()).print(c.stdout)
	})
}

func (c *console) recordingTable(recordings []*confbridgev1.Recording) *table {
	t := &table{
		first:  1,
		header: []string{"RECORDING", "ROOM", "STARTED", "LENGTH", "STATE"},
		right:  []bool{false, false, false, true, false},
	}
	for _, r := range recordings {
		t.add(recordingID(r), number(r.GetRoom()), c.stampOrNot(r.GetStartTime()), span(r.GetLength().AsDuration()),
			recordingState(r))
	}
	return t
}

// recordingID is a recording's own name, off the resource's.
func recordingID(r *confbridgev1.Recording) string {
	return strings.TrimPrefix(r.GetName(), "recordings/")
}

func recordingState(r *confbridgev1.Recording) string {
	state := words(r.GetState().String(), "STATE_")
	if r.GetRepaired() {
		return "repaired"
	}
	return state
}

// recordingArg is a command's recording.
type recordingArg struct {
	Recording string `arg:"" help:"The recording, as recordings list shows it."`
}

func (a recordingArg) name() string {
	return "recordings/" + strings.TrimPrefix(a.Recording, "recordings/")
}

type recordingsGetCmd struct {
	apiFlags
	recordingArg
	Output string `short:"o" placeholder:"FOLDER" help:"Where to put its files; without it the recording is only shown."`
}

// Run does not bound the time of the whole: a recording may be large. The bridge answers within --timeout, or not at all.
func (cmd *recordingsGetCmd) Run(ctx context.Context, c *console) error {
	var rec *confbridgev1.Recording
	err := cmd.call(ctx, func(ctx context.Context, api client) (err error) {
		rec, err = api.recordings.GetRecording(ctx, &confbridgev1.GetRecordingRequest{Name: cmd.name()})
		return err
	})
	if err != nil {
		return err
	}
	if cmd.Output != "" {
		if err := cmd.fetch(ctx, rec); err != nil {
			return err
		}
	}
	if cmd.JSON {
		return printJSON(c.stdout, rec, true)
	}
	return c.showRecording(rec)
}

// sidecarFile tells who spoke when.
const sidecarFile = "recording.json"

// fetch gets all files of a recording.
func (cmd *recordingsGetCmd) fetch(ctx context.Context, rec *confbridgev1.Recording) error {
	if err := os.MkdirAll(cmd.Output, 0o755); err != nil {
		return err
	}
	names := []string{sidecarFile}
	for _, f := range rec.GetFiles() {
		names = append(names, f.GetName())
	}
	return cmd.stream(ctx, func(ctx context.Context, api client) error {
		for _, name := range names {
			if name == ".." || name == "." || filepath.Base(name) != name {
				return fmt.Errorf("the bridge names a file %s, which is none", strconv.Quote(name))
			}
			stream, err := api.recordings.DownloadRecording(ctx, &confbridgev1.DownloadRecordingRequest{Name: rec.GetName(), File: name})
			if err != nil {
				return err
			}
			if err := save(filepath.Join(cmd.Output, name), func() ([]byte, error) {
				m, err := stream.Recv()
				return m.GetData(), err
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// save writes a file piece by piece. It has another name until it is whole.
func save(path string, next func() ([]byte, error)) (err error) {
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	for err == nil {
		var data []byte
		if data, err = next(); err == nil {
			_, err = f.Write(data)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if cause := f.Close(); err == nil {
		err = cause
	}
	if err != nil {
		return errors.Join(err, os.Remove(path+".part"))
	}
	return os.Rename(path+".part", path)
}

func (c *console) showRecording(r *confbridgev1.Recording) error {
	rows := [][2]string{
		{"name", r.GetName()},
		{"room", r.GetRoom()},
		{"state", recordingState(r)},
		{"started", c.stampOrNot(r.GetStartTime())},
		{"length", r.GetLength().AsDuration().String()},
		{"gaps", strconv.Itoa(int(r.GetGapCount()))},
	}
	if r.GetReason() != confbridgev1.Reason_REASON_UNSPECIFIED {
		rows = append(rows, [2]string{"ended by", words(r.GetReason().String(), "REASON_")})
	}
	for _, f := range r.GetFiles() {
		rows = append(rows,
			[2]string{"file", fmt.Sprintf("%s  %d bytes", f.GetName(), f.GetBytes())},
			[2]string{"sha256", f.GetSha256()},
		)
	}
	return fields(c.stdout, rows...)
}

type recordingsDeleteCmd struct {
	apiFlags
	recordingArg
}

func (cmd *recordingsDeleteCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.recordings.DeleteRecording(ctx, &confbridgev1.DeleteRecordingRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: deleted", cmd.name())
	})
}
