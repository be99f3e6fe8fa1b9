package test

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/pion/rtp"
)

// ear is where the sound goes that a SIPp is sent, which does not listen: a socket of the test's own. What SIPp plays has its address too, so that the bridge takes
// them for one telephone.
type ear struct {
	conn    net.PacketConn
	done    chan struct{}
	mu      sync.Mutex
	packets []arrived // of PCMU
}

// earOffset is how far behind its media port, which SIPp listens on, a scenario tells the bridge that its sound is to go.
const earOffset = 6

// listenBeside opens the ear of a SIPp that has this media port, until the test ends.
func listenBeside(t *testing.T, mediaPort int) *ear {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: mediaPort + earOffset})
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		if err := e.listen(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("ear: %v", err)
		}
	}()
	t.Cleanup(e.close)
	return e
}

// listen keeps what comes until the socket is closed.
func (e *ear) listen() error {
	var buf [1500]byte
	for {
		n, _, err := e.conn.ReadFrom(buf[:])
		if err != nil {
			return err
		}
		var p rtp.Packet
		if p.Unmarshal(buf[:n]) != nil || p.PayloadType != 0 {
			continue
		}
		e.mu.Lock()
		e.packets = append(e.packets, arrived{payload: append([]byte(nil), p.Payload...)})
		e.mu.Unlock()
	}
}

// close ends the ear; more calls do nothing.
func (e *ear) close() {
	_ = e.conn.Close() // it may be closed already
	<-e.done
}

// received is what was in all packets that have come.
func (e *ear) received(t *testing.T) (pcm []int16) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.packets {
		pcm = append(pcm, decode(t, p)...)
	}
	return pcm
}
