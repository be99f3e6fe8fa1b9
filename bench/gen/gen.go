// Package gen sends and receives the sound of many telephones from one thread, on time: each of them sends 50 packets
// a second, at a phase of its own within the 20 ms; what comes back is noted with the kernel's time. Nothing is encoded
// or decoded meanwhile: a telephone has all its payloads beforehand, and keeps those that it hears.
//
// The thread wakes every half millisecond. A telephone belongs to one of these forty slots, sends in it, and is then
// asked for what it has received; the time of that does not matter, since the kernel has stamped it.
package gen

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/bench/proc"
	"github.com/confbridge/confbridge/bench/wire"
)

const (
	// PacketTime is what a packet lasts.
	PacketTime = 20 * time.Millisecond
	// PacketSamples is the same in samples of G.711, and in bytes.
	PacketSamples = 160
	slots         = 40
	slotTime      = PacketTime / slots
	headerSize    = 12
	datagramSize  = 1500
	// keptBytes is what a packet may take on average where all that is heard is kept; what no longer fits is not.
	keptBytes = 2 * PacketSamples
)

// Plan says what is to happen when. Times are Unix nanoseconds.
type Plan struct {
	From, To         int64 // packets received in between count
	ToneFrom, ToneTo int64 // and what is heard in between is kept, of every leg
	ChirpTo          int64 // from From until then, one of Probes chirps every ChirpEvery packets, and the others say Leg.Sound
	ChirpEvery       int64
	Probes           []int
}

// Chirp is one that was sent.
type Chirp struct {
	Leg  int
	Sent int64 // Unix nanoseconds
}

// Set is many telephones and the thread that serves them.
type Set struct {
	Legs   []*Leg
	begun  time.Time
	plan   atomic.Pointer[Plan]
	stop   atomic.Bool
	done   chan struct{}
	chirps []Chirp
	late   []int32 // how late each slot was begun within the plan, µs
}

// Open binds the sockets of n telephones on the loopback. keep of them, evenly spread, remember for as long as last all they hear.
func Open(n, keep int, last time.Duration) (*Set, error) {
	return OpenAt([4]byte{127, 0, 0, 1}, n, keep, last)
}

// OpenAt is Open at another of the host's addresses.
func OpenAt(address [4]byte, n, keep int, last time.Duration) (*Set, error) {
	s := &Set{done: make(chan struct{}), late: make([]int32, 0, int(last/slotTime)+1), chirps: make([]Chirp, 0, 4096)}
	port := uint16(40000)
	for i := range n {
		sock, err := wire.OpenAt(address, port)
		if err != nil {
			return nil, errors.Join(err, s.closeSockets())
		}
		port = sock.Port() + 2
		packets := int(last/PacketTime) + 100
		l := &Leg{Coding: PCMU(), socket: sock, slot: i * slots / n, ssrc: rand.Uint32(), drift: make([]float32, 0, packets)}
		if keep > 0 && i%max(n/keep, 1) == 0 {
			l.Heard = make([]Packet, 0, packets)
			l.memory = make([]byte, 0, packets*keptBytes)
		}
		s.Legs = append(s.Legs, l)
	}
	return s, nil
}

// Start begins to send, on a thread of its own. Legs join in as they are connected.
func (s *Set) Start() {
	s.begun = time.Now()
	go s.run()
}

// Follow begins a plan.
func (s *Set) Follow(p *Plan) { s.plan.Store(p) }

// Stop ends the thread and closes the sockets. After it the legs may be read.
func (s *Set) Stop() error {
	s.stop.Store(true)
	<-s.done
	return s.closeSockets()
}

func (s *Set) closeSockets() error {
	var errs []error
	for _, l := range s.Legs {
		errs = append(errs, l.socket.Close())
	}
	return errors.Join(errs...)
}

// Chirps are those sent; to be read after Stop.
func (s *Set) Chirps() []Chirp { return s.chirps }

