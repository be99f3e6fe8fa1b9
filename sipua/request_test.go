package sipua

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icholy/digest"
	"github.com/miekg/dns"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/sipua/locate"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/trunk"
	"github.com/confbridge/confbridge/sipua/upstream"
)

// nameServer is a DNS server on the loopback that knows the records given.
func nameServer(t *testing.T, records ...string) string {
	t.Helper()
	var list []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rr)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done, ready sync.WaitGroup
	ready.Add(1)
	srv := &dns.Server{PacketConn: conn, NotifyStartedFunc: ready.Done, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		res := new(dns.Msg)
		res.SetReply(m)
		for _, rr := range list {
			if h := rr.Header(); strings.EqualFold(h.Name, m.Question[0].Name) && h.Rrtype == m.Question[0].Qtype {
				res.Answer = append(res.Answer, rr)
			}
		}
		_ = w.WriteMsg(res)
	})}
	done.Go(func() { _ = srv.ActivateAndServe() })
	ready.Wait()
	t.Cleanup(func() {
		_ = srv.Shutdown()
		done.Wait()
	})
	return conn.LocalAddr().String()
}

// newLookingClient is a client that asks a name server of the test's.
func newLookingClient(t *testing.T, server string) *Client {
	t.Helper()
	eng, err := media.NewEngine(media.Config{PortMin: 34000, PortMax: 34999})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewClient(t.Context(), ClientConfig{
		Listen: []string{"udp://127.0.0.1:0"}, Locate: locate.Config{Servers: []string{server}, Timeout: patience},
	}, eng)
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

func (c *callee) port() int { return c.conn.LocalAddr().(*net.UDPAddr).Port }

// refuse answers the INVITE and takes the ACK.
func (c *callee) refuse(status int, change func(res *message.Message)) {
	c.t.Helper()
	res := message.NewResponse(c.invite, status, "")
	res.To = res.To.WithTag(newTag())
	if change != nil {
		change(res)
	}
	c.send(res)
	for { // an ACK of this INVITE, not of one before that is repeated
		if ack := c.read(message.Ack); ack.CSeq.Seq == c.invite.CSeq.Seq {
			return
		}
	}
}

// nextInvite reads an INVITE that is no repeat.
func (c *callee) nextInvite() {
	c.t.Helper()
	last := uint32(0)
	if c.invite != nil {
		last = c.invite.CSeq.Seq
	}
	for {
		if m := c.read(message.Invite); m.IsRequest() && m.CSeq.Seq > last {
			c.invite = m
			return
		}
	}
}

func TestACallGoesToTheNextServerOfItsDomain(t *testing.T) {
	a, b := newCallee(t), newCallee(t)
	c := newLookingClient(t, nameServer(t,
		"example.com. 60 NAPTR 1 1 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.com.",
		fmt.Sprintf("_sip._udp.example.com. 60 SRV 1 1 %d a.example.com.", a.port()),
		fmt.Sprintf("_sip._udp.example.com. 60 SRV 2 1 %d a.example.com.", b.port()),
		"a.example.com. 60 A 127.0.0.1",
	))
	result := make(chan dialled, 1)
	place := func() {
		go func() {
			out, err := c.Dial(patient(t), DialConfig{URI: "sip:callee@example.com"})
			result <- dialled{out, err}
		}()
	}
	place()
	a.nextInvite()
	a.refuse(503, func(res *message.Message) { res.Add("Retry-After", "600") })
	b.nextInvite()
	if a.invite.CallID != b.invite.CallID || a.invite.Via[0].Branch() == b.invite.Via[0].Branch() || b.invite.CSeq.Seq <= a.invite.CSeq.Seq {
		t.Errorf("got %s after %s", b.invite.Bytes(), a.invite.Bytes())
	}
	b.refuse(486, nil)
	var refused *StatusError
	if got := <-result; !errors.As(got.err, &refused) || refused.Status != 486 {
		t.Errorf("got %v, want 486", got.err)
	}
	place() // the first is remembered
	b.invite = nil
	b.nextInvite()
	b.refuse(486, nil)
	if got := <-result; !errors.As(got.err, &refused) || refused.Status != 486 {
		t.Errorf("got %v, want 486", got.err)
	}
	place()
	b.invite = nil
	b.nextInvite()
	b.refuse(503, nil)
	a.nextInvite()
	a.refuse(503, nil)
	if got := <-result; !errors.As(got.err, &refused) || refused.Status != 503 {
		t.Errorf("got %v, want 503: nobody is left", got.err)
	}
}

// proves checks the credentials of a request for one realm, independently of what made them.
func proves(t *testing.T, req *message.Message, field, algorithm, nonce string) {
	t.Helper()
	for _, v := range req.Values(field) {
		got, err := digest.ParseCredentials(v)
		if err != nil {
			t.Fatal(err)
		}
		if got.Nonce != nonce {
			continue
		}
		want, err := digest.Digest(&digest.Challenge{Realm: got.Realm, Nonce: nonce, Algorithm: algorithm, QOP: []string{"auth"}}, digest.Options{
			Method: string(req.Method), URI: req.RequestURI.String(), Count: got.Nc, Cnonce: got.Cnonce, Username: "bob", Password: "secret",
		})
		if err != nil || got.Response != want.Response || got.Algorithm != algorithm || got.Username != "bob" {
			t.Errorf("%s: %s, want a proof by %s (%v)", req.Method, v, algorithm, err)
		}
		return
	}
	t.Errorf("%s has no %s for nonce %q: %q", req.Method, field, nonce, req.Values(field))
}

func TestACallAnswersChallenges(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := make(chan dialled, 1)
	go func() {
		out, err := c.Dial(patient(t), DialConfig{URI: peer.uri(), User: "bob", Password: "secret"})
		result <- dialled{out, err}
	}()
	peer.nextInvite()
	tag, id := peer.invite.From.Tag(), peer.invite.CallID
	peer.refuse(407, func(res *message.Message) {
		res.Add("Proxy-Authenticate", `Digest realm="proxy", nonce="p1", qop="auth", algorithm=MD5`)
		res.Add("Proxy-Authenticate", `Digest realm="proxy", nonce="p2", qop="auth", algorithm=SHA-256`)
		res.Add("Proxy-Authenticate", `Digest realm="other", nonce="o1", qop="auth,auth-int", algorithm=MD5`)
		res.Add("Proxy-Authenticate", `Basic realm="proxy"`)
	})
	peer.nextInvite()
	proves(t, peer.invite, "Proxy-Authorization", "SHA-256", "p2")
	proves(t, peer.invite, "Proxy-Authorization", "MD5", "o1")
	if n := len(peer.invite.Values("Proxy-Authorization")); n != 2 || peer.invite.From.Tag() != tag || peer.invite.CallID != id || peer.invite.CSeq.Seq != 2 {
		t.Errorf("got %s", peer.invite.Bytes())
	}
	peer.refuse(401, func(res *message.Message) {
		res.Add("WWW-Authenticate", `Digest realm="home", nonce="h1", qop="auth", algorithm=MD5`)
	})
	peer.nextInvite()
	proves(t, peer.invite, "Authorization", "MD5", "h1")
	proves(t, peer.invite, "Proxy-Authorization", "SHA-256", "p2")
	peer.refuse(401, func(res *message.Message) {
		res.Add("WWW-Authenticate", `Digest realm="home", nonce="h2", qop="auth", algorithm=MD5, stale=true`)
	})
	peer.nextInvite()
	proves(t, peer.invite, "Authorization", "MD5", "h2")
	peer.respond(200, "callee")
	ack := peer.read(message.Ack)
	for ack.CSeq.Seq != peer.invite.CSeq.Seq {
		ack = peer.read(message.Ack)
	}
	if got, want := fmt.Sprint(ack.Values("Authorization"), ack.Values("Proxy-Authorization")),
		fmt.Sprint(peer.invite.Values("Authorization"), peer.invite.Values("Proxy-Authorization")); got != want {
		t.Errorf("the ACK has %s, want the INVITE's %s", got, want)
	}
	got := <-result
	if got.err != nil {
		t.Fatal(got.err)
	}
	hung := make(chan error, 1)
	go func() { hung <- got.out.Hangup(patient(t)) }()
	bye := peer.read(message.Bye)
	proves(t, bye, "Authorization", "MD5", "h2")
	res := message.NewResponse(bye, 401, "")
	res.Add("WWW-Authenticate", `Digest realm="home", nonce="h3", qop="auth", algorithm=MD5`)
	peer.send(res)
	again := peer.read(message.Bye)
	for again.CSeq.Seq == bye.CSeq.Seq {
		again = peer.read(message.Bye)
	}
	proves(t, again, "Authorization", "MD5", "h3")
	peer.send(message.NewResponse(again, 200, ""))
	if err := errors.Join(<-hung, got.out.Leg().Close()); err != nil {
		t.Error(err)
	}
}

func TestAPasswordThatIsRefusedIsNotSentAgain(t *testing.T) {
	for name, row := range map[string]struct {
		fields []string // of the second challenge
		user   string
		sent   uint32
	}{
		"the same realm again":         {[]string{`Digest realm="home", nonce="2", qop="auth"`}, "bob", 2},
		"stale for ever":               {[]string{`Digest realm="home", nonce="2", qop="auth", stale=true`}, "bob", 3},
		"nothing that can be answered": {[]string{`Digest realm="x", nonce="2", algorithm=ROT13`, `Digest`, `Digest realm="`}, "bob", 2},
		"no credentials at all":        {nil, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := newClient(t), newCallee(t)
			result := make(chan dialled, 1)
			go func() {
				out, err := c.Dial(patient(t), DialConfig{URI: peer.uri(), User: row.user, Password: "secret"})
				result <- dialled{out, err}
			}()
			for n := range row.sent {
				peer.nextInvite()
				peer.refuse(401, func(res *message.Message) {
					if n == 0 {
						res.Add("WWW-Authenticate", `Digest realm="home", nonce="1", qop="auth"`)
						return
					}
					for _, f := range row.fields {
						res.Add("WWW-Authenticate", f)
					}
				})
			}
			var refused *StatusError
			if got := <-result; !errors.As(got.err, &refused) || refused.Status != 401 {
				t.Errorf("got %v, want 401", got.err)
			}
			if peer.invite.CSeq.Seq != row.sent {
				t.Errorf("%d INVITEs, want %d", peer.invite.CSeq.Seq, row.sent)
			}
		})
	}
}

