package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// probe is the Call-ID of the OPTIONS that is sent behind a message.
const probe = "probe@torture"

// datagrams is a line over UDP.
type datagrams struct {
	conn *net.UDPConn
	to   netip.AddrPort
}

func (b *bench) udp(port int) (line, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(us), uint16(port))))
	if err != nil {
		return nil, err
	}
	return &datagrams{conn: conn, to: b.addrs["udp"]}, nil
}

func (d *datagrams) close() { _ = d.conn.Close() }

func (d *datagrams) write(data []byte) error {
	_, err := d.conn.WriteToUDPAddrPort(data, d.to)
	return err
}

func (d *datagrams) read() ([]byte, error) { return d.readUntil(time.Now().Add(patience)) }

func (d *datagrams) readUntil(end time.Time) ([]byte, error) {
	if err := d.conn.SetReadDeadline(end); err != nil {
		return nil, err
	}
	data := make([]byte, 65536)
	n, err := d.conn.Read(data)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errSilence
	}
	return data[:n], err
}

// settle sends an OPTIONS: datagrams of one source are taken in order, so what was to be said on reading has been said before.
func (d *datagrams) settle(take func([]byte)) (bool, error) {
	uri := message.URI{Scheme: "sip", Host: d.to.Addr().String(), Port: int(d.to.Port())}
	m := message.NewRequest(message.Options, uri)
	v := d.via()
	v.Params = v.Params.With("branch", "z9hG4bKprobe")
	m.Via, m.From, m.To, m.CallID = []message.Via{v}, message.Address{URI: uri}.WithTag("probe"), message.Address{URI: uri}, probe
	if err := d.write(m.Bytes()); err != nil {
		return false, err
	}
	for {
		data, err := d.read()
		if err != nil {
			return false, err
		}
		if strings.Contains(string(data), "\r\nCall-ID: "+probe) {
			return false, nil
		}
		take(data)
	}
}

// rest takes what waits in the socket. What the bridge has sent is there: the loopback delivers at once.
func (d *datagrams) rest(take func([]byte)) {
	raw, err := d.conn.SyscallConn()
	if err != nil {
		return
	}
	data := make([]byte, 65536)
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, _, err := syscall.Recvfrom(int(fd), data, syscall.MSG_DONTWAIT)
			if err != nil {
				return true
			}
			take(data[:n])
		}
	})
}

func (d *datagrams) via() message.Via { return viaOf("UDP", d.conn.LocalAddr()) }

func viaOf(transport string, addr net.Addr) message.Via {
	at := netip.MustParseAddrPort(addr.String())
	return message.Via{
		Transport: transport, Host: at.Addr().String(), Port: int(at.Port()), Params: message.Params{{Name: "rport"}},
	}
}

// connection is a line over TCP.
type connection struct {
	conn net.Conn
	in   *bufio.Reader
}

func (b *bench) tcp(ctx context.Context) (line, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(us)}}
	conn, err := d.DialContext(ctx, "tcp4", b.addrs["tcp"].String())
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, in: bufio.NewReaderSize(conn, 65536)}, nil
}

func (c *connection) close() { _ = c.conn.Close() }

func (c *connection) write(data []byte) error {
	_, err := c.conn.Write(data)
	return err
}

// read returns a message, or a line end alone, which answers a keepalive.
func (c *connection) read() ([]byte, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var text strings.Builder
	length := 0
	for {
		one, err := c.in.ReadString('\n')
		if err != nil {
			return nil, ended(err)
		}
		text.WriteString(one)
		if name, value, _ := strings.Cut(one, ":"); strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if one == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, ended(err)
	}
	return append([]byte(text.String()), body...), nil
}

func ended(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSilence
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return errClosed
	}
	return err
}

// settle sends a keepalive (RFC 5626 §3.5.1) and waits for its answer, or for the end of the connection.
func (c *connection) settle(take func([]byte)) (bool, error) {
	if err := c.write([]byte("\r\n\r\n")); err != nil {
		return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET), nil
	}
	for {
		data, err := c.read()
		switch {
		case errors.Is(err, errClosed):
			return true, nil
		case err != nil:
			return false, err
		case string(data) == "\r\n":
			return false, nil
		}
		take(data)
	}
}

// rest reads to the end of the connection, which the bridge has closed by now.
func (c *connection) rest(take func([]byte)) {
	for {
		data, err := c.read()
		if err != nil {
			return
		}
		if string(data) != "\r\n" {
			take(data)
		}
	}
}

func (c *connection) via() message.Via { return viaOf("TCP", c.conn.LocalAddr()) }
