package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type invitationsCmd struct {
	Create invitationsCreateCmd `cmd:"" help:"Invite somebody, and print the PIN, which is shown once."`
	List   invitationsListCmd   `cmd:"" help:"List a room's invitations."`
	Delete invitationsDeleteCmd `cmd:"" help:"Take an invitation back."`
}

type invitationsCreateCmd struct {
	apiFlags
	roomArg
	Name      string     `placeholder:"TEXT" help:"What the invited person is called in the room."`
	Moderator bool       `help:"They are a moderator."`
	From      momentFlag `placeholder:"TIME" help:"From when on the PIN opens, as \"2026-12-01 09:00\" or 2026-12-01T09:00:00Z."`
	Until     momentFlag `placeholder:"TIME" help:"Until when it opens."`
	Digits    int32      `placeholder:"N" help:"How many digits the PIN has, 4 to 16 (8)."`
}

func (cmd *invitationsCreateCmd) Run(ctx context.Context, c *console) error {
	from, err := cmd.From.in(c.zone)
	if err != nil {
		return usageError{fmt.Errorf("--from: %w", err)}
	}
	until, err := cmd.Until.in(c.zone)
	if err != nil {
		return usageError{fmt.Errorf("--until: %w", err)}
	}
	role := confbridgev1.Role_ROLE_SPEAKER
	if cmd.Moderator {
		role = confbridgev1.Role_ROLE_MODERATOR
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		i, err := api.invitations.CreateInvitation(ctx, &confbridgev1.CreateInvitationRequest{
			Parent: roomName(cmd.Room), PinDigits: cmd.Digits,
			Invitation: &confbridgev1.Invitation{DisplayName: cmd.Name, Role: role, StartTime: from, EndTime: until},
		})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, i, "%s: PIN %s", i.GetName(), i.GetPin())
	})
}

// momentFlag is a point in time, with a zone or in the machine's own.
type momentFlag string

func (f momentFlag) in(zone *time.Location) (*timestamppb.Timestamp, error) {
	if f == "" {
		return nil, nil //nolint:nilnil // no time was given
	}
	if t, err := time.Parse(time.RFC3339, string(f)); err == nil {
		return timestamppb.New(t), nil
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", string(f), zone)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time, like \"2026-12-01 09:00\" or 2026-12-01T09:00:00Z", string(f))
	}
	return timestamppb.New(t), nil
}

type invitationsListCmd struct {
	apiFlags
	roomArg
}

func (cmd *invitationsListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all := &confbridgev1.ListInvitationsResponse{}
		for token := ""; ; {
			page, err := api.invitations.ListInvitations(ctx, &confbridgev1.ListInvitationsRequest{
				Parent: roomName(cmd.Room), PageSize: 1000, PageToken: token,
			})
			if err != nil {
				return err
			}
			all.Invitations = append(all.Invitations, page.GetInvitations()...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		t := &table{first: 1, header: []string{"INVITATION", "NAME", "ROLE", "FROM", "UNTIL", "USED"}, right: make([]bool, 6)}
		for _, i := range all.GetInvitations() {
			t.add(invitationID(i), i.GetDisplayName(), words(i.GetRole().String(), "ROLE_"), c.minuteOrNot(i.GetStartTime()),
				c.minuteOrNot(i.GetEndTime()), yesNo(i.GetUseTime() != nil))
		}
		return t.print(c.stdout)
	})
}

// minuteOrNot is a point in time for people who count in minutes.
func (c *console) minuteOrNot(at *timestamppb.Timestamp) string {
	if at == nil {
		return "-"
	}
	return at.AsTime().In(c.zone).Format("2006-01-02 15:04")
}

// invitationID is an invitation's own name, off the resource's.
func invitationID(i *confbridgev1.Invitation) string {
	return i.GetName()[strings.LastIndexByte(i.GetName(), '/')+1:]
}

type invitationsDeleteCmd struct {
	apiFlags
	roomArg
	Invitation string `arg:"" help:"The invitation, as invitations list shows it."`
}

func (cmd *invitationsDeleteCmd) Run(ctx context.Context, c *console) error {
	name := cmd.Invitation
	if !strings.HasPrefix(name, "rooms/") {
		name = roomName(cmd.Room) + "/invitations/" + name
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.invitations.DeleteInvitation(ctx, &confbridgev1.DeleteInvitationRequest{Name: name})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: deleted", name)
	})
}
