package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// flood sends OPTIONS and counts what comes back.
func flood(ctx context.Context, o options) (Result, error) {
	conn, err := dial(0, o.to)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = conn.Close() }() // nothing of it is wanted any more
	r := Result{Statuses: map[string]int{}}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if isTimeout(err) || errors.Is(err, net.ErrClosed) {
				return
			}
			if n > 12 && bytes.HasPrefix(buf, []byte("SIP/2.0 ")) {
				r.Statuses[string(buf[8:11])]++
			}
		}
	}()
	local, start := conn.LocalAddr().String(), time.Now()
	for now := start; now.Sub(start) < o.last && ctx.Err() == nil; now = time.Now() {
		for due := int(now.Sub(start).Seconds() * o.rate); r.Offered < due; r.Offered++ {
			_, _ = fmt.Fprintf(conn, "OPTIONS sip:x@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:f@f>;tag=%d\r\n"+
				"To: <sip:x@x>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", o.to, local, r.Offered, r.Offered, r.Offered)
		}
		time.Sleep(time.Millisecond)
	}
	r.Seconds = time.Since(start).Seconds()
	r.Rate = float64(r.Offered) / r.Seconds
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	<-read
	return r, nil
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
