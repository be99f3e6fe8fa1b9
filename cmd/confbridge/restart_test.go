package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// command runs a command that has to go well against s.
func (s *served) command(t *testing.T, args ...string) string {
	t.Helper()
	got := runAt(t.Context(), nil, append(args, "--api", s.grpc)...)
	if got.code != exitOK {
		t.Fatalf("%v: got %+v", args, got)
	}
	return got.stdout
}

// firstEvent waits until watchers are told of a room's first event.
func (s *served) firstEvent(t *testing.T, number string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	told, stop := context.WithCancel(ctx)
	out := &lineCounter{want: 1, reached: stop}
	run(told, []string{"confbridge", "events", number, "--after", "0", "--api", s.grpc}, out, io.Discard, func(string) string { return "" })
	if ctx.Err() != nil {
		t.Fatalf("room %s: no event", number)
	}
}

func TestRoomsOutliveTheBridge(t *testing.T) {
	env := freePorts(t)
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("rooms: {list: [{number: \"1000\", display_name: Board}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, env, "--config", file)
	s.command(t, "rooms", "create", "2000")
	s.command(t, "rooms", "lock", "2000")
	s.command(t, "rooms", "lock", "1000")
	s.command(t, "rooms", "create", "3000")
	s.command(t, "rooms", "delete", "3000")
	if got := runAt(t.Context(), nil, "rooms", "delete", "1000", "--api", s.grpc); got.code != exitError ||
		!strings.Contains(got.stderr, "rooms/1000: room is declared in the configuration file") {
		t.Errorf("delete what is declared: got %+v", got)
	}
	for _, number := range []string{"1000", "2000"} { // until the number of its event is on the disk, nobody is told of it
		s.firstEvent(t, number)
	}
	before := s.command(t, "rooms", "list", "--json")
	for _, want := range []string{"rooms/1000", "Board", "rooms/2000"} {
		if !strings.Contains(before, want) {
			t.Errorf("no %s in\n%s", want, before)
		}
	}

	second := runAt(t.Context(), env, "serve")
	if second.code != exitError || !strings.Contains(second.stderr, "data_dir: "+env["CONFBRIDGE_DATA_DIR"]+": process ") {
		t.Errorf("a second bridge: got %+v", second)
	}
	if code := s.end(t); code != exitOK {
		t.Errorf("got exit %d:\n%s", code, s.log())
	}

	s = startServe(t, env, "--config", file)
	after := s.command(t, "rooms", "list", "--json")
	if after != before {
		t.Errorf("after a restart: got\n%s\nbefore\n%s", after, before)
	}
	if code := s.end(t); code != exitOK {
		t.Errorf("got exit %d:\n%s", code, s.log())
	}
}

func TestNumbersOutliveTheBridgeAndTheFileHasItsWay(t *testing.T) {
	env := freePorts(t)
	file := filepath.Join(t.TempDir(), "c.yaml")
	start := func(numbers string) *served {
		t.Helper()
		if err := os.WriteFile(file, []byte("numbers: "+numbers+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return startServe(t, env, "--config", file)
	}
	s := start(`[{number: "100", room: "1000"}]`)
	s.command(t, "numbers", "create", "200", "--room", "2000")
	s.command(t, "numbers", "create", "300", "--room", "3000")
	s.command(t, "numbers", "update", "300", "--voice", "de")
	s.command(t, "numbers", "create", "400")
	s.command(t, "numbers", "delete", "400")
	for says, args := range map[string][]string{
		"numbers/100: number is declared in the configuration file":                    {"numbers", "delete", "100"},
		"numbers/100: number exists already: it is declared in the configuration file": {"numbers", "create", "100"},
		"numbers/200: number exists already":                                           {"numbers", "create", "200"},
		`number.trunk: there is no trunk "carrier"`:                                    {"numbers", "create", "200", "--trunk", "carrier"},
		"number.dialled: ": {"numbers", "create", "1**"},
	} {
		if got := runAt(t.Context(), nil, append(args, "--api", s.grpc)...); got.code != exitError || !strings.Contains(got.stderr, says) {
			t.Errorf("%v: got %+v, want %q", args, got, says)
		}
	}
	if code := s.end(t); code != exitOK {
		t.Errorf("got exit %d:\n%s", code, s.log())
	}

	s = start(`[{number: "200", room: "1000"}]`)
	want := "NUMBER  TRUNK  LEADS TO  VOICE  MADE BY\n" +
		"200     all    1000      -      the file\n" +
		"300     all    3000      de     hand\n"
	if got := s.command(t, "numbers", "list"); got != want {
		t.Errorf("after a restart: got\n%s\nwant\n%s", got, want)
	}
	if code := s.end(t); code != exitOK || !strings.Contains(s.log(), "a number that was made is now declared") {
		t.Errorf("got exit %d:\n%s", code, s.log())
	}
}
