package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type distributionsCmd struct {
	Add     distributionsAddCmd     `cmd:"" help:"Send a room's mix to a group, or to a list of listeners."`
	List    distributionsListCmd    `cmd:"" help:"List a room's distributions."`
	Show    distributionsShowCmd    `cmd:"" help:"Show one distribution, and how it goes."`
	Update  distributionsUpdateCmd  `cmd:"" help:"Change a distribution; it ends for a moment, and goes on."`
	Remove  distributionsRemoveCmd  `cmd:"" help:"End a distribution for good."`
	Rekey   distributionsRekeyCmd   `cmd:"" help:"Encrypt a distribution by a new key from now on."`
	Receive distributionsReceiveCmd `cmd:"" help:"Take a multicast session into a room, as a participant."`
	Sdp     distributionsSdpCmd     `cmd:"" help:"Show a distribution's description (SDP), or write it to a file."`
}

// distributionArg is a command's distribution.
type distributionArg struct {
	roomArg
	Distribution string `arg:"" help:"The distribution, as distributions list shows it."`
}

func (a distributionArg) name() string {
	if strings.HasPrefix(a.Distribution, "rooms/") {
		return a.Distribution
	}
	return roomName(a.Room) + "/distributions/" + a.Distribution
}

type distributionsAddCmd struct {
	apiFlags
	roomArg
	distributionFlags
	To []string `required:"" placeholder:"ADDRESS:PORT" help:"Where it goes: one group, as 239.1.2.3:5004, or listeners; may be repeated."`
	ID string   `name:"id" placeholder:"NAME" help:"What it is called: 1 to 32 of a to z, 0 to 9 and hyphens (one is made)."`
}

func (cmd *distributionsAddCmd) Run(ctx context.Context, c *console) error {
	dist := &confbridgev1.Distribution{Destinations: cmd.To}
	cmd.apply(dist)
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		d, err := api.distributions.CreateDistribution(ctx, &confbridgev1.CreateDistributionRequest{
			Parent: roomName(cmd.Room), DistributionId: cmd.ID, Distribution: dist,
		})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, d, "%s: goes to %s", d.GetName(), destinationsOf(d))
	})
}

type distributionsListCmd struct {
	apiFlags
	roomArg
}

func (cmd *distributionsListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all, err := allDistributions(ctx, api, roomName(cmd.Room))
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		return distributionTable(all.GetDistributions()).print(c.stdout)
	})
}

