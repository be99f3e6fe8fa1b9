package page

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func run(commit string, day int, rows ...Row) File {
	return File{Date: time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC), Commit: commit, CPU: "none", Cores: 2, Rows: rows}
}

func TestATableShowsWhatWasBeforeAndWhatIsMissed(t *testing.T) {
	before := run("aaa", 1, Row{"loss", "PCMU", "none", "much", false}, Row{"clean", "PCMU", "10 ms", "9 ms", true})
	now := run("bbb", 2, Row{"clean", "PCMU", "10 ms", "8 ms", true}, Row{"loss", "PCMU", "none", "some", false}, Row{"loss", "opus", "none", "none", true})
	want := `| case | | wanted | before: aaa | bbb | |
|---|---|---|---|---|---|
| clean | PCMU | 10 ms | 9 ms | 8 ms | ok |
| loss | PCMU | none | much ✗ | some | **missed** |
|  | opus | none | – | none | ok |
`
	if diff := cmp.Diff(want, now.Table(&before)); diff != "" {
		t.Error(diff)
	}
	if got := now.Table(nil); strings.Contains(got, "before") {
		t.Errorf("without an earlier run: %s", got)
	}
	if diff := cmp.Diff([]Row{now.Rows[1]}, now.Missed()); diff != "" {
		t.Error(diff)
	}
}

func TestRunsAreReadBackTheOldestFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	b, a := run("b", 2, Row{Case: "x"}), run("a", 1)
	for _, f := range []File{b, a} {
		if err := f.Write(dir, f.Commit); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadAll(dir)
	if err != nil || len(got) != 2 || got[0].Commit != "a" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if diff := cmp.Diff(b, got[1]); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadAll(dir); err == nil {
		t.Error("half a file is read")
	}
}

func TestAPageKeepsWhatIsNotATable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("head\n"+begin+"old\n"+end+"tail\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := run("bbb", 2, Row{"clean", "PCMU", "10 ms", "8 ms", true})
	f.Calls = []Call{{Name: "clean", Codec: "PCMU", ESTOI: 0.5}}
	for range 2 { // a second time changes nothing
		if err := f.Render(path, nil, []Picture{{"page/a.png", "a picture"}}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, "head\n"+begin) || !strings.HasSuffix(got, end+"tail\n") || strings.Contains(got, "old") {
		t.Errorf("got %s", got)
	}
	for _, want := range []string{"| clean | PCMU | 10 ms | 8 ms | ok |", "| clean | PCMU | 0.0, 0.0, 0.0 |", "![a picture](page/a.png)", "commit bbb"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is there %d times", want, strings.Count(got, want))
		}
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Render(path, nil, nil); !errors.Is(err, ErrPage) {
		t.Errorf("got %v, want ErrPage", err)
	}
}
