package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// sequenceHeader is the field of an event's message that has its number, so that what nobody wants need not be parsed.
const sequenceHeader = "Confbridge-Sequence"

// leap is by how much numbers go on behind what is known of them where that is damaged: more than are given to one room in years.
const leap = 1 << 32

// answerTime is how long the server may take to answer where the caller has set no other time.
const answerTime = 10 * time.Second

// Put implements [rooms.Keeper].
func (s *Store) Put(ctx context.Context, k rooms.Kept) error {
	r, err := roomRecord(k, s.revision.Add(1))
	if err != nil {
		return err
	}
	return s.write(ctx, r)
}

// Remove implements [rooms.Keeper]. A record without a body stays, so that what is found in files does not bring the room back.
func (s *Store) Remove(ctx context.Context, number string) error {
	return s.write(ctx, record{kind: aRoom, revision: s.revision.Add(1), number: number})
}

// PutBan implements [rooms.BanKeeper].
func (s *Store) PutBan(ctx context.Context, number string, b rooms.Ban) error {
	r, err := banRecord(number, b, s.revision.Add(1))
	if err != nil {
		return err
	}
	return s.writeBan(ctx, r)
}

// RemoveBan implements [rooms.BanKeeper], as Remove does its part.
func (s *Store) RemoveBan(ctx context.Context, number, id string) error {
	return s.writeBan(ctx, record{kind: aBan, revision: s.revision.Add(1), number: banNumber(number, id)})
}

// PutNumber keeps where a dialled number leads, as package rooms/entry asks of its NumberKeeper.
func (s *Store) PutNumber(ctx context.Context, n dialplan.Number) error {
	r, err := dialledRecord(n, s.revision.Add(1))
	if err != nil {
		return err
	}
	return s.write(ctx, r)
}

// RemoveNumber forgets a dialled number in the same way, as Remove does a room.
func (s *Store) RemoveNumber(ctx context.Context, k dialplan.Key) error {
	return s.write(ctx, record{kind: aDialled, revision: s.revision.Add(1), number: dialledNumber(k)})
}

