package sipua

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
)

// program is what is on in a room: sessions that a test changes.
type program struct {
	mu      sync.Mutex
	list    []Session
	keys    map[string]string // a=crypto lines
	changes map[string]chan struct{}
}

// hall describes a session, in its version.
func hall(id, group string, version int) Session {
	at := netip.MustParseAddrPort(group)
	return Session{
		ID: id, Group: at, Profile: codec.Profile{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}},
		Description: fmt.Appendf(nil, "v=0\r\no=- 7 %d IN IP4 192.0.2.1\r\ns=Town hall\r\nc=IN IP4 %v/4\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n"+
			"a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=recvonly\r\n", version, at.Addr(), at.Port()),
	}
}

func newProgram(list ...Session) *program {
	return &program{list: list, keys: map[string]string{}, changes: map[string]chan struct{}{}}
}

func (p *program) Sessions(_ context.Context, room string, withKeys bool) ([]Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if room == "2000" {
		return nil, nil
	}
	var all []Session
	for _, s := range p.list {
		if p.changes[s.ID] == nil {
			p.changes[s.ID] = make(chan struct{})
		}
		s.Changed = p.changes[s.ID]
		if line, has := p.keys[s.ID]; has {
			s.Encrypted = true
			text := strings.Replace(string(s.Description), "RTP/AVP", "RTP/SAVP", 1)
			if withKeys {
				text += line + "\r\n"
			}
			s.Description = []byte(text)
		}
		all = append(all, s)
	}
	return all, nil
}

// put has other sessions be on.
func (p *program) put(list ...Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = list
	for id, c := range p.changes {
		close(c)
		delete(p.changes, id)
	}
}

func (b *bridge) listener(t *testing.T, transport, params string) *wire {
	t.Helper()
	w := b.phone(t, transport)
	w.target += ";session=multicast" + params
	return w
}

// hallSDP is an offer or answer of a group.
func hallSDP(group string, port int, more string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", group, port) + more
}

// legsOpen is how many pairs of ports media has taken.
func legsOpen(t *testing.T, b *bridge) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(b.engine)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "confbridge_media_legs" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("nobody counts legs")
	return 0
}

func TestAnInviteWithoutAnOfferIsOfferedTheSession(t *testing.T) {
	p := newProgram(hall("hall", "239.1.2.3:5004", 1))
	b := newBridge(t, func(c *Config) { c.Sessions = p })
	for _, over := range []string{"UDP", "TCP"} {
		w := b.listener(t, over, "")
		w.send("INVITE", "")
		res := w.want(message.Invite, 200)
		for _, want := range []string{"o=- 7 1 IN IP4 192.0.2.1\r\n", "s=Town hall\r\n", "c=IN IP4 239.1.2.3/4\r\n", "m=audio 5004 RTP/AVP 0\r\n", "a=recvonly\r\n"} {
			if !strings.Contains(string(res.Body), want) {
				t.Errorf("got %q, want %q in it", res.Body, want)
			}
		}
		w.enter(res)
		w.send("ACK", hallSDP("239.1.2.3/4", 5004, "a=recvonly\r\n"))
		list := b.participants(t, "1000", 1)
		if list[0].Role != rooms.RoleListener || list[0].Format.Name != codec.PCMU || list[0].CallID != w.callID {
			t.Errorf("got %+v", list[0])
		}
		if got := legsOpen(t, b); got != 0 {
			t.Errorf("%g legs are open, want none", got)
		}
		w.send("INVITE", hallSDP("239.1.2.3/4", 5004, "a=inactive\r\n"))
		again := w.want(message.Invite, 200)
		if body := string(again.Body); !strings.Contains(body, "a=inactive\r\n") || !strings.Contains(body, "o=- 7 2 ") {
			t.Errorf("on hold: got %q", body)
		}
		w.send("ACK", "")
		w.send("INVITE", "")
		if body := string(w.want(message.Invite, 200).Body); !strings.Contains(body, "a=recvonly\r\n") || !strings.Contains(body, "o=- 7 3 ") {
			t.Errorf("a new offer: got %q", body)
		}
		w.send("ACK", hallSDP("239.1.2.3/4", 5004, "a=recvonly\r\n"))
		w.hangup()
		b.participants(t, "1000", 0)
	}
}

