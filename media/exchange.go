package media

import (
	"errors"
	"time"

	"github.com/confbridge/confbridge/media/internal/udp"
)

// ExchangeLegs is how many legs an [Exchange] fetches for at once.
const ExchangeLegs = 64

// Exchange does the system calls of many legs together: one for all that has come in for 64 of them, one for 64 packets that go out. What
// comes in and goes out is the same as without. It is used like this, by one goroutine from Engine.Exchange to Engine.Return:
//
//	x := engine.Exchange()
//	for each 64 legs or less:
//		leg.FetchBy(x) of each, x.Fetch(), leg.Receive of each
//	leg.SendBy(x), leg.Send of each
//	engine.Return(x)
//
// An Exchange that is nil does nothing, and leaves the legs on their own. Nothing here allocates or waits.
type Exchange struct {
	ring    *udp.Ring
	parsed  parsed
	fetch   [ExchangeLegs]*Leg
	count   int
	letters [2 * ExchangeLegs]udp.Letter // the first of each leg, the second of each
	rtcp    [ExchangeLegs]udp.Letter
	outbox  udp.Outbox
}

// fetched is what an exchange has brought for a leg.
type fetched struct {
	by      *Exchange // nil: nobody has looked
	letters [2]*udp.Letter
	lengths [2]int
	rtcp    *udp.Letter
	rtcpLen int
}

// tags of requests: what is asked for, and the place in fetch.
const (
	tagFirst uint64 = iota << 32
	tagSecond
	tagRTCP
	tagKind = 3 << 32
)

func newExchange() (*Exchange, error) {
	ring, err := udp.NewRing(3 * ExchangeLegs)
	if err != nil {
		return nil, err
	}
	x := &Exchange{ring: ring}
	x.outbox.Init(ring)
	x.parsed.init()
	for i := range x.letters {
		x.letters[i].Init()
	}
	for i := range x.rtcp {
		x.rtcp[i].Init()
	}
	return x, nil
}

// FetchBy has the coming Fetch of x, an Exchange or nil, look for the leg, which takes it in with its next Receive. No more than ExchangeLegs are fetched for at a time; those
// beyond are on their own.
func (l *Leg) FetchBy(x interface{ Fetch() }) {
	by, _ := x.(*Exchange)
	if by == nil || l.closed || by.count == len(by.fetch) || l.dozes() && l.calls+1 < rtcpEvery {
		return
	}
	by.fetch[by.count] = l
	by.count++
}

// SendBy has what the leg sends from now on go out together with what others send, until x, an Exchange, is returned; nil: at once.
func (l *Leg) SendBy(x interface{ Fetch() }) {
	by, _ := x.(*Exchange)
	l.outbox = by.Outbox()
}

// Outbox is what others than legs send by together with them; nil where x is.
func (x *Exchange) Outbox() *udp.Outbox {
	if x == nil {
		return nil
	}
	return &x.outbox
}

// Fetch takes in what has come for the legs of FetchBy; the next Receive of each hands it on.
func (x *Exchange) Fetch() {
	if x == nil {
		return
	}
	x.Flush()
	for i, l := range x.fetch[:x.count] {
		l.fetched = fetched{by: x}
		x.ring.Receive(l.rtp, &x.letters[i], tagFirst|uint64(i))
		if l.calls+1 >= rtcpEvery {
			x.ring.Receive(l.rtcp, &x.rtcp[i], tagRTCP|uint64(i))
		}
	}
	x.run()
	// Most have one packet for each tick. Whether there is another one is asked where there was one.
	for i, l := range x.fetch[:x.count] {
		if l.fetched.letters[0] != nil {
			x.ring.Receive(l.rtp, &x.letters[ExchangeLegs+i], tagSecond|uint64(i))
		}
	}
	x.run()
	clear(x.fetch[:x.count])
	x.count = 0
}

// run has the kernel do what was asked for, and notes what came of it.
func (x *Exchange) run() {
	x.ring.Run()
	for tag, result, ok := x.ring.Next(); ok; tag, result, ok = x.ring.Next() {
		if result < 0 {
			continue
		}
		i := int(uint32(tag))
		f := &x.fetch[i].fetched
		switch tag & tagKind {
		case tagFirst:
			f.letters[0], f.lengths[0] = &x.letters[i], result
		case tagSecond:
			f.letters[1], f.lengths[1] = &x.letters[ExchangeLegs+i], result
		default:
			f.rtcp, f.rtcpLen = &x.rtcp[i], result
		}
	}
}

// Flush sends what waits.
func (x *Exchange) Flush() {
	if x != nil {
		x.outbox.Flush()
	}
}

// newExchanges makes so many; on an error there are none.
func newExchanges(n int) (pool[Exchange], error) {
	p := newPool[Exchange](n)
	for range n {
		x, err := newExchange()
		if err != nil {
			return p, errors.Join(err, closeExchanges(&p))
		}
		p.give(x, 0)
	}
	return p, nil
}

// closeExchanges closes those that are not lent.
func closeExchanges(p *pool[Exchange]) error {
	var errs []error
	for x := p.take(new(uint8)); x != nil; x = p.take(new(uint8)) {
		errs = append(errs, x.ring.Close())
	}
	return errors.Join(errs...)
}

// take hands on what the exchange has brought, and says whether all that has come for RTP, and for RTCP, is out of the sockets by that.
func (f *fetched) take(l *Leg, now time.Time, wallNow int64, in Inlet) (all, allRTCP bool) {
	brought := f.rtcp != nil
	for i, letter := range f.letters {
		if letter == nil {
			all = true
			break
		}
		l.handle(letter.Packet(f.lengths[i], now, wallNow), now, &f.by.parsed, in)
	}
	f.takeRTCP(l, now, wallNow, in)
	f.by = nil
	return all, !brought
}

// takeRTCP hands on the RTCP that the exchange has brought, if it has not been by now.
func (f *fetched) takeRTCP(l *Leg, now time.Time, wallNow int64, in Inlet) {
	if letter := f.rtcp; letter != nil {
		f.rtcp = nil
		l.handleRTCPPacket(letter.Packet(f.rtcpLen, now, wallNow), now, &f.by.parsed, in)
	}
}
