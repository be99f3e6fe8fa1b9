package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// id is what a record is about.
type id struct {
	kind   kind
	number string
}

// found is what lies in the files of a store, whatever the store's own reader makes of them.
type found struct {
	newest  map[id]record // of rooms, bans and marks
	damaged []damage
	ends    []end
	events  string // folder in which the events have been set aside; empty: they are where they were
}

// damage is a place where a record begins that cannot be read.
type damage struct {
	File     string
	Offset   int
	Number   string // of the room as it can be read, rightly or not
	Revision uint64 // likewise
}

// count is how many records of a kind there are.
func (f *found) count(k kind) int {
	n := 0
	for at := range f.newest {
		if at.kind == k {
			n++
		}
	}
	return n
}

// unread are the damaged records of rooms.
func (f *found) unread() []damage {
	dir := messages("", roomsStream)
	return slices.DeleteFunc(slices.Clone(f.damaged), func(d damage) bool { return !strings.HasSuffix(filepath.Dir(d.File), dir) })
}

// hurt says whether a record of that stream is damaged.
func (f *found) hurt(stream string) bool {
	dir := messages("", stream)
	return slices.ContainsFunc(f.damaged, func(d damage) bool { return strings.HasSuffix(filepath.Dir(d.File), dir) })
}

// end is where the last whole record of a file ends, and when that was written.
type end struct {
	file   string
	offset int
	when   time.Time
}

func newFound() found { return found{newest: map[id]record{}} }

// add notes a record, if none that counts more is there, and if it is no event: those are too many.
func (f *found) add(r record) {
	if r.kind == anEvent {
		return
	}
	at := id{kind: r.kind, number: r.number}
	if old, ok := f.newest[at]; !ok || old.revision < r.revision {
		f.newest[at] = r
	}
}

// messages is the folder of a stream's messages below that of a store.
func messages(store, stream string) string {
	return filepath.Join(store, "jetstream", "$G", "streams", stream, "msgs")
}

// blocks are the files of a stream's messages in dir, which need not be there, the oldest first.
func blocks(dir string) ([]string, error) {
	all, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	index := func(file string) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".blk")) // what is not numbered comes first
		return n
	}
	for _, f := range all {
		if f.Type().IsRegular() && filepath.Ext(f.Name()) == ".blk" {
			files = append(files, filepath.Join(dir, f.Name()))
		}
	}
	slices.SortFunc(files, func(a, b string) int { return index(a) - index(b) })
	return files, nil
}

// search looks for records in the files of a stream's messages in dir.
func (f *found) search(dir string) error {
	files, err := blocks(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		f.ends = append(f.ends, end{file: file, offset: f.searchBytes(file, b, f.add), when: info.ModTime()})
	}
	return nil
}

// searchBytes looks for records in a file's bytes, gives them to take, and notes what is damaged. It returns where the last record ends. Records
// are parts of b.
func (f *found) searchBytes(file string, b []byte, take func(record)) (last int) {
	for at := 0; ; {
		i := bytes.Index(b[at:], magic)
		if i < 0 {
			return last
		}
		at += i
		r, length, err := decode(b[at:])
		if err != nil {
			f.damaged = append(f.damaged, damage{File: file, Offset: at, Number: r.number, Revision: r.revision})
			at += len(magic)
			continue
		}
		take(r)
		at += length
		last = at
	}
}
