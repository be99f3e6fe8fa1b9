package api

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/media/terms"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/receiver"
)

// errNoReceiver says that the bridge was put together without a receiver.
var errNoReceiver = errors.New("no sessions can be taken in")

// minSilence is the shortest timeout of a session that a request may ask for.
const minSilence = time.Second

func (s *distributionService) ReceiveSession(ctx context.Context, req *confbridgev1.ReceiveSessionRequest) (*confbridgev1.Participant, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	if s.receiver == nil {
		return nil, errNoReceiver
	}
	source, err := sourceOf(req)
	if err != nil {
		return nil, ownField(err)
	}
	if !source.Key.IsZero() && !confidential(ctx) {
		return nil, errKeyExposed
	}
	info, err := s.receiver.Receive(ctx, number, source)
	if err != nil {
		return nil, ownField(err)
	}
	return toParticipant(info), nil
}

// ownField names the field of the request that cannot be, where that is called as it is in what is taken in.
func ownField(err error) error {
	if e, ok := errors.AsType[*distribution.Error](err); ok && errors.Is(err, distribution.ErrInvalid) {
		return violated(e.Field, e.Text)
	}
	return err
}

// sourceOf reads what is to be taken in.
func sourceOf(req *confbridgev1.ReceiveSessionRequest) (source receiver.Source, err error) {
	var v violations
	described := req.GetSdp() != ""
	if described {
		for field, set := range map[string]bool{
			"group": req.GetGroup() != "", "codec": req.GetCodec() != "", "rate_hz": req.GetRateHz() != 0, "payload_type": req.PayloadType != nil,
			"sources": len(req.GetSources()) > 0,
		} {
			if set {
				v.add(field, "sdp says it")
			}
		}
		if source, err = distribution.DescribeSource(req.GetSdp()); err != nil {
			return source, err
		}
	} else {
		source = groupOf(req, &v)
	}
	if name := req.GetDisplayName(); name != "" {
		if fault := displayNameFault(name); fault != "" {
			v.add("display_name", fault)
		}
		source.DisplayName = name
	}
	if fault := setKey(&source, req); fault != "" {
		v.add("encryption", fault)
	}
	source.Interface = req.GetInterface()
	source.Timeout = durationWithin(&v, "timeout", req.GetTimeout(), minSilence, distribution.MaxTimeout)
	return source, v.err()
}

// sourceSuites are those of sessions that are taken in: all that descriptions have keys of.
var sourceSuites = map[confbridgev1.Encryption]terms.Suite{
	confbridgev1.Encryption_ENCRYPTION_UNSPECIFIED:             distribution.SuiteNone,
	confbridgev1.Encryption_ENCRYPTION_NONE:                    distribution.SuiteNone,
	confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80: terms.AES128CMHMACSHA180,
	confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_32: terms.AES128CMHMACSHA132,
	confbridgev1.Encryption_ENCRYPTION_AES_256_CM_HMAC_SHA1_80: terms.AES256CMHMACSHA180,
	confbridgev1.Encryption_ENCRYPTION_AES_256_CM_HMAC_SHA1_32: terms.AES256CMHMACSHA132,
	confbridgev1.Encryption_ENCRYPTION_AEAD_AES_128_GCM:        terms.AEADAES128GCM,
	confbridgev1.Encryption_ENCRYPTION_AEAD_AES_256_GCM:        terms.AEADAES256GCM,
}

// setKey has the session decrypted by the key of the request, if there is one.
func setKey(source *receiver.Source, req *confbridgev1.ReceiveSessionRequest) (fault string) {
	suite, known := sourceSuites[req.GetEncryption()]
	switch {
	case !known:
		return req.GetEncryption().String() + " is none"
	case len(req.GetKey()) == 0:
		source.Secure = source.Secure || suite != distribution.SuiteNone
		return ""
	case req.GetEncryption() == confbridgev1.Encryption_ENCRYPTION_NONE:
		return "is none, and there is a key"
	}
	source.Key = session.Key{Suite: string(cmp.Or(suite, distribution.SuiteCM)), Master: req.GetKey()}
	return ""
}

// groupOf reads a group and how it is coded.
func groupOf(req *confbridgev1.ReceiveSessionRequest, v *violations) (source receiver.Source) {
	group, err := netip.ParseAddrPort(req.GetGroup())
	if err != nil {
		v.add("group", quote(req.GetGroup())+" is not a group and a port, like 239.1.2.3:5004 or [ff05::1:3]:5004")
	}
	source.Group = netip.AddrPortFrom(group.Addr().Unmap(), group.Port())
	coded := distribution.Distribution{RateHz: int(req.GetRateHz())}
	var fault string
	if coded.Codec, fault = parseCodec(req.GetCodec()); fault != "" {
		v.add("codec", fault)
	} else if source.Format, err = coded.Format(); err != nil {
		v.add("rate_hz", err.Error())
	}
	source.PayloadType = coded.PayloadType()
	if req.PayloadType != nil {
		n := req.GetPayloadType()
		if n < 0 || n > 127 {
			v.add("payload_type", "is not 0 to 127")
		}
		source.PayloadType = uint8(n)
	}
	for _, text := range req.GetSources() {
		a, fault := parseSource(text)
		if fault != "" {
			v.add("sources", fault)
		}
		source.Sources = append(source.Sources, a)
	}
	return source
}
