package test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// bound waits until somebody listens on a UDP port of the loopback.
func bound(t *testing.T, port int) {
	t.Helper()
	eventually(t, fmt.Sprintf("somebody listens on UDP port %d", port), func() bool {
		conn, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// callee runs a scenario of test/sipp/callee as somebody who is called once; wait says how it went.
func callee(t *testing.T, scenario string) (addr string, wait func()) {
	t.Helper()
	sipp := have(t, "sipp")
	file, err := filepath.Abs(filepath.Join("sipp", "callee", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), freePort(t)
	errors := filepath.Join(dir, "errors.log")
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	cmd := exec.CommandContext(ctx, sipp, "-sf", file, "-m", "1", "-i", "127.0.0.1", "-p", strconv.Itoa(port),
		"-mp", strconv.FormatInt(16000+sippMedia.Add(1)%200*10, 10), "-nostdin", "-timeout", "40s", "-recv_timeout", "15000",
		"-trace_err", "-error_file", errors)
	cmd.Dir = dir
	ended := make(chan ran, 1)
	go func() { ended <- finish(t, cmd) }()
	t.Cleanup(cancel)
	bound(t, port)
	return fmt.Sprintf("127.0.0.1:%d", port), func() {
		t.Helper()
		if r := <-ended; r.code != 0 {
			said, _ := os.ReadFile(errors)
			t.Errorf("sipp %s: exit %d\n%s", scenario, r.code, said)
		}
	}
}

// dialStory is what a room's events tell of its dials, until one of them says stop.
func dialStory(t *testing.T, f *follower, stop string) []string {
	t.Helper()
	var story []string
	eventually(t, stop+" in the story", func() bool {
		story = nil
		for _, e := range f.events() {
			line := strings.ToLower(strings.TrimPrefix(e.GetKind().String(), "EVENT_KIND_"))
			if e.GetKind() == confbridgev1.EventKind_EVENT_KIND_DIAL_FAILED {
				line = fmt.Sprintf("%s %s %d", line, strings.ToLower(strings.TrimPrefix(e.GetReason().String(), "REASON_")), e.GetDial().GetSipStatus())
			}
			story = append(story, line)
			if line == stop {
				return true
			}
		}
		return false
	})
	return story
}

func TestSIPpIsCalled(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{SIP: "  dial_out: {domains: [127.0.0.1]}\n"})
	for _, row := range []struct {
		scenario string
		flags    []string
		stop     string
		want     string
		joined   func(t *testing.T, room string)
	}{
		{"busy", nil, "dial_failed busy 486", "dialing ringing dial_failed busy 486", nil},
		{"no_answer", []string{"--ring", "1s"}, "dial_failed no_answer 0", "dialing ringing dial_failed no_answer 0", nil},
		{"answer", []string{"--name", "Bob"}, "joined", "dialing ringing answered joined", func(t *testing.T, room string) {
			t.Helper()
			p := b.present(t, room, 1)[0]
			if p.GetDisplayName() != "Bob" || p.GetFormat().GetCodec() != "PCMU" {
				t.Errorf("got %v", p)
			}
			_, id, _ := strings.Cut(p.GetName(), "/participants/")
			b.must(t, "participants", "dtmf", room, id, "5")
			b.must(t, "participants", "kick", room, id)
		}},
		{"confirm", []string{"--name", "Bob", "--require-key"}, "joined", "dialing ringing answered joined", func(t *testing.T, room string) {
			t.Helper()
			_, id, _ := strings.Cut(b.present(t, room, 1)[0].GetName(), "/participants/")
			b.must(t, "participants", "kick", room, id)
		}},
		{"refuse", []string{"--require-key"}, "dial_failed not_confirmed 0", "dialing ringing answered dial_failed not_confirmed 0", nil},
	} {
		t.Run(row.scenario, func(t *testing.T) {
			t.Parallel()
			addr, wait := callee(t, row.scenario)
			room := "dial-" + row.scenario
			f := b.follow(t, room)
			eventually(t, "the room is followed", func() bool { return f.told() > 0 })
			b.must(t, append([]string{"participants", "dial", room, "sip:bob@" + addr}, row.flags...)...)
			if got := strings.Join(dialStory(t, f, row.stop), " "); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if row.joined != nil {
				row.joined(t, room)
			}
			wait()
		})
	}
}

func TestSIPpIsCalledThroughATrunkThatWantsAPassword(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"digest_401", "digest_407"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			addr, wait := callee(t, scenario)
			b := startBridge(t, bridge.Config{SIP: fmt.Sprintf("  trunks: [{name: carrier, networks: [192.0.2.1], "+
				"dial: {prefixes: [\"+49\"], uri: \"sip:%s\", user: bridge, password: secret}}]\n", addr)})
			b.allowLog("call out is refused")
			b.must(t, "participants", "dial", "1000", "+49 30 123", "--trunk", "carrier")
			name := b.present(t, "1000", 1)[0].GetName()
			if got := b.run(t, "participants", "dial", "1000", "+1900123", "--trunk", "carrier"); got.code != 1 ||
				!strings.Contains(got.stderr, "(sip.trunks.dial.prefixes)") {
				t.Errorf("got exit %d, %q, want the rule that refuses it", got.code, got.stderr)
			}
			if _, err := b.participants.RemoveParticipant(t.Context(), &confbridgev1.RemoveParticipantRequest{Name: name}); err != nil {
				t.Error(err)
			}
			wait()
		})
	}
}

// A room calls people of another bridge, and they hear each other.
func TestARoomCallsAnother(t *testing.T) {
	t.Parallel()
	there := startBridge(t, bridge.Config{})
	here := startBridge(t, bridge.Config{SIP: "  dial_out: {domains: [127.0.0.1]}\n"})
	for range 3 {
		here.must(t, "participants", "dial", "1000", "sip:2000@"+there.TCP+";transport=tcp", "--caller-name", "Bridge")
	}
	for _, p := range there.present(t, "2000", 3) {
		if p.GetDisplayName() != "Bridge" || p.GetAddress() != "sip:1000@127.0.0.1" {
			t.Errorf("there: got %v", p)
		}
	}
	for _, p := range here.present(t, "1000", 3) {
		within(t, patience, "sound comes in", func() bool {
			got, err := here.participants.GetParticipant(t.Context(), &confbridgev1.GetParticipantRequest{Name: p.GetName()})
			return err == nil && got.GetMedia().GetPacketsReceived() > 0
		})
	}
	there.must(t, "rooms", "end", "2000")
	here.present(t, "1000", 0)
}

// What rings when the bridge goes down is cancelled, and the bridge is down in time.
func TestABridgeThatGoesDownCancelsItsCalls(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{SIP: "  dial_out: {domains: [127.0.0.1]}\n"})
	addr, wait := callee(t, "no_answer")
	b.must(t, "participants", "dial", "1000", "sip:bob@"+addr)
	eventually(t, "it rings", func() bool { return strings.Contains(b.must(t, "participants", "dials", "1000"), "ringing") })
	began := time.Now()
	b.stop(t)
	t.Logf("down after %v", time.Since(began))
	wait()
}
