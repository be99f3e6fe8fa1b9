package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func (f *fakeBridge) DialParticipant(
	_ context.Context, req *confbridgev1.DialParticipantRequest,
) (*confbridgev1.DialParticipantResponse, error) {
	f.keep(req)
	return &confbridgev1.DialParticipantResponse{Participant: req.GetParent() + "/participants/k3x9"}, nil
}

// ListDials has pages of one dial.
func (f *fakeBridge) ListDials(_ context.Context, req *confbridgev1.ListDialsRequest) (*confbridgev1.ListDialsResponse, error) {
	dials := []*confbridgev1.Dial{
		{
			Participant: "rooms/1000/participants/k3x9", DisplayName: "Bob", Address: "sip:bob@example.com", State: confbridgev1.Dial_STATE_RINGING,
			StartTime: ago(12 * time.Second), Role: confbridgev1.Role_ROLE_SPEAKER, CallId: "a",
		},
		{
			Participant: "rooms/1000/participants/zz", DisplayName: "+4930123", Address: "sip:+4930123@sip.carrier.example",
			State: confbridgev1.Dial_STATE_DIALING, StartTime: ago(time.Second), Role: confbridgev1.Role_ROLE_SPEAKER, CallId: "b",
		},
	}
	i := len(req.GetPageToken())
	resp := &confbridgev1.ListDialsResponse{Dials: dials[i : i+1]}
	if i+1 < len(dials) {
		resp.NextPageToken = strings.Repeat("x", i+1)
	}
	return resp, nil
}

func (f *fakeBridge) SendDtmf(_ context.Context, req *confbridgev1.SendDtmfRequest) (*confbridgev1.SendDtmfResponse, error) {
	f.keep(req)
	return &confbridgev1.SendDtmfResponse{}, nil
}

func TestDialCommandsAskTheAPIForWhatTheySay(t *testing.T) {
	fake := sample()
	addr := fake.start(t)
	for _, row := range []struct {
		args string
		want proto.Message
		says string
	}{
		{
			"participants dial 1000 sip:bob@example.com",
			&confbridgev1.DialParticipantRequest{
				Parent: "rooms/1000", Address: "sip:bob@example.com", Role: confbridgev1.Role_ROLE_SPEAKER, RingTimeout: durationpb.New(time.Minute),
			}, "rooms/1000/participants/k3x9: is called",
		},
		{
			"participants dial rooms/1000 +4930123 --trunk carrier --name Bob --role moderator --caller-name Board --caller-number 4711 --ring 20s",
			&confbridgev1.DialParticipantRequest{
				Parent: "rooms/1000", Address: "+4930123", Trunk: "trunks/carrier", DisplayName: "Bob", Role: confbridgev1.Role_ROLE_MODERATOR,
				CallerName: "Board", CallerNumber: "4711", RingTimeout: durationpb.New(20 * time.Second),
			}, "rooms/1000/participants/k3x9: is called",
		},
		{
			"participants dial 1000 sip:bob@example.com --require-key",
			&confbridgev1.DialParticipantRequest{
				Parent: "rooms/1000", Address: "sip:bob@example.com", Role: confbridgev1.Role_ROLE_SPEAKER, RingTimeout: durationpb.New(time.Minute),
				RequireKey: true, KeyTimeout: durationpb.New(20 * time.Second),
			}, "rooms/1000/participants/k3x9: is called",
		},
		{
			"participants dtmf 1000 k3x9 12#",
			&confbridgev1.SendDtmfRequest{
				Name: "rooms/1000/participants/k3x9", Digits: "12#", Duration: durationpb.New(100 * time.Millisecond), Gap: durationpb.New(100 * time.Millisecond),
			}, "rooms/1000/participants/k3x9: 12# pressed",
		},
		{
			"participants dtmf 1000 k3x9 A --duration 1s --gap 40ms",
			&confbridgev1.SendDtmfRequest{
				Name: "rooms/1000/participants/k3x9", Digits: "A", Duration: durationpb.New(time.Second), Gap: durationpb.New(40 * time.Millisecond),
			}, "rooms/1000/participants/k3x9: A pressed",
		},
	} {
		t.Run(row.args, func(t *testing.T) {
			got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, strings.Fields(row.args)...)
			if got.code != exitOK || got.stderr != "" || got.stdout != row.says+"\n" {
				t.Errorf("got exit %d, %q, %q; want %q", got.code, got.stdout, got.stderr, row.says)
			}
			if diff := cmp.Diff(row.want, fake.lastRequest(), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
	for name, args := range map[string]string{"dials_list.txt": "participants dials 1000", "dials_list.json": "participants dials 1000 --json"} {
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, strings.Fields(args)...)
		if got.code != exitOK || got.stderr != "" {
			t.Errorf("%s: got exit %d, %s", args, got.code, got.stderr)
		}
		golden(t, name, got.stdout)
	}
}

func TestAnEventOfADialIsOneLine(t *testing.T) {
	var out strings.Builder
	c := &console{stdout: &out, zone: time.UTC}
	dial := &confbridgev1.Dial{Participant: "rooms/1000/participants/k3x9", Address: "sip:bob@example.com", SipStatus: 486}
	for i, e := range []*confbridgev1.Event{
		{Kind: confbridgev1.EventKind_EVENT_KIND_RINGING, Dial: &confbridgev1.Dial{Participant: dial.GetParticipant(), DisplayName: "Bob"}},
		{Kind: confbridgev1.EventKind_EVENT_KIND_DIAL_FAILED, Dial: dial, Reason: confbridgev1.Reason_REASON_BUSY},
	} {
		e.Sequence, e.Time = uint64(i+1), timestamppb.New(noon)
		if err := (&eventsCmd{}).tell(c, &confbridgev1.WatchRoomResponse{Content: &confbridgev1.WatchRoomResponse_Event{Event: e}}); err != nil {
			t.Fatal(err)
		}
	}
	want := "     1  12:00:00.000  ringing          Bob (k3x9)\n" +
		"     2  12:00:00.000  dial failed      sip:bob@example.com (k3x9)  busy  SIP 486\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
