package main

import (
	"context"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// sampleRecords has a whole one, a refused one of somebody with ideas, and one that the bridge has placed.
func sampleRecords() []*confbridgev1.CallRecord {
	return []*confbridgev1.CallRecord{
		{
			Name: "callRecords/a1", Direction: confbridgev1.CallRecord_DIRECTION_IN, BeginTime: ago(time.Hour), AnswerTime: ago(59 * time.Minute),
			EndTime: ago(30 * time.Minute), Duration: durationpb.New(29 * time.Minute), Address: "sip:ann@192.0.2.1", DisplayName: "Ann, of sales",
			Number: "+49301000", Room: "rooms/1000", Trunk: "trunks/carrier", Transport: "tls", Remote: "192.0.2.1:5061", CallId: "x@y", Status: 200,
			EndedBy: confbridgev1.CallRecord_SIDE_PEER, Reason: "caller hung up",
			Seat: &confbridgev1.CallRecord_Seat{
				ParticipantId: "k3x9", Role: confbridgev1.Role_ROLE_MODERATOR, JoinTime: ago(59 * time.Minute), LeaveTime: ago(30 * time.Minute),
				Codec: "opus", ReceivedCodec: "PCMU", PacketsReceived: 87000, PacketsLost: 87, LossRatio: 0.001, ConcealedRatio: 0.00123456,
				Mos: 4.21, ReportedLossRatio: 0.5, RoundTrip: durationpb.New(12340 * time.Microsecond),
			},
		},
		{
			Name: "callRecords/a2", Direction: confbridgev1.CallRecord_DIRECTION_IN, BeginTime: ago(time.Minute), EndTime: ago(time.Minute),
			Address: "sip:mallory@192.0.2.2", DisplayName: "=cmd|' /C calc'!A0", Number: "@SUM(1)", Transport: "udp", Remote: "192.0.2.2:5060",
			CallId: "-2+3\r\n", Status: 404, Reason: "no such room",
		},
		{
			Name: "callRecords/a3", Direction: confbridgev1.CallRecord_DIRECTION_OUT, BeginTime: ago(time.Minute), EndTime: ago(time.Second),
			Address: "sip:bob@192.0.2.3", Room: "rooms/1000", Status: 486, Reason: "busy",
		},
	}
}

// ListCallRecords has pages of one, with an empty one in between.
func (f *fakeBridge) ListCallRecords(
	_ context.Context, req *confbridgev1.ListCallRecordsRequest,
) (*confbridgev1.ListCallRecordsResponse, error) {
	f.keep(req)
	all := sampleRecords()
	i := len(req.GetPageToken())
	resp := &confbridgev1.ListCallRecordsResponse{NextPageToken: strings.Repeat("x", i+1)}
	switch i {
	case 1:
	case 0:
		resp.CallRecords = all[:1]
	default:
		resp.CallRecords = all[i-1 : i]
	}
	if i == len(all) {
		resp.NextPageToken = ""
	}
	return resp, nil
}

func TestRecordsAreAskedForByTimeAndRoom(t *testing.T) {
	for _, row := range []struct {
		args string
		want *confbridgev1.ListCallRecordsRequest
	}{
		{"cdr", &confbridgev1.ListCallRecordsRequest{StartTime: ago(24 * time.Hour)}},
		{"cdr --since 90m --room 1000", &confbridgev1.ListCallRecordsRequest{StartTime: ago(90 * time.Minute), Room: "rooms/1000"}},
		{"cdr --since 2d --until 1d", &confbridgev1.ListCallRecordsRequest{StartTime: ago(48 * time.Hour), EndTime: ago(24 * time.Hour)}},
		{"cdr --since 2026-03-04 --until 2026-03-04T11:00", &confbridgev1.ListCallRecordsRequest{StartTime: ago(12 * time.Hour), EndTime: ago(time.Hour)}},
		{"cdr --since 2026-03-04T12:00:00+01:00", &confbridgev1.ListCallRecordsRequest{StartTime: ago(time.Hour)}},
		{"cdr --csv --since= --room rooms/7", &confbridgev1.ListCallRecordsRequest{Room: "rooms/7"}},
	} {
		t.Run(row.args, func(t *testing.T) {
			fake := sample()
			got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": fake.start(t)}, strings.Fields(row.args)...)
			if got.code != exitOK {
				t.Fatalf("got exit %d, %s", got.code, got.stderr)
			}
			row.want.PageSize, row.want.PageToken = 1000, "xxx" // of the last page
			if diff := cmp.Diff(row.want, fake.lastRequest(), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCannotBeAskedOfRecords(t *testing.T) {
	for _, args := range []string{"cdr --since yesterday", "cdr --until -1h", "cdr --since -3d", "cdr --csv --json", "cdr 1000"} {
		if got := runAt(t.Context(), nil, strings.Fields(args)...); got.code != exitUsage {
			t.Errorf("%s: got exit %d, %s", args, got.code, got.stderr)
		}
	}
}

func TestCSVHasAsManyCellsAsItsHeaderAndNoFormulas(t *testing.T) {
	got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": sample().start(t)}, "cdr", "--csv")
	rows, err := csv.NewReader(strings.NewReader(got.stdout)).ReadAll() // it wants the same number of cells in each row
	if err != nil || len(rows) != 1+len(sampleRecords()) {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for i, cell := range row {
			if cell != "" && strings.Contains("=+-@\t\r\n", cell[:1]) {
				t.Errorf("%s: %q is a formula", rows[0][i], cell)
			}
		}
	}
}
