package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// A record is what is kept of a room or of its numbers. It can be told from any other bytes, and found among them, so that it
// outlives damage to what lies around it:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                             magic                             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|         CRC-32C of all that follows, the length first         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                   length of the body in bytes                 |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                           revision                            |
//	|                                                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     kind      | number's len. |  number, then the body (JSON) ...
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// Of two records of one kind and number, the one with the higher revision counts; events are many, and their revision is their sequence.
//
// Later versions add fields to the body and keep what stands here. What this version does not know of a room (a PIN, say) is not left out: nobody
// can tell what the room is without it (ErrNewer).
type record struct {
	kind     kind
	revision uint64
	number   string // of the room
	body     []byte // JSON of a room, of a ban, of a dialled number, of the last number given, or of an event; empty: it was removed
}

// kind is what a record is about.
type kind uint8

const (
	aRoom    kind = 'R'
	aBan     kind = 'B' // its number is that of the room, a slash, and the ban's ID
	aDialled kind = 'N' // its number is what is dialled, a slash, and the trunk's name
	aMark    kind = 'M'
	anEvent  kind = 'E'
)

const (
	headBytes = 22
	// maxBody bounds a record's body, far above what a room needs.
	maxBody = 1 << 20
)

var (
	magic      = []byte{0xcb, 'k', 'p', '1'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// errDamaged says that bytes are no record, or no longer.
var errDamaged = errors.New("damaged record")

// encode is the record's bytes.
func (r record) encode() []byte {
	b := make([]byte, headBytes, headBytes+len(r.number)+len(r.body))
	copy(b, magic)
	binary.BigEndian.PutUint32(b[8:], uint32(len(r.body)))
	binary.BigEndian.PutUint64(b[12:], r.revision)
	b[20], b[21] = byte(r.kind), byte(len(r.number))
	b = append(append(b, r.number...), r.body...)
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// decode reads the record that b begins with, and says how long it is. The record's body is a part of b. The error is errDamaged; then number is
// what stands where the number should.
func decode(b []byte) (r record, length int, err error) {
	if len(b) < headBytes || !bytes.HasPrefix(b, magic) {
		return record{}, 0, errDamaged
	}
	body, number := int(binary.BigEndian.Uint32(b[8:])), int(b[21])
	r = record{kind: kind(b[20]), revision: binary.BigEndian.Uint64(b[12:])}
	if len(b) >= headBytes+number {
		r.number = string(b[headBytes : headBytes+number])
	}
	length = headBytes + number + body
	if body > maxBody || len(b) < length {
		return r, 0, errDamaged
	}
	if crc32.Checksum(b[8:length], castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return r, 0, errDamaged
	}
	r.body = b[headBytes+number : length]
	return r, length, nil
}

// keptRoom is a room as it stands in its record.
type keptRoom struct {
	rooms.Kept
	Access        *access.Record          `json:",omitempty"`
	Distributions *distribution.Set       `json:",omitempty"` // in place of that of Kept
	Sources       *distribution.SourceSet `json:",omitempty"` // so too
}

// roomRecord is a room's record.
func roomRecord(k rooms.Kept, revision uint64) (record, error) {
	body, err := json.Marshal(keptRoom{k, k.PINs.Record(), k.Distributions, k.Sources})
	if err != nil {
		return record{}, fmt.Errorf("room %q: %w", k.Number, err)
	}
	return record{kind: aRoom, revision: revision, number: k.Number, body: body}, nil
}

// room is what a room's record says.
func (r record) room() (rooms.Kept, error) {
	var k keptRoom
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		if json.Unmarshal(r.body, &k) == nil {
			return rooms.Kept{}, fmt.Errorf("room %q: %w: %w", r.number, ErrNewer, err)
		}
		return rooms.Kept{}, fmt.Errorf("room %q: %w: %w", r.number, errDamaged, err)
	}
	if k.Number != r.number {
		return rooms.Kept{}, fmt.Errorf("room %q: %w: its body is that of %q", r.number, errDamaged, k.Number)
	}
	var err error
	if k.PINs, err = k.Access.Ring(); err != nil {
		return rooms.Kept{}, fmt.Errorf("room %q: %w: %w", r.number, errDamaged, err)
	}
	k.Kept.Distributions, k.Kept.Sources = k.Distributions, k.Sources
	return k.Kept, nil
}

// banNumber is the number of a ban's record.
func banNumber(room, id string) string { return room + "/" + id }

// banRecord is a ban's record.
func banRecord(room string, b rooms.Ban, revision uint64) (record, error) {
	body, err := json.Marshal(b)
	if err != nil {
		return record{}, fmt.Errorf("ban %q of room %q: %w", b.ID, room, err)
	}
	return record{kind: aBan, revision: revision, number: banNumber(room, b.ID), body: body}, nil
}

// ban is what a ban's record says. What this version does not know of one is not left out, as with rooms: it may be whom it is about.
func (r record) ban() (rooms.KeptBan, error) {
	var b rooms.Ban
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		if json.Unmarshal(r.body, &b) == nil {
			return rooms.KeptBan{}, fmt.Errorf("ban %q: %w: %w", r.number, ErrNewer, err)
		}
		return rooms.KeptBan{}, fmt.Errorf("ban %q: %w: %w", r.number, errDamaged, err)
	}
	room, id, _ := strings.Cut(r.number, "/")
	if id != b.ID {
		return rooms.KeptBan{}, fmt.Errorf("ban %q: %w: its body is that of %q", r.number, errDamaged, b.ID)
	}
	return rooms.KeptBan{Room: room, Ban: b}, nil
}

// dialledNumber is the number of a dialled number's record.
func dialledNumber(k dialplan.Key) string { return k.Dialled + "/" + k.Trunk }

// dialledKey is what it was made of: no trunk has a slash in its name.
func dialledKey(number string) (k dialplan.Key, ok bool) {
	i := strings.LastIndexByte(number, '/')
	if i < 0 {
		return dialplan.Key{}, false
	}
	k = dialplan.Key{Dialled: number[:i], Trunk: number[i+1:]}
	return k, k.Check() == nil
}

// dialledRecord is a dialled number's record.
func dialledRecord(n dialplan.Number, revision uint64) (record, error) {
	if err := n.Key().Check(); err != nil {
		return record{}, err
	}
	body, err := json.Marshal(n)
	if err != nil {
		return record{}, fmt.Errorf("number %v: %w", n.Key(), err)
	}
	return record{kind: aDialled, revision: revision, number: dialledNumber(n.Key()), body: body}, nil
}

// dialled is what a dialled number's record says. What this version does not know of one is not left out, as with rooms: it may be where it leads.
func (r record) dialled() (dialplan.Number, error) {
	var n dialplan.Number
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		if json.Unmarshal(r.body, &n) == nil {
			return dialplan.Number{}, fmt.Errorf("number %q: %w: %w", r.number, ErrNewer, err)
		}
		return dialplan.Number{}, fmt.Errorf("number %q: %w: %w", r.number, errDamaged, err)
	}
	if dialledNumber(n.Key()) != r.number {
		return dialplan.Number{}, fmt.Errorf("number %q: %w: its body is that of %v", r.number, errDamaged, n.Key())
	}
	return n, nil
}

