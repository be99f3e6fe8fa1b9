package test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/phone"
)

// telephones are the RTP ports of all guests of this process.
var telephones = sync.OnceValues(func() (*media.Engine, error) {
	return media.NewEngine(media.Config{PortMin: 30000, PortMax: 32699})
})

// newClient is where a test's guests call from.
func newClient(t *testing.T) *sipua.Client {
	t.Helper()
	return newClientWith(t, sipua.ClientConfig{})
}

func newClientWith(t *testing.T, cfg sipua.ClientConfig) *sipua.Client {
	t.Helper()
	engine, err := telephones()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sipua.NewClient(t.Context(), cfg, engine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Errorf("client: %v", err)
		}
	})
	return c
}

// arrived is one packet as the kernel took it in.
type arrived struct {
	at      time.Time
	payload []byte
}

// guest is a caller in this process.
type guest struct {
	call *sipua.OutCall
	end  func() // hangs up; more calls do nothing

	mu      sync.Mutex
	heard   []int16   // what the phone has played
	packets []arrived // what has come in, before any jitter buffer
}

// invite places a call and lets the guest talk until the test ends: play is said once, at the codec's rate.
func invite(t *testing.T, c *sipua.Client, uri string, name codec.Name, play []int16) *guest {
	t.Helper()
	return inviteAs(t, c, sipua.DialConfig{URI: uri, Codecs: []codec.Name{name}}, play)
}

// inviteAs is invite for a caller with a name and password.
func inviteAs(t *testing.T, c *sipua.Client, dial sipua.DialConfig, play []int16) *guest {
	t.Helper()
	return inviteDialling(t, c, dial, phone.Config{Play: play})
}

// inviteDialling is inviteAs for a caller who does what cfg says; Heard is the guest's own.
func inviteDialling(t *testing.T, c *sipua.Client, dial sipua.DialConfig, cfg phone.Config) *guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	call, err := c.Dial(ctx, dial)
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{call: call}
	cfg.Heard = g.hear
	p, err := phone.New(tapped{call.Leg(), g}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	talking, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(talking); err != nil {
			t.Errorf("phone: %v", err)
		}
	}()
	g.end = sync.OnceFunc(func() {
		stop()
		<-done
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := call.Hangup(ctx); err != nil {
			t.Errorf("hang up: %v", err)
		}
		call.Leg().Close()
	})
	t.Cleanup(g.end)
	return g
}

func (g *guest) hear(frame []int16) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard = append(g.heard, frame...)
}

// sound is what was heard so far.
func (g *guest) sound() []int16 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]int16(nil), g.heard...)
}

// forget drops what was heard so far.
func (g *guest) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard = nil
}

// hearsTone says whether the last half second heard has a tone in it.
func (g *guest) hearsTone(hz float64) bool {
	const samples = 4000
	pcm := g.sound()
	return len(pcm) >= samples && toneLevel(pcm[len(pcm)-samples:], hz, samples) > -40
}

// since are the packets that arrived after a moment.
func (g *guest) since(at time.Time) []arrived {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, p := range g.packets {
		if p.at.After(at) {
			return append([]arrived(nil), g.packets[i:]...)
		}
	}
	return nil
}

// listen waits for so much more sound and returns it.
func (g *guest) listen(t *testing.T, samples int) []int16 {
	t.Helper()
	from := len(g.sound())
	eventually(t, "more sound", func() bool { return len(g.sound()) >= from+samples })
	return g.sound()[from : from+samples]
}

// tapped is a leg whose packets a guest keeps.
type tapped struct {
	*sipua.OutLeg
	guest *guest
}

func (l tapped) Receive(now time.Time, in media.Inlet) error {
	return l.OutLeg.Receive(now, tap{in, l.guest})
}

type tap struct {
	media.Inlet
	guest *guest
}

func (in tap) Audio(p jitter.Packet) jitter.Verdict {
	in.guest.mu.Lock()
	in.guest.packets = append(in.guest.packets, arrived{p.Arrival, append([]byte(nil), p.Payload...)})
	in.guest.mu.Unlock()
	return in.Inlet.Audio(p)
}
