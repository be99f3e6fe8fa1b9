package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// sampleDistributions has one that goes well, one that has no way, and one that could not be begun.
func sampleDistributions() []*confbridgev1.Distribution {
	return []*confbridgev1.Distribution{
		{
			Name: "rooms/1000/distributions/hall", Destinations: []string{"239.1.2.3:5004"}, Interface: "eth0", Ttl: proto.Int32(4), Dscp: proto.Int32(46),
			Codec: "PCMU", PacketTime: durationpb.New(20 * time.Millisecond), Silence: confbridgev1.Silence_SILENCE_NOISE, Announced: true,
			Encryption: confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80, Ssrc: 0xabcd, CreateTime: ago(26 * time.Hour),
			Status: &confbridgev1.DistributionStatus{
				Up: true, SinceTime: ago(time.Hour), Packets: 180000, Octets: 30960000, SendErrors: 3, Receivers: 412, WorstLoss: .25, MeanLoss: .00123,
				Jitter: durationpb.New(1234 * time.Microsecond), Collisions: 1, Loops: 2, KeyGeneration: 5,
			},
		},
		{
			Name: "rooms/1000/distributions/stage", Destinations: []string{"[ff05::1:3]:5004"}, Source: "2001:db8::1", Ttl: proto.Int32(255), Dscp: proto.Int32(0),
			Codec: "L16", RateHz: 48000, PacketTime: durationpb.New(10 * time.Millisecond), Silence: confbridgev1.Silence_SILENCE_SOUND, Loopback: true,
			Encryption: confbridgev1.Encryption_ENCRYPTION_NONE, Ssrc: 1, CreateTime: ago(time.Minute), Status: &confbridgev1.DistributionStatus{SinceTime: ago(time.Minute)},
		},
		{
			Name: "rooms/1000/distributions/desks", Destinations: []string{"192.0.2.7:5004", "192.0.2.8:5004", "192.0.2.9:5004"}, Ttl: proto.Int32(1), Dscp: proto.Int32(46),
			Codec: "opus", PacketTime: durationpb.New(20 * time.Millisecond), Silence: confbridgev1.Silence_SILENCE_NOTHING, OnlyOccupied: true, Opening: "tone:440/500",
			Encryption: confbridgev1.Encryption_ENCRYPTION_NONE, Ssrc: 0xffffffff, CreateTime: ago(time.Second),
		},
	}
}

const sampleSDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=Monday\r\n"

func (f *fakeBridge) CreateDistribution(
	_ context.Context, req *confbridgev1.CreateDistributionRequest,
) (*confbridgev1.Distribution, error) {
	f.keep(req)
	return &confbridgev1.Distribution{Name: req.GetParent() + "/distributions/hall", Destinations: req.GetDistribution().GetDestinations()}, nil
}

func (f *fakeBridge) GetDistribution(_ context.Context, req *confbridgev1.GetDistributionRequest) (*confbridgev1.Distribution, error) {
	f.keep(req)
	for _, d := range sampleDistributions() {
		if d.GetName() == req.GetName() {
			return d, nil
		}
	}
	return &confbridgev1.Distribution{}, nil
}

// ListDistributions has pages of one.
func (f *fakeBridge) ListDistributions(
	_ context.Context, req *confbridgev1.ListDistributionsRequest,
) (*confbridgev1.ListDistributionsResponse, error) {
	if req.GetParent() != "rooms/1000" {
		return &confbridgev1.ListDistributionsResponse{}, nil
	}
	all := sampleDistributions()
	i := len(req.GetPageToken())
	resp := &confbridgev1.ListDistributionsResponse{Distributions: all[i : i+1]}
	if i+1 < len(all) {
		resp.NextPageToken = strings.Repeat("x", i+1)
	}
	return resp, nil
}

func (f *fakeBridge) UpdateDistribution(
	_ context.Context, req *confbridgev1.UpdateDistributionRequest,
) (*confbridgev1.Distribution, error) {
	f.keep(req)
	return req.GetDistribution(), nil
}

func (f *fakeBridge) DeleteDistribution(_ context.Context, req *confbridgev1.DeleteDistributionRequest) (*emptypb.Empty, error) {
	f.keep(req)
	return &emptypb.Empty{}, nil
}

func (f *fakeBridge) RekeyDistribution(_ context.Context, req *confbridgev1.RekeyDistributionRequest) (*confbridgev1.Distribution, error) {
	f.keep(req)
	return sampleDistributions()[0], nil
}

func (f *fakeBridge) GetSessionDescription(
	_ context.Context, req *confbridgev1.GetSessionDescriptionRequest,
) (*confbridgev1.GetSessionDescriptionResponse, error) {
	f.keep(req)
	return &confbridgev1.GetSessionDescriptionResponse{Sdp: sampleSDP}, nil
}

