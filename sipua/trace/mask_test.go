package trace

import (
	"bytes"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
)

const invite = "INVITE sip:1000@example.com SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnashds8;rport\r\n" +
	"Max-Forwards: 70\r\n" +
	"From: \"Ann\" <sip:ann@example.com>;tag=1928301774\r\n" +
	"To: <sip:1000@example.com>\r\n" +
	"Call-ID: a84b4c76e66710@192.0.2.1\r\n" +
	"CSeq: 314159 INVITE\r\n" +
	"Contact: <sip:ann@192.0.2.1:5060>\r\n" +
	"User-Agent: Phone/1.2\r\n" +
	"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, INFO\r\n" +
	"Supported: replaces, timer, 100rel\r\n" +
	"Content-Type: application/sdp\r\n" +
	"Content-Length: 199\r\n\r\n" +
	"v=0\r\no=ann 2890844526 2890844526 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
	"m=audio 49172 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

func TestWhatIsMaskedAndWhatIsNot(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{
			"digest credentials lose what proves something and keep the rest",
			`Authorization: Digest username="ann", realm="a b", nonce="n1", uri="sip:1000@h", response="0123456789abcdef", cnonce="abc", nc=00000001, qop=auth, algorithm=MD5`,
			`Authorization: Digest username="ann", realm="a b", nonce="n1", uri="sip:1000@h", response="****************", cnonce="***", nc=00000001, qop=auth, algorithm=MD5`,
		},
		{"names in any case and values without quotes", "PROXY-AUTHORIZATION :digest RESPONSE = ab12,username=ann", "PROXY-AUTHORIZATION :digest RESPONSE = ****,username=ann"},
		{"credentials that go on in the next line", "Authorization: Digest username=\"ann\",\r\n response=\"01\r\n 23\"\r\nX: response=\"01\"", "Authorization: Digest username=\"ann\",\r\n response=\"**\r\n **\"\r\nX: response=\"01\""},
		{"a quote inside a quoted secret", `Authorization: Digest response="a\"b", nonce="n"`, `Authorization: Digest response="****", nonce="n"`},
		{"a quoted secret without an end", `Authorization: Digest response="abc, nonce=n`, `Authorization: Digest response="**** *******`},
		{"other schemes in full", "Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ************"},
		{"parameters that nobody knows", `Authorization: Digest password="x1", flag`, `Authorization: Digest password="**", ****`},
		{"what the server proves", `Authentication-Info: nextnonce="n2", rspauth="6629", cnonce="0a4f"`, `Authentication-Info: nextnonce="n2", rspauth="****", cnonce="****"`},
		{"a challenge stays", `WWW-Authenticate: Digest realm="h", nonce="n1", qop="auth"`, `WWW-Authenticate: Digest realm="h", nonce="n1", qop="auth"`},
		{"an identity keeps its parameters", "Identity: eyJh.eyJk.c2ln;info=<https://h/c>;alg=ES256", "Identity: **************;info=<https://h/c>;alg=ES256"},
		{"an identity in its compact form", "y: eyJh;info=<https://h/c>", "y: ****;info=<https://h/c>"},
		{"a password in a URI", "Contact: <sip:ann:s3cret@h:5060>;expires=60", "Contact: <sip:ann:******@h:5060>;expires=60"},
		{"passwords in several URIs", "Route: <sip:a:b@h>, <SIPS:c:dd@h>,sip:e:fff@h", "Route: <sip:a:*@h>, <SIPS:c:**@h>,sip:e:***@h"},
		{"a password with a second @", "From: sip:ann:a@b@h", "From: sip:ann:***@h"},
		{"a password in a web address", "Call-Info: <https://ann:pw@h/x>", "Call-Info: <https://ann:**@h/x>"},
		{"a port is no password", "Contact: <sip:h:5060>, <sip:ann@h:5060>", "Contact: <sip:h:5060>, <sip:ann@h:5060>"},
		{"a Call-ID is none either", "Call-ID: sip:a:b@h", "Call-ID: sip:a:b@h"},
		{"fields of somebody's own by their names", "X-Conference-PIN: 1234\r\nX-Room: 1000", "X-Conference-PIN: ****\r\nX-Room: 1000"},
		{"keys in SDP", "\r\nv=0\r\nk=base64:abc\r\na=crypto:1 AES inline:xyz\r\na=ice-ufrag:uf\r\na=ice-pwd:pwd\r\na=key-mgmt:mikey AbC", "\r\nv=0\r\nk=**********\r\na=crypto:* *** **********\r\na=ice-ufrag:uf\r\na=ice-pwd:***\r\na=key-mgmt:***** ***"},
		{"key presses", "Content-Type: application/dtmf-relay\r\n\r\nSignal= 5\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay\r\n\r\nSignal= *\r\nDuration=160\r\n"},
		{"a key press alone", "c: application/dtmf\r\n\r\n7", "c: application/dtmf\r\n\r\n*"},
		{"key presses of another kind", "c: application/vnd.nortelnetworks.digits\r\n\r\np=Digit-Collection\r\nd=12\r\n", "c: application/vnd.nortelnetworks.digits\r\n\r\np=****************\r\nd=**\r\n"},
		{"key presses in one part of several", "c: multipart/mixed;boundary=x\r\n\r\n--x\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\n--x--", "c: multipart/mixed;boundary=x\r\n\r\n--x\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=*\r\n--x--"},
		{"key presses by KPML", "\r\n<kpml-response code=\"200\" digits=\"4711\" tag=\"x\"/>", "\r\n<kpml-response code=\"200\" digits=\"****\" tag=\"x\"/>"},
		{"credentials in a message inside", "c: message/sip\r\n\r\nINVITE sip:a:b@h SIP/2.0\r\nAuthorization: Digest response=ab", "c: message/sip\r\n\r\nINVITE sip:a:*@h SIP/2.0\r\nAuthorization: Digest response=**"},
		{"a body that cannot be read", "Content-Encoding: gzip\r\n\r\nab\x00\xff", "Content-Encoding: gzip\r\n\r\n****"},
		{"lines that end with LF or CR alone", "A: b\nAuthorization: Basic ab\rAuthorization: Basic cd", "A: b\nAuthorization: Basic **\rAuthorization: Basic **"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const start = "INFO sip:1000@h SIP/2.0\r\n"
			text := []byte(start + tt.in)
			mask(text)
			if got := string(text[len(start):]); got != tt.want {
				t.Errorf("got\n%q, want\n%q", got, tt.want)
			}
		})
	}
}

