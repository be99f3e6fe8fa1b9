package api

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
)

// transmitter is a bridge that has distributions, to listeners on the loopback and to no others, and the rooms 1000, 1001 and 2000, of which the last
// is declared in a file.
type transmitter struct {
	confbridgev1.DistributionServiceClient
	reg     *rooms.Registry
	service *distributionService
}

func newTransmitter(t *testing.T) *transmitter {
	t.Helper()
	ctx := waitContext(t)
	reg := rooms.NewRegistry(rooms.Config{OnDemand: true})
	if err := reg.Restore(ctx, rooms.Memory{Declared: []rooms.Kept{{Number: "2000"}}}); err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"1000", "1001"} {
		if _, err := reg.Create(ctx, number, rooms.Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	spread := distributor.New(distributor.Config{Policy: distribution.Policy{Listeners: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}, reg)
	server := New(Config{Distributor: spread}, reg)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	conn, err := grpc.NewClient("passthrough:///"+ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testWait)
		defer cancel()
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		server.Shutdown(ctx)
		for what, err := range map[string]error{"serve": <-served, "distributions": spread.Close(ctx), "rooms": reg.Close(ctx)} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	return &transmitter{confbridgev1.NewDistributionServiceClient(conn), reg, &distributionService{distributor: spread}}
}

// create makes one that is sent to a port of the loopback which nobody listens on.
func (b *transmitter) create(t *testing.T, parent, id string, d *confbridgev1.Distribution) *confbridgev1.Distribution {
	t.Helper()
	got, err := b.CreateDistribution(waitContext(t), &confbridgev1.CreateDistributionRequest{Parent: parent, DistributionId: id, Distribution: d})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// hallway is the least that can be said of a distribution, to that port.
func hallway(ports ...string) *confbridgev1.Distribution {
	d := &confbridgev1.Distribution{}
	for _, port := range ports {
		d.Destinations = append(d.Destinations, "127.0.0.1:"+port)
	}
	return d
}

var ignoreProgress = protocmp.IgnoreFields(&confbridgev1.Distribution{}, "ssrc", "create_time", "status")

func TestADistributionIsCreatedShownUpdatedAndDeleted(t *testing.T) {
	b := newTransmitter(t)
	ctx := waitContext(t)
	const name = "rooms/1000/distributions/hall"
	created := b.create(t, "rooms/1000", "hall", hallway("10000"))
	want := &confbridgev1.Distribution{
		Name: name, Destinations: []string{"127.0.0.1:10000"}, Ttl: proto.Int32(64), Dscp: proto.Int32(46), Codec: "PCMU",
		PacketTime: durationpb.New(20 * time.Millisecond), Silence: confbridgev1.Silence_SILENCE_SOUND, Encryption: confbridgev1.Encryption_ENCRYPTION_NONE,
	}
	if diff := cmp.Diff(want, created, protocmp.Transform(), ignoreProgress); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if created.GetSsrc() == 0 || created.GetCreateTime() == nil || !created.GetStatus().GetUp() {
		t.Errorf("created: got %v", created)
	}
	for _, row := range []struct {
		name string
		mask []string
		set  *confbridgev1.Distribution
		want func()
	}{
		{
			"what the mask names",
			[]string{"ttl", "dscp"},
			&confbridgev1.Distribution{Ttl: proto.Int32(4), Dscp: proto.Int32(0), Codec: "PCMA"},
			func() { want.Ttl, want.Dscp = proto.Int32(4), proto.Int32(0) },
		},
		{
			"without a mask what is not empty", nil,
			&confbridgev1.Distribution{Codec: "l16", RateHz: 16000, PacketTime: durationpb.New(10 * time.Millisecond), Silence: confbridgev1.Silence_SILENCE_NOTHING},
			func() {
				want.Codec, want.RateHz, want.PacketTime = "L16", 16000, durationpb.New(10*time.Millisecond)
				want.Silence = confbridgev1.Silence_SILENCE_NOTHING
			},
		},
		{
			"what the mask names and is not said is as in a new one",
			[]string{"ttl", "codec", "rate_hz"},
			&confbridgev1.Distribution{},
			func() { want.Ttl, want.Codec, want.RateHz = proto.Int32(64), "PCMU", 0 },
		},
		{
			"with a star all",
			[]string{"*"},
			&confbridgev1.Distribution{Destinations: []string{"127.0.0.1:10002", "127.0.0.1:10004"}, OnlyOccupied: true, Loopback: true, Source: "127.0.0.1"},
			func() {
				want.Destinations, want.OnlyOccupied, want.Loopback = []string{"127.0.0.1:10002", "127.0.0.1:10004"}, true, true
				want.Dscp, want.PacketTime, want.Silence, want.Source = proto.Int32(46), durationpb.New(20*time.Millisecond), confbridgev1.Silence_SILENCE_SOUND, "127.0.0.1"
			},
		},
	} {
		row.want()
		row.set.Name = name
		got, err := b.UpdateDistribution(ctx, &confbridgev1.UpdateDistributionRequest{Distribution: row.set, UpdateMask: &fieldmaskpb.FieldMask{Paths: row.mask}})
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform(), ignoreProgress); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
		shown, err := b.GetDistribution(ctx, &confbridgev1.GetDistributionRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, shown, protocmp.Transform(), protocmp.IgnoreFields(&confbridgev1.Distribution{}, "status")); diff != "" || shown.GetSsrc() != created.GetSsrc() {
			t.Errorf("%s, shown with SSRC %d, was %d (-want +got):\n%s", row.name, shown.GetSsrc(), created.GetSsrc(), diff)
		}
	}
	if _, err := b.DeleteDistribution(ctx, &confbridgev1.DeleteDistributionRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
	_, err := b.GetDistribution(ctx, &confbridgev1.GetDistributionRequest{Name: name})
	info := detail[*errdetails.ErrorInfo](t, status.Convert(err))
	kind := detail[*errdetails.ResourceInfo](t, status.Convert(err))
	if status.Code(err) != codes.NotFound || info.GetReason() != "DISTRIBUTION_NOT_FOUND" || kind.GetResourceType() != "confbridge.v1.Distribution" || kind.GetResourceName() != name {
		t.Errorf("one that is gone: got %v", err)
	}
}

func TestDistributionsAreListedPageByPage(t *testing.T) {
	b := newTransmitter(t)
	ctx := waitContext(t)
	for id, port := range map[string]string{"c": "10000", "a": "10002", "b": "10004"} {
		b.create(t, "rooms/1000", id, hallway(port))
	}
	b.create(t, "rooms/1001", "d", hallway("10006"))
	var got []string
	pages := 0
	for token := ""; ; pages++ {
		page, err := b.ListDistributions(ctx, &confbridgev1.ListDistributionsRequest{Parent: "rooms/1000", PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.GetDistributions() {
			got = append(got, strings.TrimPrefix(d.GetName(), "rooms/1000/distributions/"))
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
		if _, err := b.ListDistributions(ctx, &confbridgev1.ListDistributionsRequest{Parent: "rooms/1001", PageToken: token}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("another room's token: got %v", err)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" || pages != 1 {
		t.Errorf("%d more pages, (-want +got):\n%s", pages, diff)
	}
	if _, err := b.ListDistributions(ctx, &confbridgev1.ListDistributionsRequest{Parent: "rooms/1000", PageSize: -1}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a page of -1: got %v", err)
	}
	if made := b.create(t, "rooms/1001", "", hallway("10008")); !distribution.IsID(strings.TrimPrefix(made.GetName(), "rooms/1001/distributions/")) {
		t.Errorf("without an ID: got %s", made.GetName())
	}
}

func TestDistributionsThatCannotBe(t *testing.T) {
	b := newTransmitter(t)
	ctx := waitContext(t)
	b.create(t, "rooms/1000", "hall", hallway("10000"))
	before, err := b.GetDistribution(ctx, &confbridgev1.GetDistributionRequest{Name: "rooms/1000/distributions/hall"})
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*confbridgev1.Distribution)) *confbridgev1.Distribution {
		d := hallway("10002")
		change(d)
		return d
	}
	for _, row := range []struct {
		name   string
		set    *confbridgev1.Distribution
		code   codes.Code
		reason string
		field  string // where the code is INVALID_ARGUMENT
	}{
		{"no destination", &confbridgev1.Distribution{}, codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.destinations"},
		{"a host by name", &confbridgev1.Distribution{Destinations: []string{"localhost:40002"}}, codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.destinations"},
		{"an odd port", hallway("10003"), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.destinations"},
		{"one listener twice", hallway("10002", "10002"), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.destinations"},
		{"too many listeners", hallway(make([]string, 1025)...), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.destinations"},
		{"TTL 0", with(func(d *confbridgev1.Distribution) { d.Ttl = proto.Int32(0) }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.ttl"},
		{"TTL 256", with(func(d *confbridgev1.Distribution) { d.Ttl = proto.Int32(256) }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.ttl"},
		{"DSCP 64", with(func(d *confbridgev1.Distribution) { d.Dscp = proto.Int32(64) }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.dscp"},
		{"a codec that is none", with(func(d *confbridgev1.Distribution) { d.Codec = "GSM" }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.codec"},
		{"a clock that is none", with(func(d *confbridgev1.Distribution) { d.RateHz = 44100 }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.codec"},
		{
			"packets of 70 ms", with(func(d *confbridgev1.Distribution) { d.PacketTime = durationpb.New(70 * time.Millisecond) }),
			codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.packet_time",
		},
		{"a source that is none", with(func(d *confbridgev1.Distribution) { d.Source = "eth0" }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.source"},
		{"a source of the other family", with(func(d *confbridgev1.Distribution) { d.Source = "::1" }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.source"},
		{"a silence that is none", with(func(d *confbridgev1.Distribution) { d.Silence = 99 }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.silence"},
		{
			"noise of Opus", with(func(d *confbridgev1.Distribution) { d.Codec, d.Silence = "opus", confbridgev1.Silence_SILENCE_NOISE }),
			codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.silence",
		},
		{"an encryption that is none", with(func(d *confbridgev1.Distribution) { d.Encryption = 99 }), codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.encryption"},
		{
			"an encryption that is taken in only", with(func(d *confbridgev1.Distribution) { d.Encryption = confbridgev1.Encryption_ENCRYPTION_AEAD_AES_256_GCM }),
			codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.encryption",
		},
		{
			"a source-specific group without a source", &confbridgev1.Distribution{Destinations: []string{"232.1.2.3:5004"}},
			codes.InvalidArgument, "INVALID_ARGUMENT", "distribution.source",
		},
		{"a group outside of those allowed", &confbridgev1.Distribution{Destinations: []string{"224.1.2.3:5004"}}, codes.PermissionDenied, "DISTRIBUTION_DENIED", ""},
		{"a listener outside of those allowed", &confbridgev1.Distribution{Destinations: []string{"192.0.2.1:5004"}}, codes.PermissionDenied, "DISTRIBUTION_DENIED", ""},
		{"a TTL that leaves the site", &confbridgev1.Distribution{Destinations: []string{"239.1.2.3:5004"}, Ttl: proto.Int32(32)}, codes.PermissionDenied, "DISTRIBUTION_DENIED", ""},
		{"an interface that is not there", with(func(d *confbridgev1.Distribution) { d.Interface = "none0" }), codes.FailedPrecondition, "NO_PATH", ""},
		{"where another one goes", hallway("10000"), codes.AlreadyExists, "DESTINATION_TAKEN", ""},
	} {
		check := func(how string, err error) {
			t.Helper()
			st := status.Convert(err)
			if st.Code() != row.code || detail[*errdetails.ErrorInfo](t, st).GetReason() != row.reason {
				t.Errorf("%s, %s: got %v, want %v %s", row.name, how, err, row.code, row.reason)
				return
			}
			if row.code != codes.InvalidArgument {
				return
			}
			if v := detail[*errdetails.BadRequest](t, st).GetFieldViolations(); len(v) != 1 || v[0].GetField() != row.field {
				t.Errorf("%s, %s: got %v, want %s", row.name, how, v, row.field)
			}
		}
		_, err := b.CreateDistribution(ctx, &confbridgev1.CreateDistributionRequest{Parent: "rooms/1001", DistributionId: "other", Distribution: row.set})
		check("created", err)
		if row.reason == "DESTINATION_TAKEN" {
			continue // it is its own
		}
		row.set.Name = before.GetName()
		_, err = b.UpdateDistribution(ctx, &confbridgev1.UpdateDistributionRequest{Distribution: row.set, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}})
		check("updated", err)
		after, err := b.GetDistribution(ctx, &confbridgev1.GetDistributionRequest{Name: before.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after, protocmp.Transform(), protocmp.IgnoreFields(&confbridgev1.Distribution{}, "status")); diff != "" || !after.GetStatus().GetUp() {
			t.Errorf("after %s (-want +got), up %v:\n%s", row.name, after.GetStatus().GetUp(), diff)
		}
	}
	if page, err := b.ListDistributions(ctx, &confbridgev1.ListDistributionsRequest{Parent: "rooms/1001"}); err != nil || len(page.GetDistributions()) != 0 {
		t.Errorf("room 1001 has %v, %v", page, err)
	}
}

func TestWhereNoDistributionCanBe(t *testing.T) {
	b := newTransmitter(t)
	ctx := waitContext(t)
	b.create(t, "rooms/1000", "hall", hallway("10000"))
	p, err := b.reg.Admit(ctx, "3000", rooms.Caller{Address: "sip:a@192.0.2.1"}) // makes it
	if err != nil {
		t.Fatal(err)
	}
	defer p.Leave(rooms.ReasonHangup)
	create := func(parent, id string) error {
		_, err := b.CreateDistribution(ctx, &confbridgev1.CreateDistributionRequest{Parent: parent, DistributionId: id, Distribution: hallway("10002")})
		return err
	}
	update := func(name string, paths ...string) error {
		_, err := b.UpdateDistribution(ctx, &confbridgev1.UpdateDistributionRequest{
			Distribution: &confbridgev1.Distribution{Name: name}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
		return err
	}
	remove := func(name string) error {
		_, err := b.DeleteDistribution(ctx, &confbridgev1.DeleteDistributionRequest{Name: name})
		return err
	}
	rekey := func(name string) error {
		_, err := b.RekeyDistribution(ctx, &confbridgev1.RekeyDistributionRequest{Name: name})
		return err
	}
	describe := func(name string) error {
		_, err := b.GetSessionDescription(ctx, &confbridgev1.GetSessionDescriptionRequest{Name: name})
		return err
	}
	list := func(parent string) error {
		_, err := b.ListDistributions(ctx, &confbridgev1.ListDistributionsRequest{Parent: parent})
		return err
	}
	for _, row := range []struct {
		name   string
		err    error
		code   codes.Code
		reason string
	}{
		{"in no room", create("rooms/9", ""), codes.NotFound, "ROOM_NOT_FOUND"},
		{"in what is no room's name", create("9", ""), codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"by an ID that cannot be", create("rooms/1000", "-"), codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"by an ID that is taken", create("rooms/1000", "hall"), codes.AlreadyExists, "DISTRIBUTION_EXISTS"},
		{"in a declared room", create("rooms/2000", ""), codes.FailedPrecondition, "ROOM_DECLARED"},
		{"in a room that is there on demand", create("rooms/3000", ""), codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"those of no room", list("rooms/9"), codes.NotFound, "ROOM_NOT_FOUND"},
		{"a change of none", update("rooms/1000/distributions/attic", "ttl"), codes.NotFound, "DISTRIBUTION_NOT_FOUND"},
		{"a change of what is output only", update("rooms/1000/distributions/hall", "ssrc"), codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"a change of what is no field", update("rooms/1000/distributions/hall", "colour"), codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"a change of what is no name", update("rooms/1000", "ttl"), codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"an end of none", remove("rooms/1000/distributions/attic"), codes.NotFound, "DISTRIBUTION_NOT_FOUND"},
		{"an end in no room", remove("rooms/9/distributions/hall"), codes.NotFound, "ROOM_NOT_FOUND"},
		{"a key of what has none", rekey("rooms/1000/distributions/hall"), codes.FailedPrecondition, "NOT_ENCRYPTED"},
		{"a key of none", rekey("rooms/1000/distributions/attic"), codes.NotFound, "DISTRIBUTION_NOT_FOUND"},
		{"a description of none", describe("rooms/1000/distributions/attic"), codes.NotFound, "DISTRIBUTION_NOT_FOUND"},
		{"a description of a participant", describe("rooms/1000/participants/hall"), codes.InvalidArgument, "INVALID_ARGUMENT"},
	} {
		if st := status.Convert(row.err); st.Code() != row.code || detail[*errdetails.ErrorInfo](t, st).GetReason() != row.reason {
			t.Errorf("%s: got %v, want %v %s", row.name, row.err, row.code, row.reason)
		}
	}
	bare := confbridgev1.NewDistributionServiceClient(newBridge(t, rooms.Config{}).conn)
	_, err = bare.GetDistribution(ctx, &confbridgev1.GetDistributionRequest{Name: "rooms/1000/distributions/hall"})
	if st := status.Convert(err); st.Code() != codes.FailedPrecondition || detail[*errdetails.ErrorInfo](t, st).GetReason() != "DISTRIBUTIONS_UNAVAILABLE" {
		t.Errorf("without a distributor: got %v", err)
	}
}

func TestTheKeyIsToldToWhomNobodyOverhears(t *testing.T) {
	b := newTransmitter(t)
	d := hallway("10000")
	d.Encryption = confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80
	name := b.create(t, "rooms/1000", "hall", d).GetName()
	far := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000}
	from := func(p *peer.Peer) context.Context { return peer.NewContext(waitContext(t), p) }
	keys := map[string]bool{}
	for _, row := range []struct {
		name    string
		ctx     context.Context
		withKey bool
		err     error
		key     bool
	}{
		{"from afar without the key", from(&peer.Peer{Addr: far}), false, nil, false},
		{"from afar with it", from(&peer.Peer{Addr: far}), true, errKeyExposed, false},
		{"from nobody knows where with it", waitContext(t), true, errKeyExposed, false},
		{"from afar over TLS", from(&peer.Peer{Addr: far, AuthInfo: credentials.TLSInfo{}}), true, nil, true},
		{"over the loopback", from(&peer.Peer{Addr: &net.TCPAddr{IP: net.IPv6loopback}}), true, nil, true},
		{"over the loopback without being asked", from(&peer.Peer{Addr: &net.TCPAddr{IP: net.IPv6loopback}}), false, nil, false},
		{"over a Unix socket", from(&peer.Peer{Addr: &net.UnixAddr{Name: "/run/a", Net: "unix"}}), true, nil, true},
	} {
		resp, err := b.service.GetSessionDescription(row.ctx, &confbridgev1.GetSessionDescriptionRequest{Name: name, WithKey: row.withKey})
		if err != row.err { //nolint:errorlint // it is that error itself
			t.Errorf("%s: got %v, want %v", row.name, err, row.err)
			continue
		}
		_, key, there := strings.Cut(resp.GetSdp(), "a=crypto:")
		if there != row.key || err == nil && !strings.Contains(resp.GetSdp(), "RTP/SAVP") {
			t.Errorf("%s: got %q", row.name, resp.GetSdp())
		}
		if there {
			keys[key] = true
		}
	}
	if len(keys) != 1 {
		t.Errorf("got %d keys, want 1", len(keys))
	}
	st := toStatus(&confbridgev1.GetSessionDescriptionRequest{Name: name}, errKeyExposed)
	if st.Code() != codes.PermissionDenied || detail[*errdetails.ErrorInfo](t, st).GetReason() != "KEY_EXPOSED" {
		t.Errorf("as a status: got %v", st)
	}
	ctx := waitContext(t)
	got, err := b.RekeyDistribution(ctx, &confbridgev1.RekeyDistributionRequest{Name: name})
	if err != nil || got.GetEncryption() != confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80 {
		t.Fatalf("got %v, %v", got, err)
	}
	resp, err := b.GetSessionDescription(ctx, &confbridgev1.GetSessionDescriptionRequest{Name: name, WithKey: true}) // over the loopback
	if err != nil {
		t.Fatal(err)
	}
	if _, key, there := strings.Cut(resp.GetSdp(), "a=crypto:"); !there || keys[key] {
		t.Errorf("after a new key: got %q", resp.GetSdp())
	}
}