func TestDistributionCommandsAskTheAPIForWhatTheySay(t *testing.T) {
	const hall = "rooms/1000/distributions/hall"
	file := filepath.Join(t.TempDir(), "hall.sdp")
	for _, row := range []struct {
		args string
		want proto.Message
		says string
	}{
		{
			"distributions add 1000 --to 239.1.2.3:5004",
			&confbridgev1.CreateDistributionRequest{Parent: "rooms/1000", Distribution: &confbridgev1.Distribution{Destinations: []string{"239.1.2.3:5004"}}},
			hall + ": goes to 239.1.2.3:5004",
		},
		{
			"distributions add 1000 --to 192.0.2.1:5004 --to [::1]:5006,192.0.2.2:5004 --id hall --codec L16 --rate 48000 --packet-time 10ms --interface eth0 --ttl 4 " +
				"--source 192.0.2.9 --dscp 0 --loopback --silence nothing --only-occupied --opening tone:440/500 --announce --encrypt aes-gcm",
			&confbridgev1.CreateDistributionRequest{Parent: "rooms/1000", DistributionId: "hall", Distribution: &confbridgev1.Distribution{
				Destinations: []string{"192.0.2.1:5004", "[::1]:5006", "192.0.2.2:5004"}, Codec: "L16", RateHz: 48000, PacketTime: durationpb.New(10 * time.Millisecond),
				Interface: "eth0", Ttl: proto.Int32(4), Source: "192.0.2.9", Dscp: proto.Int32(0), Loopback: true, Silence: confbridgev1.Silence_SILENCE_NOTHING,
				OnlyOccupied: true, Opening: "tone:440/500", Announced: true, Encryption: confbridgev1.Encryption_ENCRYPTION_AEAD_AES_128_GCM,
			}},
			hall + ": goes to 192.0.2.1:5004 and 2 more",
		},
		{
			"distributions update 1000 hall --ttl 8",
			&confbridgev1.UpdateDistributionRequest{Distribution: &confbridgev1.Distribution{Name: hall, Ttl: proto.Int32(8)}, UpdateMask: paths("ttl")},
			hall + ": updated",
		},
		{
			"distributions update 1000 " + hall + " --to 239.1.2.4:5004 --interface= --no-loopback --silence noise --no-announce --encrypt none",
			&confbridgev1.UpdateDistributionRequest{
				Distribution: &confbridgev1.Distribution{
					Name: hall, Destinations: []string{"239.1.2.4:5004"}, Silence: confbridgev1.Silence_SILENCE_NOISE, Encryption: confbridgev1.Encryption_ENCRYPTION_NONE,
				},
				UpdateMask: paths("destinations", "interface", "loopback", "silence", "announced", "encryption"),
			},
			hall + ": updated",
		},
		{"distributions remove 1000 hall", &confbridgev1.DeleteDistributionRequest{Name: hall}, hall + ": removed"},
		{
			"distributions rekey 1000 hall", &confbridgev1.RekeyDistributionRequest{Name: hall},
			hall + ": has a new key; who is to go on listening needs its description again",
		},
		{
			"distributions sdp 1000 hall --with-key -o " + file, &confbridgev1.GetSessionDescriptionRequest{Name: hall, WithKey: true},
			hall + " is in " + file,
		},
	} {
		t.Run(row.args, func(t *testing.T) {
			fake := sample()
			got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": fake.start(t)}, strings.Fields(row.args)...)
			if got.code != exitOK || got.stderr != "" || got.stdout != row.says+"\n" {
				t.Errorf("got exit %d, %q, %q; want %q", got.code, got.stdout, got.stderr, row.says)
			}
			if diff := cmp.Diff(row.want, fake.lastRequest(), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADescriptionWithAKeyIsItsOwnersToRead(t *testing.T) {
	addr := sample().start(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "hall.sdp")
	for _, row := range []struct {
		args []string
		mode os.FileMode
	}{
		{nil, 0o644},
		{[]string{"--with-key"}, 0o600}, // in place of the one before
		{nil, 0o644},
	} {
		got := runAt(t.Context(), nil, append([]string{"distributions", "sdp", "1000", "hall", "--api", addr, "-o", file}, row.args...)...)
		if got.code != exitOK {
			t.Fatalf("%v: got %+v", row.args, got)
		}
		text, err := os.ReadFile(file)
		info, errStat := os.Stat(file)
		if err != nil || errStat != nil || string(text) != sampleSDP || info.Mode().Perm() != row.mode {
			t.Errorf("%v: got %q, %v, %v, want mode %v", row.args, text, info, err, row.mode)
		}
	}
	got := runAt(t.Context(), nil, "distributions", "sdp", "1000", "hall", "--api", addr, "-o", folder)
	if got.code != exitError {
		t.Errorf("into a folder: got %+v", got)
	}
	if left, err := os.ReadDir(filepath.Dir(folder)); err != nil || len(left) != 1 {
		t.Errorf("left behind: got %v, %v", left, err)
	}
}

func TestWhatCannotBeAskedOfDistributions(t *testing.T) {
	for args, want := range map[string]string{
		"distributions add 1000": "confbridge: missing flags: --to=ADDRESS:PORT,... (see confbridge distributions add --help)\n",
		"distributions add 1000 --to 239.1.2.3:5004 --silence hum": `confbridge: --silence must be one of "sound","noise","nothing" but got "hum" ` +
			"(see confbridge distributions add --help)\n",
		"distributions update 1000 hall --encrypt rot13": `confbridge: --encrypt must be one of "none","aes-cm","aes-gcm" but got "rot13" ` +
			"(see confbridge distributions update --help)\n",
		"distributions update 1000 hall": "confbridge: nothing to update: give one of the flags (see confbridge distributions update --help)\n",
	} {
		if got := runAt(t.Context(), nil, strings.Fields(args)...); got.code != exitUsage || got.stderr != want {
			t.Errorf("%s: got %+v, want %q", args, got, want)
		}
	}
}
