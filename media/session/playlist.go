package session

import (
	"bytes"
	"net/url"
	"strings"
)

// PlaylistType is what a playlist is called where types are named.
const PlaylistType = "audio/x-mpegurl"

// Entry is one line to choose in a playlist.
type Entry struct {
	Name string // as people see it
	// URL is where the description is: http, https or file.
	URL string
}

// Playlist writes an .m3u of what has no end, for players that open such lists. The error is ErrInvalid, where a name or a URL would not stay on
// its line.
func Playlist(entries ...Entry) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n")
	for _, e := range entries {
		if err := textual("name", e.Name, MaxNameBytes); err != nil {
			return nil, err
		}
		u, err := url.Parse(e.URL)
		if err != nil || !u.IsAbs() || strings.ContainsAny(e.URL, " #") { // a line with # in front is a comment, elsewhere players differ
			return nil, invalid("%q is no URL for a playlist", e.URL)
		}
		b.WriteString("#EXTINF:-1," + e.Name + "\n" + u.String() + "\n")
	}
	return b.Bytes(), nil
}
