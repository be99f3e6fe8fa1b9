package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// front answers SIP for a Janus that does not: a call becomes a participant of an AudioBridge with plain RTP, which goes between
// the telephone and Janus and never comes by here. It speaks to one caller that it trusts, on the loopback, and no more SIP than that takes.
type front struct {
	conn    *net.UDPConn
	janus   *janus
	cancel  context.CancelFunc
	read    sync.WaitGroup
	handled sync.WaitGroup

	mu    sync.Mutex
	calls map[string]*frontCall // by Call-ID
}

// frontCall is one call. Its fields are guarded by front.mu.
type frontCall struct {
	handle uint64 // 0 until Janus has given one
	final  []byte // the answer to its INVITE; empty until there is one
}

const requestWithin = 10 * time.Second

// codecs are those that AudioBridge has by their payload types of RFC 3551.
var codecs = map[int]string{0: "pcmu", 8: "pcma"}

// openFront listens for SIP at an address, for the Janus at a URL.
func openFront(ctx context.Context, at netip.AddrPort, url string) (*front, error) {
	j, err := openJanus(ctx, url)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err == nil {
		err = conn.SetReadBuffer(4 << 20)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("front: %w", err), j.Close(ctx))
	}
	f := &front{conn: conn, janus: j, calls: map[string]*frontCall{}}
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx)) // Close ends it
	f.read.Go(func() { f.run(ctx) })
	return f, nil
}

// Close ends all calls.
func (f *front) Close(ctx context.Context) error {
	err := f.conn.Close()
	f.read.Wait()
	f.cancel()
	f.handled.Wait()
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	return errors.Join(err, f.janus.Close(ctx))
}

// run reads until the socket is closed.
func (f *front) run(ctx context.Context) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := f.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		m, bad := message.Parse(buf[:n:n])
		if err != nil || bad != nil || !m.IsRequest() {
			continue
		}
		m = m.Clone()
		m.Body = []byte(string(m.Body)) // buf is used again
		f.take(ctx, m, from)
	}
}

// take begins what a request asks for.
func (f *front) take(ctx context.Context, m *message.Message, from netip.AddrPort) {
	switch m.Method {
	case message.Ack:
	case message.Invite:
		f.mu.Lock()
		c, known := f.calls[m.CallID]
		if !known {
			c = &frontCall{}
			f.calls[m.CallID] = c
		}
		final := c.final
		f.mu.Unlock()
		switch {
		case !known:
			f.handled.Go(func() { f.invite(ctx, c, m, from) })
		case len(final) > 0:
			f.write(final, from) // it was lost
		}
	case message.Bye:
		f.mu.Lock()
		var handle uint64
		if c := f.calls[m.CallID]; c != nil {
			handle = c.handle
		}
		delete(f.calls, m.CallID)
		f.mu.Unlock()
		f.handled.Go(func() { f.bye(ctx, handle, m, from) })
	default:
		f.write(message.NewResponse(m, 405, "").Bytes(), from)
	}
}

// invite brings who calls into the room that was dialled.
func (f *front) invite(ctx context.Context, c *frontCall, m *message.Message, from netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	handle, r := f.answer(ctx, m)
	r.To = r.To.WithTag("front")
	final := r.Bytes()
	f.mu.Lock()
	c.handle, c.final = handle, final
	f.mu.Unlock()
	f.write(final, from)
}

// answer is what becomes of an INVITE: a handle of Janus's, 0 where there is none, and the response.
func (f *front) answer(ctx context.Context, m *message.Message) (uint64, *message.Message) {
	telephone, kind, err := offered(string(m.Body))
	codec, spoken := codecs[kind]
	number, bad := strconv.Atoi(m.RequestURI.User)
	if err != nil || bad != nil || !spoken {
		return 0, message.NewResponse(m, 488, "")
	}
	handle, media, err := f.janus.join(ctx, number, codec, kind, telephone)
	if err != nil {
		return handle, message.NewResponse(m, 500, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	r := message.NewResponse(m, 200, "")
	r.SetBody("application/sdp", fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP %[3]d\r\na=ptime:20\r\n",
		media.Addr(), media.Port(), kind))
	if r.Contact, err = contact(f.conn.LocalAddr()); err != nil {
		return handle, message.NewResponse(m, 500, "")
	}
	return handle, r
}

func contact(at net.Addr) ([]message.Address, error) {
	a, err := message.ParseAddress("<sip:" + at.String() + ">")
	return []message.Address{a}, err
}

// bye ends a call, whose answer the caller has.
func (f *front) bye(ctx context.Context, handle uint64, m *message.Message, from netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	r := message.NewResponse(m, 200, "")
	if handle != 0 {
		if err := f.janus.leave(ctx, handle); err != nil {
			r = message.NewResponse(m, 500, strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
	f.write(r.Bytes(), from)
}

func (f *front) write(text []byte, to netip.AddrPort) {
	f.conn.WriteToUDPAddrPort(text, to) //nolint:errcheck // what is lost is asked for again
}

// offered is where an offer wants the sound, and the first payload type that it names.
func offered(sdp string) (telephone netip.AddrPort, kind int, err error) {
	var addr, port string
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			addr = rest
		}
		if fields := strings.Fields(line); len(fields) > 3 && fields[0] == "m=audio" {
			port = fields[1]
			if kind, err = strconv.Atoi(fields[3]); err != nil {
				return telephone, 0, fmt.Errorf("offer: %w", err)
			}
		}
	}
	if telephone, err = netip.ParseAddrPort(addr + ":" + port); err != nil {
		return telephone, 0, fmt.Errorf("offer: %w", err)
	}
	return telephone, kind, nil
}
