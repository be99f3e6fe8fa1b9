package sipua

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is when a test gives up: it has failed then, however slow the machine is.
const patience = 20 * time.Second

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// bridge is a server with real rooms and real media on the loopback.
type bridge struct {
	*Server
	rooms *rooms.Registry
	addrs map[string]string // by transport
}

func newBridge(t *testing.T, change func(*Config)) *bridge {
	t.Helper()
	return newBridgeWith(t, media.Config{PortMin: 31000, PortMax: 31999}, nil, change)
}

// newBridgeWith puts front between the server and the rooms, where it is given.
func newBridgeWith(t *testing.T, ports media.Config, front func(*rooms.Registry) Rooms, change func(*Config)) *bridge {
	t.Helper()
	eng, err := media.NewEngine(ports)
	if err != nil {
		t.Fatal(err)
	}
	reg := rooms.NewRegistry(rooms.Config{OnDemand: true})
	cfg := Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}, UserAgent: "confbridge/test"}
	if change != nil {
		change(&cfg)
	}
	var asked Rooms = reg
	if front != nil {
		asked = front(reg)
	}
	s, err := New(cfg, asked, eng)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &bridge{Server: s, rooms: reg, addrs: map[string]string{}}
	for _, a := range s.Addrs() {
		scheme, addr, _ := strings.Cut(a, "://")
		b.addrs[scheme] = addr
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := reg.Close(ctx); err != nil {
			t.Errorf("close rooms: %v", err)
		}
	})
	return b
}

// participants waits until the room has n.
func (b *bridge) participants(t *testing.T, number string, n int) []rooms.ParticipantInfo {
	t.Helper()
	w, err := b.rooms.Watch(patient(t), number, nil)
	if err != nil {
		t.Fatal(err)
	}
	there := len(w.Snapshot.Participants)
	for there != n {
		ev, err := w.Next(patient(t))
		if err != nil {
			t.Fatalf("%d in room %s, want %d: %v", there, number, n, err)
		}
		switch ev.Kind {
		case rooms.KindJoined:
			there++
		case rooms.KindLeft:
			there--
		}
	}
	if n == 0 {
		return nil
	}
	list, err := b.rooms.Participants(patient(t), number)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// wire is a telephone made of text: it sends what it is told and reads what comes.
type wire struct {
	t         *testing.T
	transport string // UDP, TCP
	conn      net.Conn
	in        *bufio.Reader
	server    string
	callID    string
	tag       string // our From-tag
	toTag     string // the bridge's, once known
	target    string // Request-URI in the dialog
	seq       int
	rtp       int
	branch    string // of the last request but ACK and CANCEL
	refused   bool   // the last INVITE was refused: its ACK has its branch (RFC 3261 §17.1.1.3)
}

var lastCall int

func (b *bridge) phone(t *testing.T, transport string) *wire {
	t.Helper()
	addr := b.addrs[strings.ToLower(transport)]
	conn, err := net.Dial(strings.ToLower(transport), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	lastCall++
	return &wire{
		t: t, transport: transport, conn: conn, in: bufio.NewReaderSize(conn, 65536), server: addr,
		callID: "call-" + strconv.Itoa(lastCall), tag: "from" + strconv.Itoa(lastCall), rtp: 40000, target: "sip:1000@" + addr,
	}
}

func (w *wire) host() string { return w.conn.LocalAddr().String() }

// sdp is an offer or answer of PCMU.
func (w *wire) sdp(more ...string) string {
	ip := netip.MustParseAddrPort(w.host()).Addr()
	kind := "IP4"
	if ip.Is6() {
		kind = "IP6"
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN %[1]s %[2]v\r\ns=-\r\nc=IN %[1]s %[2]v\r\nt=0 0\r\nm=audio %[3]d RTP/AVP 0\r\n", kind, ip, w.rtp) +
		strings.Join(more, "")
}

// send sends a request of the dialog; headers come as they are, a body has its type among them.
func (w *wire) send(method, body string, headers ...string) {
	w.t.Helper()
	if method != "ACK" && method != "CANCEL" {
		w.seq++
	}
	w.sendSeq(method, w.seq, body, headers...)
}

func (w *wire) sendSeq(method string, seq int, body string, headers ...string) {
	w.t.Helper()
	if method != "CANCEL" && !(method == "ACK" && w.refused) {
		w.branch = fmt.Sprintf("z9hG4bK-%s-%s-%d-%d", w.callID, method, seq, time.Now().UnixNano())
	}
	to := "<sip:1000@bridge.example>"
	if w.toTag != "" {
		to += ";tag=" + w.toTag
	}
	lines := []string{
		method + " " + w.target + " SIP/2.0",
		"Via: SIP/2.0/" + w.transport + " " + w.host() + ";rport;branch=" + w.branch,
		"From: \"Alice A.\" <sip:alice@example.org>;tag=" + w.tag, "To: " + to, "Call-ID: " + w.callID,
		"CSeq: " + strconv.Itoa(seq) + " " + method,
	}
	if !strings.Contains(strings.Join(headers, "\n"), "Max-Forwards:") {
		lines = append(lines, "Max-Forwards: 70")
	}
	if !strings.Contains(strings.Join(headers, "\n"), "Contact:") {
		headers = append(headers, "Contact: <sip:alice@"+w.host()+";transport="+strings.ToLower(w.transport)+">")
	}
	lines = append(lines, headers...)
	if body != "" && !strings.Contains(strings.Join(headers, "\n"), "Content-Type:") {
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)), "", body)
	w.raw(strings.Join(lines, "\r\n"))
}

func (w *wire) raw(text string) {
	w.t.Helper()
	if _, err := w.conn.Write([]byte(text)); err != nil {
		w.t.Fatal(err)
	}
}

// read reads one message.
func (w *wire) read() *message.Message {
	w.t.Helper()
	if err := w.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	data := w.readText()
	m, err := message.Parse(data)
	if err != nil {
		w.t.Fatalf("%v in %q", err, data)
	}
	if faults := misfits(m); len(faults) > 0 {
		w.t.Errorf("%v in\n%s", faults, data)
	}
	return m
}

func (w *wire) readText() []byte {
	w.t.Helper()
	if w.transport == "UDP" {
		data := make([]byte, 65536)
		n, err := w.in.Read(data)
		if err != nil {
			w.t.Fatal(err)
		}
		return data[:n]
	}
	var text strings.Builder
	length := 0
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			w.t.Fatalf("%v behind %q", err, text.String())
		}
		text.WriteString(line)
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(w.in, body); err != nil {
		w.t.Fatal(err)
	}
	return append([]byte(text.String()), body...)
}

