// Package api is the bridge's edge towards those who steer it: the gRPC services of package confbridge.v1 over a
// [rooms.Registry], and an HTTP listener for probes and metrics.
//
// Goroutines: gRPC runs each call on one of its own; a handler ends with its call's context. [Server.Shutdown] and
// [HTTPServer.Shutdown] return after all of them have ended.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distributor"
	"github.com/confbridge/confbridge/rooms/entry"
	"github.com/confbridge/confbridge/rooms/receiver"
)

// What one client, and all of them together, can ask for at most.
const (
	maxConnections    = 1024
	maxStreams        = 1000     // calls at once on one connection
	maxReceiveBytes   = 64 << 10 // the longest valid request has under 2 KiB
	maxHeaderBytes    = 16 << 10
	maxUnary          = 30 * time.Second // a call without a deadline gets this one
	connectionTimeout = 10 * time.Second
)

// Config is how the gRPC server behaves. The zero value works.
type Config struct {
	// Trunks is what the TrunkService shows; nil: there are none.
	Trunks Trunks
	// Tracer is what the DiagnosticsService shows; nil: no SIP messages are kept.
	Tracer Tracer
	// Recordings is what the RecordingService shows; nil: there are none.
	Recordings Recordings
	// Sounds is what PlayAnnouncement plays; nil: nothing.
	Sounds Sounds
	// CallRecords is what the CallRecordService shows; nil: none are kept.
	CallRecords CallRecords
	// Dialer calls people into rooms; nil: nobody is called.
	Dialer Dialer
	// Desk is what gives rooms their PINs and invitations, and has the dialled numbers; nil: one that lets no callers in.
	Desk *entry.Desk
	// Distributor is what the DistributionService shows; nil: there is none.
	Distributor *distributor.Distributor
	// Receiver takes sessions into rooms; nil: none can be.
	Receiver *receiver.Receiver
	// Log takes what no client is told: internal errors. nil discards it.
	Log *slog.Logger
}

// Server is the gRPC server: RoomService, ParticipantService, TrunkService, DiagnosticsService,
// RecordingService, CallRecordService, InvitationService, NumberService, DistributionService, reflection (v1 and v1alpha) and grpc.health.v1. Its
// methods are safe for concurrent use.
type Server struct {
	grpc     *grpc.Server
	health   *health.Server
	log      *slog.Logger
	stopping chan struct{}
	stop     sync.Once
}

// New returns a server over reg that listens nowhere yet and is not ready.
func New(cfg Config, reg *rooms.Registry) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Desk == nil {
		cfg.Desk, _ = entry.New(entry.Config{}, reg) // only numbers can be wrong
	}
	s := &Server{health: health.NewServer(), log: cfg.Log, stopping: make(chan struct{})}
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxReceiveBytes),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 15 * time.Minute, Time: 30 * time.Second, Timeout: 10 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	)
	confbridgev1.RegisterRoomServiceServer(s.grpc, &roomService{rooms: reg, desk: cfg.Desk, sounds: cfg.Sounds})
	confbridgev1.RegisterParticipantServiceServer(s.grpc, &participantService{rooms: reg, dialer: cfg.Dialer})
	confbridgev1.RegisterTrunkServiceServer(s.grpc, &trunkService{trunks: cfg.Trunks})
	confbridgev1.RegisterDiagnosticsServiceServer(s.grpc, &diagnosticsService{tracer: cfg.Tracer})
	confbridgev1.RegisterRecordingServiceServer(s.grpc, &recordingService{recordings: cfg.Recordings})
	confbridgev1.RegisterCallRecordServiceServer(s.grpc, &callRecordService{records: cfg.CallRecords})
	confbridgev1.RegisterInvitationServiceServer(s.grpc, &invitationService{desk: cfg.Desk})
	confbridgev1.RegisterNumberServiceServer(s.grpc, &numberService{numbers: cfg.Desk.Numbers(), trunks: cfg.Trunks})
	confbridgev1.RegisterDistributionServiceServer(s.grpc, &distributionService{distributor: cfg.Distributor, receiver: cfg.Receiver})
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.SetReady(false)
	return s
}

// SetReady says what grpc.health.v1 answers, for the server and for each service: SERVING or NOT_SERVING.
func (s *Server) SetReady(ready bool) {
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if ready {
		status = healthpb.HealthCheckResponse_SERVING
	}
	for _, service := range []string{
		"", confbridgev1.RoomService_ServiceDesc.ServiceName, confbridgev1.ParticipantService_ServiceDesc.ServiceName,
		confbridgev1.TrunkService_ServiceDesc.ServiceName, confbridgev1.DiagnosticsService_ServiceDesc.ServiceName,
		confbridgev1.RecordingService_ServiceDesc.ServiceName, confbridgev1.CallRecordService_ServiceDesc.ServiceName,
		confbridgev1.InvitationService_ServiceDesc.ServiceName, confbridgev1.DistributionService_ServiceDesc.ServiceName,
		confbridgev1.NumberService_ServiceDesc.ServiceName,
	} {
		s.health.SetServingStatus(service, status)
	}
}

// Serve answers on ln and owns it. It returns after Shutdown, then with nil, or when accepting fails.
func (s *Server) Serve(ln net.Listener) error {
	err := s.grpc.Serve(netutil.LimitListener(ln, maxConnections))
	if err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("grpc: %w", err)
	}
	return nil
}

// Shutdown says NOT_SERVING, ends the streams with UNAVAILABLE, lets the other calls finish until ctx is done, cancels
// what is left then, and returns when every handler has ended. More calls wait for the same end.
func (s *Server) Shutdown(ctx context.Context) {
	s.stop.Do(func() {
		s.health.Shutdown()
		close(s.stopping)
	})
	graceful := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(graceful)
	}()
	select {
	case <-graceful:
	case <-ctx.Done():
		s.grpc.Stop()
		<-graceful
	}
}
