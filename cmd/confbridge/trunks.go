package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type trunksCmd struct {
	List trunksListCmd `cmd:"" default:"withargs" help:"List all trunks."`
	Show trunksShowCmd `cmd:"" help:"Show one trunk."`
	// Watch ends by Ctrl-C.
	Watch trunksWatchCmd `cmd:"" help:"Tell how the trunks stand, and each change, one a line, until Ctrl-C."`
}

type trunksListCmd struct{ apiFlags }

func (cmd *trunksListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all := &confbridgev1.ListTrunksResponse{}
		for token := ""; ; {
			page, err := api.trunks.ListTrunks(ctx, &confbridgev1.ListTrunksRequest{PageSize: 1000, PageToken: token})
			if err != nil {
				return err
			}
			all.Trunks = append(all.Trunks, page.GetTrunks()...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		if len(all.GetTrunks()) == 0 {
			_, err := fmt.Fprintln(c.stdout, "no trunks are configured (sip.trunks)")
			return err
		}
		return trunkTable(all.GetTrunks(), c.now()).print(c.stdout)
	})
}

func trunkTable(trunks []*confbridgev1.Trunk, now time.Time) *table {
	t := &table{
		first:  5,
		header: []string{"TRUNK", "CALLS", "TOTAL", "REFUSED", "ANSWERS", "REGISTERED"},
		right:  []bool{false, true, true, true, false, false},
	}
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	for _, k := range trunks {
		t.add(trunkName(k), trunkCalls(k), count(k.GetCallsTotal()), count(k.GetRefusedTotal()),
			answers(k.GetReachability(), now), registered(k.GetRegistration(), now))
	}
	return t
}

// trunkName is a trunk's own name, off the resource's.
func trunkName(k *confbridgev1.Trunk) string { return strings.TrimPrefix(k.GetName(), "trunks/") }

// trunkCalls is the calls now, of how many there may be.
func trunkCalls(k *confbridgev1.Trunk) string {
	if k.GetMaxCalls() == 0 {
		return strconv.Itoa(int(k.GetCalls()))
	}
	return fmt.Sprintf("%d/%d", k.GetCalls(), k.GetMaxCalls())
}

// since is how long ago something was; empty where it was never.
func since(at *timestamppb.Timestamp, now time.Time) string {
	if at == nil {
		return ""
	}
	return " " + span(now.Sub(at.AsTime()))
}

// answers is whether a trunk does, and for how long it has been so.
func answers(r *confbridgev1.Reachability, now time.Time) string {
	switch r.GetState() {
	case confbridgev1.Reachability_STATE_UP:
		return "yes" + since(r.GetChangeTime(), now)
	case confbridgev1.Reachability_STATE_DOWN:
		return "no" + since(r.GetChangeTime(), now)
	case confbridgev1.Reachability_STATE_UNKNOWN:
		return "?"
	}
	return "-"
}

// registered is how a registration stands, for how long, and what it failed with.
func registered(r *confbridgev1.Registration, now time.Time) string {
	switch r.GetState() {
	case confbridgev1.Registration_STATE_REGISTERED:
		return "yes" + since(r.GetChangeTime(), now)
	case confbridgev1.Registration_STATE_REGISTERING:
		return "trying"
	case confbridgev1.Registration_STATE_REMOVED:
		return "removed"
	case confbridgev1.Registration_STATE_FAILED:
		return "no" + since(r.GetChangeTime(), now) + ": " + r.GetError()
	}
	return "-"
}

type trunksWatchCmd struct{ apiFlags }

func (cmd *trunksWatchCmd) Run(ctx context.Context, c *console) error {
	err := cmd.stream(ctx, func(ctx context.Context, api client) error {
		stream, err := api.trunks.WatchTrunks(ctx, &confbridgev1.WatchTrunksRequest{})
		if err != nil {
			return err
		}
		for {
			m, err := stream.Recv()
			if err != nil {
				return err
			}
			if err := cmd.tell(c, m.GetTrunk()); err != nil {
				return err
			}
		}
	})
	if ctx.Err() != nil { // Ctrl-C is how it ends
		return nil //nolint:nilerr // what the stream says of that is no error
	}
	return err
}

func (cmd *trunksWatchCmd) tell(c *console, k *confbridgev1.Trunk) error {
	if cmd.JSON {
		return printJSON(c.stdout, k, false)
	}
	line := fmt.Sprintf("%s  %s  answers: %s  registered: %s", c.stamp(c.now()), trunkName(k), answers(k.GetReachability(), c.now()), registered(k.GetRegistration(), c.now()))
	_, err := fmt.Fprintln(c.stdout, clean(line))
	return err
}

type trunksShowCmd struct {
	apiFlags
	Trunk string `arg:"" help:"Name of the trunk, as the configuration has it."`
}

func (cmd *trunksShowCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		k, err := api.trunks.GetTrunk(ctx, &confbridgev1.GetTrunkRequest{Name: "trunks/" + strings.TrimPrefix(cmd.Trunk, "trunks/")})
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, k, true)
		}
		return c.showTrunk(k)
	})
}

func (c *console) showTrunk(k *confbridgev1.Trunk) error {
	rows := [][2]string{
		{"name", k.GetName()},
		{"calls", trunkCalls(k)},
		{"calls in all", strconv.FormatUint(k.GetCallsTotal(), 10)},
		{"calls refused", strconv.FormatUint(k.GetRefusedTotal(), 10)},
	}
	if r := k.GetReachability(); r != nil {
		rows = append(rows,
			[2]string{"answers", answers(r, c.now())},
			[2]string{"asked at", r.GetUri()},
			[2]string{"round trip", r.GetRoundTrip().AsDuration().Round(time.Microsecond).String()},
			[2]string{"last fault", r.GetError()},
		)
	}
	if r := k.GetRegistration(); r != nil {
		rows = append(rows,
			[2]string{"registered", registered(r, c.now())},
			[2]string{"registrar", r.GetRegistrar()},
			[2]string{"address", r.GetAddress()},
			[2]string{"sent to", r.GetTarget()},
			[2]string{"expires", c.stampOrNot(r.GetExpireTime())},
			[2]string{"next attempt", c.stampOrNot(r.GetNextAttemptTime())},
		)
	}
	return fields(c.stdout, rows...)
}

// stampOrNot is a time that may not be known.
func (c *console) stampOrNot(at *timestamppb.Timestamp) string {
	if at == nil {
		return "-"
	}
	return c.stamp(at.AsTime())
}
