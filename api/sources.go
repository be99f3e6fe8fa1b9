package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/confbridge/confbridge/media/session"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/receiver"
)

// sourceFields are what can be updated.
var sourceFields = []string{
	"sdp", "group", "rtcp_port", "codec", "rate_hz", "payload_type", "sources", "ttl", "interface", "display_name", "timeout", "encryption", "key",
}

func (s *distributionService) CreateSource(ctx context.Context, req *confbridgev1.CreateSourceRequest) (*confbridgev1.Source, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	if s.receiver == nil {
		return nil, errNoReceiver
	}
	if id := req.GetSourceId(); id != "" && !distribution.IsID(id) {
		return nil, violated("source_id", quote(id)+" is not 1 to 32 of a to z, 0 to 9 and hyphens, none of them first or last")
	}
	source, err := keptSourceOf(req.GetSource())
	if err != nil {
		return nil, err
	}
	if !source.Key.IsZero() && !confidential(ctx) {
		return nil, errKeyExposed
	}
	source.ID = req.GetSourceId()
	v, err := s.receiver.Create(ctx, number, source)
	if err != nil {
		return nil, sourceField(err)
	}
	return toSource(v), nil
}

func (s *distributionService) GetSource(ctx context.Context, req *confbridgev1.GetSourceRequest) (*confbridgev1.Source, error) {
	number, id, err := parseSourceName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if s.receiver == nil {
		return nil, errNoReceiver
	}
	v, err := s.receiver.Get(ctx, number, id)
	if err != nil {
		return nil, err
	}
	return toSource(v), nil
}

func (s *distributionService) ListSources(ctx context.Context, req *confbridgev1.ListSourcesRequest) (*confbridgev1.ListSourcesResponse, error) {
	number, size, from, err := parseListOf(req, sourcesCollection)
	if err != nil {
		return nil, err
	}
	if s.receiver == nil {
		return nil, errNoReceiver
	}
	all, err := s.receiver.List(ctx, number)
	if err != nil {
		return nil, err
	}
	page, next := pageByID(all, func(v receiver.View) string { return v.ID }, size, from)
	resp := &confbridgev1.ListSourcesResponse{NextPageToken: next}
	for _, v := range page {
		resp.Sources = append(resp.Sources, toSource(v))
	}
	return resp, nil
}

func (s *distributionService) UpdateSource(ctx context.Context, req *confbridgev1.UpdateSourceRequest) (*confbridgev1.Source, error) {
	number, id, err := parseSourceName("source.name", req.GetSource().GetName())
	if err != nil {
		return nil, err
	}
	paths, err := updatePaths(req.GetUpdateMask(), req.GetSource(), sourceFields)
	if err != nil {
		return nil, err
	}
	if s.receiver == nil {
		return nil, errNoReceiver
	}
	v, err := s.receiver.Change(ctx, number, id, func(source *distribution.Source) error {
		key := source.Key
		if err := setSource(source, req.GetSource(), paths); err != nil {
			return err
		}
		if !source.Key.IsZero() && !sameKey(source.Key, key) && !confidential(ctx) {
			return errKeyExposed
		}
		return nil
	})
	if err != nil {
		return nil, sourceField(err)
	}
	return toSource(v), nil
}

