package sounds

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hraban/opus"
)

// An Ogg page (RFC 3533 §6):
//
//	0 "OggS"  4 version  5 flags  6 granule position  14 serial  18 sequence  22 CRC  26 segments  27 segment table  payload
//
// A packet ends with a segment of fewer than 255 bytes; it may go on in the next page.
const (
	oggHeader    = 27
	oggFlagsAt   = 5
	oggGranuleAt = 6
	oggSerialAt  = 14
	oggNumberAt  = 18
	oggCRCAt     = 22
	oggContinued = 1 // flags
	oggLast      = 4
	oggSegment   = 255

	opusHeadLength  = 19
	opusRateHz      = 48000     // of granule positions
	opusPacketBytes = 48 * 1277 // 120 ms, the most of RFC 6716 §3.2
	opusPacketMS    = 120
)

// oggPage is one of the pages of a stream.
type oggPage struct {
	flags    byte
	granule  uint64
	serial   uint32
	number   uint32
	segments []byte
	payload  []byte
}

// oggPackets takes the packets of the first stream out of the pages of a file.
type oggPackets struct {
	in      io.Reader
	page    oggPage
	began   bool
	packet  []byte
	granule uint64 // of the last page in which a packet ended
}

// readOgg reads Opus in Ogg (RFC 7845).
func readOgg(file io.ReadSeeker, _ int64, g *gather) error {
	packets := &oggPackets{in: bufio.NewReader(file)}
	packet, err := packets.next(true)
	if err != nil {
		return err
	}
	head, err := parseOpusHead(packet)
	if err != nil {
		return err
	}
	if err := g.begin(head.rateHz, head.channels); err != nil {
		return err
	}
	g.most += head.skip
	if _, err := packets.next(false); err != nil { // OpusTags
		return err
	}
	decoder, err := opus.NewDecoder(head.rateHz, 1) // it makes mono of two channels
	if err != nil {
		return err
	}
	pcm := make([]int16, opusPacketMS*head.rateHz/1000)
	mono := make([]float32, len(pcm))
	for {
		packet, err := packets.next(true)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		n, err := decoder.Decode(packet, pcm)
		if err != nil {
			return fmt.Errorf("a packet of %d bytes: %w", len(packet), err)
		}
		for i, v := range pcm[:n] {
			mono[i] = float32(v) * head.gain
		}
		if err := g.add(mono[:n]); err != nil {
			return err
		}
	}
	g.pcm = head.trim(g.pcm, packets.granule)
	return nil
}

// opusHead is the first packet (RFC 7845 §5.1).
type opusHead struct {
	channels int
	rateHz   int // to decode at
	skip     int // samples at that rate, which are the encoder's and not the sound's
	gain     float32
}

func parseOpusHead(b []byte) (opusHead, error) {
	if !bytes.HasPrefix(b, []byte("OpusHead")) || len(b) < opusHeadLength || b[8]&0xf0 != 0 {
		return opusHead{}, errors.New("there is no Opus in it")
	}
	if b[18] != 0 { // mapping family
		return opusHead{}, errors.New("more than two channels")
	}
	rateHz := opusRateHz
	if original := binary.LittleEndian.Uint32(b[12:]); original > 0 {
		rateHz = clipRate(int(original))
	}
	return opusHead{
		channels: int(b[9]), rateHz: rateHz,
		skip: int(binary.LittleEndian.Uint16(b[10:])) * rateHz / opusRateHz,
		gain: float32(math.Pow(10, float64(int16(binary.LittleEndian.Uint16(b[16:])))/(20*256))),
	}, nil
}

// trim cuts what the encoder added in front and, by the last granule position, behind (RFC 7845 §4.2, §4.4).
func (h opusHead) trim(pcm []int16, granule uint64) []int16 {
	end := uint64(len(pcm))
	if granule/opusRateHz <= end { // far below what could overflow
		end = min(end, granule*uint64(h.rateHz)/opusRateHz)
	}
	return pcm[min(uint64(h.skip), end):end]
}