// final reads the final response to the last request of that method; repeats of others are passed over.
func (w *wire) final(method message.Method) *message.Message {
	w.t.Helper()
	for {
		m := w.read()
		if !m.IsRequest() && m.StatusCode >= 200 && m.CSeq.Method == method && int(m.CSeq.Seq) == w.seq {
			w.refused = method == message.Invite && m.StatusCode >= 300
			return m
		}
	}
}

func (w *wire) want(method message.Method, status int) *message.Message {
	w.t.Helper()
	res := w.final(method)
	if res.StatusCode != status {
		w.t.Fatalf("%s: got %d %s, want %d\n%s", method, res.StatusCode, res.Reason, status, res.Bytes())
	}
	return res
}

// wantRequest reads the next request of that method; responses are passed over.
func (w *wire) wantRequest(method message.Method) *message.Message {
	w.t.Helper()
	for {
		m := w.read()
		if !m.IsRequest() {
			continue
		}
		if m.Method != method {
			w.t.Fatalf("got %s, want %s", m.Method, method)
		}
		return m
	}
}

// answer answers a request of the bridge.
func (w *wire) answer(req *message.Message, status int) {
	w.raw(string(message.NewResponse(req, status, "").Bytes()))
}

// call places the call up to the ACK.
func (w *wire) call(headers ...string) *message.Message {
	w.t.Helper()
	w.send("INVITE", w.sdp(), headers...)
	res := w.want(message.Invite, 200)
	w.enter(res)
	w.send("ACK", "")
	return res
}

// enter takes the dialog from a 2xx.
func (w *wire) enter(res *message.Message) {
	w.toTag = res.To.Tag()
	w.target = res.Contact[0].URI.String()
}

func (w *wire) hangup() {
	w.t.Helper()
	w.send("BYE", "")
	w.want(message.Bye, 200)
}
