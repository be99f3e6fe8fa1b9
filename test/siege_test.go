package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/test/bridge"
)

// besieger is an address of the loopback that a besieger comes from: limits count by source.
func besieger(n int) string { return fmt.Sprintf("127.0.204.%d", n) }

// openFrom connects to addr from an address of its own.
func openFrom(t *testing.T, network, from, addr string) *wire {
	t.Helper()
	ip := net.ParseIP(from)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}
	if network == "udp" {
		dialer.LocalAddr = &net.UDPAddr{IP: ip}
	}
	conn, err := dialer.DialContext(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{t: t, network: network, conn: conn, stream: bufio.NewReader(conn)}
}

// closed waits until the bridge closes the connection, and passes over what it says before.
func (w *wire) closed() bool {
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, w.conn)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// Each kind of attack comes while a call goes on. It is counted, each time once and for what it is, costs no memory that stays, and
// the call neither loses a packet nor its sound.
func TestSiege(t *testing.T) {
	b := startBridge(t, bridge.Config{Rooms: toneAsSent, Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0", "ws://127.0.0.1:0"}})
	b.allowLog("a self-signed one was made")
	client := newClient(t)
	speaker := invite(t, client, "sip:1000@"+b.UDP, codec.PCMU, tone(877, 8000, 120))
	listener := invite(t, client, "sip:1000@"+b.TCP+";transport=tcp", codec.PCMU, nil)
	b.present(t, "1000", 2)
	listener.listen(t, 4000)
	since, connections := time.Now(), b.count(t, "confbridge_sip_connections")

	var slow sync.WaitGroup // what takes its time goes on beside all else
	loris := b.besiege(t, 500)
	timedOut := b.signalling(t, "message_timeout")
	slow.Go(func() { loris.trickle() })
	for _, attack := range []struct {
		name, what string
		times      float64
		run        func(t *testing.T, b *running)
	}{
		{"more connections than one source may have", "over_limit", 36, tooManyConnections},
		{"noise where TLS is spoken", "handshake_failed", 21, garbageTLS},
		{"WebSocket frames of 100 MB announced", "too_large", 10, hugeFrames},
		{"endless header lines", "too_large", 10, endlessLines},
		{"one who never reads", "send_error", 1, neverReads},
		{"a request that came by two ways", "merged", 1, mergedRequest},
	} {
		before := b.signalling(t, attack.what)
		if !t.Run(attack.name, func(t *testing.T) { attack.run(t, b) }) {
			continue
		}
		eventually(t, fmt.Sprintf("%s: %s counts %v", attack.name, attack.what, attack.times), func() bool {
			return b.signalling(t, attack.what)-before >= attack.times
		})
		if n := b.signalling(t, attack.what) - before; n != attack.times {
			t.Errorf("%s: %s has risen by %v, want %v", attack.name, attack.what, n, attack.times)
		}
	}
	t.Run("requests with guessed tags from elsewhere", func(t *testing.T) { forgeries(t, b, speaker, listener) })
	slow.Wait()
	if loris.open > 0 {
		t.Errorf("%d of those who dawdle are still connected", loris.open)
	}
	eventually(t, "each who dawdled is counted", func() bool { return b.signalling(t, "message_timeout")-timedOut >= 500 })
	if n := b.signalling(t, "message_timeout") - timedOut; n != 500 {
		t.Errorf("message_timeout has risen by %v, want 500", n)
	}
	eventually(t, "no connection is left", func() bool { return b.count(t, "confbridge_sip_connections") <= connections })
	if resident := b.count(t, "process_resident_memory_bytes"); !raceEnabled && resident > maxResident {
		t.Errorf("%.0f MiB of memory, want %d or less", resident/(1<<20), maxResident>>20)
	}
	b.wholeTone(t, listener, since, 877)
}

func (b *running) signalling(t *testing.T, what string) float64 {
	t.Helper()
	return b.count(t, "confbridge_sip_signalling_total", fmt.Sprintf("what=%q", what))
}

// count is metric for what must be there.
func (b *running) count(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	n, found := b.metric(t, name, labels...)
	if !found {
		t.Fatalf("there is no metric %s%v", name, labels)
	}
	return n
}

// dawdlers are connections on which a message begins and does not end: a slow-loris.
type dawdlers struct {
	conns []net.Conn
	open  int // at the end
}

// besiege opens so many of them, 50 from each source.
func (b *running) besiege(t *testing.T, n int) *dawdlers {
	t.Helper()
	d := &dawdlers{}
	for i := range n {
		w := openFrom(t, "tcp", besieger(1+i/50), b.TCP)
		w.raw([]byte("INVITE sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP "))
		d.conns = append(d.conns, w.conn)
	}
	return d
}

// trickle sends an octet on each now and then, until the bridge has closed all of them or patience is over.
func (d *dawdlers) trickle() {
	over, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for d.open = len(d.conns); d.open > 0; {
		select {
		case <-over.Done():
			return
		case <-tick.C:
		}
		d.open = 0
		for _, c := range d.conns {
			if _, err := c.Write([]byte("x")); err == nil {
				d.open++
			}
		}
	}
}

func tooManyConnections(t *testing.T, b *running) {
	var all []*wire
	for range 100 {
		all = append(all, openFrom(t, "tcp", besieger(50), b.TCP))
	}
	for _, w := range all[64:] {
		if !w.closed() {
			t.Fatal("one more connection than 64 stays")
		}
	}
	w := all[0] // those who were first are served
	d := &dialogue{wire: w, room: "1000", id: "first@test", cseq: 1}
	d.send("OPTIONS", "")
	if res := w.response(1, message.Options); res.StatusCode != 200 {
		t.Errorf("OPTIONS: %d %s", res.StatusCode, res.Reason)
	}
	for _, w := range all {
		w.conn.Close()
	}
}

// garbageTLS sends what is no TLS at all, and what begins as it and goes no further.
func garbageTLS(t *testing.T, b *running) {
	rng := rand.New(rand.NewPCG(3, 4))
	half := openFrom(t, "tcp", besieger(51), b.TLS)
	half.raw([]byte{0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f})
	for i := range 20 {
		w := openFrom(t, "tcp", besieger(51), b.TLS)
		data := append([]byte{0xff}, noise(rng, 500)...)
		if i%2 == 0 {
			data = []byte("OPTIONS sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK1\r\n\r\n")
		}
		w.raw(data)
		if !w.closed() {
			t.Fatal("who speaks no TLS stays connected")
		}
	}
	if !half.closed() {
		t.Error("who does not go on with the handshake stays connected")
	}
}

// hugeFrames begins to send, once connected, what is announced as a message of 100 MB.
func hugeFrames(t *testing.T, b *running) {
	frame := binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 100<<20)
	frame = append(frame, 0, 0, 0, 0) // the mask
	for range 10 {
		w := openFrom(t, "tcp", besieger(52), b.WS)
		w.raw([]byte("GET / HTTP/1.1\r\nHost: " + b.WS + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"))
		res, err := http.ReadResponse(w.stream, nil)
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("upgrade: %v, %v", res, err)
		}
		res.Body.Close()
		w.raw(frame)
		w.flood(bytes.Repeat([]byte("INVITE sip:1000@127.0.0.1 SIP/2.0\r\n"), 1000), 3000) // 100 MB
	}
}

// endlessLines sends headers without end.
func endlessLines(t *testing.T, b *running) {
	for i := range 10 {
		w := openFrom(t, "tcp", besieger(53), b.TCP)
		w.raw([]byte("INVITE sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n"))
		line := "X-More: and more\r\n"
		if i%2 == 0 {
			line = "and more"
			w.raw([]byte("Subject: "))
		}
		w.flood([]byte(strings.Repeat(line, 5000)), 1000)
	}
}

// flood sends data again and again until the bridge closes the connection.
func (w *wire) flood(data []byte, times int) {
	w.t.Helper()
	for range times {
		_ = w.conn.SetWriteDeadline(time.Now().Add(patience))
		if _, err := w.conn.Write(data); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				w.t.Fatal("the bridge neither reads nor closes")
			}
			return
		}
	}
	w.t.Fatalf("the bridge has taken %d octets", times*len(data))
}

