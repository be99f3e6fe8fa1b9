package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// sentinels are those of rooms/errors.go; TestEverySentinelIsHere keeps the list complete.
var sentinels = map[string]error{
	"ErrNoRoom":        rooms.ErrNoRoom,
	"ErrRoomExists":    rooms.ErrRoomExists,
	"ErrDeclared":      rooms.ErrDeclared,
	"ErrStorage":       rooms.ErrStorage,
	"ErrNoParticipant": rooms.ErrNoParticipant,
	"ErrLocked":        rooms.ErrLocked,
	"ErrFull":          rooms.ErrFull,
	"ErrNotOpen":       rooms.ErrNotOpen,
	"ErrOccupied":      rooms.ErrOccupied,
	"ErrDraining":      rooms.ErrDraining,
	"ErrClosed":        rooms.ErrClosed,
	"ErrOverloaded":    rooms.ErrOverloaded,
	"ErrInvalid":       rooms.ErrInvalid,
	"ErrMediaTimeout":  rooms.ErrMediaTimeout,
	"ErrNotWaiting":    rooms.ErrNotWaiting,
	"ErrNotAllowed":    rooms.ErrNotAllowed,
	"ErrNoFloor":       rooms.ErrNoFloor,
	"ErrBanned":        rooms.ErrBanned,
	"ErrNoBan":         rooms.ErrNoBan,
	"ErrBusy":          rooms.ErrBusy,
	"ErrEmpty":         rooms.ErrEmpty,
	"ErrRecording":     rooms.ErrRecording,
	"ErrNotRecording":  rooms.ErrNotRecording,
	"ErrNoRecorder":    rooms.ErrNoRecorder,
	"ErrNoRecording":   rooms.ErrNoRecording,
	"ErrRecordingOpen": rooms.ErrRecordingOpen,
	"ErrDiskLow":       rooms.ErrDiskLow,
	"ErrDisk":          rooms.ErrDisk,
	"ErrTooLong":       rooms.ErrTooLong,
	"ErrNoKeys":        rooms.ErrNoKeys,
	"ErrElsewhere":     rooms.ErrElsewhere,
	"ErrKeyQueue":      rooms.ErrKeyQueue,
}

func TestEverySentinelIsHere(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../rooms/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, name := range spec.Names {
			found++
			if sentinels[name.Name] == nil {
				t.Errorf("rooms.%s is not tried", name.Name)
			}
		}
		return false
	})
	if found != len(sentinels) {
		t.Errorf("got %d sentinels in rooms/errors.go, want %d", found, len(sentinels))
	}
}

func TestEverySentinelHasItsCodeAndReason(t *testing.T) {
	reason := regexp.MustCompile(`^[A-Z][A-Z0-9_]+[A-Z0-9]$`) // as google.rpc.ErrorInfo has it
	req := &confbridgev1.GetParticipantRequest{Name: "rooms/1000/participants/a1"}
	for name, sentinel := range sentinels {
		t.Run(name, func(t *testing.T) {
			st := toStatus(req, fmt.Errorf("room %q: %w", "1000", sentinel))
			if st.Code() == codes.Internal || st.Code() == codes.Unknown || st.Code() == codes.OK {
				t.Errorf("got code %v", st.Code())
			}
			info := detail[*errdetails.ErrorInfo](t, st)
			if !reason.MatchString(info.GetReason()) || info.GetDomain() != "confbridge" {
				t.Errorf("got reason %q of domain %q", info.GetReason(), info.GetDomain())
			}
			if !strings.Contains(st.Message(), sentinel.Error()) {
				t.Errorf("got message %q, want it to say %q", st.Message(), sentinel)
			}
		})
	}
}

