// Package web fetches sounds by HTTP from where that is allowed, and from nowhere else.
//
// What is allowed is prefixes of URLs. A redirect has to stay within them. A host's name must lead to an address of the internet: one of a private network, of this
// machine or of a link is connected to only where a prefix names that address itself, so that nobody who may play sounds, and no name server, can have the
// bridge ask a service inside. No proxy is used, since that would look names up by itself.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/confbridge/confbridge/rooms/sounds"
)

// Config is what may be fetched.
type Config struct {
	// Prefixes are the beginnings of URLs as of [ParsePrefix]; none: nothing may be.
	Prefixes []string
	// MostBytes is how long a file may be; 0: 32 MiB.
	MostBytes int64
	// Timeout is how long all of it may take; 0: 10 s.
	Timeout time.Duration
}

const (
	defaultMostBytes = 32 << 20
	defaultTimeout   = 10 * time.Second
	maxHeaderBytes   = 64 << 10
	maxRedirects     = 5
	fetchesAtOnce    = 4 // each has MostBytes in memory
)

// Fetcher gets files. It is safe for concurrent use, keeps no connection open, and implements [sounds.Fetcher].
type Fetcher struct {
	cfg      Config
	prefixes []*url.URL
	client   http.Client
	turns    chan struct{} // full while as many fetch as may
}

// New returns a Fetcher, or all that is wrong with the prefixes.
func New(cfg Config) (*Fetcher, error) {
	if cfg.MostBytes == 0 {
		cfg.MostBytes = defaultMostBytes
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	f := &Fetcher{cfg: cfg, turns: make(chan struct{}, fetchesAtOnce)}
	var faults []error
	for _, text := range cfg.Prefixes {
		p, err := ParsePrefix(text)
		f.prefixes, faults = append(f.prefixes, p), append(faults, err)
	}
	f.client = http.Client{
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes},
		CheckRedirect: f.checkRedirect,
	}
	return f, errors.Join(faults...)
}

// dial connects to an address that a URL names itself, or to one of the internet.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Control: refusePrivate}
	if host, _, err := net.SplitHostPort(address); err == nil {
		if _, err := netip.ParseAddr(host); err == nil {
			d.Control = nil // some prefix names it: else the URL had not been allowed
		}
	}
	return d.DialContext(ctx, network, address)
}

func (f *Fetcher) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	_, err := f.allowed(req.URL.String())
	return err
}

// allowed reads a URL that a prefix covers (sounds.ErrNotAllowed).
func (f *Fetcher) allowed(text string) (*url.URL, error) {
	u, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sounds.ErrNotAllowed, err)
	}
	for _, p := range f.prefixes {
		if covers(p, u) {
			return u, nil
		}
	}
	return nil, fmt.Errorf("%w: no prefix covers %s://%s%s", sounds.ErrNotAllowed, u.Scheme, u.Host, u.EscapedPath()) // queries may be secrets
}

// Fetch gets the whole of a file (sounds.ErrNotAllowed, sounds.ErrNotFound, sounds.ErrTooLong, sounds.ErrUnreachable, or the cause of ctx's end).
func (f *Fetcher) Fetch(ctx context.Context, text string) ([]byte, error) {
	u, err := f.allowed(text)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	select {
	case f.turns <- struct{}{}:
		defer func() { <-f.turns }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: others are fetched: %w", sounds.ErrUnreachable, context.Cause(ctx))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sounds.ErrNotAllowed, err)
	}
	req.Header.Set("Accept", "audio/*, application/octet-stream;q=0.5")
	req.Header.Set("User-Agent", "confbridge")
	resp, err := f.client.Do(req)
	switch {
	case errors.Is(err, sounds.ErrNotAllowed):
		return nil, bare(err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", sounds.ErrUnreachable, bare(err))
	}
	defer resp.Body.Close()
	return f.read(resp)
}

// bare is an error of http.Client without the URL, in which there may be a secret.
func bare(err error) error {
	if told, ok := errors.AsType[*url.Error](err); ok {
		return told.Err
	}
	return err
}

func (f *Fetcher) read(resp *http.Response) ([]byte, error) {
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%w: the server says %s", sounds.ErrNotFound, resp.Status)
	default:
		return nil, fmt.Errorf("%w: the server says %s", sounds.ErrUnreachable, resp.Status)
	}
	if resp.ContentLength > f.cfg.MostBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", sounds.ErrTooLong, resp.ContentLength, f.cfg.MostBytes)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, f.cfg.MostBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", sounds.ErrUnreachable, err)
	case int64(len(body)) > f.cfg.MostBytes:
		return nil, fmt.Errorf("%w: more than %d bytes", sounds.ErrTooLong, f.cfg.MostBytes)
	}
	return body, nil
}