// neverReads asks and asks, with long fields that come back in each answer, and never reads one.
func neverReads(t *testing.T, b *running) {
	w := openFrom(t, "tcp", besieger(54), b.TCP)
	if err := w.conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 8000)
	w.flood([]byte(strings.ReplaceAll(fmt.Sprintf(`OPTIONS sip:1000@127.0.0.1 SIP/2.0
Via: SIP/2.0/TCP 127.0.0.1;rport;branch=z9hG4bKdeaf;more=%s
Max-Forwards: 5
From: <sip:deaf@127.0.0.1>;tag=1
To: <sip:1000@127.0.0.1>
Call-ID: deaf
CSeq: 1 OPTIONS
Content-Length: 0

`, long), "\n", "\r\n")), 100000)
}

// mergedRequest sends one call by two ways: one of them is it (RFC 3261 §8.2.2.2).
func mergedRequest(t *testing.T, b *running) {
	d := &dialogue{wire: openFrom(t, "tcp", besieger(55), b.TCP), room: "5000", id: "merged@test", cseq: 1}
	d.openRTP()
	d.send("INVITE", d.offer(plainSDP))
	taken := d.response(1, message.Invite)
	d.send("INVITE", d.offer(plainSDP))
	again := d.response(1, message.Invite)
	if taken.StatusCode != 200 || again.StatusCode != 482 {
		t.Errorf("%d and %d, want 200 and 482", taken.StatusCode, again.StatusCode)
	}
	d.toTag = taken.To.Tag()
	d.send("ACK", "")
	b.present(t, "5000", 1)
	d.bye()
}

