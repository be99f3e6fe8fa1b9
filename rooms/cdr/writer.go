package cdr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// writer appends records to the newest file. The book's goroutine owns it.
type writer struct {
	cfg     Config
	open    *os.File // nil: none is
	file    file     // what open is
	size    int64
	torn    bool // the file's last line has no end
	failing bool // the last attempt failed, and the log knows
}

// append writes a batch and says how many records of it are whole in the file. After a failure the file is opened anew with the next batch.
func (w *writer) append(now time.Time, batch []Record) (whole int) {
	var text bytes.Buffer
	err := w.turn(now)
	if err == nil {
		if w.torn {
			text.WriteByte('\n')
		}
		for _, r := range batch {
			line, lineErr := r.line()
			err = errors.Join(err, lineErr)
			text.Write(line)
		}
	}
	if w.open != nil {
		n, writeErr := w.open.Write(text.Bytes())
		err = errors.Join(err, writeErr)
		whole = bytes.Count(text.Bytes()[:n], []byte("\n"))
		if w.torn && n > 0 {
			whole--
		}
		w.size += int64(n)
		w.torn = n > 0 && text.Bytes()[n-1] != '\n' || n == 0 && w.torn
	}
	w.report(err)
	return whole
}

// report tells the log of a failure once, and of its end.
func (w *writer) report(err error) {
	switch {
	case err != nil && !w.failing:
		w.cfg.Log.Error("call records cannot be written", "err", err)
	case err == nil && w.failing:
		w.cfg.Log.Info("call records are written again")
	}
	w.failing = err != nil
	if err != nil {
		w.shut()
	}
}

// turn opens the file that a record of now belongs into, where it is not open.
func (w *writer) turn(now time.Time) error {
	today := dayOf(now)
	if w.open != nil && w.size < w.cfg.MaxSize && w.file.day >= today { // a clock that is set back changes nothing
		return nil
	}
	next := file{day: today, number: 1}
	if w.open != nil && w.file.day >= today {
		next = file{day: w.file.day, number: w.file.number + 1}
	}
	if w.open == nil {
		all, err := files(w.cfg.Dir)
		if err != nil {
			return err
		}
		if len(all) > 0 && all[len(all)-1].day >= today {
			next = all[len(all)-1]
		}
	}
	newDay := w.file.day != next.day
	w.shut()
	if err := w.openFile(next); err != nil {
		return err
	}
	if w.size >= w.cfg.MaxSize && next.number < maxNumber {
		w.shut()
		next.number++
		if err := w.openFile(next); err != nil {
			return err
		}
	}
	if newDay {
		w.sweep(now)
	}
	return nil
}

// openFile opens a file behind its last line. One that a crash has torn in the middle of a line gets its line end with the next record.
func (w *writer) openFile(f file) error {
	if err := os.MkdirAll(w.cfg.Dir, 0o750); err != nil {
		return err
	}
	opened, err := os.OpenFile(filepath.Join(w.cfg.Dir, f.name()), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := opened.Stat()
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	w.open, w.file, w.size, w.torn = opened, f, info.Size(), false
	if w.size > 0 {
		var last [1]byte
		if _, err := opened.ReadAt(last[:], w.size-1); err != nil && !errors.Is(err, io.EOF) {
			w.shut()
			return fmt.Errorf("last line of %s: %w", f.name(), err)
		}
		w.torn = last[0] != '\n'
	}
	return nil
}

// shut gives the file to the disk.
func (w *writer) shut() {
	if w.open == nil {
		return
	}
	if err := errors.Join(w.open.Sync(), w.open.Close()); err != nil && !w.failing {
		w.cfg.Log.Warn("file of call records did not close well", "err", err)
	}
	w.open = nil
}

// sweep takes away what is kept no longer.
func (w *writer) sweep(now time.Time) {
	if w.cfg.Keep == 0 {
		return
	}
	all, err := files(w.cfg.Dir)
	oldest := dayOf(now.Add(-w.cfg.Keep))
	for _, f := range all {
		if f.day >= oldest {
			break
		}
		err = errors.Join(err, os.Remove(filepath.Join(w.cfg.Dir, f.name())))
	}
	if err != nil {
		w.cfg.Log.Warn("old call records cannot be taken away", "err", err)
	}
}
