package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// patience is how long anything may take that has to happen. It is no measure: only a test that fails waits so long.
const patience = 20 * time.Second

// running is one bridge of one test.
type running struct {
	*bridge.Bridge
	cfg          bridge.Config
	rooms        confbridgev1.RoomServiceClient
	participants confbridgev1.ParticipantServiceClient
	trunks       confbridgev1.TrunkServiceClient
	spread       confbridgev1.DistributionServiceClient
	conn         *grpc.ClientConn
	stopped      bool
	allowedLog   []*regexp.Regexp
}

// Each bridge has media ports of its own, so that tests can run side by side.
const (
	firstMediaPort = 20000
	mediaPorts     = 500 // a bridge
	mediaRanges    = 20
)

var bridges atomic.Int64

// startBridge runs a bridge until the test ends, when it must go down as it should: on SIGTERM, in time, with exit code
// 0, and with nothing in its log but what allowLog has announced.
func startBridge(t *testing.T, cfg bridge.Config) *running {
	t.Helper()
	cfg.Binary, cfg.Dir = program, t.TempDir()
	first := firstMediaPort + int(bridges.Add(1)-1)%mediaRanges*mediaPorts
	cfg.MediaPorts = fmt.Sprintf("%d-%d", first, first+mediaPorts-1)
	return startAs(t, cfg)
}

// restart starts a bridge that was ended once more, with the same folder and the same ports of media.
func (b *running) restart(t *testing.T) *running {
	t.Helper()
	return startAs(t, b.cfg)
}

func startAs(t *testing.T, cfg bridge.Config) *running {
	t.Helper()
	started, err := bridge.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &running{Bridge: started, cfg: cfg}
	t.Cleanup(func() { b.stop(t) })
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy()}
	if cfg.Dial != nil {
		options = append(options, grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) { return cfg.Dial(ctx, "tcp", to) }))
	}
	b.conn, err = grpc.NewClient("passthrough:///"+b.GRPC, options...)
	if err != nil {
		t.Fatal(err)
	}
	b.rooms, b.participants = confbridgev1.NewRoomServiceClient(b.conn), confbridgev1.NewParticipantServiceClient(b.conn)
	b.trunks, b.spread = confbridgev1.NewTrunkServiceClient(b.conn), confbridgev1.NewDistributionServiceClient(b.conn)
	return b
}

var addresses atomic.Int64

// ownIP is an address of the loopback where nobody else is, in this process or in another that runs these tests beside us: the
// standard ports are free there.
func ownIP() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+pid/256%250, pid%256, addresses.Add(1)%250+1)
}

// allowLog lets lines of the log be that match pattern.
func (b *running) allowLog(pattern string) {
	b.allowedLog = append(b.allowedLog, regexp.MustCompile(pattern))
}

func (b *running) stop(t *testing.T) {
	t.Helper()
	if b.stopped {
		return
	}
	b.stopped = true
	if b.conn != nil {
		b.conn.Close()
	}
	log, err := b.Stop()
	if err != nil {
		t.Errorf("the bridge's end: %v\n%s", err, log)
		return
	}
	for line := range strings.Lines(log) {
		if !b.allowed(line) {
			t.Errorf("the bridge logs %s", line)
		}
	}
}

// slowMachine is what a bridge says on a machine that is busy with other telephones, or whose disk is slow: how fast it is is no matter of these tests.
var slowMachine = regexp.MustCompile(`msg="(rooms were late"|nats: Internal subscription on .* took too long)`)

func (b *running) allowed(line string) bool {
	if slowMachine.MatchString(line) {
		return true
	}
	for _, p := range b.allowedLog {
		if p.MatchString(line) {
			return true
		}
	}
	return false
}

// eventually waits for what must become true; what says so when it does not.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	within(t, patience, what, done)
}

// within is eventually for what has a time of its own.
func within(t *testing.T, patience time.Duration, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		<-tick.C
	}
}

// ran is what a command came to.
type ran struct {
	stdout, stderr string
	code           int
}

// command is the program with arguments, against the bridge's API; ctx kills it.
func (b *running) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = os.Environ()
	if b != nil {
		cmd.Env = append(cmd.Env, "CONFBRIDGE_API="+b.GRPC)
	}
	return cmd
}

// run runs the program to its end.
func (b *running) run(t *testing.T, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	return finish(t, b.command(ctx, args...))
}

// must is run with exit code 0; it returns what was printed.
func (b *running) must(t *testing.T, args ...string) string {
	t.Helper()
	r := b.run(t, args...)
	if r.code != 0 {
		t.Fatalf("confbridge %s: exit %d: %s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// expect is must for goroutines that are not the test's own.
func (b *running) expect(t *testing.T, args ...string) {
	t.Helper()
	r := b.run(t, args...)
	if r.code != 0 {
		t.Errorf("confbridge %s: exit %d: %s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	t.Log(strings.TrimSpace(r.stdout))
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Errorf("%s: %v", cmd.Path, err)
	}
	return ran{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// room asks the API for a room; nil if there is none.
func (b *running) room(t *testing.T, number string) *confbridgev1.Room {
	t.Helper()
	r, err := b.rooms.GetRoom(t.Context(), &confbridgev1.GetRoomRequest{Name: "rooms/" + number})
	if err != nil {
		return nil
	}
	return r
}

// present waits until so many are in a room, and returns them.
func (b *running) present(t *testing.T, number string, want int) []*confbridgev1.Participant {
	t.Helper()
	var all []*confbridgev1.Participant
	eventually(t, fmt.Sprintf("%d in room %s", want, number), func() bool {
		resp, err := b.participants.ListParticipants(t.Context(), &confbridgev1.ListParticipantsRequest{Parent: "rooms/" + number, PageSize: 1000})
		all = resp.GetParticipants()
		return len(all) == want && (err == nil || want == 0)
	})
	return all
}

// metric is the sum over all series of that name whose labels hold each of the given ones, as in `code="200"`. Found is
// false where there is none.
func (b *running) metric(t *testing.T, name string, labels ...string) (sum float64, found bool) {
	t.Helper()
	code, text, err := b.Fetch(t.Context(), "/metrics")
	if err != nil || code != 200 {
		t.Fatalf("/metrics: %d %v", code, err)
	}
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		base, set, _ := strings.Cut(series, "{")
		if base != name {
			continue
		}
		matches := true
		for _, l := range labels {
			matches = matches && strings.Contains(set, l)
		}
		if !matches {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("/metrics: %q", line)
		}
		sum, found = sum+v, true
	}
	return sum, found
}

// have skips the test where a program is not installed. `make test` installs them all.
func have(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: %v", name, err)
	}
	return path
}
