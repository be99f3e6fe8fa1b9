package api

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// Trunks is what the TrunkService shows. Its methods are safe for concurrent use.
type Trunks interface {
	// Trunks returns all trunks in the order of the configuration, as of now.
	Trunks() []Trunk
	// Changed returns a channel that is closed with the next change of a registration or of who answers.
	Changed() <-chan struct{}
}

// Trunk is a peer with a name, as it stands.
type Trunk struct {
	Name            string
	Calls, MaxCalls int    // MaxCalls is 0 where there is no bound
	Total, Refused  uint64 // calls let in, and calls refused, since the start
	Registration    *Registration
	Reachability    *Reachability
}

// RegistrationState is how a registration stands.
type RegistrationState uint8

// The states of a registration.
const (
	Registering RegistrationState = iota
	Registered
	RegistrationFailed
	RegistrationRemoved
)

// Registration is one of ours at a provider (RFC 3261 §10).
type Registration struct {
	State                         RegistrationState
	Registrar, Address            string // SIP URIs
	Target                        string // where the last REGISTER went
	Error                         string // of the last attempt; empty: none
	Changed, Expires, NextAttempt time.Time
}

// Reachability is what pings have found out.
type Reachability struct {
	Known, Up bool
	URI       string
	Error     string // of the last ping; empty: none
	Changed   time.Time
	RoundTrip time.Duration
}

// trunkService is confbridge.v1.TrunkService.
type trunkService struct {
	confbridgev1.UnimplementedTrunkServiceServer
	trunks Trunks // nil: there are none
}

func (s *trunkService) all() []Trunk {
	if s.trunks == nil {
		return nil
	}
	return s.trunks.Trunks()
}

func (s *trunkService) ListTrunks(
	_ context.Context, req *confbridgev1.ListTrunksRequest,
) (*confbridgev1.ListTrunksResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	from, err := parseToken(trunksCollection, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	all := s.all()
	if from.last != "" { // trunks do not come and go
		all = all[slices.IndexFunc(all, func(t Trunk) bool { return t.Name == from.last })+1:]
	}
	resp := &confbridgev1.ListTrunksResponse{}
	if len(all) > size {
		all = all[:size]
		resp.NextPageToken = cursor{collection: trunksCollection, last: all[size-1].Name}.token()
	}
	for _, t := range all {
		resp.Trunks = append(resp.Trunks, toTrunk(t))
	}
	return resp, nil
}

func (s *trunkService) GetTrunk(_ context.Context, req *confbridgev1.GetTrunkRequest) (*confbridgev1.Trunk, error) {
	name, err := parseTrunkName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	for _, t := range s.all() {
		if t.Name == name {
			return toTrunk(t), nil
		}
	}
	return nil, errNoTrunk
}

func (s *trunkService) WatchTrunks(
	_ *confbridgev1.WatchTrunksRequest, stream grpc.ServerStreamingServer[confbridgev1.WatchTrunksResponse],
) error {
	told := map[string][2]int32{}
	for {
		var changed <-chan struct{}
		if s.trunks != nil {
			changed = s.trunks.Changed() // before looking, so that nothing falls between
		}
		for _, t := range s.all() {
			k := toTrunk(t)
			stands := [2]int32{int32(k.GetRegistration().GetState()), int32(k.GetReachability().GetState())}
			if before, known := told[t.Name]; known && before == stands {
				continue
			}
			told[t.Name] = stands
			if err := stream.Send(&confbridgev1.WatchTrunksResponse{Trunk: k}); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func toTrunk(t Trunk) *confbridgev1.Trunk {
	out := &confbridgev1.Trunk{
		Name: trunksCollection + "/" + t.Name, Calls: int32(t.Calls), MaxCalls: int32(t.MaxCalls),
		CallsTotal: t.Total, RefusedTotal: t.Refused,
	}
	if r := t.Registration; r != nil {
		out.Registration = &confbridgev1.Registration{
			State:     confbridgev1.Registration_State(r.State + 1),
			Registrar: r.Registrar, Address: r.Address, Target: r.Target, Error: r.Error,
			ChangeTime: stamp(r.Changed), ExpireTime: stamp(r.Expires), NextAttemptTime: stamp(r.NextAttempt),
		}
	}
	if r := t.Reachability; r != nil {
		out.Reachability = &confbridgev1.Reachability{
			State: reachabilityState(r), Uri: r.URI, Error: r.Error, ChangeTime: stamp(r.Changed),
		}
		if r.RoundTrip > 0 {
			out.Reachability.RoundTrip = durationpb.New(r.RoundTrip)
		}
	}
	return out
}

func reachabilityState(r *Reachability) confbridgev1.Reachability_State {
	switch {
	case !r.Known:
		return confbridgev1.Reachability_STATE_UNKNOWN
	case r.Up:
		return confbridgev1.Reachability_STATE_UP
	}
	return confbridgev1.Reachability_STATE_DOWN
}

// stamp is a time that may not be known.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
