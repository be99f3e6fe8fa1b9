package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// meetingCmds are the commands of participants that a moderator steers a meeting with.
type meetingCmds struct {
	Admit   participantsAdmitCmd   `cmd:"" help:"Let one in who waits, or all who are in the lobby."`
	Hands   participantsHandsCmd   `cmd:"" help:"List who wants to speak."`
	Raise   participantsRaiseCmd   `cmd:"" help:"Raise a participant's hand."`
	Lower   participantsLowerCmd   `cmd:"" help:"Lower a participant's hand."`
	Next    participantsNextCmd    `cmd:"" help:"Give the floor to the next who wants to speak."`
	Yield   participantsYieldCmd   `cmd:"" help:"Take the floor from a participant."`
	MuteAll participantsMuteAllCmd `cmd:"" help:"Mute everybody but moderators."`

	UnmuteAll participantsUnmuteAllCmd `cmd:"" help:"Unmute everybody whom others have muted."`
	Move      participantsMoveCmd      `cmd:"" help:"Take a participant to another room."`
}

type participantsAdmitCmd struct {
	apiFlags
	roomArg
	ID  string `arg:"" optional:"" help:"The participant's id, as the list has it."`
	All bool   `help:"Everybody who is in the lobby."`
}

func (cmd *participantsAdmitCmd) Run(ctx context.Context, c *console) error {
	if (cmd.ID == "") != cmd.All {
		return usageError{errors.New("give either a participant's id or --all")}
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		if cmd.All {
			resp, err := api.participants.AdmitAllParticipants(ctx, &confbridgev1.AdmitAllParticipantsRequest{Parent: roomName(cmd.Room)})
			if err != nil {
				return err
			}
			return cmd.print(c.stdout, resp, "%s: %d let in", roomName(cmd.Room), resp.GetAdmittedCount())
		}
		name := participantArg{cmd.Room, cmd.ID}.name()
		p, err := api.participants.AdmitParticipant(ctx, &confbridgev1.AdmitParticipantRequest{Name: name})
		if err != nil {
			return err
		}
		done := "let in"
		if p.GetPlace() != confbridgev1.Place_PLACE_INSIDE {
			done = words(p.GetPlace().String(), "PLACE_")
		}
		return cmd.print(c.stdout, p, "%s: %s", p.GetName(), done)
	})
}

type participantsHandsCmd struct {
	apiFlags
	roomArg
}

func (cmd *participantsHandsCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all, err := listParticipants(ctx, api, cmd.Room)
		if err != nil {
			return err
		}
		all.Participants = slices.DeleteFunc(all.Participants, func(p *confbridgev1.Participant) bool {
			return p.GetHandPosition() == 0
		})
		slices.SortFunc(all.Participants, func(a, b *confbridgev1.Participant) int { return int(a.GetHandPosition() - b.GetHandPosition()) })
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		t := &table{first: 2, header: []string{"HAND", "ID", "NAME"}, right: []bool{true, false, false}}
		for _, p := range all.GetParticipants() {
			t.add(strconv.Itoa(int(p.GetHandPosition())), id(p.GetName()), called(p))
		}
		return t.print(c.stdout)
	})
}

type participantsRaiseCmd struct {
	apiFlags
	participantArg
}

func (cmd *participantsRaiseCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		p, err := api.participants.RaiseHand(ctx, &confbridgev1.RaiseHandRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, p, "%s: number %d", p.GetName(), p.GetHandPosition())
	})
}

type participantsLowerCmd struct {
	apiFlags
	participantArg
}

func (cmd *participantsLowerCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		p, err := api.participants.LowerHand(ctx, &confbridgev1.LowerHandRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, p, "%s: hand lowered", p.GetName())
	})
}

type participantsNextCmd struct {
	apiFlags
	roomArg
}

func (cmd *participantsNextCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.participants.NextHand(ctx, &confbridgev1.NextHandRequest{Parent: roomName(cmd.Room)})
		if err != nil {
			return err
		}
		if resp.GetParticipant() == nil {
			return cmd.print(c.stdout, resp, "%s: nobody wants to speak", roomName(cmd.Room))
		}
		return cmd.print(c.stdout, resp, "%s: has the floor", resp.GetParticipant().GetName())
	})
}

type participantsYieldCmd struct {
	apiFlags
	participantArg
}

func (cmd *participantsYieldCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		p, err := api.participants.YieldFloor(ctx, &confbridgev1.YieldFloorRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, p, "%s: has the floor no longer", p.GetName())
	})
}

type participantsMuteAllCmd struct {
	apiFlags
	roomArg
	AllowSelfUnmute bool `help:"Let them unmute themselves."`
}

