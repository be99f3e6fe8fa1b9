package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/confbridge/confbridge/media/terms"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

func TestSourcesAreMadeListedAndTakenAway(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	s := newDistributionService(t, b)
	ctx := waitContext(t)
	made, err := s.CreateSource(ctx, &confbridgev1.CreateSourceRequest{
		Parent: "rooms/1000", SourceId: "stage", Source: &confbridgev1.Source{
			Group: "239.78.0.9:5005", RtcpPort: 6000, Codec: "l16", RateHz: 16000, PayloadType: new(int32(110)), Sources: []string{"127.0.0.1"}, Ttl: 3, Interface: "lo",
			DisplayName: "Stage", Timeout: durationpb.New(time.Minute),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &confbridgev1.Source{
		Name: "rooms/1000/sources/stage", Group: "239.78.0.9:5005", RtcpPort: 6000, Codec: "L16", RateHz: 16000, PayloadType: new(int32(110)), Sources: []string{"127.0.0.1"}, Ttl: 3,
		Interface: "lo", DisplayName: "Stage", Timeout: durationpb.New(time.Minute),
	}
	if diff := cmp.Diff(want, made, protocmp.Transform(), protocmp.IgnoreFields(want, "create_time", "participant")); diff != "" || made.GetCreateTime() == nil {
		t.Errorf("made at %v (-want +got):\n%s", made.GetCreateTime(), diff)
	}
	p, err := b.participants.GetParticipant(ctx, &confbridgev1.GetParticipantRequest{Name: made.GetParticipant()})
	if err != nil || p.GetKind() != confbridgev1.ParticipantKind_PARTICIPANT_KIND_SESSION || p.GetDisplayName() != "Stage" {
		t.Errorf("in the room it is %v, %v", p, err)
	}
	got, err := s.GetSource(ctx, &confbridgev1.GetSourceRequest{Name: made.GetName()})
	if diff := cmp.Diff(made, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("got %v (-made +got):\n%s", err, diff)
	}
	if _, err := s.CreateSource(ctx, &confbridgev1.CreateSourceRequest{Parent: "rooms/1000", SourceId: "attic", Source: &confbridgev1.Source{Sdp: hallSDP, Interface: "lo"}}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for token := ""; ; {
		page, err := s.ListSources(ctx, &confbridgev1.ListSourcesRequest{Parent: "rooms/1000", PageSize: 1, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.GetSources() {
			names = append(names, fmt.Sprint(one.GetName(), " ", one.GetGroup(), " ", one.GetRtcpPort(), " ", one.GetDisplayName()))
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"rooms/1000/sources/attic 239.78.0.9:5004 0 Hall", "rooms/1000/sources/stage 239.78.0.9:5005 6000 Stage"}, names); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	for _, name := range []string{"rooms/1000/sources/attic", "rooms/1000/sources/stage"} {
		if _, err := s.DeleteSource(ctx, &confbridgev1.DeleteSourceRequest{Name: name}); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.GetSource(ctx, &confbridgev1.GetSourceRequest{Name: made.GetName()}); toStatus(nil, err).Code() != codes.NotFound {
		t.Errorf("after it was deleted: got %v", err)
	}
}

// TestASourceIsChangedWhereItIs: it keeps its key, and is taken in anew only where it is another.
func TestASourceIsChangedWhereItIs(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	s := newDistributionService(t, b)
	far, near := waitContext(t), peer.NewContext(waitContext(t), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv6loopback}})
	secret := strings.Replace(hallSDP, "RTP/AVP", "RTP/SAVP", 1) + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString(make([]byte, 30)) + "\r\n"
	made, err := s.CreateSource(near, &confbridgev1.CreateSourceRequest{Parent: "rooms/1000", SourceId: "hall", Source: &confbridgev1.Source{Sdp: secret, Interface: "lo"}})
	if err != nil {
		t.Fatal(err)
	}
	cm, gcm := confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80, confbridgev1.Encryption_ENCRYPTION_AEAD_AES_128_GCM
	all := func() *confbridgev1.Source {
		return &confbridgev1.Source{Name: made.GetName(), Group: "239.78.0.9:5004", Interface: "lo", DisplayName: "Hall", Encryption: cm}
	}
	for _, row := range []struct {
		name   string
		ctx    context.Context
		change func(*confbridgev1.Source)
		mask   []string
		says   string // of the error; empty: there is none
		anew   bool
	}{
		{"nothing", far, func(*confbridgev1.Source) {}, []string{"*"}, "", false},
		{"what goes without saying", far, func(c *confbridgev1.Source) { c.RtcpPort, c.Ttl, c.Codec, c.PayloadType = 5005, 1, "pcmu", new(int32) }, []string{"*"}, "", false},
		{"the description that it has", near, func(c *confbridgev1.Source) { c.Group, c.DisplayName, c.Encryption, c.Sdp = "", "", 0, secret }, nil, "", false},
		{"the key that it has", far, func(c *confbridgev1.Source) { c.Key = make([]byte, 30) }, []string{"*"}, "", false},
		{"another key from far away", far, func(c *confbridgev1.Source) { c.Key = []byte(strings.Repeat("k", 30)) }, []string{"key"}, errKeyExposed.Error(), false},
		{"another suite without a key", near, func(c *confbridgev1.Source) { c.Encryption = gcm }, []string{"encryption"}, "no key", false},
		{"a field that is shown only", near, func(*confbridgev1.Source) {}, []string{"participant"}, "cannot be changed", false},
		{"another name", far, func(c *confbridgev1.Source) { c.DisplayName = "Board" }, []string{"display_name"}, "", true},
		{"another key", near, func(c *confbridgev1.Source) { c.Key = []byte(strings.Repeat("k", 30)) }, []string{"key"}, "", true},
	} {
		before, err := s.GetSource(far, &confbridgev1.GetSourceRequest{Name: made.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		to := all()
		row.change(to)
		req := &confbridgev1.UpdateSourceRequest{Source: to}
		if row.mask != nil {
			req.UpdateMask = &fieldmaskpb.FieldMask{Paths: row.mask}
		}
		got, err := s.UpdateSource(row.ctx, req)
		if err != nil {
			if told := fmt.Sprint(toStatus(req, err), err); row.says == "" || !strings.Contains(told, row.says) {
				t.Errorf("%s: got %v, want %q", row.name, err, row.says)
			}
			got, err = s.GetSource(far, &confbridgev1.GetSourceRequest{Name: made.GetName()})
			if err != nil {
				t.Fatal(err)
			}
		} else if row.says != "" {
			t.Errorf("%s: no error, want %q", row.name, row.says)
		}
		if anew := got.GetParticipant() != before.GetParticipant(); anew != row.anew || got.GetEncryption() != cm {
			t.Errorf("%s: got %v, before %v", row.name, got, before)
		}
	}
	if _, err := s.UpdateSource(far, &confbridgev1.UpdateSourceRequest{Source: &confbridgev1.Source{Name: "rooms/1000/sources/none"}}); toStatus(nil, err).Code() != codes.NotFound {
		t.Errorf("one that is not there: got %v", err)
	}
	if _, err := (&distributionService{}).UpdateSource(far, &confbridgev1.UpdateSourceRequest{Source: all()}); toStatus(nil, err).Code() != codes.FailedPrecondition {
		t.Errorf("without a receiver: got %v", err)
	}
}

func TestAllOfASourceCanBeUpdatedButWhatIsShownOnly(t *testing.T) {
	var want []string
	fields := (&confbridgev1.Source{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if name := string(fields.Get(i).Name()); name != "name" && name != "create_time" && name != "participant" {
			want = append(want, name)
		}
	}
	if diff := cmp.Diff(want, sourceFields); diff != "" {
		t.Errorf("sourceFields (-want +got):\n%s", diff)
	}
}

// TestASourceIsMadeAgainOfWhatIsShown: of each suite that a description may have, with its key, and on ports that are not the usual ones.
func TestASourceIsMadeAgainOfWhatIsShown(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	s := newDistributionService(t, b)
	near := peer.NewContext(waitContext(t), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv6loopback}})
	secret := strings.Replace(hallSDP, "RTP/AVP", "RTP/SAVP", 1)
	for _, row := range []struct {
		name, sdp  string
		suite      terms.Suite // empty: in the clear
		encryption confbridgev1.Encryption
		rtcp       int32
	}{
		{"in the clear", hallSDP, "", confbridgev1.Encryption_ENCRYPTION_UNSPECIFIED, 0},
		{"an odd port", strings.Replace(hallSDP, " 5004 ", " 5005 ", 1), "", confbridgev1.Encryption_ENCRYPTION_UNSPECIFIED, 5006},
		{"an even port, and RTCP elsewhere", hallSDP + "a=rtcp:6000\r\n", "", confbridgev1.Encryption_ENCRYPTION_UNSPECIFIED, 6000},
		{"128 bits", secret, terms.AES128CMHMACSHA180, confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80, 0},
		{"128 bits, short tags", secret, terms.AES128CMHMACSHA132, confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_32, 0},
		{"256 bits", secret, terms.AES256CMHMACSHA180, confbridgev1.Encryption_ENCRYPTION_AES_256_CM_HMAC_SHA1_80, 0},
		{"256 bits, short tags", secret, terms.AES256CMHMACSHA132, confbridgev1.Encryption_ENCRYPTION_AES_256_CM_HMAC_SHA1_32, 0},
		{"GCM of 128 bits", secret, terms.AEADAES128GCM, confbridgev1.Encryption_ENCRYPTION_AEAD_AES_128_GCM, 0},
		{"GCM of 256 bits", secret, terms.AEADAES256GCM, confbridgev1.Encryption_ENCRYPTION_AEAD_AES_256_GCM, 0},
	} {
		master, salt := row.suite.KeyBytes()
		key := make([]byte, master+salt)
		if row.suite != "" {
			row.sdp += "a=crypto:1 " + string(row.suite) + " inline:" + base64.StdEncoding.EncodeToString(key) + "\r\n"
		}
		made, err := s.CreateSource(near, &confbridgev1.CreateSourceRequest{Parent: "rooms/1000", SourceId: "a", Source: &confbridgev1.Source{Sdp: row.sdp, Interface: "lo"}})
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if made.GetEncryption() != row.encryption || made.GetRtcpPort() != row.rtcp {
			t.Errorf("%s: got %v", row.name, made)
		}
		if _, err := s.DeleteSource(near, &confbridgev1.DeleteSourceRequest{Name: made.GetName()}); err != nil {
			t.Fatal(err)
		}
		again := proto.Clone(made).(*confbridgev1.Source)
		again.Key = key
		back, err := s.CreateSource(near, &confbridgev1.CreateSourceRequest{Parent: "rooms/1000", SourceId: "a", Source: again})
		if diff := cmp.Diff(made, back, protocmp.Transform(), protocmp.IgnoreFields(made, "create_time", "participant")); diff != "" || err != nil {
			t.Errorf("%s: made again: %v (-want +got):\n%s", row.name, err, diff)
			continue
		}
		if _, err := s.DeleteSource(near, &confbridgev1.DeleteSourceRequest{Name: back.GetName()}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(confbridgev1.Encryption_name); n != len(sourceSuites) {
		t.Errorf("%d values of Encryption, and sourceSuites has %d", n, len(sourceSuites))
	}
}

func TestWhatCannotBeKeptIsToldByItsField(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	s := newDistributionService(t, b)
	near := peer.NewContext(waitContext(t), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv6loopback}})
	create := func(id string, source *confbridgev1.Source) *confbridgev1.CreateSourceRequest {
		return &confbridgev1.CreateSourceRequest{Parent: "rooms/1000", SourceId: id, Source: source}
	}
	if _, err := s.CreateSource(near, create("stage", &confbridgev1.Source{Group: "239.78.0.9:5004", Interface: "lo"})); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		req   *confbridgev1.CreateSourceRequest
		code  codes.Code
		field string // of InvalidArgument
		says  string
	}{
		{"nothing", create("a", nil), codes.InvalidArgument, "source.group", "is not a group and a port"},
		{"a line that is none", create("a", &confbridgev1.Source{Sdp: hallSDP + "xyz\r\n"}), codes.InvalidArgument, "source.sdp", "line 7"},
		{"an ID that is none", create("A", &confbridgev1.Source{Sdp: hallSDP}), codes.InvalidArgument, "source_id", "1 to 32"},
		{"a port that is none", create("a", &confbridgev1.Source{Group: "239.1.2.3:5004", RtcpPort: 70000}), codes.InvalidArgument, "source.rtcp_port", "65535"},
		{"a TTL that is none", create("a", &confbridgev1.Source{Group: "239.1.2.3:5004", Ttl: 256}), codes.InvalidArgument, "source.ttl", "255"},
		{"an odd port", create("a", &confbridgev1.Source{Group: "239.1.2.3:5005"}), codes.InvalidArgument, "source.group", "not even"},
		{"a short key", create("a", &confbridgev1.Source{Group: "239.1.2.3:5004", Key: make([]byte, 28)}), codes.InvalidArgument, "source.key", "28 bytes"},
		{"a group of the world", create("a", &confbridgev1.Source{Group: "224.2.3.4:5004"}), codes.PermissionDenied, "", "distributions.groups"},
		{"an interface that is not there", create("a", &confbridgev1.Source{Group: "239.1.2.3:5004", Interface: "none0"}), codes.FailedPrecondition, "", "none0"},
		{"one that is there", create("stage", &confbridgev1.Source{Sdp: hallSDP, Interface: "lo"}), codes.AlreadyExists, "", "exists"},
		{"a group that is taken in", create("a", &confbridgev1.Source{Sdp: hallSDP, Interface: "lo"}), codes.AlreadyExists, "", `source "stage"`},
		{"a room that is not there", &confbridgev1.CreateSourceRequest{Parent: "rooms/9", Source: &confbridgev1.Source{Sdp: hallSDP}}, codes.NotFound, "", "rooms/9"},
	} {
		_, err := s.CreateSource(near, row.req)
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
	secret := create("b", &confbridgev1.Source{Group: "239.78.0.8:5004", Interface: "lo", Key: make([]byte, 30)})
	if _, err := s.CreateSource(waitContext(t), secret); err != errKeyExposed { //nolint:errorlint // it is that error itself
		t.Errorf("a key from nobody knows where: got %v, want errKeyExposed", err)
	}
	made, err := s.CreateSource(near, secret)
	if err != nil || len(made.GetKey()) != 0 || made.GetEncryption() != confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80 {
		t.Errorf("an encrypted one: got %v, %v", made, err)
	}
	none := &distributionService{}
	if _, err := none.ListSources(near, &confbridgev1.ListSourcesRequest{Parent: "rooms/1000"}); toStatus(nil, err).Code() != codes.FailedPrecondition {
		t.Errorf("without a receiver: got %v", err)
	}
	if _, err := none.DeleteSource(near, &confbridgev1.DeleteSourceRequest{Name: "rooms/1000/sources/x"}); toStatus(nil, err).Code() != codes.FailedPrecondition {
		t.Errorf("without a receiver: got %v", err)
	}
}
