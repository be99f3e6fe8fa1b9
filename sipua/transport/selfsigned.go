package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The files of a self-signed certificate, in TLS.SelfSignedDir.
const (
	selfSignedCert = "tls-selfsigned-cert.pem"
	selfSignedKey  = "tls-selfsigned-key.pem"
)

// selfSignedLocked returns the self-signed certificate, and makes it where there is none, or one that has expired.
func (c *certs) selfSignedLocked() (tls.Certificate, error) {
	if c.made != nil {
		return *c.made, nil
	}
	dir := c.cfg.SelfSignedDir
	certFile, keyFile := filepath.Join(dir, selfSignedCert), filepath.Join(dir, selfSignedKey)
	if dir != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err == nil && time.Now().Before(pair.Leaf.NotAfter) {
			c.made = &pair
			return pair, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return tls.Certificate{}, err
		}
	}
	cert, key, err := makeSelfSigned(c.hosts)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if dir != "" {
		if err := errors.Join(os.MkdirAll(dir, 0o700), writeSecret(keyFile, key), writeSecret(certFile, cert)); err != nil {
			return tls.Certificate{}, err
		}
	} else {
		certFile = "memory only"
	}
	print256 := sha256.Sum256(pair.Leaf.Raw)
	c.log.Warn("no TLS certificate is configured: a self-signed one was made; peers must be told to trust it",
		"file", certFile, "names", pair.Leaf.DNSNames, "sha256", hex.EncodeToString(print256[:]))
	c.made = &pair
	return pair, nil
}

// writeSecret writes a file that only its owner reads, whole or not at all.
func writeSecret(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".tls-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// makeSelfSigned makes an ECDSA P-256 certificate for ten years, as PEM, for the hosts, this machine's name and addresses.
func makeSelfSigned(hosts []string) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "confbridge"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	own, _ := os.Hostname()
	hosts = append(slices.Clone(hosts), own, "localhost")
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				hosts = append(hosts, n.IP.String())
			}
		}
	}
	slices.Sort(hosts)
	for _, h := range slices.Compact(hosts) {
		if a, err := netip.ParseAddr(h); err == nil {
			template.IPAddresses = append(template.IPAddresses, a.WithZone("").AsSlice())
		} else if h != "" {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
