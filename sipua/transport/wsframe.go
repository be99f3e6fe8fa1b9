package transport

import (
	"encoding/binary"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// More control frames than this within floodTime are an attack: each wants an answer.
const (
	floodFrames = 200
	floodTime   = 10 * time.Second
)

// frameWatch follows the frames of a WebSocket (RFC 6455 §5.2) as their octets pass, without keeping them: to refuse at once
// what announces too much, and to know whether a message is under way.
type frameWatch struct {
	client  bool
	inHTTP  int // how much of the empty line that ends an HTTP header has been seen, plus 1; 0: it is over
	head    [10]byte
	n       int       // octets in head
	left    uint64    // octets of the mask and the payload still to come
	open    bool      // a message has begun and its last frame not
	control int       // frames since window
	window  time.Time // when control began
}

// midway says whether a message or a frame has begun and not ended.
func (w *frameWatch) midway() bool { return w.open || w.n > 0 || w.left > 0 }

// pass takes the octets that have been read at a time.
func (w *frameWatch) pass(p []byte, now time.Time) error {
	for len(p) > 0 && w.inHTTP > 0 {
		if p[0] == "\r\n\r\n"[w.inHTTP-1] {
			w.inHTTP = (w.inHTTP + 1) % 5
		} else {
			w.inHTTP = 1
			if p[0] == '\r' {
				w.inHTTP = 2
			}
		}
		p = p[1:]
	}
	for len(p) > 0 {
		if w.left > 0 {
			n := min(w.left, uint64(len(p)))
			p, w.left = p[n:], w.left-n
			continue
		}
		w.head[w.n] = p[0]
		w.n++
		p = p[1:]
		if w.n == w.headLen() {
			if err := w.frame(now); err != nil {
				return err
			}
		}
	}
	return nil
}

// headLen is how long the header is without its mask, as far as it is known.
func (w *frameWatch) headLen() int {
	switch {
	case w.n < 2:
		return 2
	case w.head[1]&0x7f == 126:
		return 4
	case w.head[1]&0x7f == 127:
		return 10
	}
	return 2
}

// frame takes a whole header.
func (w *frameWatch) frame(now time.Time) error {
	size := uint64(w.head[1] & 0x7f)
	switch size {
	case 126:
		size = uint64(binary.BigEndian.Uint16(w.head[2:]))
	case 127:
		size = binary.BigEndian.Uint64(w.head[2:])
	}
	w.n = 0
	if size > message.MaxMessageBytes {
		return errFrameTooLarge
	}
	w.left = size
	if w.head[1]&0x80 != 0 {
		w.left += 4
	}
	if w.head[0]&0x08 == 0 {
		w.open = w.head[0]&0x80 == 0
		return nil
	}
	if now.Sub(w.window) > floodTime {
		w.window, w.control = now, 0
	}
	if w.control++; w.control > floodFrames {
		return errFlood
	}
	return nil
}

var (
	errFrameTooLarge = &frameError{status: 513, reason: "Message Too Large"}
	errFlood         = &frameError{reason: "more WebSocket pings than anybody needs"}
)
