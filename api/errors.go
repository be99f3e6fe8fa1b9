package api

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/cdr"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
	"github.com/confbridge/confbridge/rooms/entry"
	"github.com/confbridge/confbridge/rooms/receiver"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// ErrorDomain is the domain of every google.rpc.ErrorInfo that the bridge sends.
const ErrorDomain = "confbridge"

// about says which resource an error is about, of those that the request's name holds.
type about uint8

const (
	aboutNothing about = iota
	aboutRoom
	aboutRequest // whatever the request names: a room or a participant
)

// translations is the one table from errors to what a client sees. The first row that matches counts.
var translations = []struct {
	err    error
	code   codes.Code
	reason string // google.rpc.ErrorInfo.reason
	about  about
}{
	{rooms.ErrNoParticipant, codes.NotFound, "PARTICIPANT_NOT_FOUND", aboutRequest},
	{rooms.ErrNoRoom, codes.NotFound, "ROOM_NOT_FOUND", aboutRoom},
	{errNoTrunk, codes.NotFound, "TRUNK_NOT_FOUND", aboutRequest},
	{rooms.ErrRoomExists, codes.AlreadyExists, "ROOM_EXISTS", aboutRoom},
	{rooms.ErrOccupied, codes.FailedPrecondition, "ROOM_OCCUPIED", aboutRoom},
	{rooms.ErrDeclared, codes.FailedPrecondition, "ROOM_DECLARED", aboutRoom},
	{rooms.ErrStorage, codes.Unavailable, "STORAGE_FAILED", aboutNothing},
	{rooms.ErrLocked, codes.FailedPrecondition, "ROOM_LOCKED", aboutRoom},
	{rooms.ErrNotOpen, codes.FailedPrecondition, "ROOM_NOT_OPEN", aboutRoom},
	{rooms.ErrFull, codes.ResourceExhausted, "ROOM_FULL", aboutRoom},
	{rooms.ErrOverloaded, codes.Unavailable, "ROOM_OVERLOADED", aboutRoom},
	{rooms.ErrClosed, codes.Unavailable, "ROOM_ENDED", aboutRoom},
	{rooms.ErrDraining, codes.Unavailable, "BRIDGE_DRAINING", aboutNothing},
	{errStopping, codes.Unavailable, "BRIDGE_DRAINING", aboutNothing},
	{ErrTraceEnded, codes.Unavailable, "BRIDGE_DRAINING", aboutNothing},
	{ErrTooManyTraces, codes.ResourceExhausted, "TOO_MANY_TRACES", aboutNothing},
	{errTraceOff, codes.FailedPrecondition, "TRACE_OFF", aboutNothing},
	{rooms.ErrNoBan, codes.NotFound, "BAN_NOT_FOUND", aboutRequest},
	{rooms.ErrBanned, codes.FailedPrecondition, "CALLER_BANNED", aboutRequest},
	{rooms.ErrNotWaiting, codes.FailedPrecondition, "PARTICIPANT_NOT_WAITING", aboutRequest},
	{rooms.ErrNotAllowed, codes.FailedPrecondition, "PARTICIPANT_NOT_ALLOWED", aboutRequest},
	{rooms.ErrNoFloor, codes.FailedPrecondition, "PARTICIPANT_WITHOUT_FLOOR", aboutRequest},
	{rooms.ErrBusy, codes.ResourceExhausted, "PLAYER_BUSY", aboutRoom},
	{rooms.ErrEmpty, codes.FailedPrecondition, "ROOM_EMPTY", aboutRoom},
	{rooms.ErrRecording, codes.FailedPrecondition, "ROOM_RECORDED", aboutRoom},
	{rooms.ErrNotRecording, codes.FailedPrecondition, "ROOM_NOT_RECORDED", aboutRoom},
	{rooms.ErrNoRecorder, codes.FailedPrecondition, "RECORDING_UNAVAILABLE", aboutNothing},
	{rooms.ErrNoRecording, codes.NotFound, "RECORDING_NOT_FOUND", aboutRequest},
	{rooms.ErrRecordingOpen, codes.FailedPrecondition, "RECORDING_NOT_FINISHED", aboutRequest},
	{rooms.ErrDiskLow, codes.ResourceExhausted, "DISK_LOW", aboutNothing},
	{rooms.ErrDisk, codes.Unavailable, "DISK_FAILED", aboutNothing},
	{rooms.ErrTooLong, codes.OutOfRange, "RECORDING_TOO_LONG", aboutRequest},
	{sounds.ErrNotFound, codes.NotFound, "SOUND_NOT_FOUND", aboutNothing},
	{sounds.ErrFormat, codes.InvalidArgument, "SOUND_UNREADABLE", aboutNothing},
	{sounds.ErrTooLong, codes.InvalidArgument, "SOUND_TOO_LONG", aboutNothing},
	{sounds.ErrNotAllowed, codes.PermissionDenied, "SOUND_URL_DENIED", aboutNothing},
	{sounds.ErrUnreachable, codes.Unavailable, "SOUND_UNREACHABLE", aboutNothing},
	{sounds.ErrClosed, codes.Unavailable, "BRIDGE_DRAINING", aboutNothing},
	{errNoSounds, codes.FailedPrecondition, "SOUNDS_UNAVAILABLE", aboutNothing},
	{errNoRecords, codes.FailedPrecondition, "CALL_RECORDS_OFF", aboutNothing},
	{cdr.ErrDisk, codes.Unavailable, "DISK_FAILED", aboutNothing},
	{cdr.ErrInvalid, codes.InvalidArgument, "INVALID_ARGUMENT", aboutNothing},
	{errDialDenied, codes.PermissionDenied, "DIAL_DENIED", aboutRoom},
	{errDialLimit, codes.ResourceExhausted, "DIAL_LIMIT", aboutRoom},
	{errNoDialer, codes.FailedPrecondition, "DIAL_UNAVAILABLE", aboutNothing},
	{rooms.ErrNoKeys, codes.FailedPrecondition, "KEYS_NOT_TAKEN", aboutRequest},
	{rooms.ErrElsewhere, codes.FailedPrecondition, "HEARS_ELSEWHERE", aboutRequest},
	{rooms.ErrKeyQueue, codes.ResourceExhausted, "TOO_MANY_KEYS", aboutRequest},
	{entry.ErrNoInvitation, codes.NotFound, "INVITATION_NOT_FOUND", aboutRequest},
	{entry.ErrNoNumber, codes.NotFound, "NUMBER_NOT_FOUND", aboutRequest},
	{entry.ErrNumberInFile, codes.AlreadyExists, "NUMBER_EXISTS", aboutRequest},
	{entry.ErrNumberExists, codes.AlreadyExists, "NUMBER_EXISTS", aboutRequest},
	{entry.ErrNumberDeclared, codes.FailedPrecondition, "NUMBER_DECLARED", aboutRequest},
	{entry.ErrTooManyNumbers, codes.ResourceExhausted, "TOO_MANY_NUMBERS", aboutNothing},
	{entry.ErrInvalid, codes.InvalidArgument, "INVALID_ARGUMENT", aboutRequest},
	{distributor.ErrNoDistribution, codes.NotFound, "DISTRIBUTION_NOT_FOUND", aboutRequest},
	{distributor.ErrExists, codes.AlreadyExists, "DISTRIBUTION_EXISTS", aboutRequest},
	{distributor.ErrTaken, codes.AlreadyExists, "DESTINATION_TAKEN", aboutRequest},
	{distributor.ErrPath, codes.FailedPrecondition, "NO_PATH", aboutRequest},
	{receiver.ErrPath, codes.FailedPrecondition, "NO_PATH", aboutRequest},
	{receiver.ErrNoSource, codes.NotFound, "SOURCE_NOT_FOUND", aboutRequest},
	{receiver.ErrExists, codes.AlreadyExists, "SOURCE_EXISTS", aboutRequest},
	{receiver.ErrTaken, codes.AlreadyExists, "GROUP_TAKEN", aboutRequest},
	{errNoReceiver, codes.FailedPrecondition, "RECEIVING_UNAVAILABLE", aboutNothing},
	{distributor.ErrClear, codes.FailedPrecondition, "NOT_ENCRYPTED", aboutRequest},
	{distribution.ErrNotAllowed, codes.PermissionDenied, "DISTRIBUTION_DENIED", aboutRequest},
	{errNoDistributions, codes.FailedPrecondition, "DISTRIBUTIONS_UNAVAILABLE", aboutNothing},
	{errKeyExposed, codes.PermissionDenied, "KEY_EXPOSED", aboutRequest},
	{distribution.ErrInvalid, codes.InvalidArgument, "INVALID_ARGUMENT", aboutRequest},
	{access.ErrTaken, codes.AlreadyExists, "PIN_TAKEN", aboutRoom},
	{access.ErrTooMany, codes.ResourceExhausted, "TOO_MANY_INVITATIONS", aboutRoom},
	{access.ErrBusy, codes.ResourceExhausted, "PINS_BUSY", aboutRoom},
	{access.ErrInvalid, codes.InvalidArgument, "INVALID_ARGUMENT", aboutRequest},
	{rooms.ErrInvalid, codes.InvalidArgument, "INVALID_ARGUMENT", aboutRequest},
	{rooms.ErrMediaTimeout, codes.Aborted, "MEDIA_TIMEOUT", aboutRequest},
	{context.DeadlineExceeded, codes.DeadlineExceeded, "DEADLINE_EXCEEDED", aboutRequest},
	{context.Canceled, codes.Canceled, "CANCELED", aboutRequest},
}

