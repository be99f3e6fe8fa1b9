package sipua

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// dialingBridge may call everybody on the loopback.
func dialingBridge(t *testing.T, change func(*Config)) *bridge {
	t.Helper()
	return newBridge(t, func(c *Config) {
		c.Trunks.DialOut.Domains = []string{"127.0.0.1"}
		if change != nil {
			change(c)
		}
	})
}

// dialOut has the bridge call somebody into room 1000.
func (b *bridge) dialOut(t *testing.T, want DialOut) (id string) {
	t.Helper()
	want.Room = "1000"
	id, err := b.DialOut(patient(t), want)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// tells waits for events of a room, in this order and with others between them, as "ringing" or "failed: busy 486".
func (b *bridge) tells(t *testing.T, w *rooms.Watch, want ...string) {
	t.Helper()
	names := map[rooms.Kind]string{
		rooms.KindDialing: "dialing", rooms.KindRinging: "ringing", rooms.KindAnswered: "answered", rooms.KindJoined: "joined",
		rooms.KindDialFailed: "failed", rooms.KindLeft: "left",
	}
	for _, line := range want {
		for {
			e, err := w.Next(patient(t))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			got := names[e.Kind]
			if e.Kind == rooms.KindDialFailed {
				got += fmt.Sprintf(": %v %d", e.Reason, e.Code)
			}
			if got == "" {
				continue
			}
			if got != line {
				t.Fatalf("got %q, want %q", got, line)
			}
			break
		}
	}
}

func (b *bridge) watch(t *testing.T) *rooms.Watch {
	t.Helper()
	w, err := b.rooms.Watch(patient(t), "1000", nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// idle waits until nothing of a call is left.
func (b *bridge) idle(t *testing.T) {
	t.Helper()
	for ctx := patient(t); ; {
		lines := 0
		for _, s := range b.Trunks() {
			lines += s.Calls
		}
		if lines == 0 && b.Calls() == 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d calls and %d lines are left", b.Calls(), lines)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestSomebodyIsCalledIntoARoom(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	w := b.watch(t)
	id := b.dialOut(t, DialOut{Address: peer.uri(), DisplayName: "Bob", Role: rooms.RoleModerator, CallerName: "The Board", CallerNumber: "4711"})
	peer.invite = peer.read(message.Invite)
	at := peer.invite.Contact[0]
	if f := peer.invite.From; f.Display != "The Board" || f.URI.User != "4711" || at.URI.User != "1000" || !at.Params.Has("isfocus") {
		t.Errorf("got %s", peer.invite.Bytes())
	}
	if got := peer.invite.RequestURI.String(); got != peer.uri() {
		t.Errorf("got Request-URI %s, want %s", got, peer.uri())
	}
	peer.respond(180, "callee")
	b.tells(t, w, "dialing", "ringing")
	if dials, err := b.rooms.Dials(patient(t), "1000"); err != nil || len(dials) != 1 || dials[0].ID != id || dials[0].State != rooms.DialRinging {
		t.Errorf("got %+v, %v, want one that rings", dials, err)
	}
	peer.respond(200, "callee")
	if ack := peer.read(message.Ack); ack.To.Tag() != "callee" {
		t.Errorf("got %s", ack.Bytes())
	}
	b.tells(t, w, "answered", "joined")
	list := b.participants(t, "1000", 1)
	if p := list[0]; p.ID != id || p.DisplayName != "Bob" || p.Role != rooms.RoleModerator || p.Address != peer.uri() || p.CallID != peer.invite.CallID {
		t.Errorf("got %+v", p)
	}

	peer.respond(200, "other") // a proxy has forked it: RFC 3261 §13.2.2.4
	if other := peer.read(message.Ack); other.To.Tag() != "other" {
		t.Errorf("got %s", other.Bytes())
	}
	bye := peer.read(message.Bye)
	if bye.To.Tag() != "other" {
		t.Errorf("got %s", bye.Bytes())
	}
	peer.send(message.NewResponse(bye, 200, ""))

	// From here on it is a call as others are.
	peer.send(peer.request(message.Invite, 1, strings.Replace(calleeSDP, "RTP/AVP 0", "RTP/AVP 8", 1)))
	if res := peer.read(message.Invite); res.StatusCode != 200 || !res.Contact[0].Params.Has("isfocus") {
		t.Errorf("got %s", res.Bytes())
	}
	peer.send(peer.request(message.Ack, 1, ""))
	refer := peer.request("REFER", 2, "")
	peer.send(refer)
	if res := peer.read("REFER"); res.StatusCode != 405 {
		t.Errorf("REFER: got %d, want 405 as callers get", res.StatusCode)
	}
	if err := b.rooms.Remove(patient(t), "1000", id); err != nil {
		t.Fatal(err)
	}
	bye = peer.read(message.Bye)
	if r := bye.Reasons(); len(r) != 1 || r[0].Text != "removed by a moderator" {
		t.Errorf("got %+v", r)
	}
	peer.send(message.NewResponse(bye, 200, ""))
	b.tells(t, w, "left")
	b.idle(t)
}

func TestWhyACallOutFails(t *testing.T) {
	for _, row := range []struct {
		status int
		want   string
	}{
		{486, "busy"},
		{600, "busy"},
		{480, "no answer"},
		{603, "declined"},
		{404, "unreachable"},
		{403, "forbidden"},
		{407, "forbidden"},
		{488, "call failed"},
		{500, "call failed"},
		{302, "call failed"}, // and is not followed: it leads nowhere
	} {
		t.Run(fmt.Sprint(row.status), func(t *testing.T) {
			b, peer := dialingBridge(t, nil), newCallee(t)
			w := b.watch(t)
			b.dialOut(t, DialOut{Address: peer.uri()})
			peer.invite = peer.read(message.Invite)
			res := message.NewResponse(peer.invite, row.status, "")
			res.To = res.To.WithTag("callee")
			peer.send(res)
			peer.read(message.Ack)
			b.tells(t, w, "dialing", fmt.Sprintf("failed: %s %d", row.want, row.status))
			b.idle(t)
		})
	}
}

func TestACallOutWithoutAUsableAnswerLeavesNothing(t *testing.T) {
	one := media.Config{PortMin: 31998, PortMax: 31999} // for one leg: the second call has it only if the first has given it back
	b := newBridgeWith(t, one, nil, func(c *Config) { c.Trunks.DialOut.Domains = []string{"127.0.0.1"} })
	peer, w := newCallee(t), b.watch(t)
	for range 2 {
		b.dialOut(t, DialOut{Address: peer.uri()})
		peer.invite = peer.read(message.Invite)
		res := message.NewResponse(peer.invite, 200, "")
		res.To = res.To.WithTag("callee")
		uri, _ := message.ParseURI(peer.uri())
		res.Contact = []message.Address{{URI: uri}}
		res.SetBody("application/sdp", []byte(strings.Replace(calleeSDP, "AVP 0", "AVP 18", 1)))
		peer.send(res)
		peer.read(message.Ack)
		peer.send(message.NewResponse(peer.read(message.Bye), 200, ""))
		b.tells(t, w, "dialing", "failed: call failed 0")
		b.idle(t)
	}
}

func TestACallOutToNowhereIsUnreachable(t *testing.T) {
	b := dialingBridge(t, nil)
	w := b.watch(t)
	b.dialOut(t, DialOut{Address: "sip:bob@127.0.0.1:9;transport=tcp"})
	b.tells(t, w, "dialing", "failed: unreachable 0")
	b.idle(t)
}

func TestACallOutThatNobodyAnswersIsCancelled(t *testing.T) {
	for _, row := range []struct {
		name  string
		ring  time.Duration
		end   func(t *testing.T, b *bridge, id string)
		cross bool // the 200 crosses the CANCEL
		want  string
	}{
		{"it has rung long enough", 50 * time.Millisecond, func(*testing.T, *bridge, string) {}, false, "no answer 0"},
		{"a moderator has had enough", 0, func(t *testing.T, b *bridge, id string) {
			if err := b.rooms.Remove(patient(t), "1000", id); err != nil {
				t.Error(err)
			}
		}, false, "removed by moderator 0"},
		{"the conference ends, and the 200 crosses", 0, func(t *testing.T, b *bridge, _ string) {
			if err := b.rooms.End(patient(t), "1000", rooms.ReasonEnded); err != nil {
				t.Error(err)
			}
		}, true, "conference ended by moderator 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, peer := dialingBridge(t, nil), newCallee(t)
			w := b.watch(t)
			id := b.dialOut(t, DialOut{Address: peer.uri(), RingTime: row.ring})
			peer.invite = peer.read(message.Invite)
			peer.respond(180, "callee")
			b.tells(t, w, "dialing", "ringing")
			row.end(t, b, id)
			b.tells(t, w, "failed: "+row.want)
			peer.send(message.NewResponse(peer.read(message.Cancel), 200, ""))
			if row.cross {
				peer.respond(200, "callee")
				peer.read(message.Ack)
				peer.send(message.NewResponse(peer.read(message.Bye), 200, ""))
			} else {
				peer.respond(487, "callee")
				peer.read(message.Ack)
			}
			b.idle(t)
		})
	}
}

// Who asks them is package rooms/entry; without it nobody comes in.
func TestWhoHasToConfirmIsAnsweredAndNotInTheRoom(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	w := b.watch(t)
	id := b.dialOut(t, DialOut{Address: peer.uri(), ConfirmTime: 20 * time.Second})
	peer.invite = peer.read(message.Invite)
	peer.respond(180, "callee")
	peer.respond(200, "callee")
	peer.read(message.Ack)
	b.tells(t, w, "dialing", "ringing", "answered")
	b.participants(t, "1000", 0)
	dials, err := b.rooms.Dials(patient(t), "1000")
	if err != nil || len(dials) != 1 || dials[0].ID != id || dials[0].State != rooms.DialAnswered {
		t.Errorf("got %+v, %v, want one that is answered", dials, err)
	}
	if err := b.rooms.Remove(patient(t), "1000", id); err != nil {
		t.Fatal(err)
	}
	bye := peer.read(message.Bye)
	if r := bye.Reasons(); len(r) != 1 || r[0].Text != "removed by a moderator" {
		t.Errorf("got %+v", r)
	}
	peer.send(message.NewResponse(bye, 200, ""))
	b.tells(t, w, "failed: removed by moderator 0")
	b.idle(t)
}

func TestShutdownCancelsCallsOut(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	w := b.watch(t)
	b.dialOut(t, DialOut{Address: peer.uri()})
	peer.invite = peer.read(message.Invite)
	peer.respond(180, "callee")
	b.tells(t, w, "dialing", "ringing")
	closed := make(chan error, 1)
	go func() { closed <- b.Shutdown(patient(t)) }()
	peer.send(message.NewResponse(peer.read(message.Cancel), 200, ""))
	peer.respond(487, "callee")
	b.tells(t, w, "failed: bridge is shutting down 0")
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := b.DialOut(t.Context(), DialOut{Room: "1000", Address: peer.uri()}); !errors.Is(err, ErrShutdown) {
		t.Errorf("afterwards: got %v, want ErrShutdown", err)
	}
}

func TestACallOutThroughATrunkAnswersItsChallenge(t *testing.T) {
	peer := newCallee(t)
	b := dialingBridge(t, func(c *Config) {
		c.Trunks.Trunks = []trunk.Trunk{{
			Name: "carrier", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
			Dial: trunk.Dial{
				Prefixes: []string{"+49"}, URI: "sip:" + peer.conn.LocalAddr().String(), From: "sip:bridge@carrier.example", User: "bridge", Password: "secret",
			},
			Terms: trunk.Terms{MaxCalls: 1, Codecs: []string{"PCMA", "PCMU"}},
		}}
	})
	w := b.watch(t)
	b.dialOut(t, DialOut{Trunk: "carrier", Address: "+49 30 123", CallerNumber: "+4930999"})
	first := peer.read(message.Invite)
	peer.invite = first
	if got, want := first.RequestURI.String(), "sip:+4930123@"+peer.conn.LocalAddr().String(); got != want ||
		first.From.URI.String() != "sip:+4930999@carrier.example" || !strings.Contains(string(first.Body), "RTP/AVP 8 0") {
		t.Errorf("got %s", first.Bytes())
	}
	res := message.NewResponse(first, 407, "")
	res.To = res.To.WithTag("proxy")
	res.Add("Proxy-Authenticate", `Digest realm="carrier", nonce="n1", algorithm=MD5, qop="auth"`)
	peer.send(res)
	peer.read(message.Ack)
	peer.invite = peer.read(message.Invite)
	if auth, _ := peer.invite.Header("Proxy-Authorization"); !strings.Contains(auth, `username="bridge"`) || peer.invite.CSeq.Seq != first.CSeq.Seq+1 ||
		peer.invite.CallID != first.CallID {
		t.Errorf("got %s", peer.invite.Bytes())
	}
	var denied *trunk.DeniedError
	if _, err := b.DialOut(t.Context(), DialOut{Room: "1000", Trunk: "carrier", Address: "+4930124"}); !errors.As(err, &denied) || !denied.Limit {
		t.Errorf("a second call: got %v, want the trunk's limit", err)
	}
	peer.respond(200, "callee")
	peer.read(message.Ack)
	b.tells(t, w, "dialing", "answered", "joined")
	if got := b.participants(t, "1000", 1)[0]; got.DisplayName != "+4930123" || got.Format.Name != "PCMU" {
		t.Errorf("got %+v", got)
	}
	peer.send(peer.request(message.Bye, 1, ""))
	if got := peer.read(message.Bye); got.StatusCode != 200 {
		t.Errorf("got %d, want 200", got.StatusCode)
	}
	b.tells(t, w, "left")
	b.idle(t)
}

func TestCallsOutAreRefusedBeforeAnythingIsSent(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	if _, err := b.rooms.Create(patient(t), "locked", rooms.Settings{Locked: true}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		want DialOut
		err  error
	}{
		{DialOut{Room: "1000", Address: "sip:bob@example.com"}, trunk.ErrDenied},
		{DialOut{Room: "1000", Address: "bob"}, trunk.ErrAddress},
		{DialOut{Room: "1000", Address: "+49", Trunk: "none"}, trunk.ErrNoTrunk},
		{DialOut{Room: "locked", Address: peer.uri()}, rooms.ErrLocked},
		{DialOut{Room: "no room", Address: peer.uri()}, rooms.ErrNoRoom},
	} {
		if _, err := b.DialOut(patient(t), row.want); !errors.Is(err, row.err) {
			t.Errorf("%+v: got %v, want %v", row.want, err, row.err)
		}
	}
	b.idle(t)
	b.dialOut(t, DialOut{Address: peer.uri()}) // the first that anything was sent for
	if invite := peer.read(message.Invite); invite.RequestURI.User != "callee" {
		t.Errorf("got %s", invite.Bytes())
	}
}

func TestARedirectionIsFollowedWhereOneMayCall(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	w := b.watch(t)
	b.dialOut(t, DialOut{Address: peer.uri()})
	peer.invite = peer.read(message.Invite)
	res := message.NewResponse(peer.invite, 302, "")
	res.To = res.To.WithTag("callee")
	for _, text := range []string{"sip:premium@203.0.113.9", strings.Replace(peer.uri(), "callee", "other", 1)} {
		uri, err := message.ParseURI(text)
		if err != nil {
			t.Fatal(err)
		}
		res.Contact = append(res.Contact, message.Address{URI: uri})
	}
	peer.send(res)
	peer.read(message.Ack)
	peer.invite = peer.read(message.Invite)
	if peer.invite.RequestURI.User != "other" {
		t.Errorf("got %s, want the redirection to the one that may be called", peer.invite.Bytes())
	}
	peer.respond(486, "callee")
	peer.read(message.Ack)
	b.tells(t, w, "dialing", "failed: busy 486")
}

func TestTwoBridgesCallEachOther(t *testing.T) {
	a, c := dialingBridge(t, nil), dialingBridge(t, func(cfg *Config) { cfg.Ring = 20 * time.Millisecond })
	w := a.watch(t)
	const calls = 5
	for range calls {
		a.dialOut(t, DialOut{Address: "sip:2000@" + c.addrs["tcp"] + ";transport=tcp"})
	}
	there, here := c.participants(t, "2000", calls), a.participants(t, "1000", calls)
	if there[0].Address != "sip:1000@127.0.0.1" || here[0].Format.Name != "opus" {
		t.Errorf("got %+v there, %+v here", there[0], here[0])
	}
	if err := c.rooms.End(patient(t), "2000", rooms.ReasonEnded); err != nil {
		t.Fatal(err)
	}
	a.participants(t, "1000", 0)
	c.participants(t, "2000", 0)
	a.idle(t)
	c.idle(t)
	states := map[rooms.Kind]int{}
	for e, err := w.Next(patient(t)); ; e, err = w.Next(patient(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if states[e.Kind]++; e.Kind == rooms.KindEnded {
			break
		}
	}
	want := map[rooms.Kind]int{rooms.KindDialing: calls, rooms.KindRinging: calls, rooms.KindAnswered: calls, rooms.KindJoined: calls, rooms.KindLeft: calls}
	for kind, n := range want {
		if states[kind] != n {
			t.Errorf("%d events of kind %d, want %d", states[kind], kind, n)
		}
	}
}

// keysOf reads the keys of INFOs until there are n of them, and answers each.
func (c *callee) keysOf(n int, status int) (told []string) {
	c.t.Helper()
	for range n {
		info := c.read(message.Info)
		if ct, _ := info.ContentType(); ct != "application/dtmf-relay" {
			c.t.Errorf("got %s", info.Bytes())
		}
		told = append(told, strings.ReplaceAll(strings.TrimSpace(string(info.Body)), "\r\n", " "))
		res := message.NewResponse(info, status, "")
		if status == 401 {
			res.Add("WWW-Authenticate", `Digest realm="carrier", nonce="n1", algorithm=MD5`)
		}
		c.send(res)
	}
	return told
}

func TestKeysGoByINFOWhereThereIsNoTelephoneEvent(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	id := b.dialOut(t, DialOut{Address: peer.uri()})
	peer.invite = peer.read(message.Invite)
	peer.respond(200, "callee")
	peer.read(message.Ack)
	b.participants(t, "1000", 1)
	press := func(keys string) error {
		return b.rooms.PressKeys(patient(t), "1000", id, keys, 40*time.Millisecond, 40*time.Millisecond)
	}
	if err := press("1#A"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Signal=1 Duration=40", "Signal=# Duration=40", "Signal=A Duration=40"}, peer.keysOf(3, 200)); diff != "" {
		t.Error(diff)
	}
	pressWhenFree := func(keys string) {
		for err := press(keys); err != nil; err = press(keys) { // the ones before may still be on their way
			if !errors.Is(err, rooms.ErrKeyQueue) {
				t.Fatal(err)
			}
		}
	}
	pressWhenFree(strings.Repeat("5", rooms.MaxKeys))
	if err := press("6"); !errors.Is(err, rooms.ErrKeyQueue) {
		t.Errorf("got %v, want ErrKeyQueue", err)
	}
	peer.keysOf(1, 415) // it does not understand them: the rest is not sent
	pressWhenFree("7")
	if got := peer.keysOf(1, 481); got[0] != "Signal=7 Duration=40" {
		t.Errorf("got %q", got)
	}
	peer.send(message.NewResponse(peer.read(message.Bye), 200, "")) // RFC 3261 §12.2.1.2
	b.idle(t)
}

func TestKeysAreNotToldWhoSaysNoINFO(t *testing.T) {
	b := newBridge(t, nil)
	for allow, want := range map[string]error{"Allow: INVITE, ACK, BYE": rooms.ErrNoKeys, "Allow: INVITE, INFO": nil} {
		w := b.phone(t, "UDP")
		w.call(allow)
		id := b.participants(t, "1000", 1)[0].ID
		if err := b.rooms.PressKeys(patient(t), "1000", id, "1", 0, 0); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", allow, err, want)
		}
		if want == nil {
			w.answer(w.wantRequest(message.Info), 200)
		}
		w.hangup()
		b.participants(t, "1000", 0)
	}
}

func TestKeysGoByTelephoneEventWhereThatWasAgreed(t *testing.T) {
	b, c := dialingBridge(t, nil), newClient(t)
	out, err := c.Dial(patient(t), DialConfig{URI: "sip:1000@" + b.addrs["udp"]})
	if err != nil {
		t.Fatal(err)
	}
	id := b.participants(t, "1000", 1)[0].ID
	if err := b.rooms.PressKeys(patient(t), "1000", id, "19*D", 40*time.Millisecond, 40*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	heard := &keyEar{}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx := patient(t); len(heard.keys) < 4 && ctx.Err() == nil; <-tick.C {
		if err := out.Leg().Receive(time.Now(), heard); err != nil {
			t.Fatal(err)
		}
		out.Leg().Send(time.Now(), nil, 480)
	}
	if got := string(heard.keys); got != "19*D" {
		t.Errorf("got keys %q, want 19*D", got)
	}
	if err := errors.Join(out.Hangup(patient(t)), out.Leg().Close()); err != nil {
		t.Error(err)
	}
}

type keyEar struct {
	ear
	keys []byte
}

func (e *keyEar) Key(digit byte, _ time.Duration) { e.keys = append(e.keys, digit) }

func TestEarlyMediaIsNotHeardInTheRoom(t *testing.T) {
	b, peer := dialingBridge(t, nil), newCallee(t)
	b.dialOut(t, DialOut{Address: peer.uri()})
	peer.invite = peer.read(message.Invite)
	res := message.NewResponse(peer.invite, 183, "")
	res.To = res.To.WithTag("callee")
	res.SetBody("application/sdp", []byte(calleeSDP))
	peer.send(res)
	var port int
	for line := range strings.Lines(string(peer.invite.Body)) {
		_, _ = fmt.Sscanf(line, "m=audio %d", &port)
	}
	const early = 50
	sendRTP(t, port, early)
	peer.respond(200, "callee")
	peer.read(message.Ack)
	b.participants(t, "1000", 1)
	sendRTP(t, port, 10)
	for ctx := patient(t); ; {
		p := b.participants(t, "1000", 1)[0]
		if n := p.Media.PacketsReceived; n > 0 {
			if n > 10 {
				t.Errorf("%d packets came in, want at most the 10 from behind the answer", n)
			}
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("nothing is heard behind the answer")
		case <-time.After(time.Millisecond):
		}
	}
	if err := b.rooms.End(context.WithoutCancel(t.Context()), "1000", rooms.ReasonEnded); err != nil {
		t.Error(err)
	}
	peer.send(message.NewResponse(peer.read(message.Bye), 200, ""))
}

// sendRTP sends packets of PCMU, as many, to a port of the loopback; those of one call are one stream.
func sendRTP(t *testing.T, port, packets int) {
	t.Helper()
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range packets {
		data := make([]byte, 12+160)
		data[0] = 0x80 // version 2
		binary.BigEndian.PutUint16(data[2:], uint16(i))
		binary.BigEndian.PutUint32(data[4:], uint32(i)*160)
		binary.BigEndian.PutUint32(data[8:], uint32(port))
		if _, err := conn.Write(data); err != nil {
			t.Fatal(err)
		}
	}
}
