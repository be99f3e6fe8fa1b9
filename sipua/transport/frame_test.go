package transport

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
)

// chunks is a stream that comes in pieces of the sizes given, over and over.
type chunks struct {
	data  []byte
	sizes []byte
	i     int
}

func (c *chunks) readOctets(p []byte, _ bool) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := 1
	if len(c.sizes) > 0 {
		n += int(c.sizes[c.i%len(c.sizes)])
		c.i++
	}
	n = copy(p, c.data[:min(n, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}

// cutAll frames a whole stream.
func cutAll(data, sizes []byte) (msgs []string, pings int, err error) {
	f := framer{src: &chunks{data: data, sizes: sizes}}
	for {
		m, err := f.next()
		switch {
		case err != nil:
			return msgs, pings, err
		case m == nil:
			pings++
		default:
			msgs = append(msgs, string(m))
		}
	}
}

func TestContentLengthIsFoundInEveryForm(t *testing.T) {
	for _, c := range []struct {
		head   string
		n      int
		reason string
	}{
		{"A b c\r\nContent-Length: 5\r\n\r\n", 5, ""},
		{"A\r\ncontent-length:5\r\n\r\n", 5, ""},
		{"A\r\nL:5\r\n\r\n", 5, ""},
		{"A\r\nl \t:\r\n  5 \r\n\r\n", 5, ""},
		{"A\r\nX: l: 7\r\nl: 0\r\n\r\n", 0, ""},
		{"A\r\n l: 7\r\n\r\n", 0, "missing on a stream"},
		{"A\r\nl: 5\r\nContent-Length: 5\r\n\r\n", 0, "given twice"},
		{"A\r\nl: -5\r\n\r\n", 0, "not a number that can be"},
		{"A\r\nl: 5 5\r\n\r\n", 0, "not a number that can be"},
		{"A\r\nl: 99999999999999999999\r\n\r\n", 0, "not a number that can be"},
		{"A\r\nl:\r\n\r\n", 0, "not a number that can be"},
	} {
		if n, reason := contentLength([]byte(c.head)); n != c.n || reason != c.reason {
			t.Errorf("%q: got %d, %q; want %d, %q", c.head, n, reason, c.n, c.reason)
		}
	}
}

func FuzzFramer(f *testing.F) {
	one := strings.ReplaceAll(options("TCP x;branch=z9hG4bK1", 1)+"Content-Length: 5\n\nhello", "\n", "\r\n")
	f.Add([]byte(one+one), []byte{200, 3})
	f.Add([]byte("\r\n\r\n"+one+"\r\n\r\n\r\n"+one), []byte{0})
	f.Add([]byte("\r\n\r\r\n\n"), []byte{255})
	f.Add([]byte("A\r\nl:\r\n 1\r\n\r\nx"), []byte{1})
	f.Add([]byte("A\r\nl: 99999\r\n\r\nx"), []byte{})
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		msgs, pings, err := cutAll(bytes.Clone(data), sizes)
		again, pings2, err2 := cutAll(bytes.Clone(data), []byte{255})
		if strings.Join(msgs, "|") != strings.Join(again, "|") || pings != pings2 {
			t.Fatalf("the cuts depend on how the stream comes: %q, %q", msgs, again)
		}
		var a, b *frameError
		if errors.As(err, &a) != errors.As(err2, &b) {
			t.Fatalf("got %v and %v", err, err2)
		}
		if a == nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for _, m := range msgs {
			if len(m) > message.MaxMessageBytes || !strings.Contains(m, "\r\n\r\n") {
				t.Fatalf("message of %d octets", len(m))
			}
		}
	})
}

func TestTheFramerGivesMemoryBack(t *testing.T) {
	big := "A\r\nl: 60000\r\n\r\n" + strings.Repeat("x", 60000)
	f := framer{src: &chunks{data: []byte(big + "A\r\nl: 0\r\n\r\n"), sizes: []byte{255}}}
	for range 2 {
		if m, err := f.next(); err != nil || m == nil {
			t.Fatal(err)
		}
	}
	if cap(f.buf) > 16<<10 {
		t.Errorf("holds %d octets", cap(f.buf))
	}
}

// BenchmarkFramer shows that a header costs the same for each octet, however small the pieces are.
func BenchmarkFramer(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		data := []byte("A\r\nl: 0\r\n" + strings.Repeat("X: yyyyyyyyyyyyyyyyyyyyyy\r\n", n) + "\r\n")
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				f := framer{src: &chunks{data: data, sizes: []byte{100}}}
				if _, err := f.next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