func TestAnOfferOfTheSessionsGroupIsAnsweredAsItIs(t *testing.T) {
	p := newProgram(hall("hall", "239.1.2.3:5004", 1), hall("stage", "239.1.2.4:5006", 1))
	b := newBridge(t, func(c *Config) { c.Sessions = p })
	for direction, target := range map[string]string{"recvonly": "", "sendrecv": ";session=multicast", "inactive": ";session=multicast;distribution=stage"} {
		w := b.phone(t, "UDP")
		w.target += target
		w.send("INVITE", hallSDP("239.1.2.4/4", 5006, "a=ptime:40\r\na="+direction+"\r\nm=video 6000 RTP/AVP 99\r\n"))
		res := w.want(message.Invite, 200)
		for _, want := range []string{
			"c=IN IP4 239.1.2.4/4\r\n", "m=audio 5006 RTP/AVP 0\r\n", "a=ptime:40\r\n", "a=" + direction + "\r\n", "m=video 0 RTP/AVP 99\r\n",
		} {
			if !strings.Contains(string(res.Body), want) {
				t.Errorf("%s: got %q, want %q in it", direction, res.Body, want)
			}
		}
		w.enter(res)
		w.send("ACK", "")
		b.participants(t, "1000", 1)
		w.hangup()
	}
}

func TestWhatCannotBeTheSessionIsRefused(t *testing.T) {
	p := newProgram(hall("hall", "239.1.2.3:5004", 1), hall("secret", "239.1.2.9:5004", 1))
	p.keys["secret"] = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0"
	b := newBridge(t, func(c *Config) { c.Sessions = p })
	for _, row := range []struct {
		name, number, params, offer string
		status                      int
		warning, body               string
	}{
		{"somebody else's group", "1000", "", hallSDP("239.9.9.9/4", 5004, ""), 488, "330", ""},
		{"another port", "1000", "", hallSDP("239.1.2.3/4", 5006, ""), 488, "330", ""},
		{"another TTL", "1000", "", hallSDP("239.1.2.3/64", 5004, ""), 488, "330", ""},
		{"who only sends", "1000", "", hallSDP("239.1.2.3/4", 5004, "a=sendonly\r\n"), 488, "330", ""},
		{"another codec", "1000", "", strings.Replace(hallSDP("239.1.2.3/4", 5004, ""), "AVP 0", "AVP 8", 1), 488, "305", ""},
		{"another profile", "1000", "", strings.Replace(hallSDP("239.1.2.3/4", 5004, ""), "RTP/AVP", "RTP/SAVP", 1), 488, "302", ""},
		{"a distribution that is not there", "1000", ";session=multicast;distribution=none", "", 488, "330", ""},
		{"a room without", "2000", ";session=multicast", "", 488, "330", ""},
		{"a unicast offer", "1000", ";session=multicast", "unicast", 488, "331", "m=audio 5004 RTP/AVP 0\r\n"},
		{"an encrypted one in the clear", "1000", ";session=multicast;distribution=secret", "", 488, "399", ""},
		{"an encrypted one by its address", "1000", "", hallSDP("239.1.2.9/4", 5004, ""), 488, "399", ""},
		{"an offer that is none", "1000", ";session=multicast", "hello", 488, "331", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := b.phone(t, "UDP")
			w.target = "sip:" + row.number + "@" + w.server + row.params
			offer := row.offer
			if offer == "unicast" {
				offer = w.sdp()
			}
			w.send("INVITE", offer)
			res := w.want(message.Invite, row.status)
			if warning, _ := res.Header("Warning"); !strings.HasPrefix(warning, row.warning+" ") {
				t.Errorf("Warning: got %q, want %s", warning, row.warning)
			}
			if body := string(res.Body); !strings.Contains(body, row.body) || strings.Contains(body, "crypto") {
				t.Errorf("got body %q, want %q in it", body, row.body)
			}
			w.send("ACK", "")
		})
	}
	if got := b.Calls(); got != 0 {
		t.Errorf("%d calls are left", got)
	}
}

