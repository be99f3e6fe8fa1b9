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

// sourceFlags are what is taken in.
type sourceFlags struct {
	SDP         string         `name:"sdp" placeholder:"FILE" help:"The session's description; - reads it from standard input."`
	Group       netip.AddrPort `placeholder:"ADDRESS:PORT" help:"In place of a description: the group, as 239.1.2.3:5004."`
	Codec       string         `placeholder:"NAME" help:"With --group: pcmu, pcma, g722, opus or l16 (pcmu)."`
	Rate        int32          `placeholder:"HZ" help:"With --codec l16: 8000, 16000 or 48000 (48000)."`
	PayloadType *int32         `name:"payload-type" placeholder:"N" help:"With --group: the payload type; without it that of the codec: 0, 8, 9, 96 of opus, 97 of l16."`
	Source      []netip.Addr   `placeholder:"ADDRESS" help:"With --group: whom to hear; can be given more than once. Without it: anybody."`
	Interface   string         `placeholder:"NAME" help:"Interface to join on; without it that of the route."`
	secretFlags
	Name    string        `help:"Name of the participant; without it that of the session."`
	Silence time.Duration `placeholder:"TIME" help:"How long it may be silent, 1s to 24h; without it as long as a call, and what is kept for a day."`
}

// Validate is called by the parser: a fault is one of usage.
func (f *sourceFlags) Validate() error {
	switch {
	case (f.SDP == "") == !f.Group.IsValid():
		return errors.New("what to take in? --sdp or --group")
	case f.SDP != "" && (f.Codec != "" || f.Rate != 0 || f.PayloadType != nil || len(f.Source) > 0):
		return errors.New("--codec, --rate, --payload-type and --source: the description says them")
	case f.Silence < 0:
		return fmt.Errorf("--silence: %v is not a time to wait", f.Silence)
	}
	return nil
}

// source is what they say.
func (f *sourceFlags) source(c *console) (*confbridgev1.Source, error) {
	s := &confbridgev1.Source{Codec: f.Codec, RateHz: f.Rate, PayloadType: f.PayloadType, Interface: f.Interface, DisplayName: f.Name}
	for _, a := range f.Source {
		s.Sources = append(s.Sources, a.String())
	}
	if f.Silence > 0 {
		s.Timeout = durationpb.New(f.Silence)
	}
	key, err := f.key()
	if err != nil {
		return nil, err
	}
	if !key.IsZero() {
		s.Key, s.Encryption = key.Master, encryptions[f.Encryption]
	}
	if f.SDP != "" {
		text, err := c.description(f.SDP)
		if err != nil {
			return nil, err
		}
		s.Sdp = string(text)
	} else {
		s.Group = f.Group.String()
	}
	return s, nil
}

type distributionsReceiveCmd struct {
	apiFlags
	roomArg
	sourceFlags
}

func (cmd *distributionsReceiveCmd) Run(ctx context.Context, c *console) error {
	s, err := cmd.source(c)
	if err != nil {
		return err
	}
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		p, err := api.distributions.ReceiveSession(ctx, &confbridgev1.ReceiveSessionRequest{
			Parent: roomName(cmd.Room), Sdp: s.GetSdp(), Group: s.GetGroup(), Codec: s.GetCodec(), RateHz: s.GetRateHz(), PayloadType: s.PayloadType,
			Sources: s.GetSources(), Interface: s.GetInterface(), DisplayName: s.GetDisplayName(), Timeout: s.GetTimeout(),
			Encryption: s.GetEncryption(), Key: s.GetKey(),
		})
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
