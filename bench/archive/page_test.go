package archive_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/confbridge/confbridge/bench/archive"
)

func TestATextStandsBetweenItsMarks(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	const before, after = "one\n<!-- a begin -->\n", "<!-- a end -->\ntwo\n<!-- b begin --><!-- b end -->\n"
	if err := os.WriteFile(page, []byte(before+"old\n"+after), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is as once
		if err := archive.Show(page, "a", "new"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if want := before + "\nnew\n" + after; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if err := archive.Show(page, "c", "new"); err == nil {
		t.Error("a page without the marks was written")
	}
}
