package message

import (
	"errors"
	"testing"
)

func TestAStatelessTagIsTheSameForARepeat(t *testing.T) {
	tag := func(branch, to string) string {
		_, err := Parse([]byte("INVITE sip:1000@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=" + branch +
			"\r\nFrom: <sip:a@b>;tag=1\r\n" + to + "CSeq: 1 INVITE\r\n\r\n")) // there is no Call-ID
		var fault *ParseError
		if !errors.As(err, &fault) {
			t.Fatalf("got %v, want a *ParseError", err)
		}
		return NewResponse(fault.Message, 400, "").WithStatelessTag().To.Tag()
	}
	first := tag("z9hG4bK1", "To: <sip:x@y>\r\n")
	if again := tag("z9hG4bK1", "To: <sip:x@y>\r\n"); first == "" || again != first {
		t.Errorf("got %q and again %q", first, again)
	}
	if other := tag("z9hG4bK2", "To: <sip:x@y>\r\n"); other == first {
		t.Errorf("another transaction also has %q", other)
	}
	if got := tag("z9hG4bK1", "To: <sip:x@y>;tag=theirs\r\n"); got != "theirs" {
		t.Errorf("got %q, want the request's own", got)
	}
	for _, to := range []string{"", "To: \"x <sip:x@y>\r\n"} {
		if got := tag("z9hG4bK1", to); got != "" {
			t.Errorf("got %q for %q", got, to)
		}
	}
}
