package test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
)

// recordedFor is how long the long recordings are: with CONFBRIDGE_TEST_LONG what it says, as in 30m, or else an hour; a few seconds without it.
func recordedFor() time.Duration {
	text := os.Getenv("CONFBRIDGE_TEST_LONG")
	if text == "" {
		return 5 * time.Second
	}
	if long, err := time.ParseDuration(text); err == nil && long > 0 {
		return long
	}
	return time.Hour
}

// crowdCodecs are those of six people. Rooms change their rate when one of Opus comes or goes.
var crowdCodecs = []string{"pcmu", "opus", "g722", "pcma", "opus", "pcmu"}

// crowd has six people in room 1000 until ctx ends: the first one stays, the others come and go, each at times of its own. They have hung up when wait returns.
func (b *running) crowd(ctx context.Context, t *testing.T, long time.Duration) (wait func()) {
	t.Helper()
	dir := t.TempDir()
	var people sync.WaitGroup
	for i, codec := range crowdCodecs {
		stays, away := min(long/time.Duration(2+i), longestTalk), long/24
		said := monologue(t, dir, i, stays)
		if i == 0 {
			stays = 2 * long
		}
		args := []string{"call", "sip:1000@" + b.UDP, "--codec", codec, "--play", said, "--name", fmt.Sprint("Caller ", i), "--for", stays.String()}
		people.Go(func() {
			for pause(ctx, time.Duration(i)*away) {
				cmd := b.command(ctx, args...)
				cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // hangs up
				if out, err := cmd.CombinedOutput(); err != nil && ctx.Err() == nil {
					t.Errorf("caller %d: %v: %s", i, err, out)
				}
				if !pause(ctx, away) {
					return
				}
			}
		})
	}
	return people.Wait
}

// longestTalk bounds what callers keep in memory of what they say.
const longestTalk = 8 * time.Minute

