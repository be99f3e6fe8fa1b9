package multicast

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/srtp/v3"

	"github.com/confbridge/confbridge/media"
)

// newExchange is one as rooms have it, which every machine that tests run on has: Linux 6.0, and no policy that forbids io_uring.
func newExchange(t testing.TB) *media.Exchange {
	t.Helper()
	e, err := media.NewEngine(media.Config{Exchanges: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := e.Exchange()
	if x == nil {
		t.Fatal("no exchange: is there io_uring on this machine? (sysctl kernel.io_uring_disabled)")
	}
	t.Cleanup(func() {
		e.Return(x)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// ways are how a Sender's packets go out: by itself, and together with those of others.
func ways(t testing.TB) map[string]*media.Exchange {
	return map[string]*media.Exchange{"by itself": nil, "together": newExchange(t)}
}

// turn is a tick.
func turn(s *Sender, x *media.Exchange, now time.Time, payload []byte) {
	s.SendBy(x)
	s.Tick(now)
	s.Send(now, payload, 160)
	x.Flush()
}

func TestWhatGoesOutTogetherIsWhatGoesOutAlone(t *testing.T) {
	n := newNetwork(t)
	x := newExchange(t)
	listener := netip.AddrPortFrom(groups[0].there, 6200)
	secret := config(groups[0].group)
	secret.Key = &keys[1]
	for name, cfg := range map[string]Config{
		"a group":         config(groups[0].group),
		"a group of IPv6": config(groups[2].group),
		"encrypted":       secret,
		"a list":          {Listeners: []netip.AddrPort{listener, netip.AddrPortFrom(listener.Addr(), 6202)}, Profile: pcmu},
	} {
		var heard ear
		copies := uint64(max(len(cfg.Listeners), 1))
		if cfg.Group.IsValid() {
			heard = n.listen(t, cfg.Group)
		} else {
			heard = n.bind(t, listener)
		}
		s := open(t, cfg)
		var open *srtp.Context
		if cfg.Key != nil {
			open = decrypter(t, *cfg.Key)
		}
		now := time.Now()
		for i := range byte(3) {
			s.SendBy(x)
			s.Tick(now)
			s.Send(now, []byte{i}, 160)
			if got := s.Stats().Packets; got != copies*uint64(2*i) {
				t.Errorf("%s: %d packets count before the second is sent, want %d", name, got, 2*i)
			}
			s.Send(now, []byte{i + 10}, 160) // the second of a tick must not be written over the first
			if got := s.Stats().Packets; got != copies*uint64(2*i+1) {
				t.Errorf("%s: %d packets count while the second waits", name, got)
			}
			x.Flush()
		}
		if got := s.Stats(); got.Packets != 6*copies || got.SendErrors != 0 {
			t.Errorf("%s: got %+v", name, got)
		}
		var got []byte
		for range 6 {
			b := heard.read().data
			if open != nil {
				var err error
				if b, err = open.DecryptRTP(nil, b, nil); err != nil {
					t.Fatal(err)
				}
			}
			got = append(got, b[headerSize:]...)
		}
		if !slices.Equal(got, []byte{0, 10, 1, 11, 2, 12}) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestWhatWaitsGoesOutBeforeTheGoodbye: both are written into one buffer, and the sockets are closed behind it.
func TestWhatWaitsGoesOutBeforeTheGoodbye(t *testing.T) {
	n := newNetwork(t)
	x := newExchange(t)
	for name, end := range map[string]func(s *Sender) error{
		"closed":  func(s *Sender) error { return s.Close() },
		"resting": func(s *Sender) error { s.Rest(time.Now()); return nil },
	} {
		cfg := config(groups[0].group)
		heard, control := n.listen(t, cfg.Group), n.listen(t, nextPort(cfg.Group))
		s := open(t, cfg)
		s.SendBy(x)
		s.Send(time.Now(), []byte("last words"), 160)
		if err := end(s); err != nil {
			t.Fatal(err)
		}
		if got := heard.rtp(); string(got.Payload) != "last words" {
			t.Errorf("%s: got %q", name, got.Payload)
		}
		if packets := control.rtcp(); len(packets) != 3 {
			t.Errorf("%s: got %v, want a report, who it is of, and the goodbye", name, packets)
		}
	}
}

func TestALongListIsSentAtOnce(t *testing.T) {
	n := newNetwork(t)
	x := newExchange(t)
	cfg := Config{Profile: pcmu}
	for i := range uint16(longestPosted + 1) {
		cfg.Listeners = append(cfg.Listeners, netip.AddrPortFrom(groups[0].there, 6300+2*i))
	}
	last := n.bind(t, cfg.Listeners[longestPosted])
	s := open(t, cfg)
	s.SendBy(x)
	s.Send(time.Now(), []byte{7}, 160)
	if got := s.Stats().Packets; got != longestPosted+1 || s.posted.waiting != 0 {
		t.Errorf("%d packets, and %d wait", got, s.posted.waiting)
	}
	if p := last.rtp(); p.Payload[0] != 7 {
		t.Errorf("got %v", p)
	}
}
