package message

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// crlf turns a message written with plain line ends into one for the wire.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// The messages of RFC 4475 §3.1.1, and what a parser must find in them.

const wsinv = "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\n" +
	"TO :\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\n" +
	"from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\n  ;\n  tag = 98asjd8\n" +
	"MaX-fOrWaRdS: 0068\n" +
	"Call-ID: wsinv.ndaksdj@192.0.2.1\n" +
	"Content-Length   : 150\n" +
	"cseq: 0009\n  INVITE\n" +
	"Via  : SIP  /   2.0\n /UDP\n    192.0.2.2;branch=390skdjuw\n" +
	"s :\n" +
	"NewFangledHeader:   newfangled value\n continued newfangled value\n" +
	"UnknownHeaderWithUnusualValue: ;;,,;;,;\n" +
	"Content-Type: application/sdp\n" +
	"Route:\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\n" +
	"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj8  ,\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK30239\n" +
	"m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\n      newvalue ;\n  secondparam ; q = 0.33\n" +
	"\n" +
	"v=0\no=mhandley 29739 7272939 IN IP4 192.0.2.3\ns=-\nc=IN IP4 192.0.2.4\nt=0 0\nm=audio 49217 RTP/AVP 0 12\nm=video 3227 RTP/AVP 31\na=rtpmap:31 LPC\n"

func TestShortTortuousInviteIsReadWhole(t *testing.T) {
	m, err := Parse(crlf(wsinv))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	check("To tag", m.To.Tag(), "1918181833n")
	check("From display", m.From.Display, `J Rosenberg \"`)
	check("From tag", m.From.Tag(), "98asjd8")
	check("Contact display", m.Contact[0].Display, `Quoted string ""`)
	check("Contact params", fmt.Sprint(m.Contact[0].Params), "[{newparam newvalue false} {secondparam  false} {q 0.33 false}]")
	if len(m.Via) != 3 {
		t.Fatalf("got %d Via, want 3", len(m.Via))
	}
	check("Via 0", m.Via[0].SentBy()+m.Via[0].Branch(), "192.0.2.2|5060390skdjuw")
	check("Via 1", m.Via[1].Transport+m.Via[1].Host+m.Via[1].Branch(), "TCPspindle.example.comz9hG4bK9ikj8")
	check("Via 2", m.Via[2].Branch(), "z9hG4bK30239")
	check("CSeq", fmt.Sprint(m.CSeq), "{9 INVITE}")
	if n, ok := m.MaxForwards(); n != 68 || !ok {
		t.Errorf("Max-Forwards: got %d, %v", n, ok)
	}
	v, _ := m.Header("newfangledheader")
	check("folded header", v, "newfangled value continued newfangled value")
	v, _ = m.Header("UnknownHeaderWithUnusualValue")
	check("unusual header", v, ";;,,;;,;")
	if _, ok := m.Header("Subject"); !ok {
		t.Error("compact empty Subject is lost")
	}
	check("Route", m.Route[0].URI.String(), "sip:services.example.com;lr;unknownwith=value;unknown-no-value")
	if len(m.Body) != 150 {
		t.Errorf("body: got %d octets, want 150", len(m.Body))
	}
	if _, ok := m.RequestURI.Param("unknownparam"); !ok {
		t.Error("Request-URI parameter is lost")
	}
}

