package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// fakeDialer keeps what it was asked for.
type fakeDialer struct {
	asked []DialOut
	err   error
}

func (f *fakeDialer) Dial(_ context.Context, d DialOut) (string, error) {
	f.asked = append(f.asked, d)
	return "bob", f.err
}

func TestSomebodyIsDialled(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	resp, err := b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{
		Parent: "rooms/1000", Address: "+4930123", Trunk: "trunks/carrier", DisplayName: "Bob", Role: confbridgev1.Role_ROLE_LISTENER,
		CallerName: "The Board", CallerNumber: "+49-4711", RingTimeout: durationpb.New(20 * time.Second),
	})
	if err != nil || resp.GetParticipant() != "rooms/1000/participants/bob" {
		t.Errorf("got %v, %v", resp, err)
	}
	if _, err := b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{
		Parent: "rooms/1000", Address: "sip:bob@example.com",
	}); err != nil {
		t.Error(err)
	}
	for _, within := range []*durationpb.Duration{nil, durationpb.New(7 * time.Second)} {
		if _, err := b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{
			Parent: "rooms/1000", Address: "sip:bob@example.com", RequireKey: true, KeyTimeout: within,
		}); err != nil {
			t.Error(err)
		}
	}
	want := []DialOut{
		{
			Room: "1000", Address: "+4930123", Trunk: "carrier", DisplayName: "Bob", Role: rooms.RoleListener, CallerName: "The Board",
			CallerNumber: "+49-4711", RingTime: 20 * time.Second,
		},
		{Room: "1000", Address: "sip:bob@example.com"},
		{Room: "1000", Address: "sip:bob@example.com", ConfirmTime: 20 * time.Second},
		{Room: "1000", Address: "sip:bob@example.com", ConfirmTime: 7 * time.Second},
	}
	if diff := cmp.Diff(want, b.dialer.asked); diff != "" {
		t.Error(diff)
	}
}

func TestDialsThatCannotBeNameTheField(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	long := strings.Repeat("x", 1000)
	_, err := b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{
		Parent: "rooms/1000", Address: long, DisplayName: long, CallerName: "a\nb", CallerNumber: "a@b", Role: 9, RingTimeout: durationpb.New(time.Hour),
	})
	wantFields(t, err, "address", "display_name", "caller_name", "caller_number", "role", "ring_timeout")
	for _, row := range []struct {
		key    bool
		within time.Duration
	}{{false, 20 * time.Second}, {true, time.Second}, {true, time.Hour}} {
		_, err = b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{
			Parent: "rooms/1000", Address: "x", RequireKey: row.key, KeyTimeout: durationpb.New(row.within),
		})
		wantFields(t, err, "key_timeout")
	}
	_, err = b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{Parent: "rooms/", Address: "x"})
	wantFields(t, err, "parent")
	_, err = b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{Parent: "rooms/1", Address: "x", Trunk: "carrier"})
	wantFields(t, err, "trunk")
	if b.dialer.asked != nil {
		t.Errorf("got %+v, want nobody called", b.dialer.asked)
	}
	for _, row := range []struct {
		err   error
		field string
	}{{ErrDialAddress, "address"}, {ErrDialTrunk, "trunk"}} {
		b.dialer.err = fmt.Errorf("wrapped: %w", row.err)
		_, err = b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{Parent: "rooms/1", Address: "x"})
		wantFields(t, err, row.field)
	}
}

func TestARefusedDialTellsTheRule(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	for _, row := range []struct {
		limit bool
		code  codes.Code
		text  string
	}{{false, codes.PermissionDenied, "DIAL_DENIED"}, {true, codes.ResourceExhausted, "DIAL_LIMIT"}} {
		b.dialer.err = fmt.Errorf("wrapped: %w", &DialDeniedError{Rule: "sip.dial_out.domains", Text: "not there", Limit: row.limit})
		_, err := b.participants.DialParticipant(waitContext(t), &confbridgev1.DialParticipantRequest{Parent: "rooms/1000", Address: "sip:a@b"})
		st := status.Convert(err)
		info := detail[*errdetails.ErrorInfo](t, st)
		if st.Code() != row.code || st.Message() != "rooms/1000: not there (sip.dial_out.domains)" || info.GetReason() != row.text ||
			info.GetMetadata()["rule"] != "sip.dial_out.domains" || info.GetMetadata()["resource"] != "rooms/1000" {
			t.Errorf("got %v %v", st, info)
		}
	}
	s := &participantService{}
	if _, err := s.DialParticipant(t.Context(), &confbridgev1.DialParticipantRequest{Parent: "rooms/1", Address: "x"}); !errors.Is(err, errNoDialer) {
		t.Errorf("without a dialer: got %v, want errNoDialer", err)
	}
}

