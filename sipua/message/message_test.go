package message

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const invite = "INVITE sip:1000@bridge.example.com;transport=udp SIP/2.0\n" +
	"Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK74bf9;rport\n" +
	"Max-Forwards: 70\n" +
	"From: \"Alice\" <sip:alice@example.com>;tag=9fxced76sl\n" +
	"To: <sip:1000@bridge.example.com>\n" +
	"Call-ID: 3848276298220188511@192.0.2.7\n" +
	"CSeq: 1 INVITE\n" +
	"Contact: <sip:alice@192.0.2.7:5062;transport=udp>\n" +
	"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE\n" +
	"Supported: replaces, timer\n" +
	"User-Agent: Telephone/1.0\n" +
	"Content-Type: application/sdp\n" +
	"Content-Length: 110\n" +
	"\n" +
	"v=0\no=alice 2890844526 2890844526 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\nm=audio 49172 RTP/AVP 0\n"

func mustParse(t testing.TB, data []byte) *Message {
	t.Helper()
	m, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// plainURI is a URI without its method Equal, which cmp would use and which forgives too much.
type plainURI URI

var same = cmp.Options{
	cmp.AllowUnexported(Message{}, Address{}, Via{}), cmpopts.EquateEmpty(),
	cmp.Transformer("plain", func(u URI) plainURI { return plainURI(u) }),
}

func TestBuildAndParseAgree(t *testing.T) {
	m := mustParse(t, crlf(invite))
	again := mustParse(t, m.Bytes())
	if d := cmp.Diff(m, again, same); d != "" {
		t.Error(d)
	}
}

func TestResponseCopiesWhatRFC3261Section8_2_6Says(t *testing.T) {
	m := mustParse(t, crlf("INVITE sip:1000@b SIP/2.0\nVia: SIP/2.0/TCP p1;branch=z9hG4bKa;received=192.0.2.1, SIP/2.0/UDP c;branch=z9hG4bKb\n"+
		"f: A <sip:a@x>;tag=1\nt: <sip:1000@b>\ni: c1\nCSeq: 7 INVITE\nTimestamp: 54.1\nRecord-Route: <sip:p1;lr>\n\n"))
	res := NewResponse(m, 100, "")
	if got, want := string(res.Bytes()), "SIP/2.0 100 Trying\r\nVia: SIP/2.0/TCP p1;branch=z9hG4bKa;received=192.0.2.1\r\nVia: SIP/2.0/UDP c;branch=z9hG4bKb\r\n"+
		"From: \"A\" <sip:a@x>;tag=1\r\nTo: <sip:1000@b>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nTimestamp: 54.1\r\nContent-Length: 0\r\n\r\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	ok := NewResponse(m, 200, "")
	ok.To = ok.To.WithTag("z")
	if m.To.Tag() != "" || ok.To.Tag() != "z" {
		t.Error("a tag in the response must not change the request")
	}
	if _, there := ok.Header("Timestamp"); there {
		t.Error("Timestamp belongs into 100 only")
	}
}

func TestNothingBuiltBreaksALine(t *testing.T) {
	const evil = "x\r\nInjected: yes\r\n\r\nbody"
	uri := URI{Scheme: "sip", User: evil, Password: evil, Host: evil, Params: Params{{Name: evil, Value: evil}}, Headers: evil}
	m := NewRequest(Method("INV"+evil), uri)
	m.Via = []Via{{Transport: evil, Host: evil, Params: Params{{Name: "branch", Value: evil}, {Name: evil, Value: evil}}}}
	m.From = Address{Display: evil, URI: uri, Params: Params{{Name: "tag", Value: evil}}}
	m.To = Address{URI: URI{Scheme: "tel", Opaque: evil}}
	m.CallID = evil
	m.CSeq.Method = Method(evil)
	m.Contact = []Address{{URI: URI{Scheme: evil, Opaque: evil}}}
	m.Route = []Address{{raw: evil}}
	m.Add("Subject", evil)
	m.Add(evil, "value")
	m.Add("To", "<sip:second@to>")
	m.AddReason(Reason{Protocol: evil, Cause: 1, Text: evil})
	m.AddWarning(Warning{Code: 399, Agent: evil, Text: evil})
	m.SetBody(evil, []byte("v=0"))
	res := NewResponse(m, 400, evil)
	for _, b := range [][]byte{m.Bytes(), res.Bytes()} {
		head, _, _ := strings.Cut(string(b), "\r\n\r\n")
		for _, line := range strings.Split(head, "\r\n") {
			if strings.HasPrefix(line, "Injected") || strings.HasPrefix(line, "body") || strings.ContainsAny(line, "\r\n") {
				t.Errorf("injected line %q in\n%s", line, b)
			}
		}
	}
	if strings.Count(string(m.Bytes()), "\r\nTo: ") != 1 {
		t.Error("a second To was added")
	}
}

func TestURIsAreEqualAsRFC3261Section19_1_4Says(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on", false},
		{"sip:a@x", "sips:a@x", false},
		{"sip:a@x", "sip:a:pw@x", false},
		{"sip:a%3Bb@x", "sip:a;b@x", false},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]", true},
		{"tel:+1-201-555-0123", "tel:+12015550123", true},
		{"tel:7042;phone-context=example.com", "tel:7042", false},
		{"urn:x:Y", "urn:x:y", false},
	} {
		a, errA := ParseURI(c.a)
		b, errB := ParseURI(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.Equal(b) != c.want || b.Equal(a) != c.want {
			t.Errorf("%s == %s: got %v, %v; want %v", c.a, c.b, a.Equal(b), b.Equal(a), c.want)
		}
		if a.String() != c.a && !strings.HasPrefix(c.a, "SIP") {
			t.Errorf("got %q back from %q", a.String(), c.a)
		}
	}
}

