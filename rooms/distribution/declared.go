package distribution

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// Declared is d as a configuration declares it for a room that is called title: its SSRC, Session and Version follow from what is declared, and so
// are the same after each restart. SSRC and Session stay whatever changes but the room's number and the ID; the Version is another one where anything
// else is. There is no clock in it: another Version need not be a greater one, as RFC 8866 §5.2 would have it.
func (d Distribution) Declared(room, title string) (Distribution, error) {
	d.SSRC, d.Session, d.Version, d.Created = 0, 0, 0, time.Time{}
	content, err := json.Marshal(d)
	if err != nil {
		return Distribution{}, fmt.Errorf("distribution %q: %w", d.ID, err)
	}
	d.SSRC = max(uint32(number("ssrc", room, d.ID)), 1)
	d.Session = number("session", room, d.ID)
	d.Version = number("version", room, title, string(content))
	return d, nil
}

// number is made of texts: another one for others, of 62 bits, as fits into what descriptions' numbers are held in (RFC 3264 §5).
func number(texts ...string) uint64 {
	hash := sha256.New()
	for _, t := range texts {
		_, _ = fmt.Fprintf(hash, "%d %s ", len(t), t) // never fails
	}
	return max(binary.BigEndian.Uint64(hash.Sum(nil))>>2, 1)
}
