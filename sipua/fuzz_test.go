package sipua

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// FuzzInDialog puts any request into a running call: nothing may panic, every request but ACK gets one final response
// at most 32 s later, and the call can still be ended.
func FuzzInDialog(f *testing.F) {
	const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
	f.Add("INVITE", "Content-Type: application/sdp\r\n", offer)
	f.Add("INVITE", "", "")
	f.Add("UPDATE", "Content-Type: application/sdp\r\nRequire: x\r\n", strings.Replace(offer, "0 RTP", "0 RTP/S", 1))
	f.Add("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=100\r\n")
	f.Add("ACK", "", offer)
	f.Add("BYE", "Contact: *\r\nReason: SIP;cause=200\r\n", "")
	f.Add("OPTIONS", "Record-Route: <sip:x>\r\nRoute: <sip:y;lr>\r\n", "")
	f.Fuzz(func(t *testing.T, method, headers, body string) {
		text := method + " sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKfuzz\r\n" +
			"From: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:1000@127.0.0.1>;tag=TAG\r\nCall-ID: still\r\nCSeq: 2 " + method + "\r\n" +
			headers + "\r\n" + body
		req, err := message.Parse([]byte(text))
		if err != nil || !req.IsRequest() || req.Method == message.Cancel || len(req.Via) == 0 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			b := newStill(t, "UDP")
			b.receive("INVITE", 1)
			b.toTag = b.all()[0].msg.To.Tag()
			b.receive("ACK", 1)
			req.To = req.To.WithTag(b.toTag)
			b.server.ep.layer.Receive(req, loop("UDP"))
			time.Sleep(time.Second)
			synctest.Wait()
			finals := 0
			for _, s := range b.all() {
				if s.msg.StatusCode >= 200 && s.at < 500*time.Millisecond {
					finals++
				}
			}
			if want := 1; req.Method != message.Ack && finals != want {
				t.Errorf("got %d final responses, want %d", finals, want)
			}
			b.receive("ACK", 2)
			b.receive("BYE", 3)
			b.all()
			if got := b.server.Calls(); got != 0 {
				t.Errorf("got %d calls after BYE", got)
			}
			b.close()
		})
	})
}

// FuzzChallenge has us answer any challenge: nothing may panic, and what goes out is a message.
func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="home", nonce="1", qop="auth,auth-int", algorithm=MD5-sess, opaque="x", charset=UTF-8, userhash=true, domain="a b"`)
	f.Add(`Digest realm="a\"b", nonce="1\\", qop="auth-int", algorithm=SHA-512-256`)
	f.Add(`Digest realm="home", nonce="1", stale=true, Basic realm="x"`)
	f.Fuzz(func(t *testing.T, value string) {
		req := invite(t)
		res := message.NewResponse(req, 401, "")
		res.Add("WWW-Authenticate", value)
		c := newCredentials("u", "p")
		if !c.learn(res, &round{}) {
			return
		}
		c.apply(req)
		m, err := message.Parse(req.Bytes())
		if err != nil || len(m.Headers) != len(req.Headers) {
			t.Errorf("%q: %v in\n%s", value, err, req.Bytes())
		}
	})
}
