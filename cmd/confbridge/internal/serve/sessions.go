package serve

import (
	"context"
	"errors"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
	"github.com/confbridge/confbridge/sipua"
)

// sessions shows telephones what the distributor has on.
type sessions struct{ spread *distributor.Distributor }

// Sessions implements sipua.Sessions. One that ends meanwhile is left out.
func (s sessions) Sessions(ctx context.Context, room string, withKeys bool) ([]sipua.Session, error) {
	all, err := s.spread.List(ctx, room)
	if err != nil {
		return nil, err
	}
	var out []sipua.Session
	for _, v := range all {
		one, err := s.session(ctx, room, v.ID, withKeys)
		switch {
		case errors.Is(err, distributor.ErrNoDistribution), errors.Is(err, errNoSession):
		case err != nil:
			return nil, err
		default:
			out = append(out, one)
		}
	}
	return out, nil
}

// errNoSession says that a distribution is off, or goes to no group.
var errNoSession = errors.New("no session")

func (s sessions) session(ctx context.Context, room, id string, withKey bool) (sipua.Session, error) {
	changed := s.spread.Changed(room, id) // before it is looked at: nothing is missed
	v, err := s.spread.Get(ctx, room, id)
	if err != nil {
		return sipua.Session{}, err
	}
	group, ok := v.Group()
	if !ok || !v.Runs {
		return sipua.Session{}, errNoSession
	}
	format, err := v.Format()
	if err != nil {
		return sipua.Session{}, err
	}
	d, err := s.spread.Describe(ctx, room, id)
	if err != nil {
		return sipua.Session{}, err
	}
	write := d.Marshal
	if withKey {
		write = d.MarshalWithKey
	}
	text, err := write()
	return sipua.Session{
		ID: id, Group: group, Profile: codec.Profile{Format: format, Packet: v.Packet}, Encrypted: v.Suite != distribution.SuiteNone,
		Description: text, Changed: changed,
	}, err
}
