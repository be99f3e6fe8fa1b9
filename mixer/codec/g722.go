package codec

import "fmt"

const (
	g722RateHz     = 16000
	g722ClockHz    = 8000 // RFC 3551 §4.5.2: for historical reasons half of what it is
	g722MaxBytes   = g722ClockHz / 1000 * MaxPacketMilliseconds
	g722FilterTaps = 24
	g722ChunkBytes = 80 // so many are worked on at a time: 160 samples
)

var (
	errG722Empty = fmt.Errorf("%w: G.722: no bytes", ErrPayload)
	errG722Long  = fmt.Errorf("%w: G.722: longer than %d ms", ErrPayload, MaxPacketMilliseconds)
)

// g722Filter is half of the filter that splits and joins the bands (ITU-T G.722 §3.1, table 11); the other half is the same
// backwards.
var g722Filter = [g722FilterTaps / 2]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

// g722Memory is the input of that filter: what is left of the last chunk, and the chunk.
type g722Memory [g722FilterTaps - 2 + 2*g722ChunkBytes]int16

// sums are the even and the odd half of the filter over the pair that begins behind at samples of the chunk.
func (m *g722Memory) sums(at int) (even, odd int32) {
	x := m[at : at+g722FilterTaps]
	for i, c := range g722Filter {
		odd += int32(x[2*i]) * c
		even += int32(x[g722FilterTaps-1-2*i]) * c
	}
	return even, odd
}

// next gives the room of a chunk, behind what the filter still needs of the last one, which had n samples.
func (m *g722Memory) next(n int) {
	copy(m[:g722FilterTaps-2], m[n:n+g722FilterTaps-2])
}

// g722Samples is two samples a byte.
func g722Samples(payload []byte) (int, error) {
	if len(payload) == 0 {
		return 0, errG722Empty
	}
	if len(payload) > g722MaxBytes {
		return 0, errG722Long
	}
	return 2 * len(payload), nil
}

// g722Decoder decodes 64 kbit/s, the one mode that RTP has (RFC 3551 §4.5.2).
type g722Decoder struct {
	low, high g722Band
	memory    g722Memory
	loss      *concealer
}

func newG722Decoder() *g722Decoder {
	d := &g722Decoder{loss: newConcealer(g722RateHz)}
	d.low, d.high = newG722Bands()
	return d
}

func (d *g722Decoder) Samples(payload []byte) (int, error) { return g722Samples(payload) }

func (d *g722Decoder) Decode(dst []int16, payload []byte) (int, error) {
	n, err := d.Samples(payload)
	if err != nil {
		return 0, err
	}
	if len(dst) < n {
		return 0, ErrBuffer
	}
	dst = dst[:n]
	for at := 0; at < len(payload); at += g722ChunkBytes {
		chunk := payload[at:min(at+g722ChunkBytes, len(payload))]
		d.chunk(dst[2*at:2*(at+len(chunk))], chunk)
	}
	d.loss.good(dst)
	return n, nil
}

func (d *g722Decoder) chunk(dst []int16, codes []byte) {
	in := d.memory[g722FilterTaps-2:]
	for i, code := range codes {
		low := d.low.heard(int32(code & 0x3f))
		d.low.low(int32(code >> 2 & 0xf))
		high := d.high.high(int32(code >> 6))
		in[2*i], in[2*i+1] = int16(low+high), int16(low-high)
		even, odd := d.memory.sums(2 * i)
		dst[2*i], dst[2*i+1] = int16(saturate(even>>11)), int16(saturate(odd>>11))
	}
	d.memory.next(2 * len(codes))
}

// Conceal leaves the bands as they were when the loss began. (Where they hear the concealment as well, its fade is what they
// adapt to, and what comes after the loss is understood worse: decision 0017.)
func (d *g722Decoder) Conceal(dst []int16) { d.loss.conceal(dst) }

type g722Encoder struct {
	low, high g722Band
	memory    g722Memory
}

func newG722Encoder() *g722Encoder {
	e := &g722Encoder{}
	e.low, e.high = newG722Bands()
	return e
}

// Continue implements [Continuer].
func (e *g722Encoder) Continue(from Encoder) bool {
	o, ok := from.(*g722Encoder)
	if ok {
		*e = *o
	}
	return ok
}

// Encode takes an even number of samples; of an odd one the last is left out.
func (e *g722Encoder) Encode(dst []byte, pcm []int16) (int, error) {
	n := len(pcm) / 2
	if len(dst) < n {
		return 0, ErrBuffer
	}
	dst = dst[:n]
	for at := 0; at < n; at += g722ChunkBytes {
		chunk := dst[at:min(at+g722ChunkBytes, n)]
		e.chunk(chunk, pcm[2*at:])
	}
	return n, nil
}

func (e *g722Encoder) chunk(dst []byte, pcm []int16) {
	copy(e.memory[g722FilterTaps-2:], pcm[:2*len(dst)])
	for i := range dst {
		even, odd := e.memory.sums(2 * i)
		low := e.low.quantizeLow(g722Clip((even + odd) >> 14))
		high := e.high.quantizeHigh(g722Clip((even - odd) >> 14))
		e.low.low(low >> 2)
		e.high.high(high)
		dst[i] = byte(high<<6 | low)
	}
	e.memory.next(2 * len(dst))
}