// Lateness says how late the slots were begun, in µs, unsorted: the generator's own fault. To be read after Stop.
func (s *Set) Lateness() []int32 { return s.late }

func (s *Set) run() {
	defer close(s.done)
	runtime.LockOSThread()
	proc.Prefer()
	bySlot := make([][]int, slots)
	for i, l := range s.Legs {
		bySlot[l.slot] = append(bySlot[l.slot], i)
	}
	in := wire.NewInbox()
	var out [datagramSize]byte
	for n := int64(0); !s.stop.Load(); n++ {
		due := s.begun.Add(time.Duration(n) * slotTime)
		sleep(time.Until(due))
		plan := s.plan.Load()
		if plan != nil && len(s.late) < cap(s.late) && due.UnixNano() < plan.To {
			s.late = append(s.late, int32(time.Since(due)/time.Microsecond))
		}
		for _, i := range bySlot[n%slots] {
			l := s.Legs[i]
			if l.connected.Load() {
				s.send(i, n/slots, out[:], plan)
				l.receive(in, plan)
			}
		}
	}
	for _, l := range s.Legs { // what is there still
		l.receive(in, s.plan.Load())
	}
}

// sleep gives the thread to the kernel for d. A goroutine's sleep would wake through the scheduler, later.
func sleep(d time.Duration) {
	if d > 0 {
		ts := unix.NsecToTimespec(int64(d))
		unix.Nanosleep(&ts, nil) //nolint:errcheck // woken early by a signal, the next slot makes up for it
	}
}

// send sends leg i's packet number n.
func (s *Set) send(i int, n int64, out []byte, plan *Plan) {
	l := s.Legs[i]
	l.header(out, n)
	if d := l.dialling.Load(); d != nil {
		if size := d.press(out, n); size > 0 {
			l.count(l.socket.Send(out[:size]))
			return
		}
	}
	size := headerSize + copy(out[headerSize:], s.say(i, n, plan))
	l.count(l.socket.Send(out[:size]))
}

// say is the payload of leg i's packet number n.
func (s *Set) say(i int, n int64, plan *Plan) []byte {
	l := s.Legs[i]
	switch {
	case len(l.Sound) > 0:
		sound := l.Sound
		if len(l.Last) > 0 && plan != nil && s.begun.UnixNano()+n*int64(PacketTime) >= plan.ChirpTo {
			sound = l.Last
		}
		return sound[int(n)%len(sound)]
	case l.chirped > 0:
		at := l.chirped
		l.chirped = (at + 1) % len(l.Chirp)
		return l.Chirp[at]
	case plan != nil && len(l.Chirp) > 0 && s.chirping(i, n, plan):
		if len(s.chirps) < cap(s.chirps) {
			s.chirps = append(s.chirps, Chirp{i, time.Now().UnixNano()})
		}
		l.chirped = 1 % len(l.Chirp)
		return l.Chirp[0]
	}
	return l.Silence[int(n)%len(l.Silence)]
}

func (s *Set) chirping(leg int, n int64, plan *Plan) bool {
	if plan.ChirpEvery == 0 || n%plan.ChirpEvery != 0 || len(plan.Probes) == 0 {
		return false
	}
	if now := time.Now().UnixNano(); now < plan.From || now >= plan.ChirpTo {
		return false
	}
	return plan.Probes[int(n/plan.ChirpEvery)%len(plan.Probes)] == leg
}

// Connect says where leg i's sound goes, and lets it begin.
func (s *Set) Connect(i int, to netip.AddrPort) error {
	if err := s.Legs[i].socket.Connect(to); err != nil {
		return fmt.Errorf("leg %d: %w", i, err)
	}
	s.Legs[i].connected.Store(true)
	return nil
}

// Disconnect lets leg i fall silent, until it is connected again.
func (s *Set) Disconnect(i int) {
	s.Legs[i].connected.Store(false)
	s.Legs[i].dialling.Store(nil)
}
