package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/entry"
	"github.com/confbridge/confbridge/rooms/store"
)

// openTime is how long the store may take to open.
const openTime = 60 * time.Second

// remember opens the store and puts the rooms there that it and the file have.
func (m *Main) remember(ctx context.Context) error {
	opening, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	s, kept, marks, err := store.Open(opening, store.Config{
		Dir: m.cfg.DataDir, URL: m.cfg.Store.URL, CredentialsFile: m.cfg.Store.CredentialsFile, Log: m.log,
	})
	if err != nil {
		key := "data_dir"
		if m.cfg.Store.URL != "" && !errors.Is(err, store.ErrLocked) {
			key = "store.url"
		}
		return fmt.Errorf("%s: %w", key, err)
	}
	m.store = s
	listed, err := m.declared(ctx)
	if err == nil {
		err = m.rooms.Restore(ctx, rooms.Memory{
			Keeper: s, Declared: listed, Rooms: kept, Marks: marks, Blocked: s.LeftOut(), Bans: s.Bans(), BanKeeper: s,
		})
	}
	if err != nil {
		return fmt.Errorf("rooms.list: %w", err)
	}
	m.rememberNumbers(s)
	return nil
}

// rememberNumbers gives the desk the numbers that the file does not declare, and names those that no call can come by.
func (m *Main) rememberNumbers(s *store.Store) {
	kept := s.Numbers()
	for _, n := range kept {
		if n.Trunk != "" && n.Trunk != dialplan.Anonymous && !slices.ContainsFunc(m.cfg.SIP.Trunks, func(t config.Trunk) bool { return t.Name == n.Trunk }) {
			m.log.Warn("a number is for a trunk that there is none of", "number", n.Key().ID())
		}
	}
	m.desk.Numbers().Restore(entry.NumberMemory{Keeper: s, Numbers: kept, Blocked: s.LeftOutNumbers()})
}

// declared is what the file says of rooms, in the words of package rooms.
func (m *Main) declared(ctx context.Context) ([]rooms.Kept, error) {
	cfg := m.cfg.Rooms
	all := make([]rooms.Kept, len(cfg.List))
	for i, r := range cfg.List {
		modes, err := roomModes(r.Or(cfg.Modes))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", r.Number, err)
		}
		all[i] = rooms.Kept{Number: r.Number, Settings: rooms.Settings{
			DisplayName: r.DisplayName, MaxParticipants: r.MaxParticipants, MaxDuration: r.MaxDuration, MaxTalkers: r.MaxTalkers,
			Recording: recordingSettings(r.Recorded(m.cfg.Recording)),
			AGC:       cfg.AGC, NoiseSuppression: cfg.NoiseSuppression, Opus: r.Opus.Or(cfg.Opus), Modes: modes, IdentityForPIN: r.IdentityForPIN,
		}}
		if all[i].Remap, err = rooms.NewRemap(r.Keys); err != nil {
			return nil, fmt.Errorf("%q: %w", r.Number, err)
		}
		if all[i].PINs, err = m.desk.Declared(ctx, r.PIN, r.ModeratorPIN); err != nil {
			return nil, fmt.Errorf("%q: %w", r.Number, err)
		}
		if all[i].Distributions, err = declaredDistributions(r); err != nil {
			return nil, fmt.Errorf("%q: %w", r.Number, err)
		}
		if all[i].Sources, err = declaredSources(r); err != nil {
			return nil, fmt.Errorf("%q: %w", r.Number, err)
		}
		if r.AGC != nil {
			all[i].AGC = *r.AGC
		}
		if r.NoiseSuppression != nil {
			all[i].NoiseSuppression = *r.NoiseSuppression
		}
	}
	return all, nil
}
