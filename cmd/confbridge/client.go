package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// apiFlags are those of every command that talks to a running bridge.
type apiFlags struct {
	API     string        `name:"api" placeholder:"HOST:PORT" default:"${api}" help:"gRPC address of the bridge (CONFBRIDGE_API; ${api})."`
	JSON    bool          `name:"json" help:"Print JSON, with the names of the API."`
	Timeout time.Duration `default:"10s" help:"How long to wait for an answer (10s)."`
}

// client is a connection to the bridge.
type client struct {
	rooms         confbridgev1.RoomServiceClient
	participants  confbridgev1.ParticipantServiceClient
	trunks        confbridgev1.TrunkServiceClient
	diagnostics   confbridgev1.DiagnosticsServiceClient
	recordings    confbridgev1.RecordingServiceClient
	records       confbridgev1.CallRecordServiceClient
	invitations   confbridgev1.InvitationServiceClient
	distributions confbridgev1.DistributionServiceClient
	numbers       confbridgev1.NumberServiceClient
}

// call connects, runs do within the time allowed, and puts its error in people's words.
func (f apiFlags) call(ctx context.Context, do func(ctx context.Context, c client) error) error {
	if f.Timeout <= 0 {
		return usageError{fmt.Errorf("--timeout: %v is not a time to wait", f.Timeout)}
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	return f.stream(ctx, do)
}

// stream is call without a limit of time.
func (f apiFlags) stream(ctx context.Context, do func(ctx context.Context, c client) error) error {
	if _, _, err := net.SplitHostPort(f.API); err != nil {
		return usageError{fmt.Errorf("--api: %q is not an address with a port, like %s", f.API, defaultAPI)}
	}
	// The address goes to the dialler as it is: no name service of gRPC's own, no proxy.
	conn, err := grpc.NewClient("passthrough:///"+f.API,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return usageError{fmt.Errorf("--api: %w", err)}
	}
	err = do(ctx, client{
		rooms:         confbridgev1.NewRoomServiceClient(conn),
		participants:  confbridgev1.NewParticipantServiceClient(conn),
		trunks:        confbridgev1.NewTrunkServiceClient(conn),
		diagnostics:   confbridgev1.NewDiagnosticsServiceClient(conn),
		recordings:    confbridgev1.NewRecordingServiceClient(conn),
		records:       confbridgev1.NewCallRecordServiceClient(conn),
		invitations:   confbridgev1.NewInvitationServiceClient(conn),
		distributions: confbridgev1.NewDistributionServiceClient(conn),
		numbers:       confbridgev1.NewNumberServiceClient(conn),
	})
	return errors.Join(f.explain(err), conn.Close())
}

// explain makes one clear line of an API error.
func (f apiFlags) explain(err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	if fromBridge(st) {
		return errors.New(clean(st.Message()))
	}
	switch st.Code() {
	case codes.Unavailable:
		return fmt.Errorf("%s: cannot reach the bridge: is `confbridge serve` running there? "+
			"(--api or CONFBRIDGE_API names another address)", f.API)
	case codes.DeadlineExceeded:
		return fmt.Errorf("%s: no answer within %v (--timeout)", f.API, f.Timeout)
	case codes.Canceled:
		return errors.New("interrupted")
	case codes.Unimplemented:
		return fmt.Errorf("%s: the bridge there is of another version: %s", f.API, clean(st.Message()))
	}
	return fmt.Errorf("%s: %s", f.API, clean(st.Message()))
}

// fromBridge says whether the bridge itself, not the way to it, has failed the call.
func fromBridge(st *status.Status) bool {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == "confbridge" {
			return true
		}
	}
	return false
}

// printJSON writes m on one line or on several. protojson varies its white space on purpose; this does not.
func printJSON(w io.Writer, m proto.Message, lines bool) error {
	raw, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	indent := ""
	if lines {
		indent = "  "
	}
	return writeJSON(w, json.RawMessage(raw), indent)
}

func writeJSON(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// print writes m as JSON where that was asked for, else the line.
func (f apiFlags) print(w io.Writer, m proto.Message, line string, args ...any) error {
	if f.JSON {
		return printJSON(w, m, true)
	}
	_, err := fmt.Fprintf(w, line+"\n", args...)
	return err
}

// roomName takes "1000" as well as "rooms/1000".
func roomName(room string) string {
	if strings.HasPrefix(room, "rooms/") {
		return room
	}
	return "rooms/" + room
}

// number is a room's number, off its name.
func number(name string) string { return strings.TrimPrefix(name, "rooms/") }
