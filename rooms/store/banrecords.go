package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/confbridge/confbridge/rooms"
)

const (
	// maxBanRecords bounds the records of bans, with those of bans that are over or were lifted; four times as many as bans can be in force.
	maxBanRecords = 65_536
	// maxBanAge is how long each stays: longer than any ban lasts.
	maxBanAge = rooms.MaxBanTime + 24*time.Hour
	// goingBans is how many go at once where there are as many as can be.
	goingBans = 64
)

// errManyBans says that there are as many bans in force as records can be.
var errManyBans = errors.New("as many bans are kept as can be")

// banRecords is which records of bans there are: those of bans that are over make room for those of others. The stream's own bound would drop the oldest, which may
// be of a ban that is in force for months yet.
type banRecords struct {
	most int

	mu sync.Mutex
	of map[string]banRecordInfo // by the record's number
}

// banRecordInfo is what is noted of one of them.
type banRecordInfo struct {
	revision uint64
	until    time.Time // zero: it was lifted
}

// restore notes what was found.
func (b *banRecords) restore(all found) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of = map[string]banRecordInfo{}
	for at, r := range all.newest {
		if at.kind == aBan {
			b.of[at.number] = infoOf(r)
		}
	}
}

// infoOf is what is noted of a record; one that cannot be read is as one that was lifted.
func infoOf(r record) banRecordInfo {
	info := banRecordInfo{revision: r.revision}
	if len(r.body) > 0 {
		if ban, err := r.ban(); err == nil {
			info.until = ban.Expires
		}
	}
	return info
}

// note notes a record that was written.
func (b *banRecords) note(r record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of[r.number] = infoOf(r)
}

// forget drops one that was taken out.
func (b *banRecords) forget(number string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.of, number)
}

// going are the numbers of those that have to go before another one comes: of bans whose time is over first, then of those that were lifted, the oldest first
// (errManyBans: all are in force).
func (b *banRecords) going(coming string, now time.Time) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.of[coming]; there || len(b.of) < b.most {
		return nil, nil
	}
	var over []string
	for number, r := range b.of {
		if !r.until.After(now) {
			over = append(over, number)
		}
	}
	if len(over) == 0 {
		return nil, errManyBans
	}
	slices.SortFunc(over, func(x, y string) int {
		if lifted := b.of[x].until.IsZero(); lifted != b.of[y].until.IsZero() {
			if lifted {
				return 1
			}
			return -1
		}
		return int(int64(b.of[x].revision - b.of[y].revision))
	})
	return over[:min(len(over), goingBans)], nil
}

// writeBan is write for the record of a ban.
func (s *Store) writeBan(ctx context.Context, r record) error {
	going, err := s.banRecords.going(r.number, time.Now())
	if err != nil {
		return fmt.Errorf("write %q: %w", r.number, err)
	}
	for _, number := range going {
		n, err := s.writable(ctx)
		if err == nil {
			err = s.wrote(ctx, n.bans.Purge(ctx, jetstream.WithPurgeSubject(bansSubject+key(number))))
		}
		if err != nil {
			return fmt.Errorf("write %q: make room for it: %w", r.number, err)
		}
		s.banRecords.forget(number)
	}
	if err := s.write(ctx, r); err != nil {
		return err
	}
	s.banRecords.note(r)
	return nil
}
