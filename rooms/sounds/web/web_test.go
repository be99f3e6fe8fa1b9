package web

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/rooms/sounds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a server on the loopback with a file of ten bytes in /sounds/, and what else it answers.
type site struct {
	*httptest.Server
	outside atomic.Int32 // requests for what is not in /sounds/
}

func newSite(t *testing.T, start func(http.Handler) *httptest.Server) *site {
	t.Helper()
	s := &site{}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.outside.Add(1); fmt.Fprint(w, "a secret") })
	mux.HandleFunc("/sounds/bell.wav", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "0123456789") })
	mux.HandleFunc("/sounds/long", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 101)) })
	mux.HandleFunc("/sounds/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil { // its length is not told
			if _, err := fmt.Fprint(w, strings.Repeat("x", 50)); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/sounds/never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/sounds/gone", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusGone) })
	mux.HandleFunc("/sounds/broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusInternalServerError) })
	mux.HandleFunc("/sounds/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "bell.wav", http.StatusFound) })
	mux.HandleFunc("/sounds/out", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/private/keys", http.StatusFound) })
	mux.HandleFunc("/sounds/up", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/sounds/%2e%2e/private/keys")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/sounds/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "round", http.StatusFound) })
	mux.HandleFunc("/sounds/packed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, "0123456789")
	})
	s.Server = start(mux)
	t.Cleanup(s.Close)
	return s
}

func newFetcher(t *testing.T, prefixes ...string) *Fetcher {
	t.Helper()
	f, err := New(Config{Prefixes: prefixes, MostBytes: 100, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOnlyWhatAPrefixCoversIsFetched(t *testing.T) {
	s := newSite(t, httptest.NewServer)
	f := newFetcher(t, "https://media.example.com/", s.URL+"/sounds")
	for _, row := range []struct {
		name, url string
		want      error
	}{
		{"a file within", s.URL + "/sounds/bell.wav", nil},
		{"with a query", s.URL + "/sounds/bell.wav?key=1", nil},
		{"a redirect within", s.URL + "/sounds/moved", nil},
		{"what says that it is packed is left as it is", s.URL + "/sounds/packed", nil},
		{"a file outside", s.URL + "/private/keys", sounds.ErrNotAllowed},
		{"a name that begins alike", s.URL + "/soundsystem", sounds.ErrNotAllowed},
		{"a way up", s.URL + "/sounds/../private/keys", sounds.ErrNotAllowed},
		{"a way up that is hidden", s.URL + "/sounds/%2E%2e/private/keys", sounds.ErrNotAllowed},
		{"a slash that is hidden", s.URL + "/sounds/..%2fprivate/keys", sounds.ErrNotAllowed},
		{"a redirect out", s.URL + "/sounds/out", sounds.ErrNotAllowed},
		{"a redirect up", s.URL + "/sounds/up", sounds.ErrNotAllowed},
		{"another scheme", "https" + strings.TrimPrefix(s.URL, "http") + "/sounds/bell.wav", sounds.ErrNotAllowed},
		{"another port", "http://127.0.0.1:1/sounds/bell.wav", sounds.ErrNotAllowed},
		{"a user", strings.Replace(s.URL, "://", "://ann:secret@", 1) + "/sounds/bell.wav", sounds.ErrNotAllowed},
		{"a file of the disk", "file:///etc/passwd", sounds.ErrNotAllowed},
		{"none at all", "http://[", sounds.ErrNotAllowed},
		{"one that is too long", s.URL + "/sounds/" + strings.Repeat("x", maxURL), sounds.ErrNotAllowed},
		{"a redirect without end", s.URL + "/sounds/round", sounds.ErrUnreachable},
		{"what is not there", s.URL + "/sounds/gone", sounds.ErrNotFound},
		{"a server at fault", s.URL + "/sounds/broken", sounds.ErrUnreachable},
		{"a file that is too long", s.URL + "/sounds/long", sounds.ErrTooLong},
		{"one without an end", s.URL + "/sounds/endless", sounds.ErrTooLong},
	} {
		t.Run(row.name, func(t *testing.T) {
			body, err := f.Fetch(t.Context(), row.url)
			if !errors.Is(err, row.want) || row.want == nil && string(body) != "0123456789" {
				t.Errorf("got %q, %v, want %v", body, err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells a password: %v", err)
			}
		})
	}
	if n := s.outside.Load(); n != 0 {
		t.Errorf("the server was asked %d times for what no prefix covers", n)
	}
}

func TestANameThatLeadsInsideIsRefused(t *testing.T) {
	s := newSite(t, httptest.NewServer)
	at := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	if _, err := newFetcher(t, at+"/").Fetch(t.Context(), at+"/sounds/bell.wav"); !errors.Is(err, sounds.ErrNotAllowed) {
		t.Errorf("got %v, want %v", err, sounds.ErrNotAllowed)
	}
	if n := s.outside.Load(); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

func TestACertificateMustBeGood(t *testing.T) {
	s := newSite(t, func(h http.Handler) *httptest.Server {
		server := httptest.NewUnstartedServer(h)
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // a handshake that fails
		server.StartTLS()
		return server
	})
	f := newFetcher(t, s.URL+"/sounds/")
	if _, err := f.Fetch(t.Context(), s.URL+"/sounds/bell.wav"); !errors.Is(err, sounds.ErrUnreachable) {
		t.Errorf("one that nobody has signed: got %v", err)
	}
	known := x509.NewCertPool()
	known.AddCert(s.Certificate())
	transport := f.client.Transport.(*http.Transport)
	transport.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.TLSClientConfig.RootCAs = known
	if body, err := f.Fetch(t.Context(), s.URL+"/sounds/bell.wav"); err != nil || string(body) != "0123456789" {
		t.Errorf("one of somebody known: got %q, %v", body, err)
	}
}

func TestWhoNeverAnswersIsGivenUp(t *testing.T) {
	s := newSite(t, httptest.NewServer)
	f, err := New(Config{Prefixes: []string{s.URL}, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Fetch(t.Context(), s.URL+"/sounds/never"); !errors.Is(err, sounds.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	for range fetchesAtOnce {
		f.turns <- struct{}{}
	}
	if _, err := f.Fetch(t.Context(), s.URL+"/sounds/bell.wav"); !errors.Is(err, sounds.ErrUnreachable) {
		t.Errorf("while as many fetch as may: got %v", err)
	}
}

func TestPrefixesThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", "media.example.com/", "ftp://media.example.com/", "http:///sounds/", "https://ann@media.example.com/", "https://media.example.com/?a=b",
		"https://media.example.com/#a", "https://media.example.com/a/../b/", "https://media.example.com/%2e%2e/", "https://media example.com/",
	} {
		if _, err := New(Config{Prefixes: []string{"https://media.example.com", text}}); err == nil || !strings.Contains(err.Error(), "is not like") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestOnlyAddressesOfTheInternetArePublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "0.0.0.0": false, "0.1.2.3": false,
		"100.64.0.1": false, "198.18.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "::": false, "fe80::1%lo": false, "fd00::1": false,
		"ff02::1": false, "::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "fec0::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
}

// FuzzAllowed reads URLs of anything: what is allowed begins as the prefix says, for whoever reads it next, too.
func FuzzAllowed(f *testing.F) {
	for _, seed := range []string{
		"https://media.example.com/sounds/bell.wav", "https://MEDIA.example.com:443/sounds/a?b=c", "https://media.example.com/sounds/../x", "https://media.example.com/sounds/%2e%2e/x",
		"https://media.example.com@10.0.0.1/sounds/x", "https://media.example.com\\@10.0.0.1/sounds/x", "http://media.example.com/sounds/", "https://media.example.com/sounds/\x00", "",
	} {
		f.Add(seed)
	}
	fetcher, err := New(Config{Prefixes: []string{"https://media.example.com/sounds/"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := fetcher.allowed(text)
		if err != nil {
			if !errors.Is(err, sounds.ErrNotAllowed) {
				t.Errorf("%q: got %v", text, err)
			}
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || !strings.EqualFold(again.Hostname(), "media.example.com") || again.Scheme != "https" || again.User != nil ||
			port(again) != "443" || !strings.HasPrefix(again.JoinPath().EscapedPath(), "/sounds/") {
			t.Errorf("%q is allowed, as %q (%v)", text, u, err)
		}
	})
}