func TestAnInviteIsReadAndStaysAsItIs(t *testing.T) {
	text := []byte(invite)
	h := mask(text)
	if string(text) != invite {
		t.Errorf("it was changed:\n%s", text)
	}
	for _, f := range []struct{ name, got, want string }{
		{"start", string(h.start), "INVITE sip:1000@example.com SIP/2.0"},
		{"Call-ID", string(h.callID), "a84b4c76e66710@192.0.2.1"},
		{"From", string(h.from), `"Ann" <sip:ann@example.com>;tag=1928301774`},
		{"To", string(h.to), "<sip:1000@example.com>"},
		{"CSeq", string(h.cseq), "314159 INVITE"},
		{"Content-Type", string(h.contentType), "application/sdp"},
	} {
		if f.got != f.want {
			t.Errorf("%s: got %q, want %q", f.name, f.got, f.want)
		}
	}
	if !h.known() || !h.invite() {
		t.Error("it is not taken for an INVITE")
	}
}

func TestCompactAndFoldedFieldsAreFound(t *testing.T) {
	h := mask([]byte("BYE sip:a@b SIP/2.0\r\ni:\r\n one@h\r\nf: <sip:a@b>;\r\n\ttag=1\r\nT : <sip:c@d>\r\ni: two@h\r\n\r\n"))
	if string(h.callID) != "one@h" || string(h.to) != "<sip:c@d>" || !strings.HasSuffix(string(h.from), "tag=1") {
		t.Errorf("got %q, %q, %q", h.callID, h.from, h.to)
	}
}

// A message that parses must parse when it is masked, with the same fields.
func FuzzMask(f *testing.F) {
	f.Add([]byte(invite))
	f.Add([]byte("REGISTER sip:h SIP/2.0\r\nv: SIP/2.0/TCP h;branch=z9hG4bK1\r\nf: <sip:a:b@h>;tag=1\r\nt: sip:a@h\r\ni: 1\r\nCSeq: 1 REGISTER\r\n" +
		"Authorization: Digest username=\"a\", response=\"ab\\\"\",\r\n cnonce=x\r\nIdentity: a;b\r\nl: 10\r\n\r\nk=a\r\na=b:c"))
	f.Add([]byte("SIP/2.0 200 OK\r\nc: application/dtmf\r\nContent-Encoding: gzip\r\n\r\n1\r2\n3\r\n"))
	f.Add([]byte("\r\n\n\r:\r\n \r\nauthorization:=\",\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		want, wantErr := message.Parse(before)
		mask(data)
		if len(data) != len(before) {
			t.Fatal("the length changed")
		}
		for i := range data {
			if data[i] != before[i] && data[i] != '*' {
				t.Fatalf("octet %d became %q", i, data[i])
			}
		}
		again := bytes.Clone(data)
		mask(again)
		if !bytes.Equal(again, data) {
			t.Fatal("masked twice is not masked once")
		}
		if wantErr != nil {
			return
		}
		got, err := message.Parse(data)
		if err != nil {
			t.Fatalf("does not parse any more: %v\n%q", err, data)
		}
		if got.CallID != want.CallID || got.From.Tag() != want.From.Tag() || got.CSeq != want.CSeq || len(got.Body) != len(want.Body) {
			t.Fatalf("got %q, %v; want %q, %v", got.CallID, got.CSeq, want.CallID, want.CSeq)
		}
	})
}
