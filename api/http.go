package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

const (
	maxHTTPConnections = 256
	maxScrapes         = 4 // at once
	scrapeTimeout      = 10 * time.Second
)

// HTTPConfig is what the HTTP listener tells. Gatherer and Ready are required.
type HTTPConfig struct {
	// Gatherer holds the metrics.
	Gatherer prometheus.Gatherer
	// Ready says whether calls can be taken.
	Ready *Readiness
	// Sessions has what rooms send to groups; nil: there are no pages of it.
	Sessions Sessions
	// Profiles lets programs on the same machine take profiles of the process: /debug/pprof/.
	Profiles bool
	// Log takes the faults of connections; nil discards them.
	Log *slog.Logger
}

// HTTPServer answers GET of /livez, /readyz and /metrics, of the sessions of rooms (/rooms/NUMBER/distributions/), and of profiles where they are wanted. Its methods are safe for concurrent use.
type HTTPServer struct {
	server *http.Server
}

// NewHTTP returns a server that listens nowhere yet.
func NewHTTP(cfg HTTPConfig) *HTTPServer {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if missing := cfg.Ready.Missing(); len(missing) > 0 {
			answer(w, http.StatusServiceUnavailable, "not ready: "+strings.Join(missing, ", "))
			return
		}
		answer(w, http.StatusOK, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            slog.NewLogLogger(cfg.Log.Handler(), slog.LevelError),
	}))
	if cfg.Sessions != nil {
		(&sessionPages{sessions: cfg.Sessions, log: cfg.Log}).handle(mux)
	}
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	if cfg.Profiles {
		p := &profiles{ended: make(chan struct{})}
		p.handle(mux)
		server.RegisterOnShutdown(sync.OnceFunc(func() { close(p.ended) }))
	}
	return &HTTPServer{server: server}
}

// answer is a line of text that no proxy keeps.
func answer(w http.ResponseWriter, code int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, line) // fails only when the client has gone
}

// Serve answers on ln and owns it. It returns after Shutdown, then with nil, or when accepting fails.
func (s *HTTPServer) Serve(ln net.Listener) error {
	err := s.server.Serve(netutil.LimitListener(ln, maxHTTPConnections))
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// Shutdown lets requests finish until ctx is done and cuts off what is left then.
func (s *HTTPServer) Shutdown(ctx context.Context) {
	if s.server.Shutdown(ctx) != nil {
		_ = s.server.Close() // the listener is closed already; what remains are connections
	}
}
