package store

import (
	"context"
	"math/rand/v2"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outline is what the messages of a room's story hold, the oldest first, without what stands in them.
type outline []chapter

// chapter is one message.
type chapter struct {
	at     uint64 // its sequence in the stream
	last   uint64 // number of its last event
	events int    // how many it holds
}

// outline reads the headers of a room's events.
func (n *session) outline(ctx context.Context, number string) (outline, error) {
	var all outline
	err := readSome(ctx, n.events, jetstream.ConsumerConfig{FilterSubject: eventsSubject + key(number), HeadersOnly: true}, 0, func(m jetstream.Msg) {
		meta, err := m.Metadata()
		if err != nil {
			return // no message of a stream
		}
		all = append(all, chapter{at: meta.Sequence.Stream, last: sequenceOf(m.Headers()), events: countOf(m.Headers())})
	})
	return all, err
}

// newest is where the newest events begin, so many of them, or else the beginning; over says how many there are above that in the first message.
func (o outline) newest(events int) (from, over int) {
	sum := 0
	for i := len(o) - 1; i >= 0; i-- {
		if sum += o[i].events; sum >= events {
			return i, sum - events
		}
	}
	return 0, 0
}

// behind is the first message with an event behind that number; len(o) where there is none.
func (o outline) behind(after uint64) int {
	i := len(o)
	for i > 0 && o[i-1].last > after {
		i--
	}
	return i
}

// countHeader is the field of an event's message that says how many events it holds; where it is missing, one.
const countHeader = "Confbridge-Events"

func countOf(h nats.Header) int {
	n, err := strconv.Atoi(h.Get(countHeader))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// trim has the server drop what of a room's story is above what is to be kept: the stream bounds messages, and events that come at once share one.
func (s *Store) trim(ctx context.Context, n *session, number string) error {
	all, err := n.outline(ctx, number)
	if err != nil {
		return err
	}
	from, _ := all.newest(s.cfg.EventsKept)
	if from == 0 {
		return nil
	}
	return n.events.Purge(ctx, jetstream.WithPurgeSubject(eventsSubject+key(number)), jetstream.WithPurgeSequence(all[from].at))
}

// grown counts events that were told, and returns the rooms whose stories may be too long by now: half as long again as they are to be.
func (s *Store) grown(told map[string]int) (rooms []string) {
	s.toldLock.Lock()
	defer s.toldLock.Unlock()
	if s.told == nil || len(s.told) > maxNumbers {
		s.told = map[string]int{}
	}
	for number, events := range told {
		if _, known := s.told[number]; !known { // by chance: rooms take turns, and many short lives of a bridge are as one long one
			s.told[number] = rand.IntN(s.cfg.EventsKept/2 + 1)
		}
		if s.told[number] += events; s.told[number] > s.cfg.EventsKept/2 {
			s.told[number] = 0
			rooms = append(rooms, number)
		}
	}
	return rooms
}
