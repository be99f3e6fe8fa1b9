package recorder

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

// An Ogg page (RFC 3533 §6):
//
//	0 "OggS"  4 version  5 flags  6 granule position  14 serial  18 sequence  22 CRC  26 segments  27 segment table  payload
//
// A packet's length is the sum of its segments, of which all but the last are 255.
const (
	oggHeader      = 27
	oggMaxSegments = 255
	oggFirst       = 2 // flags: of the first page of a stream,
	oggLast        = 4 // and of the last
	oggCRCAt       = 22
	oggSerial      = 1 // one stream a file
)

// opusPreSkip is what the encoder is late by: 2.5 ms, of CELT alone (RFC 7845 §4.2).
const opusPreSkip = 120

// opusFrame is 20 ms in the units of the container, 48 kHz whatever is encoded (RFC 7845 §4).
const opusFrame = opusRateHz / 50

const opusRateHz = 48000

// pagePackets is how many packets go into a page at most: what comes between two turns of the writer.
const pagePackets = int(writeEvery / tickDuration)

// steadyFrames is after how many frames of silence each packet is as the one before it.
const steadyFrames = 10

// oggSink is a sink of Opus in Ogg (RFC 7845). What is encoded has the room's rate.
type oggSink struct {
	out      *out
	rateHz   int
	encoder  codec.Encoder
	sequence uint32
	granule  uint64 // of all packets that were encoded
	samples  uint64 // that were written
	whole    []byte // the last page
	page     []byte // payload of the page that is filled
	table    []byte // its segments
	packets  int
	silent   int  // frames of silence since the last sound
	fresh    bool // the next packet is the first of its encoder, in the middle of a stream
	packet   [codec.MaxPayloadBytes]byte
	last     int // length of the last packet
	// The last frame, for an encoder that goes on from there.
	pcm [mixer.MaxFrameSamples]int16
}

func newOgg(f file, rateHz int) (sink, error) {
	enc, err := newOpus(rateHz)
	if err != nil {
		return nil, err
	}
	s := &oggSink{out: newOut(f), rateHz: rateHz, encoder: enc}
	head := append([]byte("OpusHead"), 1, 1) // version, channels
	head = binary.LittleEndian.AppendUint16(head, opusPreSkip)
	head = binary.LittleEndian.AppendUint32(head, uint32(rateHz)) // of the sound at its beginning, which players do not need
	head = append(head, 0, 0, 0)                                  // gain, mapping
	s.add(head)
	if err := s.writePage(oggFirst, 0); err != nil {
		return nil, err
	}
	const vendor = "confbridge"
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), uint32(len(vendor)))
	tags = append(tags, vendor...)
	s.add(append(tags, 0, 0, 0, 0)) // comments
	return s, s.writePage(0, 0)
}

// newOpus makes an encoder. Without copies for repair it is flat to its band's edge and costs a quarter (decision 0017), and of that a third with the least complexity, which is
// understood no worse (decision 0054).
func newOpus(rateHz int) (codec.Encoder, error) {
	return codec.NewEncoder(codec.Profile{
		Format: codec.Format{Name: codec.Opus, ClockRateHz: opusRateHz, SampleRateHz: rateHz},
		Opus:   codec.OpusSettings{NoFEC: true, Thrifty: true},
	})
}

// rise implements [riser]. The encoder of the new rate has heard the last frame, and the first of its packets is one that asks for nothing to be remembered.
func (s *oggSink) rise(rateHz int) error {
	enc, err := newOpus(rateHz)
	if err != nil {
		return err
	}
	up := mixer.MakeResampler(s.rateHz, rateHz)
	var heard [mixer.MaxFrameSamples]int16
	n := up.Process(heard[:], s.pcm[:mixer.FrameSamples(s.rateHz)])
	if _, err := enc.Encode(s.packet[:], heard[:n]); err != nil {
		return err
	}
	s.encoder, s.rateHz, s.fresh, s.silent = enc, rateHz, true, 0
	copy(s.pcm[:], heard[:n])
	return nil
}

// add puts a packet into the page.
func (s *oggSink) add(packet []byte) {
	s.page = append(s.page, packet...)
	n := len(packet)
	for ; n >= oggMaxSegments; n -= oggMaxSegments {
		s.table = append(s.table, oggMaxSegments)
	}
	s.table = append(s.table, byte(n))
	s.packets++
}

// writePage writes the page that was filled.
func (s *oggSink) writePage(flags byte, granule uint64) error {
	page := append(s.whole[:0], "OggS\x00"...)
	page = append(page, flags)
	page = binary.LittleEndian.AppendUint64(page, granule)
	page = binary.LittleEndian.AppendUint32(page, oggSerial)
	page = binary.LittleEndian.AppendUint32(page, s.sequence)
	page = append(page, 0, 0, 0, 0, byte(len(s.table)))
	page = append(page, s.table...)
	page = append(page, s.page...)
	binary.LittleEndian.PutUint32(page[oggCRCAt:], oggCRC(page))
	s.sequence++
	s.whole = page
	s.page, s.table, s.packets = s.page[:0], s.table[:0], 0
	_, err := s.out.Write(page)
	return err
}

