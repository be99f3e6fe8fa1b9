package api

import (
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/confbridge/confbridge/media"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/receiver"
)

// ownNothing is a bridge that sends nothing to groups.
type ownNothing struct{}

func (ownNothing) Own(string, uint32) (string, bool) { return "", false }

func newDistributionService(t *testing.T, b *bridge) *distributionService {
	t.Helper()
	engine, err := media.NewEngine(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := receiver.New(receiver.Config{Own: ownNothing{}}, b.reg, engine)
	t.Cleanup(r.Close)
	return &distributionService{receiver: r}
}

const hallSDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=Hall\r\nc=IN IP4 239.78.0.9/1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n"

func TestASessionIsTakenInAsAParticipant(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	s := newDistributionService(t, b)
	for name, req := range map[string]*confbridgev1.ReceiveSessionRequest{
		"Hall":                  {Sdp: hallSDP},
		"Stage B":               {Sdp: hallSDP, DisplayName: "Stage B"},
		"rtp://239.78.0.9:5004": {Group: "239.78.0.9:5004", Codec: "l16", PayloadType: new(int32(110)), Sources: []string{"127.0.0.1"}, Timeout: durationpb.New(time.Minute)},
	} {
		req.Parent, req.Interface = "rooms/1000", "lo"
		p, err := s.ReceiveSession(waitContext(t), req)
		if err != nil {
			t.Fatal(err)
		}
		if p.GetKind() != confbridgev1.ParticipantKind_PARTICIPANT_KIND_SESSION || p.GetDisplayName() != name || p.GetAddress() != "rtp://239.78.0.9:5004" ||
			p.GetRole() != confbridgev1.Role_ROLE_SPEAKER {
			t.Errorf("taken in as %v", p)
		}
		if f := p.GetFormat(); req.Codec != "" && (f.GetCodec() != "L16" || f.GetClockRateHz() != 48000) {
			t.Errorf("got format %v, want L16 of 48000 Hz", f)
		}
		if _, err := b.participants.RemoveParticipant(waitContext(t), &confbridgev1.RemoveParticipantRequest{Name: p.GetName()}); err != nil {
			t.Error(err)
		}
	}
}

// TestAnEncryptedSessionIsTakenInByItsKey: that of its description, or the request's, and over no line that can be tapped.
func TestAnEncryptedSessionIsTakenInByItsKey(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	s := newDistributionService(t, b)
	secret := strings.Replace(hallSDP, "RTP/AVP", "RTP/SAVP", 1)
	near := peer.NewContext(waitContext(t), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv6loopback}})
	for name, req := range map[string]*confbridgev1.ReceiveSessionRequest{
		"of its description": {Sdp: secret + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString(make([]byte, 30)) + "\r\n"},
		"of the request":     {Sdp: secret, Key: make([]byte, 30)},
		"of a group":         {Group: "239.78.0.9:5004", Key: make([]byte, 28), Encryption: confbridgev1.Encryption_ENCRYPTION_AEAD_AES_128_GCM},
	} {
		req.Parent, req.Interface = "rooms/1000", "lo"
		if _, err := s.ReceiveSession(waitContext(t), req); err != errKeyExposed { //nolint:errorlint // it is that error itself
			t.Errorf("%s, from nobody knows where: got %v, want errKeyExposed", name, err)
		}
		if _, err := s.ReceiveSession(near, req); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCannotBeTakenInIsToldByItsField(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	s := newDistributionService(t, b)
	near := peer.NewContext(waitContext(t), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv6loopback}})
	for _, row := range []struct {
		name  string
		req   *confbridgev1.ReceiveSessionRequest
		code  codes.Code
		field string // of InvalidArgument
		says  string
	}{
		{"nothing", &confbridgev1.ReceiveSessionRequest{}, codes.InvalidArgument, "group", "is not a group and a port"},
		{"a line that is none", &confbridgev1.ReceiveSessionRequest{Sdp: hallSDP + "xyz\r\n"}, codes.InvalidArgument, "sdp", "line 7"},
		{"twice", &confbridgev1.ReceiveSessionRequest{Sdp: hallSDP, Codec: "opus"}, codes.InvalidArgument, "codec", "sdp says it"},
		{
			"encrypted", &confbridgev1.ReceiveSessionRequest{Sdp: strings.Replace(hallSDP, "RTP/AVP", "RTP/SAVP", 1)},
			codes.InvalidArgument, "key", "encrypted",
		},
		{"a codec of nobody", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", Codec: "mp3"}, codes.InvalidArgument, "codec", "mp3"},
		{"a clock of nobody", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", Codec: "l16", RateHz: 9}, codes.InvalidArgument, "rate_hz", "9 Hz"},
		{"payload type 128", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", PayloadType: new(int32(128))}, codes.InvalidArgument, "payload_type", "127"},
		{"a source that is none", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", Sources: []string{"here"}}, codes.InvalidArgument, "sources", "here"},
		{
			"a name of two lines", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", DisplayName: "a\nb"},
			codes.InvalidArgument, "display_name", "control character",
		},
		{
			"no patience", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", Timeout: durationpb.New(time.Millisecond)},
			codes.InvalidArgument, "timeout", "1s",
		},
		{"a key of another suite", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", Key: make([]byte, 28)}, codes.InvalidArgument, "key", "28 bytes"},
		{"encrypted by nothing known", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", Encryption: 9}, codes.InvalidArgument, "encryption", "none"},
		{
			"a key of what is not encrypted", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", Key: make([]byte, 30), Encryption: confbridgev1.Encryption_ENCRYPTION_NONE},
			codes.InvalidArgument, "encryption", "there is a key",
		},
		{"an odd port", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5005"}, codes.InvalidArgument, "group", "not even"},
		{"a group of the world", &confbridgev1.ReceiveSessionRequest{Group: "224.2.3.4:5004"}, codes.PermissionDenied, "", "distributions.groups"},
		{"an interface that is not there", &confbridgev1.ReceiveSessionRequest{Group: "239.1.2.3:5004", Interface: "none0"}, codes.FailedPrecondition, "", "none0"},
		{"a room that is not there", &confbridgev1.ReceiveSessionRequest{Parent: "rooms/9", Group: "239.1.2.3:5004"}, codes.NotFound, "", "rooms/9"},
	} {
		if row.req.Parent == "" {
			row.req.Parent = "rooms/1000"
		}
		_, err := s.ReceiveSession(near, row.req)
		st := toStatus(row.req, err)
		if st.Code() != row.code || !strings.Contains(st.Message(), row.says) {
			t.Errorf("%s: got %v, want %v and %q", row.name, st, row.code, row.says)
			continue
		}
		if row.field != "" {
			if v := detail[*errdetails.BadRequest](t, st).GetFieldViolations(); v[0].GetField() != row.field {
				t.Errorf("%s: the field is %q, want %q", row.name, v[0].GetField(), row.field)
			}
		}
	}
	if _, err := (&distributionService{}).ReceiveSession(waitContext(t), &confbridgev1.ReceiveSessionRequest{Parent: "rooms/1000"}); toStatus(nil, err).Code() != codes.FailedPrecondition {
		t.Errorf("without a receiver: got %v", err)
	}
}
