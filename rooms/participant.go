package rooms

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Participant is one caller in one room, in the hands of whoever brought the caller. Its methods are safe for
// concurrent use.
type Participant struct {
	id     string
	caller Caller

	room atomic.Pointer[room]
	// turn holds one token while something is asked of the room, and while the participant goes to another one, so that nothing is asked of the one
	// that it has left. No room's goroutine takes it.
	turn chan struct{}

	joined chan struct{} // closed by the room's goroutine

	once   sync.Once
	left   chan struct{}
	last   atomic.Pointer[Stay]
	reason Reason // written before left is closed
	dial   *dial  // the goroutine's of the room that it is called from, until it joins
	// keeper is the room that it is called from and that keeps a seat for it, where it is asked in a reception whether it wants to come; nil mostly. It is written before
	// anybody else knows of the participant.
	keeper *room
}

// Stay is how a participant was when its leg was given up.
type Stay struct {
	ParticipantInfo
	Ended time.Time
}

func newParticipant(r *room, c Caller) *Participant {
	c.Origin = nil
	p := &Participant{id: newID(), caller: c, turn: make(chan struct{}, 1), joined: make(chan struct{}), left: make(chan struct{})}
	p.room.Store(r)
	return p
}

// newID is 13 lower-case letters and digits that are not given again.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand.Read
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// ID is unique in the bridge's lifetime: 13 lower-case letters and digits.
func (p *Participant) ID() string { return p.id }

// Room is the number of the participant's room. It may be another one after a move.
func (p *Participant) Room() string { return p.room.Load().number }

// do runs op on the goroutine of the participant's room; while it goes to another one, of that.
func (p *Participant) do(ctx context.Context, op func(*state) error) error {
	select {
	case p.turn <- struct{}{}:
		defer p.endTurn()
		return p.room.Load().do(ctx, op)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *Participant) endTurn() { <-p.turn }

// gone says that the participant has left for good. The first reason counts.
func (p *Participant) gone(why Reason) {
	p.once.Do(func() {
		p.reason = why
		close(p.left)
	})
}

// Join puts the participant's leg into the mix. If it fails (ErrClosed when the participant has been let go, ErrElsewhere, or
// codec.ErrFormat), the leg is still the caller's to close.
func (p *Participant) Join(ctx context.Context, leg Leg) error {
	err := p.do(ctx, func(s *state) error { return s.join(p, leg) })
	if err != nil {
		return fmt.Errorf("join room %q: %w", p.Room(), err)
	}
	return nil
}

// Joined is closed when Join has put the participant's leg into the mix.
func (p *Participant) Joined() <-chan struct{} { return p.joined }

// Change runs op on the room's goroutine between two ticks, where the leg may be touched; the leg's Format is read
// anew after it. It returns op's error, or ErrClosed if op never ran because the participant has left. Before Join the
// leg is the caller's and there is nothing to change: op runs all the same.
func (p *Participant) Change(ctx context.Context, op func() error) error {
	return p.do(ctx, func(s *state) error { return s.change(p, op) })
}

// Swap gives a participant who has joined another leg: the same seat, with its ID, role, gain, and whether it is muted
// and deaf, for a call that takes the place of another (RFC 3891). Who called is told anew from c, but the role stays. The
// change is between two ticks: nobody else hears or misses anything. The old leg is closed. If Swap fails (ErrElsewhere; ErrClosed when
// the participant has not joined or has been let go, ErrBanned when c is banned from the room, or codec.ErrFormat), nothing has
// changed and the leg is still the caller's to close.
func (p *Participant) Swap(ctx context.Context, leg Leg, c Caller) error {
	err := p.do(ctx, func(s *state) error { return s.swap(p, leg, c) })
	if err != nil {
		return fmt.Errorf("swap legs in room %q: %w", p.Room(), err)
	}
	return nil
}

// Key tells of a key that came by another way than the leg: '0' to '9', '*', '#', 'A' to 'D' (ErrInvalid otherwise;
// ErrClosed when the participant has left).
func (p *Participant) Key(ctx context.Context, digit byte, held time.Duration) error {
	if !isKey(digit) {
		return fmt.Errorf("key %q: %w", digit, ErrInvalid)
	}
	return p.withMember(ctx, func(_ *state, m *member) error {
		m.keyAt(digit, held, time.Now())
		return nil
	})
}

// withMember runs op on the room's goroutine, if the participant has joined and not left (ErrClosed).
func (p *Participant) withMember(ctx context.Context, op func(*state, *member) error) error {
	return p.do(ctx, func(s *state) error {
		m := s.member(p.id)
		if m == nil {
			return ErrClosed
		}
		return op(s, m)
	})
}

// Leave takes the participant out, closes the leg and returns after that. The first reason counts; more calls do
// nothing.
func (p *Participant) Leave(why Reason) {
	p.turn <- struct{}{}
	_ = p.room.Load().doAlways(func(s *state) error { s.letGo(p, why); return nil }) // ErrClosed: the room has let go already
	p.leaveKeeper(why)
	p.endTurn()
	<-p.left
}

// Left is closed when the participant has left, by Leave or because the room let go; Reason then says why.
func (p *Participant) Left() <-chan struct{} { return p.left }

// Reason is why the participant left; ReasonUnspecified before that.
func (p *Participant) Reason() Reason {
	select {
	case <-p.left:
		return p.reason
	default:
		return ReasonUnspecified
	}
}

// Last is how the participant was when its leg was last given up, by leaving or to another leg (Swap); false where that has not
// happened, or where it never joined. It is known when Left is closed, and when Swap has returned.
func (p *Participant) Last() (Stay, bool) {
	last := p.last.Load()
	if last == nil {
		return Stay{}, false
	}
	return *last, true
}

func isKey(digit byte) bool {
	return '0' <= digit && digit <= '9' || digit == '*' || digit == '#' || 'A' <= digit && digit <= 'D'
}
