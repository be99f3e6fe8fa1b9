package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	peer      = netip.MustParseAddrPort("192.0.2.5:5060")
	errNobody = errors.New("nobody there")
)

// wire is a Sender whose peer is a function; it writes down what is sent and when.
type wire struct {
	mu     sync.Mutex
	start  time.Time
	sent   []*message.Message
	at     []time.Duration
	alive  int
	gone   bool // KeepAlive fails
	over   string
	answer func(req *message.Message) (*message.Message, error)
}

func newWire(answer func(req *message.Message) (*message.Message, error)) *wire {
	return &wire{start: time.Now(), over: "UDP", answer: answer}
}

func (w *wire) Send(ctx context.Context, uri, _ message.URI, build func(Way) *message.Message) (Answer, error) {
	f := transport.Flow{Transport: w.over, Remote: peer, SentBy: transport.HostPort{Host: "192.0.2.1", Port: 5060}}
	req := build(Way{Flow: f, Contact: message.URI{Scheme: "sip", Host: "192.0.2.1", Port: 5060}})
	w.mu.Lock()
	w.sent, w.at = append(w.sent, req), append(w.at, time.Since(w.start))
	answer := w.answer
	w.mu.Unlock()
	res, err := answer(req)
	if err == nil && res == nil {
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	return Answer{Response: res, Flow: f, Target: transport.Target{Transport: w.over, Addr: peer}}, err
}

func (w *wire) KeepAlive(transport.Flow) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alive++
	if w.gone {
		return errNobody
	}
	return nil
}

func (w *wire) set(answer func(req *message.Message) (*message.Message, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent)
}

func (w *wire) last() *message.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[len(w.sent)-1]
}

// reply answers with a status and fields, "Name: value".
func reply(code int, fields ...string) func(req *message.Message) (*message.Message, error) {
	return func(req *message.Message) (*message.Message, error) {
		res := message.NewResponse(req, code, "")
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			if name == "Contact" {
				a, err := message.ParseAddress(value)
				if err != nil {
					return nil, err
				}
				res.Contact = append(res.Contact, a)
				continue
			}
			res.Add(name, value)
		}
		return res, nil
	}
}

// begin starts one registration on a wire, in a bubble.
func begin(t *testing.T, w *wire, cfg Registration, events *[]string) *Group {
	t.Helper()
	cfg.Name = "carrier"
	if cfg.Registrar == "" {
		cfg.Registrar = "sip:example.com"
	}
	g, err := Start(t.Context(), Config{
		Registrations: []Registration{cfg},
		Changed: func(name string, kind Kind, up bool, why string) {
			*events = append(*events, fmt.Sprint(time.Since(w.start).Round(time.Second), " ", name, " ", kind, " ", up, " ", why))
		},
	}, func(user, password string) Sender { return w })
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestARegistrationIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(reply(200, "Contact: <sip:4930@192.0.2.1:5060>;expires=600", "Expires: 7"))
		var events []string
		g := begin(t, w, Registration{User: "4930", Proxy: "sip:proxy.example.com", KeepAlive: -1}, &events)
		after(time.Second)
		req := w.last()
		for what, got := range map[string][2]string{
			"Request-URI": {req.RequestURI.String(), "sip:example.com"},
			"To":          {req.To.String(), "<sip:4930@example.com>"},
			"From":        {req.From.URI.String(), "sip:4930@example.com"},
			"Contact":     {req.Contact[0].String(), "<sip:4930@192.0.2.1:5060>;expires=3600"},
			"Route":       {req.Route[0].String(), "<sip:proxy.example.com;lr>"},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: got %s, want %s", what, got[0], got[1])
			}
		}
		s := g.Registrations()[0]
		if s.Phase != Registered || s.Contact != "4930" || s.Target != "udp://192.0.2.5:5060" || !s.Expires.Equal(w.start.Add(600*time.Second)) {
			t.Errorf("got %+v", s)
		}
		if wait := s.Next.Sub(w.start); wait < 500*time.Second || wait > 545*time.Second {
			t.Errorf("refreshes after %v, want 84 to 90 %% of 10 minutes", wait)
		}
		from := func(over, addr string) transport.Flow {
			return transport.Flow{Transport: over, Remote: netip.AddrPortFrom(netip.MustParseAddr(addr), 40000)}
		}
		if got := g.Of(message.URI{Scheme: "sip", User: "4930", Host: "192.0.2.1"}, from("UDP", "192.0.2.5")); got != "carrier" {
			t.Errorf("a call from the registrar is that of %q", got)
		}
		if got := g.Of(message.URI{Scheme: "sip", User: "4930"}, from("UDP", "192.0.2.66")) + g.Of(message.URI{Scheme: "sip", User: "x"}, from("UDP", "192.0.2.5")); got != "" {
			t.Errorf("a stranger's call is that of %q", got)
		}
		after(time.Hour)
		if n := w.count(); n < 6 || n > 8 {
			t.Errorf("sent %d in an hour", n)
		}
		again := w.last()
		if again.CallID != req.CallID || int(again.CSeq.Seq) != w.count() || again.From.Tag() != req.From.Tag() {
			t.Errorf("got %s, want the same Call-ID and a CSeq that has risen", again.Bytes())
		}
		g.Close()
		if bye := w.last(); bye.Contact[0].String() != "<sip:4930@192.0.2.1:5060>;expires=0" {
			t.Errorf("got %s, want the removal", bye.Bytes())
		}
		if s := g.Registrations()[0]; s.Phase != Removed {
			t.Errorf("got %v", s.Phase)
		}
		if len(events) != 1 || events[0] != "0s carrier registration true " {
			t.Errorf("got %q", events)
		}
	})
}

