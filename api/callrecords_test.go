package api

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/cdr"
)

var ended = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// recordsOf is a service over a book with these records.
func recordsOf(t *testing.T, records ...cdr.Record) *callRecordService {
	t.Helper()
	book := cdr.NewBook(cdr.Config{Dir: t.TempDir()})
	book.Start()
	for _, r := range records {
		book.Add(r)
	}
	if err := book.Close(waitContext(t)); err != nil {
		t.Fatal(err)
	}
	return &callRecordService{records: book}
}

func TestACallRecordIsShownAsItIs(t *testing.T) {
	s := recordsOf(t,
		cdr.Record{
			ID: "a1", Direction: cdr.In, Began: ended.Add(-time.Minute), Answered: ended.Add(-50 * time.Second), Ended: ended,
			CallID: "x@y", Address: "sip:ann@192.0.2.1", DisplayName: "Ann", Number: "+49301000", Trunk: "carrier", Transport: "tls",
			Remote: "192.0.2.1:5061", Status: 200, EndedBy: cdr.Peer, Reason: "caller hung up", Room: "1000",
			Seat: &cdr.Seat{
				Participant: "p1", Role: "moderator", Joined: ended.Add(-50 * time.Second), Left: ended, Codec: "opus", CodecReceived: "PCMU",
				PacketsReceived: 99, PacketsLost: 1, Loss: 0.01, Concealed: 0.02, MOS: 4.2, PeerLoss: 0.03, RoundTripMS: 12.5,
			},
		},
		cdr.Record{ID: "a2", Direction: cdr.Out, Began: ended, Ended: ended, CallID: "z", Status: 404, Reason: "no such room"},
	)
	got, err := s.ListCallRecords(t.Context(), &confbridgev1.ListCallRecordsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := &confbridgev1.ListCallRecordsResponse{CallRecords: []*confbridgev1.CallRecord{
		{
			Name: "callRecords/a1", Direction: confbridgev1.CallRecord_DIRECTION_IN, BeginTime: timestamppb.New(ended.Add(-time.Minute)),
			AnswerTime: timestamppb.New(ended.Add(-50 * time.Second)), EndTime: timestamppb.New(ended), Duration: durationpb.New(50 * time.Second),
			CallId: "x@y", Address: "sip:ann@192.0.2.1", DisplayName: "Ann", Number: "+49301000", Trunk: "trunks/carrier", Transport: "tls",
			Remote: "192.0.2.1:5061", Status: 200, EndedBy: confbridgev1.CallRecord_SIDE_PEER, Reason: "caller hung up", Room: "rooms/1000",
			Seat: &confbridgev1.CallRecord_Seat{
				ParticipantId: "p1", Role: confbridgev1.Role_ROLE_MODERATOR, JoinTime: timestamppb.New(ended.Add(-50 * time.Second)),
				LeaveTime: timestamppb.New(ended), Codec: "opus", ReceivedCodec: "PCMU", PacketsReceived: 99, PacketsLost: 1, LossRatio: 0.01,
				ConcealedRatio: 0.02, Mos: 4.2, ReportedLossRatio: 0.03, RoundTrip: durationpb.New(12500 * time.Microsecond),
			},
		},
		{
			Name: "callRecords/a2", Direction: confbridgev1.CallRecord_DIRECTION_OUT, BeginTime: timestamppb.New(ended),
			EndTime: timestamppb.New(ended), CallId: "z", Status: 404, Reason: "no such room",
		},
	}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestCallRecordsAreListedByPagesOfOneFilter(t *testing.T) {
	var records []cdr.Record
	for n := range 7 {
		records = append(records, cdr.Record{
			ID: fmt.Sprintf("a%d", n), Ended: ended.Add(time.Duration(n) * time.Hour), Room: fmt.Sprintf("%d", 1000+n%2), Status: 200,
		})
	}
	s := recordsOf(t, records...)
	req := &confbridgev1.ListCallRecordsRequest{
		PageSize: 2, Room: "rooms/1000", StartTime: timestamppb.New(ended.Add(time.Hour)), EndTime: timestamppb.New(ended.Add(7 * time.Hour)),
	}
	var got []string
	for {
		page, err := s.ListCallRecords(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.GetCallRecords() {
			got = append(got, strings.TrimPrefix(r.GetName(), "callRecords/"))
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			break
		}
		other := &confbridgev1.ListCallRecordsRequest{PageToken: req.PageToken, Room: "rooms/1001"}
		if _, err := s.ListCallRecords(t.Context(), other); toStatus(other, err).Code() != codes.InvalidArgument {
			t.Errorf("a token of another filter: got %v", err)
		}
	}
	if diff := cmp.Diff([]string{"a2", "a4", "a6"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCallRecordsThatCannotBeHad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := &callRecordService{records: cdr.NewBook(cdr.Config{Dir: filepath.Join(file, "cdr")})}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		ctx     context.Context
		service *callRecordService
		req     *confbridgev1.ListCallRecordsRequest
		code    codes.Code
	}{
		{"none are kept", t.Context(), &callRecordService{}, &confbridgev1.ListCallRecordsRequest{}, codes.FailedPrecondition},
		{"the disk fails", t.Context(), broken, &confbridgev1.ListCallRecordsRequest{}, codes.Unavailable},
		{"nobody waits any more", cancelled, recordsOf(t, cdr.Record{ID: "a", Ended: ended}), &confbridgev1.ListCallRecordsRequest{}, codes.Canceled},
		{"a page of less than none", t.Context(), broken, &confbridgev1.ListCallRecordsRequest{PageSize: -1}, codes.InvalidArgument},
		{"a room that is none", t.Context(), broken, &confbridgev1.ListCallRecordsRequest{Room: "1000"}, codes.InvalidArgument},
		{"a time that is none", t.Context(), broken, &confbridgev1.ListCallRecordsRequest{StartTime: &timestamppb.Timestamp{Nanos: -1}}, codes.InvalidArgument},
		{"a token that is none", t.Context(), broken, &confbridgev1.ListCallRecordsRequest{PageToken: "x"}, codes.InvalidArgument},
		{"a token whose place is none", t.Context(), broken, &confbridgev1.ListCallRecordsRequest{
			PageToken: cursor{collection: callRecordsCollection + " 0 0 ", last: "1000"}.token(),
		}, codes.InvalidArgument},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.service.ListCallRecords(tt.ctx, tt.req)
			if err == nil || toStatus(tt.req, err).Code() != tt.code {
				t.Errorf("got %v, %v; want %v", got, err, tt.code)
			}
		})
	}
}