func TestErrorsTellTheResource(t *testing.T) {
	participant := &confbridgev1.GetParticipantRequest{Name: "rooms/1000/participants/a1"}
	tests := []struct {
		name     string
		req      any
		err      error
		code     codes.Code
		message  string
		resource string
	}{
		{
			"a participant that is not there", participant, rooms.ErrNoParticipant,
			codes.NotFound, "rooms/1000/participants/a1: no such participant", "rooms/1000/participants/a1",
		},
		{
			"its room is not there", participant, rooms.ErrNoRoom,
			codes.NotFound, "rooms/1000: no such room", "rooms/1000",
		},
		{
			"a list of a room that is not there", &confbridgev1.ListParticipantsRequest{Parent: "rooms/7"}, rooms.ErrNoRoom,
			codes.NotFound, "rooms/7: no such room", "rooms/7",
		},
		{
			"a room that exists", &confbridgev1.CreateRoomRequest{RoomId: "5"}, rooms.ErrRoomExists,
			codes.AlreadyExists, "rooms/5: room exists already", "rooms/5",
		},
		{
			"a room with people in it", &confbridgev1.DeleteRoomRequest{Name: "rooms/5"}, rooms.ErrOccupied,
			codes.FailedPrecondition, "rooms/5: room is occupied", "rooms/5",
		},
		{
			"an update of a room", &confbridgev1.UpdateRoomRequest{Room: &confbridgev1.Room{Name: "rooms/5"}},
			rooms.ErrClosed, codes.Unavailable, "rooms/5: room has ended", "rooms/5",
		},
		{
			"a deadline", &confbridgev1.GetRoomRequest{Name: "rooms/5"}, context.DeadlineExceeded,
			codes.DeadlineExceeded, "rooms/5: context deadline exceeded", "rooms/5",
		},
		{
			"shutting down is about no resource", &confbridgev1.GetRoomRequest{Name: "rooms/5"}, errStopping,
			codes.Unavailable, "bridge is shutting down", "",
		},
		{
			"a name that is none is not repeated", &confbridgev1.GetRoomRequest{Name: "rooms/\x1b[1m"}, rooms.ErrNoRoom,
			codes.NotFound, "no such room", "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := toStatus(tt.req, fmt.Errorf("wrapped: %w", tt.err))
			if st.Code() != tt.code || st.Message() != tt.message {
				t.Errorf("got %v %q, want %v %q", st.Code(), st.Message(), tt.code, tt.message)
			}
			if got := detail[*errdetails.ErrorInfo](t, st).GetMetadata()["resource"]; got != tt.resource {
				t.Errorf("got resource %q, want %q", got, tt.resource)
			}
			if st.Code() == codes.NotFound {
				if got := detail[*errdetails.ResourceInfo](t, st).GetResourceName(); got != tt.resource {
					t.Errorf("got ResourceInfo of %q, want %q", got, tt.resource)
				}
			}
		})
	}
}

func TestUnknownErrorsTellTheLogAndNotTheClient(t *testing.T) {
	var log bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&log, nil))}
	err := s.translate("/confbridge.v1.RoomService/GetRoom", nil, errors.New("disk on fire"))
	if st := status.Convert(err); st.Code() != codes.Internal || st.Message() != "internal error" {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.String(), "disk on fire") {
		t.Errorf("log lacks the error: %s", log.String())
	}
}

func TestStatusesOfOthersPassThrough(t *testing.T) {
	st := toStatus(nil, status.Error(codes.NotFound, "unknown service"))
	if st.Code() != codes.NotFound || st.Message() != "unknown service" {
		t.Errorf("got %v", st)
	}
}

// detail is the one detail of type T.
func detail[T any](t *testing.T, st *status.Status) T {
	t.Helper()
	for _, d := range st.Details() {
		if found, ok := d.(T); ok {
			return found
		}
	}
	var none T
	t.Fatalf("%v has no %T", st, none)
	return none
}

// fieldsOf are the fields that a BadRequest names.
func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != codes.InvalidArgument {
		t.Fatalf("got %v, want INVALID_ARGUMENT", err)
	}
	var fields []string
	for _, v := range detail[*errdetails.BadRequest](t, st).GetFieldViolations() {
		fields = append(fields, v.GetField())
	}
	return fields
}

func wantFields(t *testing.T, err error, fields ...string) {
	t.Helper()
	if diff := cmp.Diff(fields, fieldsOf(t, err)); diff != "" {
		t.Errorf("fields of %v (-want +got):\n%s", err, diff)
	}
}
