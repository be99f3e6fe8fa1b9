package sipua

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

func parse(t *testing.T, lines ...string) *message.Message {
	t.Helper()
	m, err := message.Parse([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func invite(t *testing.T, more ...string) *message.Message {
	t.Helper()
	return parse(t, append([]string{
		"INVITE sip:1000@bridge.example SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1",
		"From: <sip:alice@example.org>;tag=a", "To: <sip:1000@bridge.example>", "Call-ID: c", "CSeq: 7 INVITE",
		"Contact: <sip:alice@192.0.2.1:5070>",
	}, more...)...)
}

var flow = transport.Flow{
	Transport: "UDP", Local: netip.MustParseAddrPort("192.0.2.9:5060"), Remote: netip.MustParseAddrPort("192.0.2.1:5070"),
	SentBy: transport.HostPort{Host: "192.0.2.9", Port: 5060},
}

func routes(m *message.Message) string {
	var all []string
	for _, r := range m.Route {
		all = append(all, r.URI.String())
	}
	return strings.Join(all, " ")
}

func TestRequestsFollowTheRouteSet(t *testing.T) {
	for _, row := range []struct {
		name               string
		recorded           []string
		uri, routes, goeTo string
	}{
		{"without proxies to the Contact", nil, "sip:alice@192.0.2.1:5070", "", "sip:alice@192.0.2.1:5070"},
		{
			"loose routers as they recorded themselves",
			[]string{"Record-Route: <sip:p2.example;lr>", "Record-Route: <sip:p1.example;lr>"},
			"sip:alice@192.0.2.1:5070", "sip:p2.example;lr sip:p1.example;lr", "sip:p2.example;lr",
		},
		{
			"a strict router takes the Request-URI",
			[]string{"Record-Route: <sip:p2.example>, <sip:p1.example;lr>"},
			"sip:p2.example", "sip:p1.example;lr sip:alice@192.0.2.1:5070", "sip:p2.example",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := answered(invite(t, row.recorded...), "b", flow)
			req, next := d.request(message.Bye)
			if got := req.RequestURI.String(); got != row.uri {
				t.Errorf("Request-URI: got %q, want %q", got, row.uri)
			}
			if got := routes(req); got != row.routes {
				t.Errorf("Route: got %q, want %q", got, row.routes)
			}
			if got := next.String(); got != row.goeTo {
				t.Errorf("next hop: got %q, want %q", got, row.goeTo)
			}
			if req.From.Tag() != "b" || req.To.Tag() != "a" || req.CallID != "c" || req.CSeq.Seq != 1 {
				t.Errorf("got %s", req.Bytes())
			}
			if again, _ := d.request(message.Bye); again.CSeq.Seq != 2 {
				t.Errorf("got CSeq %d, want 2", again.CSeq.Seq)
			}
		})
	}
}

func TestTheCallersDialogHasTheRouteSetReversed(t *testing.T) {
	res := message.NewResponse(invite(t), 200, "")
	res.To = res.To.WithTag("b")
	res.RecordRoute = parse(t, "OPTIONS sip:x SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bK1", "From: <sip:a@b>;tag=1", "To: <sip:a@b>",
		"Call-ID: c", "CSeq: 1 OPTIONS", "Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>").RecordRoute
	res.Contact = []message.Address{{URI: message.URI{Scheme: "sip", User: "focus", Host: "192.0.2.9"}}}
	d := placed(invite(t), res, flow)
	ack, next := d.requestAt(message.Ack, 7)
	if got, want := routes(ack), "sip:p1.example;lr sip:p2.example;lr"; got != want {
		t.Errorf("Route: got %q, want %q", got, want)
	}
	if got, want := ack.RequestURI.String(), "sip:focus@192.0.2.9"; got != want {
		t.Errorf("Request-URI: got %q, want %q", got, want)
	}
	if next.Host != "p1.example" || ack.CSeq.Seq != 7 || ack.CSeq.Method != message.Ack {
		t.Errorf("got next hop %v and CSeq %v", next, ack.CSeq)
	}
	if bye, _ := d.request(message.Bye); bye.CSeq.Seq != 8 {
		t.Errorf("got CSeq %d, want 8", bye.CSeq.Seq)
	}
}

func TestSequenceNumbersMustNotGoBack(t *testing.T) {
	d := answered(invite(t), "b", flow)
	for _, row := range []struct {
		name   string
		seq    uint32
		method message.Method
		ok     bool
	}{
		{"lower", 6, message.Bye, false},
		{"the same again", 7, message.Invite, false},
		{"the same in another method", 7, message.Info, true},
		{"a gap", 20, message.Invite, true},
		{"behind the gap", 19, message.Update, false},
		{"the highest", 1<<31 - 1, message.Bye, true},
	} {
		req := &message.Message{Method: row.method, CSeq: message.CSeq{Seq: row.seq, Method: row.method}}
		if err := d.sequence(req); (err == nil) != row.ok {
			t.Errorf("%s: got %v, want accepted %v", row.name, err, row.ok)
		}
	}
}

func TestTheTargetIsRefreshed(t *testing.T) {
	d := answered(invite(t), "b", flow)
	again := invite(t)
	again.Contact[0].URI.Host = "192.0.2.77"
	d.refresh(again)
	if bye, _ := d.request(message.Bye); bye.RequestURI.Host != "192.0.2.77" {
		t.Errorf("got %v, want the new Contact", bye.RequestURI)
	}
}

func TestACallerBehindANATIsSeen(t *testing.T) {
	if d := answered(invite(t), "b", flow); d.natted {
		t.Error("Via and source are the same, and yet there is said to be a NAT")
	}
	behind := flow
	behind.Remote = netip.MustParseAddrPort("203.0.113.5:40000")
	if d := answered(invite(t), "b", behind); !d.natted {
		t.Error("Via and source differ, and no NAT is seen")
	}
	if d := answered(invite(t, "Record-Route: <sip:p1.example;lr>"), "b", behind); d.natted {
		t.Error("a proxy is no NAT")
	}
}
