package api

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms/dialplan"
)

const (
	defaultPageSize = 50
	maxPageSize     = 1000
	maxTokenBytes   = 1024
	tokenVersion    = "1"
)

// pageSize is AIP-158: 0 is the default, too much is the most there is, less than 0 is an error.
func pageSize(requested int32) (int, error) {
	switch {
	case requested < 0:
		return 0, violated("page_size", fmt.Sprintf("%d is less than 0", requested))
	case requested == 0:
		return defaultPageSize, nil
	}
	return min(int(requested), maxPageSize), nil
}

// cursor is a place in a list: behind the entry that last names.
type cursor struct {
	collection string    // what is listed: "rooms", "rooms/1000/participants"
	last       string    // number or id of the entry
	joined     time.Time // of the entry, where it is a participant
}

// token writes the cursor so that clients cannot take it for anything to be made up or changed: a checksum guards
// against accidents. It is no secret and gives no right.
func (c cursor) token() string {
	var nanos int64
	if !c.joined.IsZero() {
		nanos = c.joined.UnixNano()
	}
	body := fmt.Sprintf("%s\n%s\n%s\n%d", tokenVersion, c.collection, c.last, nanos)
	sum := crc32.ChecksumIEEE([]byte(body))
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, sum), body...))
}

// validLast says whether an entry of a collection can be called so.
func validLast(collection, last string) bool {
	if collection == numbersCollection {
		_, err := dialplan.ParseID(last)
		return err == nil
	}
	return validNumber(last)
}

// parseToken reads a token of that collection; the empty one is the list's beginning.
func parseToken(collection, token string) (cursor, error) {
	if token == "" {
		return cursor{collection: collection}, nil
	}
	bad := violated("page_token", "is not a token that a list of "+collection+" has returned")
	if len(token) > maxTokenBytes {
		return cursor{}, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 4 || crc32.ChecksumIEEE(raw[4:]) != binary.BigEndian.Uint32(raw) {
		return cursor{}, bad
	}
	parts := strings.Split(string(raw[4:]), "\n")
	if len(parts) != 4 || parts[0] != tokenVersion || parts[1] != collection || !validLast(collection, parts[2]) {
		return cursor{}, bad
	}
	c := cursor{collection: collection, last: parts[2]}
	nanos, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return cursor{}, bad
	}
	if nanos != 0 {
		c.joined = time.Unix(0, nanos)
	}
	if c.token() != token { // base64 skips line ends, and a number may be written in several ways
		return cursor{}, bad
	}
	return c, nil
}

// listRequest is what asks for a page of what a room has.
type listRequest interface {
	GetParent() string
	GetPageSize() int32
	GetPageToken() string
}

// parseListOf is what a request for a page of a room's collection asks for.
func parseListOf(req listRequest, collection string) (number string, size int, from cursor, err error) {
	if number, err = parseRoomName("parent", req.GetParent()); err != nil {
		return "", 0, cursor{}, err
	}
	if size, err = pageSize(req.GetPageSize()); err != nil {
		return "", 0, cursor{}, err
	}
	from, err = parseToken(req.GetParent()+"/"+collection, req.GetPageToken())
	return number, size, from, err
}

// pageByID is what follows from of all, which are in the order of their IDs, and the token of the page behind it; empty: there is none.
func pageByID[V any](all []V, id func(V) string, size int, from cursor) (page []V, next string) {
	page = slices.DeleteFunc(all, func(v V) bool { return id(v) <= from.last && from.last != "" })
	if len(page) > size {
		page = page[:size]
		next = cursor{collection: from.collection, last: id(page[size-1])}.token()
	}
	return page, next
}
