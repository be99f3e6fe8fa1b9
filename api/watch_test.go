package api

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

type watchStream = grpc.ServerStreamingClient[confbridgev1.WatchRoomResponse]

func (b *bridge) watch(t *testing.T, number string, after *uint64) watchStream {
	t.Helper()
	stream, err := b.rooms.WatchRoom(waitContext(t), &confbridgev1.WatchRoomRequest{
		Name: roomName(number), AfterSequence: after,
	})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func receive(t *testing.T, stream watchStream) *confbridgev1.WatchRoomResponse {
	t.Helper()
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// events receives n events and nothing else.
func events(t *testing.T, stream watchStream, n int) []*confbridgev1.Event {
	t.Helper()
	var all []*confbridgev1.Event
	for range n {
		resp := receive(t, stream)
		if resp.GetEvent() == nil {
			t.Fatalf("got %v, want an event", resp)
		}
		all = append(all, resp.GetEvent())
	}
	return all
}

func kindsOf(all []*confbridgev1.Event) []string {
	var kinds []string
	for _, e := range all {
		kinds = append(kinds, e.GetKind().String()[len("EVENT_KIND_"):])
	}
	return kinds
}

// story lets things happen in room 1000: five events.
func (b *bridge) story(t *testing.T) {
	t.Helper()
	ctx := waitContext(t)
	p := b.join(t, "1000", "ann")
	_, err := b.participants.UpdateParticipant(ctx, &confbridgev1.UpdateParticipantRequest{
		Participant: &confbridgev1.Participant{Name: participantName("1000", p.ID()), Muted: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
		Room: &confbridgev1.Room{Name: "rooms/1000", Locked: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"locked"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Leave(rooms.ReasonHangup)
}

var wantStory = []string{"JOINED", "MUTED", "LOCKED", "LEFT", "ENDED"}

func TestWatchRoomTellsTheStoryFromASnapshotOn(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	stream := b.watch(t, "1000", nil)
	snapshot := receive(t, stream).GetSnapshot()
	if snapshot.GetRoom().GetName() != "rooms/1000" || len(snapshot.GetParticipants()) != 0 {
		t.Fatalf("got snapshot %v", snapshot)
	}
	b.story(t)
	all := events(t, stream, len(wantStory))
	if diff := cmp.Diff(wantStory, kindsOf(all)); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
	for i, e := range all {
		if want := snapshot.GetSequence() + uint64(i) + 1; e.GetSequence() != want {
			t.Errorf("%v has number %d, want %d", e.GetKind(), e.GetSequence(), want)
		}
		if e.GetRoomName() != "rooms/1000" || e.GetTime() == nil {
			t.Errorf("event %d is of %q at %v", i, e.GetRoomName(), e.GetTime())
		}
	}
	if got := all[3].GetReason(); got != confbridgev1.Reason_REASON_HANGUP {
		t.Errorf("left for %v, want the hang-up", got)
	}
	if got := all[0].GetParticipant().GetDisplayName(); got != "ann" {
		t.Errorf("joined: %q, want ann", got)
	}
	if !all[2].GetRoom().GetLocked() {
		t.Error("the room of the event LOCKED is not locked")
	}
}

func TestWatchRoomResumesWithoutLossOrRepetition(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	b.create(t, "1000")
	b.story(t)
	whole := events(t, b.watch(t, "1000", new(uint64(0))), len(wantStory))
	for i, from := range whole {
		rest := events(t, b.watch(t, "1000", new(from.GetSequence())), len(wantStory)-i-1)
		if diff := cmp.Diff(kindsOf(whole[i+1:]), kindsOf(rest)); diff != "" {
			t.Errorf("behind %d (-want +got):\n%s", from.GetSequence(), diff)
		}
	}
}

func TestWatchRoomOfANumberThatIsNoRoomYet(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	stream := b.watch(t, "1000", nil)
	if got := receive(t, stream).GetSnapshot(); got == nil || got.GetRoom() != nil {
		t.Fatalf("got snapshot %v, want one without a room", got)
	}
	b.join(t, "1000", "ann")
	if got := events(t, stream, 1); got[0].GetKind() != confbridgev1.EventKind_EVENT_KIND_JOINED {
		t.Errorf("got %v, want joined", got)
	}
}

func TestWatchRoomOfNoRoom(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	_, err := b.watch(t, "1000", nil).Recv()
	st := status.Convert(err)
	if st.Code() != codes.NotFound || st.Message() != "rooms/1000: no such room" {
		t.Errorf("got %v", err)
	}
	if got := detail[*errdetails.ResourceInfo](t, st).GetResourceName(); got != "rooms/1000" {
		t.Errorf("got resource %q", got)
	}
	_, err = b.watch(t, "", nil).Recv()
	wantFields(t, err, "name")
}

func TestASlowWatcherIsToldWhatItMissed(t *testing.T) {
	const kept = 2
	b := newBridge(t, rooms.Config{EventsKept: kept})
	b.create(t, "1000")
	watch, err := b.reg.Watch(waitContext(t), "1000", nil)
	if err != nil {
		t.Fatal(err)
	}
	other := b.watch(t, "1000", nil)
	receive(t, other) // the snapshot: from here on it is told all
	b.story(t)
	for receive(t, other).GetEvent().GetKind() != confbridgev1.EventKind_EVENT_KIND_ENDED { // the leaving is told from the room's own goroutine
	}
	stream := &fakeStream{ctx: waitContext(t)}
	resp, err := next(stream, watch)
	if err != nil {
		t.Fatal(err)
	}
	missed := resp.GetMissed()
	if missed.GetToSequence()-missed.GetFromSequence()+1 != uint64(len(wantStory)-kept) {
		t.Fatalf("got %v, want %d missed", resp, len(wantStory)-kept)
	}
	resp, err = next(stream, watch)
	if err != nil || resp.GetEvent().GetSequence() != missed.GetToSequence()+1 {
		t.Errorf("got %v, %v, want the event behind what was missed", resp, err)
	}
}

// fakeStream is a stream with nothing but a context.
type fakeStream struct {
	grpc.ServerStreamingServer[confbridgev1.WatchRoomResponse]
	ctx context.Context
}

func (s *fakeStream) Context() context.Context { return s.ctx }

func TestStreamsEndWithUnavailableWhenTheServerStops(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	stream := b.watch(t, "1000", nil)
	receive(t, stream)
	b.server.Shutdown(waitContext(t))
	_, err := stream.Recv()
	if st := status.Convert(err); st.Code() != codes.Unavailable || st.Message() != "bridge is shutting down" {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
}

func TestAWatcherCanGo(t *testing.T) {
	b := newBridge(t, rooms.Config{OnDemand: true})
	ctx, cancel := context.WithCancel(waitContext(t))
	stream, err := b.rooms.WatchRoom(ctx, &confbridgev1.WatchRoomRequest{Name: "rooms/1"})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, stream)
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want CANCELED", err)
	}
}
