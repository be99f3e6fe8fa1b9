package main

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/bench/wire"
)

// patience is how long an answer is waited for; repeatAfter is timer A's first (RFC 3261 §17.1.1.2), once: what is not answered in that
// time is counted.
const (
	patience    = 8 * time.Second
	repeatAfter = 500 * time.Millisecond
)

// call is one INVITE and what became of it.
type call struct {
	number   int
	sent     time.Time
	status   int
	took     time.Duration
	retry    bool // Retry-After
	toTag    string
	contact  string
	endAt    time.Time // when its BYE is due
	byeSent  int       // times
	done     bool      // the BYE is answered
	repeated bool
}

// caller places calls, in turn from each of its UDP sockets. One goroutine does all of it, a millisecond at a time, so that the load leaves the
// processors to the bridge; when a response came is what the kernel says.
type caller struct {
	o     options
	conns []*net.UDPConn
	ears  []wire.Socket // of conns
	inbox *wire.Inbox
	sink  int // port that the sound goes to, where nobody listens to it
	id    string
	again int

	calls []*call
	byes  []*call // in the order of their time
	// unsure are those whose BYE was sent and has not been answered.
	unsure []*call
}

// placeCalls offers calls at a steady rate: it waits for nothing (an open loop), so that a bridge that is slow gets no less of them.
func placeCalls(ctx context.Context, o options) (Result, error) {
	var conns []*net.UDPConn
	var ears []wire.Socket
	for i := range max(o.sources, 1) {
		conn, err := dial(i, o.to)
		if err != nil {
			return Result{}, err
		}
		defer func() { _ = conn.Close() }() // nothing of it is wanted any more
		ear, err := wire.Of(conn)
		if err != nil {
			return Result{}, fmt.Errorf("calls: %w", err)
		}
		conns, ears = append(conns, conn), append(ears, ear)
	}
	sink, err := net.ListenUDP("udp", &net.UDPAddr{IP: o.to.Addr().AsSlice()})
	if err != nil {
		return Result{}, fmt.Errorf("calls: %w", err)
	}
	defer func() { _ = sink.Close() }()
	c := &caller{
		o: o, conns: conns, ears: ears, inbox: wire.NewInbox(), sink: sink.LocalAddr().(*net.UDPAddr).Port,
		id: strconv.FormatInt(time.Now().UnixNano(), 36),
	}
	start := time.Now()
	c.offer(ctx)
	offered := time.Since(start)
	c.linger(ctx)
	r := c.result()
	r.Seconds = offered.Seconds()
	r.Rate = float64(r.Offered) / offered.Seconds()
	return r, nil
}

// dial opens the nth socket; each has a loopback address of its own.
func dial(n int, to netip.AddrPort) (*net.UDPConn, error) {
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: address(n)}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	_ = conn.SetReadBuffer(4 << 20)
	return conn, nil
}

// address is the nth loopback address.
func address(n int) net.IP { return net.IPv4(127, 0, byte(n/250), byte(1+n%250)) }

