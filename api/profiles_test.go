package api

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestProfilesAreForProgramsOnThisMachine(t *testing.T) {
	server := NewHTTP(HTTPConfig{Gatherer: prometheus.NewRegistry(), Ready: NewReadiness(), Profiles: true})
	for _, tt := range []struct {
		name, from, host string
		header           [2]string
		want             int
	}{
		{"from loopback", "127.0.0.1:4000", "127.0.0.1:8080", [2]string{}, 200},
		{"from loopback, IPv6", "[::1]:4000", "[::1]:8080", [2]string{}, 200},
		{"from loopback, mapped", "[::ffff:127.0.0.1]:4000", "localhost:8080", [2]string{}, 200},
		{"without a port in Host", "127.0.0.1:4000", "localhost", [2]string{}, 200},
		{"from elsewhere", "192.0.2.1:4000", "127.0.0.1:8080", [2]string{}, 403},
		{"from nowhere", "", "127.0.0.1:8080", [2]string{}, 403},
		{"a name that leads here", "127.0.0.1:4000", "evil.example:8080", [2]string{}, 403},
		{"by a proxy here", "127.0.0.1:4000", "127.0.0.1:8080", [2]string{"X-Forwarded-For", "192.0.2.1"}, 403},
		{"by another proxy here", "127.0.0.1:4000", "127.0.0.1:8080", [2]string{"Forwarded", "for=192.0.2.1"}, 403},
	} {
		r := httptest.NewRequest(http.MethodGet, "/debug/pprof/goroutine", nil)
		r.RemoteAddr, r.Host = tt.from, tt.host
		if tt.header[0] != "" {
			r.Header.Set(tt.header[0], tt.header[1])
		}
		w := httptest.NewRecorder()
		server.server.Handler.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

func TestProfilesAreOffByDefault(t *testing.T) {
	get := newHTTP(t, NewReadiness(), prometheus.NewRegistry())
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/profile?seconds=1", "/debug/pprof/goroutine"} {
		if code, _ := get(http.MethodGet, path); code != http.StatusNotFound {
			t.Errorf("%s: got %d", path, code)
		}
	}
}

func TestAProfileLastsNoLongerThanItMay(t *testing.T) {
	server := NewHTTP(HTTPConfig{Gatherer: prometheus.NewRegistry(), Ready: NewReadiness(), Profiles: true})
	for _, seconds := range []string{"301", "-1", "0", "long", "NaN"} {
		r := httptest.NewRequest(http.MethodGet, "/debug/pprof/block?seconds="+seconds, nil)
		r.RemoteAddr, r.Host = "127.0.0.1:1", "127.0.0.1"
		w := httptest.NewRecorder()
		server.server.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest {
			t.Errorf("seconds=%s: got %d", seconds, w.Code)
		}
	}
}

// TestAProfileIsCutShortByTheEnd takes a profile for minutes from a server that shuts down.
func TestAProfileIsCutShortByTheEnd(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewHTTP(HTTPConfig{Gatherer: prometheus.NewRegistry(), Ready: NewReadiness(), Profiles: true})
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(waitContext(t), http.MethodGet, "http://"+ln.Addr().String()+"/debug/pprof/profile?seconds=300", nil)
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	type answer struct {
		size int64
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		close(begun)
		resp, err := client.Do(r)
		if err != nil {
			got <- answer{err: err}
			return
		}
		defer resp.Body.Close()
		plain, err := gzip.NewReader(resp.Body)
		if err != nil {
			got <- answer{err: err}
			return
		}
		n, err := io.Copy(io.Discard, plain)
		got <- answer{n, err}
	}()
	<-begun
	for !profiling(t) {
		if t.Context().Err() != nil {
			t.Fatal("no profile was begun")
		}
		time.Sleep(time.Millisecond) // a profile that has begun shows as a goroutine only
	}
	server.Shutdown(context.Background())
	if err := <-served; err != nil {
		t.Error(err)
	}
	if a := <-got; a.err != nil || a.size == 0 {
		t.Errorf("got a profile of %d bytes, %v", a.size, a.err)
	}
}

// profiling says whether a CPU profile is being taken.
func profiling(t *testing.T) bool {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/debug/pprof/goroutine?debug=1", nil)
	r.RemoteAddr, r.Host = "127.0.0.1:1", "127.0.0.1"
	NewHTTP(HTTPConfig{Gatherer: prometheus.NewRegistry(), Ready: NewReadiness(), Profiles: true}).server.Handler.ServeHTTP(w, r)
	return strings.Contains(w.Body.String(), "runtime/pprof.profileWriter")
}
