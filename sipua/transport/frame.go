package transport

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/confbridge/confbridge/sipua/message"
)

// maxHeaderBytes is the longest header taken from a stream.
const maxHeaderBytes = 32 << 10

// octets is where a framer reads from. inMessage says that a message has begun and must end in time.
type octets interface {
	readOctets(p []byte, inMessage bool) (int, error)
}

// framer cuts a stream into messages by Content-Length (RFC 3261 §18.3). It holds at most one message's octets and looks
// at each octet a fixed number of times.
type framer struct {
	src        octets
	buf        []byte
	start, end int // what has been read and not yet given out
	searched   int // how far from start no end of the header is
}

// frameError says why a stream cannot be cut any further; head is what there is of the message. Status 0 is a flood.
type frameError struct {
	status int
	reason string
	head   []byte
}

func (e *frameError) Error() string { return e.reason }

// next returns the next message, or nil for a keepalive that wants an answer (RFC 5626 §3.5.1: CR LF CR LF between
// messages). The slice is good until the next call. The error is a *frameError, or the source's.
func (f *framer) next() ([]byte, error) {
	if f.start == f.end {
		f.start, f.end = 0, 0
	}
	if rest := f.buf[f.start:f.end]; len(f.buf) > 4096 && len(rest) < 2048 { // a long message has gone by
		f.buf = append(make([]byte, 0, 2048), rest...)[:2048]
		f.start, f.end = 0, len(rest)
	}
	if ping, err := f.between(); ping || err != nil {
		return nil, err
	}
	head, err := f.header()
	if err != nil {
		return nil, err
	}
	body, reason := contentLength(f.buf[f.start : f.start+head])
	if reason != "" {
		return nil, f.fault(400, "Bad Request: Content-Length: "+reason, head)
	}
	if body > message.MaxMessageBytes-head {
		return nil, f.fault(413, "Request Entity Too Large", head) // RFC 3261 §21.4.11: the header was not
	}
	for f.end-f.start < head+body {
		if err := f.fill(true); err != nil {
			return nil, err
		}
	}
	msg := f.buf[f.start : f.start+head+body]
	f.start += head + body
	f.searched = 0
	return msg, nil
}

// between passes over line ends in front of a message and says whether they were a keepalive.
func (f *framer) between() (ping bool, err error) {
	for {
		b := f.buf[f.start:f.end]
		switch {
		case len(b) >= 4 && string(b[:4]) == "\r\n\r\n":
			f.start += 4
			return true, nil
		case len(b) >= 3 && b[0] == '\r' && b[1] == '\n' && b[2] != '\r':
			f.start += 2
		case len(b) >= 4 && b[0] == '\r' && b[1] == '\n':
			f.start += 2 // CR LF CR and something else: the header's end search will not like it
			return false, nil
		case len(b) > 0 && !bytes.HasPrefix([]byte("\r\n\r\n"), b):
			return false, nil
		default:
			if err := f.fill(false); err != nil {
				return false, err
			}
		}
	}
}

// header reads until the header is whole and returns its length with the empty line.
func (f *framer) header() (int, error) {
	for {
		b := f.buf[f.start:f.end]
		if i := bytes.Index(b[f.searched:], []byte("\r\n\r\n")); i >= 0 {
			return f.searched + i + 4, nil
		}
		f.searched = max(0, len(b)-3)
		if len(b) >= maxHeaderBytes {
			return 0, f.fault(513, "Message Too Large", len(b))
		}
		if err := f.fill(true); err != nil {
			return 0, err
		}
	}
}

func (f *framer) fault(status int, reason string, head int) error {
	return &frameError{status, reason, f.buf[f.start : f.start+head]}
}

// fill reads once, and makes room first where there is none.
func (f *framer) fill(inMessage bool) error {
	if f.end == len(f.buf) {
		if f.start > 0 && f.start >= len(f.buf)/2 {
			copy(f.buf, f.buf[f.start:f.end])
		} else {
			bigger := make([]byte, max(2048, 2*len(f.buf)))
			copy(bigger, f.buf[f.start:f.end])
			f.buf = bigger
		}
		f.start, f.end = 0, f.end-f.start
	}
	n, err := f.src.readOctets(f.buf[f.end:], inMessage)
	f.end += n
	if n > 0 {
		return nil
	}
	return err
}

// contentLength finds the Content-Length in a header; reason says what is wrong with it.
func contentLength(head []byte) (n int, reason string) {
	n = -1
	for len(head) > 0 {
		end := bytes.Index(head, []byte("\r\n"))
		if end < 0 {
			break
		}
		line := head[:end]
		head = head[end+2:]
		colon := bytes.IndexByte(line, ':')
		if colon < 0 || colon > 24 || !isContentLength(bytes.TrimRight(line[:colon], " \t")) {
			continue
		}
		if n >= 0 {
			return 0, "given twice"
		}
		value := bytes.Clone(line[colon+1:])
		for len(head) > 0 && (head[0] == ' ' || head[0] == '\t') { // folded
			end := max(0, bytes.Index(head, []byte("\r\n")))
			value = append(append(value, ' '), head[:end]...)
			head = head[min(end+2, len(head)):]
		}
		v, err := strconv.ParseUint(string(bytes.Trim(value, " \t")), 10, 31)
		if err != nil {
			return 0, "not a number that can be"
		}
		n = int(v)
	}
	if n < 0 {
		return 0, "missing on a stream"
	}
	return n, ""
}

func isContentLength(name []byte) bool {
	return len(name) == 1 && name[0]|0x20 == 'l' || bytes.EqualFold(name, []byte("Content-Length"))
}

// wholes takes each Read for one message, as of transports that keep messages apart by themselves. Their Read must leave a message that
// is longer than the slice, and return io.ErrShortBuffer.
type wholes struct {
	src octets
	buf []byte
}

const smallMessage = 4 << 10

// next returns what one Read gave; line ends alone are a keepalive, which such a transport has no answer for.
func (w *wholes) next() ([]byte, error) {
	if len(w.buf) != smallMessage { // at first, and after a long message
		w.buf = make([]byte, smallMessage)
	}
	for {
		n, err := w.src.readOctets(w.buf, false)
		switch {
		case n == 0 && errors.Is(err, io.ErrShortBuffer) && len(w.buf) < message.MaxMessageBytes:
			w.buf = make([]byte, 4*len(w.buf))
		case n == 0:
			return nil, err
		case !blank(w.buf[:n]):
			return w.buf[:n], nil
		}
	}
}
