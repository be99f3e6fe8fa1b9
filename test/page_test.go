package test

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/mixer/measure"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
	"github.com/confbridge/confbridge/test/netns"
)

// What is to be heard of a page: what it opens with, and what its caller says.
const (
	openingHz = 440
	pageHz    = 1000
)

// TestAPage has somebody dial a number that leads to a room whose only audience is a group: who listens hears the tone that it opens with, then the caller, and a goodbye at the end of
// the call. VLC hears it as our own listener does.
func TestAPage(t *testing.T) {
	t.Parallel()
	const rateHz = 8000
	c := newCampus(t, bridge.Config{Numbers: `[{number: "7000", room: "1000"}]`}, "ear1", "ear2")
	sdp, _ := c.describe(t, "page", &confbridgev1.Distribution{
		Destinations: []string{"239.1.2.3:5004"}, Interface: "eth0", OnlyOccupied: true, Opening: fmt.Sprintf("tone:%d/500", openingHz), Silence: confbridgev1.Silence_SILENCE_NOTHING,
	})
	ours, vlc := c.start(t, c.Host("ear1"), "listen", sdp), c.start(t, c.Host("ear2"), "vlc", sdp)
	c.joined(t, "239.1.2.3:5004", "ear1", "ear2")
	bye := goodbyes(t, c.Host("ear1"), "239.1.2.3:5005")
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
	select {
	case <-bye:
	case <-time.After(patience):
		t.Error("no goodbye at the end of the page")
	}
	for _, r := range []*receiver{ours, vlc} {
		r.stop(t)
		heard := r.heard(t)
		opening, page := firstTone(heard, rateHz, openingHz), firstTone(heard, rateHz, pageHz)
		if opening < 0 || page <= opening {
			t.Errorf("%s: the opening is at %d and the page at %d of %d samples, want one behind the other", r.name, opening, page, len(heard))
		}
	}
}

// goodbyes listens to a group's RTCP on a host, and tells of the first BYE.
func goodbyes(t *testing.T, h *netns.Host, rtcpAt string) <-chan struct{} {
	t.Helper()
	var conn *net.UDPConn
	h.Do(func() {
		nic, err := net.InterfaceByName(netns.Interface)
		if err != nil {
			t.Fatal(err)
		}
		if conn, err = net.ListenMulticastUDP("udp4", nic, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(rtcpAt))); err != nil {
			t.Fatal(err)
		}
	})
	said, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 1500)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			packets, err := rtcp.Unmarshal(b[:n])
			if err != nil {
				continue
			}
			if _, ok := packets[len(packets)-1].(*rtcp.Goodbye); ok {
				close(said)
				return
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	return said
}

// firstTone is where a tone is to be heard first; -1: nowhere.
func firstTone(pcm []int16, rateHz int, hz float64) int {
	for from := 0; from+rateHz/5 <= len(pcm); from += rateHz / 10 {
		if measure.ToneDBFS(pcm[from:from+rateHz/5], rateHz, hz) > -40 {
			return from
		}
	}
	return -1
}
