package api

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

func TestHealthFollowsReadiness(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	client := healthpb.NewHealthClient(b.conn)
	for _, service := range []string{"", "confbridge.v1.RoomService", "confbridge.v1.ParticipantService"} {
		for _, ready := range []bool{false, true, false} {
			b.server.SetReady(ready)
			resp, err := client.Check(waitContext(t), &healthpb.HealthCheckRequest{Service: service})
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.GetStatus() == healthpb.HealthCheckResponse_SERVING; got != ready {
				t.Errorf("service %q with readiness %v: got %v", service, ready, resp.GetStatus())
			}
		}
	}
}

func TestReflectionListsTheServices(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	want := []string{"confbridge.v1.ParticipantService", "confbridge.v1.RoomService", "grpc.health.v1.Health"}
	check := func(version string, got []string) {
		for _, service := range want {
			if !slices.Contains(got, service) {
				t.Errorf("%s: got %v, want %s among them", version, got, service)
			}
		}
	}
	v1, err := reflectionv1.NewServerReflectionClient(b.conn).ServerReflectionInfo(waitContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := v1.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	resp, err := v1.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range resp.GetListServicesResponse().GetService() {
		got = append(got, s.GetName())
	}
	check("v1", got)
	check("v1alpha", alphaServices(t, b))
}

// alphaServices asks in the version of reflection that old clients still use.
//
//nolint:staticcheck // that it is deprecated is why it is asked
func alphaServices(t *testing.T, b *bridge) []string {
	t.Helper()
	stream, err := reflectionv1alpha.NewServerReflectionClient(b.conn).ServerReflectionInfo(waitContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1alpha.ServerReflectionRequest{
		MessageRequest: &reflectionv1alpha.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var services []string
	for _, s := range resp.GetListServicesResponse().GetService() {
		services = append(services, s.GetName())
	}
	return services
}

func TestShutdownIsBoundedByItsContext(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	// A reflection stream waits in Recv for its client, which says nothing more.
	stream, err := reflectionv1.NewServerReflectionClient(b.conn).ServerReflectionInfo(waitContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(waitContext(t))
	cancel()
	b.server.Shutdown(ctx)
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
}

func TestHealthWatchersDoNotHoldUpShutdown(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	stream, err := healthpb.NewHealthClient(b.conn).Watch(waitContext(t), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	ctx := waitContext(t)
	b.server.Shutdown(ctx)
	if ctx.Err() != nil {
		t.Error("shutdown took all the time it was given")
	}
}

func TestADeadlineIsHonoured(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err := b.rooms.ListRooms(ctx, &confbridgev1.ListRoomsRequest{})
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
	}
}

func TestUnaryCallsHaveADeadlineInAnyCase(t *testing.T) {
	s := New(Config{}, rooms.NewRegistry(rooms.Config{}))
	_, err := s.unary(t.Context(), nil, &grpc.UnaryServerInfo{}, func(ctx context.Context, _ any) (any, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("got none")
		}
		return nil, context.DeadlineExceeded
	})
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
	}
}

func TestMessagesThatAreTooLongAreRefused(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	_, err := b.rooms.GetRoom(waitContext(t), &confbridgev1.GetRoomRequest{Name: strings.Repeat("x", maxReceiveBytes+1)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v, want RESOURCE_EXHAUSTED", err)
	}
	_, err = b.rooms.GetRoom(waitContext(t), &confbridgev1.GetRoomRequest{Name: "rooms/" + strings.Repeat("9", 2000)})
	wantFields(t, err, "name")
	if n := len(status.Convert(err).Message()); n > 300 {
		t.Errorf("the message repeats a long name: %d bytes", n)
	}
}

func TestAPanicInAHandlerEndsOnlyItsCall(t *testing.T) {
	s := New(Config{}, rooms.NewRegistry(rooms.Config{}))
	_, err := s.unary(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { panic("oh") })
	if status.Code(err) != codes.Internal {
		t.Errorf("unary: got %v, want INTERNAL", err)
	}
	ss := &fakeServerStream{ctx: t.Context()}
	err = s.stream(nil, ss, &grpc.StreamServerInfo{}, func(any, grpc.ServerStream) error { panic("oh") })
	if status.Code(err) != codes.Internal {
		t.Errorf("stream: got %v, want INTERNAL", err)
	}
}

type fakeServerStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *fakeServerStream) Context() context.Context { return s.ctx }
