package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type roomsCmd struct {
	List   roomsListCmd   `cmd:"" help:"List all rooms."`
	Show   roomsShowCmd   `cmd:"" help:"Show one room."`
	Create roomsCreateCmd `cmd:"" help:"Make a room that stays until it is deleted."`
	Update roomsUpdateCmd `cmd:"" help:"Change a room's settings."`
	Lock   roomsLockCmd   `cmd:"" help:"Let nobody in any more."`
	Unlock roomsUnlockCmd `cmd:"" help:"Let people in again."`
	Record roomsRecordCmd `cmd:"" help:"Record a room; stop, pause or resume that."`
	Play   roomsPlayCmd   `cmd:"" help:"Play a sound to a room or to one participant, or stop that."`
	Side   roomsSideCmd   `cmd:"" help:"Take two or more participants into a room of their own."`
	Back   roomsBackCmd   `cmd:"" help:"Bring everybody in a side room back."`
	End    roomsEndCmd    `cmd:"" help:"Hang up on everybody in a room."`
	Delete roomsDeleteCmd `cmd:"" help:"Take a room away."`
	Export roomsExportCmd `cmd:"" help:"Write the settings of all rooms, and the numbers, as YAML."`
	Import roomsImportCmd `cmd:"" help:"Make or change rooms and numbers as a file of rooms export says."`
}

// roomArg is a command's room.
type roomArg struct {
	Room string `arg:"" help:"Number of the room, as 1000."`
}

type roomsListCmd struct{ apiFlags }

func (cmd *roomsListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all, err := allRooms(ctx, api)
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		return roomTable(all.GetRooms(), c.now()).print(c.stdout)
	})
}

// allRooms fetches all pages.
func allRooms(ctx context.Context, api client) (*confbridgev1.ListRoomsResponse, error) {
	all := &confbridgev1.ListRoomsResponse{}
	for token := ""; ; {
		page, err := api.rooms.ListRooms(ctx, &confbridgev1.ListRoomsRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		all.Rooms = append(all.Rooms, page.GetRooms()...)
		if token = page.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

func roomTable(rooms []*confbridgev1.Room, now time.Time) *table {
	t := &table{
		first:  1,
		header: []string{"ROOM", "NAME", "PEOPLE", "LIMIT", "LOCKED", "MADE BY", "RUNNING"},
		right:  []bool{false, false, true, true, false, false, true},
	}
	for _, r := range rooms {
		running, madeBy := "-", "hand"
		if r.GetStartTime() != nil {
			running = span(now.Sub(r.GetStartTime().AsTime()))
		}
		if r.GetOnDemand() {
			madeBy = "a call"
		}
		t.add(number(r.GetName()), r.GetDisplayName(), strconv.Itoa(int(r.GetParticipantCount())),
			limit(r.GetMaxParticipants()), yesNo(r.GetLocked()), madeBy, running)
	}
	return t
}

func limit(n int32) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(int(n))
}

type roomsShowCmd struct {
	apiFlags
	roomArg
}

func (cmd *roomsShowCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		r, err := api.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: roomName(cmd.Room)})
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, r, true)
		}
		return c.showRoom(r)
	})
}

// talkers is how many of those who talk are mixed; 0 is the bridge's own idea.
type talkers int32

const allTalkers = -1

// UnmarshalText reads what was given on the command line.
func (n *talkers) UnmarshalText(text []byte) error {
	if string(text) == "all" {
		*n = allTalkers
		return nil
	}
	v, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil || v < 1 {
		return fmt.Errorf("%q is neither a number from 1 on nor \"all\"", text)
	}
	*n = talkers(v)
	return nil
}

func (n talkers) String() string {
	switch n {
	case 0:
		return "-"
	case allTalkers:
		return "all"
	}
	return strconv.Itoa(int(n))
}

// soundFlags are the settings of a room's sound; nil leaves them as they are, or to the bridge.
type soundFlags struct {
	MaxTalkers       *talkers `placeholder:"N" help:"How many of those who talk are mixed at once, 1 to 16 or all."`
	AGC              *bool    `name:"agc" negatable:"" help:"Bring every voice to one level."`
	NoiseSuppression *bool    `negatable:"" help:"Take steady noise out of what narrowband telephones send."`
	OpusComplexity   *int32   `placeholder:"N" help:"How much work encoders of Opus take on, 1 to 10 (0: as the bridge is configured)."`
	OpusBitrate      *int32   `placeholder:"BPS" help:"What is sent by Opus, 24000 to 256000 bit/s (0: as the bridge is configured)."`
}

