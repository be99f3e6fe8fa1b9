package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// roomsFile is what rooms export writes and rooms import reads: the settings of rooms by their numbers, each in the words of the API's Room. PINs are never in it: pin and
// moderator_pin may be added by hand, and rooms that have PINs keep them where the file says nothing of them. Nor are keys of distributions and sources, which are in it otherwise; rooms
// keep theirs where the file says nothing of them. Dialled numbers stand beside the rooms, as in the configuration file.
//
//	rooms:
//	  "1000":
//	    display_name: Sales
//	    max_participants: 20
//	numbers:
//	  - {number: "+4930123400", room: "1000"}
type roomsFile struct {
	Rooms   map[string]map[string]any `yaml:"rooms"`
	Numbers []fileNumber              `yaml:"numbers,omitempty"`
}

// shownOnly are the fields of a Room that say how it is, and are nobody's to set.
var shownOnly = []string{
	"name", "on_demand", "create_time", "start_time", "participant_count", "sample_rate_hz", "last_sequence", "recording", "recording_paused", "side_of",
	"closed", "open_time", "close_time", "has_pin", "has_moderator_pin", "opus_complexity_now",
}

// maxRoomsFile bounds what is read: some 10,000 rooms.
const maxRoomsFile = 16 << 20

type roomsExportCmd struct{ apiFlags }

func (cmd *roomsExportCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all, err := allRooms(ctx, api)
		if err != nil {
			return err
		}
		file := roomsFile{Rooms: map[string]map[string]any{}}
		for _, r := range all.GetRooms() {
			if r.GetOnDemand() {
				continue // the next call makes it again
			}
			set, err := itemSettings(r, shownOnly)
			if err != nil {
				return err
			}
			list, err := distributionSettings(ctx, api, r.GetName())
			if err != nil {
				return err
			}
			if list != nil {
				set[distributionsSetting] = list
			}
			if list, err = sourceSettings(ctx, api, r.GetName()); err != nil {
				return err
			}
			if list != nil {
				set[sourcesSetting] = list
			}
			file.Rooms[number(r.GetName())] = set
		}
		if file.Numbers, err = numberSettings(ctx, api); err != nil {
			return err
		}
		text, err := yaml.Marshal(file)
		if err != nil {
			return err
		}
		_, err = c.stdout.Write(text)
		return err
	})
}

type roomsImportCmd struct {
	apiFlags
	File   string `arg:"" help:"What rooms export has written; - is the standard input."`
	DryRun bool   `help:"Say what would be done, and do nothing."`
}

func (cmd *roomsImportCmd) Run(ctx context.Context, c *console) error {
	rooms, numbers, err := readRooms(cmd.File, c.stdin)
	if err != nil {
		return usageError{err}
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all, err := allRooms(ctx, api)
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, r := range all.GetRooms() {
			there[r.GetName()] = !r.GetOnDemand()
		}
		var faults []error
		for _, r := range rooms {
			done, err := cmd.put(ctx, api, r.Room, there[r.GetName()])
			if err == nil && r.distributed && !cmd.DryRun {
				err = putDistributions(ctx, api, r.GetName(), r.distributions)
			}
			if err == nil && r.sourced && !cmd.DryRun {
				err = putSources(ctx, api, r.GetName(), r.sources)
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", r.GetName(), err))
				continue
			}
			if n := len(r.distributions); n > 0 {
				done += fmt.Sprintf(", with %d distributions", n)
			}
			if n := len(r.sources); n > 0 {
				done += fmt.Sprintf(", with %d sources", n)
			}
			if err := cmd.print(c.stdout, r.Room, "%s: %s", r.GetName(), done); err != nil {
				return err
			}
		}
		return errors.Join(append(faults, cmd.putNumbers(ctx, c, api, numbers))...)
	})
}

// put makes a room, or gives one that is there all settings that can be set: what the file does not name is as in a new room.
func (cmd *roomsImportCmd) put(ctx context.Context, api client, r *confbridgev1.Room, there bool) (done string, err error) {
	switch {
	case cmd.DryRun && there:
		return "would be updated", nil
	case cmd.DryRun:
		return "would be created", nil
	case there:
		_, err = api.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: r, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}})
		return "updated", err
	}
	_, err = api.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: number(r.GetName()), Room: r})
	if status.Code(err) == codes.AlreadyExists {
		return cmd.put(ctx, api, r, true) // somebody was faster
	}
	return "created", err
}

// fileRoom is a room of a file.
type fileRoom struct {
	*confbridgev1.Room
	distributed   bool // the file says which distributions it has
	distributions []*confbridgev1.Distribution
	sourced       bool // it says which sessions it keeps
	sources       []*confbridgev1.Source
}

// readRooms reads a file of rooms, in order of their numbers, and the dialled numbers in it. The error names all that is wrong in it.
func readRooms(name string, stdin io.Reader) ([]fileRoom, []fileNumber, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxRoomsFile+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	case len(text) > maxRoomsFile:
		return nil, nil, fmt.Errorf("%s is longer than %d bytes", name, maxRoomsFile)
	}
	var file roomsFile
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.DisallowUnknownField()); err != nil {
		return nil, nil, fmt.Errorf("%s: %s", name, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	numbers := make([]string, 0, len(file.Rooms))
	for n := range file.Rooms {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var rooms []fileRoom
	var faults []error
	for _, n := range numbers {
		r, err := fileRoomOf(n, file.Rooms[n])
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: room %q: %w", name, n, err))
		}
		rooms = append(rooms, r)
	}
	if err := checkNumbers(file.Numbers); err != nil {
		faults = append(faults, fmt.Errorf("%s: %w", name, err))
	}
	return rooms, file.Numbers, errors.Join(faults...)
}

func fileRoomOf(number string, set map[string]any) (r fileRoom, err error) {
	var list, sources any
	if list, r.distributed = set[distributionsSetting]; r.distributed {
		if r.distributions, err = distributionsOf(roomName(number), list); err != nil {
			return r, err
		}
	}
	if sources, r.sourced = set[sourcesSetting]; r.sourced {
		if r.sources, err = sourcesOf(roomName(number), sources); err != nil {
			return r, err
		}
	}
	set = maps.Clone(set)
	delete(set, distributionsSetting)
	delete(set, sourcesSetting)
	r.Room, err = roomOf(number, set)
	return r, err
}

func roomOf(number string, set map[string]any) (*confbridgev1.Room, error) {
	r := &confbridgev1.Room{}
	for name := range set {
		if slices.Contains(shownOnly, name) {
			return nil, fmt.Errorf("%s cannot be set", name)
		}
		if r.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name)) == nil {
			return nil, fmt.Errorf("%s is no setting of a room", name)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	if err := protojson.Unmarshal(text, r); err != nil {
		return nil, err
	}
	r.Name = roomName(number)
	return r, nil
}
