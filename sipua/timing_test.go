package sipua

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// sent is one message that went out, and when.
type sent struct {
	at  time.Duration // since the network was made
	msg *message.Message
}

// tape is a network that only writes down what is sent. Its peer is at flow.Remote.
type tape struct {
	t     *testing.T
	start time.Time
	out   chan sent
}

func (n *tape) put(data []byte) error {
	m, err := message.Parse(data)
	if err != nil {
		n.t.Errorf("sent %q: %v", data, err)
		return nil
	}
	if faults := misfits(m); len(faults) > 0 {
		n.t.Errorf("%v in\n%s", faults, data)
	}
	n.out <- sent{time.Since(n.start), m}
	return nil
}

func (n *tape) Open(t transport.Target) (transport.Flow, error) {
	f := loop(t.Transport)
	f.Remote = t.Addr
	return f, nil
}
func (n *tape) Send(_ transport.Flow, data []byte) error                   { return n.put(data) }
func (n *tape) Respond(_ transport.Flow, _ message.Via, data []byte) error { return n.put(data) }
func (n *tape) LocalIP(netip.Addr) (netip.Addr, error)                     { return netip.MustParseAddr("127.0.0.1"), nil }

func (n *tape) Route(netip.Addr) (netip.Addr, error) { return netip.MustParseAddr("127.0.0.1"), nil }

func (n *tape) Writable(context.Context, transport.Flow) error { return nil }

func (n *tape) Stats() transport.Stats { return transport.Stats{} }
func (n *tape) Close() error           { return nil }
func (n *tape) Locate(_ context.Context, u message.URI) ([]transport.Target, error) {
	addr, err := netip.ParseAddr(u.Host)
	return []transport.Target{{Transport: "UDP", Addr: netip.AddrPortFrom(addr, uint16(u.Port))}}, err
}
func (n *tape) Failed(transport.Target, time.Duration) {}
func (n *tape) Worked(transport.Target)                {}

// all returns what has been sent up to now.
func (n *tape) all() []sent {
	var list []sent
	for {
		select {
		case s := <-n.out:
			list = append(list, s)
		default:
			return list
		}
	}
}

func loop(over string) transport.Flow {
	return transport.Flow{
		Transport: over, Local: netip.MustParseAddrPort("127.0.0.1:5060"), Remote: netip.MustParseAddrPort("127.0.0.1:5070"),
		SentBy: transport.HostPort{Host: "127.0.0.1", Port: 5060}, ID: 1,
	}
}

// still is a bridge on a tape, in a synctest bubble.
type still struct {
	*tape
	server  *Server
	rooms   *rooms.Registry
	over    string
	toTag   string
	refused bool // the next request is the ACK of a refusal
	// fromTag is the caller's; empty means "a".
	fromTag string
	// direction is that of the offers; empty means sendrecv.
	direction string
}

func newStill(t *testing.T, over string) *still {
	t.Helper()
	return newStillWith(t, over, Config{})
}

func newStillWith(t *testing.T, over string, cfg Config) *still {
	t.Helper()
	eng, err := media.NewEngine(media.Config{PortMin: 32000, PortMax: 32999})
	if err != nil {
		t.Fatal(err)
	}
	reg := rooms.NewRegistry(rooms.Config{OnDemand: true})
	s, err := New(cfg, reg, eng)
	if err != nil {
		t.Fatal(err)
	}
	n := &tape{t: t, start: time.Now(), out: make(chan sent, 1000)}
	s.open(t.Context(), n)
	return &still{tape: n, server: s, rooms: reg, over: over}
}

func (b *still) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.server.Shutdown(ctx); err != nil {
		b.t.Errorf("shutdown: %v", err)
	}
	if err := b.rooms.Close(ctx); err != nil {
		b.t.Errorf("close rooms: %v", err)
	}
}

// receive hands a request of the caller to the bridge and waits until everything is at rest. An INVITE has an offer.
func (b *still) receive(method string, seq int, more ...string) {
	b.t.Helper()
	body := ""
	if method == "INVITE" {
		body = b.sdp()
	}
	b.receiveWith(method, seq, body, more...)
}

func (b *still) sdp() string {
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=" +
		cmp.Or(b.direction, "sendrecv") + "\r\n"
}

// receiveWith is receive with an SDP body, or none.
func (b *still) receiveWith(method string, seq int, body string, more ...string) {
	b.t.Helper()
	to := "<sip:1000@127.0.0.1>"
	if b.toTag != "" {
		to += ";tag=" + b.toTag
	}
	if body != "" {
		more = append(more, "Content-Type: application/sdp")
	}
	branch := method
	if b.refused {
		branch = "INVITE" // RFC 3261 §17.1.1.3
	}
	lines := append([]string{
		method + " sip:1000@127.0.0.1 SIP/2.0",
		"Via: SIP/2.0/" + b.over + " 127.0.0.1:5070;branch=z9hG4bK-" + branch + strconv.Itoa(seq),
		"From: <sip:a@127.0.0.1>;tag=" + cmp.Or(b.fromTag, "a"), "To: " + to, "Call-ID: still", "CSeq: " + strconv.Itoa(seq) + " " + method,
		"Contact: <sip:a@127.0.0.1:5070>",
	}, more...)
	m, err := message.Parse([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body))
	if err != nil {
		b.t.Fatal(err)
	}
	b.server.ep.layer.Receive(m, loop(b.over))
	synctest.Wait()
}

// ackRefusal is the ACK of a final response that is no 2xx.
func (b *still) ackRefusal(seq int) {
	b.t.Helper()
	b.refused = true
	b.receive("ACK", seq)
	b.refused = false
}

