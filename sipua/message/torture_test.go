package message

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// crlf turns a message written with plain line ends into one for the wire.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// torture reads a message of RFC 4475 or RFC 5118; testdata/SOURCES.md says where they are from.
func torture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".dat"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// read is one thing that a message was read as, by its name in the tables; any other name is a header field's.
func read(m *Message, name string) string {
	one := func(a Address) string { return a.String() }
	switch name {
	case "method":
		return string(m.Method)
	case "uri":
		return m.RequestURI.String()
	case "scheme":
		return m.RequestURI.Scheme
	case "user":
		return m.RequestURI.UserText()
	case "password":
		return m.RequestURI.Password
	case "host":
		return m.RequestURI.Host
	case "port":
		return fmt.Sprint(m.RequestURI.Port)
	case "status":
		return fmt.Sprint(m.StatusCode)
	case "reason":
		return m.Reason
	case "from":
		return one(m.From)
	case "to":
		return one(m.To)
	case "to display":
		return m.To.Display
	case "to user":
		return m.To.URI.UserText()
	case "from user":
		return m.From.URI.UserText()
	case "call-id":
		return m.CallID
	case "cseq":
		return fmt.Sprint(m.CSeq.Seq, " ", m.CSeq.Method)
	case "vias":
		return fmt.Sprint(len(m.Via))
	case "via":
		v := m.Via[0]
		return v.Transport + " " + v.SentBy() + " " + v.Branch()
	case "last via":
		v := m.Via[len(m.Via)-1]
		return v.Transport + " " + v.SentBy() + " " + v.Branch()
	case "received":
		return m.Via[0].Received()
	case "contacts":
		return fmt.Sprint(len(m.Contact))
	case "contact":
		return one(m.Contact[0])
	case "contact user":
		return m.Contact[0].URI.UserText()
	case "contact params", "contact uri params":
		p := m.Contact[0].Params
		if name == "contact uri params" {
			p = m.Contact[0].URI.Params
		}
		return strings.TrimPrefix(string(p.appendTo(nil)), ";")
	case "contact headers":
		return m.Contact[0].URI.Headers
	case "route":
		return one(m.Route[0])
	case "record-route":
		return one(m.RecordRoute[0])
	case "max-forwards":
		n, ok := m.MaxForwards()
		return fmt.Sprint(n, ok)
	case "type":
		kind, _ := m.ContentType()
		return kind
	case "body":
		return fmt.Sprint(len(m.Body))
	case "date":
		_, ok := m.Date()
		return fmt.Sprint(ok)
	}
	return strings.Join(m.Values(name), " | ")
}

// base fills in what each row of the tables below leaves out.
func base(start, extra string, without ...string) []byte {
	method, _, _ := strings.Cut(start, " ")
	fields := []string{
		"Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK-t1", "From: <sip:caller@example.net>;tag=1", "To: <sip:user@example.com>",
		"Call-ID: t.1@192.0.2.15", "CSeq: 8 " + method, "Max-Forwards: 70",
	}
	var b strings.Builder
	b.WriteString(start + "\n")
	for _, f := range fields {
		name, _, _ := strings.Cut(f, ":")
		if !strings.Contains(" "+strings.Join(without, " ")+" ", " "+name+" ") {
			b.WriteString(f + "\n")
		}
	}
	return crlf(b.String() + extra)
}

