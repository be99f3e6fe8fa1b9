package api

import (
	"slices"
	"sync"
)

// Readiness is what the bridge still lacks before it can take calls. Safe for concurrent use.
type Readiness struct {
	mu      sync.Mutex
	missing []string
}

// NewReadiness returns one that lacks each of parts: words for people, like "sip".
func NewReadiness(parts ...string) *Readiness {
	return &Readiness{missing: slices.Clone(parts)}
}

// Set says that part is there, or that it no longer is.
func (r *Readiness) Set(part string, there bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.missing, part)
	switch {
	case there && i >= 0:
		r.missing = slices.Delete(r.missing, i, i+1)
	case !there && i < 0:
		r.missing = append(r.missing, part)
	}
}

// Missing lists what is not there, the caller's to keep; empty means ready.
func (r *Readiness) Missing() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.missing)
}