func TestARegistrationByTLSIsNotReachedByAForgedDatagram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(reply(200, "Contact: <sip:4930@192.0.2.1:5060>;expires=600"))
		w.over = "TLS"
		var events []string
		g := begin(t, w, Registration{User: "4930", KeepAlive: -1}, &events)
		after(time.Second)
		for over, want := range map[string]string{"TLS": "carrier", "WSS": "carrier", "TCP": "", "UDP": ""} {
			f := transport.Flow{Transport: over, Remote: netip.MustParseAddrPort("[::ffff:192.0.2.5]:40000")}
			if got := g.Of(message.URI{Scheme: "sip", User: "4930"}, f); got != want {
				t.Errorf("over %s: a call of %q, want %q", over, got, want)
			}
		}
		g.Close()
	})
}

func TestHowLongARegistrationLasts(t *testing.T) {
	for _, row := range []struct {
		name   string
		fields []string
		want   time.Duration
	}{
		{"as our Contact says", []string{"Contact: <sip:u@192.0.2.1>;expires=100", "Expires: 7000"}, 100 * time.Second},
		{"as ours says among others", []string{"Contact: <sip:u@192.0.2.9>;expires=5", "Contact: <sip:u@192.0.2.1>;expires=100"}, 100 * time.Second},
		{"as ours says though a NAT has changed it", []string{"Contact: <sip:u@198.51.100.1:33333>;expires=100"}, 100 * time.Second},
		{"as Expires says", []string{"Contact: <sip:u@192.0.2.1>", "Expires: 70"}, 70 * time.Second},
		{"as it was asked for", nil, time.Hour},
		{"a day at most", []string{"Expires: 4294967295"}, 24 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(reply(200, row.fields...))
				var events []string
				g := begin(t, w, Registration{User: "u", KeepAlive: -1}, &events)
				defer g.Close()
				synctest.Wait()
				if got := g.Registrations()[0].Expires.Sub(w.start); got != row.want {
					t.Errorf("got %v, want %v", got, row.want)
				}
			})
		})
	}
}

func TestTooBriefIsAskedForLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(nil)
		w.set(func(req *message.Message) (*message.Message, error) {
			if v, _ := req.Header("Expires"); v == "60" {
				return reply(423, "Min-Expires: 1800")(req)
			}
			return reply(200)(req)
		})
		var events []string
		g := begin(t, w, Registration{User: "u", Expires: time.Minute, KeepAlive: -1}, &events)
		defer g.Close()
		synctest.Wait()
		if s := g.Registrations()[0]; s.Phase != Registered || w.count() != 2 || !s.Expires.Equal(w.start.Add(30*time.Minute)) {
			t.Errorf("got %+v after %d", s, w.count())
		}
		w.set(reply(423, "Min-Expires: 10")) // nonsense: less than was asked for
		after(time.Hour)
		if s := g.Registrations()[0]; s.Phase != Failed || !strings.Contains(s.Error, "423") {
			t.Errorf("got %+v", s)
		}
		if n := w.count(); n > 20 {
			t.Errorf("sent %d: it does not wait", n)
		}
	})
}

func TestALostRegistrationIsTriedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(reply(200, "Expires: 600"))
		var events []string
		g := begin(t, w, Registration{User: "u", KeepAlive: -1}, &events)
		after(time.Second)
		w.set(func(*message.Message) (*message.Message, error) { return nil, errNobody })
		after(598 * time.Second)
		if s := g.Registrations()[0]; s.Phase != Registered || s.Error != "nobody there" {
			t.Errorf("got %+v, want it to stand until its time is over", s)
		}
		after(2 * time.Second)
		if s := g.Registrations()[0]; s.Phase != Failed || !s.Expires.IsZero() {
			t.Errorf("got %+v, want it failed", s)
		}
		before := w.count()
		after(24 * time.Hour)
		if n := w.count() - before; n < 720 || n > 1500 { // 1 to 2 minutes each
			t.Errorf("tried %d times in a day", n)
		}
		w.set(reply(200, "Expires: 600"))
		after(2 * time.Minute)
		if s := g.Registrations()[0]; s.Phase != Registered || s.Error != "" {
			t.Errorf("got %+v, want it back", s)
		}
		w.set(func(*message.Message) (*message.Message, error) { return nil, nil }) // silence
		began := time.Now()
		g.Close()
		if took := time.Since(began); took != g.cfg.CloseTime { // of the bubble's time
			t.Errorf("Close waited %v for an answer, want %v", took, g.cfg.CloseTime)
		}
		if len(events) != 3 || !strings.HasPrefix(events[1], "10m0s carrier registration false") {
			t.Errorf("got %q", events)
		}
	})
}

// The failure that comes just before the end of a registration does not put the next attempt off for long.
func TestAShortOutageIsShortForTheRegistrationToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(reply(200, "Expires: 6"))
		var events []string
		g := begin(t, w, Registration{User: "u", KeepAlive: -1}, &events)
		defer g.Close()
		after(time.Second)
		w.set(func(*message.Message) (*message.Message, error) { return nil, errNobody })
		after(8 * time.Second)
		if s := g.Registrations()[0]; s.Phase != Failed {
			t.Errorf("got %+v, want it failed", s)
		}
		w.set(reply(200, "Expires: 6"))
		after(15 * time.Second)
		if s := g.Registrations()[0]; s.Phase != Registered {
			t.Errorf("got %+v, want it back", s)
		}
	})
}

func TestARegistrarIsNotPestered(t *testing.T) {
	for name, row := range map[string]struct {
		answer func(*message.Message) (*message.Message, error)
		most   int // in an hour
		least  int
	}{
		"credentials refused":  {reply(401), 13, 10},
		"busy for ten minutes": {reply(503, "Retry-After: 600 (later)"), 7, 3},
		"busy for ever":        {reply(503, "Retry-After: 4000000000"), 2, 1},
		"nobody there":         {func(*message.Message) (*message.Message, error) { return nil, errNobody }, 80, 30},
		"no time granted":      {reply(200, "Expires: 0"), 13, 10},
		"a second granted":     {reply(200, "Expires: 1"), 1801, 1700},
		"silence":              {func(*message.Message) (*message.Message, error) { return nil, nil }, 30, 12},
		"a Min-Expires that rises each time": {func() func(*message.Message) (*message.Message, error) {
			n := 3600
			return func(req *message.Message) (*message.Message, error) {
				n += 10
				return reply(423, fmt.Sprint("Min-Expires: ", n))(req)
			}
		}(), 40, 30},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(row.answer)
				var events []string
				g := begin(t, w, Registration{User: "u", KeepAlive: -1}, &events)
				after(time.Hour)
				if n := w.count(); n > row.most || n < row.least {
					t.Errorf("asked %d times in an hour, want %d to %d", n, row.least, row.most)
				}
				g.Close()
			})
		})
	}
}

func TestTheWayIsKeptOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(reply(200, "Expires: 3600"))
		var events []string
		g := begin(t, w, Registration{User: "u"}, &events)
		defer g.Close()
		after(10 * time.Minute)
		w.mu.Lock()
		if w.alive < 23 || w.alive > 31 {
			t.Errorf("%d empty lines in 10 minutes, want one every 20 to 25 s", w.alive)
		}
		w.gone = true
		w.mu.Unlock()
		before := w.count()
		after(26 * time.Second)
		if w.count() == before {
			t.Error("the way is gone, and it has not registered anew")
		}
	})
}

func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(reply(405))
		var events []string
		g, err := Start(t.Context(), Config{
			Pings: []Ping{{Name: "sbc", URI: "sip:sbc.example.com", Interval: 10 * time.Second, Timeout: 5 * time.Second, Up: 2}},
			Changed: func(name string, kind Kind, up bool, why string) {
				events = append(events, fmt.Sprint(name, " ", kind, " ", up, " ", why))
			},
		}, func(string, string) Sender { return w })
		if err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if s := g.Pings()[0]; s.Known || s.Up || w.last().Method != message.Options {
			t.Errorf("got %+v after one answer, want nothing known", s)
		}
		after(10 * time.Second)
		if s := g.Pings()[0]; !s.Known || !s.Up || s.Target != "udp://192.0.2.5:5060" || s.Error != "" {
			t.Errorf("got %+v after two", s)
		}
		w.set(reply(503))
		after(10 * time.Second)
		if s := g.Pings()[0]; !s.Up || s.Error != "503 Service Unavailable" {
			t.Errorf("got %+v after one failure, want it still up", s)
		}
		w.set(func(*message.Message) (*message.Message, error) { return nil, nil })
		after(15 * time.Second)
		if s := g.Pings()[0]; s.Up || !s.Known {
			t.Errorf("got %+v after two failures, want it down", s)
		}
		w.set(reply(200))
		after(40 * time.Second)
		if s := g.Pings()[0]; !s.Up {
			t.Errorf("got %+v, want it up again", s)
		}
		g.Close()
		g.Close()
		want := "sbc ping true |sbc ping false context deadline exceeded|sbc ping true "
		if got := strings.Join(events, "|"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestPasswordsInURIsAreNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(reply(200))
		g, err := Start(t.Context(), Config{
			Registrations: []Registration{{Name: "a", Registrar: "sip:x:geheim@example.com", Address: "sip:4930:geheim@example.com"}},
			Pings:         []Ping{{Name: "b", URI: "sip:p:geheim@example.com;transport=tcp"}},
		}, func(string, string) Sender { return w })
		if err != nil {
			t.Fatal(err)
		}
		r, p := g.Registrations()[0], g.Pings()[0]
		if r.Registrar != "sip:example.com" || r.Address != "sip:4930@example.com" || p.URI != "sip:p@example.com;transport=tcp" {
			t.Errorf("got %q, %q, %q", r.Registrar, r.Address, p.URI)
		}
		g.Close()
	})
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no registrar":               {Registrations: []Registration{{Name: "a", User: "u"}}},
		"no user":                    {Registrations: []Registration{{Name: "a", Registrar: "sip:h"}}},
		"a tel URI as the registrar": {Registrations: []Registration{{Name: "a", Registrar: "tel:1", User: "u"}}},
		"a proxy that is none":       {Registrations: []Registration{{Name: "a", Registrar: "sip:h", User: "u", Proxy: "x"}}},
		"an address that is none":    {Registrations: []Registration{{Name: "a", Registrar: "sip:h", Address: "x"}}},
		"half a minute":              {Registrations: []Registration{{Name: "a", Registrar: "sip:h", User: "u", Expires: 30 * time.Second}}},
		"one name twice":             {Pings: []Ping{{Name: "a", URI: "sip:h"}, {Name: "a", URI: "sip:h"}}},
		"a ping of nobody":           {Pings: []Ping{{Name: "a"}}},
		"a negative interval":        {Pings: []Ping{{Name: "a", URI: "sip:h", Interval: -1}}},
	} {
		if _, err := Start(t.Context(), cfg, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
}