func TestHeaderAccess(t *testing.T) {
	m := mustParse(t, crlf("OPTIONS sip:b SIP/2.0\nv: SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bKa;rport=1234;received=2001:db8::9\nf: <sip:a@x>;tag=1\nt: <sip:b>\ni: c\nCSeq: 1 OPTIONS\n"+
		"k: 100rel, timer\nSupported: replaces\nSupported:\nExpires: 99999999999\nReason: SIP;cause=480;text=\"room, locked\", Q.850;cause=16\n"+
		"Warning: 305 bridge \"Incompatible media format\", 399 x:5060 \"say \\\"hi\\\"\"\nc: Multipart/Mixed;boundary=\"a;b\"\n\n"))
	if d := cmp.Diff(m.Tokens("Supported"), []string{"100rel", "timer", "replaces"}); d != "" {
		t.Error(d)
	}
	if n, ok := m.Expires(); n != 1<<32-1 || !ok {
		t.Errorf("Expires: %d %v", n, ok)
	}
	if d := cmp.Diff(m.Reasons(), []Reason{{"SIP", 480, "room, locked"}, {"Q.850", 16, ""}}); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(m.Warnings(), []Warning{{305, "bridge", "Incompatible media format"}, {399, "x:5060", `say "hi"`}}); d != "" {
		t.Error(d)
	}
	ct, p := m.ContentType()
	if b, _ := p.Find("Boundary"); ct != "multipart/mixed" || b != "a;b" {
		t.Errorf("Content-Type: %q %v", ct, p)
	}
	port, ok := m.Via[0].RPort()
	if port != 1234 || !ok || m.Via[0].Received() != "2001:db8::9" || m.Via[0].Host != "2001:db8::9" || m.Via[0].Port != 5070 {
		t.Errorf("Via: %+v", m.Via[0])
	}
	m.Set("Supported", "path")
	if d := cmp.Diff(m.Values("k"), []string{"path"}); d != "" {
		t.Error(d)
	}
	m.Del("Reason")
	m.AddReason(Reason{"SIP", 486, `full "up"`})
	m.Del("Warning")
	m.AddWarning(Warning{370, "b", `in "x"`})
	again := mustParse(t, m.Bytes())
	if d := cmp.Diff(again.Reasons(), []Reason{{"SIP", 486, `full "up"`}}); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(again.Warnings(), []Warning{{370, "b", `in "x"`}}); d != "" {
		t.Error(d)
	}
}

func TestWhatTelephonesDoWrongButClearlyIsTaken(t *testing.T) {
	for in, want := range map[string]string{
		`Anna (home) @work <sip:a@b>;tag=1`:      `"Anna (home) @work" <sip:a@b>;tag=1`,
		"M\xfcller <sip:a@b>":                    "\"M\xfcller\" <sip:a@b>",
		`<sip:*6#@b;line=YWJj==;ob>;tag=a/b@c=`:  `<sip:*6#@b;line=YWJj==;ob>;tag=a/b@c=`,
		`sip:a@b_c.example.com:5060;tag=1`:       `<sip:a@b_c.example.com:5060>;tag=1`,
		`<sip:a@b>;+sip.instance="<urn:uuid:1>"`: `<sip:a@b>;+sip.instance="<urn:uuid:1>"`,
	} {
		a, err := ParseAddress(in)
		if err != nil || a.String() != want {
			t.Errorf("%s: got %s, %v; want %s", in, a, err, want)
		}
	}
}

