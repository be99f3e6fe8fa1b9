// Package rooms holds the conference rooms: who is in them, what they may do, the tick that mixes them, and the
// events that tell what happened. It knows sound (package mixer) and people; how either came here is not its business.
package rooms

import (
	"context"
	"log/slog"
	"time"
)

// Config is how the rooms of one bridge behave. The zero value works: no rooms on demand, a grace time of 10 s.
type Config struct {
	// OnDemand lets a call to a number that nobody configured make a room of that number.
	OnDemand bool
	// EmptyGrace is how long an on-demand room stays when everybody has left; 0 means 10 s.
	EmptyGrace time.Duration
	// EventsKept is how many events of a room can be watched from the past; 0 means 4096.
	EventsKept int
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

// Registry is all rooms of a bridge, by number. Its methods are safe for concurrent use. Each error wraps one of this
// package's sentinels, or is the context's.
type Registry struct{}

// NewRegistry returns a registry without rooms.
func NewRegistry(cfg Config) *Registry { panic("TODO") }

// Create makes a room that stays until it is deleted. Number: 1 to 64 of letters, digits, and -_.+*# (ErrInvalid,
// ErrRoomExists; an on-demand room of that number becomes a lasting one).
func (g *Registry) Create(ctx context.Context, number string, s Settings) (Info, error) { panic("TODO") }

// Info describes a room (ErrNoRoom).
func (g *Registry) Info(ctx context.Context, number string) (Info, error) { panic("TODO") }

// List describes at most max rooms whose number sorts behind after, in order of number.
func (g *Registry) List(ctx context.Context, after string, max int) ([]Info, error) { panic("TODO") }

// Update changes a room's settings (ErrNoRoom, ErrInvalid).
func (g *Registry) Update(ctx context.Context, number string, p SettingsPatch) (Info, error) { panic("TODO") }

// Delete takes a room away. If somebody is in it: ErrOccupied, or with force the conference ends first.
func (g *Registry) Delete(ctx context.Context, number string, force bool) error { panic("TODO") }

// End sends everybody in the room away for the reason given; a room that was made by Create stays, empty.
func (g *Registry) End(ctx context.Context, number string, why Reason) error { panic("TODO") }

// Admit lets a caller into a room as far as the door: a seat is taken, nothing is heard yet. It fails with ErrNoRoom,
// ErrLocked, ErrFull or ErrDraining. The participant must be ended by Leave, whether or not Join was called.
func (g *Registry) Admit(ctx context.Context, number string, c Caller) (*Participant, error) { panic("TODO") }

// Participants lists who has joined, in order of joining.
func (g *Registry) Participants(ctx context.Context, number string) ([]ParticipantInfo, error) { panic("TODO") }

// Participant describes one (ErrNoRoom, ErrNoParticipant).
func (g *Registry) Participant(ctx context.Context, number, id string) (ParticipantInfo, error) { panic("TODO") }

// UpdateParticipant changes one (ErrNoRoom, ErrNoParticipant, ErrInvalid). When it returns, the next tick mixes so.
func (g *Registry) UpdateParticipant(ctx context.Context, number, id string, p ParticipantPatch) (ParticipantInfo, error) {
	panic("TODO")
}

// Remove sends one participant away with ReasonRemoved.
func (g *Registry) Remove(ctx context.Context, number, id string) error { panic("TODO") }

// Watch follows a room's events. With after nil it starts with a snapshot and goes on from there; else it goes on
// behind event *after, and with a snapshot if that is no longer kept. A number that could become a room on demand
// can be watched before it is one.
func (g *Registry) Watch(ctx context.Context, number string, after *uint64) (*Watch, error) { panic("TODO") }

// Drain makes every Admit from now on fail with ErrDraining.
func (g *Registry) Drain() { panic("TODO") }

// Close ends every room with ReasonDraining and returns when all their goroutines have ended.
func (g *Registry) Close(ctx context.Context) error { panic("TODO") }

// Participant is one caller in one room, in the hands of whoever brought the caller. Its methods are safe for
// concurrent use.
type Participant struct{}

// ID is unique in the bridge's lifetime.
func (p *Participant) ID() string { panic("TODO") }

// Join puts the participant's leg into the mix. If it fails (ErrClosed), the leg is still the caller's to close.
func (p *Participant) Join(ctx context.Context, leg Leg) error { panic("TODO") }

// Change runs op on the room's goroutine between two ticks, where the leg may be touched; the leg's Format is read
// anew after it. It returns op's error, or ErrClosed if op never ran because the participant has left.
func (p *Participant) Change(ctx context.Context, op func() error) error { panic("TODO") }

// Key tells of a key that came by another way than the leg.
func (p *Participant) Key(ctx context.Context, digit byte, held time.Duration) error { panic("TODO") }

// Leave takes the participant out, closes the leg and returns after that. The first reason counts; more calls do nothing.
func (p *Participant) Leave(why Reason) { panic("TODO") }

// Left is closed when the participant has left, by Leave or because the room let go; Reason then says why.
func (p *Participant) Left() <-chan struct{} { panic("TODO") }

// Reason is why the participant left; ReasonUnspecified before that.
func (p *Participant) Reason() Reason { panic("TODO") }

// Snapshot is a room at one moment; events behind Sequence are not in it. Room.Number is empty in the snapshot of a
// number that is no room yet.
type Snapshot struct {
	Room         Info
	Participants []ParticipantInfo
	Sequence     uint64
}

// Watch is one watcher's place in a room's story. One goroutine uses it. It holds a cursor and no queue: nothing
// that a slow watcher does is felt by the room.
type Watch struct {
	// Snapshot is where the story starts; nil when it resumes behind an event that is still kept.
	Snapshot *Snapshot
}

// Next waits for the next event. A *MissedError says that events were dropped before this watcher came for them; Next
// may be called again and goes on behind them. ErrClosed when the registry closes; the context's error.
func (w *Watch) Next(ctx context.Context) (Event, error) { panic("TODO") }

// MissedError tells a slow watcher which events of the room it will never see.
type MissedError struct{ From, To uint64 }

func (e *MissedError) Error() string { panic("TODO") }