func TestWideRangeOfCharactersIsKept(t *testing.T) { // intmeth
	const unusual = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com"
	m, err := Parse(crlf("!interesting-Method0123456789_*+`.%indeed'~ " + unusual + " SIP/2.0\n" +
		"Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\n" +
		"To: \"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\" <" + unusual + ">\n" +
		"From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\";tag=_token~1'+`*%!-.\n" +
		"Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\n" +
		"CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\n" +
		"Max-Forwards: 255\n" +
		"extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb\n" +
		"Content-Length: 0\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	if m.To.Display != "BEL:\a NUL:\x00 DEL:\x7f" {
		t.Errorf("To display: %q", m.To.Display)
	}
	if m.RequestURI.User != "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*" || m.RequestURI.Password != "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)" {
		t.Errorf("user %q password %q", m.RequestURI.User, m.RequestURI.Password)
	}
	if got := m.From.Display; got != "token1~` token2'+_ token3*%!.-" {
		t.Errorf("From display: %q", got)
	}
	if got := m.From.Tag(); got != "_token~1'+`*%!-." {
		t.Errorf("From tag: %q", got)
	}
	if v, _ := m.From.Params.Find("fromparam''~+*_!.-%"); v != "\xd1\x80\xd0\xb0" {
		t.Errorf("From parameter: %q", v)
	}
	if m.Via[0].Branch() != "z9hG4bK-.!%66*_+`'~" {
		t.Errorf("branch: %q", m.Via[0].Branch())
	}
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

func TestValidMessagesOfRFC4475(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want func(*Message) bool
	}{
		{"esc01: escapes in the URI are not resolved twice", base("INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0", "Contact: <sip:caller%24@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>\nContent-Length: 0\n\n"), func(m *Message) bool {
			v, _ := m.Contact[0].URI.Param("n%61me")
			return m.RequestURI.UserText() == "sips:user@example.com" && m.RequestURI.Host == "example.net" && v == "value%41"
		}},
		{"escnull: an escaped NUL in a user part", base("REGISTER sip:example.com SIP/2.0", "Contact: <sip:%00@host5.example.com>\nContact: <sip:%00%00@host5.example.com>\n\n"), func(m *Message) bool {
			return len(m.Contact) == 2 && m.Contact[1].URI.UserText() == "\x00\x00"
		}},
		{"esc02: a method with percent signs is not an escape", base("RE%47IST%45R sip:registrar.example.com SIP/2.0", "Contact: <sip:alias1@host1.example.com>;q=0.4\nContact: <sip:alias3@host3.example.com>\n\n"), func(m *Message) bool {
			return m.Method == "RE%47IST%45R" && len(m.Contact) == 2
		}},
		{"lwsdisp: no white space before the bracket", base("OPTIONS sip:user@example.com SIP/2.0", "From: caller<sip:caller@example.com>;tag=323\n\n", "From"), func(m *Message) bool {
			return m.From.Display == "caller" && m.From.Tag() == "323"
		}},
		{"dblreq: octets behind the body are ignored", base("REGISTER sip:example.com SIP/2.0", "Content-Length: 0\n\nINVITE sip:joe@example.com SIP/2.0\nt: sip:joe@example.com\n\n"), func(m *Message) bool {
			return m.Method == Register && m.Body == nil
		}},
		{"semiuri: semicolon in the user part", base("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0", "\n"), func(m *Message) bool {
			return m.RequestURI.User == "user;par=u%40example.net" && len(m.RequestURI.Params) == 0
		}},
		{"transports: every transport is known in Via", base("OPTIONS sip:user@example.com SIP/2.0", "Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw\nVia: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf\nVia: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj\nVia: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en\nVia: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee\n\n", "Via"), func(m *Message) bool {
			return len(m.Via) == 5 && m.Via[3].Transport == "UNKNOWN" && m.Via[1].Transport == "SCTP"
		}},
		{"unkscm: a URI of an unknown scheme", base("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", "\n"), func(m *Message) bool {
			return m.RequestURI.Scheme == "nobodyknowsthisscheme" && m.RequestURI.Opaque == "totallyopaquecontent"
		}},
		{"novelsc: a URI of another known scheme", base("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", "\n"), func(m *Message) bool {
			return m.RequestURI.String() == "soap.beep://192.0.2.103:3002"
		}},
		{"unksm2: unknown schemes in To, From and Contact", base("REGISTER sip:example.com SIP/2.0", "To: isbn:2983792873\nFrom: <http://www.example.com>;tag=3234233\nContact: <name:John_Smith>\n\n", "To", "From"), func(m *Message) bool {
			return m.To.URI.Scheme == "isbn" && m.From.URI.Opaque == "//www.example.com" && m.Contact[0].URI.Scheme == "name"
		}},
		{"bext01: unknown extensions are tokens", base("OPTIONS sip:user@example.com SIP/2.0", "Proxy-Require: nothingSupportsThis, nothingSupportsThisEither\nRequire: nothingSupportsThis\nRequire: nothingSupportsThisEither\n\n"), func(m *Message) bool {
			return len(m.Tokens("Require")) == 2 && m.HasToken("proxy-require", "NOTHINGsupportsThisEither")
		}},
		{"invut: an unknown content type", base("INVITE sip:user@example.com SIP/2.0", "Content-Type: application/unknownformat\nContent-Length: 4\n\n<x/>"), func(m *Message) bool {
			ct, _ := m.ContentType()
			return ct == "application/unknownformat" && string(m.Body) == "<x/>"
		}},
		{"regaut01: an unknown authorization scheme", base("REGISTER sip:example.com SIP/2.0", "Authorization: NoOneKnowsThisScheme opaque-data=here\n\n"), func(m *Message) bool {
			v, _ := m.Header("authorization")
			return v == "NoOneKnowsThisScheme opaque-data=here"
		}},
		{"zeromf: Max-Forwards of 0", base("OPTIONS sip:user@example.com SIP/2.0", "Max-Forwards: 0\n\n", "Max-Forwards"), func(m *Message) bool {
			n, ok := m.MaxForwards()
			return n == 0 && ok
		}},
		{"cparam01: a parameter of the header, not of the bare URI", base("REGISTER sip:example.com SIP/2.0", "Contact: sip:+19725552222@gw1.example.net;unknownparam\n\n"), func(m *Message) bool {
			return m.Contact[0].Params.Has("unknownparam") && len(m.Contact[0].URI.Params) == 0
		}},
		{"cparam02: a parameter of the URI in brackets", base("REGISTER sip:example.com SIP/2.0", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>\n\n"), func(m *Message) bool {
			return len(m.Contact[0].Params) == 0 && m.Contact[0].URI.Params.Has("unknownparam")
		}},
		{"regescrt: escaped headers in a Contact's URI", base("REGISTER sip:example.com SIP/2.0", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\n\n"), func(m *Message) bool {
			return m.Contact[0].URI.Headers == "Route=%3Csip:sip.example.com%3E"
		}},
		{"sdp01: Accept is not for us", base("INVITE sip:user@example.com SIP/2.0", "Accept: text/nobodyKnowsThis\nContent-Type: application/sdp\n\nv=0\n"), func(m *Message) bool {
			return m.Tokens("Accept")[0] == "text/nobodyKnowsThis"
		}},
		{"inv2543: an INVITE of RFC 2543", crlf("INVITE sip:UserB@example.com SIP/2.0\nVia: SIP/2.0/UDP iftgw.example.com\nFrom: <sip:+13035551111@ift.client.example.net;user=phone>\nTo: sip:+16505552222@ss1.example.net;user=phone\nCall-ID: inv2543.1717@ift.client.example.com\nCSeq: 56 INVITE\nContent-Type: application/sdp\n\nv=0\n"), func(m *Message) bool {
			return m.Via[0].Branch() == "" && m.From.Tag() == "" && m.To.Params.Has("user") && string(m.Body) == "v=0\r\n"
		}},
		{"badbranch: a branch of nothing but the cookie", base("OPTIONS sip:user@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\n\n", "Via"), func(m *Message) bool {
			return m.Via[0].Branch() == "z9hG4bK"
		}},
		{"baddate: a Date that is not GMT is passed on", base("INVITE sip:user@example.com SIP/2.0", "Date: Fri, 01 Jan 2010 16:00:00 EST\n\n"), func(m *Message) bool {
			return m.Values("Date")[0] == "Fri, 01 Jan 2010 16:00:00 EST"
		}},
		{"unreason: a reason phrase that is not ASCII", base("SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe", "CSeq: 35 INVITE\n\n", "CSeq"), func(m *Message) bool {
			return m.StatusCode == 200 && m.Reason == "= 2**3 * 5**2 \xd0\xbd\xd0\xbe"
		}},
		{"noreason: an empty reason phrase", base("SIP/2.0 100 ", "CSeq: 35 INVITE\n\n", "CSeq"), func(m *Message) bool {
			return m.StatusCode == 100 && m.Reason == "" && !m.IsRequest()
		}},
		{"bcast: a response with two Via", base("SIP/2.0 200 OK", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\nCSeq: 35 INVITE\n\n", "CSeq"), func(m *Message) bool {
			return len(m.Via) == 2
		}},
		{"longreq: values of thousands of octets", base("INVITE sip:user@example.com SIP/2.0", "To: \"I have a user name of "+strings.Repeat("extreme", 500)+" proportion\"<sip:user@example.com:6000;unknownparam1=very"+strings.Repeat("long", 200)+"value>\nUnknown-"+strings.Repeat("Long", 100)+"-Name: "+strings.Repeat("unknown", 700)+"\n\n", "To"), func(m *Message) bool {
			return len(m.To.Display) > 3500 && m.To.URI.Port == 6000
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse(c.data)
			if err != nil {
				t.Fatal(err)
			}
			if !c.want(m) {
				t.Errorf("misread: %+v", m)
			}
			again, err := Parse(m.Bytes())
			if err != nil || !c.want(again) {
				t.Errorf("misread after building: %v\n%s", err, m.Bytes())
			}
		})
	}
}

func TestInvalidMessagesOfRFC4475(t *testing.T) {
	const options = "OPTIONS sip:user@example.com SIP/2.0"
	for _, c := range []struct {
		name     string
		data     []byte
		status   int
		header   string
		err      error
		routable bool
	}{
		{"badinv01: separators without anything in Via", base("INVITE sip:user@example.com SIP/2.0", "Contact: \"Joe\" <sip:joe@example.org>;;;;\n\n"), 400, "Contact", ErrSyntax, true},
		{"badinv01: separators in Via itself", base("INVITE sip:user@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\n\n", "Via"), 400, "Via", ErrSyntax, false},
		{"clerr: Content-Length is larger than the body", base(options, "Content-Length: 9999\n\nv=0\n"), 400, "Content-Length", ErrBodyShort, true},
		{"ncl: negative Content-Length", base(options, "Content-Length: -999\n\nv=0\n"), 400, "Content-Length", ErrSyntax, true},
		{"scalar02: CSeq beyond 32 bits", base("REGISTER sip:example.com SIP/2.0", "CSeq: 36893488147419103232 REGISTER\n\n", "CSeq"), 400, "CSeq", ErrSyntax, true},
		{"scalar02: Max-Forwards beyond 255", base("REGISTER sip:example.com SIP/2.0", "Max-Forwards: 300\n\n", "Max-Forwards"), 400, "Max-Forwards", ErrSyntax, true},
		{"scalarlg: a response with such a CSeq", base("SIP/2.0 503 Service Unavailable", "CSeq: 9292394834772304023312 OPTIONS\n\n", "CSeq"), 400, "CSeq", ErrSyntax, false},
		{"quotbal: a quoted string without end", base("INVITE sip:user@example.com SIP/2.0", "To: \"Mr. J. User <sip:j.user@example.com>\n\n", "To"), 400, "To", ErrSyntax, true},
		{"ltgtruri: Request-URI in brackets", base("INVITE <sip:user@example.com> SIP/2.0", "\n"), 400, "", ErrSyntax, true},
		{"lwsruri: white space in the Request-URI", base("INVITE sip:user@example.com; lr SIP/2.0", "\n"), 400, "", ErrSyntax, true},
		{"lwsstart: much white space in the request line", base("INVITE  sip:user@example.com  SIP/2.0", "\n"), 400, "", ErrSyntax, true},
		{"trws: white space behind the request line", base(options+"  ", "\n"), 400, "", ErrSyntax, true},
		{"escruri: headers in the Request-URI", base("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", "\n"), 400, "Request-URI", ErrSyntax, true},
		{"regbadct: headers in a Contact without brackets", base("REGISTER sip:example.com SIP/2.0", "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\n\n"), 400, "Contact", ErrSyntax, true},
		{"badaspec: spaces in the brackets", base(options, "To: \"Watson, Thomas\" < sip:t.watson@example.org >\n\n", "To"), 400, "To", ErrSyntax, true},
		{"baddn: a comma in a display name without quotes", base(options, "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43\n\n", "From"), 400, "From", ErrSyntax, true},
		{"badvers: SIP/7.0", base("OPTIONS sip:t.watson@example.org SIP/7.0", "\n"), 505, "", ErrVersion, true},
		{"mismatch01: CSeq has another method", base(options, "CSeq: 8 INVITE\n\n", "CSeq"), 400, "CSeq", ErrSyntax, true},
		{"mismatch02: CSeq has another method than an unknown one", base("NEWMETHOD sip:user@example.com SIP/2.0", "CSeq: 8 INVITE\n\n", "CSeq"), 400, "CSeq", ErrSyntax, true},
		{"bigcode: a status code beyond all bounds", base("SIP/2.0 4294967301 better not break the receiver", "\n"), 400, "", ErrSyntax, false},
		{"insuf: no Call-ID, From or To", base("INVITE sip:user@example.com SIP/2.0", "\n", "Call-ID", "From", "To"), 400, "From", ErrMissing, true},
		{"multi01: many fields twice", base("INVITE sip:user@example.com SIP/2.0", "CSeq: 59 INVITE\nCall-ID: multi01.98asdh@192.0.2.2\nFrom: <sip:x@example.com>;tag=2\n\n"), 400, "CSeq", ErrRepeated, true},
		{"mcl01: two Content-Length", base(options, "Content-Length: 13\nContent-Length: 5\n\nThere's no way"), 400, "Content-Length", ErrRepeated, true},
		{"no Via at all", base(options, "\n", "Via"), 400, "Via", ErrMissing, false},
		{"an ACK is never answered", base("ACK sip:user@example.com SIP/2.0", "\n", "To"), 400, "To", ErrMissing, false},
		{"a header line without colon", base(options, "Nonsense\n\n"), 400, "", ErrSyntax, true},
		{"a header name with a space in it", base(options, "Bad Name: x\n\n"), 400, "", ErrSyntax, true},
		{"a lone LF", append(base(options, ""), "X: a\nY: b\r\n\r\n"...), 400, "", ErrSyntax, true},
		{"no empty line at the end", base(options, ""), 400, "", ErrSyntax, true},
		{"a port that cannot be", base("OPTIONS sip:user@example.com:99999 SIP/2.0", "\n"), 400, "Request-URI", ErrSyntax, true},
		{"an IPv6 reference without end", base("OPTIONS sip:user@[2001:db8::1 SIP/2.0", "\n"), 400, "Request-URI", ErrSyntax, true},
		{"an escape that is none", base("OPTIONS sip:%zz@example.com SIP/2.0", "\n"), 400, "Request-URI", ErrSyntax, true},
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
