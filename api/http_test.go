package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// newHTTP serves on a loopback port; get asks it.
func newHTTP(t *testing.T, ready *Readiness, metrics prometheus.Gatherer) (get func(method, path string) (int, string)) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewHTTP(HTTPConfig{Gatherer: metrics, Ready: ready})
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return func(method, path string) (int, string) {
		req, err := http.NewRequestWithContext(waitContext(t), method, "http://"+ln.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
}

func TestReadyzSaysWhatIsMissing(t *testing.T) {
	ready := NewReadiness("sip", "grpc")
	get := newHTTP(t, ready, prometheus.NewRegistry())
	check := func(path string, code int, body string) {
		t.Helper()
		gotCode, gotBody := get(http.MethodGet, path)
		if gotCode != code || gotBody != body {
			t.Errorf("%s: got %d %q, want %d %q", path, gotCode, gotBody, code, body)
		}
	}
	check("/livez", 200, "ok\n")
	check("/readyz", 503, "not ready: sip, grpc\n")
	ready.Set("sip", true)
	check("/readyz", 503, "not ready: grpc\n")
	ready.Set("grpc", true)
	ready.Set("grpc", true)
	check("/readyz", 200, "ok\n")
	ready.Set("draining", false)
	ready.Set("draining", false)
	check("/readyz", 503, "not ready: draining\n")
	check("/livez", 200, "ok\n")
}

func TestMetricsAreServed(t *testing.T) {
	reg := prometheus.NewRegistry()
	rooms := prometheus.NewGauge(prometheus.GaugeOpts{Name: "confbridge_rooms", Help: "Rooms."})
	reg.MustRegister(rooms)
	rooms.Set(3)
	code, body := newHTTP(t, NewReadiness(), reg)(http.MethodGet, "/metrics")
	if code != 200 || !strings.Contains(body, "confbridge_rooms 3\n") {
		t.Errorf("got %d\n%s", code, body)
	}
}

func TestOtherPathsAndMethodsAreRefused(t *testing.T) {
	get := newHTTP(t, NewReadiness(), prometheus.NewRegistry())
	if code, _ := get(http.MethodGet, "/"); code != http.StatusNotFound {
		t.Errorf("/: got %d", code)
	}
	if code, _ := get(http.MethodPost, "/readyz"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz: got %d", code)
	}
}