// TestTortureMessagesThatAreAccepted has what must be found in those of RFC 4475 and RFC 5118 that are well-formed, or that a
// parser may be liberal with.
func TestTortureMessagesThatAreAccepted(t *testing.T) {
	for _, row := range []struct {
		file, name string
		want       []string // names and values in turn
	}{
		{"rfc4475/wsinv", "line folding, white space, escapes, compact forms, unknown fields", []string{"uri", "sip:vivekg@chair-dnrc.example.com;unknownparam", "to", "<sip:vivekg@chair-dnrc.example.com>;tag=1918181833n", "from", "\"J Rosenberg \\\\\\\"\" <sip:jdrosen@example.com>;tag=98asjd8", "max-forwards", "68 true", "call-id", "wsinv.ndaksdj@192.0.2.1", "cseq", "9 INVITE", "vias", "3", "via", "UDP 192.0.2.2|5060 390skdjuw", "last via", "UDP 192.168.255.111|5060 z9hG4bK30239", "Subject", "", "NewFangledHeader", "newfangled value continued newfangled value", "UnknownHeaderWithUnusualValue", ";;,,;;,;", "route", "<sip:services.example.com;lr;unknownwith=value;unknown-no-value>", "contact", "\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com>;newparam=newvalue;secondparam;q=0.33", "body", "150"}},
		{"rfc4475/intmeth", "a wide range of characters", []string{"method", "!interesting-Method0123456789_*+`.%indeed'~", "user", "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "password", "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)", "host", "example.com", "to display", "BEL:\u0007 NUL:\u0000 DEL:\u007f", "from", "\"token1~` token2'+_ token3*%!.-\" <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439\";tag=_token~1'+`*%!-.", "via", "TCP host1.example.com|5060 z9hG4bK-.!%66*_+`'~", "call-id", "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{", "cseq", "139122385 !interesting-Method0123456789_*+`.%indeed'~", "max-forwards", "255 true", "extensionHeader-!.%*+_`'~", "\ufeff\u5927\u505c\u96fb"}},
		{"rfc4475/esc01", "escapes are resolved once", []string{"user", "sips:user@example.com", "host", "example.net", "to user", "user", "from user", "I have spaces", "contact user", "caller", "contact", "<sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>", "body", "150"}},
		{"rfc4475/escnull", "escaped NULs in users", []string{"to user", "null-\u0000-null", "contacts", "2", "contact user", "\u0000"}},
		{"rfc4475/esc02", "a percent sign that is no escape", []string{"method", "RE%47IST%45R", "to display", "%Z%45", "contacts", "2", "C%6Fntact", "<sip:alias2@host2.example.com>"}},
		{"rfc4475/lwsdisp", "no white space between display name and bracket", []string{"from", "\"caller\" <sip:caller@example.com>;tag=323"}},
		{"rfc4475/longreq", "long values", []string{"vias", "34", "via", "TCP sip33.example.com|5060 ", "body", "150", "contacts", "1", "host", "example.com"}},
		{"rfc4475/dblreq", "octets behind the body are no part of it", []string{"method", "REGISTER", "call-id", "dblreq.0ha0isndaksdj99sdfafnl3lk233412", "body", "0"}},
		{"rfc4475/semiuri", "a parameter in the user part", []string{"user", "user;par=u@example.net", "host", "example.com", "Accept", "application/sdp, application/pkcs7-mime, multipart/mixed, multipart/signed, message/sip, message/sipfrag"}},
		{"rfc4475/transports", "all transports and an unknown one in Via", []string{"vias", "5", "via", "UDP t1.example.com|5060 z9hG4bKkdjuw", "last via", "TCP t5.example.com|5060 z9hG4bK0a9idfnee"}},
		{"rfc4475/mpart01", "a multipart body with binary octets", []string{"method", "MESSAGE", "type", "multipart/mixed", "body", "553", "date", "true", "User-Agent", "SIPimp.org/0.2.5 (curses)", "route", "<sip:127.0.0.1:5080>"}},
		{"rfc4475/unreason", "a reason phrase in Cyrillic", []string{"status", "200", "reason", "= 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e \u0434\u0435\u0432\u044f\u043d\u043e\u0441\u0442\u043e \u0434\u0435\u0432\u044f\u0442\u044c - \u043f\u0440\u043e\u0441\u0442\u043e\u0435", "body", "154"}},
		{"rfc4475/noreason", "an empty reason phrase", []string{"status", "100", "reason", ""}},
		{"rfc4475/baddate", "a Date in another time zone is no Date, and nothing else is wrong", []string{"Date", "Fri, 01 Jan 2010 16:00:00 EST", "date", "false", "body", "150"}},
		{"rfc4475/badbranch", "a branch of nothing but the cookie", []string{"via", "UDP 192.0.2.1|5060 z9hG4bK"}},
		{"rfc4475/unkscm", "a Request-URI of an unknown scheme", []string{"scheme", "nobodyknowsthisscheme"}},
		{"rfc4475/novelsc", "a Request-URI of a scheme that is no place for calls", []string{"uri", "soap.beep://192.0.2.103:3002"}},
		{"rfc4475/unksm2", "unknown schemes in To, From and Contact", []string{"to", "<isbn:2983792873>", "from", "<http://www.example.com>;tag=3234233", "contact", "<name:John_Smith>"}},
		{"rfc4475/bext01", "unknown extensions", []string{"Require", "nothingSupportsThis, nothingSupportsThisEither", "Proxy-Require", "noProxiesSupportThis, norDoAnyProxiesSupportThis"}},
		{"rfc4475/invut", "an unknown media type", []string{"type", "application/unknownformat", "body", "40"}},
		{"rfc4475/regaut01", "an unknown authorization scheme", []string{"Authorization", "NoOneKnowsThisScheme opaque-data=here"}},
		{"rfc4475/bcast", "two Vias in a response", []string{"status", "200", "vias", "2", "last via", "UDP 255.255.255.255|5060 z9hG4bK1saber23"}},
		{"rfc4475/zeromf", "Max-Forwards of 0", []string{"max-forwards", "0 true"}},
		{"rfc4475/cparam01", "a parameter behind a bare URI is the field’s", []string{"contact params", "unknownparam", "contact uri params", ""}},
		{"rfc4475/cparam02", "a parameter within brackets is the URI’s", []string{"contact params", "", "contact uri params", "unknownparam"}},
		{"rfc4475/regescrt", "an escaped header in a Contact", []string{"contact headers", "Route=%3Csip:sip.example.com%3E"}},
		{"rfc4475/sdp01", "an Accept of nothing we have", []string{"Accept", "text/nobodyKnowsThis", "body", "150"}},
		{"rfc4475/inv2543", "an INVITE of RFC 2543", []string{"via", "UDP iftgw.example.com|5060 ", "from", "<sip:+13035551111@ift.client.example.net;user=phone>", "record-route", "<sip:UserB@example.com;maddr=ss1.example.com>", "max-forwards", "0 false", "contacts", "0", "body", "105"}},
		{"rfc5118/ipv6-good", "IPv6 references", []string{"host", "2001:db8::10", "via", "UDP 2001:db8::9:1|5060 z9hG4bKas3-111", "contact", "\"Caller\" <sip:caller@[2001:db8::1]>"}},
		{"rfc5118/port-ambiguous", "a port that has become part of the address", []string{"host", "2001:db8::10:5070", "port", "0"}},
		{"rfc5118/port-unambiguous", "a port behind the bracket", []string{"host", "2001:db8::10", "port", "5070"}},
		{"rfc5118/via-received-param-with-delim", "received in brackets", []string{"received", "2001:db8::9:255", "to", "<sip:user@example.com>;tag=bd76ya"}},
		{"rfc5118/via-received-param-no-delim", "received without brackets", []string{"received", "2001:db8::9:255"}},
		{"rfc5118/mult-ip-in-header", "IPv4 and IPv6 in turn", []string{"vias", "3", "via", "UDP 2001:db8::9:1|6050 z9hG4bKas3-111"}},
		{"rfc5118/mult-ip-in-sdp", "the body ends where Content-Length (8 octets too small) says", []string{"body", "181"}},
		{"rfc5118/ipv4-mapped-ipv6", "IPv4-mapped addresses; Content-Length is 9 octets too small", []string{"via", "UDP ::ffff:192.0.2.10|19823 z9hG4bKbh19", "contact", "\"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>", "body", "236"}},
		{"rfc5118/ipv6-bug-abnf-3-colons", "the colon too many of RFC 3261’s grammar", []string{"host", "2001:db8::192.0.2.1", "to", "<sip:user@[2001:db8::192.0.2.1]>"}},
		{"rfc5118/ipv6-correct-abnf-2-colons", "and without it", []string{"host", "2001:db8::192.0.2.1"}},
	} {
		t.Run(row.file+": "+row.name, func(t *testing.T) {
			m, err := Parse(torture(t, row.file))
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(m.Bytes())
			if err != nil {
				t.Fatalf("%v in what was built:\n%s", err, m.Bytes())
			}
			for i := 0; i < len(row.want); i += 2 {
				if got := read(m, row.want[i]); got != row.want[i+1] {
					t.Errorf("%s: got %q, want %q", row.want[i], got, row.want[i+1])
				}
				if got := read(again, row.want[i]); got != row.want[i+1] {
					t.Errorf("%s after building: got %q, want %q", row.want[i], got, row.want[i+1])
				}
			}
		})
	}
}

