package web

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// maxURL bounds a URL in bytes.
const maxURL = 2048

// ParsePrefix reads the beginning of URLs: https or http, a host, and a path, which stands for a folder with all that is in it.
func ParsePrefix(text string) (*url.URL, error) {
	u, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not like https://media.example.com/sounds/: %w", text, err)
	}
	if u.RawQuery != "" || u.ForceQuery {
		return nil, fmt.Errorf("%q is not like https://media.example.com/sounds/: it has a query", text)
	}
	if !strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("/")
	}
	return u, nil
}

// parse reads a URL of which every part is plain.
func parse(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("it is longer than %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("it is neither https nor http, or has no host")
	case u.User != nil:
		return nil, errors.New("it has a user")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("it has a fragment")
	case !plainPath(u.EscapedPath()):
		return nil, errors.New("its path goes up, or hides where it goes")
	}
	return u, nil
}

// plainPath says whether a path means to every server what it looks like.
func plainPath(path string) bool {
	lower := strings.ToLower(path)
	for _, hidden := range []string{"%2e", "%2f", "%5c", "%00", `\`} {
		if strings.Contains(lower, hidden) {
			return false
		}
	}
	segments := strings.Split(path, "/")
	return !slices.Contains(segments, "..") && !slices.Contains(segments, ".")
}

// covers says whether a prefix allows a URL, both as of parse.
func covers(prefix, u *url.URL) bool {
	return u.Scheme == prefix.Scheme && strings.EqualFold(u.Hostname(), prefix.Hostname()) && port(u) == port(prefix) &&
		strings.HasPrefix(u.EscapedPath(), prefix.EscapedPath())
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
