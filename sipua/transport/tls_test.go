package transport

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/sipua/message"
)

// authority signs certificates for tests.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, file: filepath.Join(t.TempDir(), "ca.pem")}
	a.cert, a.key = a.make(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.write(a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

func (a *authority) make(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(file, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// issue makes a certificate with DNS names; those that are addresses become such.
func (a *authority) issue(names ...string) TLS {
	a.t.Helper()
	out := TLS{CertFile: filepath.Join(a.t.TempDir(), "cert.pem"), KeyFile: filepath.Join(a.t.TempDir(), "key.pem"), CAFile: a.file}
	a.issueTo(out, names...)
	return out
}

func (a *authority) issueTo(files TLS, names ...string) {
	a.t.Helper()
	template := &x509.Certificate{}
	for _, n := range names {
		if ip, err := netip.ParseAddr(n); err == nil {
			template.IPAddresses = append(template.IPAddresses, ip.AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	cert, key := a.make(template)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(files.CertFile, "CERTIFICATE", cert.Raw)
	a.write(files.KeyFile, "PRIVATE KEY", der)
}

func tlsOn(url string, files TLS) Config { return Config{Listen: strings.Fields(url), TLS: files} }

// ask sends an OPTIONS from one manager to another and returns what the other got, or why the connection ended.
func ask(t *testing.T, from *Manager, mine, theirs *ear, to Target) (received, error) {
	t.Helper()
	f, err := from.Open(to)
	if err != nil {
		return received{}, err
	}
	err = from.Send(f, []byte(crlf(options(to.Transport+" x;branch=z9hG4bK1", 1)+"l: 0\n\n")))
	if err != nil && !errors.Is(err, ErrFlowGone) { // the handshake may have failed by now: Closed says why
		return received{}, err
	}
	select {
	case r := <-theirs.in:
		return r, nil
	case err := <-mine.closed:
		return received{}, err
	case <-time.After(patience):
		t.Fatal("nothing happens")
		panic("unreachable")
	}
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestTLSVersions(t *testing.T) {
	ca := newAuthority(t)
	m, e := open(t, tlsOn("tls://127.0.0.1:0", ca.issue("bridge.example")))
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		roots := x509.NewCertPool()
		roots.AddCert(ca.cert)
		c := call(t, Target{Transport: "TCP", Addr: m.Addrs()[0].Addr})
		tc := tls.Client(c.Conn, &tls.Config{RootCAs: roots, ServerName: "bridge.example", MinVersion: version, MaxVersion: version})
		if err := tc.Handshake(); (err == nil) != want {
			t.Fatalf("%s: got %v", tls.VersionName(version), err)
		}
		if !want {
			<-e.closed
			continue
		}
		sc := &caller{t, tc}
		sc.say("%sl: 0\n\n", options("TLS 127.0.0.1;branch=z9hG4bK1", 1))
		r := e.next(t)
		if r.flow.Transport != "TLS" || !r.flow.Secure() || !r.flow.Reliable() {
			t.Errorf("got %+v", r.flow)
		}
		if err := m.Respond(r.flow, r.msg.Via[0], []byte("pong")); err != nil {
			t.Fatal(err)
		}
		if got := sc.hear(); got != "pong" {
			t.Errorf("got %q", got)
		}
	}
	if s := m.Stats(); s.HandshakeFailed != 1 {
		t.Errorf("got %d failed handshakes, want 1", s.HandshakeFailed)
	}
}

func TestServersMustProveTheirNames(t *testing.T) {
	ca, others := newAuthority(t), newAuthority(t)
	for _, c := range []struct {
		name, asked, fails string
		server             TLS
		insecure           bool
		proved             []string
	}{
		{name: "the name that was asked for", asked: "Bridge.Example", server: ca.issue("bridge.example"), proved: []string{"bridge.example"}},
		{name: "another name", asked: "bridge.example", server: ca.issue("evil.example"), fails: "not for \"bridge.example\""},
		{name: "a wildcard", asked: "bridge.example", server: ca.issue("*.example"), fails: "not for \"bridge.example\""},
		{name: "a domain above", asked: "sip.bridge.example", server: ca.issue("bridge.example"), fails: "not for"},
		{name: "an address", server: ca.issue("127.0.0.1")},
		{name: "another address", server: ca.issue("127.0.0.9"), fails: "not for 127.0.0.1"},
		{name: "an authority that nobody knows", asked: "bridge.example", server: others.issue("bridge.example"), fails: "unknown authority"},
		{name: "anybody, where that is wanted", asked: "bridge.example", server: others.issue("evil.example"), insecure: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, theirs := open(t, tlsOn("tls://127.0.0.1:0", c.server))
			client, mine := open(t, Config{TLS: TLS{CAFile: ca.file, Insecure: c.insecure}})
			to := server.Addrs()[0]
			to.Name = c.asked
			r, err := ask(t, client, mine, theirs, to)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("got %v, want %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			f, err := client.Open(to)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.proved, client.PeerNames(f)); diff != "" {
				t.Error(diff)
			}
			// There is no listener here: the Via has to name the connection's own port.
			if f.SentBy != (HostPort{"127.0.0.1", int(r.flow.Remote.Port())}) {
				t.Errorf("got sent-by %v, connection from %v", f.SentBy, r.flow.Remote)
			}
		})
	}
}

func TestConnectionsToOtherNamesAreOtherConnections(t *testing.T) {
	ca := newAuthority(t)
	server, theirs := open(t, tlsOn("tls://127.0.0.1:0", ca.issue("a.example", "b.example")))
	client, mine := open(t, Config{TLS: TLS{CAFile: ca.file}})
	var flows []Flow
	for _, name := range []string{"a.example", "b.example", "a.example", ""} {
		to := server.Addrs()[0]
		to.Name = name
		r, err := ask(t, client, mine, theirs, to)
		if err != nil {
			t.Fatal(err)
		}
		flows = append(flows, r.flow)
	}
	// The last asks for nobody, as a request does that goes back in its dialog.
	if flows[0] == flows[1] || flows[0] != flows[2] || flows[3] != flows[0] {
		t.Errorf("got %v", flows)
	}
}

func TestPeersShowCertificates(t *testing.T) {
	ca, others := newAuthority(t), newAuthority(t)
	for _, c := range []struct {
		name, auth string
		client     TLS
		ok         bool
		names      []string
	}{
		{"required and shown", "required", ca.issue("pbx.example"), true, []string{"pbx.example"}},
		{"required and not shown", "required", TLS{}, false, nil},
		{"required and of another authority", "required", others.issue("pbx.example"), false, nil},
		{"optional and shown", "optional", ca.issue("pbx.example", "carrier.example"), true, []string{"pbx.example", "carrier.example"}},
		{"optional and not shown", "optional", TLS{}, true, nil},
		{"optional and of another authority", "optional", others.issue("pbx.example"), true, nil},
		{"not asked for", "", ca.issue("pbx.example"), true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := ca.issue("127.0.0.1")
			files.ClientAuth = c.auth
			server, theirs := open(t, tlsOn("tls://127.0.0.1:0", files))
			c.client.CAFile = ca.file
			client, mine := open(t, Config{TLS: c.client})
			r, err := ask(t, client, mine, theirs, server.Addrs()[0])
			if (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(c.names, server.PeerNames(r.flow)); diff != "" {
				t.Error(diff)
			}
			if n := server.Stats().HandshakeFailed; c.ok && n != 0 {
				t.Errorf("%d handshakes failed", n)
			}
		})
	}
}

func TestAliases(t *testing.T) { // RFC 5923
	ca := newAuthority(t)
	request := func(via string) []byte { return []byte(crlf(options(via+";branch=z9hG4bK1", 1) + "l: 0\n\n")) }
	for _, c := range []struct {
		name, via string
		client    TLS
		target    Target // what the server then asks for, at the client's address
		same      bool   // it is the client's connection
	}{
		{"a peer that has proved its name", "TLS pbx.example:5071;alias", ca.issue("pbx.example"), Target{Name: "PBX.example"}, true},
		{"another name", "TLS pbx.example:5071;alias", ca.issue("pbx.example"), Target{Name: "carrier.example"}, false},
		{"a peer that has proved nothing", "TLS pbx.example:5071;alias", TLS{}, Target{Name: "pbx.example"}, false},
		{"a peer that does not ask for it", "TLS pbx.example:5071", ca.issue("pbx.example"), Target{Name: "pbx.example"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := ca.issue("127.0.0.1")
			files.ClientAuth = "optional"
			server, theirs := open(t, tlsOn("tls://127.0.0.1:0", files))
			c.client.CAFile = ca.file
			client, _ := open(t, Config{TLS: c.client})
			f, err := client.Open(server.Addrs()[0])
			if err == nil {
				err = client.Send(f, request(c.via))
			}
			if err != nil {
				t.Fatal(err)
			}
			in := theirs.next(t).flow
			c.target.Transport, c.target.Addr = "TLS", netip.AddrPortFrom(in.Remote.Addr(), 5071)
			back, err := server.Open(c.target)
			if err != nil || (back == in) != c.same {
				t.Errorf("got %v, %v; the connection is %v", back, err, in)
			}
		})
	}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	ca := newAuthority(t)
	files := ca.issue("old.example")
	m, _ := open(t, tlsOn("tls://127.0.0.1:0", files))
	shown := func() []string {
		c := call(t, Target{Transport: "TCP", Addr: m.Addrs()[0].Addr})
		tc := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
		if err := tc.Handshake(); err != nil {
			t.Fatal(err)
		}
		return tc.ConnectionState().PeerCertificates[0].DNSNames
	}
	if got := shown(); !slices.Equal(got, []string{"old.example"}) {
		t.Errorf("got %v", got)
	}
	ca.issueTo(files, "a-new-name.example")
	if got := shown(); !slices.Equal(got, []string{"a-new-name.example"}) {
		t.Errorf("got %v, want the new certificate", got)
	}
	if err := os.WriteFile(files.CertFile, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); !slices.Equal(got, []string{"a-new-name.example"}) {
		t.Errorf("got %v, want what worked", got)
	}
	if err := m.ReloadTLS(); err == nil {
		t.Error("a broken certificate is loaded")
	}
	ca.issueTo(files, "mended.example")
	if err := m.ReloadTLS(); err != nil {
		t.Error(err)
	}
	if got := shown(); !slices.Equal(got, []string{"mended.example"}) {
		t.Errorf("got %v", got)
	}
}

func TestTheCertificateIsChosenByName(t *testing.T) {
	ca := newAuthority(t)
	files, other := ca.issue("a.example"), ca.issue("b.example")
	files.More = []KeyPair{{other.CertFile, other.KeyFile}}
	server, theirs := open(t, tlsOn("tls://127.0.0.1:0", files))
	client, mine := open(t, Config{TLS: TLS{CAFile: ca.file}})
	to := server.Addrs()[0]
	for _, name := range []string{"b.example", "a.example"} {
		to.Name = name
		if _, err := ask(t, client, mine, theirs, to); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASelfSignedCertificateIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	var log bytes.Buffer
	start := func() (*Manager, *ear) {
		cfg := tlsOn("tls://127.0.0.1:0", TLS{SelfSignedDir: dir})
		cfg.Advertise = "bridge.example"
		cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		return open(t, cfg)
	}
	server, theirs := start()
	if !strings.Contains(log.String(), "self-signed") || !strings.Contains(log.String(), "sha256=") {
		t.Errorf("the log says %q", log.String())
	}
	for _, name := range []string{selfSignedCert, selfSignedKey} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v, want 0600", name, fi.Mode())
		}
	}
	client, mine := open(t, Config{TLS: TLS{CAFile: filepath.Join(dir, selfSignedCert)}})
	for _, name := range []string{"", "bridge.example", "localhost"} { // who trusts that one file trusts the server
		to := server.Addrs()[0]
		to.Name = name
		if _, err := ask(t, client, mine, theirs, to); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	log.Reset()
	again, theirs := start()
	if log.Len() != 0 {
		t.Errorf("the second start says %q", log.String())
	}
	to := again.Addrs()[0]
	to.Name = "bridge.example"
	if _, err := ask(t, client, mine, theirs, to); err != nil {
		t.Errorf("the second start has another certificate: %v", err)
	}
}

func TestIdentities(t *testing.T) {
	ca := newAuthority(t)
	uri := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, c := range []struct {
		name string
		cert x509.Certificate
		want []string
	}{
		{"sip URIs come before DNS names", x509.Certificate{URIs: []*url.URL{uri("sip:A.example"), uri("sip:b.example")}, DNSNames: []string{"web.example"}}, []string{"a.example", "b.example"}},
		{"a sip URI with a user is a person", x509.Certificate{URIs: []*url.URL{uri("sip:alice@a.example")}, DNSNames: []string{"dns.example"}}, []string{"dns.example"}},
		{"other URIs do not count", x509.Certificate{URIs: []*url.URL{uri("https://a.example"), uri("sips:a.example")}, DNSNames: []string{"dns.example"}}, []string{"dns.example"}},
		{"wildcards are nobody", x509.Certificate{DNSNames: []string{"*.example", "a.example"}}, []string{"a.example"}},
		{"a common name, where there is nothing else", x509.Certificate{Subject: pkix.Name{CommonName: "CN.example"}}, []string{"cn.example"}},
		{"no common name beside a subjectAltName", x509.Certificate{Subject: pkix.Name{CommonName: "cn.example"}, EmailAddresses: []string{"a@b"}}, nil},
	} {
		cert, _ := ca.make(&c.cert)
		if diff := cmp.Diff(c.want, identities(cert)); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestExtendedKeyUsage(t *testing.T) { // RFC 5924 §4
	ca := newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	for name, c := range map[string]struct {
		cert x509.Certificate
		ok   bool
	}{
		"none":         {x509.Certificate{}, true},
		"any":          {x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}, true},
		"server":       {x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, true},
		"sipDomain":    {x509.Certificate{UnknownExtKeyUsage: []asn1.ObjectIdentifier{sipDomain}}, true},
		"code signing": {x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, false},
	} {
		cert, _ := ca.make(&c.cert)
		if err := verifyChain([]*x509.Certificate{cert}, roots); (err == nil) != c.ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTLSConfigFaults(t *testing.T) {
	ca := newAuthority(t)
	good := ca.issue("a.example")
	for want, files := range map[string]TLS{
		"needs its key":         {CertFile: good.CertFile},
		"want none, optional":   {CertFile: good.CertFile, KeyFile: good.KeyFile, ClientAuth: "maybe"},
		"needs a CA file":       {CertFile: good.CertFile, KeyFile: good.KeyFile, ClientAuth: "required"},
		"no such file":          {CertFile: good.CertFile, KeyFile: good.KeyFile + "x"},
		"has no certificate":    {CAFile: good.KeyFile},
		"private key does not":  {CertFile: good.CertFile, KeyFile: ca.issue("b.example").KeyFile},
		"self-signed certifica": {SelfSignedDir: "/proc/no-such-folder"},
	} {
		m, err := Listen(t.Context(), tlsOn("tls://127.0.0.1:0", files))
		if err == nil {
			_ = m.Close()
		}
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTransportOfURIs(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:a@b": "UDP", "sip:a@b;transport=tcp": "TCP", "sip:a@b;transport=TLS": "TLS", "sip:a@b;transport=ws": "WS",
		"sips:a@b": "TLS", "sips:a@b;transport=tcp": "TLS", "sips:a@b;transport=udp": "TLS", "sips:a@b;transport=ws": "WSS",
		"sips:a@b;transport=sctp": "SCTP",
	} {
		u, err := message.ParseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := TransportOf(u); got != want {
			t.Errorf("%s: got %s, want %s", uri, got, want)
		}
	}
}