func (s *oggSink) write(pcm []int16) error {
	s.samples += opusFrame
	s.silent = 0
	copy(s.pcm[:], pcm)
	return s.encode(pcm)
}

func (s *oggSink) encode(pcm []int16) error {
	encode := s.encoder.Encode
	if s.fresh {
		encode, s.fresh = s.encoder.(codec.Beginner).Begin, false
	}
	n, err := encode(s.packet[:], pcm)
	if err != nil {
		return err
	}
	s.last = n
	return s.keep()
}

// keep puts the last packet into the page, and writes the page when it is full.
func (s *oggSink) keep() error {
	segments := s.last/oggMaxSegments + 1
	if s.packets == pagePackets || len(s.table)+segments > oggMaxSegments {
		if err := s.writePage(0, s.granule); err != nil {
			return err
		}
	}
	s.granule += opusFrame
	s.add(s.packet[:s.last])
	return nil
}

// silence repeats the packet of silence where the encoder would make no other.
func (s *oggSink) silence(frames uint64) error {
	clear(s.pcm[:])
	for range frames {
		s.samples += opusFrame
		s.silent++
		var err error
		if s.silent > steadyFrames {
			err = s.keep()
		} else {
			err = s.encode(s.pcm[:mixer.FrameSamples(s.rateHz)])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flush makes a page of what there is.
func (s *oggSink) flush() error {
	if s.packets > 0 {
		if err := s.writePage(0, s.granule); err != nil {
			return err
		}
	}
	return s.out.buffer.Flush()
}

// finish lets the encoder's delay out; the last page's granule position says where the sound ends (RFC 7845 §4.4).
func (s *oggSink) finish() error {
	if s.granule < s.samples+opusPreSkip {
		clear(s.pcm[:])
		if err := s.encode(s.pcm[:mixer.FrameSamples(s.rateHz)]); err != nil {
			return err
		}
	}
	return errors.Join(s.writePage(oggLast, s.samples+opusPreSkip), s.out.buffer.Flush())
}

// repairOgg cuts what is behind the last whole page, and makes that the last of the stream.
func repairOgg(f *os.File, stop <-chan struct{}) (length, error) {
	in := bufio.NewReaderSize(f, bufferBytes)
	var last []byte
	whole, granule := int64(0), uint64(0)
	for sequence := uint32(0); ; sequence++ {
		if stopped(stop) {
			return length{}, errStopped
		}
		page, err := readPage(in)
		if err != nil || binary.LittleEndian.Uint32(page[18:]) != sequence {
			break // what follows is none of the file's
		}
		at := binary.LittleEndian.Uint64(page[6:])
		if at < granule {
			break
		}
		whole, granule, last = whole+int64(len(page)), at, page
	}
	if granule <= opusPreSkip {
		return length{}, nil
	}
	if err := f.Truncate(whole); err != nil {
		return length{}, err
	}
	last[5] |= oggLast
	clear(last[oggCRCAt : oggCRCAt+4])
	binary.LittleEndian.PutUint32(last[oggCRCAt:], oggCRC(last))
	_, err := f.WriteAt(last, whole-int64(len(last)))
	return length{granule - opusPreSkip, opusRateHz}, err
}

// readPage reads one whole page; its CRC is right.
func readPage(r io.Reader) ([]byte, error) {
	page := make([]byte, oggHeader, 1<<12)
	if _, err := io.ReadFull(r, page); err != nil {
		return nil, err
	}
	if string(page[:5]) != "OggS\x00" {
		return nil, fmt.Errorf("ogg: no page: %w", errBroken)
	}
	table := make([]byte, page[26])
	if _, err := io.ReadFull(r, table); err != nil {
		return nil, err
	}
	length := 0
	for _, n := range table {
		length += int(n)
	}
	page = append(page, table...)
	page = append(page, make([]byte, length)...)
	if _, err := io.ReadFull(r, page[oggHeader+len(table):]); err != nil {
		return nil, err
	}
	want := binary.LittleEndian.Uint32(page[oggCRCAt:])
	clear(page[oggCRCAt : oggCRCAt+4])
	if oggCRC(page) != want {
		return nil, fmt.Errorf("ogg: CRC: %w", errBroken)
	}
	binary.LittleEndian.PutUint32(page[oggCRCAt:], want)
	return page, nil
}

// oggTable is for the CRC of Ogg: polynomial 0x04c11db7, not reflected, from 0 on (RFC 3533 §6).
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

// oggCRC is a page's, whose own field must be 0.
func oggCRC(page []byte) (crc uint32) {
	for _, b := range page {
		crc = crc<<8 ^ oggTable[byte(crc>>24)^b]
	}
	return crc
}
