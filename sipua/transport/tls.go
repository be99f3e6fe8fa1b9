package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
)

// tls is SIP over TLS (RFC 3261 §26.3.1), on TCP.
func (m *Manager) tls() stream {
	return stream{
		name: "TLS", named: true,
		listen: listenTCP,
		dial:   dialTCP,
		greet: func(ctx context.Context, nc net.Conn, to Target, inbound bool) (net.Conn, error) {
			return m.greetTLS(ctx, nc, to, inbound)
		},
		frames: func(_ net.Conn, src octets) messages { return &framer{src: src} },
	}
}

// tlsConn is a connection whose handshake is done.
type tlsConn struct {
	*tls.Conn
	names []string
}

func (c *tlsConn) peerNames() []string { return c.names }

// greetTLS shakes hands. As a client it wants the server to be to.Name (RFC 5922 §7.3), or to have to's address in its
// certificate where the URI had no name.
func (m *Manager) greetTLS(ctx context.Context, nc net.Conn, to Target, inbound bool) (*tlsConn, error) {
	keys := m.certs.current()
	if inbound {
		tc := tls.Server(nc, keys.server)
		if err := tc.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		shown := tc.ConnectionState().PeerCertificates
		var names []string
		if verifyChain(shown, keys.roots) == nil {
			names = identities(shown[0])
		}
		return &tlsConn{tc, names}, nil
	}
	cfg := keys.client.Clone()
	cfg.ServerName = to.Name // SNI
	var names []string
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		err := verifyServer(cs.PeerCertificates, keys.roots, to)
		if err == nil {
			names = identities(cs.PeerCertificates[0])
		}
		if m.cfg.TLS.Insecure {
			return nil
		}
		return err
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return &tlsConn{tc, names}, nil
}

// subjectAltName is id-ce-subjectAltName (RFC 5280 §4.2.1.6).
var subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// sipDomain is id-kp-sipDomain (RFC 5924 §3).
var sipDomain = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 20}

// verifyChain checks that an authority of roots (nil: the system's) vouches for the certificate, and that it may be used
// for SIP: RFC 5924 §4, and as the certificates of the web are in use everywhere, for them too.
func verifyChain(shown []*x509.Certificate, roots *x509.CertPool) error {
	if len(shown) == 0 {
		return errNoCertificate
	}
	leaf := shown[0]
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range shown[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(opts); err != nil {
		return err
	}
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 {
		return nil
	}
	for _, u := range leaf.ExtKeyUsage {
		if u == x509.ExtKeyUsageAny || u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageClientAuth {
			return nil
		}
	}
	if slices.ContainsFunc(leaf.UnknownExtKeyUsage, sipDomain.Equal) {
		return nil
	}
	return fmt.Errorf("the certificate of %q is for another use than SIP or TLS", leaf.Subject)
}

// verifyServer is verifyChain, and the server must be who was asked for.
func verifyServer(shown []*x509.Certificate, roots *x509.CertPool, to Target) error {
	if err := verifyChain(shown, roots); err != nil {
		return err
	}
	who := identities(shown[0])
	if to.Name != "" {
		if !slices.Contains(who, domain(to.Name)) {
			return fmt.Errorf("the server's certificate is for %q, not for %q", who, to.Name)
		}
		return nil
	}
	for _, ip := range shown[0].IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok && a.Unmap() == to.Addr.Addr() {
			return nil
		}
	}
	if !slices.Contains(who, to.Addr.Addr().String()) {
		return fmt.Errorf("the server's certificate is for %q, not for %s", who, to.Addr.Addr())
	}
	return nil
}

// identities are the domains that a certificate is for, in lower case (RFC 5922 §7.1): those of its sip URIs without a user; else its
// DNS names; else, where it has no subjectAltName at all, its common name. Wildcards are nobody (§7.2).
func identities(cert *x509.Certificate) []string {
	var out []string
	add := func(name string) {
		if name = domain(name); name != "" && !strings.Contains(name, "*") && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, u := range cert.URIs {
		if uri, err := message.ParseURI(u.String()); err == nil && uri.Scheme == "sip" && uri.User == "" {
			add(uri.Host)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, name := range cert.DNSNames {
		add(name)
	}
	alternative := slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(subjectAltName) })
	if !alternative {
		add(cert.Subject.CommonName)
	}
	return out
}

// domain is a name as it is compared (RFC 5922 §7.2): whole, whatever the case.
func domain(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// PeerNames are the domains that the peer of a connection has proved to be, in lower case (RFC 5922 §7.1): of the certificate
// that it has shown and that is believed. None without TLS, and when the connection is gone.
func (m *Manager) PeerNames(f Flow) []string {
	m.mu.Lock()
	c := m.conns[f.ID]
	m.mu.Unlock()
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.names)
}