// apply puts what was given into room and says which fields that are.
func (f soundFlags) apply(room *confbridgev1.Room) (paths []string) {
	if f.MaxTalkers != nil {
		room.MaxTalkers = int32(*f.MaxTalkers)
		paths = append(paths, "max_talkers")
	}
	if f.AGC != nil {
		room.Agc = f.AGC
		paths = append(paths, "agc")
	}
	if f.NoiseSuppression != nil {
		room.NoiseSuppression = f.NoiseSuppression
		paths = append(paths, "noise_suppression")
	}
	if f.OpusComplexity != nil {
		room.OpusComplexity = *f.OpusComplexity
		paths = append(paths, "opus_complexity")
	}
	if f.OpusBitrate != nil {
		room.OpusBitrateBps = *f.OpusBitrate
		paths = append(paths, "opus_bitrate_bps")
	}
	return paths
}

type roomsCreateCmd struct {
	apiFlags
	roomArg
	soundFlags
	recordingFlags
	hoursFlags
	modeFlags
	speechFlags
	keyFlags
	pinFlags
	Name            string        `placeholder:"TEXT" help:"What people call the room."`
	MaxParticipants int32         `placeholder:"N" help:"How many may be in it (0: any number)."`
	MaxDuration     time.Duration `placeholder:"TIME" help:"How long a conference may last, as 90m (0: any time)."`
	Locked          bool          `help:"Let nobody in until it is unlocked."`
}

func (cmd *roomsCreateCmd) Run(ctx context.Context, c *console) error {
	room := &confbridgev1.Room{
		DisplayName: cmd.Name, MaxParticipants: cmd.MaxParticipants,
		MaxDuration: durationpb.New(cmd.MaxDuration), Locked: cmd.Locked,
	}
	cmd.soundFlags.apply(room)
	cmd.recordingFlags.apply(room)
	if _, err := cmd.pinFlags.apply(c, room); err != nil {
		return err
	}
	if _, err := cmd.hoursFlags.apply(room); err != nil {
		return err
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		cmd.modeFlags.apply(room)
		cmd.speechFlags.apply(room)
		cmd.keyFlags.apply(room, nil)
		r, err := api.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: number(cmd.Room), Room: room})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, r, "%s: created", r.GetName())
	})
}

type roomsUpdateCmd struct {
	apiFlags
	roomArg
	soundFlags
	recordingFlags
	hoursFlags
	modeFlags
	speechFlags
	keyFlags
	pinFlags
	Name            *string        `placeholder:"TEXT" help:"What people call the room."`
	MaxParticipants *int32         `placeholder:"N" help:"How many may be in it (0: any number)."`
	MaxDuration     *time.Duration `placeholder:"TIME" help:"How long a conference may last, as 90m (0: any time)."`
}

func (cmd *roomsUpdateCmd) Run(ctx context.Context, c *console) error {
	room, mask := &confbridgev1.Room{}, &fieldmaskpb.FieldMask{}
	if cmd.Name != nil {
		room.DisplayName = *cmd.Name
		mask.Paths = append(mask.Paths, "display_name")
	}
	if cmd.MaxParticipants != nil {
		room.MaxParticipants = *cmd.MaxParticipants
		mask.Paths = append(mask.Paths, "max_participants")
	}
	if cmd.MaxDuration != nil {
		room.MaxDuration = durationpb.New(*cmd.MaxDuration)
		mask.Paths = append(mask.Paths, "max_duration")
	}
	mask.Paths = append(mask.Paths, cmd.soundFlags.apply(room)...)
	mask.Paths = append(mask.Paths, cmd.recordingFlags.apply(room)...)
	hours, err := cmd.hoursFlags.apply(room)
	if err != nil {
		return err
	}
	mask.Paths = append(mask.Paths, hours...)
	mask.Paths = append(mask.Paths, cmd.modeFlags.apply(room)...)
	mask.Paths = append(mask.Paths, cmd.speechFlags.apply(room)...)
	pins, err := cmd.pinFlags.apply(c, room)
	if err != nil {
		return err
	}
	mask.Paths = append(mask.Paths, pins...)
	if len(mask.Paths) == 0 && len(cmd.Key) == 0 && !cmd.DefaultKeys {
		return usageError{errors.New("nothing to update: give --name, --max-participants, --max-duration, --max-talkers, --agc, --noise-suppression, --opus-complexity, --opus-bitrate, --open, --outlast, --pin, --moderator-pin, --identity-for-pin, --key, --default-keys, one of the --record flags or of those of modes and words")}
	}
	room.Name = roomName(cmd.Room)
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		changed, err := cmd.merge(ctx, api, room)
		if err != nil {
			return err
		}
		if changed {
			mask.Paths = append(mask.Paths, "keys")
		}
		r, err := api.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: room, UpdateMask: mask})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, r, "%s: updated", r.GetName())
	})
}