// next is the next packet, valid until the following call; where nobody wants it, it may have any length and is not kept. io.EOF is
// behind the last one.
func (o *oggPackets) next(keep bool) ([]byte, error) {
	o.packet = o.packet[:0]
	for {
		for len(o.page.segments) > 0 {
			n := int(o.page.segments[0])
			o.page.segments = o.page.segments[1:]
			if keep {
				o.packet = append(o.packet, o.page.payload[:n]...)
			}
			o.page.payload = o.page.payload[n:]
			if n < oggSegment {
				o.granule = o.page.granule
				return o.packet, nil
			}
			if len(o.packet) > opusPacketBytes {
				return nil, fmt.Errorf("a packet of more than %d bytes", opusPacketBytes)
			}
		}
		if err := o.turn(len(o.packet) > 0 || !keep); err != nil {
			return nil, err
		}
	}
}

// turn goes to the next page of the stream.
func (o *oggPackets) turn(inPacket bool) error {
	if o.began && o.page.flags&oggLast != 0 {
		if inPacket {
			return io.ErrUnexpectedEOF
		}
		return io.EOF
	}
	for {
		page, err := readPage(o.in)
		switch {
		case errors.Is(err, io.EOF) && inPacket:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case o.began && page.serial != o.page.serial: // of a stream beside it
			continue
		case o.began && page.number != o.page.number+1:
			return fmt.Errorf("page %d follows page %d", page.number, o.page.number)
		case page.flags&oggContinued != 0 && !inPacket:
			return fmt.Errorf("page %d goes on with a packet that never began", page.number)
		case page.flags&oggContinued == 0 && len(o.packet) > 0:
			return fmt.Errorf("page %d does not go on with the packet that began", page.number)
		}
		o.page, o.began = page, true
		return nil
	}
}

// readPage reads a page whose checksum is right; io.EOF is behind the last one.
func readPage(in io.Reader) (oggPage, error) {
	head := make([]byte, oggHeader, oggHeader+oggSegment)
	if _, err := io.ReadFull(in, head); err != nil {
		return oggPage{}, err
	}
	if string(head[:5]) != "OggS\x00" {
		return oggPage{}, errors.New("no page where one should begin")
	}
	head = head[:oggHeader+int(head[oggHeader-1])]
	segments := head[oggHeader:]
	if _, err := io.ReadFull(in, segments); err != nil {
		return oggPage{}, io.ErrUnexpectedEOF
	}
	length := 0
	for _, n := range segments {
		length += int(n)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(in, payload); err != nil {
		return oggPage{}, io.ErrUnexpectedEOF
	}
	p := oggPage{
		flags: head[oggFlagsAt], granule: binary.LittleEndian.Uint64(head[oggGranuleAt:]),
		serial: binary.LittleEndian.Uint32(head[oggSerialAt:]), number: binary.LittleEndian.Uint32(head[oggNumberAt:]),
		segments: segments, payload: payload,
	}
	want := binary.LittleEndian.Uint32(head[oggCRCAt:])
	clear(head[oggCRCAt : oggCRCAt+4])
	if got := oggCRC(oggCRC(0, head), payload); got != want {
		return oggPage{}, fmt.Errorf("page %d: checksum %08x, want %08x", p.number, got, want)
	}
	return p, nil
}

// oggTable is for the CRC of Ogg: polynomial 0x04c11db7, not reflected, from 0 on.
var oggTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			c = c<<1 ^ 0x04c11db7*(c>>31)
		}
		t[i] = c
	}
	return t
}()

// oggCRC goes on with a checksum.
func oggCRC(crc uint32, b []byte) uint32 {
	for _, v := range b {
		crc = crc<<8 ^ oggTable[byte(crc>>24)^v]
	}
	return crc
}
