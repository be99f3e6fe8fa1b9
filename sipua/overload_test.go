package sipua

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/overload"
	"github.com/confbridge/confbridge/sipua/transaction"
)

func refusedFor(t *testing.T, b *bridge, reason string) float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(b.Server)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "confbridge_sip_refused_total" && m.GetLabel()[0].GetValue() == reason {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no reason %q", reason)
	return 0
}

func TestASourceOverItsRateGets503AndItsCallStands(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Overload = overload.Config{Rate: 1, Burst: 2} })
	inCall, w := b.phone(t, "UDP"), b.phone(t, "UDP")
	inCall.call()
	w.send("OPTIONS", "")
	w.want(message.Options, 200)
	w.send("INVITE", w.sdp())
	first := w.want(message.Invite, 503)
	if after, ok := first.Header("Retry-After"); !ok || len(after) != 2 {
		t.Errorf("Retry-After: %q", after)
	}
	w.toTag = first.To.Tag()
	w.send("ACK", "") // absorbed
	w.toTag = ""
	w.send("CANCEL", "")
	w.want(message.Cancel, 481)
	unknown := b.phone(t, "UDP")
	unknown.toTag = "nobody" // a To-tag does not open the gate
	unknown.send("BYE", "")
	unknown.want(message.Bye, 503)
	for range 5 { // what is in a dialog is never refused
		inCall.send("INFO", "")
		inCall.want(message.Info, 200)
	}
	inCall.hangup()
	if n := refusedFor(t, b, "rate"); n != 2 {
		t.Errorf("got %v refused for their rate", n)
	}
}

func TestCallsHalfOpenAreBoundedUntilTheirACK(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Overload = overload.Config{MaxHalfOpen: 1} })
	w, other := b.phone(t, "UDP"), b.phone(t, "UDP")
	w.send("INVITE", w.sdp())
	w.enter(w.want(message.Invite, 200))
	other.send("INVITE", other.sdp())
	other.want(message.Invite, 503)
	w.send("ACK", "")
	w.send("INFO", "") // its answer comes behind the ACK's effect
	w.want(message.Info, 200)
	third := b.phone(t, "UDP")
	third.send("INVITE", "v") // refused by the SDP: half open until the ACK of that
	third.want(message.Invite, 400)
	fourth := b.phone(t, "TCP")
	fourth.send("INVITE", fourth.sdp())
	fourth.want(message.Invite, 503)
	third.send("ACK", "")
	third.send("OPTIONS", "")
	third.want(message.Options, 200)
	fifth := b.phone(t, "TCP")
	fifth.call()
	fifth.hangup()
	w.hangup()
	if n := refusedFor(t, b, "half_open"); n != 2 {
		t.Errorf("got %v refused as half open", n)
	}
	if s := b.gate.Stats(); s.HalfOpen != 0 {
		t.Errorf("%d are still half open", s.HalfOpen)
	}
}

func TestAMixerThatStaysLateRefusesNewCalls(t *testing.T) {
	var looks atomic.Uint64
	b := newBridge(t, func(c *Config) {
		c.Overload = overload.Config{Rate: -1, Late: func() uint64 { return looks.Add(1) }}
	})
	w := b.phone(t, "UDP")
	for looks.Load() < 6 { // about half a second
		w.send("OPTIONS", "")
		w.want(message.Options, 200)
	}
	const calls = 100 // in less than two seconds, of 50 a second that always pass
	callID := w.callID
	for i := range calls {
		w.callID = callID + "-" + strconv.Itoa(i)
		w.sendSeq("INVITE", 1, "not wanted", "Content-Type: text/plain")
	}
	for n := 0; ; n++ {
		if n > 10*calls {
			t.Fatal("nobody is refused")
		}
		if res := w.read(); res.StatusCode == 503 {
			break
		}
	}
	if n := refusedFor(t, b, "late"); n == 0 {
		t.Error("nobody counts as refused because the mixer is late")
	}
}

func TestACallToADeadPortFailsAtOnce(t *testing.T) {
	c := newClient(t)
	s, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := s.LocalAddr().String()
	_ = s.Close()
	_, err = c.Dial(patient(t), DialConfig{URI: "sip:1000@" + dead})
	if !errors.Is(err, transaction.ErrTransport) || !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

// A caller who waits to be set up may give up, and the bridge may end meanwhile.
func TestWhoWaitsForItsTurnMayGiveUp(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Overload = overload.Config{Setups: 1} })
	if err := b.gate.Begin(t.Context()); err != nil { // somebody else is being set up
		t.Fatal(err)
	}
	w, late := b.phone(t, "UDP"), b.phone(t, "UDP")
	w.send("INVITE", w.sdp())
	w.send("CANCEL", "")
	w.want(message.Cancel, 200)
	w.toTag = w.want(message.Invite, 487).To.Tag()
	w.send("ACK", "")
	b.gate.End()
	late.call() // its turn has come
	late.hangup()
	if err := b.gate.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := b.phone(t, "UDP")
	other.send("INVITE", other.sdp())
	for calls := 0; calls == 0; time.Sleep(time.Millisecond) {
		b.ep.mu.Lock()
		calls = len(b.ep.calls)
		b.ep.mu.Unlock()
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Shutdown(t.Context()) }()
	other.want(message.Invite, 503)
	other.send("ACK", "")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
