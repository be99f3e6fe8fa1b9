package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
)

const (
	profilePath = "/debug/pprof/"
	// blockRate is one in how many nanoseconds of waiting is noted while somebody asks for that.
	blockRate = 10_000
	// mutexFraction is one in how many waits for a lock.
	mutexFraction = 10
	// maxProfileSeconds bounds how long one profile is taken.
	maxProfileSeconds = 300
)

// profiles are the pages of what the process does, for go tool pprof. They tell much of the bridge and cost it something, so nobody but programs on
// the same machine is answered.
type profiles struct {
	ended   chan struct{} // closed when the server is to shut down: what is being taken is cut short then
	mu      sync.Mutex
	waiting int // requests for waits: waits are noted as long as there are some
}

func (p *profiles) handle(mux *http.ServeMux) {
	page := func(path string, h http.HandlerFunc) {
		mux.HandleFunc("GET "+profilePath+path, func(w http.ResponseWriter, r *http.Request) {
			if !fromHere(r) {
				answer(w, http.StatusForbidden, "profiles are for programs on this machine")
				return
			}
			if s := r.FormValue("seconds"); s != "" {
				if n, err := strconv.ParseFloat(s, 64); err != nil || n <= 0 || n > maxProfileSeconds {
					answer(w, http.StatusBadRequest, fmt.Sprintf("seconds: more than 0, at most %d", maxProfileSeconds))
					return
				}
			}
			w.Header().Set("Cache-Control", "no-store")
			p.untilEnd(w, r, h)
		})
	}
	page("profile", pprof.Profile)
	page("trace", pprof.Trace)
	for _, name := range []string{"allocs", "heap", "goroutine", "threadcreate"} {
		page(name, pprof.Handler(name).ServeHTTP)
	}
	for _, name := range []string{"block", "mutex"} {
		page(name, p.noting(pprof.Handler(name)))
	}
}

// untilEnd lets h answer, and ends the request's context when the server shuts down.
func (p *profiles) untilEnd(w http.ResponseWriter, r *http.Request, h http.HandlerFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-p.ended:
			cancel()
		case <-ctx.Done():
		}
	})
	h(w, r.WithContext(ctx))
	cancel()
	watch.Wait()
}

// noting has waits noted for as long as h takes, which ?seconds=N says: the rest of the time they cost nothing.
func (p *profiles) noting(h http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.note(1)
		defer p.note(-1)
		h.ServeHTTP(w, r)
	}
}

func (p *profiles) note(requests int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting += requests
	if p.waiting > 0 {
		runtime.SetBlockProfileRate(blockRate)
		runtime.SetMutexProfileFraction(mutexFraction)
		return
	}
	runtime.SetBlockProfileRate(0)
	runtime.SetMutexProfileFraction(0)
}

// fromHere says whether a program on this machine asks, for itself: not by a proxy, and not as a page in a browser whose name an
// attacker has made that of this machine.
func fromHere(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, by := range []string{"Forwarded", "X-Forwarded-For", "Via"} {
		if r.Header.Get(by) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
