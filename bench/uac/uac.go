// Package uac places calls for the benches: as little of a SIP user agent as that takes, many calls over one UDP socket.
// It is not the bridge's own SIP, so that the two do not share their mistakes.
package uac

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The timers of RFC 3261 §17.1.1.2 and §17.1.2.2.
const (
	t1      = 500 * time.Millisecond
	t2      = 4 * time.Second
	timeout = 64 * t1
)

// ErrTimeout says that a request was never answered.
var ErrTimeout = errors.New("no answer")

// Agent is one SIP user agent. Its methods are safe for concurrent use.
type Agent struct {
	conn   *net.UDPConn
	server netip.AddrPort
	local  string
	read   sync.WaitGroup

	mu    sync.Mutex
	calls map[string]*Call // by Call-ID

	sent, got atomic.Int64
}

// Listen opens an agent that talks to server.
func Listen(server netip.AddrPort) (*Agent, error) {
	return ListenAt(netip.AddrFrom4([4]byte{127, 0, 0, 1}), server)
}

// ListenAt is Listen at another of the host's addresses.
func ListenAt(address netip.Addr, server netip.AddrPort) (*Agent, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, 0)))
	if err != nil {
		return nil, fmt.Errorf("SIP socket: %w", err)
	}
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		return nil, errors.Join(fmt.Errorf("SIP socket: %w", err), conn.Close())
	}
	a := &Agent{conn: conn, server: server, local: conn.LocalAddr().String(), calls: map[string]*Call{}}
	a.read.Go(a.run)
	return a, nil
}

// Close gives the socket back. It does not hang up.
func (a *Agent) Close() error {
	err := a.conn.Close()
	a.read.Wait()
	return err
}

// Retransmissions counts the requests that were sent again, and the responses that came again.
func (a *Agent) Retransmissions() (sent, received int64) { return a.sent.Load(), a.got.Load() }

// Call is one call.
type Call struct {
	// Media is where the far end wants the sound, Answer its last SDP. Both change with Change.
	Media  netip.AddrPort
	Answer string
	// Ended is set when the far end hangs up.
	Ended atomic.Bool

	agent               *Agent
	id, tag, to, target string
	name                string
	sequence            int
	answers             chan message
	mu                  sync.Mutex
	final               int    // the CSeq of the last INVITE that has its answer: what comes now is a repetition
	ack                 string // sent again for each of them (RFC 3261 §13.2.2.4)
}

// Call calls a number with PCMU. The sound it wants goes to rtpPort on the loopback address.
func (a *Agent) Call(ctx context.Context, number string, rtpPort uint16) (*Call, error) {
	return a.Place(ctx, number, "load", fmt.Sprintf("v=0\r\no=load %d 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n", rand.Uint32(), rtpPort))
}

// Place calls a number with an offer; name is the caller's, as others see it.
func (a *Agent) Place(ctx context.Context, number, name, offer string) (*Call, error) {
	uri := fmt.Sprintf("sip:%s@%s", number, a.server)
	c := &Call{
		agent: a, id: strconv.FormatUint(rand.Uint64(), 36) + "@load", tag: strconv.FormatUint(rand.Uint64(), 36), to: "<" + uri + ">", target: uri,
		name: name, answers: make(chan message, 16),
	}
	a.mu.Lock()
	a.calls[c.id] = c
	a.mu.Unlock()
	if err := c.invite(ctx, offer); err != nil {
		c.forget()
		return nil, fmt.Errorf("call %s: %w", number, err)
	}
	var err error
	if c.Media, err = mediaOf(c.Answer); err != nil {
		return nil, errors.Join(fmt.Errorf("call %s: %w", number, err), c.Hangup(ctx))
	}
	return c, nil
}

// Change makes another offer within the call (RFC 3261 §14). After an error all is as before.
func (c *Call) Change(ctx context.Context, offer string) error {
	before := c.Answer
	if err := c.invite(ctx, offer); err != nil {
		return fmt.Errorf("change the call: %w", err)
	}
	media, err := mediaOf(c.Answer)
	if err != nil {
		c.Answer = before
		return fmt.Errorf("change the call: %w", err)
	}
	c.Media = media
	return nil
}

