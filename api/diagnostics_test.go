package api

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// fakeTracer tells what is put into its channel.
type fakeTracer struct {
	told  chan tracedItem
	fault error

	mu     sync.Mutex
	filter TraceFilter
	limit  int
	follow bool
	open   int
}

type tracedItem struct {
	m      TracedMessage
	missed uint64
	err    error
}

func newFakeTracer() *fakeTracer { return &fakeTracer{told: make(chan tracedItem, 8)} }

func (f *fakeTracer) TracedCalls(filter TraceFilter, limit int) []TracedCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filter, f.limit = filter, limit
	at := time.Unix(1, 0)
	return []TracedCall{{CallID: "a\xff", From: "<sip:a@h>", To: "<sip:b@h>", Start: at, Last: at.Add(time.Second), Messages: 3, Missing: 1, Invite: true}}
}

func (f *fakeTracer) Trace(filter TraceFilter, follow bool) (Trace, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filter, f.follow = filter, follow
	if f.fault != nil {
		return nil, f.fault
	}
	f.open++
	return &fakeTrace{f}, nil
}

type fakeTrace struct{ f *fakeTracer }

func (t *fakeTrace) Next(ctx context.Context) (TracedMessage, uint64, error) {
	select {
	case it := <-t.f.told:
		return it.m, it.missed, it.err
	case <-ctx.Done():
		return TracedMessage{}, 0, ctx.Err()
	}
}

func (t *fakeTrace) Close() {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	t.f.open--
}

func TestTraceMessagesTellsMessagesAndWhatWasMissed(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	at := time.Unix(1, 5000)
	b.tracer.told <- tracedItem{m: TracedMessage{
		Time: at, Sent: true, Transport: "UDP", Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("[2001:db8::1]:5062"),
		CallID: "a\xff", Text: "BYE \xff", SizeBytes: 5, Fault: "no",
	}}
	b.tracer.told <- tracedItem{missed: 7}
	b.tracer.told <- tracedItem{err: io.EOF}
	filter := &confbridgev1.TraceFilter{CallId: "c", From: "f", To: "t"}
	stream, err := b.diagnostics.TraceMessages(waitContext(t), &confbridgev1.TraceMessagesRequest{Filter: filter, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []*confbridgev1.TraceMessagesResponse{
		{Content: &confbridgev1.TraceMessagesResponse_Message{Message: &confbridgev1.TracedMessage{
			Time: timestamppb.New(at), Sent: true, Transport: "UDP", Local: "192.0.2.1:5060", Remote: "[2001:db8::1]:5062",
			CallId: "a\uFFFD", Text: "BYE \uFFFD", SizeBytes: 5, Fault: "no",
		}}},
		{Content: &confbridgev1.TraceMessagesResponse_MissedCount{MissedCount: 7}},
	} {
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end", err)
	}
	b.tracer.mu.Lock()
	defer b.tracer.mu.Unlock()
	if want := (TraceFilter{CallID: "c", From: "f", To: "t"}); b.tracer.filter != want || !b.tracer.follow || b.tracer.open != 0 {
		t.Errorf("got filter %+v, follow %v, %d left open", b.tracer.filter, b.tracer.follow, b.tracer.open)
	}
}

func TestTraceMessagesEndsWithTheServer(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.tracer.told <- tracedItem{missed: 1}
	stream, err := b.diagnostics.TraceMessages(waitContext(t), &confbridgev1.TraceMessagesRequest{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	b.server.Shutdown(waitContext(t))
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
}

func TestListTracedCalls(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	got, err := b.diagnostics.ListTracedCalls(waitContext(t), &confbridgev1.ListTracedCallsRequest{Limit: 5000, Filter: &confbridgev1.TraceFilter{From: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	want := &confbridgev1.ListTracedCallsResponse{Calls: []*confbridgev1.TracedCall{{
		CallId: "a\uFFFD", From: "<sip:a@h>", To: "<sip:b@h>", StartTime: timestamppb.New(time.Unix(1, 0)), LastTime: timestamppb.New(time.Unix(2, 0)),
		MessageCount: 3, MissingCount: 1, Invite: true,
	}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b.tracer.limit != maxPageSize || b.tracer.filter.From != "a" {
		t.Errorf("asked for %d of %+v", b.tracer.limit, b.tracer.filter)
	}
}

func TestTraceRequestsThatCannotBe(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	long := strings.Repeat("x", maxTraceFilter+1)
	_, err := b.diagnostics.ListTracedCalls(waitContext(t), &confbridgev1.ListTracedCallsRequest{Filter: &confbridgev1.TraceFilter{CallId: long, To: long}})
	wantFields(t, err, "filter.call_id", "filter.to")
	_, err = b.diagnostics.ListTracedCalls(waitContext(t), &confbridgev1.ListTracedCallsRequest{Limit: -1})
	wantFields(t, err, "limit")
	stream, err := b.diagnostics.TraceMessages(waitContext(t), &confbridgev1.TraceMessagesRequest{
		Filter: &confbridgev1.TraceFilter{From: "ann", Unreadable: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantFields(t, err, "filter.unreadable")
}

func TestATraceThatCannotBeginSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tracer Tracer
		code   codes.Code
		reason string
	}{
		{"nothing is kept", nil, codes.FailedPrecondition, "TRACE_OFF"},
		{"too many watch", &fakeTracer{fault: ErrTooManyTraces}, codes.ResourceExhausted, "TOO_MANY_TRACES"},
		{"the bridge ends", &fakeTracer{fault: ErrTraceEnded}, codes.Unavailable, "BRIDGE_DRAINING"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &diagnosticsService{tracer: tt.tracer}
			st := toStatus(nil, s.TraceMessages(&confbridgev1.TraceMessagesRequest{}, nil))
			if st.Code() != tt.code || detail[*errdetails.ErrorInfo](t, st).GetReason() != tt.reason {
				t.Errorf("got %v", st)
			}
		})
	}
	_, err := (&diagnosticsService{}).ListTracedCalls(t.Context(), &confbridgev1.ListTracedCallsRequest{})
	if !errors.Is(err, errTraceOff) {
		t.Errorf("list: got %v", err)
	}
}
