package sounds

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

// texts is what a language's list says under each name.
func texts(t testing.TB, language string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("prompts", language, "prompts.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || text == "" || all[name] != "" {
			t.Errorf("%s: line %q: want a name that no other line has, a tab, a text", language, line)
		}
		all[name] = text
	}
	return all
}

// constants are the values of the string constants of prompt.go.
func constants(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "prompt.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range file.Decls {
		d, ok := d.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST || len(d.Specs) < 10 {
			continue
		}
		for _, s := range d.Specs {
			name, err := strconv.Unquote(s.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	return names
}

func TestEveryConstantIsAPromptInEveryLanguageAndEveryPromptHasAConstant(t *testing.T) {
	names := constants(t)
	if len(names) < 80 {
		t.Fatalf("got %d constants, want all prompts", len(names))
	}
	for _, language := range Languages() {
		said := texts(t, language)
		for _, name := range names {
			if said[name] == "" {
				t.Errorf("%s: %s is not in the list", language, name)
			}
		}
		for name := range said {
			if !strings.Contains(name, "/") && !slices.Contains(names, name) {
				t.Errorf("%s: %s has no constant", language, name)
			}
		}
	}
}

func TestEveryLineIsAFileThatCanBeHeardAndNoOther(t *testing.T) {
	l, log := open(t, Config{CacheBytes: 1}, nil)
	bytes := 0
	for _, language := range Languages() {
		said := texts(t, language)
		for name, text := range said {
			c := l.Prompt(language, name)
			if c == Beep() {
				t.Errorf("%s: %s has no sound", language, name)
				continue
			}
			longest := time.Second + time.Duration(len(text))*120*time.Millisecond
			if c.RateHz != 16000 || c.Duration() < 150*time.Millisecond || c.Duration() > longest {
				t.Errorf("%s: %s: got %v at %d Hz, want up to %v at 16000", language, name, c.Duration(), c.RateHz, longest)
			}
			if got := measure.RMSDBFS(c.PCM); got < -27 || got > -12 {
				t.Errorf("%s: %s: got %.1f dBFS, want -27 to -12", language, name, got)
			}
			file, err := voices.ReadFile("prompts/" + language + "/" + name + ".opus")
			if err != nil {
				t.Error(err)
			}
			bytes += len(file)
		}
		files := 0
		for _, pattern := range []string{"/*.opus", "/*/*.opus"} {
			some, err := filepath.Glob("prompts/" + language + pattern)
			if err != nil {
				t.Fatal(err)
			}
			files += len(some)
		}
		if files != len(said) {
			t.Errorf("%s: got %d files of %d lines", language, files, len(said))
		}
	}
	if bytes > 3<<20 {
		t.Errorf("got %d bytes of prompts, want at most 3 MiB", bytes)
	}
	if log.Len() > 0 {
		t.Errorf("got log %s, want none", log)
	}
}

func TestAPromptThatCannotBePlayedIsAToneAndOneLineInTheLog(t *testing.T) {
	l, log := open(t, Config{Voice: "fr"}, map[string][]byte{
		"fr/welcome.wav": []byte("no sound"), "fr/goodbye.wav": tick(3), "de/welcome.wav": []byte("no sound"), "de-anna/goodbye.wav": tick(4),
	})
	lines := func() int { return bytes.Count(log.Bytes(), []byte("\n")) }
	for range 3 {
		if got := l.Prompt("", Welcome); got != Beep() {
			t.Errorf("a damaged one: got %q, want the tone", got.Name)
		}
		if got := l.Prompt("fr", EnterPIN); got != Beep() {
			t.Errorf("one that is not there: got %q, want the tone", got.Name)
		}
	}
	if lines() != 2 || !strings.Contains(log.String(), "prompt=welcome") || !strings.Contains(log.String(), "prompt=enter-pin") {
		t.Errorf("got log %s, want one line for each", log)
	}
	if got := l.Prompt("", Goodbye); got.PCM[0] != 3 {
		t.Errorf("one that is there: got %q, want that of the folder", got.Name)
	}
	if got := l.Prompt("de", Welcome); got.Name != "prompts/de/welcome.opus" || lines() != 3 {
		t.Errorf("a damaged one of a language with a built-in voice: got %q with log %s, want the built-in one and a line", got.Name, log)
	}
	if got := l.Prompt("de-anna", Goodbye); got.PCM[0] != 4 {
		t.Errorf("one of a voice: got %q, want that of the folder", got.Name)
	}
	if got := l.Prompt("de-anna", Welcome); got.Name != "prompts/de/welcome.opus" || lines() != 3 {
		t.Errorf("what a voice has not: got %q with log %s, want the built-in one and no line", got.Name, log)
	}
	for _, name := range []string{"", "../de/welcome", "/etc/passwd", "\x00"} {
		if got := l.Prompt("../..", name); got != Beep() {
			t.Errorf("%q: got %q, want the tone", name, got.Name)
		}
	}
	if d := Beep().Duration(); d < 100*time.Millisecond || d > 500*time.Millisecond {
		t.Errorf("tone: got %v, want it short", d)
	}
}

func TestTheLogIsNotToldMoreThanItCanRemember(t *testing.T) {
	l, _ := open(t, Config{}, nil)
	for i := range 3 * mostComplaints {
		l.Prompt("xx", strconv.Itoa(i))
	}
	if len(l.complain) > mostComplaints {
		t.Errorf("got %d remembered, want at most %d", len(l.complain), mostComplaints)
	}
}

func TestSayIsOneClipForEachName(t *testing.T) {
	l, _ := open(t, Config{Voice: "de-anna"}, nil)
	clips := l.Say("", append([]string{Welcome}, Number(l.Language(""), 214)...)...)
	var got []string
	for _, c := range clips {
		got = append(got, c.Name)
	}
	want := []string{"prompts/de/welcome.opus", "prompts/de/number/2.opus", "prompts/de/number/hundred.opus", "prompts/de/number/14.opus"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := l.Language("en-kate"); got != English {
		t.Errorf("got %q, want %q", got, English)
	}
}
