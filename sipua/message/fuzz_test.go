package message

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// overLimit says whether err is about a limit: building may make a message longer (it quotes, and spells names out).
func overLimit(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, ErrLineTooLong) || errors.Is(err, ErrTooManyHeaders)
}

func FuzzParse(f *testing.F) {
	f.Add(crlf(invite))
	files, err := filepath.Glob("testdata/rfc*/*.dat")
	if err != nil || len(files) != 61 {
		f.Fatal(len(files), err)
	}
	for _, name := range files {
		f.Add(torture(f, strings.TrimSuffix(strings.TrimPrefix(name, "testdata/"), ".dat")))
	}
	f.Add(base("SIP/2.0 180 Ringing", "CSeq: 1 INVITE\nContact: *\nRecord-Route: <sip:p;lr>, \"x\" <sips:q:5061;lr>;a=\"b\"\n\n", "CSeq"))
	f.Add(base("OPTIONS tel:+1-2 SIP/2.0", "Route: <tel:1;phone-context=x>\nm: M\xc3\xbcller <sip:%41:p@[::1]:9;a;b=%20?c=d&e=f>;q=1;x=\"\\\"\"\n\n"))
	f.Add(base("REGISTER http://x SIP/2.0", "To: \"a <sip:b>\nCSeq: x\n y\nl: 4\n\nbody", "To", "CSeq"))
	f.Add([]byte("\r\n\r\nINVITE sip:a SIP/9\r\nv:SIP/2.0/UDP a:5;b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Status < 400 || strings.ContainsAny(pe.Reason, "\r\n") {
				t.Fatalf("error is %#v", err)
			}
			if !pe.Routable() {
				return
			}
			out := NewResponse(pe.Message, pe.Status, pe.Reason).Bytes()
			if _, err := Parse(out); overLimit(err) {
				return
			}
			if n := strings.Count(string(out), "\r\n\r\n"); n != 1 {
				t.Fatalf("%d empty lines in the response\n%q", n, out)
			}
			return
		}
		look(m)
		out := m.Bytes()
		again, err := Parse(out)
		if err != nil {
			if overLimit(err) {
				return
			}
			t.Fatalf("%v in what was built from\n%q\n%q", err, data, out)
		}
		if d := cmp.Diff(m, again, same); d != "" {
			t.Fatalf("%s\n%q\n%q", d, data, out)
		}
	})
}

// look calls every accessor: none may panic whatever came in.
func look(m *Message) {
	m.MaxForwards()
	m.Expires()
	m.ContentType()
	m.Reasons()
	m.Warnings()
	m.Date()
	m.Timestamp()
	m.RetryAfter()
	m.AddDelay(time.Second)
	m.Tokens("Require")
	m.RequestURI.Equal(m.To.URI)
	m.From.URI.Equal(m.From.URI)
	m.From.URI.UserText()
	m.Clone()
	for _, v := range m.Via {
		v.RPort()
		v.SentBy()
	}
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{"sip:a:b@[::1]:5060;x=%41?h=v", "tel:+1-2;ext=3", "sips:h", "urn:service:sos", "sip:%@h", "sip:a?b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			return
		}
		v, err := ParseURI(u.String())
		if err != nil || !u.Equal(u) || !u.Equal(v) {
			t.Fatalf("%q became %q: %v", s, u.String(), err)
		}
	})
}

// TestRoundTripProperty builds messages from arbitrary values and reads them back.
func TestRoundTripProperty(t *testing.T) {
	token := rapid.StringMatching(`[A-Za-z0-9.!%*_+'~-]{1,12}`)
	text := rapid.StringMatching(`[ -~äöü]{0,20}`)
	host := rapid.SampledFrom([]string{"a.example.com", "192.0.2.1", "2001:db8::1", "x-y_z"})
	port := rapid.SampledFrom([]int{0, 1, 5060, 65535})
	rapid.Check(t, func(t *rapid.T) {
		params := func(label string) Params {
			var p Params
			for range rapid.IntRange(0, 5).Draw(t, label+"#") {
				v := text.Draw(t, label+"value")
				p = append(p, Param{Name: token.Draw(t, label+"name"), Value: v, Quoted: v != "" && !all(v, isPlain)})
			}
			return p
		}
		uri := func() URI {
			u := URI{Scheme: rapid.SampledFrom([]string{"sip", "sips"}).Draw(t, "scheme"), Host: host.Draw(t, "host"), Port: port.Draw(t, "port")}
			u.User = EscapeUser(text.Draw(t, "user"))
			for range rapid.IntRange(0, 3).Draw(t, "uri#") {
				u.Params = append(u.Params, Param{Name: "p" + EscapeUser(text.Draw(t, "pname")), Value: EscapeUser(text.Draw(t, "pvalue"))})
			}
			return u
		}
		address := func(label string) Address {
			return Address{Display: text.Draw(t, label), URI: uri(), Params: params(label)}
		}
		m := NewRequest(Method(token.Draw(t, "method")), uri())
		for range rapid.IntRange(1, 4).Draw(t, "via#") {
			m.Via = append(m.Via, Via{Transport: strings.ToUpper(token.Draw(t, "transport")), Host: host.Draw(t, "via host"), Port: port.Draw(t, "via port"), Params: params("via")})
		}
		m.From, m.To, m.CallID = address("from"), address("to"), token.Draw(t, "call-id")
		m.CSeq = CSeq{Seq: rapid.Uint32Range(0, 1<<31-1).Draw(t, "cseq"), Method: m.Method}
		for range rapid.IntRange(0, 3).Draw(t, "contact#") {
			m.Contact = append(m.Contact, address("contact"))
			m.RecordRoute = append(m.RecordRoute, address("record-route"))
		}
		m.Add("X-"+token.Draw(t, "header"), strings.Trim(text.Draw(t, "value"), " "))
		m.SetBody("text/plain", rapid.SliceOf(rapid.Byte()).Draw(t, "body"))
		again, err := Parse(m.Bytes())
		if err != nil {
			t.Fatalf("%v in %q", err, m.Bytes())
		}
		if d := cmp.Diff(m, again, same); d != "" {
			t.Fatal(d)
		}
	})
}
