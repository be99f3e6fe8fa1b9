package cdr

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Filter says which records are wanted; zero fields want all.
type Filter struct {
	Since time.Time // calls that ended then or later
	Until time.Time // and before then
	Room  string
}

func (f Filter) wants(r Record) bool {
	return !r.Ended.Before(f.Since) && (f.Until.IsZero() || r.Ended.Before(f.Until)) && (f.Room == "" || r.Room == f.Room)
}

// Cursor is a place in the records: "2026-03-04-0001.4711" is behind that byte of that file. The empty one is the beginning.
type Cursor string

// maxScan bounds the bytes that one List looks through, some 100,000 records: whoever wants few of many gets short pages.
const maxScan = 64 << 20

// place reads a cursor; false where it is none.
func (c Cursor) place() (f file, offset int64, ok bool) {
	if c == "" {
		return file{}, 0, true
	}
	stem, rest, _ := strings.Cut(string(c), ".")
	f, ok = parseFile(stem + fileSuffix)
	offset, err := strconv.ParseInt(rest, 10, 64)
	return f, offset, ok && err == nil && offset >= 0
}

func cursorAt(f file, offset int64) Cursor {
	return Cursor(strings.TrimSuffix(f.name(), fileSuffix) + "." + strconv.FormatInt(offset, 10))
}

// List returns at most limit records that the filter wants, in the order in which calls ended, behind a cursor; next is where to go
// on, and empty where there is no more. A page may have fewer records, or none, and yet not be the last. ErrInvalid, ErrDisk, or the context's error.
func (b *Book) List(ctx context.Context, want Filter, after Cursor, limit int) (page []Record, next Cursor, err error) {
	from, offset, ok := after.place()
	if !ok {
		return nil, "", fmt.Errorf("cursor %q: %w", after, ErrInvalid)
	}
	all, err := files(b.cfg.Dir)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrDisk, err)
	}
	s := scan{want: want, limit: limit, left: maxScan}
	for _, f := range all {
		if f.compare(from) < 0 || f.day < dayOf(want.Since) && !want.Since.IsZero() {
			continue
		}
		start := int64(0)
		if f == from {
			start = offset
		}
		at, full, err := s.file(ctx, filepath.Join(b.cfg.Dir, f.name()), start)
		if err != nil {
			return nil, "", err
		}
		if full {
			return s.page, cursorAt(f, at), nil
		}
	}
	return s.page, "", nil
}

// scan gathers one page.
type scan struct {
	want  Filter
	limit int
	left  int64 // bytes that may still be looked through
	page  []Record
}

// file looks through one file from an offset on. full says that the page has ended, behind at.
func (s *scan) file(ctx context.Context, path string, offset int64) (at int64, full bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil // it is kept no longer
	}
	if err != nil {
		return 0, false, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return 0, false, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return s.read(ctx, bufio.NewReaderSize(f, maxLine), offset)
}

// read is file for what is open, at that offset.
func (s *scan) read(ctx context.Context, r *bufio.Reader, offset int64) (at int64, full bool, err error) {
	for at = offset; ; {
		if len(s.page) == s.limit || s.left <= 0 {
			return at, true, nil
		}
		line, n, err := readLine(r)
		at += n
		s.left -= n
		if errors.Is(err, io.EOF) {
			return at, false, nil // what is behind the last line end is not whole
		}
		if err != nil {
			return at, false, fmt.Errorf("%w: %w", ErrDisk, err)
		}
		if err := ctx.Err(); err != nil {
			return at, false, context.Cause(ctx)
		}
		if record, ok := parse(line); ok && s.want.wants(record) {
			s.page = append(s.page, record)
		}
	}
}

// readLine returns the next line without its end, nil for one that is too long to be a record, and how many bytes it took.
func readLine(r *bufio.Reader) (line []byte, n int64, err error) {
	line, err = r.ReadSlice('\n')
	n = int64(len(line))
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, n, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = r.ReadSlice('\n')
		n += int64(len(more))
	}
	return nil, n, err
}
