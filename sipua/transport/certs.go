package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"
)

// TLS is how TLS and WSS prove who we are, and whom they believe. The files are PEM; they are looked at again with each
// handshake, so that new certificates need no restart.
type TLS struct {
	// CertFile and KeyFile are our certificate, with its intermediates, and its key. Empty: a self-signed one is made when
	// there is a listener that needs it.
	CertFile, KeyFile string
	// More has certificates for other names; a peer gets the one that has the name it asks for (SNI), or the first.
	More []KeyPair
	// CAFile has the authorities that are believed; empty: the system's, for servers that we connect to.
	CAFile string
	// ClientAuth says whether peers that connect to us show a certificate: "" or "none"; "optional": one that CAFile
	// vouches for gives the peer its names, another counts as none; "required": without one there is no connection. Both
	// need CAFile.
	ClientAuth string
	// SelfSignedDir is where the self-signed certificate is kept; empty: it is made anew with each start.
	SelfSignedDir string
	// Insecure takes any server for the one that was asked for: for tests, and for peers with certificates of their own make.
	Insecure bool
}

// KeyPair is a certificate and its key, as files.
type KeyPair struct{ CertFile, KeyFile string }

// check looks for what cannot be.
func (t TLS) check() error {
	switch {
	case (t.CertFile == "") != (t.KeyFile == ""):
		return fmt.Errorf("%w: tls: a certificate needs its key, and a key its certificate", ErrConfig)
	case t.ClientAuth != "" && t.ClientAuth != "none" && t.ClientAuth != "optional" && t.ClientAuth != "required":
		return fmt.Errorf("%w: tls: client auth %q: want none, optional or required", ErrConfig, t.ClientAuth)
	case t.asksPeers() && t.CAFile == "":
		return fmt.Errorf("%w: tls: client auth needs a CA file that says who is believed", ErrConfig)
	}
	return nil
}

func (t TLS) asksPeers() bool { return t.ClientAuth == "optional" || t.ClientAuth == "required" }

// fileState tells one state of a file from another.
type fileState struct {
	at   time.Time
	size int64
}

// certs are the certificates as they are now.
type certs struct {
	cfg   TLS
	hosts []string // what a self-signed certificate is for
	serve bool     // there are listeners that need a certificate
	log   *slog.Logger

	mu     sync.Mutex
	tried  map[string]fileState // the files as last looked at
	made   *tls.Certificate     // self-signed, kept in memory only
	server *tls.Config
	client *tls.Config
	roots  *x509.CertPool // nil: the system's
}

// keyring is one state of certs; it is not changed.
type keyring struct {
	server, client *tls.Config
	roots          *x509.CertPool
}

func newCerts(cfg TLS, hosts []string, serve bool, log *slog.Logger) (*certs, error) {
	c := &certs{cfg: cfg, hosts: hosts, serve: serve, log: log}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.loadLocked(); err != nil {
		return nil, fmt.Errorf("%w: tls: %w", ErrConfig, err)
	}
	return c, nil
}

// current returns the certificates, read again where a file has changed. What cannot be read leaves the old ones.
func (c *certs) current() keyring {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !maps.Equal(c.tried, c.stamps()) {
		if err := c.loadLocked(); err != nil {
			c.log.Warn("TLS certificates have changed and cannot be used; the old ones stay", "err", err)
		} else {
			c.log.Info("TLS certificates read again")
		}
	}
	return keyring{c.server, c.client, c.roots}
}

// reload reads the certificates; with an error the old ones stay.
func (c *certs) reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadLocked()
}

// ReloadTLS reads the certificates again. With an error the old ones stay. It need not be called: a changed file is noticed.
func (m *Manager) ReloadTLS() error { return m.certs.reload() }

func (c *certs) pairs() []KeyPair {
	var list []KeyPair
	if c.cfg.CertFile != "" {
		list = append(list, KeyPair{c.cfg.CertFile, c.cfg.KeyFile})
	}
	return append(list, c.cfg.More...)
}

func (c *certs) stamps() map[string]fileState {
	out := map[string]fileState{}
	add := func(name string) {
		if fi, err := os.Stat(name); name != "" && err == nil {
			out[name] = fileState{fi.ModTime(), fi.Size()}
		}
	}
	for _, p := range c.pairs() {
		add(p.CertFile)
		add(p.KeyFile)
	}
	add(c.cfg.CAFile)
	return out
}

func (c *certs) loadLocked() error {
	c.tried = c.stamps()
	var list []tls.Certificate
	for _, p := range c.pairs() {
		pair, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
		if err != nil {
			return fmt.Errorf("certificate %s with key %s: %w", p.CertFile, p.KeyFile, err)
		}
		list = append(list, pair)
	}
	if len(list) == 0 && c.serve {
		pair, err := c.selfSignedLocked()
		if err != nil {
			return fmt.Errorf("self-signed certificate: %w", err)
		}
		list = append(list, pair)
	}
	var roots *x509.CertPool
	if c.cfg.CAFile != "" {
		text, err := os.ReadFile(c.cfg.CAFile)
		if err != nil {
			return err
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s has no certificate", c.cfg.CAFile)
		}
	}
	c.server, c.client, c.roots = c.serverConfig(list, roots), clientConfig(list), roots
	return nil
}

// serverConfig verifies by itself: RFC 5924 has other extended key usages than the web's.
func (c *certs) serverConfig(list []tls.Certificate, roots *x509.CertPool) *tls.Config {
	out := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: list}
	switch c.cfg.ClientAuth {
	case "optional":
		out.ClientAuth = tls.RequestClientCert
	case "required":
		out.ClientAuth = tls.RequireAnyClientCert
		out.VerifyConnection = func(cs tls.ConnectionState) error {
			return verifyChain(cs.PeerCertificates, roots)
		}
	}
	if c.cfg.asksPeers() {
		out.ClientCAs = roots
	}
	return out
}

func clientConfig(list []tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: list,
		InsecureSkipVerify: true, // greetTLS sets VerifyConnection: RFC 5922 §7 differs from the web's rules
	}
}

var errNoCertificate = errors.New("the peer has shown no certificate")
