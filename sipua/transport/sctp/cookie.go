package sctp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// cookieLife is Valid.Cookie.Life (RFC 9260 §16).
const cookieLife = time.Minute

// cookie is the state of an association between INIT ACK and COOKIE ECHO. It is kept by the peer, under our signature: an INIT costs
// us no memory (RFC 9260 §5.1.3).
type cookie struct {
	made         time.Time
	ours, theirs initiation
	tieOurs      uint32 // tags of the association that stood when it was made: the peer has restarted (§5.2.4)
	tieTheirs    uint32
}

const (
	cookieBody = 8 + 2*initLen + 8
	cookieLen  = cookieBody + sha256.Size
)

// seal is the cookie for the peer at k.
func (c cookie) seal(secret []byte, k key) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, cookieLen), uint64(c.made.UnixNano()))
	b = append(b, c.ours.fixed()...)
	b = append(b, c.theirs.fixed()...)
	b = binary.BigEndian.AppendUint32(b, c.tieOurs)
	b = binary.BigEndian.AppendUint32(b, c.tieTheirs)
	return append(b, sign(secret, b, k)...)
}

// openCookie reads a cookie that came from k; it is false for one that we did not make for it.
func openCookie(secret, b []byte, k key) (cookie, bool) {
	if len(b) != cookieLen || !hmac.Equal(b[cookieBody:], sign(secret, b[:cookieBody], k)) {
		return cookie{}, false
	}
	c := cookie{made: time.Unix(0, int64(binary.BigEndian.Uint64(b)))}
	c.ours, _ = parseInit(b[8 : 8+initLen])
	c.theirs, _ = parseInit(b[8+initLen : 8+2*initLen])
	c.tieOurs = binary.BigEndian.Uint32(b[8+2*initLen:])
	c.tieTheirs = binary.BigEndian.Uint32(b[12+2*initLen:])
	return c, true
}

func sign(secret, body []byte, k key) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write(body)
	ip := k.peer.As16()
	m.Write(ip[:])
	m.Write(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, k.peerPort), k.port))
	return m.Sum(nil)
}

// random is a number that nobody guesses: a tag (never zero, RFC 9260 §5.3.1), a TSN or a port.
func random() uint32 {
	var b [4]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if n := binary.BigEndian.Uint32(b[:]); n != 0 {
			return n
		}
	}
}
