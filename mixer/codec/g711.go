package codec

import (
	"fmt"
	"sync"

	"github.com/zaf/g711"
)

const (
	g711RateHz     = 8000
	g711MaxSamples = g711RateHz / 1000 * MaxPacketMilliseconds
)

// Errors are made once: the hot path may not allocate one.
var (
	errG711Empty = fmt.Errorf("%w: G.711: no bytes", ErrPayload)
	errG711Long  = fmt.Errorf("%w: G.711: longer than %d ms", ErrPayload, MaxPacketMilliseconds)
)

// law is one of G.711's two companding laws as tables, so that a sample costs one load.
type law struct {
	decode [1 << 8]int16
	encode [1 << 16]byte // index: the sample's bits, uint16(s)
}

type laws struct{ ulaw, alaw law }

// tables are built from zaf/g711 at the first use.
var tables = sync.OnceValue(func() *laws {
	t := new(laws)
	for i := range t.ulaw.decode {
		t.ulaw.decode[i] = g711.DecodeUlawFrame(byte(i))
		t.alaw.decode[i] = g711.DecodeAlawFrame(byte(i))
	}
	for i := range t.ulaw.encode {
		t.ulaw.encode[i] = g711.EncodeUlawFrame(int16(uint16(i)))
		t.alaw.encode[i] = g711.EncodeAlawFrame(int16(uint16(i)))
	}
	return t
})

type g711Decoder struct {
	law  *law
	loss *concealer
}

func newG711Decoder(l *law) *g711Decoder {
	return &g711Decoder{law: l, loss: newConcealer(g711RateHz)}
}

func (d *g711Decoder) Samples(payload []byte) (int, error) { return g711Samples(payload) }

// g711Samples is one sample a byte (RFC 3551 §4.5.14).
func g711Samples(payload []byte) (int, error) {
	if len(payload) == 0 {
		return 0, errG711Empty
	}
	if len(payload) > g711MaxSamples {
		return 0, errG711Long
	}
	return len(payload), nil
}

func (d *g711Decoder) Decode(dst []int16, payload []byte) (int, error) {
	n, err := d.Samples(payload)
	if err != nil {
		return 0, err
	}
	if len(dst) < n {
		return 0, ErrBuffer
	}
	dst = dst[:n]
	table := &d.law.decode
	for i, b := range payload {
		dst[i] = table[b]
	}
	d.loss.good(dst)
	return n, nil
}

func (d *g711Decoder) Conceal(dst []int16) { d.loss.conceal(dst) }

// Pass implements [Passer].
func (d *g711Decoder) Pass(samples int) { d.loss.silent(samples) }

type g711Encoder struct{ law *law }

func (e *g711Encoder) Encode(dst []byte, pcm []int16) (int, error) {
	if len(dst) < len(pcm) {
		return 0, ErrBuffer
	}
	dst = dst[:len(pcm)]
	table := &e.law.encode
	for i, s := range pcm {
		dst[i] = table[uint16(s)]
	}
	return len(pcm), nil
}
