package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write docs/torture.md")

func TestMain(m *testing.M) {
	if code, ran := alone(); ran {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

func TestTheTableInDocsIsWhatComesOut(t *testing.T) {
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := report(t.Context(), &got, dir, *update); err != nil {
		t.Error(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "docs/torture.md"))
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Error("docs/torture.md is not what comes out; go run ./test/torture -update writes it")
		lines := strings.Split(string(want), "\n")
		for i, l := range strings.Split(got.String(), "\n") {
			if i >= len(lines) || l != lines[i] {
				t.Logf("got  %s", l)
			}
		}
	}
}

func TestEveryMessageHasARowAndEveryRowAMessage(t *testing.T) {
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, r := range append(append([]row(nil), rfc4475...), rfc5118...) {
		rows[r.file]++
		if r.section == "" || r.what == "" || r.udp == "" || r.why == "" {
			t.Errorf("%s: a column is empty", r.file)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "sipua/message/testdata/rfc*/*.dat"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		rel, _ := filepath.Rel(filepath.Join(dir, "sipua/message/testdata"), f)
		if rows[strings.TrimSuffix(rel, ".dat")] != 1 {
			t.Errorf("%s has %d rows", rel, rows[strings.TrimSuffix(rel, ".dat")])
		}
	}
	if len(files) != 49+12 || len(rows) != 49+12 {
		t.Errorf("got %d files and %d rows, want 61", len(files), len(rows))
	}
}

func TestAWrongOutcomeIsAnError(t *testing.T) {
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	r := rfc4475[0]
	r.udp = "200"
	udp, tcp, err := r.run(t.Context(), filepath.Join(dir, "sipua/message/testdata"))
	if err != nil || udp != "481" || tcp != "481" {
		t.Errorf("got %q, %q, %v", udp, tcp, err)
	}
}
