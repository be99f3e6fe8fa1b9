package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// connect opens the nth connection, over TLS where that is wanted: each loopback address has fifty. Whose certificate it is does not matter here.
func connect(ctx context.Context, n int, o options) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: address(n / 50)}}
	if o.tls {
		return (&tls.Dialer{NetDialer: &d, Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", o.to.String()) //nolint:gosec // a bridge of our own, started for this
	}
	return d.DialContext(ctx, "tcp", o.to.String())
}

func (o options) stream() string {
	if o.tls {
		return "TLS"
	}
	return "TCP"
}

// idle opens connections that say one OPTIONS, so that the bridge has read from each, and then nothing.
func idle(ctx context.Context, o options) (Result, error) {
	var r Result
	start := time.Now()
	for i := range o.calls {
		conn, err := connect(ctx, i, o)
		if err != nil {
			return r, fmt.Errorf("idle: connection %d: %w", i, err)
		}
		defer func() { _ = conn.Close() }() // nothing of it is wanted any more
		r.Offered++
		_, _ = fmt.Fprintf(conn, "OPTIONS sip:x@%s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:f@f>;tag=%d\r\n"+
			"To: <sip:x@x>\r\nCall-ID: i%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", o.to, o.stream(), conn.LocalAddr(), i, i, i)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if n, err := conn.Read(make([]byte, 2048)); err == nil && n > 0 {
			r.Accepted++
		}
	}
	r.Seconds = time.Since(start).Seconds()
	r.Rate = float64(r.Offered) / r.Seconds
	select {
	case <-time.After(o.last):
	case <-ctx.Done():
	}
	return r, nil
}

// pipelined places one call over one connection, writes requests of that call without waiting for any answer, reads the answers, and hangs up.
func pipelined(ctx context.Context, o options) (r Result, err error) {
	conn, err := connect(ctx, 0, o)
	if err != nil {
		return r, fmt.Errorf("pipelined: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing of it is wanted any more
	p := &pipe{o: o, conn: conn, in: bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(o.last))
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=recvonly\r\n"
	_, _ = io.WriteString(conn, p.request("INVITE", 1, "Content-Type: application/sdp\r\n", sdp))
	for status := 0; status < 200; {
		var h textproto.MIMEHeader
		if status, h, err = p.read(); err != nil {
			return r, fmt.Errorf("pipelined: INVITE: %w", err)
		}
		if status >= 300 {
			return r, fmt.Errorf("pipelined: INVITE: %d", status)
		}
		_, p.toTag, _ = strings.Cut(h.Get("To"), ";tag=")
		if status == 200 {
			p.target = strings.Trim(strings.SplitN(h.Get("Contact"), ";isfocus", 2)[0], "<>")
		}
	}
	_, _ = io.WriteString(conn, p.request("ACK", 1, "", ""))
	var all strings.Builder
	for i := range o.calls {
		all.WriteString(p.request("INFO", 2+i, "", ""))
	}
	start, wrote := time.Now(), make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, all.String())
		wrote <- err
	}()
	r.Statuses = map[string]int{}
	err = p.count(&r)
	r.Seconds = time.Since(start).Seconds()
	r.Rate = float64(r.Offered) / r.Seconds
	_, _ = io.WriteString(conn, p.request("BYE", 2+o.calls, "", ""))
	if status, _, byeErr := p.read(); byeErr == nil && status == 200 {
		r.Completed = 1
	}
	return r, errors.Join(err, <-wrote)
}

// pipe is the call of pipelined.
type pipe struct {
	o             options
	conn          net.Conn
	in            *bufio.Reader
	toTag, target string
}

// count reads as many answers as there were requests, and counts those that are not in their turn.
func (p *pipe) count(r *Result) error {
	for last := 1; r.Offered < p.o.calls; r.Offered++ {
		status, h, err := p.read()
		if err != nil {
			return fmt.Errorf("pipelined: after %d answers: %w", r.Offered, err)
		}
		seq, _ := strconv.Atoi(strings.TrimSuffix(h.Get("Cseq"), " INFO"))
		if seq != last+1 {
			r.Inversions++
		}
		last = seq
		r.Statuses[strconv.Itoa(status)]++
		if status == 200 {
			r.Accepted++
		}
	}
	return nil
}

func (p *pipe) request(method string, seq int, more, body string) string {
	uri, to, local := p.target, "", p.conn.LocalAddr()
	if uri == "" {
		uri = "sip:5000@" + p.o.to.String()
	}
	if p.toTag != "" {
		to = ";tag=" + p.toTag
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%[3]s %[4]s;branch=z9hG4bK%[1]s%[5]d\r\nMax-Forwards: 70\r\nFrom: <sip:load@load>;tag=1\r\n"+
		"To: <sip:5000@%[6]s>%[7]s\r\nCall-ID: pipe\r\nCSeq: %[5]d %[1]s\r\nContact: <sip:load@%[4]s;transport=tcp>\r\n%[8]sContent-Length: %[9]d\r\n\r\n%[10]s",
		method, uri, p.o.stream(), local, seq, p.o.to, to, more, len(body), body)
}

// read takes one response off the connection.
func (p *pipe) read() (status int, h textproto.MIMEHeader, err error) {
	t := textproto.NewReader(p.in)
	line, err := t.ReadLine()
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 || !strings.HasPrefix(line, "SIP/2.0 ") {
		return 0, nil, fmt.Errorf("%q is no status line", line)
	}
	if status, err = strconv.Atoi(line[8:11]); err != nil {
		return 0, nil, fmt.Errorf("%q is no status line", line)
	}
	if h, err = t.ReadMIMEHeader(); err != nil {
		return 0, nil, err
	}
	n, _ := strconv.Atoi(h.Get("Content-Length"))
	_, err = p.in.Discard(n)
	return status, h, err
}