func TestTheListenerOfASessionIsToldWhatBecomesOfIt(t *testing.T) {
	p := newProgram(hall("hall", "239.1.2.3:5004", 1))
	b := newBridge(t, func(c *Config) { c.Sessions = p })
	w := b.listener(t, "UDP", "")
	w.send("INVITE", "", "Supported: timer", "Session-Expires: 1800")
	res := w.want(message.Invite, 200)
	if v, _ := res.Header("Session-Expires"); !strings.HasPrefix(v, "1800") {
		t.Errorf("Session-Expires: got %q", v)
	}
	w.enter(res)
	w.send("ACK", hallSDP("239.1.2.3/4", 5004, "a=recvonly\r\n"))
	b.participants(t, "1000", 1)
	p.put(hall("hall", "239.1.2.5:5008", 2))
	change := w.wantRequest(message.Invite)
	if body := string(change.Body); !strings.Contains(body, "c=IN IP4 239.1.2.5/4\r\n") || !strings.Contains(body, "m=audio 5008 ") || !strings.Contains(body, "o=- 7 2 ") {
		t.Errorf("got %q", body)
	}
	ok := message.NewResponse(change, 200, "")
	ok.Contact = []message.Address{{URI: message.URI{Scheme: "sip", User: "alice", Host: "127.0.0.1", Port: int(netip.MustParseAddrPort(w.host()).Port())}}}
	ok.SetBody("application/sdp", []byte(hallSDP("239.1.2.5/4", 5008, "a=recvonly\r\n")))
	w.raw(string(ok.Bytes()))
	w.wantRequest(message.Ack)
	p.put()
	bye := w.wantRequest(message.Bye)
	if text, _ := bye.Header("Reason"); !strings.Contains(text, "session is over") {
		t.Errorf("Reason: got %q", text)
	}
	w.answer(bye, 200)
	b.participants(t, "1000", 0)
}

// TestAListenerWithoutASessionTimerIsToldAgain: the offer crosses one of the listener's (RFC 3261 §14.1).
func TestAListenerWithoutASessionTimerIsToldAgain(t *testing.T) {
	t.Parallel()
	p := newProgram(hall("hall", "239.1.2.3:5004", 1))
	b := newBridge(t, func(c *Config) { c.Sessions, c.SessionExpires = p, -1 })
	w := b.listener(t, "UDP", "")
	w.send("INVITE", "")
	res := w.want(message.Invite, 200)
	if v, ok := res.Header("Session-Expires"); ok {
		t.Fatalf("Session-Expires: %q, want none", v)
	}
	w.enter(res)
	w.send("ACK", hallSDP("239.1.2.3/4", 5004, "a=recvonly\r\n"))
	b.participants(t, "1000", 1)
	p.put(hall("hall", "239.1.2.5:5008", 2))
	first := w.wantRequest(message.Invite)
	w.answer(first, 491)
	w.wantRequest(message.Ack)
	second := w.wantRequest(message.Invite)
	if second.CSeq.Seq != first.CSeq.Seq+1 || !strings.Contains(string(second.Body), "c=IN IP4 239.1.2.5/4\r\n") {
		t.Errorf("got %s", second.Bytes())
	}
	ok := message.NewResponse(second, 200, "")
	ok.Contact = []message.Address{{URI: message.URI{Scheme: "sip", User: "alice", Host: "127.0.0.1", Port: int(netip.MustParseAddrPort(w.host()).Port())}}}
	ok.SetBody("application/sdp", []byte(hallSDP("239.1.2.5/4", 5008, "a=recvonly\r\n")))
	w.raw(string(ok.Bytes()))
	w.wantRequest(message.Ack)
	w.seq = max(w.seq, 100)
	w.hangup()
}

