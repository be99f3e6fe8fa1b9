package api

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/quality"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testWait is how long a test waits for what must come; only a failing test waits so long.
const testWait = 20 * time.Second

// mute is a telephone that says nothing.
type mute struct{}

func (mute) Profile() codec.Profile {
	return codec.Profile{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}}
}

func (m mute) Expects() codec.Format              { return m.Profile().Format }
func (m mute) KeysInSound() bool                  { return false }
func (mute) Receive(time.Time, rooms.Inlet) error { return nil }
func (mute) Send(time.Time, []byte, int)          {}
func (mute) Mixed([]mixer.Source)                 {}
func (mute) Observe(quality.Local)                {}
func (mute) Close() error                         { return nil }

// bridge is a registry behind a gRPC server on a loopback port, with a client.
type bridge struct {
	reg          *rooms.Registry
	server       *Server
	conn         *grpc.ClientConn
	rooms        confbridgev1.RoomServiceClient
	participants confbridgev1.ParticipantServiceClient
	trunks       confbridgev1.TrunkServiceClient
	diagnostics  confbridgev1.DiagnosticsServiceClient
	recordings   confbridgev1.RecordingServiceClient
	tracer       *fakeTracer
	dialer       *fakeDialer
}

func newBridge(t *testing.T, cfg rooms.Config) *bridge {
	t.Helper()
	return newBridgeWith(t, cfg, Config{})
}

// newBridgeWith is newBridge with an API that has more than rooms, trunks, a trace and recordings.
func newBridgeWith(t *testing.T, cfg rooms.Config, has Config) *bridge {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge{reg: rooms.NewRegistry(cfg), tracer: newFakeTracer(), dialer: &fakeDialer{}}
	recordings, _ := cfg.Recorder.(Recordings)
	has.Trunks, has.Tracer, has.Recordings, has.Dialer = newSomeTrunks(), b.tracer, recordings, b.dialer
	b.server = New(has, b.reg)
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(ln) }()
	b.conn, err = grpc.NewClient("passthrough:///"+ln.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	b.rooms = confbridgev1.NewRoomServiceClient(b.conn)
	b.participants = confbridgev1.NewParticipantServiceClient(b.conn)
	b.trunks = confbridgev1.NewTrunkServiceClient(b.conn)
	b.diagnostics = confbridgev1.NewDiagnosticsServiceClient(b.conn)
	b.recordings = confbridgev1.NewRecordingServiceClient(b.conn)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testWait)
		defer cancel()
		if err := b.conn.Close(); err != nil {
			t.Error(err)
		}
		b.server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := b.reg.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

// join lets a caller of that name into a room.
func (b *bridge) join(t *testing.T, number, name string) *rooms.Participant {
	t.Helper()
	ctx := waitContext(t)
	p, err := b.reg.Admit(ctx, number, rooms.Caller{
		DisplayName: name, Address: "sip:" + name + "@192.0.2.1", CallID: name + "-call",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Leave(rooms.ReasonHangup) })
	if err := p.Join(ctx, mute{}); err != nil {
		t.Fatal(err)
	}
	return p
}

func waitContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	t.Cleanup(cancel)
	return ctx
}

func (b *bridge) create(t *testing.T, number string) {
	t.Helper()
	if _, err := b.rooms.CreateRoom(waitContext(t), &confbridgev1.CreateRoomRequest{RoomId: number}); err != nil {
		t.Fatal(err)
	}
}
