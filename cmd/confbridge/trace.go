package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type traceCmd struct {
	apiFlags
	Call       string `placeholder:"ID" help:"Messages of the call with this Call-ID."`
	From       string `placeholder:"USER" help:"Messages of calls from this user, number or address."`
	To         string `placeholder:"USER" help:"Messages of calls to this user, number or address."`
	Unreadable bool   `help:"Messages that belong to no call: without a Call-ID, or no SIP at all."`
	Follow     bool   `short:"f" help:"Go on with the messages that are to come, until Ctrl-C."`
	Full       bool   `help:"Print the text of each message below its arrow."`
}

// Run lists the calls where nothing says which one is meant.
func (cmd *traceCmd) Run(ctx context.Context, c *console) error {
	if cmd.Call+cmd.From+cmd.To == "" && !cmd.Unreadable && !cmd.Follow {
		return cmd.list(ctx, c)
	}
	if cmd.Follow {
		err := cmd.stream(ctx, func(ctx context.Context, api client) error { return cmd.follow(ctx, c, api) })
		if ctx.Err() != nil {
			err = nil // Ctrl-C is the way to end it
		}
		return err
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error { return cmd.show(ctx, c, api) })
}

func (cmd *traceCmd) filter() *confbridgev1.TraceFilter {
	return &confbridgev1.TraceFilter{CallId: cmd.Call, From: cmd.From, To: cmd.To, Unreadable: cmd.Unreadable}
}

func (cmd *traceCmd) list(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.diagnostics.ListTracedCalls(ctx, &confbridgev1.ListTracedCallsRequest{})
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, resp, true)
		}
		if len(resp.GetCalls()) == 0 {
			_, err := fmt.Fprintln(c.stdout, "no messages yet")
			return err
		}
		t := &table{first: 1, header: []string{"LAST", "CALL-ID", "FROM", "TO", "MESSAGES"}, right: []bool{false, false, false, false, true}}
		for _, k := range resp.GetCalls() {
			t.add(k.GetLastTime().AsTime().In(c.zone).Format("15:04:05"), k.GetCallId(), uriOf(k.GetFrom()), uriOf(k.GetTo()),
				strconv.Itoa(int(k.GetMessageCount()+k.GetMissingCount())))
		}
		return t.print(c.stdout)
	})
}

// uriOf is the URI in a From or To, without its scheme.
func uriOf(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		value = rest
	}
	value, _, _ = strings.Cut(value, ">")
	value, _, _ = strings.Cut(value, ";")
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(value), "sips:"), "sip:")
}

// receive gives each answer to take until the stream ends.
func (cmd *traceCmd) receive(ctx context.Context, api client, take func(*confbridgev1.TraceMessagesResponse) error) error {
	stream, err := api.diagnostics.TraceMessages(ctx, &confbridgev1.TraceMessagesRequest{Filter: cmd.filter(), Follow: cmd.Follow})
	if err != nil {
		return err
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := take(resp); err != nil {
			return err
		}
	}
}

// follow prints messages as they come.
func (cmd *traceCmd) follow(ctx context.Context, c *console, api client) error {
	l := newLadder(c, cmd.Full)
	return cmd.receive(ctx, api, func(resp *confbridgev1.TraceMessagesResponse) error {
		switch {
		case resp.GetContent() == nil: // of a newer bridge
			return nil
		case cmd.JSON:
			return printJSON(c.stdout, resp, false)
		case resp.GetMessage() == nil:
			return l.missed(resp.GetMissedCount())
		}
		return l.message(resp.GetMessage())
	})
}

// maxShown bounds what is held in memory until it is printed.
const maxShown = 100_000

// show prints what is kept, call by call.
func (cmd *traceCmd) show(ctx context.Context, c *console, api client) error {
	var order []string
	calls := map[string][]*confbridgev1.TracedMessage{}
	n := 0
	err := cmd.receive(ctx, api, func(resp *confbridgev1.TraceMessagesResponse) error {
		m := resp.GetMessage()
		if n++; m == nil || n > maxShown {
			return nil
		}
		if cmd.JSON {
			return printJSON(c.stdout, resp, false)
		}
		if calls[m.GetCallId()] == nil {
			order = append(order, m.GetCallId())
		}
		calls[m.GetCallId()] = append(calls[m.GetCallId()], m)
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New(cmd.nothing())
	}
	l := newLadder(c, cmd.Full)
	for _, id := range order {
		for _, m := range calls[id] { // so that all lanes are there from the beginning
			l.lane(m)
		}
		for _, m := range calls[id] {
			if err := l.message(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// nothing says that nothing was found, and what to do.
func (cmd *traceCmd) nothing() string {
	var what []string
	for _, f := range [][2]string{{"with Call-ID ", cmd.Call}, {"from ", cmd.From}, {"to ", cmd.To}} {
		if f[1] != "" {
			what = append(what, f[0]+clean(f[1]))
		}
	}
	if len(what) == 0 {
		return "no such message is kept"
	}
	return fmt.Sprintf("no message of a call %s is kept: `confbridge trace` lists the calls that are", strings.Join(what, " "))
}

// clock is a time of day with its milliseconds.
func (c *console) clock(at *timestamppb.Timestamp) string {
	return at.AsTime().In(c.zone).Format("15:04:05.000")
}

// width is what a line fits into: the terminal's columns where the environment has them, else 80.
func (c *console) width() int {
	n, err := strconv.Atoi(c.getenv("COLUMNS"))
	if err != nil {
		return lineWidth
	}
	return min(max(n, lineWidth), 250)
}

// lines are those of a text from the wire, safe for a terminal, without the empty ones at its end.
func lines(text string) []string {
	all := strings.Split(strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\r\n", "\n"), "\n")
	for i := range all {
		all[i] = clean(all[i])
	}
	return slices.Clip(all)
}