func (s *distributionService) DeleteSource(ctx context.Context, req *confbridgev1.DeleteSourceRequest) (*emptypb.Empty, error) {
	number, id, err := parseSourceName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	if s.receiver == nil {
		return nil, errNoReceiver
	}
	if err := s.receiver.Delete(ctx, number, id); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// sourceField names the field of the request that cannot be.
func sourceField(err error) error {
	if e, ok := errors.AsType[*distribution.Error](err); ok && errors.Is(err, distribution.ErrInvalid) {
		return violated("source."+e.Field, e.Text)
	}
	return err
}

// setSource has a source be as from is in those fields. What is the same but for how it is said stays as it is, and so does the key where none is given.
func setSource(source *distribution.Source, from *confbridgev1.Source, paths []string) error {
	before := *source
	was := toSource(receiver.View{Source: before})
	to := proto.Clone(was).(*confbridgev1.Source)
	if slices.Contains(paths, "sdp") && from.GetSdp() != "" {
		to = &confbridgev1.Source{Interface: was.GetInterface(), Timeout: was.GetTimeout()}
	}
	for _, path := range paths {
		field := to.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(path))
		if from.ProtoReflect().Has(field) {
			to.ProtoReflect().Set(field, from.ProtoReflect().Get(field))
		} else {
			to.ProtoReflect().Clear(field)
		}
	}
	after, err := keptSourceOf(to)
	if err != nil {
		return err
	}
	if e := to.GetEncryption(); after.Secure && after.Key.IsZero() && (e == was.GetEncryption() || e == confbridgev1.Encryption_ENCRYPTION_UNSPECIFIED) {
		after.Key = before.Key
	}
	after.ID, after.Created = before.ID, before.Created
	if sameKey(after.Key, before.Key) {
		after.Key, after.Secure = before.Key, before.Secure
	}
	if rtcpPort(after) == rtcpPort(before) {
		after.RTCPPort = before.RTCPPort
	}
	if slices.Equal(after.Sources, before.Sources) {
		after.Sources = before.Sources
	}
	if max(after.TTL, 1) == max(before.TTL, 1) {
		after.TTL = before.TTL
	}
	if after.Format.Name == before.Format.Name && after.Format.ClockRateHz == before.Format.ClockRateHz && to.GetSdp() == "" {
		after.Format = before.Format // it may say more than fields do
	}
	*source = after
	return nil
}

func sameKey(a, b session.Key) bool { return a.Suite == b.Suite && bytes.Equal(a.Master, b.Master) }

// rtcpPort is where the RTCP of a source goes.
func rtcpPort(s distribution.Source) uint16 { return cmp.Or(s.RTCPPort, s.Group.Port()+1) }

// keptSourceOf reads a source as a request to take one in is read.
func keptSourceOf(from *confbridgev1.Source) (distribution.Source, error) {
	if from == nil {
		from = &confbridgev1.Source{}
	}
	source, err := sourceOf(&confbridgev1.ReceiveSessionRequest{
		Sdp: from.GetSdp(), Group: from.GetGroup(), Codec: from.GetCodec(), RateHz: from.GetRateHz(), PayloadType: from.PayloadType, Sources: from.GetSources(),
		Interface: from.GetInterface(), DisplayName: from.GetDisplayName(), Timeout: from.GetTimeout(), Encryption: from.GetEncryption(), Key: from.GetKey(),
	})
	if v, ok := errors.AsType[violations](err); ok {
		for _, field := range v {
			field.Field = "source." + field.GetField()
		}
	}
	if err != nil {
		return source, sourceField(err)
	}
	var v violations
	if n := from.GetRtcpPort(); n != 0 {
		if n < 0 || n > 65535 {
			v.add("source.rtcp_port", "is not 0 to 65535")
		}
		source.RTCPPort = uint16(n)
	}
	if n := from.GetTtl(); n != 0 {
		if n < 0 || n > 255 {
			v.add("source.ttl", "is not 0 to 255")
		}
		source.TTL = int(n)
	}
	return source, v.err()
}

func toSource(v receiver.View) *confbridgev1.Source {
	out := &confbridgev1.Source{
		Name: sourceName(v.Room, v.ID), Group: v.Group.String(), Codec: string(v.Format.Name), PayloadType: new(int32(v.PayloadType)), Ttl: int32(v.TTL),
		Interface: v.Interface, DisplayName: v.DisplayName, CreateTime: toTimestamp(v.Created),
	}
	if coded := (distribution.Distribution{Codec: v.Format.Name}); v.Format.Name != "" {
		if f, err := coded.Format(); err == nil && f.ClockRateHz != v.Format.ClockRateHz {
			out.RateHz = int32(v.Format.ClockRateHz)
		}
	}
	if v.RTCPPort != v.Group.Port()+1 || v.Group.Port()%2 != 0 { // behind an odd one it has to be said
		out.RtcpPort = int32(v.RTCPPort)
	}
	for _, a := range v.Sources {
		out.Sources = append(out.Sources, a.String())
	}
	if v.Timeout != 0 {
		out.Timeout = durationpb.New(v.Timeout)
	}
	if !v.Key.IsZero() {
		for encryption, is := range sourceSuites {
			if string(is) == v.Key.Suite {
				out.Encryption = encryption
			}
		}
	}
	if v.Participant != "" {
		out.Participant = participantName(v.In, v.Participant)
	}
	return out
}
