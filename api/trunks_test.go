package api

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

var trunkTime = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// someTrunks has a trunk in each state, until it is changed.
type someTrunks struct {
	mu      sync.Mutex
	list    []Trunk
	changed chan struct{}
}

func newSomeTrunks() *someTrunks { return &someTrunks{list: eachState(), changed: make(chan struct{})} }

func (s *someTrunks) Trunks() []Trunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Trunk(nil), s.list...)
}

func (s *someTrunks) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// change replaces a trunk, and tells.
func (s *someTrunks) change(i int, t Trunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list[i] = t
	close(s.changed)
	s.changed = make(chan struct{})
}

func eachState() []Trunk {
	return []Trunk{
		{
			Name: "carrier", Calls: 2, MaxCalls: 9, Total: 70, Refused: 4,
			Registration: &Registration{
				State: Registered, Registrar: "sip:r.example", Address: "sip:a@r.example", Target: "udp://192.0.2.1:5060",
				Changed: trunkTime, Expires: trunkTime.Add(time.Minute),
			},
			Reachability: &Reachability{Known: true, Up: true, URI: "sip:r.example", RoundTrip: 5 * time.Millisecond},
		},
		{
			Name: "b", Registration: &Registration{State: RegistrationFailed, Error: "SIP 403"},
			Reachability: &Reachability{Known: true, Error: "no answer in time"},
		},
		{Name: "c", Registration: &Registration{State: Registering}, Reachability: &Reachability{}},
		{Name: "d", Registration: &Registration{State: RegistrationRemoved}},
		{Name: "e"},
	}
}

func TestTrunksAreListedPageByPage(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	var got []*confbridgev1.Trunk
	for token, pages := "", 0; ; pages++ {
		page, err := b.trunks.ListTrunks(waitContext(t), &confbridgev1.ListTrunksRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.GetTrunks()...)
		if token = page.GetNextPageToken(); token == "" {
			if pages != 2 {
				t.Errorf("got %d pages, want 3", pages+1)
			}
			break
		}
	}
	want := []*confbridgev1.Trunk{
		{
			Name: "trunks/carrier", Calls: 2, MaxCalls: 9, CallsTotal: 70, RefusedTotal: 4,
			Registration: &confbridgev1.Registration{
				State: confbridgev1.Registration_STATE_REGISTERED, Registrar: "sip:r.example", Address: "sip:a@r.example",
				Target: "udp://192.0.2.1:5060", ChangeTime: timestamppb.New(trunkTime), ExpireTime: timestamppb.New(trunkTime.Add(time.Minute)),
			},
			Reachability: &confbridgev1.Reachability{
				State: confbridgev1.Reachability_STATE_UP, Uri: "sip:r.example", RoundTrip: durationpb.New(5 * time.Millisecond),
			},
		},
		{
			Name:         "trunks/b",
			Registration: &confbridgev1.Registration{State: confbridgev1.Registration_STATE_FAILED, Error: "SIP 403"},
			Reachability: &confbridgev1.Reachability{State: confbridgev1.Reachability_STATE_DOWN, Error: "no answer in time"},
		},
		{
			Name:         "trunks/c",
			Registration: &confbridgev1.Registration{State: confbridgev1.Registration_STATE_REGISTERING},
			Reachability: &confbridgev1.Reachability{State: confbridgev1.Reachability_STATE_UNKNOWN},
		},
		{Name: "trunks/d", Registration: &confbridgev1.Registration{State: confbridgev1.Registration_STATE_REMOVED}},
		{Name: "trunks/e"},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATrunkIsFoundByItsName(t *testing.T) {
	b := newBridge(t, rooms.Config{})
	got, err := b.trunks.GetTrunk(waitContext(t), &confbridgev1.GetTrunkRequest{Name: "trunks/e"})
	if err != nil || got.GetName() != "trunks/e" {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = b.trunks.GetTrunk(waitContext(t), &confbridgev1.GetTrunkRequest{Name: "trunks/nobody"})
	if status.Code(err) != codes.NotFound {
		t.Fatalf("got %v, want NOT_FOUND", err)
	}
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*errdetails.ResourceInfo); ok && (r.GetResourceType() != "confbridge.v1.Trunk" || r.GetResourceName() != "trunks/nobody") {
			t.Errorf("got resource %v", r)
		}
	}
	for _, name := range []string{"", "trunks/", "rooms/e", "trunks/a b", "trunks/a/b"} {
		if _, err := b.trunks.GetTrunk(waitContext(t), &confbridgev1.GetTrunkRequest{Name: name}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%q: got %v, want INVALID_ARGUMENT", name, err)
		}
	}
}

func TestWatchTrunksTellsAllAndThenWhatChanges(t *testing.T) {
	trunks := newSomeTrunks()
	service := &trunkService{trunks: trunks}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := &trunkStream{ctx: ctx, sent: make(chan *confbridgev1.Trunk)}
	ended := make(chan error, 1)
	go func() { ended <- service.WatchTrunks(&confbridgev1.WatchTrunksRequest{}, stream) }()
	next := func() *confbridgev1.Trunk {
		select {
		case k := <-stream.sent:
			return k
		case <-time.After(testWait):
			t.Fatal("nothing is told")
			return nil
		}
	}
	for _, want := range []string{"trunks/carrier", "trunks/b", "trunks/c", "trunks/d", "trunks/e"} {
		if got := next().GetName(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	busy := eachState()[0]
	busy.Calls++
	trunks.change(0, busy) // calls are no such change
	trunks.change(2, Trunk{Name: "c", Registration: &Registration{State: Registered}, Reachability: &Reachability{}})
	if got := next(); got.GetName() != "trunks/c" || got.GetRegistration().GetState() != confbridgev1.Registration_STATE_REGISTERED {
		t.Errorf("got %v", got)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// trunkStream hands over what is sent on it.
type trunkStream struct {
	grpc.ServerStream
	ctx  context.Context
	sent chan *confbridgev1.Trunk
}

func (s *trunkStream) Context() context.Context { return s.ctx }

func (s *trunkStream) Send(m *confbridgev1.WatchTrunksResponse) error {
	select {
	case s.sent <- m.GetTrunk():
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}
