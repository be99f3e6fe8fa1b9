package upstream

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// ping asks one peer whether it is there. run owns all but what is under mu.
type ping struct {
	g    *Group
	cfg  Ping
	uri  message.URI
	send Sender
	good int // answers in a row
	bad  int // failures in a row

	mu    sync.Mutex
	state PingState
}

func newPing(g *Group, cfg Ping, send Sender) *ping {
	uri, _ := sipURI(cfg.URI) // Validate has seen to it
	set := func(v *int, otherwise int) {
		if *v == 0 {
			*v = otherwise
		}
	}
	set(&cfg.Down, 2)
	set(&cfg.Up, 1)
	if cfg.Interval == 0 {
		cfg.Interval = 30 * time.Second
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 8 * time.Second
	}
	return &ping{g: g, cfg: cfg, uri: uri, send: send, state: PingState{Name: cfg.Name, URI: uri.Shown().String(), Changed: time.Now()}}
}

func (p *ping) seen() PingState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// run is the ping's goroutine.
func (p *ping) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		p.once(ctx)
		timer.Reset(jitter(p.cfg.Interval, 0.9))
	}
}

// once sends one OPTIONS (RFC 3261 §11.1).
func (p *ping) once(parent context.Context) {
	ctx, cancel := context.WithTimeout(parent, p.cfg.Timeout)
	defer cancel()
	began, callID, tag, seq := time.Now(), rand.Text(), rand.Text(), uint32(0)
	a, err := p.send.Send(ctx, p.uri, message.URI{}, func(w Way) *message.Message {
		from := w.Contact
		from.Params, from.User, from.Port = nil, "confbridge", 0
		to := p.uri
		to.Params, to.Headers, to.Port = nil, "", 0
		req := p.g.request(message.Options, p.uri, from, to)
		seq++
		req.From, req.CallID, req.CSeq.Seq = req.From.WithTag(tag), callID, seq
		at := w.Contact
		at.User = "confbridge"
		req.Contact = []message.Address{{URI: at}}
		req.Add("Accept", "application/sdp")
		return req
	})
	switch {
	case parent.Err() != nil:
	case err != nil:
		p.heard(false, err.Error(), "", 0)
	default:
		why := ""
		if !alive(a.Response.StatusCode) {
			why = status(a.Response)
		}
		p.heard(why == "", why, a.Target.String(), time.Since(began))
	}
}

// alive says whether an answer is one of a peer that works: whatever it is, as long as it does not say that the peer, or
// what is behind it, cannot be reached.
func alive(status int) bool {
	switch status {
	case 408, 500, 502, 503, 504:
		return false
	}
	return true
}

// heard counts a result, and tells when it makes a change.
func (p *ping) heard(good bool, why, target string, took time.Duration) {
	if good {
		p.good, p.bad = min(p.good+1, p.cfg.Up), 0
	} else {
		p.good, p.bad = 0, min(p.bad+1, p.cfg.Down)
	}
	p.mu.Lock()
	s := &p.state
	was := *s
	s.Error = why
	if target != "" {
		s.Target, s.RoundTrip = target, took
	}
	switch {
	case good && p.good >= p.cfg.Up && (!s.Known || !s.Up):
		s.Known, s.Up, s.Changed = true, true, time.Now()
	case !good && p.bad >= p.cfg.Down && (!s.Known || s.Up):
		s.Known, s.Up, s.Changed = true, false, time.Now()
	}
	now := *s
	p.mu.Unlock()
	if now.Known != was.Known || now.Up != was.Up {
		p.g.changed(p.cfg.Name, KindPing, now.Up, why)
	}
}
