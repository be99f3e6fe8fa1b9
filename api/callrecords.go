package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/cdr"
)

// CallRecords is what the CallRecordService shows; *cdr.Book is one. It is safe for concurrent use.
type CallRecords interface {
	// List returns at most limit records that the filter wants, behind a cursor, and where to go on; package cdr's errors.
	List(ctx context.Context, want cdr.Filter, after cdr.Cursor, limit int) ([]cdr.Record, cdr.Cursor, error)
}

// errNoRecords says that no call records are kept.
var errNoRecords = errors.New("no call records are kept")

// callRecordService is confbridge.v1.CallRecordService.
type callRecordService struct {
	confbridgev1.UnimplementedCallRecordServiceServer
	records CallRecords // nil: none are kept
}

func (s *callRecordService) ListCallRecords(
	ctx context.Context, req *confbridgev1.ListCallRecordsRequest,
) (*confbridgev1.ListCallRecordsResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	want, err := recordFilter(req)
	if err != nil {
		return nil, err
	}
	// Pages of one list have one filter: it is a part of what the token belongs to.
	collection := fmt.Sprintf("%s %d %d %s", callRecordsCollection, nanos(want.Since), nanos(want.Until), want.Room)
	from, err := parseToken(collection, req.GetPageToken())
	if err != nil {
		return nil, violated("page_token", "is not a token that such a list has returned")
	}
	if s.records == nil {
		return nil, errNoRecords
	}
	page, next, err := s.records.List(ctx, want, cdr.Cursor(from.last), size)
	if err != nil {
		return nil, err
	}
	resp := &confbridgev1.ListCallRecordsResponse{}
	if next != "" {
		resp.NextPageToken = cursor{collection: collection, last: string(next)}.token()
	}
	for _, r := range page {
		resp.CallRecords = append(resp.CallRecords, toCallRecord(r))
	}
	return resp, nil
}

// recordFilter is what a request wants of all records.
func recordFilter(req *confbridgev1.ListCallRecordsRequest) (want cdr.Filter, err error) {
	var v violations
	want.Since = moment(&v, "start_time", req.GetStartTime())
	want.Until = moment(&v, "end_time", req.GetEndTime())
	if req.GetRoom() != "" {
		number, err := parseRoomName("room", req.GetRoom())
		if err != nil {
			return want, err
		}
		want.Room = number
	}
	return want, v.err()
}

// moment is a time of a request; zero where it is unset.
func moment(v *violations, field string, t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	if t.CheckValid() != nil {
		v.add(field, "is no valid time")
	}
	return t.AsTime()
}

// nanos is 0 for the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func toCallRecord(r cdr.Record) *confbridgev1.CallRecord {
	out := &confbridgev1.CallRecord{
		Name: callRecordsCollection + "/" + validText(r.ID), Direction: directions[r.Direction],
		BeginTime: toTimestamp(r.Began), AnswerTime: toTimestamp(r.Answered), EndTime: toTimestamp(r.Ended),
		Address: validText(r.Address), DisplayName: validText(r.DisplayName), Number: validText(r.Number),
		Transport: validText(r.Transport), Remote: validText(r.Remote), CallId: validText(r.CallID),
		Status: int32(r.Status), EndedBy: sides[r.EndedBy], Reason: validText(r.Reason),
	}
	if !r.Answered.IsZero() {
		out.Duration = durationpb.New(r.Duration())
	}
	if r.Room != "" {
		out.Room = roomName(validText(r.Room))
	}
	if r.Trunk != "" {
		out.Trunk = trunksCollection + "/" + validText(r.Trunk)
	}
	if s := r.Seat; s != nil {
		out.Seat = &confbridgev1.CallRecord_Seat{
			ParticipantId: validText(s.Participant), Role: roleNamed(s.Role), JoinTime: toTimestamp(s.Joined), LeaveTime: toTimestamp(s.Left),
			Codec: validText(s.Codec), ReceivedCodec: validText(s.CodecReceived),
			PacketsReceived: s.PacketsReceived, PacketsLost: s.PacketsLost, LossRatio: s.Loss, ConcealedRatio: s.Concealed,
			Mos: s.MOS, ReportedLossRatio: s.PeerLoss,
			RoundTrip: toDuration(time.Duration(s.RoundTripMS * float64(time.Millisecond))),
		}
	}
	return out
}

// roleNamed is the role that a record names; UNSPECIFIED for what is none.
func roleNamed(text string) confbridgev1.Role {
	for ours, theirs := range roles {
		if ours.String() == text {
			return theirs
		}
	}
	return confbridgev1.Role_ROLE_UNSPECIFIED
}

// The enums of records; what a table lacks is UNSPECIFIED.
var (
	directions = map[cdr.Direction]confbridgev1.CallRecord_Direction{
		cdr.In:  confbridgev1.CallRecord_DIRECTION_IN,
		cdr.Out: confbridgev1.CallRecord_DIRECTION_OUT,
	}
	sides = map[cdr.Side]confbridgev1.CallRecord_Side{
		cdr.Peer:   confbridgev1.CallRecord_SIDE_PEER,
		cdr.Bridge: confbridgev1.CallRecord_SIDE_BRIDGE,
	}
)