// TestTortureMessagesThatAreRefused has how the others are answered, or that they cannot be.
func TestTortureMessagesThatAreRefused(t *testing.T) {
	const options = "OPTIONS sip:user@example.com SIP/2.0"
	file := func(name string) []byte { return torture(t, name) }
	for _, c := range []struct {
		name     string
		data     []byte
		status   int
		header   string
		err      error
		routable bool
	}{
		{"rfc4475/badinv01", file("rfc4475/badinv01"), 400, "Via", ErrSyntax, true},
		{"rfc4475/clerr", file("rfc4475/clerr"), 400, "Content-Length", ErrBodyShort, true},
		{"rfc4475/ncl", file("rfc4475/ncl"), 400, "Content-Length", ErrSyntax, true},
		{"rfc4475/scalar02", file("rfc4475/scalar02"), 400, "CSeq", ErrSyntax, true},
		{"rfc4475/scalarlg", file("rfc4475/scalarlg"), 400, "CSeq", ErrSyntax, false},
		{"rfc4475/quotbal", file("rfc4475/quotbal"), 400, "To", ErrSyntax, true},
		{"rfc4475/ltgtruri", file("rfc4475/ltgtruri"), 400, "", ErrSyntax, true},
		{"rfc4475/lwsruri", file("rfc4475/lwsruri"), 400, "", ErrSyntax, true},
		{"rfc4475/lwsstart", file("rfc4475/lwsstart"), 400, "", ErrSyntax, true},
		{"rfc4475/trws", file("rfc4475/trws"), 400, "", ErrSyntax, true},
		{"rfc4475/escruri", file("rfc4475/escruri"), 400, "Request-URI", ErrSyntax, true},
		{"rfc4475/regbadct", file("rfc4475/regbadct"), 400, "Contact", ErrSyntax, true},
		{"rfc4475/badaspec", file("rfc4475/badaspec"), 400, "To", ErrSyntax, true},
		{"rfc4475/baddn", file("rfc4475/baddn"), 400, "From", ErrSyntax, true},
		{"rfc4475/badvers", file("rfc4475/badvers"), 505, "", ErrVersion, true},
		{"rfc4475/mismatch01", file("rfc4475/mismatch01"), 400, "CSeq", ErrSyntax, true},
		{"rfc4475/mismatch02", file("rfc4475/mismatch02"), 501, "CSeq", ErrSyntax, true},
		{"rfc4475/bigcode", file("rfc4475/bigcode"), 400, "", ErrSyntax, false},
		{"rfc4475/insuf", file("rfc4475/insuf"), 400, "From", ErrMissing, true},
		{"rfc4475/multi01", file("rfc4475/multi01"), 400, "CSeq", ErrRepeated, true},
		{"rfc4475/mcl01", file("rfc4475/mcl01"), 400, "Content-Length", ErrRepeated, true},
		{"rfc5118/ipv6-bad", file("rfc5118/ipv6-bad"), 400, "Request-URI", ErrSyntax, true},
		{"rfc5118/ipv6-in-sdp", file("rfc5118/ipv6-in-sdp"), 400, "Content-Length", ErrBodyShort, true},
		{"a Max-Forwards beyond 255", base(options, "Max-Forwards: 300\n\n", "Max-Forwards"), 400, "Max-Forwards", ErrSyntax, true},
		{"no Via at all", base(options, "\n", "Via"), 400, "Via", ErrMissing, false},
		{"a topmost Via without a host, and another", base(options, "Via: SIP/2.0/UDP ;branch=1\nVia: SIP/2.0/UDP h;branch=2\n\n", "Via"), 400, "Via", ErrSyntax, false},
		{"a topmost Via of another version", base(options, "Via: SIP/3.0/UDP h;branch=1\n\n", "Via"), 400, "Via", ErrSyntax, true},
		{"an ACK is never answered", base("ACK sip:user@example.com SIP/2.0", "\n", "To"), 400, "To", ErrMissing, false},
		{"a header line without colon", base(options, "Nonsense\n\n"), 400, "", ErrSyntax, true},
		{"a header name with a space in it", base(options, "Bad Name: x\n\n"), 400, "", ErrSyntax, true},
		{"a lone LF", append(base(options, ""), "X: a\nY: b\r\n\r\n"...), 400, "", ErrSyntax, true},
		{"no empty line at the end", base(options, ""), 400, "", ErrSyntax, true},
		{"a port that cannot be", base("OPTIONS sip:user@example.com:99999 SIP/2.0", "\n"), 400, "Request-URI", ErrSyntax, true},
		{"an IPv6 reference without end", base("OPTIONS sip:user@[2001:db8::1 SIP/2.0", "\n"), 400, "Request-URI", ErrSyntax, true},
		{"four colons in an IPv6 reference", base("OPTIONS sip:user@[2001:db8::::192.0.2.1] SIP/2.0", "\n"), 400, "Request-URI", ErrSyntax, true},
		{"an escape that is none", base("OPTIONS sip:%zz@example.com SIP/2.0", "\n"), 400, "Request-URI", ErrSyntax, true},
		{"a Request-URI that is too long", base("OPTIONS sip:"+strings.Repeat("a", MaxLineBytes)+"@example.com SIP/2.0", "\n"), 414, "", ErrLineTooLong, true},
		{"a Call-ID with white space", base(options, "Call-ID: a b\n\n", "Call-ID"), 400, "Call-ID", ErrSyntax, true},
		{"garbage", []byte("\x00\x01\x02\x03\r\n\r\n"), 400, "", ErrSyntax, false},
		{"nothing", nil, 400, "", ErrSyntax, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse(c.data)
			var pe *ParseError
			if m != nil || !errors.As(err, &pe) {
				t.Fatalf("got %v, %v; want a *ParseError", m, err)
			}
			if pe.Status != c.status || pe.Header != c.header || !errors.Is(err, c.err) || pe.Routable() != c.routable {
				t.Errorf("got %d %q header %q routable %v; want %d, header %q, %v, routable %v", pe.Status, pe.Reason, pe.Header, pe.Routable(), c.status, c.header, c.err, c.routable)
			}
			if strings.ContainsAny(pe.Reason, "\r\n") || pe.Reason == "" {
				t.Errorf("reason phrase %q", pe.Reason)
			}
		})
	}
}

