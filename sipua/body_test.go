package sipua

import (
	"errors"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
)

// multi writes a multipart body; each part is its header lines, an empty line, and its text.
func multi(boundary string, parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n" + strings.ReplaceAll(strings.ReplaceAll(p, "\r\n", "\n"), "\n", "\r\n") + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func TestBodiesAreReadAsRFC5621Says(t *testing.T) {
	const (
		sdpPart  = "Content-Type: application/sdp\n\nv=0"
		isup     = "Content-Type: application/isup;version=itu-t92+\n"
		optional = "Content-Disposition: signal; handling=optional\n"
	)
	nested := multi("in", sdpPart, isup+optional+"\nx")
	deep := sdpPart
	for _, b := range []string{"a", "b", "c", "d"} {
		deep = "Content-Type: multipart/mixed;boundary=" + b + "\n\n" + multi(b, deep)
	}
	for _, row := range []struct {
		name, headers, body string
		want                string // the SDP; empty for none
		err                 error
	}{
		{"SDP alone", "Content-Type: application/sdp", "v=0", "v=0", nil},
		{"SDP in capitals with parameters", "c: Application/SDP; charset=utf-8", "v=0", "v=0", nil},
		{"no body", "Content-Type: application/isup", "", "", nil},
		{"a session by its disposition", "Content-Type: application/sdp\nContent-Disposition: session;handling=required", "v=0", "v=0", nil},
		{"an early session is none of ours", "Content-Type: application/sdp\nContent-Disposition: early-session", "v=0", "", errBodyUnknown},
		{"an early session that may be passed over", "Content-Type: application/sdp\nContent-Disposition: early-session;handling=optional", "v=0", "", nil},
		{"another type is required where nothing is said", "Content-Type: text/plain", "hi", "", errBodyUnknown},
		{"another type that may be passed over", "Content-Type: text/plain\nContent-Disposition: render; Handling = Optional", "hi", "", nil},
		{"no type at all", "X: y", "hi", "", errBodyUnknown},
		{"packed", "Content-Type: application/sdp\nContent-Encoding: gzip", "v=0", "", errBodyEncoded},
		{"packed by its compact name, but optional", "c: application/sdp\ne: gzip\nContent-Disposition: session;handling=optional", "v=0", "", nil},
		{"packed by nothing", "Content-Type: application/sdp\nContent-Encoding: identity", "v=0", "v=0", nil},
		{"mixed, what comes beside it is optional", "Content-Type: multipart/mixed;boundary=x", multi("x", isup+optional+"\n\x01", sdpPart), "v=0", nil},
		{"mixed, what comes beside it is required", "Content-Type: multipart/mixed;boundary=x", multi("x", sdpPart, isup+"Content-Disposition: signal;handling=required\n\nx"), "", errBodyUnknown},
		{"mixed, what comes beside it says nothing", "Content-Type: multipart/mixed;boundary=x", multi("x", sdpPart, isup+"\nx"), "", errBodyUnknown},
		{"mixed as a whole optional", "Content-Type: multipart/mixed;boundary=x\nContent-Disposition: x;handling=optional", multi("x", sdpPart, isup+"\nx"), "", nil},
		{"mixed of two sessions: the first", "Content-Type: multipart/mixed;boundary=x", multi("x", sdpPart, "Content-Type: application/sdp\n\nv=1"), "v=0", nil},
		{"mixed of nothing for us", "Content-Type: multipart/mixed;boundary=x", multi("x", isup+optional+"\nx"), "", nil},
		{"an unknown multipart is as mixed", "Content-Type: multipart/signed;boundary=\"x y\"", multi("x y", sdpPart, "Content-Type: application/pkcs7-signature\nContent-Disposition: attachment;handling=optional\n\nx"), "v=0", nil},
		{"alternative: the last that is understood", "Content-Type: multipart/alternative;boundary=x", multi("x", sdpPart, "Content-Type: application/sdp\n\nv=1", "Content-Type: application/sdpng\n\nx"), "v=1", nil},
		{"alternative of nothing that is understood", "Content-Type: multipart/alternative;boundary=x", multi("x", "Content-Type: application/sdpng\n\nx"), "", errBodyUnknown},
		{"nested", "Content-Type: multipart/mixed;boundary=out", multi("out", "Content-Type: multipart/alternative;boundary=in\n\n"+nested, isup+optional+"\nx"), "v=0", nil},
		{"nested too deep", "Content-Type: multipart/mixed;boundary=e", multi("e", deep), "", errBodyMalformed},
		{"a part in base64", "Content-Type: multipart/mixed;boundary=x", multi("x", "Content-Type: application/sdp\nContent-Transfer-Encoding: BASE64\n\ndj0w"), "v=0", nil},
		{"a part in quoted-printable", "Content-Type: multipart/mixed;boundary=x", multi("x", "Content-Type: application/sdp\nContent-Transfer-Encoding: quoted-printable\n\nv=3D0"), "v=0", nil},
		{"a part in an encoding nobody knows", "Content-Type: multipart/mixed;boundary=x", multi("x", "Content-Type: application/sdp\nContent-Transfer-Encoding: uu\n\nv=0"), "", errBodyEncoded},
		{"a part that is packed", "Content-Type: multipart/mixed;boundary=x", multi("x", "Content-Type: application/sdp\nContent-Encoding: gzip\n\nv=0"), "", errBodyEncoded},
		{"a part without a type is text", "Content-Type: multipart/mixed;boundary=x", multi("x", "\nhello"), "", errBodyUnknown},
		{"no boundary", "Content-Type: multipart/mixed", multi("x", sdpPart), "", errBodyMalformed},
		{"no end", "Content-Type: multipart/mixed;boundary=x", "--x\r\nContent-Type: application/sdp\r\n\r\nv=0", "", errBodyMalformed},
		{"too many parts", "Content-Type: multipart/mixed;boundary=x", multi("x", append(make([]string, maxParts), sdpPart)...), "", errBodyUnknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := message.NewRequest(message.Invite, message.URI{})
			for h := range strings.SplitSeq(row.headers, "\n") {
				name, value, _ := strings.Cut(h, ": ")
				m.Add(name, value)
			}
			m.Body = []byte(row.body)
			c, err := contentOf(m, acceptSDP)
			got := ""
			if err == nil && c != nil {
				got = string(c.data)
			}
			if !errors.Is(err, row.err) || got != row.want {
				t.Errorf("got %q, %v; want %q, %v", got, err, row.want, row.err)
			}
			if s := string(sessionIn(m)); s != row.want {
				t.Errorf("in an ACK: got %q, want %q", s, row.want)
			}
		})
	}
}