func TestDialsAreListedPageByPageAndEnded(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	ctx := waitContext(t)
	var want []*confbridgev1.Dial
	var dials []*rooms.Participant
	for _, name := range []string{"ann", "bob", "carol"} {
		p, err := b.reg.Dial(ctx, "1000", rooms.Caller{DisplayName: name, Address: "sip:" + name + "@192.0.2.1", CallID: "c", Role: rooms.RoleModerator})
		if err != nil {
			t.Fatal(err)
		}
		dials = append(dials, p)
		want = append(want, &confbridgev1.Dial{
			Participant: participantName("1000", p.ID()), DisplayName: name, Role: confbridgev1.Role_ROLE_MODERATOR, Address: "sip:" + name + "@192.0.2.1",
			CallId: "c", State: confbridgev1.Dial_STATE_DIALING,
		})
	}
	if err := dials[1].Progress(ctx, rooms.DialRinging); err != nil {
		t.Fatal(err)
	}
	want[1].State = confbridgev1.Dial_STATE_RINGING
	var got []*confbridgev1.Dial
	for token := ""; ; {
		page, err := b.participants.ListDials(ctx, &confbridgev1.ListDialsRequest{Parent: "rooms/1000", PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.GetDials()...)
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&confbridgev1.Dial{}, "start_time")); diff != "" {
		t.Error(diff)
	}
	if _, err := b.participants.RemoveParticipant(ctx, &confbridgev1.RemoveParticipantRequest{Name: want[0].GetParticipant()}); err != nil {
		t.Error(err)
	}
	<-dials[0].Left()
	if _, err := b.participants.ListDials(ctx, &confbridgev1.ListDialsRequest{Parent: "rooms/7"}); status.Code(err) != codes.NotFound {
		t.Errorf("got %v, want NOT_FOUND", err)
	}
	_, err := b.participants.ListDials(ctx, &confbridgev1.ListDialsRequest{Parent: "rooms/7", PageSize: -1})
	wantFields(t, err, "page_size")
}

func TestADialAsAnEvent(t *testing.T) {
	e := rooms.Event{
		Room: "1000", Sequence: 3, Kind: rooms.KindDialFailed, Reason: rooms.ReasonBusy, Code: 486,
		Participant: rooms.ParticipantInfo{ID: "bob", Room: "1000", Caller: rooms.Caller{DisplayName: "Bob", Address: "sip:b@h", CallID: "c"}},
	}
	want := &confbridgev1.Event{
		RoomName: "rooms/1000", Sequence: 3, Kind: confbridgev1.EventKind_EVENT_KIND_DIAL_FAILED, Reason: confbridgev1.Reason_REASON_BUSY,
		Dial: &confbridgev1.Dial{
			Participant: "rooms/1000/participants/bob", DisplayName: "Bob", Role: confbridgev1.Role_ROLE_SPEAKER, Address: "sip:b@h", CallId: "c",
			SipStatus: 486,
		},
	}
	if diff := cmp.Diff(want, toEvent(e), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	e.Kind, e.Code, e.Reason = rooms.KindRinging, 0, rooms.ReasonUnspecified
	if got := toEvent(e).GetDial().GetState(); got != confbridgev1.Dial_STATE_RINGING {
		t.Errorf("got %v, want ringing", got)
	}
}

// pressable is a telephone that keys can be pressed at.
type pressable struct {
	mute
	pressed *[]string
}

func (l pressable) Press(keys string, held, pause time.Duration) error {
	*l.pressed = append(*l.pressed, fmt.Sprint(keys, " ", held, " ", pause))
	return nil
}

func TestKeysAreSentToAParticipant(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	ctx := waitContext(t)
	p, err := b.reg.Admit(ctx, "1000", rooms.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Leave(rooms.ReasonHangup)
	var pressed []string
	if err := p.Join(ctx, pressable{pressed: &pressed}); err != nil {
		t.Fatal(err)
	}
	name := participantName("1000", p.ID())
	for _, req := range []*confbridgev1.SendDtmfRequest{
		{Name: name, Digits: "1#"}, {Name: name, Digits: "D", Duration: durationpb.New(time.Second), Gap: durationpb.New(40 * time.Millisecond)},
	} {
		if _, err := b.participants.SendDtmf(ctx, req); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"1# 100ms 100ms", "D 1s 40ms"}, pressed); diff != "" {
		t.Error(diff)
	}
	_, err = b.participants.SendDtmf(ctx, &confbridgev1.SendDtmfRequest{
		Name: name, Digits: strings.Repeat("x", 40), Duration: durationpb.New(time.Minute), Gap: durationpb.New(-1),
	})
	wantFields(t, err, "digits", "digits", "duration", "gap")
	_, err = b.participants.SendDtmf(ctx, &confbridgev1.SendDtmfRequest{Name: name})
	wantFields(t, err, "digits")
	_, err = b.participants.SendDtmf(ctx, &confbridgev1.SendDtmfRequest{Name: "rooms/1", Digits: "1"})
	wantFields(t, err, "name")
	plain := b.join(t, "1000", "ann")
	_, err = b.participants.SendDtmf(ctx, &confbridgev1.SendDtmfRequest{Name: participantName("1000", plain.ID()), Digits: "1"})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("got %v, want FAILED_PRECONDITION", err)
	}
}