func TestAnAnswerThatTakesNoSessionEndsTheCall(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Sessions = newProgram(hall("hall", "239.1.2.3:5004", 1)) })
	for name, answer := range map[string]string{
		"none": "", "declined": hallSDP("239.1.2.3/4", 0, ""), "unicast": hallSDP("127.0.0.1", 5004, ""), "another": hallSDP("239.1.2.4/4", 5004, ""),
	} {
		t.Run(name, func(t *testing.T) {
			w := b.listener(t, "UDP", "")
			w.send("INVITE", "")
			w.enter(w.want(message.Invite, 200))
			w.send("ACK", answer)
			w.answer(w.wantRequest(message.Bye), 200)
		})
	}
}

func TestTheRoomsDoorIsThatOfOtherCallers(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Sessions = newProgram(hall("hall", "239.1.2.3:5004", 1)) })
	for number, set := range map[string]rooms.Settings{
		"1000": {Locked: true}, "lobby": {Modes: rooms.Modes{Lobby: true}}, "host": {Modes: rooms.Modes{WaitForHost: true}},
	} {
		if _, err := b.rooms.Create(patient(t), number, set); err != nil {
			t.Fatal(err)
		}
	}
	w := b.listener(t, "UDP", "")
	w.send("INVITE", "")
	w.want(message.Invite, 480)
	w.send("ACK", "")
	w.send("OPTIONS", "", "Accept: application/sdp")
	if res := w.want(message.Options, 480); len(res.Body) > 0 {
		t.Errorf("got %q", res.Body)
	}
	for _, number := range []string{"lobby", "host"} {
		w := b.phone(t, "UDP")
		w.target = "sip:" + number + "@" + w.server
		w.send("INVITE", hallSDP("239.1.2.3/4", 5004, ""))
		if res := w.want(message.Invite, 403); len(res.Body) > 0 {
			t.Errorf("%s: got %q", number, res.Body)
		}
		w.send("ACK", "")
	}
}

func TestACallerWhoIsAskedForAPINGetsNoSession(t *testing.T) {
	p := newProgram(hall("hall", "239.1.2.3:5004", 1))
	b := newBridgeWith(t, media.Config{PortMin: 31000, PortMax: 31999}, func(r *rooms.Registry) Rooms { return askingDoor{r} }, func(c *Config) { c.Sessions = p })
	w := b.listener(t, "UDP", "")
	w.send("INVITE", "")
	w.want(message.Invite, 403)
	w.send("ACK", "")
	w.send("OPTIONS", "")
	w.want(message.Options, 403)
}

// askingDoor asks everybody.
type askingDoor struct{ *rooms.Registry }

func (d askingDoor) Admit(ctx context.Context, _ string, c rooms.Caller) (*rooms.Participant, error) {
	return d.AdmitToReception(ctx, c)
}

func TestOptionsGetTheDescription(t *testing.T) {
	p := newProgram(hall("hall", "239.1.2.3:5004", 1), hall("secret", "239.1.2.9:5004", 1))
	p.keys["secret"] = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0"
	b := newBridge(t, func(c *Config) { c.Sessions = p })
	if _, err := b.rooms.Create(patient(t), "1000", rooms.Settings{}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ params, accept, want string }{
		{"", "", "c=IN IP4 239.1.2.3/4\r\n"},
		{"", "Accept: application/sdp", "m=audio 5004 RTP/AVP 0\r\n"},
		{";distribution=secret", "Accept: application/sdp", "m=audio 5004 RTP/SAVP 0\r\n"},
		{"", "Accept: text/plain", ""},
	} {
		w := b.listener(t, "UDP", row.params)
		var headers []string
		if row.accept != "" {
			headers = []string{row.accept}
		}
		w.send("OPTIONS", "", headers...)
		res := w.want(message.Options, 200)
		if body := string(res.Body); !strings.Contains(body, row.want) || (row.want == "") != (body == "") || strings.Contains(body, "crypto") {
			t.Errorf("%q, %q: got %q", row.params, row.accept, body)
		}
	}
	w := b.listener(t, "UDP", ";distribution=none")
	w.send("OPTIONS", "")
	w.want(message.Options, 488)
	b.participants(t, "1000", 0)
	w = b.phone(t, "UDP")
	w.target = "sip:2000@" + w.server + ";session=multicast"
	w.send("OPTIONS", "")
	w.want(message.Options, 404)
	if all, err := b.rooms.List(patient(t), "", 10); err != nil || len(all) != 1 {
		t.Errorf("there are %d rooms, %v; OPTIONS must make none", len(all), err)
	}
}

