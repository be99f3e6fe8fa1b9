package rooms

import (
	"context"
	"time"
)

// Keeper remembers rooms and their stories when the bridge has ended (package rooms/store). Its methods wait for the disk, are safe for
// concurrent use, and never run on a room's goroutine. Each returns the context's error or one of the store's own; the registry wraps it in
// ErrStorage.
type Keeper interface {
	// Put keeps a room; when it returns nil, whatever happens to the process or the machine, the room is there at the next start.
	Put(ctx context.Context, room Kept) error
	// Remove forgets a room in the same way. A room that is not there is no error.
	Remove(ctx context.Context, number string) error
	// Tell keeps what has happened. Marks are on the disk when it returns; events may follow a little later.
	Tell(ctx context.Context, events []Event, marks []Mark) error
	// Recall is what is known of a number, with the newest events behind after, limit of them at most.
	Recall(ctx context.Context, number string, after uint64, limit int) (Past, error)
}

// BanKeeper remembers who is kept out of rooms (package rooms/store), as Keeper does rooms: its methods wait for the disk.
type BanKeeper interface {
	// PutBan keeps a ban of a room's.
	PutBan(ctx context.Context, number string, ban Ban) error
	// RemoveBan forgets a ban by its ID. One that is not there is no error.
	RemoveBan(ctx context.Context, number, id string) error
}

// KeptBan is a ban as it is kept.
type KeptBan struct {
	Room string // its number
	Ban
}

// Kept is a room as it is kept: what was set, and nothing of who is in it.
//
// Its PINs, its Distributions and its Sources are parts of it, which who keeps it is to write, the PINs as an access.Record: encoding/json passes them over, so that
// they are in no event.
type Kept struct {
	Number string
	Settings
	Created time.Time
	// Declared rooms stand in the configuration file, which has their settings; of what is kept, only what cannot stand there counts: Locked.
	Declared bool
}

// Mark says that the numbers of a room's events up to Last have been given, or may have been: none of them may come again.
type Mark struct {
	Room string
	Last uint64
}

// Past is what is known of a number's story. The zero value is that of a number of which nobody has heard.
type Past struct {
	// Last is the newest mark.
	Last uint64
	// First is the sequence of the oldest event that is kept; 0 where none is.
	First uint64
	// Events are in order of their sequence, with gaps where they were not worth keeping.
	Events []Event
}

// Memory is what a registry begins with, and who remembers what comes.
type Memory struct {
	// Keeper is who remembers; nil: nobody does.
	Keeper Keeper
	// Declared are the rooms of the configuration file: Number and Settings count.
	Declared []Kept
	// Rooms and Marks are what was kept. Marks are needed of the rooms; others are asked for when somebody comes.
	Rooms []Kept
	Marks []Mark
	// Blocked are the numbers of rooms that were kept and cannot be read. Nobody comes in there (ErrStorage) until Create or Delete of that number: what is not
	// known of such a room may be its PIN.
	Blocked []string
	// Bans are those that were kept, in any order, and BanKeeper remembers what comes; nil: nobody does. Bans that are over are not put there again.
	Bans      []KeptBan
	BanKeeper BanKeeper
}