func (cmd *participantsMuteAllCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.participants.MuteAllParticipants(ctx, &confbridgev1.MuteAllParticipantsRequest{
			Parent: roomName(cmd.Room), AllowSelfUnmute: cmd.AllowSelfUnmute,
		})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: %d muted", roomName(cmd.Room), resp.GetMutedCount())
	})
}

type participantsUnmuteAllCmd struct {
	apiFlags
	roomArg
}

func (cmd *participantsUnmuteAllCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.participants.UnmuteAllParticipants(ctx, &confbridgev1.UnmuteAllParticipantsRequest{Parent: roomName(cmd.Room)})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: %d unmuted", roomName(cmd.Room), resp.GetUnmutedCount())
	})
}

type participantsMoveCmd struct {
	apiFlags
	participantArg
	To string `arg:"" help:"Number of the other room."`
}

func (cmd *participantsMoveCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		p, err := api.participants.MoveParticipant(ctx, &confbridgev1.MoveParticipantRequest{
			Name: cmd.name(), DestinationParent: roomName(cmd.To),
		})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, p, "%s: moved to %s", cmd.name(), roomName(cmd.To))
	})
}

type participantsKickCmd struct {
	apiFlags
	participantArg
	Ban time.Duration `placeholder:"TIME" help:"Keep whoever calls from that address out of the room for so long, as 24h."`
}

func (cmd *participantsKickCmd) Run(ctx context.Context, c *console) error {
	req, done := &confbridgev1.RemoveParticipantRequest{Name: cmd.name()}, "removed"
	if cmd.Ban != 0 {
		req.BanDuration, done = durationpb.New(cmd.Ban), fmt.Sprintf("removed, and banned for %v", cmd.Ban)
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.participants.RemoveParticipant(ctx, req)
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: %s", cmd.name(), done)
	})
}

type bansCmd struct {
	List bansListCmd `cmd:"" help:"List who is kept out of a room."`
	Lift bansLiftCmd `cmd:"" help:"Let one in again."`
}

type bansListCmd struct {
	apiFlags
	roomArg
}

func (cmd *bansListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all := &confbridgev1.ListBansResponse{}
		for token := ""; ; {
			page, err := api.participants.ListBans(ctx, &confbridgev1.ListBansRequest{
				Parent: roomName(cmd.Room), PageSize: 1000, PageToken: token,
			})
			if err != nil {
				return err
			}
			all.Bans = append(all.Bans, page.GetBans()...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		t := &table{first: 1, header: []string{"ID", "ADDRESS", "NAME", "UNTIL"}, right: make([]bool, 4)}
		for _, b := range all.GetBans() {
			t.add(id(b.GetName()), b.GetAddress(), b.GetDisplayName(), c.stamp(b.GetExpireTime().AsTime()))
		}
		return t.print(c.stdout)
	})
}

type bansLiftCmd struct {
	apiFlags
	roomArg
	ID string `arg:"" help:"The ban's id, as the list has it."`
}

func (cmd *bansLiftCmd) Run(ctx context.Context, c *console) error {
	name := roomName(cmd.Room) + "/bans/" + cmd.ID
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.participants.DeleteBan(ctx, &confbridgev1.DeleteBanRequest{Name: name})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: lifted", name)
	})
}

// standing is where a participant stands who is not inside, and what it may say; empty: nothing special.
func standing(p *confbridgev1.Participant) []string {
	var all []string
	switch p.GetPlace() {
	case confbridgev1.Place_PLACE_WAITING_FOR_HOST:
		all = append(all, "waits")
	case confbridgev1.Place_PLACE_WAITING_FOR_OPENING:
		all = append(all, "early")
	case confbridgev1.Place_PLACE_LOBBY, confbridgev1.Place_PLACE_ASKED:
		all = append(all, words(p.GetPlace().String(), "PLACE_"))
	}
	if n := p.GetHandPosition(); n > 0 {
		all = append(all, fmt.Sprintf("hand %d", n))
	}
	if p.GetHasFloor() {
		all = append(all, "floor")
	}
	return all
}

// mutedOf says whether a participant is muted, and by whom.
func mutedOf(p *confbridgev1.Participant) string {
	if by := p.GetMutedBy(); by != confbridgev1.MutedBy_MUTED_BY_UNSPECIFIED {
		return "by " + strings.ReplaceAll(words(by.String(), "MUTED_BY_"), "self", "itself")
	}
	return yesNo(p.GetMuted())
}

// handOf is a participant's place among those who want to speak.
func handOf(p *confbridgev1.Participant) string {
	if n := p.GetHandPosition(); n > 0 {
		return "number " + strconv.Itoa(int(n))
	}
	return "-"
}
