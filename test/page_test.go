package test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
)

// What is to be heard of a page: what it opens with, and what its caller says.
const (
	openingHz = 440
	pageHz    = 1000
)

// TestAPage has somebody dial a number that leads to a room whose only audience is a group: who listens hears the tone that it opens with, then the caller, and a goodbye at the end of
// the call.
func TestAPage(t *testing.T) {
	t.Parallel()
	const rateHz = 8000
	c := newCampus(t, bridge.Config{Numbers: `[{number: "7000", room: "1000"}]`}, "ear")
	sdp, _ := c.describe(t, "page", &confbridgev1.Distribution{
		Destinations: []string{"239.1.2.3:5004"}, Interface: "eth0", OnlyOccupied: true, Opening: fmt.Sprintf("tone:%d/500", openingHz), Silence: confbridgev1.Silence_SILENCE_NOTHING,
	})
	r := c.start(t, c.Host("ear"), "listen", sdp)
	c.joined(t, "239.1.2.3:5004", "ear")
	said := filepath.Join(c.dir, "said.wav")
	out, err := phone.CreateWAV(said, rateHz)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 4*rateHz) // the first half is silent
	for i := len(pcm) / 2; i < len(pcm); i++ {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*pageHz*float64(i)/rateHz))
	}
	out.Write(pcm)
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if call := finish(t, c.source.Command(program, "call", "sip:7000@"+c.UDP, "--play", said, "--for", "4s")); call.code != 0 {
		t.Fatalf("call: exit %d: %s%s", call.code, call.stdout, call.stderr)
	}
	c.present(t, "1000", 0)
	r.stop(t)
	heard := r.heard(t)
	opening, page := -1, -1
	for from := 0; from+rateHz/5 <= len(heard); from += rateHz / 10 {
		piece := heard[from : from+rateHz/5]
		if opening < 0 && measure.ToneDBFS(piece, rateHz, openingHz) > -40 {
			opening = from
		}
		if page < 0 && measure.ToneDBFS(piece, rateHz, pageHz) > -40 {
			page = from
		}
	}
	if opening < 0 || page < opening+rateHz/2 {
		t.Errorf("the opening is at %d and the page at %d of %d samples, want one behind the other", opening, page, len(heard))
	}
	var told struct {
		Bye bool `json:"bye"`
	}
	if err := json.Unmarshal([]byte(r.said.String()), &told); err != nil || !told.Bye {
		t.Errorf("no goodbye at the end of the page: %v\n%s", err, r.said.String())
	}
}
