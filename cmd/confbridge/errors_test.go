package main

import (
	"context"
	"net"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func bridgeError(t *testing.T, code codes.Code, reason, message string) error {
	t.Helper()
	st, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "confbridge"})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func TestWrongUsageExitsWith2AndSaysWhat(t *testing.T) {
	tests := []struct{ args, want string }{
		{"nope", "confbridge: unexpected argument nope (see confbridge --help)\n"},
		{"rooms show", "confbridge: expected \"<room>\" (see confbridge rooms show --help)\n"},
		{"numbers update 200", "confbridge: nothing to update: give --room or --voice\n"},
		{"rooms list --nope", "confbridge: unknown flag --nope (see confbridge rooms list --help)\n"},
		{
			"participants role 1 a king",
			`confbridge: <role> must be one of "speaker","moderator","listener" but got "king" (see confbridge participants role --help)` + "\n",
		},
		{"rooms play 1000", "confbridge: give either a sound or --stop\n"},
		{"rooms play 1000 music/piano --stop", "confbridge: give either a sound or --stop\n"},
		{"rooms update 1000", "confbridge: nothing to update: give --name, --max-participants, --max-duration, --max-talkers, --agc, --noise-suppression, --opus-complexity, --opus-bitrate, --open, --outlast, --pin, --moderator-pin, --identity-for-pin, --key, --default-keys, one of the --record flags or of those of modes and words\n"},
		{
			"rooms update 1000 --max-talkers 0",
			`confbridge: --max-talkers: "0" is neither a number from 1 on nor "all" (see confbridge rooms update --help)` + "\n",
		},
		{"participants admit 1000", "confbridge: give either a participant's id or --all\n"},
		{"participants admit 1000 a --all", "confbridge: give either a participant's id or --all\n"},
		{
			"rooms update 1000 --on-last-host-leave sing",
			`confbridge: --on-last-host-leave must be one of "go-on","end" but got "sing" (see confbridge rooms update --help)` + "\n",
		},
		{"rooms list --timeout 0s", "confbridge: --timeout: 0s is not a time to wait\n"},
		{
			"rooms list --api localhost",
			`confbridge: --api: "localhost" is not an address with a port, like 127.0.0.1:50051` + "\n",
		},
		{"call 1000", `confbridge: call: "1000" is not of the form sip:1000@127.0.0.1:5060 (see confbridge call --help)` + "\n"},
		{"call sip:1@a --ptime 50", `confbridge: call: --ptime: 50 is not 10, 20, 30, 40 or 60 (see confbridge call --help)` + "\n"},
		{"call sip:1@a --dtmf 12x", `confbridge: call: --dtmf: "x" is no key; 0 to 9, *, #, A to D are (see confbridge call --help)` + "\n"},
		{"call sip:1@a --dtmf 123456789 --for 3s", "confbridge: call: --dtmf: 9 keys take 3.38s, which is longer than --for 3s (see confbridge call --help)\n"},
		{"call sip:1@a --for 0s", "confbridge: call: --for: 0s is not a time to stay (see confbridge call --help)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			got := runAt(t.Context(), nil, strings.Fields(tt.args)...)
			if got.code != exitUsage || got.stdout != "" || got.stderr != tt.want {
				t.Errorf("got exit %d, stdout %q, stderr\n%swant\n%s", got.code, got.stdout, got.stderr, tt.want)
			}
		})
	}
}

func TestErrorsAreOneClearLine(t *testing.T) {
	addr := (&failing{err: bridgeError(t, codes.NotFound, "ROOM_NOT_FOUND", "rooms/9: no such room")}).start(t)
	got := runAt(t.Context(), nil, "rooms", "show", "9", "--api", addr)
	if got.code != exitError || got.stderr != "confbridge: rooms/9: no such room\n" {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
	addr = (&failing{err: bridgeError(t, codes.InvalidArgument, "INVALID_ARGUMENT", "name: \x1b[31m\nbad")}).start(t)
	got = runAt(t.Context(), nil, "rooms", "show", "9", "--api", addr)
	if got.code != exitError || got.stderr != "confbridge: name: \uFFFD[31m\uFFFDbad\n" {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
	addr = (&failing{}).start(t)
	got = runAt(t.Context(), nil, "participants", "list", "9", "--api", addr)
	if got.code != exitError || !strings.HasPrefix(got.stderr, "confbridge: "+addr+": the bridge there is of another version:") {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
	addr = (&failing{waits: true}).start(t)
	got = runAt(t.Context(), nil, "rooms", "show", "9", "--api", addr, "--timeout", "50ms")
	if got.code != exitError || got.stderr != "confbridge: "+addr+": no answer within 50ms (--timeout)\n" {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
}

func TestAFailedCallIsNamedOnce(t *testing.T) {
	uri := "sip:1000@" + closedPort(t) + ";transport=tcp"
	got := runAt(t.Context(), nil, "call", uri, "--for", "1s")
	if got.code != exitError || got.stdout != "" || strings.Count(got.stderr, uri) != 1 {
		t.Errorf("got exit %d, %q%q, want %q once", got.code, got.stdout, got.stderr, uri)
	}
}

func (f *failing) start(t *testing.T) string {
	t.Helper()
	return serveFake(t, func(s *grpc.Server) { confbridgev1.RegisterRoomServiceServer(s, f) })
}

// failing is a bridge whose GetRoom fails, or never answers; it knows no participants.
type failing struct {
	confbridgev1.UnimplementedRoomServiceServer
	err   error
	waits bool
}

func (f *failing) GetRoom(ctx context.Context, _ *confbridgev1.GetRoomRequest) (*confbridgev1.Room, error) {
	if f.waits {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, f.err
}

func TestABridgeThatIsNotThereIsNamedWithAHint(t *testing.T) {
	addr := closedPort(t)
	for _, args := range []string{"rooms list", "events 1000"} {
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, strings.Fields(args)...)
		want := "confbridge: " + addr + ": cannot reach the bridge: is `confbridge serve` running there? " +
			"(--api or CONFBRIDGE_API names another address)\n"
		if got.code != exitError || got.stderr != want {
			t.Errorf("%s: got exit %d, %q; want %q", args, got.code, got.stderr, want)
		}
	}
}

// closedPort is a TCP address that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	return ln.Addr().String()
}
