package test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// wire is a SIP element that says exactly what a test writes, right or wrong.
type wire struct {
	t       *testing.T
	network string // "udp" or "tcp"
	conn    net.Conn
	stream  *bufio.Reader // of TCP
}

var serial atomic.Int64

// openWire connects to the bridge.
func (b *running) openWire(t *testing.T, network string) *wire {
	t.Helper()
	addr := b.UDP
	if network == "tcp" {
		addr = b.TCP
	}
	return dialWire(t, network, addr)
}

// dialWire connects to whoever is at addr.
func dialWire(t *testing.T, network, addr string) *wire {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{t: t, network: network, conn: conn, stream: bufio.NewReader(conn)}
}

// raw sends bytes as they are.
func (w *wire) raw(data []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(data); err != nil {
		w.t.Fatal(err)
	}
}

// request sends one request. Lines are without CR; {local}, {remote}, {via} and {branch} are filled in; Content-Length
// is added where the text has none. It returns what was sent.
func (w *wire) request(text, body string) []byte {
	w.t.Helper()
	branch := fmt.Sprintf("z9hG4bK-test-%d", serial.Add(1))
	text = strings.NewReplacer(
		"{via}", fmt.Sprintf("SIP/2.0/%s %s;rport;branch=%s", strings.ToUpper(w.network), w.conn.LocalAddr(), branch),
		"{local}", w.conn.LocalAddr().String(), "{remote}", w.conn.RemoteAddr().String(), "{branch}", branch,
	).Replace(strings.TrimSpace(text))
	body = strings.ReplaceAll(body, "\n", "\r\n")
	if !strings.Contains(text, "Content-Length") {
		text += "\nContent-Length: " + strconv.Itoa(len(body))
	}
	data := []byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n" + body)
	w.raw(data)
	return data
}

// receive waits for the next message; nil when none comes before the deadline.
func (w *wire) receive(within time.Duration) *message.Message {
	w.t.Helper()
	var data []byte
	if w.network == "udp" {
		data = w.datagram(within)
	} else {
		_ = w.conn.SetReadDeadline(time.Now().Add(within))
		data = w.frame()
	}
	if data == nil {
		return nil
	}
	m, err := message.Parse(data)
	if err != nil {
		w.t.Fatalf("the bridge sent what is no SIP: %v\n%s", err, data)
	}
	return m
}

// datagram waits for the next one; nil when none comes before the deadline.
func (w *wire) datagram(within time.Duration) []byte {
	_ = w.conn.SetReadDeadline(time.Now().Add(within))
	data := make([]byte, 65536)
	n, err := w.conn.Read(data)
	if err != nil {
		return nil
	}
	return data[:n]
}

// frame reads one message of a stream (RFC 3261 §18.3).
func (w *wire) frame() []byte {
	var data []byte
	length := 0
	for {
		line, err := w.stream.ReadBytes('\n')
		if err != nil {
			return nil
		}
		if len(data) == 0 && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		data = append(data, line...)
		name, value, _ := strings.Cut(string(line), ":")
		if textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)) == "Content-Length" {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(w.stream, body); err != nil {
		return nil
	}
	return append(data, body...)
}

// response waits for the final response to the request with that CSeq, passing over provisional ones and requests.
func (w *wire) response(cseq int, method message.Method) *message.Message {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		m := w.receive(time.Until(deadline))
		if m != nil && m.StatusCode >= 200 && m.CSeq == (message.CSeq{Seq: uint32(cseq), Method: method}) {
			return m
		}
	}
	w.t.Fatalf("no final response to %s %d", method, cseq)
	return nil
}

// await waits for a request of that method.
func (w *wire) await(method message.Method) *message.Message {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if m := w.receive(time.Until(deadline)); m != nil && m.IsRequest() && m.Method == method {
			return m
		}
	}
	w.t.Fatalf("no %s came", method)
	return nil
}

