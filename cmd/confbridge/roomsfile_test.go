package main

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
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
	"github.com/confbridge/confbridge/media"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
	"github.com/confbridge/confbridge/rooms/receiver"
)

// startAPI starts the API of rooms that are real, and says where.
func startAPI(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reg := rooms.NewRegistry(rooms.Config{OnDemand: true})
	spread := distributor.New(distributor.Config{Policy: distribution.Policy{Listeners: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}, reg)
	engine, err := media.NewEngine(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	taker := receiver.New(receiver.Config{Own: spread}, reg, engine)
	server := api.New(api.Config{Distributor: spread, Receiver: taker}, reg)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		server.Shutdown(ctx)
		taker.Close()
		if err := errors.Join(spread.Close(ctx), reg.Close(ctx), <-served); err != nil {
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

func TestDistributionsComeBackOutOfTheFileOfRooms(t *testing.T) {
	from, to := startAPI(t), startAPI(t)
	cli := func(addr string, args ...string) string {
		t.Helper()
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, args...)
		if got.code != exitOK {
			t.Fatalf("%v: exit %d, %s", args, got.code, got.stderr)
		}
		return got.stdout
	}
	cli(from, "rooms", "create", "1000")
	cli(from, "distributions", "add", "1000", "--id", "hall", "--to", "127.0.0.1:10000", "--ttl", "4", "--encrypt", "aes-gcm")
	cli(from, "distributions", "add", "1000", "--id", "desks", "--to", "127.0.0.1:10002,127.0.0.1:10004", "--codec", "L16", "--rate", "16000", "--dscp", "0", "--only-occupied")
	exported := cli(from, "rooms", "export")
	_, key, encrypted := strings.Cut(cli(from, "distributions", "sdp", "1000", "hall", "--with-key"), "inline:")
	if key, _, _ = strings.Cut(key, "\r\n"); !encrypted || strings.Contains(exported, strings.TrimRight(key, "=")) || strings.Contains(exported, "ssrc") {
		t.Errorf("exported with the key, or what is nobody's to set:\n%s", exported)
	}
	file := filepath.Join(t.TempDir(), "rooms.yaml")
	if err := os.WriteFile(file, []byte(exported), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := cli(to, "rooms", "import", file, "--dry-run"), "rooms/1000: would be created, with 2 distributions\n"; got != want {
		t.Errorf("dry run: got %q, want %q", got, want)
	}
	for _, step := range []struct {
		name   string
		before [][]string
		want   string
	}{
		{"into a new bridge", nil, "created"},
		{"once more", nil, "updated"},
		{
			"over what has been changed", [][]string{
				{"distributions", "update", "1000", "hall", "--ttl", "8", "--encrypt", "none"},
				{"distributions", "remove", "1000", "desks"},
				{"distributions", "add", "1000", "--id", "attic", "--to", "127.0.0.1:10002"},
			}, "updated",
		},
	} {
		for _, args := range step.before {
			cli(to, args...)
		}
		if got, want := cli(to, "rooms", "import", file), "rooms/1000: "+step.want+", with 2 distributions\n"; got != want {
			t.Errorf("%s: got %q, want %q", step.name, got, want)
		}
		if diff := cmp.Diff(exported, cli(to, "rooms", "export")); diff != "" {
			t.Errorf("%s, exported again (-want +got):\n%s", step.name, diff)
		}
	}
	if err := os.WriteFile(file, []byte("rooms: {\"1000\": {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cli(to, "rooms", "import", file)
	if got := cli(to, "rooms", "export"); !strings.Contains(got, "id: hall") {
		t.Errorf("a file that says nothing of them: got\n%s", got)
	}
	if err := os.WriteFile(file, []byte("rooms: {\"1000\": {distributions: []}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cli(to, "rooms", "import", file)
	if got := cli(to, "rooms", "export"); strings.Contains(got, "id:") {
		t.Errorf("a file that has none: got\n%s", got)
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
		{"distributions that are no list", "rooms:\n  \"1\": {distributions: {}}\n", `room "1": distributions is no list`},
		{"a distribution that is text", "rooms:\n  \"1\": {distributions: [hall]}\n", `room "1": distributions[0]: is not settings with values`},
		{"a distribution without an ID", "rooms:\n  \"1\": {distributions: [{ttl: 1}]}\n", `room "1": distributions[0]: has no id`},
		{"a setting that no distribution has", "rooms:\n  \"1\": {distributions: [{id: a, key: AAEC}]}\n", `room "1": distributions[0]: key is no setting of a distribution`},
		{"what cannot be set of a distribution", "rooms:\n  \"1\": {distributions: [{id: a, ssrc: 1}]}\n", `room "1": distributions[0]: ssrc cannot be set`},
		{"sources that are no list", "rooms:\n  \"1\": {sources: {}}\n", `room "1": sources is no list`},
		{"a source without an ID", "rooms:\n  \"1\": {sources: [{ttl: 1}]}\n", `room "1": sources[0]: has no id`},
		{"what cannot be set of a source", "rooms:\n  \"1\": {sources: [{id: a, participant: x}]}\n", `room "1": sources[0]: participant cannot be set`},
		{"a source's ID that is there twice", "rooms:\n  \"1\": {sources: [{id: a}, {id: a}]}\n", `room "1": sources[1]: its id is there twice`},
		{"an ID that is there twice", "rooms:\n  \"1\": {distributions: [{id: a}, {id: a}]}\n", `room "1": distributions[1]: its id is there twice`},
		{"a number that is there twice", "numbers: [{number: \"1\"}, {number: \"1\", room: \"2\"}]\n", `numbers[1]: "1" is there twice`},
		{"a number that cannot be", "numbers: [{number: \"1**\"}]\n", `numbers[0]: number "1**": not a number`},
		{"a setting that no number has", "numbers: [{number: \"1\", colour: red}]\n", `unknown field "colour"`},
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
	set, err := itemSettings(r, shownOnly)
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
		if slices.Contains(shownOnly, string(f.Name())) != outputOnly(t, "rooms.proto", "Room", string(f.Name())) {
			t.Errorf("%s: rooms.proto and shownOnly differ on whether it can be set", f.Name())
		}
	}
}

// TestSourcesComeBackOutOfTheFileOfRooms: with their keys where they stay as they are, which the file has not got.
func TestSourcesComeBackOutOfTheFileOfRooms(t *testing.T) {
	addr := startAPI(t)
	cli := func(args ...string) string {
		t.Helper()
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, args...)
		if got.code != exitOK {
			t.Fatalf("%v: exit %d, %s", args, got.code, got.stderr)
		}
		return got.stdout
	}
	dir := t.TempDir()
	key, file := filepath.Join(dir, "key"), filepath.Join(dir, "rooms.yaml")
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(make([]byte, 28))), 0o600); err != nil {
		t.Fatal(err)
	}
	cli("rooms", "create", "1000")
	cli("sources", "add", "1000", "--id", "stage", "--group", "239.78.1.2:5004", "--interface", "lo", "--codec", "l16", "--rate", "16000", "--source", "127.0.0.1", "--silence", "90s", "--name", "Stage B")
	cli("sources", "add", "1000", "--id", "board", "--group", "239.78.1.3:5004", "--interface", "lo", "--key-file", key, "--encryption", "aes-gcm")
	list := cli("sources", "list", "1000")
	for _, want := range []string{"SOURCE", "stage   239.78.1.2:5004  L16        127.0.0.1  lo", "board   239.78.1.3:5004  PCMU srtp  -          lo"} {
		if !strings.Contains(list, want) {
			t.Errorf("listed without %q:\n%s", want, list)
		}
	}
	text := cli("rooms", "export")
	if strings.Contains(text, "key") || strings.Contains(text, "participant:") {
		t.Errorf("exported with what is nobody's to set:\n%s", text)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := cli("rooms", "import", file), "rooms/1000: updated, with 2 sources\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if again := cli("sources", "list", "1000"); again != list {
		t.Errorf("as they are in the file they stay in the room: got\n%s, want\n%s", again, list)
	}
	cli("sources", "remove", "1000", "stage")
	cli("sources", "add", "1000", "--id", "attic", "--group", "239.78.1.4:5004", "--interface", "lo")
	cli("rooms", "import", file)
	if again := cli("rooms", "export"); again != text {
		t.Errorf("came back as\n%s, want\n%s", again, text)
	}
	cli("sources", "remove", "1000", "rooms/1000/sources/board")
	got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, "rooms", "import", file)
	if got.code == exitOK || !strings.Contains(got.stderr, "source board") || !strings.Contains(got.stderr, "no key") {
		t.Errorf("without its key an encrypted one was made: exit %d, %s", got.code, got.stderr)
	}
	if err := os.WriteFile(file, []byte("rooms: {\"1000\": {sources: []}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cli("rooms", "import", file)
	if text := cli("rooms", "export"); strings.Contains(text, "sources") {
		t.Errorf("after all were taken away:\n%s", text)
	}
}

// TestAnImportLeavesSourcesWhole: what cannot be made of them by a file leaves them as they are, and a file that is written by hand has no key, and not what goes without saying.
func TestAnImportLeavesSourcesWhole(t *testing.T) {
	addr := startAPI(t)
	dir := t.TempDir()
	key, file := filepath.Join(dir, "key"), filepath.Join(dir, "rooms.yaml")
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(make([]byte, 28))), 0o600); err != nil {
		t.Fatal(err)
	}
	cli := func(args ...string) result {
		t.Helper()
		return runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, args...)
	}
	list := func() string {
		t.Helper()
		return cli("sources", "list", "1000").stdout
	}
	cli("rooms", "create", "1000")
	cli("sources", "add", "1000", "--id", "board", "--group", "239.78.1.7:5004", "--interface", "lo", "--key-file", key, "--encryption", "aes-gcm")
	cli("sources", "add", "1000", "--id", "stage", "--group", "239.78.1.6:5004", "--interface", "lo")
	before := list()
	if n := strings.Count(before, " lo "); n != 2 {
		t.Fatalf("%d were made:\n%s", n, before)
	}
	const (
		board = `{id: board, group: "239.78.1.7:5004", interface: lo, encryption: ENCRYPTION_AEAD_AES_128_GCM}`
		stage = `{id: stage, group: "239.78.1.6:5004", interface: lo}`
	)
	for _, row := range []struct {
		name, board, stage string
		fails              string // empty: it does not
		stays              bool   // both are the same participants
	}{
		{"as they are", board, stage, "", true},
		{"on an interface that is not there", board, strings.Replace(stage, "lo", "none0", 1), "none0", false},
		{"as they were before that", board, stage, "", false},
		{"under another key, which is not in it", strings.Replace(board, "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", 1), stage, "no key", true},
		{"by another group that is not allowed", board, strings.Replace(stage, "239.78.1.6", "224.2.3.4", 1), "distributions.groups", true},
		{"by another name, with its key", strings.Replace(board, "lo,", "lo, display_name: Board,", 1), stage, "", false},
	} {
		if err := os.WriteFile(file, []byte(`rooms: {"1000": {sources: [`+row.board+", "+row.stage+"]}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		was := list()
		got := cli("rooms", "import", file)
		if fails := got.code != exitOK; fails != (row.fails != "") || !strings.Contains(got.stderr, row.fails) {
			t.Errorf("%s: exit %d, %s, want %q", row.name, got.code, got.stderr, row.fails)
		}
		now := list()
		if !strings.Contains(now, "board   239.78.1.7:5004  PCMU srtp  -     lo") || !strings.Contains(now, "stage   239.78.1.6:5004  PCMU       -     lo") {
			t.Errorf("%s: the room keeps\n%s", row.name, now)
		}
		if row.stays && now != was {
			t.Errorf("%s: they have left: got\n%s, want\n%s", row.name, now, was)
		}
	}
	cli("rooms", "create", "2000", "--locked")
	if got := cli("sources", "add", "2000", "--id", "attic", "--group", "239.78.1.8:5004", "--interface", "lo"); got.code != exitOK || !strings.Contains(got.stdout, "is kept, and taken in as soon as") {
		t.Errorf("for a locked room: exit %d, %s%s", got.code, got.stdout, got.stderr)
	}
	if text := cli("rooms", "export").stdout; !strings.Contains(text, "display_name: Board") {
		t.Errorf("it is not called by the name of the file:\n%s", text)
	}
}

// TestEveryFieldOfADistributionIsSetOrShown looks that a new field of Distribution that nobody can set is not exported.
func TestEveryFieldOfADistributionIsSetOrShown(t *testing.T) {
	fields := (&confbridgev1.Distribution{}).ProtoReflect().Descriptor().Fields()
	for _, name := range distributionShownOnly {
		if fields.ByName(protoreflect.Name(name)) == nil {
			t.Errorf("%s is no field of Distribution", name)
		}
	}
	for i := range fields.Len() {
		name := string(fields.Get(i).Name())
		if slices.Contains(distributionShownOnly, name) != outputOnly(t, "distributions.proto", "Distribution", name) {
			t.Errorf("%s: distributions.proto and distributionShownOnly differ on whether it can be set", name)
		}
	}
}

// TestEveryFieldOfASourceIsSetOrShown is that of sources.
func TestEveryFieldOfASourceIsSetOrShown(t *testing.T) {
	fields := (&confbridgev1.Source{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		name := string(fields.Get(i).Name())
		if slices.Contains(sourceShownOnly, name) != outputOnly(t, "sources.proto", "Source", name) {
			t.Errorf("%s: sources.proto and sourceShownOnly differ on whether it can be set", name)
		}
	}
}

// outputOnly says whether the comment on a message's field begins with "Output only.", or with the words on the name.
func outputOnly(t *testing.T, file, message, field string) bool {
	t.Helper()
	text, err := os.ReadFile("../../proto/confbridge/v1/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, room, _ := strings.Cut(string(text), "\nmessage "+message+" {")
	room, _, _ = strings.Cut(room, "\n}\n")
	before, _, found := strings.Cut(room, " "+field+" = ")
	if !found {
		t.Fatalf("%s is not in %s", field, file)
	}
	comment := before[max(strings.LastIndex(before, ";\n"), 0):]
	return strings.Contains(comment, "// Output only.") || field == "name"
}
