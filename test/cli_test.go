package test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/test/bridge"
)

func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	b.must(t, "rooms", "create", strings.Repeat("9", 64), "--name", strings.Repeat("A long name ", 10), "--max-participants", "100000")
	client := newClient(t)
	invite(t, client, "sip:1000@"+b.UDP, codec.Opus, nil)
	invite(t, client, "sip:1000@"+b.UDP, codec.PCMU, nil)
	for _, p := range b.present(t, "1000", 2) {
		b.must(t, "participants", "mute", "1000", p.GetName()[strings.LastIndexByte(p.GetName(), '/')+1:])
	}
	for _, args := range [][]string{{"rooms", "list"}, {"participants", "list", "1000"}} {
		out := b.must(t, args...)
		if n := strings.Count(out, "\n"); n != 3 {
			t.Errorf("%v prints %d lines, want a header and two more\n%s", args, n, out)
		}
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%v: %d columns: %s", args, n, line)
			}
		}
		var parsed map[string]any
		if err := json.Unmarshal([]byte(b.must(t, append(args, "--json")...)), &parsed); err != nil {
			t.Errorf("%v --json: %v", args, err)
		}
		if list, _ := parsed[args[0]].([]any); len(list) != 2 {
			t.Errorf("%v --json has %d entries, want 2", args, len(list))
		}
	}
}

func TestExitCodesAndHints(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := freePort(t)
	nobody := net.JoinHostPort("127.0.0.1", itoa(free))
	dir := t.TempDir()
	config := filepath.Join(dir, "taken.yaml")
	writeFile(t, config, "sip: {listen: [\"udp://127.0.0.1:0\"]}\napi: {grpc: \""+taken.Addr().String()+"\", http: \"127.0.0.1:0\"}\ndata_dir: "+dir+"/data\n")
	sipTaken := filepath.Join(dir, "sip.yaml")
	writeFile(t, sipTaken, "sip: {listen: [\"tcp://"+taken.Addr().String()+"\"]}\napi: {grpc: \"127.0.0.1:0\", http: \"127.0.0.1:0\"}\ndata_dir: "+dir+"/data\n")
	for _, row := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"no bridge there", []string{"rooms", "list", "--api", nobody}, 1, []string{nobody, "--api"}},
		{"no telephone there", []string{"call", "sip:1000@" + nobody + ";transport=tcp", "--for", "1s"}, 1, []string{nobody}},
		{"a command that is none", []string{"dance"}, 2, []string{"dance", "--help"}},
		{"an argument too few", []string{"participants", "mute", "1000"}, 2, []string{"participants mute --help"}},
		{"a codec that is none", []string{"call", "sip:1000@127.0.0.1", "--codec", "mp3"}, 2, []string{"mp3"}},
		{"a URI that is none", []string{"call", "1000"}, 2, []string{"1000", "sip:"}},
		{"a file that is not there", []string{"serve", "--config", filepath.Join(dir, "none.yaml")}, 2, []string{"none.yaml"}},
		{"the gRPC port in use", []string{"serve", "--config", config}, 1, []string{taken.Addr().String(), "another program has it", "api.grpc"}},
		{"the SIP port in use", []string{"serve", "--config", sipTaken}, 1, []string{taken.Addr().String(), "sip.listen"}},
		{"help", []string{"--help"}, 0, nil},
		{"version", []string{"version"}, 0, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := (*running)(nil).run(t, row.args...)
			if r.code != row.code {
				t.Errorf("exit %d, want %d\n%s%s", r.code, row.code, r.stdout, r.stderr)
			}
			for _, want := range row.says {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("it says %q, want %q in it", r.stderr, want)
				}
			}
		})
	}
}

// All faults of a file are told at once, each with its line.
func TestCheckConfigTellsAllFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "bad.yaml")
	writeFile(t, file, `sip:
  listen: ["udp://0.0.0.0:5060", "smoke://0.0.0.0:5060"]
  colour: red
media:
  ports: 20001-30000
  timeout: soon
rooms:
  on_demand: perhaps
api:
  grpc: 127.0.0.1:20100
  http: nowhere
data_dir: `+file+`/data
log:
  level: loud
`)
	r := (*running)(nil).run(t, "check-config", "--config", file)
	if r.code != 2 {
		t.Errorf("exit %d, want 2", r.code)
	}
	for _, want := range []string{"bad.yaml:2", "bad.yaml:3", "bad.yaml:5", "bad.yaml:6", "bad.yaml:8", "bad.yaml:11", "bad.yaml:12", "bad.yaml:14"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("no fault at %s in\n%s", want, r.stderr)
		}
	}
	good, err := filepath.Abs("../deploy/confbridge.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cmd := (*running)(nil).command(t.Context(), "check-config", "--config", good)
	cmd.Dir = dir // data_dir is relative
	if r := finish(t, cmd); r.code != 0 {
		t.Errorf("deploy/confbridge.yaml: exit %d: %s", r.code, r.stderr)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
