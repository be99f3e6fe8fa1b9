package codec

import (
	"encoding/binary"
	"fmt"
)

// Errors are made once: the hot path may not allocate one.
var (
	errL16Odd  = fmt.Errorf("%w: L16: no samples, or half of one", ErrPayload)
	errL16Long = fmt.Errorf("%w: L16: longer than %d ms", ErrPayload, MaxPacketMilliseconds)
)

// l16Samples is two bytes a sample (RFC 3551 §4.5.11).
func l16Samples(payload []byte, rateHz int) (int, error) {
	n := len(payload) / 2
	if n == 0 || len(payload)%2 != 0 {
		return 0, errL16Odd
	}
	if n > rateHz/1000*MaxPacketMilliseconds {
		return 0, errL16Long
	}
	return n, nil
}

// l16Decoder takes the samples as they are, in network byte order.
type l16Decoder struct {
	rateHz int
	loss   *concealer
}

func newL16Decoder(rateHz int) *l16Decoder {
	return &l16Decoder{rateHz: rateHz, loss: newConcealer(rateHz)}
}

func (d *l16Decoder) Samples(payload []byte) (int, error) { return l16Samples(payload, d.rateHz) }

func (d *l16Decoder) Decode(dst []int16, payload []byte) (int, error) {
	n, err := d.Samples(payload)
	if err != nil {
		return 0, err
	}
	if len(dst) < n {
		return 0, ErrBuffer
	}
	dst = dst[:n]
	for i := range dst {
		dst[i] = int16(binary.BigEndian.Uint16(payload[2*i:]))
	}
	d.loss.good(dst)
	return n, nil
}

func (d *l16Decoder) Conceal(dst []int16) { d.loss.conceal(dst) }

type l16Encoder struct{}

func (l16Encoder) Encode(dst []byte, pcm []int16) (int, error) {
	if len(dst) < 2*len(pcm) {
		return 0, ErrBuffer
	}
	for i, s := range pcm {
		binary.BigEndian.PutUint16(dst[2*i:], uint16(s))
	}
	return 2 * len(pcm), nil
}
