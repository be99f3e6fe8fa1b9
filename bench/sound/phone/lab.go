// Package phone is simulated telephones: real SIP calls whose sound is sent by a schedule that was made before, and whose
// every received packet is kept with the time at which the kernel took it in. A telephone plays nothing and has no jitter
// buffer, so that there is nothing in it that could hide what came.
package phone

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/bench/uac"
	"github.com/confbridge/confbridge/bench/wire"
)

const (
	slotTime  = 500 * time.Microsecond // how often the thread looks for what is to be sent
	readSlots = 8                      // and after how many of these for what has come
	firstPort = 46000

	goProcessors = 16
)

// Lab is many telephones and the thread that sends and receives for them. Its methods are safe for concurrent use.
type Lab struct {
	zero  time.Time // times are told in seconds from here
	agent *uac.Agent
	stop  atomic.Bool
	done  chan struct{}

	mu     sync.Mutex // of phones and port; the thread never takes it
	phones []*Phone
	port   uint16

	orders chan func() // what the thread is to do between two slots; it never waits for others

	// The thread's, until Close.
	served []*Phone
	late   []int32 // how late each slot was begun, µs
}

// maxOrders is how many orders may wait for the thread.
const maxOrders = 4096

// Open starts a lab whose telephones call server, for at most last.
func Open(server netip.AddrPort, last time.Duration) (*Lab, error) {
	agent, err := uac.Listen(server)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	l := &Lab{zero: time.Now(), agent: agent, done: make(chan struct{}), orders: make(chan func(), maxOrders), port: firstPort, late: make([]int32, 0, int(last/slotTime)+1)}
	// The thread needs one of Go's processors whenever it wakes. Where as many goroutines as the machine has processors have
	// theirs taken away by other programs, it would have to wait for them.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), goProcessors))
	go l.run()
	return l, nil
}

// Close ends the thread and gives all sockets back. Calls that stand must have been hung up.
func (l *Lab) Close() error {
	l.stop.Store(true)
	<-l.done
	errs := []error{l.agent.Close()}
	for _, p := range l.phones {
		errs = append(errs, p.socket.Close())
	}
	return errors.Join(errs...)
}

// Seconds is when a time is, in the lab's own.
func (l *Lab) Seconds(t time.Time) float64 { return t.Sub(l.zero).Seconds() }

// Time is the reverse of Seconds.
func (l *Lab) Time(seconds float64) time.Time {
	return l.zero.Add(time.Duration(seconds * float64(time.Second)))
}

func (l *Lab) seconds(nanos int64) float64 { return float64(nanos-l.zero.UnixNano()) / 1e9 }

// Lateness says how late the slots were begun, in µs, unsorted: the lab's own fault. To be read after Close.
func (l *Lab) Lateness() []int32 { return l.late }

// add binds a telephone's socket, and gives it to the thread.
func (l *Lab) add(p *Phone) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	socket, err := wire.Open(l.port)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	l.port = socket.Port() + 2
	p.socket = socket
	l.phones = append(l.phones, p)
	l.orders <- func() { l.served = append(l.served, p) }
	return nil
}

// run is the thread.
func (l *Lab) run() {
	defer close(l.done)
	runtime.LockOSThread()
	// Before all others, where the system lets it: a packet that a telephone sends late is one that the bridge has to wait for.
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
	in := wire.NewInbox()
	for n := 1; !l.stop.Load(); n++ {
		due := l.zero.Add(time.Duration(n) * slotTime)
		if d := time.Until(due); d > 0 {
			ts := unix.NsecToTimespec(int64(d))
			unix.Nanosleep(&ts, nil) //nolint:errcheck // woken early by a signal, the next slot makes up for it
		}
		l.slot(n, due, in)
	}
}

func (l *Lab) slot(n int, due time.Time, in *wire.Inbox) {
	for len(l.orders) > 0 {
		(<-l.orders)()
	}
	if len(l.late) < cap(l.late) {
		l.late = append(l.late, int32(time.Since(due)/time.Microsecond))
	}
	now := time.Now()
	for i, p := range l.served {
		p.send(now)
		if (n+i)%readSlots == 0 {
			p.receive(in)
		}
	}
}

// Wait returns at a time, or with an error when ctx has ended.
func Wait(ctx context.Context, until time.Time) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Until(until)):
		return nil
	}
}
