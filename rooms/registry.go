// Package rooms holds the conference rooms: who is in them, what they may do, the tick that mixes them, and the
// events that tell what happened. It knows sound (package mixer) and people; how either came here is not its business.
//
// A [Registry] holds all rooms by number. A room is one goroutine ([room.run]) that owns everything in it: members,
// legs, jitter buffers, codecs, the mix. Every 20 ms it runs one [state.tick], as long as somebody is there. All else
// reaches it through [room.do], between two ticks.
package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

// Config is how the rooms of one bridge behave. The zero value works: no rooms on demand, a grace time of 10 s.
type Config struct {
	// OnDemand lets a call to a number that nobody configured make a room of that number.
	OnDemand bool
	// EmptyGrace is how long an on-demand room stays when everybody has left; 0 means 10 s.
	EmptyGrace time.Duration
	// EventsKept is how many events of a room can be watched from the past; 0 means 4096.
	EventsKept int
	// Defaults are the settings of rooms that are made on demand, and what Registry.Defaults says.
	Defaults Settings
	// Recorder makes the recordings; nil: nothing can be recorded.
	Recorder Recorder
	// Sounds has what is said; nil: nothing is.
	Sounds Sounds
	// MovesTo are the rooms that moderators may send people to by keys: "1000", or "2*" for all whose numbers begin so; none: nobody is sent anywhere by keys.
	MovesTo []string
	// Dialer calls those whose numbers are dialled in rooms; nil: nobody is called by keys.
	Dialer Dialer
	// ExactTicks lets rooms sleep the last millisecond before a tick by themselves, half a millisecond nearer to it than the runtime's timers
	// come. They sleep it by the real clock. And it lets a room tick soon after the packets of the first who sends come.
	ExactTicks bool
	// Exchanges lends what does the system calls of many legs together; nil: each leg does its own.
	Exchanges Exchanges
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

const (
	defaultEmptyGrace = 10 * time.Second
	defaultEventsKept = 4096
	// Bounds of the event logs of numbers that are no room (any more): how many, and how many events in all of them, some
	// 650 bytes each.
	maxIdleLogs   = 1024
	maxIdleEvents = 1 << 16
	// maxNumber bounds a room number in bytes.
	maxNumber = 64
)

// Registry is all rooms of a bridge, by number. Its methods are safe for concurrent use. Each error wraps one of this
// package's sentinels, or is the context's.
type Registry struct {
	cfg           Config
	draining      atomic.Bool
	running       sync.WaitGroup // room goroutines
	life          *life          // of what nobody waits for
	eventsDropped atomic.Uint64
	metrics       *tickMetrics
	phases        *phases // nil without ExactTicks
	crewOnce      sync.Once
	crew          *crew // see hire
	turns         turns
	tally         tally
	tickingRooms  atomic.Int64
	lateRooms     atomic.Int64 // of them
	memory        *memory      // nil: nothing is kept
	bans          bans
	doubts        doubts

	mu      sync.Mutex // guards the maps, never held across a call out
	rooms   map[string]*room
	dormant map[string]*dormant // lasting rooms without a goroutine
	blocked map[string]bool     // numbers of rooms that could not be read
	logs    map[string]*eventLog
	idle    []string // numbers in logs that are no room, or a dormant one, longest idle first
	done    bool

	receptions receptions // guarded by mu too
}

// NewRegistry returns a registry without rooms.
func NewRegistry(cfg Config) *Registry {
	if cfg.EmptyGrace == 0 {
		cfg.EmptyGrace = defaultEmptyGrace
	}
	if cfg.EventsKept == 0 {
		cfg.EventsKept = defaultEventsKept
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Defaults.MaxTalkers = cfg.Defaults.talkersOr(mixer.DefaultTalkers)
	cfg.Defaults.Recording = cfg.Defaults.Recording.or(RecordingSettings{Content: RecordMix, Format: FormatOpus})
	cfg.Defaults.Speech = cfg.Defaults.speechOr(Speech{Speaking: SpeakAnswers, Announce: AnnounceNobody, AnnounceLimit: defaultAnnounceLimit})
	g := &Registry{
		cfg: cfg, life: newLife(), metrics: newTickMetrics(),
		turns: newTurns(), rooms: map[string]*room{}, dormant: map[string]*dormant{}, blocked: map[string]bool{}, logs: map[string]*eventLog{}, receptions: newReceptions(),
	}
	g.tally.log = cfg.Log
	if cfg.ExactTicks {
		g.phases = newPhases(time.Now(), perProcessor*runtime.GOMAXPROCS(0))
	}
	return g
}

// Defaults are the settings of a room that nobody has said anything about: those of rooms on demand. MaxTalkers is never 0.
func (g *Registry) Defaults() Settings { return g.cfg.Defaults }

// Speaks says whether those who are in a room are told by itself what happens there, and what they wait for.
func (g *Registry) Speaks(set Settings) bool {
	return g.cfg.Sounds != nil && set.speechOr(g.cfg.Defaults.Speech).Speaking == SpeakEvents
}

// Info describes a room (ErrNoRoom).
func (g *Registry) Info(ctx context.Context, number string) (Info, error) {
	if info, asleep := g.asleep(number); asleep {
		return info, nil
	}
	var info Info
	err := g.do(ctx, number, func(s *state) error { info = s.info(); return nil })
	return info, err
}

// List describes at most limit rooms whose number sorts behind after, in order of number.
func (g *Registry) List(ctx context.Context, after string, limit int) ([]Info, error) {
	var infos []Info
	for len(infos) < limit {
		numbers := g.numbers(after, limit-len(infos))
		if len(numbers) == 0 {
			break
		}
		for _, n := range numbers {
			info, err := g.Info(ctx, n)
			if err != nil && !errors.Is(err, ErrNoRoom) {
				return nil, err
			}
			if err == nil { // else it has closed since
				infos = append(infos, info)
			}
		}
		after = numbers[len(numbers)-1]
	}
	return infos, nil
}

// End sends everybody in the room away for the reason given; a room that was made by Create stays, empty.
func (g *Registry) End(ctx context.Context, number string, why Reason) error {
	return g.do(ctx, number, func(s *state) error {
		s.end(why)
		s.closed = s.onDemand
		return nil
	})
}

// Finish is End for ReasonEnded when everybody has heard that the conference is over, where the room says so (Speech.Speaking): some seconds later. The context
// ends the wait, and nothing else (ErrNoRoom).
func (g *Registry) Finish(ctx context.Context, number string) error {
	var ended <-chan struct{}
	if err := g.do(ctx, number, func(s *state) error { ended = s.sayGoodbye(ReasonEnded); return nil }); err != nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Admit lets a caller into a room as far as the door: a seat is taken, nothing is heard yet. It fails with ErrNoRoom,
// ErrNotOpen (a NotOpenError), ErrLocked, ErrFull, ErrBanned, ErrDraining or ErrStorage. The participant must be ended by Leave, whether or not Join was called.
func (g *Registry) Admit(ctx context.Context, number string, c Caller) (*Participant, error) {
	return g.seat(ctx, number, c, func(*state, *Participant) {})
}

// seat takes a seat for a caller, and does with it on the room's goroutine what taken says.
func (g *Registry) seat(ctx context.Context, number string, c Caller, taken func(*state, *Participant)) (*Participant, error) {
	for {
		if g.draining.Load() {
			return nil, wrap("admit to room", number, ErrDraining)
		}
		r, err := g.lookupOrOpen(ctx, number, c.Origin == nil || !c.Origin.Existing)
		if err != nil {
			return nil, wrap("admit to room", number, err)
		}
		p := newParticipant(r, c)
		err = r.do(ctx, func(s *state) error {
			if err := s.admit(p, c.Role); err != nil {
				return err
			}
			taken(s, p)
			return nil
		})
		if errors.Is(err, ErrClosed) {
			continue // it closed under our hands; the next look-up finds none
		}
		if err != nil {
			return nil, wrap("admit to room", number, err)
		}
		return p, nil
	}
}

// Reachable says whether a caller of that number would find a room: nil, ErrNoRoom, ErrDraining, or ErrStorage where there was one that could not
// be read. It neither opens one nor waits for one, so it does not say whether the room is locked or full.
func (g *Registry) Reachable(number string) error {
	switch {
	case g.draining.Load():
		return fmt.Errorf("room %q: %w", number, ErrDraining)
	case g.isBlocked(number):
		return fmt.Errorf("room %q: %w", number, errBlocked)
	case !g.exists(number) && (!g.cfg.OnDemand || checkNumber(number) != nil):
		return fmt.Errorf("room %q: %w", number, ErrNoRoom)
	}
	return nil
}

// lookupOrOpen finds a room, or makes it where that is wanted and allowed.
func (g *Registry) lookupOrOpen(ctx context.Context, number string, open bool) (*room, error) {
	for {
		if r := g.room(number); r != nil {
			return r, nil
		}
		if g.isBlocked(number) {
			return nil, errBlocked
		}
		if !open || !g.cfg.OnDemand || checkNumber(number) != nil {
			return nil, ErrNoRoom
		}
		r, err := g.open(ctx, number)
		if errors.Is(err, ErrRoomExists) {
			continue
		}
		return r, err
	}
}

// Participants lists who has joined, in order of joining (ErrNoRoom).
func (g *Registry) Participants(ctx context.Context, number string) ([]ParticipantInfo, error) {
	var infos []ParticipantInfo
	err := g.do(ctx, number, func(s *state) error { infos = s.participants(); return nil })
	return infos, err
}

// Participant describes one (ErrNoRoom, ErrNoParticipant).
func (g *Registry) Participant(ctx context.Context, number, id string) (ParticipantInfo, error) {
	var info ParticipantInfo
	err := g.withMember(ctx, number, id, func(s *state, m *member) error {
		info = s.show(m)
		return nil
	})
	return info, err
}

// UpdateParticipant changes one (ErrNoRoom, ErrNoParticipant, ErrInvalid). When it returns, the next tick mixes so.
func (g *Registry) UpdateParticipant(ctx context.Context, number, id string, p ParticipantPatch) (ParticipantInfo, error) {
	var info ParticipantInfo
	err := g.withMember(ctx, number, id, func(s *state, m *member) error {
		if err := s.patch(m, p); err != nil {
			return err
		}
		info = s.show(m)
		return nil
	})
	return info, err
}

// Remove sends one participant away with ReasonRemoved, or calls somebody no longer who is being called (ErrNoRoom, ErrNoParticipant).
func (g *Registry) Remove(ctx context.Context, number, id string) error {
	return g.do(ctx, number, func(s *state) error {
		p := s.dialled(id)
		if m := s.member(id); m != nil {
			p = m.p
		}
		if p == nil {
			return fmt.Errorf("participant %q: %w", id, ErrNoParticipant)
		}
		s.letGo(p, ReasonRemoved)
		return nil
	})
}

// withMember runs op on the room's goroutine with the member of that id.
func (g *Registry) withMember(ctx context.Context, number, id string, op func(*state, *member) error) error {
	return g.do(ctx, number, func(s *state) error {
		m := s.member(id)
		if m == nil {
			return fmt.Errorf("participant %q: %w", id, ErrNoParticipant)
		}
		return op(s, m)
	})
}

// Drain makes every Admit from now on fail with ErrDraining.
func (g *Registry) Drain() { g.draining.Store(true) }

// Close ends every room with ReasonDraining and returns when all their goroutines have ended, or with the context's
// error when they have not by then.
func (g *Registry) Close(ctx context.Context) error {
	g.Drain()
	g.mu.Lock()
	g.done = true
	open := make([]*room, 0, len(g.rooms))
	for _, r := range g.rooms {
		open = append(open, r)
	}
	for _, r := range g.receptions.open {
		if r != nil {
			open = append(open, r)
		}
	}
	g.mu.Unlock()
	for _, r := range open {
		err := r.do(ctx, func(s *state) error {
			s.end(ReasonDraining)
			s.closed = true
			return nil
		})
		if err != nil && !errors.Is(err, ErrClosed) {
			g.life.end() // most of all what hangs now
			return fmt.Errorf("close room %q: %w", r.number, err)
		}
	}
	g.life.end()
	g.running.Wait() // each has been told, and none can be opened any more
	g.crewOnce.Do(func() {})
	g.crew.stop()
	ending, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	g.settle(ending)
	g.nameDoubts()
	g.bans.collect(ending)
	g.tally.close()
	g.closeLogs()
	return nil
}

// room looks a room up, and wakes it where it sleeps; nil where there is none.
func (g *Registry) room(number string) *room {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.rooms[number]; r != nil || g.done {
		return r
	}
	d := g.dormant[number]
	if d == nil {
		return nil
	}
	return g.startLocked(d.Kept, false, g.logLocked(number, d.last), nil)
}

// do runs op on the goroutine of the room of that number (ErrNoRoom).
func (g *Registry) do(ctx context.Context, number string, op func(*state) error) error {
	for {
		r := g.room(number)
		if r == nil {
			return fmt.Errorf("room %q: %w", number, ErrNoRoom)
		}
		if err := r.do(ctx, op); !errors.Is(err, ErrClosed) {
			return wrap("room", number, err)
		}
		// It closed under our hands; if it only fell asleep, the next look-up wakes it.
	}
}

// wrap names the room in err; nil stays nil.
func wrap(what, number string, err error) error {
	if err == nil {
		return nil
	}
	return &RoomError{What: what, Number: number, Err: err}
}

// IsNumber says whether a room can have that number.
func IsNumber(number string) bool { return checkNumber(number) == nil }

// checkNumber is the grammar of room numbers.
func checkNumber(number string) error {
	if number == "" || len(number) > maxNumber {
		return fmt.Errorf("room number of %d bytes, want 1 to %d: %w", len(number), maxNumber, ErrInvalid)
	}
	for _, c := range []byte(number) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == '+', c == '*', c == '#':
		default:
			return fmt.Errorf("room number has %q; letters, digits and -_.+*# are allowed: %w", c, ErrInvalid)
		}
	}
	return nil
}
