package main

import (
	"cmp"
	"context"
	"strings"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type sourcesCmd struct {
	Add    sourcesAddCmd    `cmd:"" help:"Take a multicast session into a room, and keep it, over restarts too."`
	List   sourcesListCmd   `cmd:"" help:"List the sessions that a room keeps."`
	Remove sourcesRemoveCmd `cmd:"" help:"Have a room keep a session no longer; it leaves."`
}

type sourcesAddCmd struct {
	apiFlags
	roomArg
	sourceFlags
	ID string `name:"id" placeholder:"NAME" help:"What it is called: 1 to 32 of a to z, 0 to 9 and hyphens (one is made)."`
}

func (cmd *sourcesAddCmd) Run(ctx context.Context, c *console) error {
	s, err := cmd.source(c)
	if err != nil {
		return err
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		kept, err := api.distributions.CreateSource(ctx, &confbridgev1.CreateSourceRequest{Parent: roomName(cmd.Room), SourceId: cmd.ID, Source: s})
		if err != nil {
			return err
		}
		done := "is taken in, and kept"
		if kept.GetParticipant() == "" {
			done = "is kept, and taken in as soon as the room lets it in"
		}
		return cmd.print(c.stdout, kept, "%s: %s %s", kept.GetName(), kept.GetGroup(), done)
	})
}

type sourcesListCmd struct {
	apiFlags
	roomArg
}

func (cmd *sourcesListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all, err := allSources(ctx, api, roomName(cmd.Room))
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		return sourceTable(all.GetSources()).print(c.stdout)
	})
}

// allSources fetches all pages of a room's.
func allSources(ctx context.Context, api client, room string) (*confbridgev1.ListSourcesResponse, error) {
	all := &confbridgev1.ListSourcesResponse{}
	for token := ""; ; {
		page, err := api.distributions.ListSources(ctx, &confbridgev1.ListSourcesRequest{Parent: room, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		all.Sources = append(all.Sources, page.GetSources()...)
		if token = page.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

func sourceTable(all []*confbridgev1.Source) *table {
	t := &table{first: 0, header: []string{"SOURCE", "GROUP", "CODEC", "FROM", "INTERFACE", "PARTICIPANT"}, right: make([]bool, 6)}
	for _, s := range all {
		codec := s.GetCodec()
		if s.GetEncryption() > confbridgev1.Encryption_ENCRYPTION_NONE {
			codec += " srtp"
		}
		t.add(sourceID(s), s.GetGroup(), codec, cmp.Or(strings.Join(s.GetSources(), " "), "-"), cmp.Or(s.GetInterface(), "-"), cmp.Or(participantID(s), "-"))
	}
	return t
}

// sourceID is a source's own name, off the resource's.
func sourceID(s *confbridgev1.Source) string {
	return s.GetName()[strings.LastIndexByte(s.GetName(), '/')+1:]
}

// participantID is who a source is in the room; empty: nobody.
func participantID(s *confbridgev1.Source) string {
	return s.GetParticipant()[strings.LastIndexByte(s.GetParticipant(), '/')+1:]
}

type sourcesRemoveCmd struct {
	apiFlags
	roomArg
	Source string `arg:"" help:"The source, as sources list shows it."`
}

func (cmd *sourcesRemoveCmd) Run(ctx context.Context, c *console) error {
	name := roomName(cmd.Room) + "/sources/" + cmd.Source
	if strings.HasPrefix(cmd.Source, "rooms/") {
		name = cmd.Source
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.distributions.DeleteSource(ctx, &confbridgev1.DeleteSourceRequest{Name: name})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: removed", name)
	})
}