func TestARedirectionIsFollowed(t *testing.T) {
	c, first, second, third := newClient(t), newCallee(t), newCallee(t), newCallee(t)
	result := dial(patient(t), c, first.uri())
	first.nextInvite()
	address := func(peer *callee, q string) message.Address {
		uri, err := message.ParseURI(strings.Replace(peer.uri(), "callee", "other", 1) + "?Route=%3Csip:evil%3E")
		if err != nil {
			t.Fatal(err)
		}
		return message.Address{URI: uri, Params: message.Params{{Name: "q", Value: q}}}
	}
	first.refuse(302, func(res *message.Message) {
		res.Contact = []message.Address{address(third, "0.1"), address(second, "0.9"), {URI: first.invite.RequestURI}, {URI: message.URI{Scheme: "mailto", Opaque: "x@y"}}}
	})
	second.nextInvite()
	if got := second.invite.RequestURI.String(); got != strings.Replace(second.uri(), "callee", "other", 1) {
		t.Errorf("Request-URI is %s", got)
	}
	if second.invite.To.URI.User != "callee" || second.invite.CallID != first.invite.CallID || len(second.invite.Route) > 0 {
		t.Errorf("got %s", second.invite.Bytes())
	}
	second.refuse(486, nil)
	third.nextInvite()
	third.refuse(302, func(res *message.Message) { res.Contact = []message.Address{address(second, "1")} }) // in a circle
	var refused *StatusError
	if got := <-result; !errors.As(got.err, &refused) || refused.Status != 302 {
		t.Errorf("got %v, want the last refusal", got.err)
	}
}

