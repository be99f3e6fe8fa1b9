package test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// recording asks for a recording as users do.
func (b *running) recording(t *testing.T, id string) *confbridgev1.Recording {
	t.Helper()
	rec := &confbridgev1.Recording{}
	if err := protojson.Unmarshal([]byte(b.must(t, "recordings", "get", id, "--json")), rec); err != nil {
		t.Fatal(err)
	}
	return rec
}

// record begins a recording of room 1000 and returns its ID.
func (b *running) record(t *testing.T) string {
	t.Helper()
	out := strings.TrimSpace(b.must(t, "rooms", "record", "1000"))
	return out[strings.LastIndexByte(out, '/')+1:]
}

func TestACallIsRecordedAndFetched(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	b.must(t, "rooms", "create", "1000", "--record-content", "both", "--record-format", "wav")
	client := newClient(t)
	invite(t, client, "sip:1000@"+b.UDP, codec.PCMU, nil)
	invite(t, client, "sip:1000@"+b.UDP, codec.Opus, nil)
	b.present(t, "1000", 2)
	story := b.follow(t, "1000", "--after", "0")
	id := b.record(t)
	eventually(t, "two seconds of a recording", func() bool { return b.recording(t, id).GetLength().AsDuration() >= 2*time.Second })
	b.must(t, "rooms", "record", "1000", "--pause")
	b.must(t, "rooms", "record", "1000", "--resume")
	b.must(t, "rooms", "record", "1000", "--stop")
	eventually(t, "whole files", func() bool { return b.recording(t, id).GetState() == confbridgev1.Recording_STATE_FINISHED })
	dir := t.TempDir()
	b.must(t, "recordings", "get", id, "-o", dir)
	rec := b.recording(t, id)
	if len(rec.GetFiles()) == 0 || rec.GetFiles()[0].GetName() != "mix.wav" {
		t.Fatalf("got %v", rec)
	}
	for _, f := range rec.GetFiles() {
		info, err := os.Stat(filepath.Join(dir, f.GetName()))
		if err != nil {
			t.Fatal(err)
		}
		const header, bytesPerMS = 44, 96
		if want := header + rec.GetLength().AsDuration().Milliseconds()*bytesPerMS; info.Size() != want {
			t.Errorf("%s has %d bytes, want %d of %v", f.GetName(), info.Size(), want, rec.GetLength().AsDuration())
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "recording.json"))
	if err != nil {
		t.Fatal(err)
	}
	var side struct{ Participants []any }
	if err := json.Unmarshal(raw, &side); err != nil || len(side.Participants) != 2 {
		t.Errorf("the sidecar has %d participants (%v)", len(side.Participants), err)
	}
	want := []confbridgev1.EventKind{
		confbridgev1.EventKind_EVENT_KIND_RECORDING_STARTED, confbridgev1.EventKind_EVENT_KIND_RECORDING_PAUSED,
		confbridgev1.EventKind_EVENT_KIND_RECORDING_RESUMED, confbridgev1.EventKind_EVENT_KIND_RECORDING_STOPPED,
	}
	eventually(t, "the story of the recording", func() bool {
		for _, e := range story.events() {
			if len(want) > 0 && e.GetKind() == want[0] && e.GetRecording() == "recordings/"+id {
				want = want[1:]
			}
		}
		return len(want) == 0
	})
	b.must(t, "recordings", "delete", id)
	if out := b.must(t, "recordings"); strings.Contains(out, id) {
		t.Errorf("a deleted recording is listed:\n%s", out)
	}
}

func TestARecordingOutlivesKill9(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	caller := b.command(ctx, "call", "sip:1000@"+b.UDP, "--for", "1m")
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = caller.Wait() // killed
	}()
	b.present(t, "1000", 1)
	id := b.record(t)
	var before time.Duration
	eventually(t, "three seconds of a recording", func() bool {
		before = b.recording(t, id).GetLength().AsDuration()
		return before >= 3*time.Second
	})
	if err := syscall.Kill(b.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.conn.Close()
	b.stopped = true
	_, _ = b.Stop() // it was killed: no end that it could be blamed for
	again := b.restart(t)
	again.allowLog("recording was broken off and is repaired")
	var rec *confbridgev1.Recording
	eventually(t, "whole files", func() bool {
		rec = again.recording(t, id)
		return rec.GetState() == confbridgev1.Recording_STATE_FINISHED
	})
	if !rec.GetRepaired() || len(rec.GetFiles()) != 1 || rec.GetRoom() != "rooms/1000" {
		t.Errorf("got %v", rec)
	}
	if lost := before - rec.GetLength().AsDuration(); lost > time.Second {
		t.Errorf("%v of %v are lost", lost, before)
	}
	dir := t.TempDir()
	again.must(t, "recordings", "get", id, "-o", dir)
	out, err := exec.CommandContext(t.Context(), have(t, "opusinfo"), filepath.Join(dir, "mix.opus")).CombinedOutput()
	if err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("opusinfo: %v\n%s", err, out)
	}
}
