package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// Dialer calls people into rooms. Its methods are safe for concurrent use.
type Dialer interface {
	// Dial begins to call somebody and returns the ID that the participant will have. Errors: those of rooms.Registry.Dial, *DialDeniedError,
	// ErrDialAddress, ErrDialTrunk.
	Dial(ctx context.Context, d DialOut) (id string, err error)
}

// DialOut is somebody to be called.
type DialOut struct {
	Room, Address            string
	Trunk                    string // its name; empty: none
	DisplayName              string
	Role                     rooms.Role
	CallerName, CallerNumber string
	RingTime                 time.Duration // 0: the Dialer's own
	ConfirmTime              time.Duration // in which who answers has to press 1; 0: they need not
}

// What a Dialer says of what it was given.
var (
	ErrDialAddress = errors.New("the address cannot be called")
	ErrDialTrunk   = errors.New("there is no such trunk")
)

var (
	errDialDenied = errors.New("calling there is not allowed")
	errDialLimit  = errors.New("so many calls are not allowed")
	errNoDialer   = errors.New("this bridge calls nobody")
)

// DialDeniedError says which rule of the configuration does not let somebody be called.
type DialDeniedError struct {
	Rule, Text string
	Limit      bool // it may be allowed later
}

func (e *DialDeniedError) Error() string { return e.Text + " (" + e.Rule + ")" }

// Is makes it one of the table of errors.
func (e *DialDeniedError) Is(target error) bool {
	return target == errDialDenied && !e.Limit || target == errDialLimit && e.Limit
}

// Bounds of what is asked for.
const (
	maxDialAddress  = 512 // bytes
	maxCallerNumber = 64
	minRingTime     = time.Second
	maxRingTime     = 5 * time.Minute
	minConfirmTime  = 5 * time.Second
	maxConfirmTime  = 2 * time.Minute
	confirmTime     = 20 * time.Second // where nothing is said
)

func (s *participantService) DialParticipant(
	ctx context.Context, req *confbridgev1.DialParticipantRequest,
) (*confbridgev1.DialParticipantResponse, error) {
	d, err := dialOut(req)
	if err != nil {
		return nil, err
	}
	if s.dialer == nil {
		return nil, errNoDialer
	}
	id, err := s.dialer.Dial(ctx, d)
	switch {
	case errors.Is(err, ErrDialAddress):
		return nil, violated("address", err.Error())
	case errors.Is(err, ErrDialTrunk):
		return nil, violated("trunk", err.Error())
	case err != nil:
		return nil, err
	}
	return &confbridgev1.DialParticipantResponse{Participant: participantName(d.Room, id)}, nil
}

// dialOut reads a request, or tells all that is wrong with it.
func dialOut(req *confbridgev1.DialParticipantRequest) (DialOut, error) {
	var v violations
	d := DialOut{
		Address: req.GetAddress(), DisplayName: req.GetDisplayName(), CallerName: req.GetCallerName(), CallerNumber: req.GetCallerNumber(),
	}
	var err error
	if d.Room, err = parseRoomName("parent", req.GetParent()); err != nil {
		return d, err
	}
	if t := req.GetTrunk(); t != "" {
		if d.Trunk, err = parseTrunkName("trunk", t); err != nil {
			return d, err
		}
	}
	if n := len(d.Address); n == 0 || n > maxDialAddress {
		v.add("address", fmt.Sprintf("has %d bytes, not 1 to %d", n, maxDialAddress))
	}
	if fault := displayNameFault(d.DisplayName); fault != "" {
		v.add("display_name", fault)
	}
	if fault := displayNameFault(d.CallerName); fault != "" {
		v.add("caller_name", fault)
	}
	if len(d.CallerNumber) > maxCallerNumber || strings.ContainsFunc(d.CallerNumber, func(r rune) bool {
		return r > 0x7f || !isAlphanumeric(byte(r)) && !strings.ContainsRune("+-_.*#", r)
	}) {
		v.add("caller_number", fmt.Sprintf("%s is not up to %d letters, digits and + - _ . * #", quote(d.CallerNumber), maxCallerNumber))
	}
	if r := req.GetRole(); r != confbridgev1.Role_ROLE_UNSPECIFIED {
		var ok bool
		if d.Role, ok = roleFromProto(r); !ok {
			v.add("role", r.String()+" is no role to have")
		}
	}
	d.RingTime = durationWithin(&v, "ring_timeout", req.GetRingTimeout(), minRingTime, maxRingTime)
	within := durationWithin(&v, "key_timeout", req.GetKeyTimeout(), minConfirmTime, maxConfirmTime)
	switch {
	case req.GetRequireKey():
		d.ConfirmTime = cmp.Or(within, confirmTime)
	case req.GetKeyTimeout() != nil:
		v.add("key_timeout", "is nothing without require_key")
	}
	return d, v.err()
}