// allDistributions fetches all pages of a room's.
func allDistributions(ctx context.Context, api client, room string) (*confbridgev1.ListDistributionsResponse, error) {
	all := &confbridgev1.ListDistributionsResponse{}
	for token := ""; ; {
		page, err := api.distributions.ListDistributions(ctx, &confbridgev1.ListDistributionsRequest{Parent: room, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		all.Distributions = append(all.Distributions, page.GetDistributions()...)
		if token = page.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

func distributionTable(all []*confbridgev1.Distribution) *table {
	t := &table{
		first:  1,
		header: []string{"DISTRIBUTION", "TO", "CODEC", "TTL", "STATE", "PACKETS", "RECEIVERS"},
		right:  []bool{false, false, false, true, false, true, true},
	}
	for _, d := range all {
		packets, receivers := "-", "-"
		if s := d.GetStatus(); s != nil {
			packets, receivers = strconv.FormatInt(s.GetPackets(), 10), strconv.Itoa(int(s.GetReceivers()))
		}
		t.add(distributionID(d), destinationsOf(d), distributionCodec(d), strconv.Itoa(int(d.GetTtl())), distributionState(d), packets, receivers)
	}
	return t
}

// distributionID is a distribution's own name, off the resource's.
func distributionID(d *confbridgev1.Distribution) string {
	return d.GetName()[strings.LastIndexByte(d.GetName(), '/')+1:]
}

// destinationsOf is the group, or the first of the listeners and how many more there are.
func destinationsOf(d *confbridgev1.Distribution) string {
	switch to := d.GetDestinations(); len(to) {
	case 0:
		return "-"
	case 1:
		return to[0]
	default:
		return fmt.Sprintf("%s and %d more", to[0], len(to)-1)
	}
}

// distributionCodec is the codec, with a mark where the sound is encrypted.
func distributionCodec(d *confbridgev1.Distribution) string {
	text := d.GetCodec()
	if rate := d.GetRateHz(); rate > 0 {
		text += "/" + strconv.Itoa(int(rate)/1000)
	}
	if encrypted(d) {
		text += " srtp"
	}
	return text
}

func encrypted(d *confbridgev1.Distribution) bool {
	return d.GetEncryption() > confbridgev1.Encryption_ENCRYPTION_NONE
}

// distributionState is off where it could not be begun.
func distributionState(d *confbridgev1.Distribution) string {
	switch s := d.GetStatus(); {
	case s == nil:
		return "off"
	case s.GetUp():
		return "up"
	}
	return "down"
}

type distributionsShowCmd struct {
	apiFlags
	distributionArg
}

func (cmd *distributionsShowCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		d, err := api.distributions.GetDistribution(ctx, &confbridgev1.GetDistributionRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, d, true)
		}
		return c.showDistribution(d)
	})
}

type distributionsUpdateCmd struct {
	apiFlags
	distributionArg
	distributionFlags
	To []string `placeholder:"ADDRESS:PORT" help:"Where it goes instead: one group, or listeners; may be repeated."`
}

func (cmd *distributionsUpdateCmd) Run(ctx context.Context, c *console) error {
	dist := &confbridgev1.Distribution{Name: cmd.name(), Destinations: cmd.To}
	mask := cmd.apply(dist)
	if len(cmd.To) > 0 {
		mask = append([]string{"destinations"}, mask...)
	}
	if len(mask) == 0 {
		return usageError{errors.New("nothing to update: give one of the flags (see confbridge distributions update --help)")}
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		d, err := api.distributions.UpdateDistribution(ctx, &confbridgev1.UpdateDistributionRequest{Distribution: dist, UpdateMask: paths(mask...)})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, d, "%s: updated", d.GetName())
	})
}

type distributionsRemoveCmd struct {
	apiFlags
	distributionArg
}

func (cmd *distributionsRemoveCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.distributions.DeleteDistribution(ctx, &confbridgev1.DeleteDistributionRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s: removed", cmd.name())
	})
}

type distributionsRekeyCmd struct {
	apiFlags
	distributionArg
}

func (cmd *distributionsRekeyCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		d, err := api.distributions.RekeyDistribution(ctx, &confbridgev1.RekeyDistributionRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, d, "%s: has a new key; who is to go on listening needs its description again", d.GetName())
	})
}

type distributionsSdpCmd struct {
	apiFlags
	distributionArg
	WithKey bool   `help:"Have the key in it, for who may listen to an encrypted one."`
	Output  string `short:"o" placeholder:"FILE" help:"Write it to this file, for a player to open."`
}

func (cmd *distributionsSdpCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		resp, err := api.distributions.GetSessionDescription(ctx, &confbridgev1.GetSessionDescriptionRequest{Name: cmd.name(), WithKey: cmd.WithKey})
		if err != nil {
			return err
		}
		if cmd.Output == "" {
			if cmd.JSON {
				return printJSON(c.stdout, resp, true)
			}
			_, err = c.stdout.Write([]byte(resp.GetSdp()))
			return err
		}
		if err := writeDescription(cmd.Output, resp.GetSdp(), cmd.WithKey); err != nil {
			return err
		}
		return cmd.print(c.stdout, resp, "%s is in %s", cmd.name(), cmd.Output)
	})
}

// writeDescription puts a description into a file, in place of what was there. A secret one is its owner's to read alone.
func writeDescription(path, text string, secret bool) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".confbridge-*.sdp") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(text)
	if err == nil && !secret {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
