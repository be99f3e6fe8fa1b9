package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/confbridge/confbridge/bench/uac"
)

// fakeJanus is the part of Janus's API that the front uses. A room other than 1000 is refused.
type fakeJanus struct {
	*httptest.Server
	events chan string

	mu       sync.Mutex
	joins    []string
	detached int
	ended    bool
}

func newFakeJanus(t *testing.T) *fakeJanus {
	t.Helper()
	f := &fakeJanus{events: make(chan string, 16)}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeJanus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		select {
		case e := <-f.events:
			fmt.Fprintf(w, "[%s]", e)
		case <-r.Context().Done():
		}
		return
	}
	var request struct {
		Janus string `json:"janus"`
		Body  struct {
			Room  int    `json:"room"`
			Codec string `json:"codec"`
			RTP   struct {
				IP   string `json:"ip"`
				Port int    `json:"port"`
				Kind int    `json:"payload_type"`
			} `json:"rtp"`
		} `json:"body"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := `{"janus":"success","data":{"id":7}}`
	switch request.Janus {
	case "create", "attach":
	case "detach":
		f.detached++
	case "destroy":
		f.ended = true
	case "message":
		answer = `{"janus":"ack"}`
		b := request.Body
		f.joins = append(f.joins, fmt.Sprintf("%s %d %s %s:%d/%d", r.URL.Path, b.Room, b.Codec, b.RTP.IP, b.RTP.Port, b.RTP.Kind))
		f.events <- `{"janus":"event","sender":7,"plugindata":{"data":{"audiobridge":"joined","participants":[{}]}}}` // somebody else
		data := `{"audiobridge":"joined","rtp":{"ip":"127.0.0.1","port":20000}}`
		if b.Room != 1000 {
			data = `{"audiobridge":"event","error":"No such room"}`
		}
		f.events <- `{"janus":"event","sender":7,"plugindata":{"data":` + data + `}}`
	default:
		answer = `{"janus":"error","error":{"reason":"unknown"}}`
	}
	fmt.Fprint(w, answer)
}

func TestACallBecomesAParticipantWithPlainRTP(t *testing.T) {
	there := newFakeJanus(t)
	f, err := openFront(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"), there.URL)
	if err != nil {
		t.Fatal(err)
	}
	agent, err := uac.Listen(netip.MustParseAddrPort(f.conn.LocalAddr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	call, err := agent.Call(t.Context(), "1000", 40000)
	if err != nil {
		t.Fatal(err)
	}
	if want := netip.MustParseAddrPort("127.0.0.1:20000"); call.Media != want {
		t.Errorf("the sound goes to %v, want %v", call.Media, want)
	}
	if err := call.Hangup(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := agent.Call(t.Context(), "1001", 40002); err == nil || !strings.Contains(err.Error(), "No such room") {
		t.Errorf("a room that is not there: got %v", err)
	}
	if _, err := agent.Place(t.Context(), "1000", "load", "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 40004 RTP/AVP 9\r\n"); err == nil || !strings.Contains(err.Error(), "488") {
		t.Errorf("a codec that Janus has not: got %v", err)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	there.mu.Lock()
	defer there.mu.Unlock()
	if len(there.joins) != 2 || there.joins[0] != "/7/7 1000 pcmu 127.0.0.1:40000/0" || there.detached != 1 || !there.ended {
		t.Errorf("got joins %q, %d detached, session ended: %v", there.joins, there.detached, there.ended)
	}
}

func TestOffersThatNameNoPlaceForSound(t *testing.T) {
	for _, sdp := range []string{"", "m=audio 4000 RTP/AVP 0\r\n", "c=IN IP4 127.0.0.1\r\nm=audio x RTP/AVP 0\r\n", "c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP x\r\n"} {
		if telephone, kind, err := offered(sdp); err == nil {
			t.Errorf("%q: got %v, %d", sdp, telephone, kind)
		}
	}
}
