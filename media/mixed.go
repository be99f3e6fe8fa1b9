package media

import (
	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/mixer"
)

// longestHeader is an RTP header with 15 CSRCs and their levels: one element of 16 bytes (RFC 6465 §3).
const longestHeader = headerSize + 4*mixer.MaxSources + 4 + 16

// contributors are those whose voices are in what is sent (RFC 3550 §7.1).
type contributors struct {
	csrc   [mixer.MaxSources]uint32
	levels [mixer.MaxSources]byte
	n      int
}

// set takes the first 15 of sources that have a name, less ourselves.
func (c *contributors) set(sources []mixer.Source, self uint32) {
	c.n = 0
	for _, s := range sources {
		if c.n == len(c.csrc) {
			return
		}
		if s.ID == 0 || s.ID == self {
			continue
		}
		c.csrc[c.n], c.levels[c.n] = s.ID, min(s.Level, 127)
		c.n++
	}
}

// label puts them into the header of the coming packet; levelID is that of RFC 6465's extension, 0 where it was not agreed.
// Of the two forms of RFC 8285 it takes the short one, which has room for 16 levels.
func (c *contributors) label(h *rtp.Header, levelID uint8) {
	h.CSRC, h.Extension, h.Extensions = c.csrc[:c.n], false, h.Extensions[:0]
	if levelID != 0 && c.n > 0 {
		_ = h.SetExtension(levelID, c.levels[:c.n]) // fails only beside another extension
	}
}

// unlabel leaves them out: the coming packet is not of the mix.
func unlabel(h *rtp.Header) {
	h.CSRC, h.Extension = nil, false
}

// Mixed says who is heard in what the coming calls of Send carry, the loudest first: in the CSRC list (RFC 3550 §7.1), and
// where Stream.MixID was agreed, with their levels (RFC 6465). Who has no ID is left out, and what is more than 15. The
// slice is copied.
func (l *Leg) Mixed(sources []mixer.Source) { l.sender.mix.set(sources, l.sender.ssrc) }