func TestARequestURIHasNoMethodAndNoHeaders(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := dial(patient(t), c, peer.uri()+";method=BYE?Subject=hi&Require=nothing")
	peer.nextInvite()
	if got := peer.invite.RequestURI.String(); got != peer.uri() {
		t.Errorf("Request-URI is %s, want %s", got, peer.uri())
	}
	if _, ok := peer.invite.Header("Subject"); ok || len(peer.invite.Tokens("Require")) > 0 {
		t.Errorf("headers of the URI are in\n%s", peer.invite.Bytes())
	}
	peer.refuse(486, nil)
	if got := <-result; got.err == nil {
		t.Error("a refused call stands")
	}
}

// TestABridgeRegistersAndIsCalled has a registrar made of text on a real socket.
func TestABridgeRegistersAndIsCalled(t *testing.T) {
	registrar := newCallee(t)
	events := make(chan string, 10)
	b := newBridge(t, func(c *Config) {
		c.Trunks = trunk.Config{ // nobody may call but by that registration: the trunk's networks are elsewhere
			Anonymous: trunk.Reject,
			Trunks:    []trunk.Trunk{{Name: "carrier", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}},
		}
		c.Upstream = upstream.Config{
			Registrations: []upstream.Registration{{
				Name: "carrier", Registrar: strings.Replace(registrar.uri(), "callee@", "", 1), User: "bob", Password: "secret", Contact: "4930",
			}},
			Changed: func(name string, kind upstream.Kind, up bool, why string) {
				events <- fmt.Sprint(name, " ", kind, " ", up)
			},
		}
	})
	next := func(after *message.Message) *message.Message {
		for {
			m := registrar.read(message.Register)
			if after == nil || m.CSeq.Seq > after.CSeq.Seq {
				return m
			}
		}
	}
	first := next(nil)
	res := message.NewResponse(first, 401, "")
	res.Add("WWW-Authenticate", `Digest realm="carrier", nonce="n1", qop="auth", algorithm=SHA-256`)
	registrar.send(res)
	second := next(first)
	proves(t, second, "Authorization", "SHA-256", "n1")
	if second.CallID != first.CallID || second.Contact[0].URI.User != "4930" || second.To.URI.User != "bob" {
		t.Errorf("got %s", second.Bytes())
	}
	ok := message.NewResponse(second, 200, "")
	ok.Contact = second.Contact
	registrar.send(ok)
	select {
	case got := <-events:
		if got != "carrier registration true" {
			t.Errorf("got %q", got)
		}
	case <-patient(t).Done():
		t.Fatal("it is not registered")
	}
	if s := b.Registrations(); len(s) != 1 || s[0].Phase != upstream.Registered || s[0].Contact != "4930" {
		t.Errorf("got %+v", s)
	}

	// A call that is not to the Contact is nobody's.
	stranger := registrar.request0(message.URI{Scheme: "sip", User: "1000", Host: second.Contact[0].URI.Host, Port: second.Contact[0].URI.Port})
	registrar.send(stranger)
	refused := registrar.read(message.Invite)
	for refused.StatusCode < 200 {
		refused = registrar.read(message.Invite)
	}
	if refused.StatusCode != 403 {
		t.Errorf("got %s, want 403", refused.Bytes())
	}
	stranger.Method, stranger.CSeq.Method, stranger.To = message.Ack, message.Ack, refused.To
	registrar.send(stranger)

	// One that the provider sends to it is its trunk's.
	call := registrar.request0(second.Contact[0].URI)
	registrar.send(call)
	answer := registrar.read(message.Invite)
	for answer.StatusCode < 200 || answer.CallID != call.CallID {
		answer = registrar.read(message.Invite)
	}
	if answer.StatusCode != 200 {
		t.Fatalf("got %s", answer.Bytes())
	}
	ack := registrar.request0(answer.Contact[0].URI)
	ack.Method, ack.CSeq.Method, ack.To, ack.From, ack.CallID, ack.Body = message.Ack, message.Ack, answer.To, call.From, call.CallID, nil
	ack.Del("Content-Type")
	registrar.send(ack)
	b.participants(t, "4930", 1)
	for _, s := range b.Trunks() {
		if s.Name == "carrier" && s.Calls != 1 {
			t.Errorf("got %+v, want the call to be the trunk's", s)
		}
	}

	// The removal is challenged too.
	done := make(chan error, 1)
	go func() { done <- b.Shutdown(patient(t)) }()
	third := next(second)
	if v, _ := third.Contact[0].Params.Find("expires"); v != "0" {
		t.Errorf("got %s", third.Bytes())
	}
	proves(t, third, "Authorization", "SHA-256", "n1")
	if cred, err := digest.ParseCredentials(third.Values("Authorization")[0]); err != nil || cred.Nc != 2 {
		t.Errorf("got %+v, %v, want the nonce counted", cred, err)
	}
	registrar.send(message.NewResponse(third, 200, ""))
	bye := registrar.read(message.Bye)
	registrar.send(message.NewResponse(bye, 200, ""))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// request0 is an INVITE outside of dialogs.
func (c *callee) request0(uri message.URI) *message.Message {
	from, _ := message.ParseURI(c.uri())
	req := message.NewRequest(message.Invite, uri)
	req.Via = []message.Via{{Transport: "UDP", Host: "127.0.0.1", Port: c.port(), Params: message.Params{{Name: "branch", Value: "z9hG4bK" + newTag()}}}}
	req.From, req.To = message.Address{URI: from}.WithTag("carrier"), message.Address{URI: uri}
	req.CallID, req.Contact = newTag(), []message.Address{{URI: from}}
	req.SetBody("application/sdp", []byte(calleeSDP))
	return req
}

func TestATrunkIsPinged(t *testing.T) {
	peer := newCallee(t)
	b := newBridge(t, func(c *Config) {
		c.Upstream.Pings = []upstream.Ping{{Name: "sbc", URI: peer.uri(), Interval: time.Hour}}
	})
	ping := peer.read(message.Options)
	peer.send(message.NewResponse(ping, 200, ""))
	give := time.Now().Add(patience)
	for s := b.Pings(); !s[0].Up; s = b.Pings() {
		if time.Now().After(give) {
			t.Fatalf("got %+v", s)
		}
		<-time.After(time.Millisecond)
	}
}

func TestAPeerWithANewRealmEachTimeIsNotAnsweredForEver(t *testing.T) {
	c := newCredentials("bob", "secret")
	challenged := func(realm string, r *round) bool {
		res := message.NewResponse(invite(t), 401, "")
		res.Add("WWW-Authenticate", `Digest realm="`+realm+`", nonce="1", qop="auth"`)
		return c.learn(res, r)
	}
	var r round
	for n := range maxRealms + 1 {
		if again := challenged(fmt.Sprint(n), &r); again != (n < maxRealms) {
			t.Fatalf("after %d realms: sent again %v", n, again)
		}
	}
	if !challenged("home", &round{}) {
		t.Error("the next request is not answered")
	}
}
