// Package layout holds no code: its test is the import table of ARCHITECTURE.md, which fails on an import that runs up
// or sideways.
package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/confbridge/confbridge/"

// allowed says which of the module's packages each package may import. A package that is not here may not exist.
var allowed = map[string][]string{
	"mixer":            {},
	"mixer/codec":      {},
	"mixer/jitter":     {},
	"mixer/measure":    {},
	"mixer/quality":    {},
	"mixer/denoise":    {},
	"mixer/dtmf":       {},
	"mixer/playout":    {"mixer", "mixer/codec", "mixer/jitter"},
	"mixer/packetizer": {"mixer", "mixer/codec"},

	"rooms":        {"rooms/access", "rooms/distribution", "rooms/schedule", "rooms/sounds", "mixer", "mixer/codec", "mixer/denoise", "mixer/dtmf", "mixer/jitter", "mixer/playout", "mixer/packetizer", "mixer/quality"},
	"rooms/access": {},
	"rooms/cdr":    {},

	"rooms/dialplan": {},

	"rooms/schedule": {},
	"media/terms":    {},
	"media/session":  {"media/terms", "mixer/codec"},
	"media":          {"media/internal/control", "media/internal/udp", "media/session", "media/terms", "mixer", "mixer/codec", "mixer/jitter", "mixer/quality"},

	"media/multicast":        {"media/internal/control", "media/internal/udp", "media/terms", "mixer", "mixer/codec"},
	"media/internal/control": {},
	"media/internal/udp":     {},
	"media/sap":              {"media/session"},

	"rooms/entry":      {"rooms", "rooms/access", "rooms/dialplan", "rooms/sounds", "mixer"},
	"rooms/recorder":   {"rooms", "mixer", "mixer/codec"},
	"rooms/sounds":     {"mixer"},
	"rooms/store":      {"rooms", "rooms/access", "rooms/dialplan", "rooms/distribution"},
	"rooms/sounds/web": {"rooms/sounds"},

	"rooms/distribution": {"media/session", "media/terms", "mixer/codec"},
	"rooms/distributor":  {"rooms", "rooms/distribution", "media/multicast", "media/sap", "media/session", "mixer", "mixer/codec"},
	"rooms/receiver":     {"rooms", "rooms/distribution", "media", "media/multicast", "mixer/codec"},

	"sipua/message":        {},
	"sipua/transport":      {"sipua/message", "sipua/transport/sctp"},
	"sipua/transport/sctp": {},
	"sipua/transaction":    {"sipua/message", "sipua/transport"},
	"sipua/locate":         {"sipua/message", "sipua/transport"},
	"sipua/overload":       {"sipua/message", "sipua/transport"},
	"sipua/trunk":          {"sipua/message", "sipua/transport"},
	"sipua/upstream":       {"sipua/message", "sipua/transport"},
	"sipua/trace":          {"sipua/message", "sipua/transport"},
	"sipua/sdp":            {"mixer/codec"},
	"sipua/phone":          {"media", "mixer", "mixer/codec", "mixer/jitter", "mixer/playout", "mixer/packetizer", "mixer/quality"},
	"sipua": {
		"sipua/message", "sipua/transport", "sipua/transaction", "sipua/sdp", "sipua/locate", "sipua/overload", "sipua/trunk", "sipua/upstream",
		"media", "rooms", "rooms/cdr", "mixer", "mixer/codec", "mixer/quality",
	},

	"proto/confbridge/v1": {},
	"api":                 {"proto/confbridge/v1", "media/session", "media/terms", "rooms", "rooms/access", "rooms/cdr", "rooms/dialplan", "rooms/distribution", "rooms/distributor", "rooms/entry", "rooms/receiver", "rooms/schedule", "rooms/sounds", "mixer", "mixer/codec", "mixer/quality"},

	"internal/layout": {},
}

// wires may import everything below them: they put the parts together.
var wires = []string{"cmd/", "bench/", "test"}

func TestImportsRunDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		if slices.ContainsFunc(wires, func(w string) bool { return strings.HasPrefix(name, w) }) {
			continue
		}
		seen++
		may, known := allowed[name]
		if !known {
			t.Errorf("package %s is not in the table: give it a line here and in ARCHITECTURE.md", name)
			continue
		}
		for _, imported := range fields[1:] {
			if below, own := strings.CutPrefix(imported, module); own && !slices.Contains(may, below) {
				t.Errorf("%s imports %s, which the table does not allow", name, below)
			}
		}
	}
	if seen < 5 {
		t.Errorf("go list named %d packages of ours; the test looked at nothing", seen)
	}
}

// tableRow is a line of ARCHITECTURE.md's table of packages: "| `rooms` | ...", or "| `bench/` | ..." for a whole tree.
var tableRow = regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\|")

func TestArchitectureNamesEveryPackageAndNoOther(t *testing.T) {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", module+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	var rows []string
	for _, m := range tableRow.FindAllStringSubmatch(string(text), -1) {
		rows = append(rows, m[1])
		if _, err := os.Stat("../../" + m[1]); err != nil {
			t.Errorf("ARCHITECTURE.md has a line for %s: %v", m[1], err)
		}
	}
	for _, path := range strings.Fields(string(out)) {
		name := strings.TrimPrefix(path, module)
		if !slices.ContainsFunc(rows, func(row string) bool {
			return row == name || strings.HasSuffix(row, "/") && strings.HasPrefix(name+"/", row)
		}) {
			t.Errorf("ARCHITECTURE.md has no line for %s", name)
		}
	}
}

// purity keeps network, clock, goroutines and logs out of the floors that promise to have none.
var purity = map[string][]string{
	"mixer":           {"net", "os", "log", "log/slog", "sync", "context", "time/tzdata"},
	"mixer/dtmf":      {"net", "os", "log", "log/slog", "sync", "context"},
	"mixer/jitter":    {"net", "os", "log", "log/slog", "sync", "context"},
	"mixer/codec":     {"net", "os", "log", "log/slog", "context"},
	"rooms/sounds":    {"net", "net/http", "net/netip", "net/url"},
	"rooms/cdr":       {"net", "net/netip", "google.golang.org/grpc"},
	"rooms/schedule":  {"net", "os", "log", "log/slog", "sync", "context"},
	"rooms/recorder":  {"net", "net/netip", "github.com/pion/rtp", "github.com/pion/sdp/v3", "google.golang.org/grpc"},
	"rooms":           {"github.com/nats-io/nats.go", "github.com/nats-io/nats.go/jetstream", "net", "net/netip", "github.com/pion/rtp", "github.com/pion/sdp/v3", "google.golang.org/grpc"},
	"media":           {"github.com/pion/sdp/v3", "google.golang.org/grpc"},
	"media/terms":     {"net", "os", "log", "log/slog", "sync", "context", "time"},
	"media/session":   {"net", "os", "log", "log/slog", "sync", "context"},
	"media/multicast": {"log", "log/slog", "sync", "github.com/pion/sdp/v3", "google.golang.org/grpc"},
}

// TestTheMixerHasNoGoroutines holds package mixer and those below it to what they promise. Only mixer/codec has locks, around what it makes
// once, and runs under the race detector (Makefile).
func TestTheMixerHasNoGoroutines(t *testing.T) {
	files := 0
	err := filepath.WalkDir("../../mixer", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
				t.Errorf("%s: package %s has a goroutine or a channel", path, file.Name)
			}
			return true
		})
		for _, i := range file.Imports {
			if strings.HasPrefix(i.Path.Value, `"sync`) && file.Name.Name != "codec" {
				t.Errorf("%s imports %s", path, i.Path.Value)
			}
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Fatalf("%d files looked at, %v", files, err)
	}
}

func TestFloorsKnowOnlyTheirOwnWords(t *testing.T) {
	for name, banned := range purity {
		out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, module+name).CombinedOutput()
		if err != nil {
			t.Errorf("go list %s: %v\n%s", name, err, out)
			continue
		}
		for _, imported := range strings.Fields(string(out)) {
			if slices.Contains(banned, imported) {
				t.Errorf("%s imports %s, which is not its business", name, imported)
			}
		}
	}
}
