package entry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// Config is how a Desk behaves. The zero value works: each number is its room's, and prompts are tones.
type Config struct {
	// Numbers are what the configuration file says of where dialled numbers lead; what no number fits is the number of a room.
	Numbers []dialplan.Number
	// Voice is that of the prompts where a number has none; empty: that of Sounds.
	Voice string
	// Sounds has the prompts; nil: short tones.
	Sounds Sounds
	// Guard checks the PINs; nil: one that nobody else has.
	Guard *access.Guard
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

// Desk lets callers in. Its methods are safe for concurrent use; errors wrap a sentinel of this package, of rooms or of access, or are the
// context's.
type Desk struct {
	cfg     Config
	rooms   *rooms.Registry
	numbers *Directory
	metrics *metrics
	changes turns // of PINs and invitations

	mu      sync.Mutex
	closed  bool
	asked   sync.WaitGroup // dialogues
	closing chan struct{}
}

// New returns a desk in front of a registry (ErrInvalid). Close is to be called in the end.
func New(cfg Config, reg *rooms.Registry) (*Desk, error) {
	if cfg.Sounds == nil {
		cfg.Sounds = &tones{}
	}
	if cfg.Guard == nil {
		cfg.Guard = access.NewGuard(access.Config{})
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	numbers, err := newDirectory(cfg.Numbers, cfg.Log)
	if err != nil {
		return nil, err
	}
	return &Desk{
		cfg: cfg, rooms: reg, numbers: numbers, metrics: newMetrics(), closing: make(chan struct{}),
	}, nil
}

// Numbers are where dialled numbers lead.
func (d *Desk) Numbers() *Directory { return d.numbers }

// Reachable says whether a call to that number would be taken, by some trunk at least: nil, rooms.ErrNoRoom,
// rooms.ErrStorage or rooms.ErrDraining. It does not wait.
func (d *Desk) Reachable(number string) error {
	unreadable := false
	for _, n := range d.numbers.leads(number) {
		if n.Unreadable {
			unreadable = true
			continue
		}
		err := d.rooms.Reachable(n.Room)
		if err == nil || n.Room == "" && !errors.Is(err, rooms.ErrDraining) {
			return nil
		}
	}
	if unreadable {
		return fmt.Errorf("number %q: %w", number, errUnreadable)
	}
	return d.rooms.Reachable(number)
}

// Admit lets a caller who has dialled a number in as far as the door: that of the room where there is nothing to ask, as rooms.Registry.Admit, or that of a
// reception, where the caller is asked once Participant.Join was called. The participant must be ended by Leave. It fails as rooms.Registry.Admit does.
func (d *Desk) Admit(ctx context.Context, number string, c rooms.Caller) (*rooms.Participant, error) {
	var from rooms.Origin
	if c.Origin != nil {
		from = *c.Origin
	}
	n := d.numbers.find(number, from.Trunk)
	if n.Unreadable {
		return nil, fmt.Errorf("number %q: %w", number, errUnreadable)
	}
	ask := n.Room == ""
	if !ask {
		var err error
		if ask, err = d.asks(ctx, n.Room, from); err != nil {
			return nil, fmt.Errorf("admit to room %q: %w", n.Room, err)
		}
	}
	if !ask {
		return d.rooms.Admit(ctx, n.Room, c)
	}
	p, err := d.rooms.AdmitToReception(ctx, c)
	if err != nil {
		return nil, err
	}
	if !d.begin(ctx, &dialogue{
		desk: d, p: p, room: n.Room, from: from, voice: n.Voice,
		log: d.cfg.Log.With("participant", p.ID(), "call_id", c.CallID),
	}) {
		p.Leave(rooms.ReasonDraining)
		return nil, fmt.Errorf("admit to reception: %w", rooms.ErrDraining)
	}
	return p, nil
}

// Dial is rooms.Registry.Dial. Whom the bridge calls is asked nothing, but for whether they want to come in where c.Origin has a Confirm.
func (d *Desk) Dial(ctx context.Context, number string, c rooms.Caller) (*rooms.Participant, error) {
	p, err := d.rooms.Dial(ctx, number, c)
	if err != nil || c.Origin == nil || c.Origin.Confirm == 0 {
		return p, err
	}
	if !d.begin(ctx, &dialogue{
		desk: d, p: p, room: number, from: *c.Origin, called: c.Role, voice: d.voiceOf(ctx, number),
		log: d.cfg.Log.With("participant", p.ID(), "call_id", c.CallID),
	}) {
		p.Leave(rooms.ReasonDraining)
		return nil, fmt.Errorf("dial from room %q: %w", number, rooms.ErrDraining)
	}
	return p, nil
}

// voiceOf is the voice of a room, to those whom it calls; where it has none, the usual one.
func (d *Desk) voiceOf(ctx context.Context, number string) string {
	info, err := d.rooms.Info(ctx, number)
	if err != nil {
		return d.cfg.Voice // it has ended; nobody will be asked
	}
	return cmp.Or(info.Voice, d.rooms.Defaults().Voice, d.cfg.Voice)
}

// asks says whether a caller has to be asked for a PIN or a name before coming into a room.
func (d *Desk) asks(ctx context.Context, room string, from rooms.Origin) (bool, error) {
	pin, err := d.asksPIN(ctx, room, from)
	if pin || err != nil {
		return pin, err
	}
	return d.asksName(ctx, room)
}

// asksPIN says whether it is a PIN.
func (d *Desk) asksPIN(ctx context.Context, room string, from rooms.Origin) (bool, error) {
	info, err := d.rooms.Info(ctx, room)
	if errors.Is(err, rooms.ErrNoRoom) {
		return false, nil // whether it may become one is for the registry to say
	}
	if err != nil {
		return false, err
	}
	some, _ := info.PINs.Asks()
	return some && !vouched(info, from), nil
}

// vouched says whether who the caller is stands for a PIN.
func vouched(info rooms.Info, from rooms.Origin) bool {
	return info.IdentityForPIN && from.Identity != ""
}

// begin starts a dialogue that ends when its participant leaves, or with the desk; false: the desk is closed.
func (d *Desk) begin(ctx context.Context, of *dialogue) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.asked.Add(1)
	go func() {
		defer d.asked.Done()
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		d.asked.Go(func() { // the end of the participant or of the desk ends whatever the dialogue waits for
			select {
			case <-of.p.Left():
			case <-d.closing:
			case <-ctx.Done():
			}
			cancel()
		})
		of.run(ctx)
	}()
	return true
}

// Close ends all dialogues, whose callers leave with ReasonDraining, and returns after that, or with the context's error when they have not ended by then.
func (d *Desk) Close(ctx context.Context) error {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		close(d.closing)
	}
	d.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		d.asked.Wait()
		close(ended)
	}()
	d.numbers.close(ctx) // while dialogues end, and also where they do not
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("callers are still asked for PINs: %w", context.Cause(ctx))
	}
}
