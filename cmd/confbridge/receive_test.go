package main

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func (f *fakeBridge) ReceiveSession(_ context.Context, req *confbridgev1.ReceiveSessionRequest) (*confbridgev1.Participant, error) {
	f.keep(req)
	return &confbridgev1.Participant{Name: req.GetParent() + "/participants/k3x9", Address: "rtp://239.1.2.3:5004"}, nil
}

func TestReceiveAsksTheAPIForWhatItSays(t *testing.T) {
	fake := sample()
	addr := fake.start(t)
	file := filepath.Join(t.TempDir(), "hall.sdp")
	const text = "v=0\r\nm=audio 5004 RTP/AVP 0\r\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(make([]byte, 28))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		args []string
		want *confbridgev1.ReceiveSessionRequest
	}{
		{
			[]string{"--sdp", file, "--interface", "eth1", "--name", "Stage B"},
			&confbridgev1.ReceiveSessionRequest{Parent: "rooms/1000", Sdp: text, Interface: "eth1", DisplayName: "Stage B"},
		},
		{
			strings.Fields("--group 232.1.2.3:5004 --codec l16 --rate 16000 --payload-type 0 --source 192.0.2.10 --source 192.0.2.11 --silence 30s"),
			&confbridgev1.ReceiveSessionRequest{
				Parent: "rooms/1000", Group: "232.1.2.3:5004", Codec: "l16", RateHz: 16000, PayloadType: new(int32(0)),
				Sources: []string{"192.0.2.10", "192.0.2.11"}, Timeout: durationpb.New(30 * time.Second),
			},
		},
		{
			[]string{"--group", "239.1.2.3:5004", "--key-file", key, "--encryption", "aes-gcm"},
			&confbridgev1.ReceiveSessionRequest{
				Parent: "rooms/1000", Group: "239.1.2.3:5004", Key: make([]byte, 28), Encryption: confbridgev1.Encryption_ENCRYPTION_AEAD_AES_128_GCM,
			},
		},
	} {
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, append([]string{"distributions", "receive", "1000"}, row.args...)...)
		if got.code != exitOK || got.stdout != "rooms/1000/participants/k3x9: rtp://239.1.2.3:5004 is taken in\n" {
			t.Errorf("%v: got %+v", row.args, got)
		}
		if diff := cmp.Diff(row.want, fake.lastRequest(), protocmp.Transform()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", row.args, diff)
		}
	}
}

func TestReceiveRefusesWhatDoesNotGoTogether(t *testing.T) {
	for args, says := range map[string]string{
		"":                                     "--sdp or --group",
		"--sdp a.sdp --group 239.1.2.3:5004":   "--sdp or --group",
		"--sdp a.sdp --codec opus":             "the description says them",
		"--group 239.1.2.3:5004 --silence=-1s": "not a time to wait",
	} {
		got := runAt(t.Context(), nil, append([]string{"distributions", "receive", "1000"}, strings.Fields(args)...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, says) {
			t.Errorf("%q: got %+v, want %q", args, got, says)
		}
	}
	if got := runAt(t.Context(), nil, "distributions", "receive", "1000", "--sdp", "no-such-file"); got.code != exitError || !strings.Contains(got.stderr, "no-such-file") {
		t.Errorf("got %+v", got)
	}
}

func TestASessionIsKnownAmongParticipants(t *testing.T) {
	got := state(&confbridgev1.Participant{Kind: confbridgev1.ParticipantKind_PARTICIPANT_KIND_SESSION, Place: confbridgev1.Place_PLACE_INSIDE, Muted: true})
	if got != "session,muted" {
		t.Errorf("got %q, want session,muted", got)
	}
}