// respond answers a request of the bridge.
func (b *still) respond(req *message.Message, status int, change ...func(*message.Message)) {
	res := message.NewResponse(req, status, "")
	for _, f := range change {
		f(res)
	}
	b.server.ep.layer.Receive(res, loop(b.over))
	synctest.Wait()
}

// seconds are the whole milliseconds at which messages of that kind were sent.
func times(list []sent, is func(*message.Message) bool) []int64 {
	var at []int64
	for _, s := range list {
		if is(s.msg) {
			at = append(at, s.at.Milliseconds())
		}
	}
	return at
}

func isOK(m *message.Message) bool  { return m.StatusCode == 200 && m.CSeq.Method == message.Invite }
func isBye(m *message.Message) bool { return m.Method == message.Bye }

func equal(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestThe2xxIsRepeatedUntilTheACK(t *testing.T) {
	for _, over := range []string{"UDP", "TCP"} { // RFC 3261 §13.3.1.4: over reliable transports too
		t.Run(over, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newStill(t, over)
				b.receive("INVITE", 1)
				time.Sleep(12 * time.Second)
				synctest.Wait()
				list := b.all()
				if got, want := times(list, isOK), []int64{0, 500, 1500, 3500, 7500, 11500}; !equal(got, want) {
					t.Errorf("got 200 at %v ms, want %v", got, want)
				}
				b.toTag = list[0].msg.To.Tag()
				b.receive("ACK", 1)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if list := b.all(); len(list) != 0 {
					t.Errorf("sent after the ACK: %s", list[0].msg.Bytes())
				}
				b.receive("BYE", 2)
				b.close()
			})
		})
	}
}

func TestACallWithoutACKIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t, "UDP")
		b.receive("INVITE", 1)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		list := b.all()
		if got := times(list, isBye); len(got) != 0 {
			t.Errorf("got BYE at %v ms, want none before 64*T1", got)
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		list = b.all()
		if got, want := times(list, isBye), []int64{32000, 32500}; !equal(got, want) {
			t.Fatalf("got BYE at %v ms, want %v", got, want)
		}
		for _, s := range list {
			if isBye(s.msg) {
				if r := s.msg.Reasons(); len(r) != 1 || r[0].Text != "no ACK" {
					t.Errorf("got %+v", r)
				}
				b.respond(s.msg, 200)
				break
			}
		}
		if got := b.server.Calls(); got != 0 {
			t.Errorf("got %d calls, want none", got)
		}
		b.close()
	})
}

func TestABYEWaitsForTheACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t, "UDP")
		b.receive("INVITE", 1)
		b.toTag = b.all()[0].msg.To.Tag()
		if err := b.rooms.End(t.Context(), "1000", rooms.ReasonEnded); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := times(b.all(), isBye); len(got) != 0 {
			t.Errorf("got BYE at %v ms, want none before the ACK", got)
		}
		b.receive("ACK", 1)
		list := b.all()
		if len(list) != 1 || !isBye(list[0].msg) || list[0].msg.Reasons()[0].Text != "conference ended by a moderator" {
			t.Fatalf("got %v, want one BYE", list)
		}
		b.respond(list[0].msg, 200)
		b.close()
	})
}

func TestABYEThatNobodyAnswersIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t, "UDP")
		b.receive("INVITE", 1)
		b.toTag = b.all()[0].msg.To.Tag()
		b.receive("ACK", 1)
		if err := b.rooms.End(t.Context(), "1000", rooms.ReasonEnded); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if got := times(b.all(), isBye); len(got) < 8 || b.server.Calls() != 1 {
			t.Errorf("got BYE at %v ms and %d calls", got, b.server.Calls())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := b.server.Calls(); got != 0 {
			t.Errorf("got %d calls, want none", got)
		}
		b.close()
	})
}

func TestAShutdownWithoutPatienceStillSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t, "UDP")
		b.receive("INVITE", 1) // no ACK comes
		b.all()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := b.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		if got, want := times(b.all(), isBye), []int64{2000}; !equal(got, want) {
			t.Errorf("got BYE at %v ms, want %v", got, want)
		}
		b.close()
	})
}

func TestACallWithoutMediaIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t, "UDP")
		b.receive("INVITE", 1)
		b.toTag = b.all()[0].msg.To.Tag()
		b.receive("ACK", 1)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if list := b.all(); len(list) != 0 {
			t.Errorf("sent before the timeout: %s", list[0].msg.Bytes())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		list := b.all()
		if len(list) == 0 || !isBye(list[0].msg) || list[0].msg.Reasons()[0].Text != "no media from the caller" {
			t.Fatalf("got %d messages, want a BYE with its reason", len(list))
		}
		b.respond(list[0].msg, 200)
		b.close()
	})
}

func TestACallOnHoldWithoutMusicIsNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t, "UDP")
		b.receive("INVITE", 1)
		b.toTag = b.all()[0].msg.To.Tag()
		b.receive("ACK", 1)
		b.direction = "sendonly"
		b.receive("INVITE", 2)
		if list := b.all(); len(list) != 1 || !strings.Contains(string(list[0].msg.Body), "a=recvonly") {
			t.Fatalf("got %d messages, want a 200 with recvonly", len(list))
		}
		b.receive("ACK", 2)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if list := b.all(); len(list) != 0 {
			t.Errorf("sent on hold: %s", list[0].msg.Bytes())
		}
		b.direction = ""
		b.receive("INVITE", 3)
		b.receive("ACK", 3)
		b.all()
		time.Sleep(62 * time.Second) // off hold, silence counts again
		synctest.Wait()
		if list := b.all(); len(list) == 0 || !isBye(list[0].msg) {
			t.Errorf("got %d messages, want a BYE", len(list))
		}
		b.receive("BYE", 4)
		b.close()
	})
}
