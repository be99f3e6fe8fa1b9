package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type participantsDialCmd struct {
	apiFlags
	roomArg
	Address      string        `arg:"" help:"A SIP URI, as sip:bob@example.com, or with --trunk a number."`
	Trunk        string        `placeholder:"NAME" help:"The trunk that the call goes through."`
	Name         string        `help:"Name of the participant to come."`
	Role         string        `default:"speaker" enum:"speaker,moderator,listener" help:"speaker, moderator or listener."`
	CallerName   string        `placeholder:"NAME" help:"The name that who is called is shown."`
	CallerNumber string        `placeholder:"NUMBER" help:"The number that who is called is shown."`
	Ring         time.Duration `default:"60s" help:"How long an answer is waited for (60s)."`
	RequireKey   bool          `help:"Let in who answers only when they have pressed 1: no machine that answers does."`
	KeyTimeout   time.Duration `default:"20s" help:"How long they may take over that (20s)."`
}

func (cmd *participantsDialCmd) Run(ctx context.Context, c *console) error {
	req := &confbridgev1.DialParticipantRequest{
		Parent: roomName(cmd.Room), Address: cmd.Address, DisplayName: cmd.Name,
		Role:       confbridgev1.Role(confbridgev1.Role_value["ROLE_"+strings.ToUpper(cmd.Role)]),
		CallerName: cmd.CallerName, CallerNumber: cmd.CallerNumber, RingTimeout: durationpb.New(cmd.Ring),
	}
	if cmd.RequireKey {
		req.RequireKey, req.KeyTimeout = true, durationpb.New(cmd.KeyTimeout)
	}
	if cmd.Trunk != "" {
		req.Trunk = "trunks/" + strings.TrimPrefix(cmd.Trunk, "trunks/")
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.participants.DialParticipant(ctx, req)
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: is called", resp.GetParticipant())
	})
}

type participantsDialsCmd struct {
	apiFlags
	roomArg
}

func (cmd *participantsDialsCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all := &confbridgev1.ListDialsResponse{}
		for token := ""; ; {
			page, err := api.participants.ListDials(ctx, &confbridgev1.ListDialsRequest{
				Parent: roomName(cmd.Room), PageSize: 1000, PageToken: token,
			})
			if err != nil {
				return err
			}
			all.Dials = append(all.Dials, page.GetDials()...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		return dialTable(all.GetDials(), c.now()).print(c.stdout)
	})
}

func dialTable(dials []*confbridgev1.Dial, now time.Time) *table {
	t := &table{
		first:  1,
		header: []string{"ID", "NAME", "ADDRESS", "STATE", "FOR"},
		right:  []bool{false, false, false, false, true},
	}
	for _, d := range dials {
		t.add(id(d.GetParticipant()), d.GetDisplayName(), d.GetAddress(), words(d.GetState().String(), "STATE_"),
			span(now.Sub(d.GetStartTime().AsTime())))
	}
	return t
}

type participantsDtmfCmd struct {
	apiFlags
	participantArg
	Keys     string        `arg:"" help:"The keys: 0 to 9, *, #, A to D."`
	Duration time.Duration `default:"100ms" help:"How long each is held (100ms)."`
	Gap      time.Duration `default:"100ms" help:"How long it is before the next (100ms)."`
}

func (cmd *participantsDtmfCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.participants.SendDtmf(ctx, &confbridgev1.SendDtmfRequest{
			Name: cmd.name(), Digits: cmd.Keys, Duration: durationpb.New(cmd.Duration), Gap: durationpb.New(cmd.Gap),
		})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: %s pressed", cmd.name(), cmd.Keys)
	})
}

// dialed is who an event of a dial is about, as person has it for participants.
func dialed(d *confbridgev1.Dial) *confbridgev1.Participant {
	return &confbridgev1.Participant{Name: d.GetParticipant(), DisplayName: d.GetDisplayName(), Address: d.GetAddress()}
}

// sipStatus is what the other side has refused with; empty where it has not.
func sipStatus(d *confbridgev1.Dial) string {
	if d.GetSipStatus() == 0 {
		return ""
	}
	return fmt.Sprintf("SIP %d", d.GetSipStatus())
}
