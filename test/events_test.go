package test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// follower is a `confbridge events --json` that runs.
type follower struct {
	cmd *exec.Cmd

	mu       sync.Mutex
	messages []*confbridgev1.WatchRoomResponse
	fault    error
	done     chan struct{}
}

func (b *running) follow(t *testing.T, args ...string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{cmd: b.command(ctx, append([]string{"events", "--json"}, args...)...), done: make(chan struct{})}
	out, err := f.cmd.StdoutPipe()
	if err == nil {
		err = f.cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(f.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			m := &confbridgev1.WatchRoomResponse{}
			err := protojson.Unmarshal(lines.Bytes(), m)
			f.mu.Lock()
			f.messages = append(f.messages, m)
			if err != nil && f.fault == nil {
				f.fault = fmt.Errorf("%w: %s", err, lines.Text())
			}
			f.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-f.done })
	return f
}

// events are those that were told so far, without snapshots.
func (f *follower) events() []*confbridgev1.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*confbridgev1.Event
	for _, m := range f.messages {
		if e := m.GetEvent(); e != nil {
			all = append(all, e)
		}
	}
	return all
}

// told says how many messages there were.
func (f *follower) told() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.messages)
}

// interrupt presses Ctrl-C: the command must end with exit code 0.
func (f *follower) interrupt(t *testing.T) {
	t.Helper()
	if err := f.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-f.done
	if err := f.cmd.Wait(); err != nil {
		t.Errorf("events after Ctrl-C: %v", err)
	}
	if f.fault != nil {
		t.Errorf("not JSON: %v", f.fault)
	}
}

const kindPrefix = len("EVENT_KIND_")

func kinds(events []*confbridgev1.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.GetKind().String()[kindPrefix:])
	}
	return all
}

func TestTheStoryOfACall(t *testing.T) {
	t.Parallel()
	speakers(t)
	b := startBridge(t, bridge.Config{})
	live := b.follow(t, "1000")
	eventually(t, "the snapshot", func() bool { return live.told() > 0 })

	// A word, a silence, keys; mute and unmute; lock and unlock; the end.
	client := newClient(t)
	word := speakers(t)[0].pcm[:12000]
	g := invite(t, client, "sip:1000@"+b.UDP, codec.PCMU, word)
	has := func(kind string) func() bool {
		return func() bool { return slices.Contains(kinds(live.events()), kind) }
	}
	eventually(t, "talking stopped", has("TALKING_STOPPED"))
	b.must(t, "call", "sip:1000@"+b.UDP, "--dtmf", "12#", "--for", "2s")
	id := b.present(t, "1000", 1)[0].GetName()
	id = id[len("rooms/1000/participants/"):]
	b.must(t, "participants", "mute", "1000", id)
	b.must(t, "participants", "unmute", "1000", id)
	b.must(t, "rooms", "lock", "1000")
	b.must(t, "rooms", "unlock", "1000")
	g.end()
	eventually(t, "the end", has("ENDED"))
	live.interrupt(t)

	story := live.events()
	want := []string{
		"JOINED", "TALKING_STARTED", "TALKING_STOPPED", "JOINED", "KEY_PRESSED", "KEY_PRESSED", "KEY_PRESSED", "LEFT",
		"MUTED", "UNMUTED", "LOCKED", "UNLOCKED", "LEFT", "ENDED",
	}
	// How often a speaker pauses is the detector's business: one start and one stop stand for all.
	if got := slices.Compact(withoutPauses(kinds(story))); !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("the story is\n%v, want\n%v", got, want)
	}
	keys := ""
	for i, e := range story {
		if e.GetSequence() != uint64(i+1) {
			t.Errorf("event %d has number %d", i+1, e.GetSequence())
		}
		keys += e.GetKeyPress().GetKey()
	}
	if keys != "12#" {
		t.Errorf("keys %q, want 12#", keys)
	}
	if last := story[len(story)-1]; last.GetReason() != confbridgev1.Reason_REASON_EMPTY {
		t.Errorf("it ended for %v, want EMPTY", last.GetReason())
	}
	resume(t, b, story)
}

// withoutPauses leaves out starts and stops of talking but the first of each, and who has the floor: that too is the detector's
// business.
func withoutPauses(all []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(kind string) bool {
		talk := kind == "TALKING_STARTED" || kind == "TALKING_STOPPED"
		again := talk && seen[kind]
		seen[kind] = true
		return again || kind == "DOMINANT_SPEAKER"
	})
}

// resume goes back to every point of the story: nothing is told twice, nothing is lost.
func resume(t *testing.T, b *running, story []*confbridgev1.Event) {
	for after := range story {
		f := b.follow(t, "1000", "--after", fmt.Sprint(after))
		eventually(t, "the rest of the story", func() bool { return len(f.events()) >= len(story)-after })
		f.interrupt(t)
		rest := f.events()
		if len(rest) != len(story)-after {
			t.Errorf("after %d come %d events, want %d", after, len(rest), len(story)-after)
			continue
		}
		for i, e := range rest {
			if want := story[after+i]; e.GetSequence() != want.GetSequence() || e.GetKind() != want.GetKind() {
				t.Errorf("after %d: event %d is %d %v, want %d %v", after, i, e.GetSequence(), e.GetKind(), want.GetSequence(), want.GetKind())
			}
		}
	}
}

// An INFO is a key too, for telephones that know no other way.
func TestKeyByINFO(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	live := b.follow(t, "1000")
	eventually(t, "the snapshot", func() bool { return live.told() > 0 })
	d := b.openWire(t, "tcp").dial("1000", plainSDP)
	d.sendWith("INFO", "Content-Type: application/dtmf-relay", "Signal=*\nDuration=160\n")
	if res := d.response(d.cseq, "INFO"); res.StatusCode != 200 {
		t.Fatalf("INFO: %d %s", res.StatusCode, res.Reason)
	}
	var key *confbridgev1.Event
	eventually(t, "the key", func() bool {
		for _, e := range live.events() {
			if e.GetKeyPress() != nil {
				key = e
			}
		}
		return key != nil
	})
	if k := key.GetKeyPress(); k.GetKey() != "*" || k.GetHeld().AsDuration() != 160*time.Millisecond {
		t.Errorf("the key is %v, want * for 160 ms", k)
	}
	d.bye()
	live.interrupt(t)
}
