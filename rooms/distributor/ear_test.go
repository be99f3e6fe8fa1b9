package distributor

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// ear is a listener on the loopback: an even port, and that behind it.
type ear struct {
	t         testing.TB
	rtp, rtcp *net.UDPConn
	to        netip.AddrPort
}

func newEar(t testing.TB) *ear {
	t.Helper()
	for range 100 {
		a, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		to := a.LocalAddr().(*net.UDPAddr).AddrPort()
		if to.Port()%2 == 0 {
			b, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(to.Port()) + 1})
			if err == nil {
				t.Cleanup(func() { _, _ = a.Close(), b.Close() })
				return &ear{t, a, b, to}
			}
		}
		_ = a.Close()
	}
	t.Fatal("no even port is free with the one behind it")
	return nil
}

// next is the next packet.
func (e *ear) next() rtp.Packet {
	e.t.Helper()
	p, _ := e.nextFrom()
	return p
}

// nextFrom is the next packet, and where it comes from.
func (e *ear) nextFrom() (p rtp.Packet, from netip.AddrPort) {
	e.t.Helper()
	_ = e.rtp.SetReadDeadline(time.Now().Add(waitTime))
	b := make([]byte, 2048)
	n, from, err := e.rtp.ReadFromUDPAddrPort(b)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := p.Unmarshal(b[:n]); err != nil {
		e.t.Fatal(err)
	}
	return p, from
}

// report sends the report of a receiver that hears of (RFC 3550 §6.4.2).
func (e *ear) report(to netip.AddrPort, ssrc, of uint32) {
	e.t.Helper()
	b, err := (&rtcp.ReceiverReport{SSRC: ssrc, Reports: []rtcp.ReceptionReport{{SSRC: of}}}).Marshal()
	if err == nil {
		_, err = e.rtcp.WriteToUDPAddrPort(b, to)
	}
	if err != nil {
		e.t.Fatal(err)
	}
}

// mark has what has come until now, of RTCP, end for byes.
func (e *ear) mark() {
	e.t.Helper()
	if _, err := e.rtcp.WriteToUDPAddrPort(nil, netip.AddrPortFrom(e.to.Addr(), e.to.Port()+1)); err != nil {
		e.t.Fatal(err)
	}
}

// bye waits for RTCP that ends with BYE (RFC 3550 §6.6).
func (e *ear) bye() {
	e.t.Helper()
	if !e.byes() {
		e.t.Fatal("no BYE")
	}
}

// byes waits for BYE, and says whether it comes before the mark.
func (e *ear) byes() bool {
	e.t.Helper()
	_ = e.rtcp.SetReadDeadline(time.Now().Add(waitTime))
	b := make([]byte, 2048)
	for {
		n, err := e.rtcp.Read(b)
		if err != nil {
			e.t.Fatalf("no BYE: %v", err)
		}
		if n == 0 {
			return false
		}
		for at := 0; at+4 <= n; at += 4 * (1 + int(b[at+2])<<8 + int(b[at+3])) {
			if b[at+1] == 203 {
				return true
			}
		}
	}
}