func TestEscapeUserAndUserTextAreInverse(t *testing.T) {
	for _, text := range []string{"1000", "a b", "#31#", "sips:x@y", "äö\x00", "+49", "50%"} {
		u := URI{Scheme: "sip", User: EscapeUser(text), Host: "h"}
		v, err := ParseURI(u.String())
		if err != nil || v.UserText() != text {
			t.Errorf("%q: got %q, %v through %s", text, v.UserText(), err, u)
		}
	}
}

func TestLimitsHaveNamesAndStatuses(t *testing.T) {
	many := func(n int, one string) string { return strings.Repeat(one, n) }
	for _, c := range []struct {
		name   string
		extra  string
		status int
		want   error
	}{
		{"a message of 64 KiB and one", "X: y\n\n" + many(MaxMessageBytes, "b"), 513, ErrTooLarge},
		{"a long line", "X: " + many(MaxLineBytes, "x") + "\n\n", 400, ErrLineTooLong},
		{"a long folded line", "X: x" + many(5, "\n "+many(2000, "y")) + "\n\n", 400, ErrLineTooLong},
		{"many headers", many(MaxHeaders, "X: y\n") + "\n", 400, ErrTooManyHeaders},
		{"many parameters", "Contact: <sip:a@b>" + many(MaxParams+1, ";a=b") + "\n\n", 400, ErrTooManyParams},
		{"many URI parameters", "Contact: <sip:a@b" + many(MaxParams+1, ";a=b") + ">\n\n", 400, ErrTooManyParams},
		{"many hops", "Via: SIP/2.0/UDP a" + many(MaxVias, ",SIP/2.0/UDP a") + "\n\n", 400, ErrTooManyVias},
		{"many routes", "Route: <sip:a>" + many(MaxValues, ",<sip:a>") + "\n\n", 400, ErrTooManyValues},
	} {
		_, err := Parse(base("OPTIONS sip:b SIP/2.0", c.extra))
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Status != c.status || !errors.Is(err, c.want) || !pe.Routable() {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	at := "Contact: <sip:a@b" + many(MaxParams, ";a=b") + ">" + many(MaxParams, ";a=b") + "\n" + many(MaxHeaders-7, "X: y\n") + "\n"
	if _, err := Parse(base("OPTIONS sip:b SIP/2.0", at)); err != nil {
		t.Errorf("at the limits: %v", err)
	}
}

func TestParseAllocatesLittle(t *testing.T) {
	data := crlf(invite)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Parse(data); err != nil {
			t.Fatal(err)
		}
	}); n > 20 { // 40 are allowed
		t.Errorf("got %v allocations for an INVITE, want at most 20", n)
	}
	m, buf := mustParse(t, data), make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(100, func() { buf = m.AppendTo(buf[:0]) }); n != 0 {
		t.Errorf("got %v allocations to build it, want 0", n)
	}
}

func TestErrorsOfValuesWrapSentinels(t *testing.T) {
	for in, want := range map[string]error{
		"":                  ErrSyntax,
		"<sip:a@b":          ErrSyntax,
		`"x" sip:a@b`:       ErrSyntax,
		"<sip:a@b> x":       ErrSyntax,
		"<sip:a@b>;":        ErrSyntax,
		"<sip:a@b>;tag=":    ErrSyntax,
		`<sip:a@b>;tag="x`:  ErrSyntax,
		"<sip:@b>":          ErrSyntax,
		"<sip:a@>":          ErrSyntax,
		"<sip:a@b:0>":       ErrSyntax,
		"<sip:a@b:x>":       ErrSyntax,
		"<sip:a@[::1]x>":    ErrSyntax,
		"<sip:a@[1.2.3.4]>": ErrSyntax,
		"<sip:a@b;>":        ErrSyntax,
		"<sip:a@b?>":        ErrSyntax,
		"<sip:a@b@c>":       ErrSyntax,
		"<tel:>":            ErrSyntax,
		"<tel:12x>":         ErrSyntax,
		"<1sip:a@b>":        ErrSyntax,
		"<urn:>":            ErrSyntax,
		"<sip:" + strings.Repeat("a", 9000) + ">": ErrLineTooLong,
	} {
		if a, err := ParseAddress(in); !errors.Is(err, want) {
			t.Errorf("%.40q: got %v, %v; want %v", in, a, err, want)
		}
	}
	if _, err := ParseURI(strings.Repeat("a", MaxLineBytes+1)); !errors.Is(err, ErrLineTooLong) {
		t.Errorf("got %v", err)
	}
}
