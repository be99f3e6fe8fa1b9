package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
)

func TestBansThatAreOverMakeRoomForThoseInForce(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		const most = 12
		s, _, _ := opened(t, cfg)
		s.banRecords.most = most
		ban := func(id string, expires time.Time) error {
			return s.PutBan(t.Context(), "1000", rooms.Ban{ID: id, Address: "sip:" + id + "@192.0.2.1", Created: created, Expires: expires})
		}
		later, past := time.Now().Add(24*time.Hour), time.Now().Add(-time.Hour)
		var want []string
		for i := range 4 { // the oldest of all
			want = append(want, fmt.Sprint("live", i))
			if err := ban(want[i], later); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3 * most {
			lifted, over := fmt.Sprint("lifted", i), fmt.Sprint("over", i)
			if err := errors.Join(ban(lifted, later), s.RemoveBan(t.Context(), "1000", lifted), ban(over, past)); err != nil {
				t.Fatal(err)
			}
		}
		info, err := s.session.Load().bans.Info(t.Context())
		if err != nil || info.State.Msgs > most {
			t.Errorf("%d records are kept, %v, want at most %d", info.State.Msgs, err, most)
		}
		closeStore(t, s)
		s, _, _ = opened(t, cfg)
		var got []string
		for _, b := range s.Bans() {
			if b.Expires.After(time.Now()) {
				got = append(got, b.ID)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("in force are %v, want %v", got, want)
		}
	})
}

func TestWhichRecordsOfBansGoFirst(t *testing.T) {
	now := time.Now()
	b := banRecords{most: 5, of: map[string]banRecordInfo{
		"live":         {revision: 1, until: now.Add(time.Hour)},
		"lifted early": {revision: 2},
		"over late":    {revision: 5, until: now},
		"lifted late":  {revision: 4},
		"over early":   {revision: 3, until: now.Add(-time.Hour)},
	}}
	got, err := b.going("new", now)
	if want := []string{"over early", "over late", "lifted early", "lifted late"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := b.going("live", now); err != nil || got != nil {
		t.Errorf("for one that is there: got %v, %v", got, err)
	}
	b.most = 6
	if got, err := b.going("new", now); err != nil || got != nil {
		t.Errorf("where there is room: got %v, %v", got, err)
	}
	b = banRecords{most: 1, of: map[string]banRecordInfo{"live": {revision: 1, until: now.Add(time.Hour)}}}
	if got, err := b.going("new", now); !errors.Is(err, errManyBans) {
		t.Errorf("where all are in force: got %v, %v, want errManyBans", got, err)
	}
}
