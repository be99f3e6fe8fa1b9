package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/confbridge/confbridge/rooms"
)

// inspect looks for records in the files before the server reads them, as it cuts off what it cannot read, with all that follows in that file.
// Files with damaged records are copied aside; those of events are moved, to be put back without what is damaged.
func (s *Store) inspect() (found, error) {
	all := newFound()
	for _, stream := range streams {
		if err := all.search(messages(s.storeDir(), stream)); err != nil {
			return found{}, dirError(s.storeDir(), err)
		}
	}
	aside := map[string]string{} // where a file has gone
	if all.hurt(eventsStream) {
		dir := messages(s.storeDir(), eventsStream)
		to, err := s.setAside(filepath.Dir(dir))
		if err != nil {
			return found{}, err
		}
		all.events = filepath.Join(to, filepath.Base(dir))
		all.ends = slices.DeleteFunc(all.ends, func(e end) bool { return filepath.Dir(e.file) == dir })
	}
	for _, d := range all.damaged {
		if filepath.Dir(d.File) == messages(s.storeDir(), eventsStream) {
			aside[d.File] = all.events
		}
		if aside[d.File] == "" {
			to, err := s.copyAside(d.File)
			if err != nil {
				return found{}, err
			}
			aside[d.File] = to
		}
		s.cfg.Log.Error("a record is damaged", "file", d.File, "offset", d.Offset, "room", fmt.Sprintf("%q", d.Number), "aside", aside[d.File])
	}
	return all, nil
}

// nameCut logs which files the server has cut records off: what it checks and we do not (its own fields around them) was damaged.
func (s *Store) nameCut(before found) {
	for _, e := range before.ends {
		info, err := os.Stat(e.file)
		left := int64(0)
		switch {
		case err == nil:
			left = info.Size()
		case !errors.Is(err, fs.ErrNotExist), time.Since(e.when) > maxEventsAge:
			continue
		}
		if left < int64(e.offset) {
			s.cfg.Log.Error("a file of the store is damaged; the server has cut off what follows", "file", e.file, "offset", left, "bytes", int64(e.offset)-left)
		}
	}
}

// putBackEvents writes those events again that are in the files in dir.
func (n *session) putBackEvents(ctx context.Context, dir string) error {
	files, err := blocks(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var all []*nats.Msg
		f := newFound()
		f.searchBytes(file, b, func(r record) {
			if r.kind == anEvent {
				all = append(all, r.message())
			}
		})
		if err := n.publish(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// newDir is where a store is made anew, until it is whole.
func (s *Store) newDir() string { return filepath.Join(s.cfg.Dir, "store.new") }

// rebuild makes a new store of what was found, and puts it into the place of the one that cannot be opened when it is whole. It returns the folder
// in which the events are now.
func (s *Store) rebuild(ctx context.Context, before found) (events string, err error) {
	n, _, err := s.try(ctx, s.newDir(), before)
	if err != nil {
		return "", err
	}
	n.stop()
	aside, err := s.setAside(s.storeDir())
	if err != nil {
		return "", err
	}
	s.cfg.Log.Error("the old store is set aside", "aside", aside)
	if err := s.endRebuild(); err != nil {
		return "", err
	}
	if before.events != "" { // they have been set aside before
		return before.events, nil
	}
	return messages(aside, eventsStream), nil
}

// endRebuild does what a process that has died in rebuild has left to do.
func (s *Store) endRebuild() error {
	err := os.Rename(s.newDir(), s.storeDir())
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY): // the old one is there still: the new one was not whole
		err = os.RemoveAll(s.newDir())
	}
	if err != nil {
		return dirError(s.cfg.Dir, err)
	}
	return nil
}

// aside is a new name below Dir/damaged.
func (s *Store) aside(of string) (string, error) {
	dir := filepath.Join(s.cfg.Dir, "damaged")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", dirError(dir, err)
	}
	name := filepath.Join(dir, time.Now().UTC().Format("20060102-150405")+"-"+filepath.Base(of))
	for i := 1; ; i++ {
		unused := name
		if i > 1 {
			unused = fmt.Sprintf("%s-%d", name, i)
		}
		if _, err := os.Lstat(unused); errors.Is(err, fs.ErrNotExist) {
			return unused, nil
		} else if err != nil {
			return "", dirError(dir, err)
		}
	}
}