func TestPartsAreBounded(t *testing.T) {
	parts := make([]string, maxParts+1)
	for i := range parts {
		parts[i] = "Content-Type: x/y\nContent-Disposition: x;handling=optional\n\nz"
	}
	m := message.NewRequest(message.Invite, message.URI{})
	m.SetBody("multipart/mixed;boundary=x", []byte(multi("x", parts...)))
	if _, err := contentOf(m, acceptSDP); !errors.Is(err, errBodyMalformed) {
		t.Errorf("%d parts: got %v", len(parts), err)
	}
	m.SetBody("multipart/mixed;boundary=x", []byte(multi("x", parts[1:]...)))
	if _, err := contentOf(m, acceptSDP); err != nil {
		t.Errorf("%d parts: got %v", len(parts)-1, err)
	}
}

func TestSDPInAMultipartOnTheWire(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	wrap := func(sdp string) string {
		return multi("x", "Content-Type: application/isup\nContent-Disposition: signal;handling=optional\n\n\x01\x00", "Content-Type: application/sdp\n\n"+strings.ReplaceAll(sdp, "\r\n", "\n"))
	}
	const mixed = "Content-Type: multipart/mixed;boundary=x"
	w.send("INVITE", wrap(w.sdp()), mixed)
	res := w.want(message.Invite, 200)
	if !strings.Contains(string(res.Body), " RTP/AVP 0\r\n") {
		t.Errorf("got %q", res.Body)
	}
	w.enter(res)
	w.send("ACK", "")
	w.send("INVITE", "") // the bridge offers, the answer comes wrapped in the ACK
	if res = w.want(message.Invite, 200); !strings.Contains(string(res.Body), "m=audio") {
		t.Fatalf("got no offer: %q", res.Body)
	}
	w.send("ACK", wrap(w.sdp()), mixed)
	w.hangup() // and not the bridge for want of an answer

	other := b.phone(t, "UDP")
	other.send("INVITE", multi("x", "Content-Type: application/sdp\n\nv=0", "Content-Type: text/plain\n\nhello"), mixed)
	if res := other.want(message.Invite, 415); !res.HasToken("Accept", acceptSDP) {
		t.Errorf("got %s", res.Bytes())
	}
	other.send("ACK", "")
	other.send("INVITE", "--x\r\nno end", mixed)
	other.want(message.Invite, 400)
	other.send("ACK", "")
}

func TestWhatACallerCannotTakeIsNotSent(t *testing.T) {
	b := newBridge(t, nil)
	for accept, status := range map[string]int{
		"": 406, "text/plain": 406, "application/sdp": 200, "text/plain, */*;q=0.1": 200, "APPLICATION/*": 200, "application / sdp;level=1": 200,
	} {
		w := b.phone(t, "UDP")
		w.send("INVITE", w.sdp(), "Accept: "+accept)
		res := w.want(message.Invite, status)
		if status == 200 {
			w.enter(res)
		} else if ws := res.Warnings(); len(ws) != 1 || ws[0].Code != 399 {
			t.Errorf("%q: got warnings %v", accept, ws)
		}
		w.send("ACK", "")
		if status == 200 {
			w.hangup()
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add("multipart/mixed;boundary=x", "session;handling=optional", multi("x", "Content-Type: application/sdp\n\nv=0"))
	f.Add("multipart/alternative;boundary=x", "", multi("x", "Content-Type: multipart/mixed;boundary=y\n\n"+multi("y", "\nz")))
	f.Add("application/sdp", "", "v=0")
	f.Fuzz(func(t *testing.T, kind, disposition, body string) {
		m := message.NewRequest(message.Invite, message.URI{})
		m.SetBody(kind, []byte(body))
		m.Add("Content-Disposition", disposition)
		c, err := contentOf(m, acceptSDP)
		if err == nil && c != nil && (len(c.data) > len(body) || c.kind != acceptSDP) {
			t.Errorf("got %+v", c)
		}
	})
}