// durationWithin reads a duration that may be unset, which is 0.
func durationWithin(v *violations, field string, d *durationpb.Duration, least, most time.Duration) time.Duration {
	if d == nil {
		return 0
	}
	t := d.AsDuration()
	if d.CheckValid() != nil || t < least || t > most {
		v.add(field, fmt.Sprintf("%v is not within %v to %v", t, least, most))
	}
	return t
}

func (s *participantService) ListDials(
	ctx context.Context, req *confbridgev1.ListDialsRequest,
) (*confbridgev1.ListDialsResponse, error) {
	number, err := parseRoomName("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	collection := req.GetParent() + "/dials"
	from, err := parseToken(collection, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	dials, err := s.rooms.Dials(ctx, number)
	if err != nil {
		return nil, err
	}
	dials = behind(dials, from, func(d rooms.Dial) (string, time.Time) { return d.ID, d.Started })
	resp := &confbridgev1.ListDialsResponse{}
	if len(dials) > size {
		dials = dials[:size]
		last := dials[size-1]
		resp.NextPageToken = cursor{collection: collection, last: last.ID, joined: last.Started}.token()
	}
	for _, d := range dials {
		resp.Dials = append(resp.Dials, toDial(d))
	}
	return resp, nil
}

func (s *participantService) SendDtmf(ctx context.Context, req *confbridgev1.SendDtmfRequest) (*confbridgev1.SendDtmfResponse, error) {
	number, id, err := parseParticipantName("name", req.GetName())
	if err != nil {
		return nil, err
	}
	var v violations
	keys := req.GetDigits()
	if n := len(keys); n == 0 || n > rooms.MaxKeys {
		v.add("digits", fmt.Sprintf("has %d keys, not 1 to %d", n, rooms.MaxKeys))
	}
	if strings.Trim(keys, "0123456789*#ABCD") != "" {
		v.add("digits", quote(keys)+" has other keys than 0 to 9, *, #, A to D")
	}
	held := durationWithin(&v, "duration", req.GetDuration(), rooms.MinKeyTime, rooms.MaxKeyHeld)
	gap := durationWithin(&v, "gap", req.GetGap(), rooms.MinKeyTime, rooms.MaxKeyPause)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := s.rooms.PressKeys(ctx, number, id, keys, held, gap); err != nil {
		return nil, err
	}
	return &confbridgev1.SendDtmfResponse{}, nil
}

// The states of dials, as lists and as events have them.
var (
	dialStates = map[rooms.DialState]confbridgev1.Dial_State{
		rooms.DialDialing:  confbridgev1.Dial_STATE_DIALING,
		rooms.DialRinging:  confbridgev1.Dial_STATE_RINGING,
		rooms.DialAnswered: confbridgev1.Dial_STATE_ANSWERED,
	}
	dialKinds = map[rooms.Kind]confbridgev1.Dial_State{
		rooms.KindDialing:    confbridgev1.Dial_STATE_DIALING,
		rooms.KindRinging:    confbridgev1.Dial_STATE_RINGING,
		rooms.KindAnswered:   confbridgev1.Dial_STATE_ANSWERED,
		rooms.KindDialFailed: confbridgev1.Dial_STATE_UNSPECIFIED,
	}
)

func toDial(d rooms.Dial) *confbridgev1.Dial {
	return &confbridgev1.Dial{
		Participant: participantName(d.Room, d.ID), DisplayName: validText(d.DisplayName), Role: roles[d.Role], Address: validText(d.Address),
		CallId: validText(d.CallID), State: dialStates[d.State], StartTime: toTimestamp(d.Started),
	}
}