// setAside moves a file or folder out of the way; empty where there is none.
func (s *Store) setAside(path string) (string, error) {
	to, err := s.aside(path)
	if err != nil {
		return "", err
	}
	err = os.Rename(path, to)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return to, err
}

func (s *Store) copyAside(path string) (aside string, err error) {
	if aside, err = s.aside(path); err != nil {
		return "", err
	}
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = from.Close() }() // it was only read
	to, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return "", dirError(aside, err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		return "", dirError(aside, err)
	}
	return aside, nil
}

// load reads all records, and puts back what was found in the files and the server no longer has.
func (s *Store) load(ctx context.Context, n *session, before found) (memory, error) {
	now := newFound()
	hurt := before.hurt(numbersStream)
	unread := before.unread()
	for _, from := range []jetstream.Stream{n.rooms, n.numbers, n.bans} {
		err := read(ctx, from, func(m jetstream.Msg) {
			r, _, err := decode(m.Data())
			if err != nil && len(m.Data()) > 0 { // empty: what other tools of NATS have deleted
				s.cfg.Log.Error("a record is damaged", "subject", m.Subject(), "err", err)
				hurt = hurt || from == n.numbers
				if from == n.rooms {
					unread = append(unread, damage{Number: numberOf(strings.TrimPrefix(m.Subject(), roomsSubject)), Revision: r.revision})
				}
			}
			if err == nil {
				now.add(r)
			}
		})
		if err != nil {
			return memory{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	var lost []*nats.Msg
	full := now.count(aMark) >= maxNumbers          // the oldest marks are gone for that, and not lost
	crowded := now.count(aBan) >= s.banRecords.most // likewise what says that a ban was lifted
	for at, r := range before.newest {
		if here, ok := now.newest[at]; ok && here.revision >= r.revision || at.kind == aMark && full || at.kind == aBan && crowded && len(r.body) == 0 || r.over() {
			continue
		}
		hurt = hurt || at.kind == aMark
		lost = append(lost, r.message())
		now.add(r)
		s.cfg.Log.Warn("what the store had lost was found in its files", "room", at.number, "kind", string(rune(at.kind)))
	}
	s.banRecords.restore(now)
	m, err := s.sort(now)
	if err == nil {
		lost = append(lost, s.leaveOut(&m, now, unread)...)
	}
	if err == nil && hurt {
		lost, err = s.leap(ctx, n, &m, lost)
	}
	if err != nil {
		return memory{}, err
	}
	if err := n.publish(ctx, lost); err != nil {
		return memory{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return m, nil
}

// leftOut is the body of the record of a room or dialled number that was damaged: no version reads it as one.
var leftOut = []byte(`"left out"`)

// leaveOut notes the rooms and dialled numbers of which there are only records that cannot be read, and returns what is to be written so that they are left out at the
// next start too, when what is damaged has been cut off. One that was removed after its damaged record was written is not there.
func (s *Store) leaveOut(m *memory, now found, unread []damage) []*nats.Msg {
	known := m.inRooms()
	var marks []*nats.Msg
	for _, d := range unread {
		at := id{kind: aRoom, number: d.Number}
		dialled, isDialled := dialledKey(d.Number)
		if isDialled {
			at.kind = aDialled
		}
		removed, ok := now.newest[at]
		if !isDialled && !rooms.IsNumber(d.Number) || known[d.Number] || ok && removed.revision > d.Revision {
			continue
		}
		known[d.Number] = true
		if isDialled {
			m.leftOutNumbers = append(m.leftOutNumbers, dialled)
		} else {
			m.leftOut = append(m.leftOut, d.Number)
		}
		s.cfg.Log.Error(at.kind.leftOut(), "room", d.Number, "err", errDamaged)
		marks = append(marks, record{kind: at.kind, revision: s.revision.Add(1), number: d.Number, body: leftOut}.message())
	}
	return marks
}

// leftOut says that something of that kind is.
func (k kind) leftOut() string {
	switch k {
	case aDialled:
		return "a number is left out"
	case aBan:
		return "a ban is left out"
	case aMark:
		return "numbers of events are left out"
	}
	return "a room is left out"
}

// inRooms are the numbers of the records of rooms and dialled numbers that are known, readable or not.
func (m *memory) inRooms() map[string]bool {
	known := map[string]bool{}
	for _, k := range m.rooms {
		known[k.Number] = true
	}
	for _, number := range m.leftOut {
		known[number] = true
	}
	for _, n := range m.numbers {
		known[dialledNumber(n.Key())] = true
	}
	for _, k := range m.leftOutNumbers {
		known[dialledNumber(k)] = true
	}
	return known
}

// leap has all numbers go on far behind what is known of them: newer marks may be among what is damaged. It adds to what is to be written.
func (s *Store) leap(ctx context.Context, n *session, m *memory, lost []*nats.Msg) ([]*nats.Msg, error) {
	known := map[string]bool{}
	for _, mark := range m.marks {
		known[mark.Room] = true
	}
	for _, k := range m.rooms {
		if known[k.Number] {
			continue
		}
		last, err := n.lastEvent(ctx, k.Number)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		m.marks = append(m.marks, rooms.Mark{Room: k.Number, Last: last})
	}
	for i := range m.marks {
		m.marks[i].Last += leap
		lost = append(lost, markRecord(m.marks[i], s.revision.Add(1)).message())
	}
	s.cfg.Log.Warn("numbers of events are damaged; the next are far behind them", "rooms", len(m.marks))
	return lost, nil
}

// sort makes rooms, bans, dialled numbers and marks of records.
func (s *Store) sort(all found) (memory, error) {
	var m memory
	for _, r := range all.newest {
		s.revision.Store(max(s.revision.Load(), r.revision))
		var err error
		switch {
		case r.kind == aMark:
			err = m.addMark(r)
		case r.kind != aRoom && r.kind != aBan && r.kind != aDialled:
			return memory{}, fmt.Errorf("record of kind %q: %w", r.kind, ErrNewer)
		case len(r.body) == 0: // it was removed
		case r.kind == aRoom:
			err = m.addRoom(r)
		case r.kind == aBan:
			err = m.addBan(r)
		default:
			err = m.addDialled(r)
		}
		if errors.Is(err, ErrNewer) {
			return memory{}, err
		}
		if err != nil {
			s.cfg.Log.Error(r.kind.leftOut(), "room", r.number, "err", err)
		}
	}
	return m, nil
}

// addMark, addRoom, addBan and addDialled add what a record says. The error is ErrNewer, or says why it is left out.
func (m *memory) addMark(r record) error {
	mark, err := r.mark()
	if err == nil {
		m.marks = append(m.marks, mark)
	}
	return err
}

func (m *memory) addRoom(r record) error {
	k, err := r.room()
	if err != nil {
		m.leftOut = append(m.leftOut, r.number)
		return err
	}
	m.rooms = append(m.rooms, k)
	return nil
}

func (m *memory) addBan(r record) error {
	b, err := r.ban()
	if err == nil {
		m.bans = append(m.bans, b)
	}
	return err
}

func (m *memory) addDialled(r record) error {
	n, err := r.dialled()
	if err == nil {
		m.numbers = append(m.numbers, n)
		return nil
	}
	if k, ok := dialledKey(r.number); ok {
		m.leftOutNumbers = append(m.leftOutNumbers, k)
	}
	return err
}
