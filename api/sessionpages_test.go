package api

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
)

// sessionsFake has the room 1000 with an encrypted session, the room +4*# with an open one, the room 2000 with none, and the room 9 that fails.
type sessionsFake struct{}

// secretKey is what no page may have.
var secretKey = session.Key{Suite: "AES_CM_128_HMAC_SHA1_80", Master: []byte(strings.Repeat("k", 30))}

const oddRoom = "+4*#"

func (sessionsFake) List(_ context.Context, room string) ([]distributor.View, error) {
	hall := distribution.Distribution{ID: "hall", To: []netip.AddrPort{netip.MustParseAddrPort("239.1.2.3:5004")}, TTL: 4, Codec: codec.PCMU}
	switch room {
	case "1000":
		secret, list := hall, hall
		secret.ID, secret.Suite = "secret", distribution.SuiteCM
		list.ID, list.To = "list", []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:5004"), netip.MustParseAddrPort("192.0.2.2:5004")}
		return []distributor.View{{Distribution: hall, Runs: true}, {Distribution: list, Runs: true}, {Distribution: secret}}, nil
	case oddRoom:
		return []distributor.View{{Distribution: hall, Runs: true}}, nil
	case "2000":
		return nil, nil
	case "9":
		return nil, errors.New("inner workings")
	}
	return nil, &rooms.RoomError{What: "room", Number: room, Err: rooms.ErrNoRoom}
}

func (f sessionsFake) Describe(ctx context.Context, room, id string) (session.Session, error) {
	all, err := f.List(ctx, room)
	if err != nil {
		return session.Session{}, err
	}
	for _, v := range all {
		if v.ID != id {
			continue
		}
		s := session.Session{
			ID: 1, Version: 1, Name: "Town <hall>", Origin: netip.MustParseAddr("192.0.2.1"), Group: v.To[0], TTL: v.TTL,
			Stream: session.Stream{Format: codec.Formats()[0], Packet: 20 * time.Millisecond},
		}
		s.Stream.Format, _ = codec.Lookup("PCMU", 8000)
		if v.Suite != distribution.SuiteNone {
			s.Key = secretKey
		}
		return s, nil
	}
	return session.Session{}, distributor.ErrNoDistribution
}

// page is what the server answered.
type page struct {
	code   int
	header http.Header
	body   string
}

// newPages serves the fake's sessions; ask asks for an escaped path, at a Host of its own where one is given.
func newPages(t *testing.T) (ask func(method, path, host string) page) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewHTTP(HTTPConfig{Gatherer: prometheus.NewRegistry(), Ready: NewReadiness(), Sessions: sessionsFake{}})
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return func(method, path, host string) page {
		t.Helper()
		req, err := http.NewRequestWithContext(waitContext(t), method, "http://"+ln.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return page{resp.StatusCode, resp.Header, string(body)}
	}
}

func TestADescriptionIsServedWithoutItsKey(t *testing.T) {
	ask := newPages(t)
	for path, want := range map[string]string{
		"/rooms/1000/distributions/hall.sdp":       "m=audio 5004 RTP/AVP 0\r\n",
		"/rooms/1000/distributions/secret.sdp":     "m=audio 5004 RTP/SAVP 0\r\n",
		"/rooms/%2B4%2A%23/distributions/hall.sdp": "c=IN IP4 239.1.2.3/4\r\n",
	} {
		got := ask(http.MethodGet, path, "")
		if got.code != http.StatusOK || got.header.Get("Content-Type") != "application/sdp" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %d, %v", path, got.code, got.header)
		}
		if !strings.Contains(got.body, want) || strings.Contains(got.body, "crypto") {
			t.Errorf("%s: got %q, want %q in it and no key", path, got.body, want)
		}
		if s, err := session.Parse([]byte(got.body)); err != nil || s.Group != netip.MustParseAddrPort("239.1.2.3:5004") || s.TTL != 4 {
			t.Errorf("%s: got %v, %v", path, s, err)
		}
		head := ask(http.MethodHead, path, "")
		if head.code != http.StatusOK || head.body != "" || head.header.Get("Content-Length") != got.header.Get("Content-Length") {
			t.Errorf("HEAD %s: got %d %v %q", path, head.code, head.header, head.body)
		}
	}
}

