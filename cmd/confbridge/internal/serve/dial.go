package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/confbridge/confbridge/api"
	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// dialOut is what the file says of who may be called.
func dialOut(cfg config.DialOut) trunk.DialOut {
	out := trunk.DialOut{
		Domains: cfg.Domains, MaxCalls: cfg.Calls, RoomCalls: cfg.CallsPerRoom, PerMinute: cfg.PerMinute, RoomPerMinute: cfg.PerMinutePerRoom,
	}
	for _, r := range cfg.Rooms {
		out.Rooms = append(out.Rooms, trunk.RoomDial(r))
	}
	return out
}

// dialConfig is how a trunk is called. What is not said is that of its registration.
func dialConfig(t config.Trunk) trunk.Dial {
	if len(t.Dial.Prefixes) == 0 {
		return trunk.Dial{}
	}
	out := trunk.Dial{
		Prefixes: t.Dial.Prefixes, User: t.Dial.User, Password: t.Dial.Password,
		URI: cmp.Or(t.Dial.URI, t.Register.Registrar, t.Ping.URI), From: cmp.Or(t.Dial.From, t.Register.Address),
	}
	if t.Dial.URI == "" {
		out.Proxy = t.Register.Proxy
	}
	if out.Proxy != "" {
		out.Proxy = preferring(out.Proxy, t.Transport)
	} else {
		out.URI = preferring(out.URI, t.Transport)
	}
	if out.User == "" {
		out.User, out.Password = t.Register.User, t.Register.Password
	}
	if host, ok := strings.CutPrefix(t.Register.Registrar, "sip:"); ok && out.From == "" && t.Register.User != "" {
		out.From = "sip:" + t.Register.User + "@" + host
	}
	return out
}

// pressTime is how long those may take to press 1 who are called by keys: whoever dials cannot say whether a machine may answer.
const pressTime = 20 * time.Second

// dialled calls the numbers that are dialled in rooms. The SIP server is made after the rooms, and before anybody can dial.
type dialled struct{ of *Main }

// keyDialer is nil where no trunk is named: nobody is called by keys then.
func keyDialer(m *Main) rooms.Dialer {
	if m.cfg.Rooms.DialTrunk == "" {
		return nil
	}
	return dialled{m}
}

// Dial implements rooms.Dialer, by the rules that hold for the API.
func (d dialled) Dial(ctx context.Context, room, number string) error {
	_, err := dialer{d.of.sip}.Dial(ctx, api.DialOut{Room: room, Address: number, Trunk: d.of.cfg.Rooms.DialTrunk, ConfirmTime: pressTime})
	return err
}

// dialer lets the API call people by the SIP server.
type dialer struct{ sip *sipua.Server }

// Dial is api.Dialer's.
func (d dialer) Dial(ctx context.Context, want api.DialOut) (string, error) {
	id, err := d.sip.DialOut(ctx, sipua.DialOut(want))
	var denied *trunk.DeniedError
	switch {
	case errors.As(err, &denied):
		return "", (*api.DialDeniedError)(denied)
	case errors.Is(err, trunk.ErrAddress):
		return "", fmt.Errorf("%w: %w", api.ErrDialAddress, err)
	case errors.Is(err, trunk.ErrNoTrunk):
		return "", fmt.Errorf("%w: %w", api.ErrDialTrunk, err)
	case errors.Is(err, sipua.ErrShutdown):
		return "", fmt.Errorf("%w: %w", rooms.ErrDraining, err)
	}
	return id, err
}
