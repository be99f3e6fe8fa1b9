package media

import "github.com/confbridge/confbridge/mixer/jitter"

// The two forms of a header extension with elements (RFC 8285 §4.2, §4.3).
const (
	oneByteForm = 0xbede
	twoByteForm = 0x100 // less the four application bits
)

// extension is the header extension of one packet (RFC 3550 §5.3.1). It is read by us and not by pion, which allocates for
// it and refuses the packet for an element that is malformed.
type extension struct {
	profile uint16
	data    []byte
}

// element finds the data of the first element of that id, 1 to 14. Where the elements cannot be read on, those behind do not
// count (RFC 8285 §4.2): an extension is never a reason to drop sound.
func (x extension) element(id uint8) ([]byte, bool) {
	head := 1 // bytes of an element before its data
	switch {
	case x.profile == oneByteForm:
	case x.profile>>4 == twoByteForm:
		head = 2
	default:
		return nil, false
	}
	for b := x.data; len(b) > 0; {
		if b[0] == 0 { // padding
			b = b[1:]
			continue
		}
		if len(b) < head {
			return nil, false
		}
		is, size := b[0], 0
		if head == 1 {
			//  0 1 2 3 4 5 6 7
			// |  ID   |  len  |   len is one less than there is
			is, size = b[0]>>4, int(b[0]&0x0f)+1
			if is == 0 || is == 15 {
				return nil, false // reserved: all that follows is to be ignored
			}
		} else {
			size = int(b[1])
		}
		if len(b) < head+size {
			return nil, false
		}
		if is == id {
			return b[head : head+size], true
		}
		b = b[head+size:]
	}
	return nil, false
}

// level reads how loud the sender says that the packet is (RFC 6464 §3):
//
//	 0 1 2 3 4 5 6 7
//	|V|   level     |   V: the sender takes it for speech; level: dB below overload
func (x extension) level(id uint8) jitter.Level {
	if id == 0 {
		return jitter.Level{}
	}
	b, ok := x.element(id)
	if !ok || len(b) != 1 {
		return jitter.Level{}
	}
	return jitter.Level{Known: true, Voice: b[0]&0x80 != 0, Below: b[0] & 0x7f}
}
