package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
	"github.com/confbridge/confbridge/rooms/receiver"
)

var (
	// errNoDistributions says that the bridge was put together without a distributor.
	errNoDistributions = errors.New("there are no distributions")
	// errKeyExposed says that a key would be read on its way.
	errKeyExposed = errors.New("the key is told over TLS or on the bridge's own machine only")
)

// distributionService is confbridge.v1.DistributionService.
type distributionService struct {
	confbridgev1.UnimplementedDistributionServiceServer
	distributor *distributor.Distributor // nil: there is none
	receiver    *receiver.Receiver       // nil: there is none
}

// distributionFields are what can be updated.
var distributionFields = []string{
	"destinations", "interface", "source", "ttl", "dscp", "loopback", "codec", "rate_hz", "packet_time", "silence", "only_occupied", "opening",
	"announced", "encryption",
}

var (
	silences = map[confbridgev1.Silence]distribution.Silence{
		confbridgev1.Silence_SILENCE_UNSPECIFIED: distribution.SilenceSound,
		confbridgev1.Silence_SILENCE_SOUND:       distribution.SilenceSound,
		confbridgev1.Silence_SILENCE_NOISE:       distribution.SilenceNoise,
		confbridgev1.Silence_SILENCE_NOTHING:     distribution.SilenceNothing,
	}
	suites = map[confbridgev1.Encryption]distribution.Suite{
		confbridgev1.Encryption_ENCRYPTION_UNSPECIFIED:             distribution.SuiteNone,
		confbridgev1.Encryption_ENCRYPTION_NONE:                    distribution.SuiteNone,
		confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80: distribution.SuiteCM,
		confbridgev1.Encryption_ENCRYPTION_AEAD_AES_128_GCM:        distribution.SuiteGCM,
	}
)

func (s *distributionService) CreateDistribution(
	ctx context.Context, req *confbridgev1.CreateDistributionRequest,
) (*confbridgev1.Distribution, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	if s.distributor == nil {
		return nil, errNoDistributions
	}
	if id := req.GetDistributionId(); id != "" && !distribution.IsID(id) {
		return nil, violated("distribution_id", quote(id)+" is not 1 to 32 of a to z, 0 to 9 and hyphens, none of them first or last")
	}
	dist := distribution.Distribution{ID: req.GetDistributionId()}
	if err := setDistribution(&dist, req.GetDistribution(), distributionFields); err != nil {
		return nil, err
	}
	v, err := s.distributor.Create(ctx, number, dist)
	if err != nil {
		return nil, fieldOf(err)
	}
	return toDistribution(v), nil
}

func (s *distributionService) GetDistribution(ctx context.Context, req *confbridgev1.GetDistributionRequest) (*confbridgev1.Distribution, error) {
	number, id, err := s.parse("name", req.GetName())
	if err != nil {
		return nil, err
	}
	v, err := s.distributor.Get(ctx, number, id)
	if err != nil {
		return nil, err
	}
	return toDistribution(v), nil
}

func (s *distributionService) ListDistributions(
	ctx context.Context, req *confbridgev1.ListDistributionsRequest,
) (*confbridgev1.ListDistributionsResponse, error) {
	number, size, from, err := parseListOf(req, distributionsCollection)
	if err != nil {
		return nil, err
	}
	if s.distributor == nil {
		return nil, errNoDistributions
	}
	all, err := s.distributor.List(ctx, number)
	if err != nil {
		return nil, err
	}
	page, next := pageByID(all, func(v distributor.View) string { return v.ID }, size, from)
	resp := &confbridgev1.ListDistributionsResponse{NextPageToken: next}
	for _, v := range page {
		resp.Distributions = append(resp.Distributions, toDistribution(v))
	}
	return resp, nil
}

