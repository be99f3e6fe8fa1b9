package test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/test/bridge"
)

// A step of docs/guide.md: a command, and what it prints.
type step struct {
	command string
	prints  []string
}

// guide reads the steps, and the numbers of the file that it begins with.
func guide(t *testing.T) (numbers string, steps []step) {
	t.Helper()
	text, err := os.ReadFile("../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		code, indented := strings.CutPrefix(line, "    ")
		command, is := strings.CutPrefix(code, "$ confbridge ")
		switch number := regexp.MustCompile(`^\s+- (\{number:.*?\})`).FindStringSubmatch(line); {
		case number != nil:
			list = append(list, number[1])
		case indented && is:
			steps = append(steps, step{command: command})
		case indented && len(steps) > 0:
			last := &steps[len(steps)-1]
			last.prints = append(last.prints, code)
		}
	}
	if len(list) != 3 || len(steps) < 15 {
		t.Fatalf("docs/guide.md has %d numbers and %d commands", len(list), len(steps))
	}
	return "[" + strings.Join(list, ", ") + "]", steps
}

// volatile are words that are other ones each time, by what they look like.
var volatile = []*regexp.Regexp{
	regexp.MustCompile(`^(rooms/\d+/participants/)?[a-z2-7]{13}:?$`),
	regexp.MustCompile(`^(recordings/)?\d{8}t\d{6}-[0-9a-f]{10}$`),
	regexp.MustCompile(`^\d{4}-\d\d-\d\d$`),
	regexp.MustCompile(`^\d\d:\d\d(:\d\d)?$`),
	regexp.MustCompile(`^[0-9.]+(ms|s|m[0-9]+s)$`),
	regexp.MustCompile(`^[0-9a-f]{64}$`),
	regexp.MustCompile(`^[0-9.]+%$`),
	regexp.MustCompile(`^\d{3,}$`), // bytes
}

// reader compares what is printed with what the guide has, and remembers what the guide's identifiers are this time.
type reader struct{ now map[string]string }

func (r *reader) same(want, got string) bool {
	wanted, words := strings.Fields(want), strings.Fields(got)
	if len(wanted) != len(words) {
		return false
	}
	for i, w := range wanted {
		if w == words[i] {
			continue
		}
		alike := false
		for _, p := range volatile {
			alike = alike || p.MatchString(w) && p.MatchString(words[i])
		}
		if !alike {
			return false
		}
		if id := regexp.MustCompile(`[a-z2-7]{13}|\d{8}t\d{6}-[0-9a-f]{10}`); id.MatchString(w) {
			r.now[id.FindString(w)] = id.FindString(words[i])
		}
	}
	return true
}

func (r *reader) all(want []string, got string) bool {
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != len(want) {
		return false
	}
	for i := range want {
		if !r.same(want[i], lines[i]) {
			return false
		}
	}
	return true
}

// shellWords splits a command as a shell does, as far as the guide needs it.
func shellWords(command string) (args []string) {
	for _, w := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(command, -1) {
		args = append(args, strings.Trim(w, `"`))
	}
	return args
}

// TestTheGuideIsTrue runs docs/guide.md: each command once, but those that only show something until they show it.
func TestTheGuideIsTrue(t *testing.T) {
	t.Parallel()
	numbers, steps := guide(t)
	b := startBridge(t, bridge.Config{Closed: true, Numbers: numbers})
	dir := t.TempDir()
	r := &reader{now: map[string]string{}}
	shows := regexp.MustCompile(`^(rooms|participants|recordings) (list|hands|get)|^cdr`)
	calls := 0 // that stand
	for _, s := range steps {
		if strings.HasPrefix(s.command, "rooms end") {
			calls = 0
		}
		command := strings.ReplaceAll(s.command, "@127.0.0.1", "@"+b.UDP)
		for old, now := range r.now {
			command = strings.ReplaceAll(command, old, now)
		}
		command, background := strings.CutSuffix(command, " &")
		run := func() *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), program, shellWords(command)...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "CONFBRIDGE_API="+b.GRPC)
			return cmd
		}
		if background {
			cmd := run()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Wait() }) // its call has ended with the room, or ends with the test
			calls++
			eventually(t, "a call: "+s.command, func() bool { // who is asked for a PIN counts too
				n, _ := b.metric(t, "confbridge_participants")
				return int(n) == calls
			})
			continue
		}
		var printed []byte
		attempt := func() bool {
			var err error
			printed, err = run().CombinedOutput()
			return err == nil && r.all(s.prints, string(printed))
		}
		if !shows.MatchString(s.command) {
			if !attempt() {
				t.Fatalf("$ confbridge %s\n%s\nwant:\n%s", command, printed, strings.Join(s.prints, "\n"))
			}
			continue
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("$ confbridge %s\n%s\nwant:\n%s", command, printed, strings.Join(s.prints, "\n"))
			}
		})
		eventually(t, s.command, attempt)
	}
}
