// Package receiver takes multicast sessions into rooms: a stage in another building, another bridge's mix, an encoder. Each is joined (package media), and is
// a participant without a call: it can be muted, moved, recorded and removed as others can, and hears nobody. Nothing is sent to the group but RTCP.
//
// A session that brings the room's own sound back would go round for ever: it is found by SSRC and CSRC, and leaves (RFC 3550 §8.2).
//
// Rooms keep sources among their settings, and have them again after a restart: each of these has a goroutine that looks for it when it has left.
//
// It is an edge, as package rooms/distributor is, which sends what this one must not take in. A leg is its room's.
package receiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// ErrPath says that a session cannot be joined: there is no such interface, or no route to the group.
var ErrPath = errors.New("no way from the group")

// Own knows what rooms send.
type Own interface {
	// Own says which of a room's distributions is sent under an SSRC, if one is. It is called in the tick, and does not wait.
	Own(room string, ssrc uint32) (id string, own bool)
}

// Config is how a Receiver behaves.
type Config struct {
	// Policy is that of distributions: of what may be sent to, the groups may be taken in. As many may be as there may be distributions.
	Policy distribution.Policy
	Own    Own
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

// Receiver takes sessions into rooms. Its methods are safe for concurrent use.
type Receiver struct {
	cfg    Config
	rooms  *rooms.Registry
	engine *media.Engine
	taken  atomic.Int32  // how many are taken in
	again  time.Duration // againEvery

	turn chan struct{} // one token for who changes what rooms keep

	mu      sync.Mutex
	kept    map[name]*keeping
	closed  bool
	keepers sync.WaitGroup
}

// New returns one that takes in nothing yet. Start has it take in what rooms keep, and then Close is to be called in the end.
func New(cfg Config, reg *rooms.Registry, engine *media.Engine) *Receiver {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Receiver{cfg: cfg, rooms: reg, engine: engine, again: againEvery, turn: make(chan struct{}, 1), kept: map[name]*keeping{}}
}

// shortPacket is the packet time of what is too much for 20 ms.
const shortPacket = 10 * time.Millisecond

// noiseType is the number of comfort noise, and noiseClockHz its clock (RFC 3551 §6, RFC 3389 §4).
const (
	noiseType    = 13
	noiseClockHz = 8000
)

// Receive takes a session into a room. It is there as long as the room has it, until its source is silent or says BYE, or brings the room's own sound
// back; ctx is for the way in only. Errors: those of rooms.Registry.Admit, ErrPath, and a distribution.Error with the field of [Source] that is at
// fault.
func (r *Receiver) Receive(ctx context.Context, room string, s Source) (rooms.ParticipantInfo, error) {
	p, err := r.receive(ctx, room, s)
	if err != nil {
		return rooms.ParticipantInfo{}, err
	}
	info, err := r.rooms.Participant(ctx, p.Room(), p.ID())
	if last, gone := p.Last(); gone {
		return last.ParticipantInfo, nil
	}
	return info, err
}

// receive is Receive, up to the participant.
func (r *Receiver) receive(ctx context.Context, room string, s Source) (*rooms.Participant, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if err := r.cfg.Policy.AllowSource(s.Group.Addr(), s.Interface); err != nil {
		return nil, err
	}
	if most := r.cfg.Policy.Most(); !r.reserve(most) {
		return nil, tooMany(most, "taken in", most)
	}
	return r.enter(ctx, room, s)
}

// reserve counts one more session, unless there are as many as there may be. Who is refused is not counted for a moment either: somebody else's place may be free by then.
func (r *Receiver) reserve(most int) bool {
	for {
		n := r.taken.Load()
		if int(n) >= most {
			return false
		}
		if r.taken.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// enter has a room admit a session that is counted already; it is counted until its leg is closed.
func (r *Receiver) enter(ctx context.Context, room string, s Source) (*rooms.Participant, error) {
	p, err := r.rooms.Admit(ctx, room, rooms.Caller{
		DisplayName: cmp.Or(s.DisplayName, s.Address()), Address: s.Address(), Role: rooms.RoleSpeaker, Way: rooms.WaySession,
		Origin: &rooms.Origin{Existing: s.ID != ""}, // a room that kept it and has been deleted since is not made again for it
	})
	if err != nil {
		r.taken.Add(-1)
		return nil, err
	}
	l, err := r.join(p, s)
	if err != nil {
		r.taken.Add(-1)
		p.Leave(rooms.ReasonFailed)
		return nil, err
	}
	if err := p.Join(ctx, l); err != nil {
		p.Leave(rooms.ReasonFailed)
		return nil, errors.Join(err, l.Close())
	}
	return p, nil
}

// join opens the leg of a session.
func (r *Receiver) join(p *rooms.Participant, s Source) (*leg, error) {
	l := &leg{participant: p, own: r.cfg.Own, taken: &r.taken, looped: rooms.EndError{Reason: rooms.ReasonLooped}}
	var err error
	l.Leg, err = r.engine.Join(media.Membership{
		Group: s.Group, RTCPPort: s.RTCPPort, Interface: s.Interface, Sources: s.Sources, TTL: min(s.TTL, r.cfg.Policy.TTL()), Key: s.Key,
		Timeout: s.Timeout, Own: l.isOwn,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPath, err)
	}
	profile := codec.Profile{Format: s.Format}
	if profile.Valid() != nil { // nothing is sent, but it must be something that could be: L16 of 48 kHz has packets of 10 ms
		profile.Packet = shortPacket
	}
	stream := media.Stream{Receive: true, Payloads: []media.Payload{{ReceiveType: s.PayloadType, SendType: s.PayloadType, Profile: profile}}}
	if s.Format.ClockRateHz == noiseClockHz && s.PayloadType != noiseType {
		stream.Noise = noiseType
	}
	if err := l.Configure(stream); err != nil {
		return nil, errors.Join(err, l.Leg.Close())
	}
	return l, nil
}
