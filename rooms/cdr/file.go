package cdr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// file is the name of a file of records: the day (UTC) in which its calls ended, and which of that day's files it is.
type file struct {
	day    string // "2026-03-04"
	number int    // from 1 on
}

const (
	dayLayout  = time.DateOnly
	fileSuffix = ".jsonl"
	maxNumber  = 99_999_999
)

func dayOf(t time.Time) string { return t.UTC().Format(dayLayout) }

// name is the file's name in its folder: "2026-03-04-0001.jsonl".
func (f file) name() string { return fmt.Sprintf("%s-%04d%s", f.day, f.number, fileSuffix) }

// parseFile reads a name; false where it is not one of ours.
func parseFile(name string) (file, bool) {
	stem, ok := strings.CutSuffix(name, fileSuffix)
	if !ok || len(stem) < len(dayLayout)+2 || stem[len(dayLayout)] != '-' {
		return file{}, false
	}
	n, err := strconv.Atoi(stem[len(dayLayout)+1:])
	f := file{day: stem[:len(dayLayout)], number: n}
	if _, dayErr := time.Parse(dayLayout, f.day); err != nil || dayErr != nil || n < 1 || n > maxNumber || f.name() != name {
		return file{}, false
	}
	return f, true
}

// compare orders files by time.
func (f file) compare(o file) int {
	if c := strings.Compare(f.day, o.day); c != 0 {
		return c
	}
	return f.number - o.number
}

// files lists the files of a folder, the oldest first. A folder that is not there has none.
func files(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []file
	for _, e := range entries {
		if f, ok := parseFile(e.Name()); ok {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, file.compare)
	return all, nil
}
