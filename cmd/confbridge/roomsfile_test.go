package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/confbridge/confbridge/api"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// startAPI starts the API of rooms that are real, and says where.
func startAPI(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reg := rooms.NewRegistry(rooms.Config{OnDemand: true})
	server := api.New(api.Config{}, reg)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		server.Shutdown(ctx)
		if err := errors.Join(reg.Close(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

func TestRoomsComeBackOutOfTheirFile(t *testing.T) {
	from, to := startAPI(t), startAPI(t)
	cli := func(addr string, args ...string) result {
		t.Helper()
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, args...)
		if got.code != exitOK {
			t.Fatalf("%v: exit %d, %s", args, got.code, got.stderr)
		}
		return got
	}
	cli(from, "rooms", "create", "1000", "--name", "Sales: \"all\"", "--max-participants", "20", "--max-duration", "90m", "--locked", "--max-talkers", "all", "--no-agc",
		"--key", "lock=*51", "--key", "end=")
	cli(from, "rooms", "create", "0042")
	file := filepath.Join(t.TempDir(), "rooms.yaml")
	exported := cli(from, "rooms", "export").stdout
	if err := os.WriteFile(file, []byte(exported), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := cli(to, "rooms", "import", file, "--dry-run").stdout, "rooms/0042: would be created\nrooms/1000: would be created\n"; got != want {
		t.Errorf("dry run: got %q, want %q", got, want)
	}
	if got, want := cli(to, "rooms", "export").stdout, "rooms: {}\n"; got != want {
		t.Errorf("after the dry run: got %q, want %q", got, want)
	}
	if got, want := cli(to, "rooms", "import", file).stdout, "rooms/0042: created\nrooms/1000: created\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if diff := cmp.Diff(exported, cli(to, "rooms", "export").stdout); diff != "" {
		t.Errorf("what is exported again (-want +got):\n%s", diff)
	}
	cli(to, "rooms", "update", "1000", "--name", "another", "--max-participants", "3")
	if got, want := cli(to, "rooms", "import", file).stdout, "rooms/0042: updated\nrooms/1000: updated\n"; got != want {
		t.Errorf("once more: got %q, want %q", got, want)
	}
	if diff := cmp.Diff(exported, cli(to, "rooms", "export").stdout); diff != "" {
		t.Errorf("after a change and another import (-want +got):\n%s", diff)
	}
}

func TestWhatIsWrongInAFileOfRoomsIsNamed(t *testing.T) {
	addr := startAPI(t)
	for _, row := range []struct{ name, text, want string }{
		{"no YAML", "rooms: [", "rooms.yaml: "},
		{"another key", "room: {}\n", `unknown field "room"`},
		{"a setting that is none", "rooms:\n  \"1000\": {colour: red}\n", `room "1000": colour is no setting of a room`},
		{"what cannot be set", "rooms:\n  \"1000\": {participant_count: 3}\n", `room "1000": participant_count cannot be set`},
		{"a value that is none", "rooms:\n  \"1000\": {max_participants: many}\n", `room "1000": `},
		{"two faults", "rooms:\n  \"1\": {colour: red}\n  \"2\": {shape: round}\n", `room "2": shape is no setting of a room`},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "rooms.yaml")
			if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, "rooms", "import", file)
			if got.code != exitUsage || !strings.Contains(got.stderr, row.want) {
				t.Errorf("got exit %d, %q; want %q in it", got.code, got.stderr, row.want)
			}
		})
	}
	t.Run("what the bridge refuses", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "rooms.yaml")
		text := "rooms:\n  \"1000\": {max_participants: -1}\n  \"2000\": {display_name: good}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, "rooms", "import", file)
		if got.code == exitOK || !strings.Contains(got.stderr, "rooms/1000: ") || got.stdout != "rooms/2000: created\n" {
			t.Errorf("got %+v; want a word on 1000, and 2000 created", got)
		}
	})
	if got := runAt(t.Context(), nil, "rooms", "import", "/nowhere/rooms.yaml", "--api", addr); got.code != exitUsage {
		t.Errorf("a file that is not there: got %+v", got)
	}
}

// TestEveryFieldOfARoomIsSetOrShown looks that a new field of Room that nobody can set is not exported.
func TestEveryFieldOfARoomIsSetOrShown(t *testing.T) {
	fields := (&confbridgev1.Room{}).ProtoReflect().Descriptor().Fields()
	for _, name := range shownOnly {
		if fields.ByName(protoreflect.Name(name)) == nil {
			t.Errorf("%s is no field of Room", name)
		}
	}
	r := &confbridgev1.Room{Name: "rooms/1", MaxDuration: durationpb.New(90 * time.Minute), ParticipantCount: 3, DisplayName: "a"}
	set, err := settingsOf(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := roomOf("1", set)
	if err != nil {
		t.Fatal(err)
	}
	r.ParticipantCount = 0
	if diff := cmp.Diff(r, back, protocmp.Transform()); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
	for i := range fields.Len() {
		f := fields.Get(i)
		if slices.Contains(shownOnly, string(f.Name())) != outputOnly(t, string(f.Name())) {
			t.Errorf("%s: rooms.proto and shownOnly differ on whether it can be set", f.Name())
		}
	}
}

// outputOnly says whether the comment on a field in rooms.proto begins with "Output only.", or with the words on the name.
func outputOnly(t *testing.T, field string) bool {
	t.Helper()
	text, err := os.ReadFile("../../proto/confbridge/v1/rooms.proto")
	if err != nil {
		t.Fatal(err)
	}
	_, room, _ := strings.Cut(string(text), "\nmessage Room {")
	room, _, _ = strings.Cut(room, "\n}\n")
	before, _, found := strings.Cut(room, " "+field+" = ")
	if !found {
		t.Fatalf("%s is not in rooms.proto", field)
	}
	comment := before[max(strings.LastIndex(before, ";\n"), 0):]
	return strings.Contains(comment, "// Output only.") || field == "name"
}
