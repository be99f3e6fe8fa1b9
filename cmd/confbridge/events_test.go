package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func TestEventsFollowsUntilCtrlC(t *testing.T) {
	for name, args := range map[string][]string{
		"events.txt":  {"events", "1000"},
		"events.json": {"events", "1000", "--json"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := sample()
			ctx, cancel := context.WithTimeout(t.Context(), testWait)
			defer cancel()
			lines := len(fake.story) - 1 // but for what a newer bridge might say
			out := &lineCounter{want: lines, reached: cancel}
			var errOut strings.Builder
			c := &console{
				program: "confbridge", stdout: out, stderr: &errOut, zone: time.UTC,
				getenv: func(string) string { return "" }, now: func() time.Time { return noon },
			}
			code := c.run(ctx, append(args, "--api", fake.start(t)))
			if code != exitOK || errOut.String() != "" {
				t.Errorf("got exit %d, %q", code, errOut.String())
			}
			golden(t, name, out.String())
		})
	}
}

// lineCounter calls reached when it has got so many lines.
type lineCounter struct {
	strings.Builder
	want    int
	reached func()
}

func (l *lineCounter) Write(p []byte) (int, error) {
	n, err := l.Builder.Write(p)
	if strings.Count(l.String(), "\n") >= l.want {
		l.reached()
	}
	return n, err
}

func TestEventsSaysHowToResume(t *testing.T) {
	fake := sample()
	fake.storyEnds = bridgeError(t, codes.Unavailable, "BRIDGE_DRAINING", "bridge is shutting down")
	got := runAt(t.Context(), nil, "events", "1000", "--after", "40", "--api", fake.start(t))
	want := "confbridge: bridge is shutting down; resume with --after 65\n"
	if got.code != exitError || got.stderr != want {
		t.Errorf("got exit %d, %q; want %q", got.code, got.stderr, want)
	}
	req, ok := fake.lastRequest().(*confbridgev1.WatchRoomRequest)
	if !ok || req.AfterSequence == nil || req.GetAfterSequence() != 40 {
		t.Errorf("got request %v", req)
	}
}
