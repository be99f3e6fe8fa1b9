package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// campusCommand is a line of docs/multicast.md to be run: the host that it is for, and the command.
var campusCommand = regexp.MustCompile(`(?m)^    (source|ear|switch)\$ (.+)$`)

// TestTheCommandsForOperatorsRun runs the commands of docs/multicast.md that have a host before them, in their order, on a network on which room 1000 goes out.
func TestTheCommandsForOperatorsRun(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/multicast.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := campusCommand.FindAllStringSubmatch(string(text), -1)
	if len(commands) < 6 {
		t.Fatalf("docs/multicast.md has %d commands", len(commands))
	}
	c := newCampus(t, bridge.Config{}, "ear")
	c.describe(t, "hall", &confbridgev1.Distribution{Destinations: []string{"239.1.2.3:5004"}, Interface: "eth0"})
	staying := c.start(t, c.Host("ear"), "listen", filepath.Join(c.dir, "hall.sdp")) // so that there is a member to be shown
	c.joined(t, "239.1.2.3:5004", "ear")
	for _, m := range commands {
		host := c.Switch()
		if m[1] != "switch" {
			host = c.Host(m[1])
		}
		words := strings.Fields(strings.ReplaceAll(m[2], "confbridge ", program+" "))
		cmd := host.Command("timeout", append([]string{"20"}, words...)...)
		cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "CONFBRIDGE_API="+c.GRPC)
		r := finish(t, cmd)
		if r.code != 0 {
			t.Errorf("%s$ %s: exit %d\n%s%s", m[1], m[2], r.code, r.stdout, r.stderr)
		}
		if strings.Contains(m[2], "show") && !strings.Contains(r.stdout, "239.1.2.3") {
			t.Errorf("%s$ %s: does not show the group:\n%s%s", m[1], m[2], r.stdout, r.stderr)
		}
	}
	for _, wav := range []string{"ffmpeg.wav", "gstreamer.wav", "listen.wav"} {
		if r := (&receiver{name: wav, wav: filepath.Join(c.dir, wav)}); len(r.heard(t)) < 4000 {
			t.Errorf("%s: less than half a second was recorded", wav)
		}
	}
	staying.stop(t)
}
