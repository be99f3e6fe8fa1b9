package sipua

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
)

func newClient(t *testing.T) *Client {
	t.Helper()
	eng, err := media.NewEngine(media.Config{PortMin: 33000, PortMax: 33999})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewClient(t.Context(), ClientConfig{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}}, eng)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

type ear struct{ packets int }

func (e *ear) Restart(codec.Format, uint32) {}
func (e *ear) Absent(uint16)                {}

func (e *ear) Audio(jitter.Packet) jitter.Verdict {
	e.packets++
	return jitter.Stored
}

func (e *ear) Key(byte, time.Duration) {}
func (e *ear) Report(quality.Peer)     {}

func TestAClientCallsTheBridge(t *testing.T) {
	for _, row := range []struct {
		over   string
		codecs []codec.Name
	}{{"udp", nil}, {"tcp", []codec.Name{codec.PCMA}}} {
		t.Run(row.over, func(t *testing.T) {
			b, c := newBridge(t, nil), newClient(t)
			out, err := c.Dial(patient(t), DialConfig{
				URI: "sip:1000@" + b.addrs[row.over] + ";transport=" + row.over, DisplayName: "Bob", From: "sip:bob@example.org", Codecs: row.codecs,
			})
			if err != nil {
				t.Fatal(err)
			}
			want := codec.Opus
			if row.codecs != nil {
				want = row.codecs[0]
			}
			if got := out.Leg().Format().Name; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			list := b.participants(t, "1000", 1)
			if list[0].DisplayName != "Bob" || list[0].Address != "sip:bob@example.org" || list[0].CallID != out.CallID() {
				t.Errorf("got %+v", list[0].Caller)
			}
			if err := out.Hangup(patient(t)); err != nil {
				t.Error(err)
			}
			b.participants(t, "1000", 0)
			if err := out.Hangup(patient(t)); err != nil {
				t.Errorf("hanging up again: %v", err)
			}
			if err := out.Leg().Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTwoClientsHearEachOther(t *testing.T) {
	b, c := newBridge(t, nil), newClient(t)
	var outs []*OutCall
	for range 2 {
		out, err := c.Dial(patient(t), DialConfig{URI: "sip:1000@" + b.addrs["udp"], Codecs: []codec.Name{codec.PCMU}})
		if err != nil {
			t.Fatal(err)
		}
		outs = append(outs, out)
	}
	hearEachOther(t, outs)
	for _, out := range outs {
		if err := errors.Join(out.Hangup(patient(t)), out.Leg().Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestAClientIsToldWhyItWasRefused(t *testing.T) {
	b, c := newBridge(t, nil), newClient(t)
	if _, err := b.rooms.Create(patient(t), "locked", rooms.Settings{Locked: true}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Dial(patient(t), DialConfig{URI: "sip:locked@" + b.addrs["udp"]})
	var refused *StatusError
	if !errors.As(err, &refused) || refused.Status != 480 || !strings.Contains(err.Error(), "room is locked") {
		t.Errorf("got %v, want 480 with its reason", err)
	}
	if _, err := c.Dial(patient(t), DialConfig{URI: "nonsense"}); err == nil {
		t.Error("a call to nonsense was placed")
	}
}

func TestAClientIsToldWhyItWasSentAway(t *testing.T) {
	b, c := newBridge(t, nil), newClient(t)
	out, err := c.Dial(patient(t), DialConfig{URI: "sip:1000@" + b.addrs["tcp"] + ";transport=tcp"})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.rooms.Remove(patient(t), "1000", b.participants(t, "1000", 1)[0].ID); err != nil {
		t.Fatal(err)
	}
	select {
	case <-out.Done():
	case <-patient(t).Done():
		t.Fatal("no BYE came")
	}
	if r := out.Reasons(); len(r) != 1 || r[0].Text != "removed by a moderator" {
		t.Errorf("got %+v", r)
	}
	if err := out.Leg().Close(); err != nil {
		t.Error(err)
	}
}

// callee is a peer made of text that takes the client's calls.
type callee struct {
	t      *testing.T
	conn   net.PacketConn
	peer   net.Addr
	invite *message.Message
}

func newCallee(t *testing.T) *callee {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &callee{t: t, conn: conn}
}

func (c *callee) uri() string { return "sip:callee@" + c.conn.LocalAddr().String() }

// read reads the next message of that method, or the response to a request of that method.
func (c *callee) read(method message.Method) *message.Message {
	c.t.Helper()
	data := make([]byte, 65536)
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			c.t.Fatal(err)
		}
		n, from, err := c.conn.ReadFrom(data)
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", method, err)
		}
		m, err := message.Parse(data[:n])
		if err != nil {
			c.t.Fatal(err)
		}
		c.peer = from
		if m.Method == method || !m.IsRequest() && m.CSeq.Method == method {
			return m
		}
	}
}

func (c *callee) send(m *message.Message) {
	c.t.Helper()
	if _, err := c.conn.WriteTo(m.Bytes(), c.peer); err != nil {
		c.t.Fatal(err)
	}
}

// respond answers the INVITE; a 2xx has a Contact and an answer.
func (c *callee) respond(status int, tag string) {
	res := message.NewResponse(c.invite, status, "")
	res.To = res.To.WithTag(tag)
	uri, _ := message.ParseURI(c.uri())
	res.Contact = []message.Address{{URI: uri}}
	if status == 200 {
		res.SetBody("application/sdp", []byte(calleeSDP))
	}
	c.send(res)
}

const calleeSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

// request is a request of the callee's in the call.
func (c *callee) request(method message.Method, seq uint32, body string) *message.Message {
	req := message.NewRequest(method, c.invite.Contact[0].URI)
	via, _ := message.Parse([]byte("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP " + c.conn.LocalAddr().String() + ";branch=z9hG4bK" +
		newTag() + "\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"))
	req.Via = via.Via
	req.From, req.To, req.CallID = c.invite.To.WithTag("callee"), c.invite.From, c.invite.CallID
	req.CSeq = message.CSeq{Seq: seq, Method: method}
	uri, _ := message.ParseURI(c.uri())
	req.Contact = []message.Address{{URI: uri}}
	if body != "" {
		req.SetBody("application/sdp", []byte(body))
	}
	return req
}

type dialled struct {
	out *OutCall
	err error
}

func dial(ctx context.Context, c *Client, uri string) <-chan dialled {
	done := make(chan dialled, 1)
	go func() {
		out, err := c.Dial(ctx, DialConfig{URI: uri})
		done <- dialled{out, err}
	}()
	return done
}

func TestAClientsCallFromRingingToTheBye(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := dial(patient(t), c, peer.uri())
	peer.invite = peer.read(message.Invite)
	peer.respond(180, "callee")
	peer.respond(200, "callee")
	ack := peer.read(message.Ack)
	if ack.CSeq.Seq != 1 || ack.To.Tag() != "callee" {
		t.Errorf("got %s", ack.Bytes())
	}
	got := <-result
	if got.err != nil {
		t.Fatal(got.err)
	}
	if f := got.out.Leg().Format(); f.Name != codec.PCMU {
		t.Errorf("got %+v, want PCMU", f)
	}

	peer.respond(200, "callee") // the ACK was lost
	if again := peer.read(message.Ack); again.To.Tag() != "callee" {
		t.Errorf("got %s", again.Bytes())
	}

	peer.respond(200, "other") // another branch answers too
	if other := peer.read(message.Ack); other.To.Tag() != "other" {
		t.Errorf("got %s", other.Bytes())
	}
	bye := peer.read(message.Bye)
	if bye.To.Tag() != "other" {
		t.Errorf("got %s", bye.Bytes())
	}
	peer.send(message.NewResponse(bye, 200, ""))

	peer.send(peer.request(message.Invite, 1, strings.Replace(calleeSDP, "RTP/AVP 0", "RTP/AVP 8", 1)+"a=sendonly\r\n"))
	res := peer.read(message.Invite)
	if res.StatusCode != 200 || !strings.Contains(string(res.Body), "a=recvonly\r\n") || res.Contact[0].Params.Has("isfocus") {
		t.Errorf("got %s", res.Bytes())
	}
	peer.send(peer.request(message.Ack, 1, ""))
	if err := got.out.Leg().Receive(time.Now(), &ear{}); err != nil {
		t.Error(err)
	}
	if f := got.out.Leg().Format(); f.Name != codec.PCMA {
		t.Errorf("got %+v, want PCMA after the change", f)
	}

	if r := got.out.Reasons(); r != nil {
		t.Errorf("got reasons %+v before the end", r)
	}
	hang := peer.request(message.Bye, 2, "")
	hang.AddReason(message.Reason{Protocol: "Q.850", Cause: 16, Text: "enough"})
	peer.send(hang)
	if res := peer.read(message.Bye); res.StatusCode != 200 {
		t.Errorf("got %d, want 200", res.StatusCode)
	}
	<-got.out.Done()
	if r := got.out.Reasons(); len(r) != 1 || r[0].Text != "enough" {
		t.Errorf("got %+v", r)
	}
	if err := got.out.Leg().Close(); err != nil {
		t.Error(err)
	}
}

func TestAClientsCallThatIsGivenUpIsCancelled(t *testing.T) {
	for _, answered := range []bool{false, true} {
		c, peer := newClient(t), newCallee(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		result := dial(ctx, c, peer.uri())
		peer.invite = peer.read(message.Invite)
		peer.respond(180, "callee")
		cancel()
		if got := <-result; !errors.Is(got.err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", got.err)
		}
		peer.send(message.NewResponse(peer.read(message.Cancel), 200, ""))
		if !answered {
			peer.respond(487, "callee")
			peer.read(message.Ack)
			continue
		}
		peer.respond(200, "callee") // it crossed the CANCEL: RFC 3261 §9.1
		peer.read(message.Ack)
		peer.send(message.NewResponse(peer.read(message.Bye), 200, ""))
	}
}

func TestAClientsCallWithoutAUsableAnswerIsEnded(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := dial(patient(t), c, peer.uri())
	peer.invite = peer.read(message.Invite)
	res := message.NewResponse(peer.invite, 200, "")
	res.To = res.To.WithTag("callee")
	res.Contact = []message.Address{{URI: message.URI{Scheme: "sip", Host: "127.0.0.1", Port: peer.conn.LocalAddr().(*net.UDPAddr).Port}}}
	res.SetBody("application/sdp", []byte(strings.Replace(calleeSDP, "AVP 0", "AVP 18", 1)))
	peer.send(res)
	peer.read(message.Ack)
	peer.send(message.NewResponse(peer.read(message.Bye), 200, ""))
	if got := <-result; !errors.Is(got.err, ErrNoAnswer) || !errors.Is(got.err, sdp.ErrNoCodec) {
		t.Errorf("got %v, want ErrNoAnswer and ErrNoCodec", got.err)
	}
}

func TestAClientTakesNoCalls(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := dial(patient(t), c, peer.uri())
	peer.invite = peer.read(message.Invite)
	peer.respond(302, "callee")
	peer.read(message.Ack)
	var refused *StatusError
	if got := <-result; !errors.As(got.err, &refused) || refused.Status != 302 {
		t.Errorf("got %v, want 302", got.err)
	}
	for method, status := range map[message.Method]int{message.Invite: 480, message.Options: 200, message.Bye: 481, message.Register: 405} {
		req := peer.request(method, 9, "")
		req.To, req.CallID = message.Address{URI: req.To.URI}, newTag()
		peer.send(req)
		if res := peer.read(method); res.StatusCode != status {
			t.Errorf("%s: got %d, want %d", method, res.StatusCode, status)
		}
	}
}

func TestACallToNobodyIsGivenUpAtOnce(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := dial(ctx, c, peer.uri())
	peer.read(message.Invite)
	cancel()
	if got := <-result; !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", got.err)
	}
	// Nothing was heard of the peer: Close does not wait for its answer.
	if err := c.Close(patient(t)); err != nil {
		t.Error(err)
	}
}

func TestACallThatRingsWhenItsClientClosesIsCancelled(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := make(chan error, 1)
	go func() {
		_, err := c.Dial(patient(t), DialConfig{URI: peer.uri()})
		result <- err
	}()
	peer.nextInvite()
	peer.reliable(180, "rings", 1, "")
	peer.read(message.Prack) // so it has been heard
	closed := make(chan error, 1)
	go func() { closed <- c.Close(patient(t)) }()
	peer.ok(peer.read(message.Cancel))
	peer.refuse(487, func(*message.Message) {})
	if err := <-result; !errors.Is(err, ErrShutdown) {
		t.Errorf("got %v, want ErrShutdown", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := c.Dial(t.Context(), DialConfig{URI: peer.uri()}); !errors.Is(err, ErrShutdown) {
		t.Errorf("afterwards: got %v, want ErrShutdown", err)
	}
}
