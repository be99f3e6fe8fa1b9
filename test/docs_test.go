package test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// standard is a row of docs/rfc.md.
type standard struct{ what, files, state string }

func standards(t *testing.T) (all []standard) {
	t.Helper()
	text, err := os.ReadFile("../docs/rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(text), "## What callers are told")
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.Contains(cells[1], "---") || strings.TrimSpace(cells[1]) == "section" {
			if strings.HasPrefix(line, "|") && len(cells) != 5 {
				t.Errorf("not three cells: %s", line)
			}
			continue
		}
		all = append(all, standard{strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])})
	}
	return all
}

// Each row of docs/rfc.md names files that there are; one without a path is in the folder of the one before it.
func TestTheStandardsNameFilesThatAreThere(t *testing.T) {
	files := 0
	for _, s := range standards(t) {
		folder := ""
		for name := range strings.SplitSeq(s.files, ", ") {
			if name == "" || strings.HasPrefix(name, "github.com/") {
				continue
			}
			at := path.Join("..", name)
			if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
				at = path.Join(folder, name)
			}
			info, err := os.Stat(at)
			if err != nil {
				t.Errorf("%s: %v", s.what, err)
				continue
			}
			if folder = at; !info.IsDir() {
				folder = path.Dir(at)
			}
			files++
		}
		if s.state == "" {
			t.Errorf("%s: neither yes nor no", s.what)
		}
	}
	if files < 100 {
		t.Errorf("%d files are named", files)
	}
}

// sections are those of RFC 3261 that bind a user agent.
const sections = `7.1 7.2 7.3.1 7.3.2 7.3.3 7.4 7.5 8.1.1 8.1.2 8.1.3.1 8.1.3.2 8.1.3.3 8.1.3.4 8.1.3.5 8.2.1 8.2.2.1 8.2.2.2 8.2.2.3 8.2.3 8.2.4 8.2.5
	8.2.6.1 8.2.6.2 8.2.7 8.3 9.1 9.2 10.2.1 10.2.2 10.2.3 10.2.4 10.2.5 10.2.6 10.2.7 10.2.8 10.3 11.1 11.2 12.1.1 12.1.2 12.2.1.1 12.2.1.2 12.2.2 12.3
	13.2.1 13.2.2.1 13.2.2.2 13.2.2.3 13.2.2.4 13.3.1.1 13.3.1.2 13.3.1.3 13.3.1.4 14.1 14.2 15.1.1 15.1.2 16 17.1.1 17.1.2 17.1.3 17.1.4 17.2.1 17.2.2 17.2.3
	17.2.4 18.1.1 18.1.2 18.2.1 18.2.2 18.3 18.4 19.1.1 19.1.2 19.1.3 19.1.4 19.1.5 19.1.6 19.2 19.3 20 21 22.1 22.2 22.3 22.4 23 24 25 26.1 26.2.1 26.2.2 26.3.1
	26.3.2.1 26.4 26.5`

// others are the RFCs beside it that docs/rfc.md must have.
const others = "3262 3263 3264 3311 3326 3581 3891 4028 4168 4320 5621 5626 5922 5923 6026 6337 7118 8760"

// Each section of RFC 3261 that binds a user agent has a row, or the one that it is a part of has, or a row's remarks are of it.
func TestNoSectionIsLeftOut(t *testing.T) {
	var told, remarked []string
	number := regexp.MustCompile(`§([0-9.]*[0-9])`)
	text := ""
	for _, s := range standards(t) {
		text += s.what + "\n"
		if strings.HasPrefix(s.what, "§") { // those of RFC 3261 alone
			for _, m := range number.FindAllStringSubmatch(s.what, -1) {
				told = append(told, m[1])
			}
			for _, m := range number.FindAllStringSubmatch(s.state, -1) {
				remarked = append(remarked, m[1])
			}
		}
	}
	for _, section := range strings.Fields(sections) {
		row := slices.ContainsFunc(told, func(s string) bool { return s == section || strings.HasPrefix(section, s+".") })
		if !row && !slices.Contains(remarked, section) {
			t.Errorf("RFC 3261 §%s is not in docs/rfc.md", section)
		}
	}
	for _, rfc := range strings.Fields(others) {
		if !strings.Contains(text, "RFC "+rfc+" §") {
			t.Errorf("RFC %s is not in docs/rfc.md", rfc)
		}
	}
}
