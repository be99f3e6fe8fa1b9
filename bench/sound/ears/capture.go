// Package ears has other programs hear what the bridge sends: it writes what came as files that they read, and runs them.
package ears

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/mixer/codec"
)

// Packet is one RTP packet that came.
type Packet struct {
	Arrival time.Time
	Data    []byte
}

// Capture is what one telephone got, in one codec.
type Capture struct {
	Format  codec.Format
	Packets []Packet
}

// ErrNothing says that there is nothing to hear.
var ErrNothing = errors.New("nothing came")

// port is where packets of a pcap file go to, on paper.
const port = 40000

// sipPort is where the message goes to that tells what the payload type is.
const sipPort = 5060

// pcap is the packets as a file of tcpdump's. It begins with an INVITE whose SDP says what they are.
func (c Capture) pcap() []byte {
	out := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	out = binary.LittleEndian.AppendUint16(out, 2)
	out = binary.LittleEndian.AppendUint16(out, 4)
	out = append(out, make([]byte, 8)...)
	out = binary.LittleEndian.AppendUint32(out, 65535)
	out = binary.LittleEndian.AppendUint32(out, 1) // Ethernet
	if len(c.Packets) == 0 {
		return out
	}
	kind := c.Packets[0].Data[1] & 0x7f
	sdp := fmt.Sprintf("v=0\r\no=a 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio %d RTP/AVP %d\r\na=rtpmap:%d %s/%d\r\n",
		port, kind, kind, c.Format.Name, c.Format.ClockRateHz)
	invite := fmt.Sprintf("INVITE sip:b@127.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:b@127.0.0.2>\r\n"+
		"Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(sdp), sdp)
	out = frame(out, c.Packets[0].Arrival.Add(-time.Second), sipPort, []byte(invite))
	for _, p := range c.Packets {
		out = frame(out, p.Arrival, port, p.Data)
	}
	return out
}

// frame appends a datagram with its headers of Ethernet, IPv4 and UDP.
func frame(out []byte, at time.Time, to uint16, data []byte) []byte {
	n := uint32(14 + 20 + 8 + len(data))
	out = binary.LittleEndian.AppendUint32(out, uint32(at.Unix()))
	out = binary.LittleEndian.AppendUint32(out, uint32(at.Nanosecond()/1000))
	out = binary.LittleEndian.AppendUint32(out, n)
	out = binary.LittleEndian.AppendUint32(out, n)
	out = append(out, make([]byte, 12)...)
	out = append(out, 8, 0) // IPv4
	ip := make([]byte, 20)
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(20+8+len(data)))
	copy(ip[12:], []byte{127, 0, 0, 1, 127, 0, 0, 2})
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	udp := make([]byte, 8)
	binary.BigEndian.PutUint16(udp, to)
	binary.BigEndian.PutUint16(udp[2:], to)
	binary.BigEndian.PutUint16(udp[4:], uint16(8+len(data)))
	return append(append(append(out, ip...), udp...), data...)
}

// checksum is that of an IPv4 header (RFC 1071).
func checksum(header []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum + sum>>16)
}

// payloads are those of the packets, in the order in which they came.
func (c Capture) payloads() ([][]byte, error) {
	var out [][]byte
	for _, p := range c.Packets {
		var in rtp.Packet
		if err := in.Unmarshal(p.Data); err != nil {
			return nil, fmt.Errorf("capture: %w", err)
		}
		out = append(out, in.Payload)
	}
	if len(out) == 0 {
		return nil, ErrNothing
	}
	return out, nil
}

// preSkip is how many samples a player leaves out: libopus's look-ahead (RFC 7845 §4.2).
const preSkip = 312

// ogg is the payloads of Opus as an Ogg file (RFC 3533, RFC 7845): each packet a page of its own.
func (c Capture) ogg() ([]byte, error) {
	payloads, err := c.payloads()
	if err != nil {
		return nil, err
	}
	head := append([]byte("OpusHead"), 1, 1)
	head = binary.LittleEndian.AppendUint16(head, preSkip)
	head = binary.LittleEndian.AppendUint32(head, 48000) // of the input
	head = append(head, 0, 0, 0)
	tags := append([]byte("OpusTags"), 4, 0, 0, 0)
	tags = append(append(tags, "none"...), 0, 0, 0, 0)
	out := page(nil, 2, 0, 0, head)
	out = page(out, 0, 0, 1, tags)
	at := uint64(0)
	for i, payload := range payloads {
		units, err := c.Format.ClockUnits(payload)
		if err != nil {
			return nil, fmt.Errorf("ogg: %w", err)
		}
		at += uint64(units)
		kind := byte(0)
		if i == len(payloads)-1 {
			kind = 4
		}
		out = page(out, kind, at, uint32(i+2), payload)
	}
	return out, nil
}

// page appends a page with one packet (RFC 3533 §6).
func page(out []byte, kind byte, granule uint64, number uint32, packet []byte) []byte {
	start := len(out)
	out = append(append(out, "OggS"...), 0, kind)
	out = binary.LittleEndian.AppendUint64(out, granule)
	out = binary.LittleEndian.AppendUint32(out, 1) // the stream
	out = binary.LittleEndian.AppendUint32(out, number)
	out = append(out, 0, 0, 0, 0, byte(len(packet)/255+1))
	for range len(packet) / 255 {
		out = append(out, 255)
	}
	out = append(append(out, byte(len(packet)%255)), packet...)
	binary.LittleEndian.PutUint32(out[start+22:], oggChecksum(out[start:]))
	return out
}

// oggChecksum is a CRC of 32 bits with the polynomial 04c11db7, not reflected, from 0.
func oggChecksum(data []byte) uint32 {
	crc := uint32(0)
	for _, b := range data {
		crc ^= uint32(b) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// write puts a file of a capture into a folder.
func write(path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}