func (s *distributionService) UpdateDistribution(
	ctx context.Context, req *confbridgev1.UpdateDistributionRequest,
) (*confbridgev1.Distribution, error) {
	number, id, err := s.parse("distribution.name", req.GetDistribution().GetName())
	if err != nil {
		return nil, err
	}
	paths, err := updatePaths(req.GetUpdateMask(), req.GetDistribution(), distributionFields)
	if err != nil {
		return nil, err
	}
	v, err := s.distributor.Change(ctx, number, id, func(dist *distribution.Distribution) error {
		return setDistribution(dist, req.GetDistribution(), paths)
	})
	if err != nil {
		return nil, fieldOf(err)
	}
	return toDistribution(v), nil
}

func (s *distributionService) DeleteDistribution(ctx context.Context, req *confbridgev1.DeleteDistributionRequest) (*emptypb.Empty, error) {
	number, id, err := s.parse("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if err := s.distributor.Delete(ctx, number, id); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func (s *distributionService) RekeyDistribution(
	ctx context.Context, req *confbridgev1.RekeyDistributionRequest,
) (*confbridgev1.Distribution, error) {
	number, id, err := s.parse("name", req.GetName())
	if err != nil {
		return nil, err
	}
	v, err := s.distributor.Rekey(ctx, number, id)
	if err != nil {
		return nil, err
	}
	return toDistribution(v), nil
}

func (s *distributionService) GetSessionDescription(
	ctx context.Context, req *confbridgev1.GetSessionDescriptionRequest,
) (*confbridgev1.GetSessionDescriptionResponse, error) {
	number, id, err := s.parse("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if req.GetWithKey() && !confidential(ctx) {
		return nil, errKeyExposed
	}
	d, err := s.distributor.Describe(ctx, number, id)
	if err != nil {
		return nil, err
	}
	write := d.Marshal
	if req.GetWithKey() {
		write = d.MarshalWithKey
	}
	text, err := write()
	if err != nil {
		return nil, fmt.Errorf("describe distribution %q: %w", id, err)
	}
	return &confbridgev1.GetSessionDescriptionResponse{Sdp: string(text)}, nil
}

// confidential says whether nobody can read along what the caller is told.
func confidential(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	if _, ok := p.AuthInfo.(credentials.TLSInfo); ok {
		return true
	}
	switch a := p.Addr.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// parse takes number and id out of a distribution's name.
func (s *distributionService) parse(field, name string) (number, id string, err error) {
	if number, id, err = parseDistributionName(field, name); err != nil {
		return "", "", err
	}
	if s.distributor == nil {
		return "", "", errNoDistributions
	}
	return number, id, nil
}

// fieldOf names the field of the request that cannot be.
func fieldOf(err error) error {
	if e, ok := errors.AsType[*distribution.Error](err); ok && errors.Is(err, distribution.ErrInvalid) {
		return violated("distribution."+e.Field, e.Text)
	}
	return err
}

// setDistribution sets those fields; what is not said is what the fields' comments say.
func setDistribution(dist *distribution.Distribution, from *confbridgev1.Distribution, fields []string) error {
	var v violations
	for _, field := range fields {
		if fault := setDistributionField(dist, from, field); fault != "" {
			v.add("distribution."+field, fault)
		}
	}
	return v.err()
}

// setDistributionField returns what is wrong with it.
func setDistributionField(dist *distribution.Distribution, from *confbridgev1.Distribution, field string) (fault string) {
	switch field {
	case "destinations":
		dist.To, fault = parseDestinations(from.GetDestinations())
	case "interface":
		dist.Interface = from.GetInterface()
	case "source":
		dist.Source, fault = parseSource(from.GetSource())
	case "ttl":
		dist.TTL = distribution.DefaultTTL(dist.To)
		if from.Ttl != nil {
			dist.TTL = int(from.GetTtl())
		}
	case "dscp":
		dist.DSCP = distribution.DefaultDSCP
		if from.Dscp != nil {
			dist.DSCP = int(from.GetDscp())
		}
	case "loopback":
		dist.Loopback = from.GetLoopback()
	case "codec":
		dist.Codec, fault = parseCodec(from.GetCodec())
	case "rate_hz":
		dist.RateHz = int(from.GetRateHz())
	case "packet_time":
		dist.Packet = distribution.DefaultPacket(dist.Codec, dist.RateHz)
		if from.GetPacketTime() != nil {
			dist.Packet = from.GetPacketTime().AsDuration()
		}
	case "only_occupied":
		dist.Occupied = from.GetOnlyOccupied()
	case "opening":
		dist.Opening = from.GetOpening()
	case "announced":
		dist.Announced = from.GetAnnounced()
	case "silence":
		var ok bool
		if dist.Silence, ok = silences[from.GetSilence()]; !ok {
			fault = from.GetSilence().String() + " is none"
		}
	case "encryption":
		var ok bool
		if dist.Suite, ok = suites[from.GetEncryption()]; !ok {
			fault = from.GetEncryption().String() + " is none"
		}
	}
	return fault
}

func parseDestinations(all []string) (to []netip.AddrPort, fault string) {
	if len(all) > distribution.MaxListeners {
		return nil, fmt.Sprintf("%d, at most %d", len(all), distribution.MaxListeners)
	}
	for _, text := range all {
		a, err := netip.ParseAddrPort(text)
		if err != nil {
			return nil, quote(text) + " is not an address and a port, like 239.1.2.3:5004 or [ff05::1:3]:5004"
		}
		to = append(to, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	return to, ""
}

func parseSource(text string) (a netip.Addr, fault string) {
	if text == "" {
		return netip.Addr{}, ""
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, quote(text) + " is not an address"
	}
	return a.Unmap(), ""
}

func parseCodec(text string) (name codec.Name, fault string) {
	if text == "" {
		return codec.PCMU, ""
	}
	name, ok := codec.ParseName(text)
	if !ok {
		return "", fmt.Sprintf("%s is none of %v", quote(text), codec.Names())
	}
	return name, ""
}

func toDistribution(v distributor.View) *confbridgev1.Distribution {
	out := &confbridgev1.Distribution{
		Name: distributionName(v.Room, v.ID), Interface: v.Interface, Ttl: new(int32(v.TTL)), Dscp: new(int32(v.DSCP)), Loopback: v.Loopback,
		Codec: string(v.Codec), RateHz: int32(v.RateHz), PacketTime: durationpb.New(v.Packet), OnlyOccupied: v.Occupied, Opening: v.Opening,
		Announced: v.Announced, Ssrc: v.SSRC, CreateTime: toTimestamp(v.Created),
	}
	for _, to := range v.To {
		out.Destinations = append(out.Destinations, to.String())
	}
	if v.Source.IsValid() {
		out.Source = v.Source.String()
	}
	for silence, is := range silences {
		if is == v.Silence && silence != confbridgev1.Silence_SILENCE_UNSPECIFIED {
			out.Silence = silence
		}
	}
	for encryption, is := range suites {
		if is == v.Suite && encryption != confbridgev1.Encryption_ENCRYPTION_UNSPECIFIED {
			out.Encryption = encryption
		}
	}
	if v.Runs {
		out.Ssrc = v.Stats.SSRC
		out.Status = toDistributionStatus(v)
	}
	return out
}

func toDistributionStatus(v distributor.View) *confbridgev1.DistributionStatus {
	s := v.Stats
	return &confbridgev1.DistributionStatus{
		Up: s.Up, SinceTime: toTimestamp(s.Since), Packets: int64(s.Packets), Octets: int64(s.Octets), SendErrors: int64(s.SendErrors),
		Receivers: int32(s.Receivers), WorstLoss: s.LossWorst, MeanLoss: s.LossMean, Jitter: durationpb.New(s.Jitter),
		Collisions: int64(s.Collisions), Loops: int64(s.Loops), KeyGeneration: int32(s.KeyGeneration),
	}
}