func TestNoSeatGoesFromALegToASessionOrBack(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Sessions = newProgram(hall("hall", "239.1.2.3:5004", 1)) })
	w := b.phone(t, "UDP")
	w.call()
	v := b.listener(t, "UDP", "")
	v.send("INVITE", "", "Replaces: "+w.callID+";to-tag="+w.toTag+";from-tag="+w.tag)
	v.want(message.Invite, 403)
	v.send("ACK", "")
	u := b.listener(t, "UDP", "")
	u.send("INVITE", hallSDP("239.1.2.3/4", 5004, ""))
	u.enter(u.want(message.Invite, 200))
	u.send("ACK", "")
	x := b.phone(t, "UDP")
	x.send("INVITE", x.sdp(), "Replaces: "+u.callID+";to-tag="+u.toTag+";from-tag="+u.tag)
	x.want(message.Invite, 403)
	x.send("ACK", "")
	w.hangup()
	u.hangup()
	b.participants(t, "1000", 0)
}

func TestAKeyIsToldOverTLS(t *testing.T) {
	p := newProgram(hall("hall", "239.1.2.3:5004", 1))
	p.keys["hall"] = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0"
	b := newBridge(t, func(c *Config) {
		c.Sessions, c.Listen = p, []string{"udp://127.0.0.1:0", "tls://127.0.0.1:0"}
		c.Transport.TLS.SelfSignedDir = t.TempDir()
	})
	if _, err := b.rooms.Create(patient(t), "1000", rooms.Settings{}); err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", b.addrs["tls"], &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it has just made its certificate
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := b.phone(t, "UDP")
	w.transport, w.conn, w.in, w.server = "TLS", conn, bufio.NewReader(conn), b.addrs["tls"]
	w.target = "sips:1000@" + w.server + ";session=multicast"
	sips := "Contact: <sips:alice@" + w.host() + ">"
	w.send("OPTIONS", "", sips)
	if body := string(w.want(message.Options, 200).Body); !strings.Contains(body, "RTP/SAVP 0\r\n") || strings.Contains(body, "crypto") {
		t.Errorf("OPTIONS: got %q, want no key: it is for calls", body)
	}
	w.send("INVITE", "", sips)
	res := w.want(message.Invite, 200)
	if body := string(res.Body); !strings.Contains(body, "RTP/SAVP 0\r\n") || !strings.Contains(body, p.keys["hall"]) {
		t.Errorf("got %q, want the key in it", body)
	}
	w.enter(res)
	w.send("ACK", strings.Replace(hallSDP("239.1.2.3/4", 5004, "a=recvonly\r\n"), "RTP/AVP", "RTP/SAVP", 1), sips)
	b.participants(t, "1000", 1)

	u := b.phone(t, "UDP") // the same call by another way, on which anybody could read
	u.callID, u.tag, u.toTag, u.seq = w.callID, w.tag, w.toTag, w.seq
	for _, body := range []string{"", strings.Replace(hallSDP("239.1.2.3/4", 5004, "a=recvonly\r\n"), "RTP/AVP", "RTP/SAVP", 1)} {
		u.send("INVITE", body)
		if res := u.final(message.Invite); res.StatusCode != 488 || strings.Contains(string(res.Body), "crypto") {
			t.Errorf("by UDP: got %d with %q, want 488 and no key", res.StatusCode, res.Body)
		}
		u.send("ACK", "")
	}
	w.seq = u.seq
	w.hangup()
}