// write has one record written, and waits for it.
func (s *Store) write(ctx context.Context, r record) error {
	n, err := s.writable(ctx)
	if err == nil {
		writing, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		_, err = n.js.PublishMsg(writing, r.message())
		err = s.wrote(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", r.number, err)
	}
	return nil
}

// Tell implements [rooms.Keeper].
func (s *Store) Tell(ctx context.Context, events []rooms.Event, marks []rooms.Mark) error {
	n, err := s.writable(ctx)
	if err != nil {
		return err
	}
	all := make([]*nats.Msg, 0, len(events)+len(marks))
	for _, m := range marks {
		all = append(all, markRecord(m, s.revision.Add(1)).message())
	}
	packs, errs := pack(events)
	all = append(all, packs...)
	if err := s.wrote(ctx, n.publish(ctx, all)); err != nil {
		return errors.Join(append(errs, err)...)
	}
	told := map[string]int{}
	for _, e := range events {
		told[e.Room]++
	}
	for _, number := range s.grown(told) {
		if err := s.trim(ctx, n, number); err != nil {
			s.cfg.Log.Warn("a room's story is longer than it should be", "room", number, "err", err) // what was told is kept
		}
	}
	return errors.Join(errs...)
}

// maxPack bounds the events of one message, in bytes, but for the last of them: what is damaged takes no more than that with it.
const maxPack = 16 << 10

// pack puts those events of a room that are told at once into one message: a message costs the server several times what an event does. What cannot be
// written is left out, and is an error.
func pack(events []rooms.Event) (all []*nats.Msg, errs []error) {
	open := map[string]*nats.Msg{} // by room
	for _, e := range events {
		r, err := eventRecord(e)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if m := open[e.Room]; m != nil && len(m.Data) < maxPack {
			m.Data = append(m.Data, r.encode()...)
			m.Header.Set(sequenceHeader, strconv.FormatUint(r.revision, 10))
			m.Header.Set(countHeader, strconv.Itoa(countOf(m.Header)+1))
			continue
		}
		m := r.message()
		open[e.Room] = m
		all = append(all, m)
	}
	return all, errs
}

// Recall implements [rooms.Keeper].
func (s *Store) Recall(ctx context.Context, number string, after uint64, limit int) (rooms.Past, error) {
	n, err := s.current(ctx)
	if err != nil {
		return rooms.Past{}, err
	}
	last, unreadable, err := s.lastMark(ctx, n, number)
	if err != nil {
		return rooms.Past{}, fmt.Errorf("numbers of room %q: %w", number, err)
	}
	// An event can have been written when its mark was not.
	newest, err := n.lastEvent(ctx, number)
	if err != nil {
		return rooms.Past{}, fmt.Errorf("events of room %q: %w", number, err)
	}
	past := rooms.Past{Last: max(last, newest)}
	if unreadable {
		past.Last += leap
	}
	if limit == 0 || newest == 0 {
		return past, nil
	}
	kept, first, err := s.keptEvents(ctx, n, number, after, limit)
	if err != nil {
		return past, fmt.Errorf("events of room %q: %w", number, err)
	}
	past.First = first
	for _, r := range kept {
		e, err := r.event()
		if err != nil || e.Sequence != r.revision || e.Room != number {
			s.cfg.Log.Error("an event is damaged", "room", number, "event", r.revision, "err", err)
			continue
		}
		past.Events = append(past.Events, e)
	}
	return past, nil
}

// lastMark reads a number's mark; 0 where there is none. One that cannot be read is logged, and keeps nobody from calling the room.
func (s *Store) lastMark(ctx context.Context, n *session, number string) (last uint64, unreadable bool, err error) {
	msg, err := n.numbers.GetLastMsgForSubject(ctx, numbersSubject+key(number))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	r, _, err := decode(msg.Data)
	var m rooms.Mark
	if err == nil {
		m, err = r.mark()
	}
	if err != nil {
		s.cfg.Log.Error("numbers are damaged; the next are far behind them", "room", number, "err", err)
		return 0, true, nil
	}
	return m.Last, false, nil
}

// lastEvent is the number of a room's newest event that is kept; 0 where none is.
func (n *session) lastEvent(ctx context.Context, number string) (uint64, error) {
	msg, err := n.events.GetLastMsgForSubject(ctx, eventsSubject+key(number))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return sequenceOf(msg.Header), nil
}

// keptEvents are the records of the newest of a number's events, limit of them at most and all behind after; and the number of the oldest that is kept, 0 where none
// is. What is older is not read.
func (s *Store) keptEvents(ctx context.Context, n *session, number string, after uint64, limit int) (kept []record, first uint64, err error) {
	all, err := n.outline(ctx, number)
	if err != nil || len(all) == 0 {
		return nil, 0, err
	}
	oldest, over := all.newest(s.cfg.EventsKept)
	from, _ := all.newest(min(limit, s.cfg.EventsKept))
	from = max(from, all.behind(after))
	err = s.readEvents(ctx, n, number, all[oldest].at, 1, func(r record) {
		if over--; over < 0 && first == 0 {
			first = r.revision
		}
	})
	if err != nil || from == len(all) {
		return nil, first, err
	}
	err = s.readEvents(ctx, n, number, all[from].at, 0, func(r record) {
		if r.revision > after && r.revision >= first {
			kept = append(kept, r)
		}
	})
	if first == 0 && len(kept) > 0 { // the message that it is in is damaged
		first = kept[0].revision
	}
	return kept[max(len(kept)-limit, 0):], first, err
}

// readEvents gives the records of a number's events to take, from the message at a place in the stream on, and so many messages at most; 0: all. One that is damaged is
// left out, and logged.
func (s *Store) readEvents(ctx context.Context, n *session, number string, at uint64, most int, take func(record)) error {
	from := jetstream.ConsumerConfig{FilterSubject: eventsSubject + key(number), DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: at}
	return readSome(ctx, n.events, from, most, func(m jetstream.Msg) {
		f := newFound()
		end := f.searchBytes("", m.Data(), take)
		if len(f.damaged) > 0 || end != len(m.Data()) {
			s.cfg.Log.Error("events are damaged", "room", number, "up to", sequenceOf(m.Headers()))
		}
	})
}

// sequenceOf is an event's number; 0 where the field is missing.
func sequenceOf(h nats.Header) uint64 {
	seq, _ := strconv.ParseUint(h.Get(sequenceHeader), 10, 64) // 0 is what an unreadable one counts as
	return seq
}

// read gives each message of a stream to take, the oldest first.
func read(ctx context.Context, from jetstream.Stream, take func(jetstream.Msg)) error {
	return readSome(ctx, from, jetstream.ConsumerConfig{}, 0, take)
}

// readSome gives those messages to take that a consumer delivers, so many at most; 0: all.
func readSome(ctx context.Context, from jetstream.Stream, of jetstream.ConsumerConfig, most int, take func(jetstream.Msg)) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	of.AckPolicy, of.MemoryStorage, of.InactiveThreshold = jetstream.AckNonePolicy, true, time.Minute
	c, err := from.CreateConsumer(ctx, of)
	if err != nil {
		return err
	}
	info := c.CachedInfo()
	pending := int(info.NumPending)
	if most > 0 {
		pending = min(pending, most)
	}
	if pending > 0 {
		var batch jetstream.MessageBatch
		if batch, err = c.Fetch(pending, jetstream.FetchContext(ctx)); err == nil {
			for m := range batch.Messages() {
				take(m)
			}
			err = batch.Error()
		}
	}
	return errors.Join(err, from.DeleteConsumer(ctx, info.Name))
}

// key is a room's number in the grammar of keys and subjects: what is no letter, digit or hyphen is written =XX.
func key(number string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(number) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'=', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// numberOf is the number that a key is of; empty: it is none.
func numberOf(key string) string {
	number, err := url.PathUnescape(strings.ReplaceAll(key, "=", "%"))
	if err != nil {
		return ""
	}
	return number
}
