package test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/test/bridge"
)

// A URL is played where the file allows it, and nothing is asked of the server where it does not.
func TestAURLIsPlayedWhereItIsAllowed(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		http.ServeFileFS(w, r, os.DirFS("../rooms/sounds/prompts/en"), "welcome.opus")
	}))
	defer site.Close()
	b := startBridge(t, bridge.Config{Sounds: "  urls: [\"" + site.URL + "/sounds/\"]\n"})
	invite(t, newClient(t), "sip:1000@"+b.UDP, codec.PCMU, nil)
	b.present(t, "1000", 1)
	if out := b.must(t, "rooms", "play", "1000", site.URL+"/sounds/welcome.opus"); !strings.Contains(out, "plays for") || <-asked != "/sounds/welcome.opus" {
		t.Errorf("got %q", out)
	}
	if r := b.run(t, "rooms", "play", "1000", site.URL+"/private/welcome.opus"); r.code == 0 || !strings.Contains(r.stderr, "may not be fetched") {
		t.Errorf("a URL that is not allowed: exit %d, %q", r.code, r.stderr)
	}
	if len(asked) > 0 {
		t.Errorf("the server was asked for %s", <-asked)
	}
}
