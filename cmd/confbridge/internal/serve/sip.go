package serve

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"

	"github.com/confbridge/confbridge/api"
	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
	"github.com/confbridge/confbridge/sipua/upstream"
)

// sipConfig is what the file says of SIP, in the words of package sipua.
func sipConfig(cfg config.Config, log *slog.Logger) (sipua.Config, error) {
	c := sipua.Config{
		Advertise: cfg.SIP.Advertise, Domain: cfg.SIP.Domain,
		Ring: cfg.SIP.Ring, SessionExpires: cfg.SIP.SessionExpires, Log: log,
	}
	for _, name := range cfg.Media.Codecs {
		c.Codecs = append(c.Codecs, codec.Name(name))
	}
	for _, l := range cfg.SIP.Listen {
		c.Transport.Listeners = append(c.Transport.Listeners, transport.Listener{URL: l.String(), Advertise: l.Advertise})
	}
	c.Transport.External, c.Transport.Origins = cfg.SIP.ExternalNetworks, cfg.SIP.Origins
	limits := cfg.SIP.Limits
	c.Overload.Exempt = limitedElsewhere(cfg.SIP.Trunks)
	c.MaxCalls = limits.Calls
	c.Transport.MaxConns, c.Transport.MaxConnsPerSource = limits.Connections, limits.ConnectionsPerSource
	c.Overload.Rate = limits.RequestsPerSecond
	c.Overload.MaxHalfOpen, c.Overload.MaxHalfOpenPerSource = limits.HalfOpen, limits.HalfOpenPerSource
	c.Transport.TLS = transport.TLS{
		CertFile: cfg.SIP.TLS.Certificate, KeyFile: cfg.SIP.TLS.Key, CAFile: cfg.SIP.TLS.CA, ClientAuth: cfg.SIP.TLS.Clients,
		SelfSignedDir: filepath.Join(cfg.DataDir, "tls"),
	}
	for _, p := range cfg.SIP.TLS.More {
		c.Transport.TLS.More = append(c.Transport.TLS.More, transport.KeyPair{CertFile: p.Certificate, KeyFile: p.Key})
	}
	c.Trunks = trunk.Config{
		Anonymous: trunk.Policy(cfg.SIP.Anonymous), Realm: cfg.SIP.Realm, Algorithms: algorithms(cfg.SIP.Algorithms), Log: log,
	}
	c.Trunks.DialOut = dialOut(cfg.SIP.DialOut)
	for _, t := range cfg.SIP.Trunks {
		one, err := trunkConfig(t)
		if err != nil {
			return c, fmt.Errorf("trunk %q: %w", t.Name, err)
		}
		c.Trunks.Trunks = append(c.Trunks.Trunks, one)
		keepAlive(&c.Upstream, t)
	}
	return c, nil
}

func trunkConfig(t config.Trunk) (trunk.Trunk, error) {
	out := trunk.Trunk{
		Name: t.Name, Networks: t.Networks, TLSNames: t.TLSNames, Transport: t.Transport, Dial: dialConfig(t),
		Terms: trunk.Terms{
			Trusted: t.Trusted, Rooms: t.Rooms, NumberFrom: trunk.NumberSource(t.NumberFrom),
			MaxCalls: t.Calls, CallsPerSecond: t.CallsPerSecond, Codecs: t.Codecs,
			Keys: trunk.Keys(t.Keys),
		},
	}
	out.Algorithms = algorithms(t.Algorithms)
	for _, u := range t.Users {
		out.Users = append(out.Users, trunk.Credential{User: u.Name, Password: u.Password})
	}
	for _, text := range t.Rewrite {
		rule, err := trunk.ParseRule(text)
		if err != nil {
			return out, err
		}
		out.Rewrite = append(out.Rewrite, rule)
	}
	return out, nil
}

// limitedElsewhere says whether an address is that of a trunk with a rate of its own; nil where there is no such trunk.
func limitedElsewhere(trunks []config.Trunk) func(netip.Addr) bool {
	var networks []netip.Prefix
	for _, t := range trunks {
		if t.CallsPerSecond > 0 {
			networks = append(networks, t.Networks...)
		}
	}
	if networks == nil {
		return nil
	}
	return func(from netip.Addr) bool {
		return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(from.Unmap()) })
	}
}

func algorithms(names []string) []trunk.Algorithm {
	var all []trunk.Algorithm
	for _, n := range names {
		all = append(all, trunk.Algorithm(n))
	}
	return all
}

// keepAlive adds what a trunk wants of us from our side: a registration, pings.
func keepAlive(c *upstream.Config, t config.Trunk) {
	if r := t.Register; r.Registrar != "" {
		if r.Proxy != "" {
			r.Proxy = preferring(r.Proxy, t.Transport)
		} else {
			r.Registrar = preferring(r.Registrar, t.Transport)
		}
		c.Registrations = append(c.Registrations, upstream.Registration{
			Name: t.Name, Registrar: r.Registrar, Address: r.Address, Proxy: r.Proxy,
			User: r.User, Password: r.Password, Contact: r.Contact, Expires: r.Expires,
		})
	}
	if p := t.Ping; p.URI != "" {
		c.Pings = append(c.Pings, upstream.Ping{
			Name: t.Name, URI: preferring(p.URI, t.Transport), Interval: p.Interval, User: t.Register.User, Password: t.Register.Password,
		})
	}
}

// preferring is a URI that names the transport, where it has named none. A sips URI stays as it is: it goes by TLS.
func preferring(uri, transport string) string {
	u, err := message.ParseURI(uri)
	if err != nil || transport == "" || u.Scheme != "sip" || u.Params.Has("transport") {
		return uri
	}
	u.Params = u.Params.With("transport", transport)
	return u.String()
}

// trunks shows the API what the SIP server knows of its trunks.
type trunks struct {
	sip *sipua.Server

	mu      sync.Mutex
	changed chan struct{} // closed with the next change
}

// tell is upstream.Config.Changed.
func (t *trunks) tell(string, upstream.Kind, bool, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *trunks) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

func (t *trunks) Trunks() []api.Trunk {
	states := t.sip.Trunks()
	out := make([]api.Trunk, len(states))
	at := make(map[string]*api.Trunk, len(states))
	for i, s := range states {
		out[i] = api.Trunk{Name: s.Name, Calls: s.Calls, MaxCalls: s.MaxCalls, Total: s.Total, Refused: s.Refused}
		at[s.Name] = &out[i]
	}
	for _, r := range t.sip.Registrations() {
		at[r.Name].Registration = &api.Registration{
			State: phases[r.Phase], Registrar: r.Registrar, Address: r.Address, Target: r.Target, Error: r.Error,
			Changed: r.Changed, Expires: r.Expires, NextAttempt: r.Next,
		}
	}
	for _, p := range t.sip.Pings() {
		at[p.Name].Reachability = &api.Reachability{
			Known: p.Known, Up: p.Up, URI: p.URI, Error: p.Error, Changed: p.Changed, RoundTrip: p.RoundTrip,
		}
	}
	return out
}

// phases are a registration's in the API's words.
var phases = map[upstream.Phase]api.RegistrationState{
	upstream.Registering: api.Registering, upstream.Registered: api.Registered,
	upstream.Failed: api.RegistrationFailed, upstream.Removed: api.RegistrationRemoved,
}