// over says that the record is of a ban that is not in force any more.
func (r record) over() bool {
	if r.kind != aBan || len(r.body) == 0 {
		return false
	}
	b, err := r.ban()
	return err == nil && !b.Expires.After(time.Now())
}

// markRecord is the record of the last number given.
func markRecord(m rooms.Mark, revision uint64) record {
	return record{kind: aMark, revision: revision, number: m.Room, body: fmt.Append(nil, m.Last)}
}

// mark is what a mark's record says.
func (r record) mark() (rooms.Mark, error) {
	m := rooms.Mark{Room: r.number}
	if err := json.Unmarshal(r.body, &m.Last); err != nil {
		return rooms.Mark{}, fmt.Errorf("numbers of room %q: %w: %w", r.number, errDamaged, err)
	}
	return m, nil
}

// eventRecord is an event's record.
func eventRecord(e rooms.Event) (record, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return record{}, fmt.Errorf("event %d of room %q: %w", e.Sequence, e.Room, err)
	}
	return record{kind: anEvent, revision: e.Sequence, number: e.Room, body: body}, nil
}

// event is what an event's record says. Fields that this version does not know are left out.
func (r record) event() (rooms.Event, error) {
	var e rooms.Event
	if err := json.Unmarshal(r.body, &e); err != nil {
		return rooms.Event{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if e.Info != nil && e.Info.Number == "" { // as earlier versions have written it of participants
		e.Info = nil
	}
	return e, nil
}

// message is what a record is sent in.
func (r record) message() *nats.Msg {
	m := &nats.Msg{Data: r.encode()}
	switch r.kind {
	case aRoom, aDialled: // no number of a room has a slash
		m.Subject = roomsSubject + key(r.number)
	case aBan:
		m.Subject = bansSubject + key(r.number)
	case anEvent:
		m.Subject = eventsSubject + key(r.number)
		m.Header = nats.Header{sequenceHeader: {strconv.FormatUint(r.revision, 10)}}
	default:
		m.Subject = numbersSubject + key(r.number)
	}
	return m
}