// invite sends an INVITE and keeps its answer.
func (c *Call) invite(ctx context.Context, offer string) error {
	answer, err := c.request(ctx, "INVITE", offer)
	if err != nil {
		return err
	}
	if answer.code >= 300 {
		return fmt.Errorf("%d %s", answer.code, answer.reason)
	}
	c.Answer = answer.body
	return nil
}

// Hangup ends the call.
func (c *Call) Hangup(ctx context.Context) error {
	defer c.forget()
	if c.Ended.Load() {
		return nil
	}
	answer, err := c.request(ctx, "BYE", "")
	if err == nil && answer.code >= 300 {
		err = fmt.Errorf("%d %s", answer.code, answer.reason)
	}
	if err != nil {
		return fmt.Errorf("hang up: %w", err)
	}
	return nil
}

func (c *Call) forget() {
	c.agent.mu.Lock()
	defer c.agent.mu.Unlock()
	delete(c.agent.calls, c.id)
}

// request is one client transaction: it sends until something comes back, and returns the final response, which it
// has acknowledged if it answers an INVITE.
func (c *Call) request(ctx context.Context, method, body string) (message, error) {
	c.sequence++
	branch := "z9hG4bK" + strconv.FormatUint(rand.Uint64(), 36)
	text := c.build(method, branch, c.sequence, body)
	c.agent.write(text)
	interval, started := t1, time.Now()
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return message{}, context.Cause(ctx)
		case <-timer.C:
			if time.Since(started) >= timeout {
				return message{}, fmt.Errorf("%s: %w", method, ErrTimeout)
			}
			c.agent.sent.Add(1)
			c.agent.write(text)
			if interval *= 2; method != "INVITE" {
				interval = min(interval, t2)
			}
			timer.Reset(interval)
		case m := <-c.answers:
			if m.method != method || m.sequence != c.sequence {
				continue
			}
			if m.code < 200 {
				if method == "INVITE" { // it goes on for as long as it rings, within reason
					timer.Reset(timeout)
				}
				continue
			}
			if method == "INVITE" {
				c.acknowledge(m, branch)
			}
			return m, nil
		}
	}
}

// acknowledge sends the ACK: of its own transaction for a 2xx, of the INVITE's otherwise (RFC 3261 §13.2.2.4, §17.1.1.3).
func (c *Call) acknowledge(m message, branch string) {
	c.to = m.header("to", "t")
	if m.code < 300 {
		branch += "a"
		if contact := m.header("contact", "m"); contact != "" {
			c.target = uriOf(contact)
		}
	}
	ack := c.build("ACK", branch, m.sequence, "")
	c.mu.Lock()
	c.ack = ack
	c.mu.Unlock()
	c.agent.write(ack)
}

func (c *Call) build(method, branch string, sequence int, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n", method, c.target, c.agent.local, branch)
	fmt.Fprintf(&b, "From: %q <sip:load@%s>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		c.name, c.agent.local, c.tag, c.to, c.id, sequence, method)
	if method == "INVITE" {
		fmt.Fprintf(&b, "Contact: <sip:load@%s>\r\nContent-Type: application/sdp\r\n", c.agent.local)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (a *Agent) write(text string) {
	a.conn.WriteToUDPAddrPort([]byte(text), a.server) //nolint:errcheck // what is not sent is sent again
}

// run reads until the socket is closed.
func (a *Agent) run() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := a.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if m, ok := parse(string(buf[:n])); err == nil && ok {
			a.handle(m, from)
		}
	}
}

func (a *Agent) handle(m message, from netip.AddrPort) {
	a.mu.Lock()
	c := a.calls[m.header("call-id", "i")]
	a.mu.Unlock()
	switch {
	case m.code == 0 && m.method != "ACK":
		if m.method == "BYE" && c != nil {
			c.Ended.Store(true)
		}
		a.conn.WriteToUDPAddrPort([]byte(m.ok()), from) //nolint:errcheck // if it is lost, the request comes again
	case m.code == 0 || c == nil:
	default:
		if m.method == "INVITE" && m.code >= 200 && c.repeated(m.sequence) {
			a.got.Add(1)
			return
		}
		select {
		case c.answers <- m:
		default: // more answers than any request has
		}
	}
}

// repeated notes a final answer to the INVITE of that CSeq. If there was one before, it is acknowledged again.
func (c *Call) repeated(sequence int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sequence > c.final {
		c.final = sequence
		return false
	}
	if sequence == c.final && c.ack != "" {
		c.agent.write(c.ack)
	}
	return true
}