// forgeries knows the Call-IDs of calls, and neither their tags nor where they come from.
func forgeries(t *testing.T, b *running, victims ...*guest) {
	for _, network := range []string{"udp", "tcp"} {
		addr := map[string]string{"udp": b.UDP, "tcp": b.TCP}[network]
		for _, victim := range victims {
			d := &dialogue{wire: openFrom(t, network, besieger(56), addr), room: "1000", id: victim.call.CallID(), toTag: "guessed", cseq: 1}
			d.openRTP()
			for _, method := range []message.Method{message.Bye, message.Invite, message.Update, message.Info} {
				before := b.refused(t, method)
				switch method {
				case message.Invite, message.Update:
					d.send(string(method), d.offer(plainSDP)+"a=inactive\n")
				case message.Info:
					d.sendWith("INFO", "Content-Type: application/dtmf-relay", "Signal=5\n")
				default:
					d.send(string(method), "")
				}
				if res := d.response(d.cseq, method); res.StatusCode != 481 {
					t.Errorf("%s over %s: %d %s, want 481", method, network, res.StatusCode, res.Reason)
				}
				if n := b.refused(t, method) - before; n != 1 {
					t.Errorf("%s over %s: counted %v times, want once", method, network, n)
				}
			}
			d.toTag, d.cseq = "", 1 // CANCEL is matched by its branch, which nobody guesses
			d.send("CANCEL", "")
			if res := d.response(1, message.Cancel); res.StatusCode != 481 {
				t.Errorf("CANCEL over %s: %d %s, want 481", network, res.StatusCode, res.Reason)
			}
		}
	}
}

// refused is how many requests have been told that their call does not exist.
func (b *running) refused(t *testing.T, method message.Method) float64 {
	n, _ := b.metric(t, "confbridge_sip_requests_total", fmt.Sprintf("method=%q", method), `code="481"`)
	return n
}