// dialogue is a call that was made on a wire.
type dialogue struct {
	*wire
	room, id, toTag string
	cseq            int
	rtp             *net.UDPConn // the caller's, with RTCP nowhere
	peer            *net.UDPAddr // the bridge's RTP port, from its last SDP
}

// dial makes a call to room with PCMU; the SDP may be given: {port} is that of the call's RTP socket.
func (w *wire) dial(room, sdp string) *dialogue {
	w.t.Helper()
	d := &dialogue{wire: w, room: room, id: fmt.Sprintf("call-%d@test", serial.Add(1)), cseq: 1}
	d.openRTP()
	d.send("INVITE", d.offer(sdp))
	res := w.response(1, message.Invite)
	if res.StatusCode != 200 {
		w.t.Fatalf("INVITE: %d %s", res.StatusCode, res.Reason)
	}
	d.toTag = res.To.Tag()
	d.learn(res)
	d.send("ACK", "")
	return d
}

// openRTP takes another socket for the sound.
func (d *dialogue) openRTP() {
	d.t.Helper()
	rtp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { rtp.Close() })
	d.rtp = rtp
}

// plainSDP offers PCMU and keys.
const plainSDP = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {port} RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
`

func (d *dialogue) offer(sdp string) string {
	return strings.ReplaceAll(sdp, "{port}", strconv.Itoa(d.rtp.LocalAddr().(*net.UDPAddr).Port))
}

// send sends a request in the dialog; ACK has the CSeq of the INVITE before it, the others count on.
func (d *dialogue) send(method, body string) []byte {
	d.t.Helper()
	return d.sendWith(method, "", body)
}

// sendWith is send with more header lines.
func (d *dialogue) sendWith(method, lines, body string) []byte {
	d.t.Helper()
	tag := ""
	if d.toTag != "" {
		tag = ";tag=" + d.toTag
		if method != "ACK" {
			d.cseq++
		}
	}
	text := fmt.Sprintf(`%s sip:%s@{remote} SIP/2.0
Via: {via}
Max-Forwards: 70
From: "Wire" <sip:wire@{local}>;tag=w%s
To: <sip:%s@{remote}>%s
Call-ID: %s
CSeq: %d %s
Contact: <sip:wire@{local};transport=%s>`, method, d.room, d.id, d.room, tag, d.id, d.cseq, method, d.network)
	if lines != "" {
		text += "\n" + lines
	}
	if body != "" && !strings.Contains(lines, "Content-Type") {
		text += "\nContent-Type: application/sdp"
	}
	return d.request(text, body)
}

// learn takes the bridge's RTP port from its SDP.
func (d *dialogue) learn(res *message.Message) {
	for line := range strings.Lines(string(res.Body)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "m=audio" {
			port, _ := strconv.Atoi(f[1])
			d.peer = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		}
	}
}

// reinvite offers anew and acknowledges the answer.
func (d *dialogue) reinvite(sdp string) *message.Message {
	d.t.Helper()
	d.send("INVITE", d.offer(sdp))
	res := d.response(d.cseq, message.Invite)
	d.learn(res)
	d.send("ACK", "")
	return res
}

// bye hangs up.
func (d *dialogue) bye() {
	d.t.Helper()
	d.send("BYE", "")
	if res := d.response(d.cseq, message.Bye); res.StatusCode != 200 {
		d.t.Errorf("BYE: %d %s", res.StatusCode, res.Reason)
	}
}

// answer answers a request of the bridge with 200.
func (d *dialogue) answer(req *message.Message) {
	d.t.Helper()
	d.raw(message.NewResponse(req, 200, "").Bytes())
}

// hears says whether sound comes to the call's RTP port within a while.
func (d *dialogue) hears(within time.Duration) bool {
	buf := make([]byte, 2048)
	_ = d.rtp.SetReadDeadline(time.Now().Add(within))
	_, err := d.rtp.Read(buf)
	return err == nil
}
