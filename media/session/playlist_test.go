package session

import (
	"errors"
	"testing"
)

func TestPlaylistIsAsRecorded(t *testing.T) {
	list, err := Playlist(
		Entry{Name: "Town hall", URL: "http://bridge.example.com:8080/rooms/1000/distributions/a1.sdp"},
		Entry{Name: "Zoë, 会議室", URL: "https://[2001:db8::1]/rooms/1000/distributions/b2.sdp?key=1"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "ours.m3u", string(list))
}

func TestAPlaylistHasOneLineForEach(t *testing.T) {
	for name, e := range map[string]Entry{
		"a line break in the name": {Name: "a\nhttp://elsewhere.example.com/x.sdp", URL: "http://bridge.example.com/x.sdp"},
		"a line break in the URL":  {URL: "http://bridge.example.com/\nx.sdp"},
		"a space in the URL":       {URL: "http://bridge.example.com/a b.sdp"},
		"no URL":                   {},
		"a URL without a host":     {URL: "/x.sdp"},
	} {
		if list, err := Playlist(e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v and %q", name, err, list)
		}
	}
}
