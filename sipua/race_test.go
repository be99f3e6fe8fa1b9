package sipua

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
)

// slowRooms lets nobody in before the caller gives up.
type slowRooms struct{ asked chan struct{} }

func (r slowRooms) Admit(ctx context.Context, _ string, _ rooms.Caller) (*rooms.Participant, error) {
	r.asked <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (r slowRooms) Dial(ctx context.Context, number string, c rooms.Caller) (*rooms.Participant, error) {
	return r.Admit(ctx, number, c)
}

func (slowRooms) Reachable(string) error { return nil }

func TestACancelledCallHasOneTagAndNoTrace(t *testing.T) {
	for _, over := range []string{"UDP", "TCP"} {
		t.Run(over, func(t *testing.T) {
			slow := slowRooms{asked: make(chan struct{}, 1)}
			b := newBridgeWith(t, media.Config{PortMin: 31000, PortMax: 31999}, func(*rooms.Registry) Rooms { return slow }, nil)
			w := b.phone(t, over)
			w.send("INVITE", w.sdp())
			<-slow.asked
			trying := w.read()
			if trying.StatusCode != 100 || trying.To.Tag() != "" {
				t.Errorf("got %s, want 100 without a tag", trying.Bytes())
			}
			w.send("CANCEL", "")
			var tags []string
			for range 2 {
				res := w.read()
				tags = append(tags, res.To.Tag())
				switch want := map[message.Method]int{message.Cancel: 200, message.Invite: 487}[res.CSeq.Method]; res.StatusCode {
				case want:
				default:
					t.Errorf("%s: got %d, want %d", res.CSeq.Method, res.StatusCode, want)
				}
			}
			if tags[0] == "" || tags[0] != tags[1] {
				t.Errorf("got To-tags %q, want one", tags)
			}
			w.toTag, w.refused = tags[0], true
			w.sendSeq("ACK", w.seq, "")
		})
	}
}

// openRooms shows the participants to the test.
type openRooms struct {
	*rooms.Registry
	admitted chan *rooms.Participant
}

func (r openRooms) Admit(ctx context.Context, number string, c rooms.Caller) (*rooms.Participant, error) {
	p, err := r.Registry.Admit(ctx, number, c)
	if err == nil {
		r.admitted <- p
	}
	return p, err
}

func TestAnINVITEWhileAnotherIsAnsweredIsPutOff(t *testing.T) {
	admitted := make(chan *rooms.Participant, 1)
	b := newBridgeWith(t, media.Config{PortMin: 31000, PortMax: 31999}, func(g *rooms.Registry) Rooms { return openRooms{g, admitted} }, nil)
	w := b.phone(t, "TCP")
	w.call()
	b.participants(t, "1000", 1)
	holding, release, released := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	p := <-admitted
	go func() {
		released <- p.Change(t.Context(), func() error { close(holding); <-release; return nil })
	}()
	<-holding
	w.send("INVITE", w.sdp("a=sendonly\r\n"))
	w.send("INVITE", w.sdp())
	res := w.want(message.Invite, 500)
	if _, ok := res.Header("Retry-After"); !ok { // RFC 3261 §14.2
		t.Error("there is no Retry-After")
	}
	w.sendSeq("ACK", w.seq, "")
	close(release)
	if err := <-released; err != nil {
		t.Error(err)
	}
	w.seq--
	w.want(message.Invite, 200)
	w.send("ACK", "")
	w.seq++
	w.hangup()
}

func TestACallThatIsBeingSetUpIsRefusedByAShutdown(t *testing.T) {
	slow := slowRooms{asked: make(chan struct{}, 1)}
	b := newBridgeWith(t, media.Config{}, func(*rooms.Registry) Rooms { return slow }, nil)
	w := b.phone(t, "TCP")
	w.send("INVITE", w.sdp())
	<-slow.asked
	if err := b.Shutdown(patient(t)); err != nil {
		t.Error(err)
	}
	w.want(message.Invite, 503)
}

func TestNothingIsLeftOfManyCallsThatEndAtOnce(t *testing.T) {
	const calls = 20
	b := newBridgeWith(t, media.Config{PortMin: 17400, PortMax: 17400 + 2*calls - 1}, nil, func(c *Config) {
		c.Listen = []string{"udp://" + ownIP(5) + ":0"} // each of the ports is needed
	})
	c := newClient(t)
	uri := DialConfig{URI: "sip:1000@" + b.addrs["udp"]}
	for round := range 2 {
		outs := make(chan *OutCall, calls)
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() {
				out, err := c.Dial(patient(t), uri)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				outs <- out
			})
		}
		wg.Wait()
		close(outs)
		b.participants(t, "1000", calls)
		var refused *StatusError
		if _, err := c.Dial(patient(t), uri); !errors.As(err, &refused) || refused.Status != 503 {
			t.Errorf("got %v, want 503: every port is taken", err)
		}
		for out := range outs {
			wg.Go(func() {
				if err := errors.Join(out.Hangup(patient(t)), out.Leg().Close()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := b.Calls(); got != 0 {
			t.Errorf("got %d calls, want none", got)
		}
	}
}
