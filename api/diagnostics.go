package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// maxTraceFilter is how long a field of a TraceFilter may be, in bytes.
const maxTraceFilter = 256

// Errors of a Tracer.
var (
	errTraceOff = errors.New("the bridge keeps no SIP messages (trace.calls is 0)")
	// ErrTooManyTraces says that no more can watch.
	ErrTooManyTraces = errors.New("too many watch the SIP messages already")
	// ErrTraceEnded says that the bridge has closed its trace.
	ErrTraceEnded = errors.New("the trace has ended")
)

// Tracer is where the SIP messages of recent calls are kept. Its methods are safe for concurrent use.
type Tracer interface {
	// TracedCalls lists the calls that f wants, the one last heard of first; at most limit.
	TracedCalls(f TraceFilter, limit int) []TracedCall
	// Trace begins to tell the messages that f wants. Its error is ErrTooManyTraces or ErrTraceEnded.
	Trace(f TraceFilter, follow bool) (Trace, error)
}

// Trace is messages in the order in which they came and went. Next is called by one goroutine at a time.
type Trace interface {
	// Next waits for the next message; or says how many were missed, and then the message is zero. Errors: io.EOF behind the last one
	// kept, without follow; ErrTraceEnded; ctx's.
	Next(ctx context.Context) (m TracedMessage, missed uint64, err error)
	// Close must be called.
	Close()
}

// TraceFilter says which messages are wanted; see the .proto file.
type TraceFilter struct {
	CallID, From, To string
	Unreadable       bool
}

// TracedCall is one Call-ID.
type TracedCall struct {
	CallID, From, To  string
	Start, Last       time.Time
	Messages, Missing int
	Invite            bool
}

// TracedMessage is one SIP message, without its secrets.
type TracedMessage struct {
	Time          time.Time
	Sent          bool
	Transport     string
	Local, Remote netip.AddrPort
	CallID, Text  string // octets of any kind
	SizeBytes     int
	Fault         string
}

// diagnosticsService is confbridge.v1.DiagnosticsService.
type diagnosticsService struct {
	confbridgev1.UnimplementedDiagnosticsServiceServer
	tracer Tracer // nil: nothing is kept
}

func (s *diagnosticsService) ListTracedCalls(
	_ context.Context, req *confbridgev1.ListTracedCallsRequest,
) (*confbridgev1.ListTracedCallsResponse, error) {
	limit, err := traceLimit(req.GetLimit())
	if err != nil {
		return nil, err
	}
	filter, err := traceFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	if s.tracer == nil {
		return nil, errTraceOff
	}
	filter.Unreadable = false
	resp := &confbridgev1.ListTracedCallsResponse{}
	for _, c := range s.tracer.TracedCalls(filter, limit) {
		resp.Calls = append(resp.Calls, &confbridgev1.TracedCall{
			CallId: utf8(c.CallID), From: utf8(c.From), To: utf8(c.To),
			StartTime: timestamppb.New(c.Start), LastTime: timestamppb.New(c.Last),
			MessageCount: int32(c.Messages), MissingCount: int32(c.Missing), Invite: c.Invite,
		})
	}
	return resp, nil
}

// TraceMessages runs until the client or the server ends it, or without follow until all is told. Send waits for a slow client by
// gRPC's flow control; what is dropped in the meantime, the Trace tells.
func (s *diagnosticsService) TraceMessages(
	req *confbridgev1.TraceMessagesRequest, stream grpc.ServerStreamingServer[confbridgev1.TraceMessagesResponse],
) error {
	filter, err := traceFilter(req.GetFilter())
	if err != nil {
		return err
	}
	if s.tracer == nil {
		return errTraceOff
	}
	trace, err := s.tracer.Trace(filter, req.GetFollow())
	if err != nil {
		return err
	}
	defer trace.Close()
	for {
		m, missed, err := trace.Next(stream.Context())
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := stream.Send(toTraceResponse(m, missed)); err != nil {
			return err
		}
	}
}

func toTraceResponse(m TracedMessage, missed uint64) *confbridgev1.TraceMessagesResponse {
	if missed > 0 {
		return &confbridgev1.TraceMessagesResponse{Content: &confbridgev1.TraceMessagesResponse_MissedCount{MissedCount: missed}}
	}
	return &confbridgev1.TraceMessagesResponse{Content: &confbridgev1.TraceMessagesResponse_Message{
		Message: &confbridgev1.TracedMessage{
			Time: timestamppb.New(m.Time), Sent: m.Sent, Transport: m.Transport,
			Local: m.Local.String(), Remote: m.Remote.String(), CallId: utf8(m.CallID),
			Text: utf8(m.Text), SizeBytes: int32(m.SizeBytes), Fault: utf8(m.Fault),
		},
	}}
}

// utf8 makes a text from the wire one that a proto string may hold.
func utf8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func traceLimit(requested int32) (int, error) {
	if requested < 0 {
		return 0, violated("limit", fmt.Sprintf("%d is less than 0", requested))
	}
	return pageSize(requested)
}

// traceFilter checks a filter.
func traceFilter(f *confbridgev1.TraceFilter) (TraceFilter, error) {
	var v violations
	for _, field := range []struct{ name, value string }{{"call_id", f.GetCallId()}, {"from", f.GetFrom()}, {"to", f.GetTo()}} {
		if n := len(field.value); n > maxTraceFilter {
			v.add("filter."+field.name, fmt.Sprintf("has %d bytes, more than %d", n, maxTraceFilter))
		}
	}
	if f.GetUnreadable() && f.GetCallId()+f.GetFrom()+f.GetTo() != "" {
		v.add("filter.unreadable", "what belongs to no call has no Call-ID and no parties")
	}
	return TraceFilter{CallID: f.GetCallId(), From: f.GetFrom(), To: f.GetTo(), Unreadable: f.GetUnreadable()}, v.err()
}
