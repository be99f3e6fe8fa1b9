package multicast

import (
	"cmp"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media/internal/udp"
)

// Kind is what has happened to a distribution.
type Kind uint8

const (
	// Down is the path gone: nothing is sent until Up.
	Down Kind = 1 + iota
	// Up is the path there again. The stream goes on under its SSRC.
	Up
	// Collided is somebody else with our SSRC: we have taken another (RFC 3550 §8.2).
	Collided
	// Looped is our own that somebody sends back (RFC 3550 §8.2).
	Looped
)

// Event is what Config.Notify is told.
type Event struct {
	Kind   Kind
	SSRC   uint32         // as it is now
	Before uint32         // of Collided: what it was
	From   netip.AddrPort // of Collided and Looped: where the other is
	Err    error          // of Down: why
}

const (
	// keeperEvery is how often the path is looked at.
	keeperEvery = time.Second
	eventsQueue = 16
)

var errSends = errors.New("multicast: nothing could be sent for half a second")

// keeper is the part of a Sender that may wait: a goroutine that looks at the path, opens sockets, and tells of it. Sockets that are ready
// go to the tick by fresh, and those of a lost path come back by retired.
type keeper struct {
	fresh, retired atomic.Pointer[outlet]
	parked         atomic.Pointer[outlet] // of a Sender that rests: no tick comes to give it back
	drop           atomic.Bool            // the tick is to give its outlet back
	up             atomic.Bool
	since          atomic.Int64 // ns since 1970

	ailing  chan struct{}
	events  chan Event
	leaving chan departure
	done    chan struct{}
}

// departure is how a Sender leaves.
type departure struct {
	out    *outlet // with many in the session; nil: all has been said
	sender *Sender // from here on the keeper's
}

func (k *keeper) start(s *Sender, out *outlet) {
	k.ailing, k.events = make(chan struct{}, 1), make(chan Event, eventsQueue)
	k.leaving, k.done = make(chan departure, 1), make(chan struct{})
	k.turn(out != nil)
	w := watch{keeper: k, cfg: &s.cfg, ssrc: &s.counters.ssrc, packets: &s.counters.packets}
	if out != nil {
		w.index, w.port = out.index, out.port()
	} else {
		w.gone = true
	}
	go w.run()
}

func (k *keeper) turn(up bool) {
	k.since.Store(time.Now().UnixNano())
	k.up.Store(up)
}

func (k *keeper) condition() (up bool, since time.Time) {
	return k.up.Load(), time.Unix(0, k.since.Load())
}

// tell queues an event; it does not wait.
func (k *keeper) tell(e Event) {
	select {
	case k.events <- e:
	default:
	}
}

// ail says that nothing can be sent any more; it does not wait.
func (k *keeper) ail() {
	select {
	case k.ailing <- struct{}{}:
	default:
	}
}

// exchange is for the tick: it gives away what is asked for and takes what is ready.
func (k *keeper) exchange(out *outlet, failures int) (*outlet, int) {
	if out != nil && k.drop.Load() {
		k.retired.Store(out)
		out = nil
	}
	if fresh := k.fresh.Swap(nil); fresh != nil {
		return fresh, 0
	}
	return out, failures
}

// leave is for the owner of s, who closes it.
func (k *keeper) leave(s *Sender, now time.Time) error {
	s.unpark()
	out, _ := k.exchange(s.out, 0)
	s.out = nil
	d := departure{sender: s}
	var err error
	switch {
	case out == nil:
	case !s.report.sentAny: // who never sent anything must not say BYE (RFC 3550 §6.3.7)
		err = out.close()
	case s.report.members.Count() < many:
		s.sendRTCP(out, s.report.appendBye(s.buf[:0], s, now))
		err = out.close()
	case s.counters.replaced.Load(): // a BYE that is put off would be that of the next one
		err = out.close()
	default:
		d.out = out
	}
	k.leaving <- d // has room for the only one
	return err
}

