package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

type numbersCmd struct {
	List   numbersListCmd   `cmd:"" help:"List all numbers."`
	Show   numbersShowCmd   `cmd:"" help:"Show one number."`
	Create numbersCreateCmd `cmd:"" help:"Have a dialled number lead to a room, or to an entrance."`
	Update numbersUpdateCmd `cmd:"" help:"Change where a number leads."`
	Delete numbersDeleteCmd `cmd:"" help:"Take a number away."`
}

// numberArg is a command's dialled number.
type numberArg struct {
	Number string `arg:"" help:"What is dialled, as +4930123400, or its beginning and a star."`
	Trunk  string `placeholder:"NAME" help:"Calls by this trunk alone; anonymous: by none."`
}

// name is the number's name in the API; it may have been given as such.
func (a numberArg) name() string {
	if strings.HasPrefix(a.Number, "numbers/") && a.Trunk == "" {
		return a.Number
	}
	return "numbers/" + dialplan.Key{Dialled: a.Number, Trunk: a.Trunk}.ID()
}

type numbersListCmd struct{ apiFlags }

func (cmd *numbersListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all, err := allNumbers(ctx, api)
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		t := &table{header: []string{"NUMBER", "TRUNK", "LEADS TO", "VOICE", "MADE BY"}, right: make([]bool, 5)}
		for _, n := range all.GetNumbers() {
			t.add(n.GetDialled(), cmp.Or(n.GetTrunk(), "all"), leadsTo(n), cmp.Or(n.GetVoice(), "-"), numberMadeBy(n))
		}
		return t.print(c.stdout)
	})
}

// allNumbers fetches all pages.
func allNumbers(ctx context.Context, api client) (*confbridgev1.ListNumbersResponse, error) {
	all := &confbridgev1.ListNumbersResponse{}
	for token := ""; ; {
		page, err := api.numbers.ListNumbers(ctx, &confbridgev1.ListNumbersRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		all.Numbers = append(all.Numbers, page.GetNumbers()...)
		if token = page.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

// leadsTo says where a number leads.
func leadsTo(n *confbridgev1.Number) string {
	switch {
	case n.GetUnreadable():
		return "(cannot be read)"
	case n.GetRoom() == "":
		return "an entrance"
	}
	return number(n.GetRoom())
}

func numberMadeBy(n *confbridgev1.Number) string {
	if n.GetDeclared() {
		return "the file"
	}
	return "hand"
}

type numbersShowCmd struct {
	apiFlags
	numberArg
}

func (cmd *numbersShowCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		n, err := api.numbers.GetNumber(ctx, &confbridgev1.GetNumberRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, n, true)
		}
		return fields(c.stdout, [][2]string{
			{"number", n.GetDialled()}, {"trunk", cmp.Or(n.GetTrunk(), "all")}, {"leads to", leadsTo(n)}, {"voice", cmp.Or(n.GetVoice(), "-")}, {"made by", numberMadeBy(n)},
		}...)
	})
}

type numbersCreateCmd struct {
	apiFlags
	numberArg
	Room  string `placeholder:"ROOM" help:"The room; none: an entrance, where callers are asked for its number."`
	Voice string `placeholder:"VOICE" help:"The voice of the prompts, as de."`
}

func (cmd *numbersCreateCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		n, err := api.numbers.CreateNumber(ctx, &confbridgev1.CreateNumberRequest{Number: &confbridgev1.Number{
			Dialled: cmd.Number, Trunk: cmd.Trunk, Room: roomNameOr(cmd.Room), Voice: cmd.Voice,
		}})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, n, "%s: created", n.GetName())
	})
}

// roomNameOr is empty where there is no room.
func roomNameOr(room string) string {
	if room == "" {
		return ""
	}
	return roomName(room)
}

type numbersUpdateCmd struct {
	apiFlags
	numberArg
	Room  *string `placeholder:"ROOM" help:"The room; --room= makes it an entrance."`
	Voice *string `placeholder:"VOICE" help:"The voice of the prompts; --voice= takes the usual one."`
}

func (cmd *numbersUpdateCmd) Run(ctx context.Context, c *console) error {
	n := &confbridgev1.Number{Name: cmd.name()}
	mask := paths()
	if cmd.Room != nil {
		n.Room, mask.Paths = roomNameOr(*cmd.Room), append(mask.Paths, "room")
	}
	if cmd.Voice != nil {
		n.Voice, mask.Paths = *cmd.Voice, append(mask.Paths, "voice")
	}
	if len(mask.GetPaths()) == 0 {
		return usageError{errors.New("nothing to update: give --room or --voice")}
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		n, err := api.numbers.UpdateNumber(ctx, &confbridgev1.UpdateNumberRequest{Number: n, UpdateMask: mask})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, n, "%s: updated", n.GetName())
	})
}

type numbersDeleteCmd struct {
	apiFlags
	numberArg
}

func (cmd *numbersDeleteCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.numbers.DeleteNumber(ctx, &confbridgev1.DeleteNumberRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: deleted", cmd.name())
	})
}
