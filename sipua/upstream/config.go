package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// ErrConfig says that the configuration cannot work.
var ErrConfig = errors.New("invalid registration or ping")

// Sender sends requests outside of dialogs. Its methods are safe for concurrent use.
type Sender interface {
	// Send sends a request to next, or to its Request-URI, uri, where next is zero, and returns its final response. Build makes it
	// for the way it takes; it is called again, and must raise the CSeq, whenever the request has to be sent anew.
	Send(ctx context.Context, uri, next message.URI, build func(Way) *message.Message) (Answer, error)
	// KeepAlive sends CRLF CRLF on a flow (RFC 5626 §3.5.1). It does not wait; an error says that the flow is gone.
	KeepAlive(f transport.Flow) error
}

// Way is how a request goes out.
type Way struct {
	Flow transport.Flow
	// Contact is where requests reach us by that way, without a user.
	Contact message.URI
}

// Answer is a final response and the way it came.
type Answer struct {
	Response *message.Message
	Flow     transport.Flow
	Target   transport.Target
}

// Registration is an address of record that we are reached by (RFC 3261 §10.2).
type Registration struct {
	// Name is that of the trunk: unique, and a label of metrics.
	Name string
	// Registrar is the provider's URI, "sip:example.com"; a user in it is not sent.
	Registrar string
	// Address is the address of record; empty: User at the registrar.
	Address string
	// Proxy is an outbound proxy that REGISTER goes through, a URI; empty: none.
	Proxy string
	// User and Password answer challenges.
	User, Password string
	// Contact is the user part that calls come in for; empty: that of Address.
	Contact string
	// Expires is what is asked for (1 h); at least a minute.
	Expires time.Duration
	// KeepAlive is how often an empty line keeps the way open, for NAT: 0 means 25 s over UDP and 95 s over connections
	// (RFC 5626 §4.4.1); negative: never.
	KeepAlive time.Duration
}

// Ping is a peer that is asked whether it is there.
type Ping struct {
	// Name is that of the trunk: unique, and a label of metrics.
	Name string
	// URI is who is asked, "sip:sbc.example.com".
	URI string
	// User and Password answer challenges; they may be empty.
	User, Password string
	// Interval is the time from one ping to the next (30 s), Timeout how long an answer is waited for (8 s).
	Interval, Timeout time.Duration
	// Down is after how many failures in a row the peer is down (2), Up after how many answers it is up again (1).
	Down, Up int
}

// Config is what a group keeps alive. The zero value does nothing.
type Config struct {
	Registrations []Registration
	Pings         []Ping
	// UserAgent goes into the User-Agent field.
	UserAgent string
	// CloseTime bounds the removal of registrations at Close (3 s).
	CloseTime time.Duration
	// Changed is told when a registration has come or gone, or a peer is up or down; up says which. It is called on the
	// goroutine of the registration or ping, must not block for long and not call Close. nil: nobody is told.
	Changed func(name string, kind Kind, up bool, why string)
	Log     *slog.Logger // nil discards
}

// Kind is what a name stands for in a change.
type Kind uint8

// The kinds.
const (
	KindRegistration Kind = iota
	KindPing
)

// String is the kind for a log.
func (k Kind) String() string {
	if k == KindPing {
		return "ping"
	}
	return "registration"
}

const maxEntries = 1024 // registrations, and pings

// Validate joins all faults, each wrapping ErrConfig.
func (c Config) Validate() error {
	var faults []error
	wrong := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if len(c.Registrations) > maxEntries || len(c.Pings) > maxEntries {
		wrong("more than %d", maxEntries)
	}
	names := map[string]bool{}
	for _, r := range c.Registrations {
		if r.Name == "" || names[r.Name] {
			wrong("registration %q: the name is missing or there twice", r.Name)
		}
		names[r.Name] = true
		if _, err := r.plan(); err != nil {
			wrong("registration %q: %v", r.Name, err)
		}
		if r.Expires != 0 && (r.Expires < time.Minute || r.Expires > 24*time.Hour) {
			wrong("registration %q: expires %v is not 1 minute to 24 hours", r.Name, r.Expires)
		}
	}
	clear(names)
	for _, p := range c.Pings {
		if p.Name == "" || names[p.Name] {
			wrong("ping %q: the name is missing or there twice", p.Name)
		}
		names[p.Name] = true
		if _, err := sipURI(p.URI); err != nil {
			wrong("ping %q: %v", p.Name, err)
		}
		if p.Interval < 0 || p.Timeout < 0 || p.Down < 0 || p.Up < 0 {
			wrong("ping %q: less than nothing", p.Name)
		}
	}
	return errors.Join(faults...)
}

func sipURI(s string) (message.URI, error) {
	u, err := message.ParseURI(s)
	if err == nil && (!u.IsSIP() || u.Host == "") {
		err = fmt.Errorf("%q is no SIP URI", s)
	}
	return u.Requested(), err
}

// plan is a registration's URIs.
type plan struct {
	registrar, proxy message.URI
	address          message.URI
	contact          string // escaped
}

func (r Registration) plan() (plan, error) {
	var p plan
	var err error
	if p.registrar, err = sipURI(r.Registrar); err != nil {
		return p, fmt.Errorf("registrar: %w", err)
	}
	p.registrar.User, p.registrar.Password = "", "" // RFC 3261 §10.2
	if r.Proxy != "" {
		if p.proxy, err = sipURI(r.Proxy); err != nil {
			return p, fmt.Errorf("proxy: %w", err)
		}
		if !p.proxy.Params.Has("lr") {
			p.proxy.Params = p.proxy.Params.With("lr", "")
		}
	}
	if r.Address == "" {
		p.address = message.URI{Scheme: p.registrar.Scheme, User: message.EscapeUser(r.User), Host: p.registrar.Host}
	} else if p.address, err = sipURI(r.Address); err != nil {
		return p, fmt.Errorf("address: %w", err)
	}
	if p.address.User == "" {
		return p, errors.New("address: there is no user to register")
	}
	p.contact = p.address.User
	if r.Contact != "" {
		p.contact = message.EscapeUser(r.Contact)
	}
	return p, nil
}
