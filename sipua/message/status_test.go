package message

import "testing"

func TestEveryStatusHasAPhrase(t *testing.T) {
	for status, want := range map[int]string{
		100: "Trying", 180: "Ringing", 200: "OK", 302: "Moved Temporarily", 404: "Not Found", 481: "Call/Transaction Does Not Exist",
		488: "Not Acceptable Here", 503: "Service Unavailable", 513: "Message Too Large", 606: "Not Acceptable",
		155: "Session Progress", 299: "OK", 399: "Multiple Choices", 499: "Bad Request", 599: "Server Internal Error", 699: "Busy Everywhere",
	} {
		if got := StatusText(status); got != want {
			t.Errorf("%d: got %q, want %q", status, got, want)
		}
	}
	for status := 100; status < 700; status++ {
		if StatusText(status) == "" {
			t.Errorf("%d has none", status)
		}
	}
}