// monologue writes a file in which one of the voices says its words over and over, with a pause behind them.
func monologue(t *testing.T, dir string, i int, long time.Duration) string {
	t.Helper()
	const rateHz = 8000
	voices := speakers(t)
	words := append(slices.Clone(voices[i%len(voices)].pcm), make([]int16, rateHz+rateHz/2*i)...)
	path := filepath.Join(dir, fmt.Sprintf("caller%d.wav", i))
	out, err := phone.CreateWAV(path, rateHz)
	if err != nil {
		t.Fatal(err)
	}
	for written := time.Duration(0); written < long; written += time.Duration(len(words)) * time.Second / rateHz {
		out.Write(words)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// pause waits; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// tape is the sidecar of a recording, as far as it is looked at.
type tape struct {
	LengthMS     int64 `json:"length_ms"`
	Gaps         []any
	Participants []struct {
		ID       string
		JoinedMS int64  `json:"joined_ms"`
		LeftMS   *int64 `json:"left_ms"`
	}
	Files []struct {
		Name, SHA256 string
		RateHz       int `json:"sample_rate_hz"`
	}
}

// fetch gets a finished recording into a folder.
func (b *running) fetch(t *testing.T, id string) (dir string, rec *confbridgev1.Recording, side tape) {
	t.Helper()
	within(t, max(patience, recordedFor()), "whole files", func() bool { return b.recording(t, id).GetState() == confbridgev1.Recording_STATE_FINISHED })
	dir = t.TempDir()
	b.must(t, "recordings", "get", id, "-o", dir)
	raw, err := os.ReadFile(filepath.Join(dir, "recording.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &side); err != nil {
		t.Fatal(err)
	}
	return dir, b.recording(t, id), side
}

// Six people come and go while the room is recorded, in an hour or, here, in seconds: the files are as long as the clock on the wall says, to the sample as long as
// each other, and what somebody says is at the same place of the mix and of the track. CONFBRIDGE_TEST_LONG=1h go test -timeout 2h -run LongRecording ./test
func TestALongRecordingLinesUpAndIsAsLongAsItWas(t *testing.T) {
	t.Parallel()
	have(t, "opusinfo")
	b := startBridge(t, bridge.Config{})
	b.allowLog("calls were broken off") // of somebody who has hung up as soon as they dialled, before the bridge was heard: nothing tells it
	b.must(t, "rooms", "create", "1000", "--max-talkers", "all", "--record-content", "both", "--record-format", "opus")
	ctx, leave := context.WithCancel(t.Context())
	long := recordedFor()
	left := b.crowd(ctx, t, long)
	defer left()
	defer leave()
	b.present(t, "1000", 1)
	story := b.follow(t, "1000", "--after", "0")
	id := b.record(t)
	pause(ctx, long)
	b.must(t, "rooms", "record", "1000", "--stop")
	leave()
	left()
	wall := story.between(t, confbridgev1.EventKind_EVENT_KIND_RECORDING_STARTED, confbridgev1.EventKind_EVENT_KIND_RECORDING_STOPPED)
	dir, rec, side := b.fetch(t, id)
	length := rec.GetLength().AsDuration()
	t.Logf("%v by the clock on the wall, recorded %v: %v apart; %d tracks, %d gaps", wall, length, length-wall, len(side.Participants), len(side.Gaps))
	if apart := (length - wall).Abs(); apart >= 20*time.Millisecond {
		t.Errorf("the recording has %v of %v: %v apart", length, wall, apart)
	}
	if len(side.Participants) <= len(crowdCodecs) {
		t.Errorf("nobody came back: %d stays", len(side.Participants))
	}
	samples := checkRecording(t, dir, rec, side)
	for name, n := range samples {
		if want := length.Milliseconds() * 48; n != want {
			t.Errorf("%s has %d samples, want %d", name, n, want)
		}
	}
}

// The same, but that the bridge is killed in the middle: what was recorded is whole up to the last second when it is started again.
func TestALongRecordingOutlivesKill9(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	b.must(t, "rooms", "create", "1000", "--max-talkers", "all", "--record-content", "both", "--record-format", "flac")
	ctx, leave := context.WithCancel(t.Context())
	long := recordedFor()
	left := b.crowd(ctx, t, long)
	defer left()
	defer leave()
	b.present(t, "1000", 1)
	id := b.record(t)
	pause(ctx, long/2)
	before := b.recording(t, id).GetLength().AsDuration()
	leave() // whom a killed bridge leaves alone would complain
	b.kill(t)
	left()
	again := b.restart(t)
	again.allowLog("recording was broken off and is repaired")
	dir, rec, side := again.fetch(t, id)
	lost := before - rec.GetLength().AsDuration()
	t.Logf("killed after %v, lost %v; %d tracks, %d gaps", before, lost, len(side.Participants), len(side.Gaps))
	if lost > time.Second || !rec.GetRepaired() {
		t.Errorf("%v of %v are lost (repaired: %v)", lost, before, rec.GetRepaired())
	}
	longest := int64(0)
	for _, n := range checkRecording(t, dir, rec, side) {
		longest = max(longest, n)
	}
	if want := rec.GetLength().AsDuration().Milliseconds() * 48; longest != want {
		t.Errorf("the longest file has %d samples, want %d", longest, want)
	}
}

// kill ends the bridge as a crash does.
func (b *running) kill(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(b.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.conn.Close()
	b.stopped = true
	_, _ = b.Stop() // it was killed: no end that it could be blamed for
}

// between is how long it was from the first event of a kind to that of another one.
func (f *follower) between(t *testing.T, first, last confbridgev1.EventKind) time.Duration {
	t.Helper()
	var from, to time.Time
	eventually(t, fmt.Sprint(first, " and ", last), func() bool {
		for _, e := range f.events() {
			switch {
			case e.GetKind() == first && from.IsZero():
				from = e.GetTime().AsTime()
			case e.GetKind() == last:
				to = e.GetTime().AsTime()
			}
		}
		return !from.IsZero() && !to.IsZero()
	})
	return to.Sub(from)
}

// checkRecording has others read every file of a recording and compares each track with the mix; it returns how many samples of 48 kHz each file has.
func checkRecording(t *testing.T, dir string, rec *confbridgev1.Recording, side tape) map[string]int64 {
	t.Helper()
	if len(rec.GetFiles()) != len(side.Files) || len(rec.GetFiles()) < 2 {
		t.Fatalf("%d files, of which the sidecar names %d", len(rec.GetFiles()), len(side.Files))
	}
	samples := map[string]int64{}
	var mix []int16
	for i, f := range rec.GetFiles() {
		path := filepath.Join(dir, f.GetName())
		checkSum(t, path, f.GetSha256(), side.Files[i].SHA256)
		checkReadable(t, path, side.Files[i].RateHz)
		var pcm []int16
		pcm, samples[f.GetName()] = decoded(t, path, side.Files[i].RateHz)
		if i == 0 {
			mix = pcm
			continue
		}
		checkAligned(t, f.GetName(), pcm, mix)
		for _, p := range side.Participants {
			if p.ID == f.GetParticipantId() {
				checkStay(t, f.GetName(), pcm, p.JoinedMS, p.LeftMS)
			}
		}
	}
	return samples
}

func checkSum(t *testing.T, path string, want ...string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if got := hex.EncodeToString(h.Sum(nil)); got != w {
			t.Errorf("%s has the SHA-256 %s, want %s", filepath.Base(path), got, w)
		}
	}
}

// checkReadable has ffprobe say what a file is, of that rate, and opusinfo, of one of its kind, that nothing is wrong with it.
func checkReadable(t *testing.T, path string, rateHz int) {
	t.Helper()
	kind := strings.TrimPrefix(filepath.Ext(path), ".")
	out, err := exec.Command(have(t, "ffprobe"), "-v", "error", "-of", "csv=p=0", "-show_entries", "stream=codec_name,sample_rate,channels", path).CombinedOutput()
	if got, want := strings.TrimSpace(string(out)), fmt.Sprintf("%s,%d,1", kind, rateHz); err != nil || got != want {
		t.Errorf("ffprobe finds %q in %s, want %q (%v)", got, filepath.Base(path), want, err)
	}
	if kind != "opus" {
		return
	}
	if out, err := exec.Command(have(t, "opusinfo"), path).CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("opusinfo: %v\n%s", err, out)
	}
}

// decoded is a file of that rate as ffmpeg decodes it: at 8000 Hz, and how many samples of 48 kHz that is.
func decoded(t *testing.T, path string, rateHz int) (pcm []int16, samples int64) {
	t.Helper()
	const block = 1 << 15
	times := rateHz / 8000
	cmd := exec.Command(have(t, "ffmpeg"), "-v", "error", "-xerror", "-i", path, "-f", "s16le", "-")
	var faults strings.Builder
	cmd.Stderr = &faults
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 2*times*block)
	for {
		n, err := io.ReadFull(out, raw)
		samples += int64(n / 2)
		for at := 0; at+2*times <= n; at += 2 * times {
			sum := 0
			for k := 0; k < 2*times; k += 2 {
				sum += int(int16(binary.LittleEndian.Uint16(raw[at+k:])))
			}
			pcm = append(pcm, int16(sum/times))
		}
		if err != nil {
			break // the end, or what Wait says
		}
	}
	if err := cmd.Wait(); err != nil || faults.Len() > 0 {
		t.Errorf("ffmpeg: %s: %v %s", filepath.Base(path), err, faults.String())
	}
	return pcm, samples * 48000 / int64(rateHz)
}

// checkAligned looks for what is in a track, here and there, in the mix: it is at the same place.
func checkAligned(t *testing.T, name string, track, mix []int16) {
	t.Helper()
	const (
		window = 8000 // a second
		within = 400  // 50 ms
		most   = 9    // windows
		sure   = 3    // of them: in one alone five others may be as loud at once, and nobody be found
	)
	var loud []int // where there is speech
	for at := 0; at+window <= min(len(track), len(mix)); at += window / 2 {
		if measure.RMSDBFS(track[at:at+window]) > -40 {
			loud = append(loud, at)
		}
	}
	var lags []int
	for i := range min(len(loud), most) {
		at := loud[i*len(loud)/min(len(loud), most)]
		if peak, lag := measure.Correlation(track[at:at+window], mix[at:at+window], within); peak > 0.3 {
			lags = append(lags, lag)
		}
	}
	if len(lags) == 0 {
		if len(loud) >= sure {
			t.Errorf("%s: nothing of it is found in the mix", name)
		}
		return
	}
	slices.Sort(lags)
	t.Logf("%s: behind the mix by %v samples of 8000 Hz", name, lags)
	if lag := lags[len(lags)/2]; lag < -1 || lag > 1 {
		t.Errorf("%s is %d samples of 8000 Hz behind the mix", name, lag)
	}
}

// checkStay wants all sound of a track within the time that its participant was there.
func checkStay(t *testing.T, name string, track []int16, joinedMS int64, leftMS *int64) {
	t.Helper()
	const perMS, block, fade = 8, 160, 100 // a fade-out is some ms
	for at := 0; at+block <= len(track); at += block {
		if measure.RMSDBFS(track[at:at+block]) < -50 {
			continue
		}
		ms := int64(at / perMS)
		if ms < joinedMS-20 || leftMS != nil && ms > *leftMS+fade {
			t.Errorf("%s: there is sound at %d ms, of one who was there from %d ms on (left: %v)", name, ms, joinedMS, leftMS)
			return
		}
	}
}