// offer sends INVITEs when they are due, and the BYEs of those that were answered.
func (c *caller) offer(ctx context.Context) {
	start := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; ; {
		now := time.Now()
		due := int(now.Sub(start).Seconds() * c.o.rate)
		if c.o.calls > 0 {
			due = min(due, c.o.calls)
		}
		for ; sent < due; sent++ {
			c.invite(sent)
		}
		c.collect()
		c.hangUp(now)
		if now.Sub(start) >= c.o.last || c.o.calls > 0 && sent == c.o.calls {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// linger waits for what is still to come.
func (c *caller) linger(ctx context.Context) {
	until := time.Now().Add(patience + max(c.o.hold, 0))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 0; time.Now().Before(until) && (n%100 > 0 || !c.settled()) && ctx.Err() == nil; n++ {
		c.collect()
		c.hangUp(time.Now())
		<-tick.C
	}
}

// settled says that nothing is to come any more.
func (c *caller) settled() bool {
	return !slices.ContainsFunc(c.calls, func(k *call) bool { return k.status == 0 || k.status == 200 && c.o.hold >= 0 && !k.done })
}

func (c *caller) invite(n int) {
	k := &call{number: n, sent: time.Now()}
	c.calls = append(c.calls, k)
	c.send(k, c.invitation(k))
}

// unheard are the BYEs that were not answered in time, to be repeated (RFC 3261 §17.1.2.2): after 0.5, 1.5 and 3.5 s.
func (c *caller) unheard(now time.Time) (again []*call) {
	kept := c.unsure[:0]
	for _, k := range c.unsure {
		if k.done {
			continue
		}
		if wait := repeatAfter * (1<<(k.byeSent+1) - 1); k.byeSent < 3 && now.Sub(k.endAt) >= wait {
			k.byeSent++
			c.again++
			again = append(again, k)
		}
		kept = append(kept, k)
	}
	c.unsure = kept
	return again
}

func (c *caller) invitation(k *call) string {
	body := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=recvonly\r\n", c.sink)
	return c.request(k, "INVITE", 1, c.uri(k), "Content-Type: application/sdp\r\n", body)
}

func (c *caller) uri(k *call) string {
	room := c.o.room
	if room == "" {
		room = strconv.Itoa(5000 + k.number%20)
	}
	return "sip:" + room + "@" + c.o.to.String()
}

func (c *caller) local(k *call) string { return c.conns[k.number%len(c.conns)].LocalAddr().String() }

// request is a request of a call's; an ACK of a refusal has the INVITE's branch.
func (c *caller) request(k *call, method string, seq int, uri, more, body string) string {
	branch := fmt.Sprintf("z9hG4bK%s.%d.%d%s", c.id, k.number, seq, method[:1])
	if method == "ACK" && k.status != 200 {
		branch = fmt.Sprintf("z9hG4bK%s.%d.1I", c.id, k.number)
	}
	to := ""
	if k.toTag != "" {
		to = ";tag=" + k.toTag
	}
	local := c.local(k)
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: <sip:load@%s>;tag=%d\r\nTo: <%s>%s\r\n"+
		"Call-ID: %s.%d\r\nCSeq: %d %s\r\nContact: <sip:load@%s>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, uri, local, branch, local, k.number, c.uri(k), to, c.id, k.number, seq, method, local, more, len(body), body)
}

// send sends for a call; what the kernel drops is repeated or missed.
func (c *caller) send(k *call, text string) {
	_, _ = c.conns[k.number%len(c.conns)].Write([]byte(text))
}

// hangUp sends the BYEs that are due, and repeats INVITEs that have had no answer, once.
func (c *caller) hangUp(now time.Time) {
	var due []*call
	for len(c.byes) > 0 && !now.Before(c.byes[0].endAt) {
		due = append(due, c.byes[0])
		c.unsure = append(c.unsure, c.byes[0])
		c.byes = c.byes[1:]
	}
	due = append(due, c.unheard(now)...)
	var again []*call
	for i := len(c.calls) - 1; i >= 0 && now.Sub(c.calls[i].sent) < 2*time.Second; i-- {
		if k := c.calls[i]; k.status == 0 && !k.repeated && now.Sub(k.sent) >= repeatAfter {
			k.repeated = true
			again = append(again, k)
			c.again++
		}
	}
	for _, k := range due {
		c.send(k, c.request(k, "BYE", 2, k.contact, "", ""))
	}
	for _, k := range again {
		c.send(k, c.invitation(k))
	}
}

// collect takes the responses that have come.
func (c *caller) collect() {
	for _, ear := range c.ears {
		for n := wire.Batch; n == wire.Batch; {
			n = c.inbox.Receive(ear)
			for i := range n {
				data, at := c.inbox.Datagram(i)
				c.take(string(data), time.Unix(0, at))
			}
		}
	}
}

func (c *caller) take(text string, now time.Time) {
	if !strings.HasPrefix(text, "SIP/2.0 ") || len(text) < 12 {
		return
	}
	status, _ := strconv.Atoi(text[8:11])
	_, number, _ := strings.Cut(field(text, "Call-ID"), ".")
	n, err := strconv.Atoi(number)
	if err != nil || status < 200 {
		return
	}
	if n >= len(c.calls) {
		return
	}
	k := c.calls[n]
	method := field(text, "CSeq")
	var answer string
	switch {
	case strings.HasSuffix(method, "BYE"):
		k.done = status == 200
	case strings.HasSuffix(method, "INVITE"):
		if k.status == 0 {
			k.status, k.took = status, now.Sub(k.sent)
			k.retry = field(text, "Retry-After") != ""
			_, k.toTag, _ = strings.Cut(field(text, "To"), ";tag=")
			k.contact = strings.Trim(strings.SplitN(field(text, "Contact"), ";isfocus", 2)[0], "<>")
			if status == 200 && c.o.hold >= 0 {
				k.endAt = now.Add(c.o.hold)
				c.byes = append(c.byes, k)
			}
		}
		if c.o.hold >= 0 {
			uri := c.uri(k)
			if status == 200 {
				uri = k.contact
			}
			answer = c.request(k, "ACK", 1, uri, "", "")
		}
	}
	if answer != "" {
		c.send(k, answer)
	}
}

// field is a header field's value, of the text that this bridge writes.
func field(text, name string) string {
	_, rest, ok := strings.Cut(text, "\r\n"+name+": ")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

func (c *caller) result() Result {
	r := Result{Offered: len(c.calls), Statuses: map[string]int{}, Again: c.again}
	var accepted, refused []time.Duration
	for _, k := range c.calls {
		switch k.status {
		case 0:
			r.Silent++
		case 200:
			r.Accepted++
			accepted = append(accepted, k.took)
			if k.done {
				r.Completed++
			}
		case 503:
			r.Refused++
			refused = append(refused, k.took)
			if k.retry {
				r.RetryAfter++
			}
		}
		if k.status != 0 {
			r.Statuses[strconv.Itoa(k.status)]++
		}
	}
	r.AcceptMsP50, r.AcceptMsP95, _ = quantiles(accepted)
	_, r.RefuseMsP95, r.RefuseMsMax = quantiles(refused)
	return r
}

// quantiles are in milliseconds.
func quantiles(d []time.Duration) (p50, p95, most float64) {
	if len(d) == 0 {
		return 0, 0, 0
	}
	slices.Sort(d)
	ms := func(share float64) float64 {
		return math.Round(float64(d[min(len(d)-1, int(share*float64(len(d))))].Microseconds())/10) / 100
	}
	return ms(0.5), ms(0.95), ms(1)
}
