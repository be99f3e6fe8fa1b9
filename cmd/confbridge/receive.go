package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/confbridge/confbridge/media/session"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type distributionsReceiveCmd struct {
	apiFlags
	roomArg
	SDP         string         `name:"sdp" placeholder:"FILE" help:"The session's description; - reads it from standard input."`
	Group       netip.AddrPort `placeholder:"ADDRESS:PORT" help:"In place of a description: the group, as 239.1.2.3:5004."`
	Codec       string         `placeholder:"NAME" help:"With --group: pcmu, pcma, g722, opus or l16 (pcmu)."`
	Rate        int32          `placeholder:"HZ" help:"With --codec l16: 8000, 16000 or 48000 (48000)."`
	PayloadType *int32         `name:"payload-type" placeholder:"N" help:"With --group: the payload type; without it that of the codec: 0, 8, 9, 96 of opus, 97 of l16."`
	Source      []netip.Addr   `placeholder:"ADDRESS" help:"With --group: whom to hear; can be given more than once. Without it: anybody."`
	Interface   string         `placeholder:"NAME" help:"Interface to join on; without it that of the route."`
	secretFlags
	Name    string        `help:"Name of the participant; without it that of the session."`
	Silence time.Duration `placeholder:"TIME" help:"How long it may be silent, 1s to 24h; without it as long as a call."`
}

// Validate is called by the parser: a fault is one of usage.
func (cmd *distributionsReceiveCmd) Validate() error {
	switch {
	case (cmd.SDP == "") == !cmd.Group.IsValid():
		return errors.New("what to take in? --sdp or --group")
	case cmd.SDP != "" && (cmd.Codec != "" || cmd.Rate != 0 || cmd.PayloadType != nil || len(cmd.Source) > 0):
		return errors.New("--codec, --rate, --payload-type and --source: the description says them")
	case cmd.Silence < 0:
		return fmt.Errorf("--silence: %v is not a time to wait", cmd.Silence)
	}
	return nil
}

func (cmd *distributionsReceiveCmd) Run(ctx context.Context, c *console) error {
	req := &confbridgev1.ReceiveSessionRequest{
		Parent: roomName(cmd.Room), Codec: cmd.Codec, RateHz: cmd.Rate, PayloadType: cmd.PayloadType, Interface: cmd.Interface, DisplayName: cmd.Name,
	}
	for _, a := range cmd.Source {
		req.Sources = append(req.Sources, a.String())
	}
	if cmd.Silence > 0 {
		req.Timeout = durationpb.New(cmd.Silence)
	}
	key, err := cmd.key()
	if err != nil {
		return err
	}
	if !key.IsZero() {
		req.Key, req.Encryption = key.Master, encryptions[cmd.Encryption]
	}
	if cmd.SDP != "" {
		text, err := c.description(cmd.SDP)
		if err != nil {
			return err
		}
		req.Sdp = string(text)
	} else {
		req.Group = cmd.Group.String()
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		p, err := api.distributions.ReceiveSession(ctx, req)
		if err != nil {
			return err
		}
		return cmd.print(c.stdout, p, "%s: %s is taken in", p.GetName(), p.GetAddress())
	})
}

// description reads a session's description; what is too long for one is cut, so that the bridge says so.
func (c *console) description(file string) ([]byte, error) {
	in := c.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, session.MaxBytes+1))
}
