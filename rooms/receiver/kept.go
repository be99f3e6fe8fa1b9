package receiver

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// What can be wrong with sources that are kept, besides what Receive says.
var (
	ErrNoSource = errors.New("no such source")
	ErrExists   = errors.New("source exists already")
	// ErrTaken says that the room takes the group in already, by another source.
	ErrTaken = errors.New("group is taken in already")
)

// View is a source that a room keeps, as it stands.
type View struct {
	Room string
	Source
	// Participant is the ID of the participant that it is; empty: it is not in a room at the moment. In is the room where that is: it may have been moved.
	Participant, In string
}

// name is that of a source that is kept.
type name struct{ room, id string }

// pageOfRooms is how many rooms are looked at at once.
const pageOfRooms = 512

// Start takes in what rooms keep. What is not allowed any more, or is more than may be taken in, the newest first, is logged and left out; it stays among the room's settings. What is
// not there yet is looked for again and again.
func (r *Receiver) Start(ctx context.Context) error {
	all := map[name]Source{}
	if err := r.eachKept(ctx, func(n name, s Source) { all[n] = s }); err != nil {
		return err
	}
	most, begun := r.cfg.Policy.Most(), 0
	for _, n := range byAge(all) {
		s := all[n]
		err := r.cfg.Policy.AllowSource(s.Group.Addr(), s.Interface)
		if err == nil && begun == most {
			err = tooMany(begun, "kept", most)
		}
		if err != nil {
			r.cfg.Log.Error("a source is left out", "room", n.room, "source", n.id, "err", err)
			continue
		}
		r.begin(ctx, n, s)
		begun++
	}
	return nil
}

// byAge are the names of sources, the oldest first; those of the configuration file, which have no age, before all others.
func byAge(all map[name]Source) []name {
	return slices.SortedFunc(maps.Keys(all), func(a, b name) int {
		return cmp.Or(all[a].Created.Compare(all[b].Created), strings.Compare(a.room, b.room), strings.Compare(a.id, b.id))
	})
}

// eachKept has f see what all rooms keep.
func (r *Receiver) eachKept(ctx context.Context, f func(name, Source)) error {
	for after := ""; ; {
		page, err := r.rooms.List(ctx, after, pageOfRooms)
		if err != nil {
			return fmt.Errorf("list rooms: %w", err)
		}
		for _, info := range page {
			for _, s := range info.Sources.All() {
				f(name{info.Number, s.ID}, s)
			}
			after = info.Number
		}
		if len(page) < pageOfRooms {
			return nil
		}
	}
}

// Create gives a room a source to keep, and takes it in. An empty ID is given one. When it returns nil, the source is kept, and in the room; where that lets nobody in at the moment, it
// is in there later, as after a start (rooms.ErrNoRoom, rooms.ErrDeclared, rooms.ErrStorage; ErrExists, ErrTaken, and as Receive, but for rooms that are locked, full, not open or
// overloaded).
func (r *Receiver) Create(ctx context.Context, room string, s Source) (View, error) {
	if s.ID == "" {
		s.ID = strings.ToLower(rand.Text()[:8])
	}
	s.Created = time.Now()
	n := name{room, s.ID}
	err := r.inTurn(ctx, func() error {
		if err := r.fit(ctx, n, s, false); err != nil {
			return err
		}
		r.end(n) // of a room that was deleted
		return r.settle(ctx, n, s)
	})
	if err != nil {
		return View{}, err
	}
	return r.view(n, s), nil
}

// inTurn runs change while no other change runs.
func (r *Receiver) inTurn(ctx context.Context, change func() error) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-r.turn }()
	return change()
}

// keep has a room keep what change makes of what it keeps by then.
func (r *Receiver) keep(ctx context.Context, room string, change func(*distribution.SourceSet) (*distribution.SourceSet, error)) error {
	_, err := r.rooms.Update(ctx, room, rooms.SettingsPatch{Sources: change})
	return err
}

// fit says whether a room can keep a source, beside all others; again: in place of the one of its ID.
func (r *Receiver) fit(ctx context.Context, n name, s Source, again bool) error {
	if _, err := distribution.NewSourceSet(s); err != nil {
		return err
	}
	if err := r.cfg.Policy.AllowSource(s.Group.Addr(), s.Interface); err != nil {
		return err
	}
	info, err := r.rooms.Info(ctx, n.room)
	switch {
	case err != nil:
		return err
	case info.Declared:
		return &rooms.RoomError{What: "room", Number: n.room, Err: rooms.ErrDeclared}
	case info.OnDemand:
		return fmt.Errorf("room %q is there for as long as somebody is in it: create it first: %w", n.room, rooms.ErrInvalid)
	}
	for _, o := range info.Sources.All() {
		switch {
		case o.ID == s.ID && again:
		case o.ID == s.ID:
			return fmt.Errorf("source %q: %w", s.ID, ErrExists)
		case o.Meets(s):
			return &distribution.Error{Field: "group", Text: fmt.Sprintf("%s is that of source %q", s.Group, o.ID), Err: ErrTaken}
		}
	}
	if again {
		return nil
	}
	kept := 1
	if err := r.eachKept(ctx, func(name, Source) { kept++ }); err != nil {
		return err
	}
	if most := r.cfg.Policy.Most(); kept > most {
		return tooMany(kept-1, "kept", most)
	}
	return nil
}

// Get is one source (rooms.ErrNoRoom, ErrNoSource).
func (r *Receiver) Get(ctx context.Context, room, id string) (View, error) {
	info, err := r.rooms.Info(ctx, room)
	if err != nil {
		return View{}, err
	}
	s, there := info.Sources.Find(id)
	if !there {
		return View{}, fmt.Errorf("room %q: source %q: %w", room, id, ErrNoSource)
	}
	return r.view(name{room, id}, s), nil
}

// List is a room's, in order of ID (rooms.ErrNoRoom).
func (r *Receiver) List(ctx context.Context, room string) ([]View, error) {
	info, err := r.rooms.Info(ctx, room)
	if err != nil {
		return nil, err
	}
	var all []View
	for _, s := range info.Sources.All() {
		all = append(all, r.view(name{room, s.ID}, s))
	}
	return all, nil
}

func (r *Receiver) view(n name, s Source) View {
	v := View{Room: n.room, Source: s}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[n]; k != nil {
		if p := k.participant.Load(); p != nil {
			v.Participant, v.In = p.ID(), p.Room()
		}
	}
	return v
}

// Delete has a room keep a source no longer; it leaves (rooms.ErrNoRoom, rooms.ErrDeclared, rooms.ErrStorage, ErrNoSource).
func (r *Receiver) Delete(ctx context.Context, room, id string) error {
	return r.inTurn(ctx, func() error {
		if _, err := r.Get(ctx, room, id); err != nil {
			return err
		}
		if err := r.keep(ctx, room, func(now *distribution.SourceSet) (*distribution.SourceSet, error) { return now.Without(id) }); err != nil {
			return err
		}
		r.end(name{room, id})
		return nil
	})
}

// Close lets go of all that is kept, and returns when nothing looks for it any more.
func (r *Receiver) Close() {
	r.mu.Lock()
	r.closed = true
	for _, k := range r.kept {
		k.stop()
	}
	r.mu.Unlock()
	r.keepers.Wait()
}
