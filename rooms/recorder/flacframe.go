package recorder

import (
	"encoding/binary"
)

// Frames of FLAC are written by us: github.com/mewkiz/flac, which reads them, takes twenty times as long (decision 0054).
//
// A frame (RFC 9639 §9): sync code and block strategy, codes for the number of samples, the rate and the form, the number of its first sample, of its samples, CRC-8;
// one subframe, filled up to a byte; CRC-16.

// flacRates are the codes of the rates.
var flacRates = map[int]byte{8000: 4, 16000: 5, 48000: 10}

// The types of subframes (RFC 9639 §9.2.1), in the six bits behind the first.
const (
	flacConstant = 0x00 << 1
	flacVerbatim = 0x01 << 1
	flacFixed    = 0x08 << 1 // and the order
)

// appendFrame appends a frame of a block of mono 16 bit, whose first sample is the one of that number.
func appendFrame(dst []byte, block []int32, rateCode byte, first uint64, p *prediction) []byte {
	from := len(dst)
	dst = append(dst, 0xff, 0xf9, 0x70|rateCode, 0x08)
	dst = appendNumber(dst, first)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(block)-1))
	dst = append(dst, crc8(dst[from:]))
	w := bitWriter{to: dst}
	switch p.kind {
	case flacConstant:
		w.put(flacConstant, 8)
		w.put(uint64(uint16(block[0])), 16)
	case flacVerbatim:
		w.put(flacVerbatim, 8)
		for _, v := range block {
			w.put(uint64(uint16(v)), 16)
		}
	default:
		w.put(uint64(flacFixed|p.order<<1), 8)
		for _, v := range block[:p.order] {
			w.put(uint64(uint16(v)), 16)
		}
		w.put(flacPartOrder, 2+4) // parameters have four bits
		length := len(block) >> flacPartOrder
		for i, k := range p.rice {
			w.put(uint64(k), 4)
			part := p.residual[i*length : (i+1)*length]
			if i == 0 {
				part = part[p.order:]
			}
			w.rice(part, k)
		}
	}
	dst = w.bytes()
	return binary.BigEndian.AppendUint16(dst, crc16(dst[from:]))
}

// appendNumber appends a number of up to 36 bits, coded as UTF-8 codes those of its characters and going on as that could (RFC 9639 §9.1.5).
func appendNumber(dst []byte, n uint64) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	rest := 1 // bytes of six bits
	for n>>(6*rest) >= 1<<(6-rest) && rest < 6 {
		rest++
	}
	dst = append(dst, byte(0xff<<(7-rest))|byte(n>>(6*rest)))
	for rest > 0 {
		rest--
		dst = append(dst, 0x80|byte(n>>(6*rest))&0x3f)
	}
	return dst
}

// bitWriter appends bits, the highest first.
type bitWriter struct {
	to   []byte
	held uint64 // the lowest n bits are not in to yet
	n    uint   // below 32
}

// put appends the lowest n bits of v, which has no others; n is at most 32.
func (w *bitWriter) put(v uint64, n uint) {
	w.held, w.n = w.held<<n|v, w.n+n
	if w.n >= 32 {
		w.n -= 32
		w.to = binary.BigEndian.AppendUint32(w.to, uint32(w.held>>w.n))
	}
}

// rice appends numbers with a parameter: v>>k zeros, a one, and the lowest k bits of v.
func (w *bitWriter) rice(values []uint32, k uint) {
	one, mask := uint64(1)<<k, uint32(1)<<k-1
	for _, v := range values {
		zeros := uint(v >> k)
		for ; zeros >= 16; zeros -= 16 {
			w.put(0, 16)
		}
		w.put(one|uint64(v&mask), zeros+1+k)
	}
}

// bytes is all that was appended, filled up to a byte with zeros.
func (w *bitWriter) bytes() []byte {
	if rest := w.n % 8; rest > 0 {
		w.put(0, 8-rest)
	}
	for w.n > 0 {
		w.n -= 8
		w.to = append(w.to, byte(w.held>>w.n))
	}
	return w.to
}

// crc8Table is for the polynomial x^8 + x^2 + x + 1, crc16Table for x^16 + x^15 + x^2 + 1; both from 0 on, the highest bit first.
var crc8Table, crc16Table = func() (t8 [256]byte, t16 [256]uint16) {
	for i := range t8 {
		a, b := byte(i), uint16(i)<<8
		for range 8 {
			a = a<<1 ^ a>>7*0x07
			b = b<<1 ^ b>>15*0x8005
		}
		t8[i], t16[i] = a, b
	}
	return t8, t16
}()

func crc8(b []byte) (crc byte) {
	for _, v := range b {
		crc = crc8Table[crc^v]
	}
	return crc
}

func crc16(b []byte) (crc uint16) {
	for _, v := range b {
		crc = crc<<8 ^ crc16Table[byte(crc>>8)^v]
	}
	return crc
}