// watch is what the keeper's goroutine has.
type watch struct {
	*keeper
	cfg   *Config
	ssrc  *atomic.Uint32
	index int    // of the interface
	port  uint16 // that is tried first
	gone  bool   // the tick has no sockets

	links *udp.Links // once the interface was looked at

	packets *atomic.Uint64 // sent
	failing bool           // sends have failed while the path was there, and none has succeeded since
	trial   bool           // the tick has sockets by which nothing has been sent yet, and nobody has been told of them
	before  uint64         // packets when the trial began
}

func (w *watch) run() {
	defer close(w.done)
	defer w.closeLinks()
	ticker := time.NewTicker(cmp.Or(w.cfg.every, keeperEvery))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.look()
		case <-w.ailing:
			w.lose(errSends)
		case e := <-w.events:
			w.notify(e)
		case d := <-w.leaving:
			w.clear()
			if d.out != nil {
				d.sender.linger(d.out)
			}
			return
		}
	}
}

func (w *watch) notify(e Event) {
	if w.cfg.Notify != nil {
		w.cfg.Notify(e)
	}
}

// look sees whether the path is still there, or there again.
func (w *watch) look() {
	if w.trial && w.packets.Load() != w.before {
		w.trial, w.failing = false, false
		w.rise()
	}
	if w.trial || w.up.Load() {
		if err := w.linkError(); err != nil {
			w.lose(err)
		}
		return
	}
	for _, p := range []*atomic.Pointer[outlet]{&w.retired, &w.parked, &w.fresh} {
		if old := p.Swap(nil); old != nil {
			_ = old.close() // of a path that is gone
			w.gone = true
		}
	}
	if !w.gone {
		return // no tick has come since
	}
	out, err := openOutlet(w.cfg, w.port)
	if err != nil {
		return // it was told of already
	}
	w.gone, w.index, w.port = false, out.index, out.port()
	w.drop.Store(false)
	w.before, w.trial = w.packets.Load(), w.failing
	w.fresh.Store(out)
	if !w.trial { // sockets can be opened also where sending is forbidden: it is up when something has been sent
		w.rise()
	}
}

// rise tells that the path is there again.
func (w *watch) rise() {
	w.turn(true)
	w.notify(Event{Kind: Up, SSRC: w.ssrc.Load()})
}

// errChanged is an interface that was taken away and made again under its name.
var errChanged = errors.New("multicast: the interface is another one now")

// linkError is nil where the interface is as it was, and where none was named.
func (w *watch) linkError() error {
	if w.cfg.Path.Interface == "" {
		return nil
	}
	if w.links == nil {
		links, err := udp.OpenLinks()
		if err != nil {
			return nil //nolint:nilerr // no descriptor is free to ask by: nothing is known of the interface
		}
		w.links = &links
	}
	link, err := w.links.Named(w.cfg.Path.Interface)
	switch {
	case err != nil:
		return err
	case !link.Up:
		return errDown
	case link.Index != w.index:
		return errChanged
	}
	return nil
}

func (w *watch) closeLinks() {
	if w.links != nil {
		_ = w.links.Close() // it was only asked by
	}
}

var errDown = errors.New("multicast: the interface is down")

// lose has the tick give its sockets back.
func (w *watch) lose(err error) {
	if w.trial { // it has been told of
		w.trial = false
		w.drop.Store(true)
		return
	}
	if !w.up.Load() {
		return
	}
	w.failing = errors.Is(err, errSends)
	w.turn(false)
	w.drop.Store(true)
	w.notify(Event{Kind: Down, SSRC: w.ssrc.Load(), Err: err})
}

// clear closes what is on its way between the two.
func (w *watch) clear() {
	for _, p := range []*atomic.Pointer[outlet]{&w.fresh, &w.retired, &w.parked} {
		if out := p.Swap(nil); out != nil {
			_ = out.close() // nothing was sent by it, or its path is gone
		}
	}
}