// update sets what the mask names and says that it is done.
func (f apiFlags) update(
	ctx context.Context, c *console, room string, set *confbridgev1.Room, mask *fieldmaskpb.FieldMask, done string,
) error {
	set.Name = roomName(room)
	return f.call(ctx, func(ctx context.Context, api client) error {
		r, err := api.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{Room: set, UpdateMask: mask})
		if err != nil {
			return err
		}
		return f.print(c.stdout, r, "%s: %s", r.GetName(), done)
	})
}

type roomsLockCmd struct {
	apiFlags
	roomArg
}

func (cmd *roomsLockCmd) Run(ctx context.Context, c *console) error {
	return cmd.update(ctx, c, cmd.Room, &confbridgev1.Room{Locked: true}, paths("locked"), "locked")
}

type roomsUnlockCmd struct {
	apiFlags
	roomArg
}

func (cmd *roomsUnlockCmd) Run(ctx context.Context, c *console) error {
	return cmd.update(ctx, c, cmd.Room, &confbridgev1.Room{}, paths("locked"), "unlocked")
}

func paths(p ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: p} }

type roomsPlayCmd struct {
	apiFlags
	roomArg
	Sound string `arg:"" optional:"" help:"A file of the sounds' folder without its ending, as music/piano, tones, as tone:440/500, or a URL that the bridge may fetch."`
	To    string `placeholder:"ID" help:"Play it to this participant alone."`
	Voice string `help:"The voice, where the sound is a prompt, as en."`
	Stop  bool   `help:"Stop what is played."`
}

func (cmd *roomsPlayCmd) Run(ctx context.Context, c *console) error {
	if (cmd.Sound == "") != cmd.Stop {
		return usageError{errors.New("give either a sound or --stop")}
	}
	name := roomName(cmd.Room)
	if cmd.To != "" {
		name = participantArg{cmd.Room, cmd.To}.name()
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		if cmd.Stop {
			resp, err := api.rooms.StopAnnouncement(ctx, &confbridgev1.StopAnnouncementRequest{Name: name})
			if err != nil {
				return err
			}
			return cmd.print(c.stdout, resp, "%s: stopped", name)
		}
		resp, err := api.rooms.PlayAnnouncement(ctx, &confbridgev1.PlayAnnouncementRequest{Name: name, Sound: cmd.Sound, Voice: cmd.Voice})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: %s plays for %v", name, cmd.Sound, resp.GetDuration().AsDuration().Round(10*time.Millisecond))
	})
}

type roomsSideCmd struct {
	apiFlags
	roomArg
	IDs []string `arg:"" name:"id" help:"The participants' ids, as the list has them."`
}

func (cmd *roomsSideCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		r, err := api.rooms.OpenSideRoom(ctx, &confbridgev1.OpenSideRoomRequest{Name: roomName(cmd.Room), Participants: cmd.IDs})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, r, "%s: %d are in it", r.GetName(), r.GetParticipantCount())
	})
}

type roomsBackCmd struct {
	apiFlags
	roomArg
}

func (cmd *roomsBackCmd) Run(ctx context.Context, c *console) error {
	name := roomName(cmd.Room)
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.rooms.CloseSideRoom(ctx, &confbridgev1.CloseSideRoomRequest{Name: name})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: all are back", name)
	})
}

type roomsEndCmd struct {
	apiFlags
	roomArg
	Force bool `help:"At once, without telling those who are there."`
}

func (cmd *roomsEndCmd) Run(ctx context.Context, c *console) error {
	name := roomName(cmd.Room)
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.rooms.EndRoom(ctx, &confbridgev1.EndRoomRequest{Name: name, Force: cmd.Force})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: ended", name)
	})
}

type roomsDeleteCmd struct {
	apiFlags
	roomArg
	Force bool `help:"End the conference first if somebody is in the room."`
}

func (cmd *roomsDeleteCmd) Run(ctx context.Context, c *console) error {
	name := roomName(cmd.Room)
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.rooms.DeleteRoom(ctx, &confbridgev1.DeleteRoomRequest{Name: name, Force: cmd.Force})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: deleted", name)
	})
}