// errNoTrunk says that the configuration names no such trunk.
var errNoTrunk = errors.New("no such trunk")

// errNoSounds says that the bridge was put together without any.
var errNoSounds = errors.New("there are no sounds")

// violations are the fields of a request that cannot be; it is an ErrInvalid.
type violations []*errdetails.BadRequest_FieldViolation

func (v *violations) add(field, description string) {
	*v = append(*v, &errdetails.BadRequest_FieldViolation{Field: field, Description: description})
}

// err is nil where nothing was violated.
func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	return v
}

// violated is one violation as an error.
func violated(field, description string) error {
	var v violations
	v.add(field, description)
	return v
}

func (v violations) Error() string {
	all := make([]string, len(v))
	for i, f := range v {
		all[i] = f.Field + ": " + f.Description
	}
	return strings.Join(all, "; ")
}

func (v violations) Is(target error) bool { return target == rooms.ErrInvalid }

// toStatus is what a client sees of err, which came of req. Errors of gRPC's own services are statuses already.
func toStatus(req any, err error) *status.Status {
	for _, t := range translations {
		if !errors.Is(err, t.err) {
			continue
		}
		resource := resourceOf(req, t.about)
		info := &errdetails.ErrorInfo{Reason: t.reason, Domain: ErrorDomain}
		message := t.err.Error()
		var denied *DialDeniedError
		if errors.As(err, &denied) {
			message = denied.Error()
		}
		message = cmp.Or(tellingOf(err), message)
		if resource != "" {
			info.Metadata = map[string]string{"resource": resource}
			message = resource + ": " + message
		}
		if denied != nil {
			info.Metadata = map[string]string{"resource": resource, "rule": denied.Rule}
		}
		details := []protoadapt.MessageV1{info}
		switch t.code {
		case codes.NotFound:
			details = append(details, &errdetails.ResourceInfo{
				ResourceType: resourceType(resource), ResourceName: resource, Description: t.err.Error(),
			})
		case codes.InvalidArgument:
			v := violationsOf(req, err)
			message = v.Error()
			details = append(details, &errdetails.BadRequest{FieldViolations: v})
		}
		return withDetails(status.New(t.code, message), details)
	}
	if st, ok := status.FromError(err); ok {
		return st
	}
	info := &errdetails.ErrorInfo{Reason: "INTERNAL", Domain: ErrorDomain}
	return withDetails(status.New(codes.Internal, "internal error"), []protoadapt.MessageV1{info})
}

// tellingOf is what is told of a distribution that cannot be: which field, or why there is no way; empty of other errors.
func tellingOf(err error) string {
	var told *distribution.Error
	switch {
	case errors.As(err, &told):
		return told.Error()
	case errors.Is(err, distributor.ErrPath), errors.Is(err, receiver.ErrPath):
		return err.Error()
	}
	return ""
}

// violationsOf returns the fields that err names; where package rooms found the fault, which names none, the whole
// resource of the request.
func violationsOf(req any, err error) violations {
	var v violations
	if !errors.As(err, &v) {
		v.add(resourceField(req), err.Error())
	}
	return v
}

func withDetails(st *status.Status, details []protoadapt.MessageV1) *status.Status {
	detailed, err := st.WithDetails(details...)
	if err != nil {
		return st
	}
	return detailed
}