func TestA400EchoesWhatDidNotParse(t *testing.T) {
	data := base("INVITE sip:user@example.com SIP/2.0", "To: \"Mr. J. User <sip:j.user@example.com>\nCSeq: 99999999999 INVITE\n\n", "To", "CSeq")
	_, err := Parse(data)
	var pe *ParseError
	if !errors.As(err, &pe) || !pe.Routable() {
		t.Fatal(err)
	}
	if pe.Line != 6 || pe.Reason != "Bad Request: To: quoted string without end" {
		t.Errorf("got %q in line %d", pe.Reason, pe.Line)
	}
	got := string(NewResponse(pe.Message, pe.Status, pe.Reason).Bytes())
	for _, want := range []string{
		"SIP/2.0 400 Bad Request: To: quoted string without end\r\n", "To: \"Mr. J. User <sip:j.user@example.com>\r\n",
		"CSeq: 99999999999 INVITE\r\n", "Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK-t1\r\n", "Call-ID: t.1@192.0.2.15\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestAnUnreadableViaIsEchoed(t *testing.T) {
	for name, want := range map[string]string{
		"rfc4475/badinv01": "\r\nVia: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n",
		"rfc4475/badvers":  "\r\nVia: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw\r\n",
	} {
		_, err := Parse(torture(t, name))
		var pe *ParseError
		if !errors.As(err, &pe) || !pe.Routable() {
			t.Fatal(err)
		}
		if got := string(NewResponse(pe.Message, pe.Status, pe.Reason).Bytes()); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", name, want, got)
		}
	}
	_, err := Parse(base("OPTIONS sip:b SIP/2.0", "Via: SIP/2.0/UDP a:5070;rport;branch=1;=, SIP/2.0/UDP b;branch=2\n\n", "Via"))
	var pe *ParseError
	if !errors.As(err, &pe) || len(pe.Message.Via) != 1 || pe.Message.Via[0].Port != 5070 {
		t.Fatalf("got %+v", pe)
	}
	if _, ok := pe.Message.Via[0].RPort(); !ok {
		t.Error("rport in front of what is wrong is lost")
	}
}