func TestAPlaylistPointsAtTheHostThatWasAsked(t *testing.T) {
	ask := newPages(t)
	for _, row := range []struct{ host, path, want string }{
		{"bridge.example:8080", "/rooms/1000/distributions/hall.m3u", "\nhttp://bridge.example:8080/rooms/1000/distributions/hall.sdp\n"},
		{"[2001:db8::1]:8080", "/rooms/1000/distributions/hall.m3u", "\nhttp://[2001:db8::1]:8080/rooms/1000/distributions/hall.sdp\n"},
		{"bridge.example", "/rooms/+4*%23/distributions/hall.m3u", "\nhttp://bridge.example/rooms/%2B4%2A%23/distributions/hall.sdp\n"},
	} {
		got := ask(http.MethodGet, row.path, row.host)
		if got.code != http.StatusOK || got.header.Get("Content-Type") != "audio/x-mpegurl" || !strings.Contains(got.body, row.want) {
			t.Errorf("%s of %s: got %d %v %q, want %q in it", row.path, row.host, got.code, got.header, got.body, row.want)
		}
	}
	if got := ask(http.MethodGet, "/rooms/1000/distributions/hall.m3u", "user@bridge.example"); got.code != http.StatusBadRequest {
		t.Errorf("a Host that is none: got %d %q", got.code, got.body)
	}
}

func TestThePageOfARoomListsItsSessions(t *testing.T) {
	ask := newPages(t)
	got := ask(http.MethodGet, "/rooms/1000/distributions/", "")
	for _, want := range []string{
		"<h1>Room 1000</h1>", "<td>hall</td><td>239.1.2.3:5004</td><td>TTL 4</td><td>PCMU</td>", "<td>2 listeners</td>",
		`<a href="hall.sdp">description</a>, <a href="hall.m3u">playlist</a>`, "off, encrypted: its key is not told here",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("got %q, want %q in it", got.body, want)
		}
	}
	if got.code != http.StatusOK || got.header.Get("Content-Type") != "text/html; charset=utf-8" || got.header.Get("Cache-Control") != "no-store" ||
		!strings.Contains(got.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("got %d %v", got.code, got.header)
	}
	if got := ask(http.MethodGet, "/rooms/%2B4%2A%23/distributions", ""); got.code != http.StatusOK || !strings.Contains(got.body, "<h1>Room &#43;4*#</h1>") {
		t.Errorf("without the slash at its end: got %d %q", got.code, got.body)
	}
	if got := ask(http.MethodGet, "/rooms/2000/distributions/", ""); !strings.Contains(got.body, "no sessions") {
		t.Errorf("a room without: got %q", got.body)
	}
}

func TestWhatIsInAPagesURLIsEscapedOnIt(t *testing.T) {
	var b strings.Builder
	if err := roomTemplate.Execute(&b, roomPage{Room: "<script>", Rows: []sessionRow{{ID: "<b>", Description: "javascript:1"}}}); err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"<script>", "<b>", `href="javascript:`} {
		if strings.Contains(b.String(), never) {
			t.Errorf("got %q, which has %q", b.String(), never)
		}
	}
}

func TestWhatIsNotThereIsToldInAWord(t *testing.T) {
	ask := newPages(t)
	for _, row := range []struct {
		path, want string
		code       int
	}{
		{"/rooms/3000/distributions/", "no such room", 404},
		{"/rooms/3000/distributions/hall.sdp", "no such room", 404},
		{"/rooms/1000/distributions/stage.sdp", "no such distribution", 404},
		{"/rooms/1000/distributions/stage.m3u", "no such distribution", 404},
		{"/rooms/1000/distributions/hall", "no such file", 404},
		{"/rooms/1000/distributions/hall.mp3", "no such file", 404},
		{"/rooms/1000/distributions/.sdp", "no such file", 404},
		{"/rooms/1000/distributions/..%2Fhall.sdp", "no such file", 404},
		{"/rooms/1000/distributions/" + strings.Repeat("a", 4000) + ".sdp", "no such file", 404},
		{"/rooms/9/distributions/hall.sdp", "cannot be shown", 500},
	} {
		got := ask(http.MethodGet, row.path, "")
		if got.code != row.code || !strings.Contains(got.body, row.want) || strings.Contains(got.body, "inner") {
			t.Errorf("%.60s: got %d %q, want %d %q", row.path, got.code, got.body, row.code, row.want)
		}
	}
	if got := ask(http.MethodPost, "/rooms/1000/distributions/hall.sdp", ""); got.code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d", got.code)
	}
}
