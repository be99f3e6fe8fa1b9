package api

import (
	"testing"
	"time"
)

func FuzzNames(f *testing.F) {
	for _, s := range []string{"rooms/1000", "rooms/1000/participants/a1", "rooms/", "rooms/a b", "rooms/*#.+-_", "rooms/1/participants/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if number, err := parseRoomName("name", name); err == nil && roomName(number) != name {
			t.Errorf("%q came back as %q", name, roomName(number))
		}
		if number, id, err := parseParticipantName("name", name); err == nil && participantName(number, id) != name {
			t.Errorf("%q came back as %q", name, participantName(number, id))
		}
	})
}

func FuzzPageTokens(f *testing.F) {
	f.Add(cursor{collection: "rooms", last: "1000"}.token())
	f.Add(cursor{collection: "rooms", last: "a1", joined: time.Unix(1, 2)}.token())
	f.Add("")
	f.Add("AAAAAA")
	f.Add("VDHgDTEKcm9vbXMKYTEK\nMTAwMDAwMDAwMg")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := parseToken("rooms", token)
		if err != nil || token == "" {
			return
		}
		if c.token() != token {
			t.Errorf("%q came back as %q", token, c.token())
		}
	})
}

func TestPageTokensComeBackAsTheyWere(t *testing.T) {
	want := cursor{collection: "rooms/1/participants", last: "a1", joined: time.Unix(3, 4)}
	got, err := parseToken(want.collection, want.token())
	if err != nil || got.last != want.last || !got.joined.Equal(want.joined) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	changed := []byte(want.token())
	changed[10] ^= 1
	if _, err := parseToken(want.collection, string(changed)); err == nil {
		t.Error("a changed token passed")
	}
}
