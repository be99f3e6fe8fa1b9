package test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/mixer/codec"
)

// inBand is how keys come that are tones in the sound, and nothing else.
const inBand = "in-band"

// toneFile is keys as ITU-T Q.23 has them, 60 ms of their two tones and 60 ms of silence each, in packets of PCMU that SIPp can play (pcap), and how long that takes.
// A comma is a second of silence.
func toneFile(t *testing.T, keys string) (name string, length time.Duration) {
	t.Helper()
	const (
		rateHz = 8000
		frame  = rateHz / 50
	)
	pcm := keyTones(t, keys, rateHz)
	e, err := codec.NewEncoder(codec.Profile{Format: codec.Format{Name: codec.PCMU, ClockRateHz: rateHz, SampleRateHz: rateHz}})
	if err != nil {
		t.Fatal(err)
	}
	file := pcapHeader()
	for i := 0; i < len(pcm); i += frame {
		p := rtp.Packet{
			Header:  rtp.Header{Version: 2, Marker: i == 0, SequenceNumber: uint16(i / frame), Timestamp: uint32(i), SSRC: 0x51bb},
			Payload: make([]byte, frame),
		}
		if _, err := e.Encode(p.Payload, pcm[i:i+frame]); err != nil {
			t.Fatal(err)
		}
		datagram, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		file = appendDatagram(file, time.Duration(i)*time.Second/rateHz, datagram)
	}
	name = filepath.Join(t.TempDir(), "keys.pcap")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, time.Duration(len(pcm)) * time.Second / rateHz
}

// keyTones is the sound of keys, with nothing but whole packets of 20 ms.
func keyTones(t *testing.T, keys string, rateHz int) (pcm []int16) {
	t.Helper()
	const amplitude = 32768 * 0.35 // of each tone: -12 dBFS
	held := rateHz * 3 / 50
	rowsHz, columnsHz := [...]float64{697, 770, 852, 941}, [...]float64{1209, 1336, 1477}
	for _, k := range keys {
		if k == ',' {
			pcm = append(pcm, make([]int16, rateHz)...)
			continue
		}
		at := strings.IndexRune("123456789*0#", k)
		if at < 0 {
			t.Fatalf("%q is no key", k)
		}
		for i := range held {
			phase := 2 * math.Pi * float64(i) / float64(rateHz)
			pcm = append(pcm, int16(amplitude*(math.Sin(rowsHz[at/3]*phase)+math.Sin(columnsHz[at%3]*phase))))
		}
		pcm = append(pcm, make([]int16, held)...)
	}
	return pcm
}

// pcapHeader begins a file of libpcap with frames of Ethernet.
func pcapHeader() []byte {
	file := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	file = binary.LittleEndian.AppendUint16(file, 2)
	file = binary.LittleEndian.AppendUint16(file, 4)
	file = append(file, make([]byte, 8)...)
	file = binary.LittleEndian.AppendUint32(file, 1500)
	return binary.LittleEndian.AppendUint32(file, 1)
}

// appendDatagram appends a UDP datagram of IPv4. SIPp gives it addresses and checksums of its own.
func appendDatagram(file []byte, at time.Duration, data []byte) []byte {
	const ethernet, ip, udp = 14, 20, 8
	frame := make([]byte, ethernet+ip+udp, ethernet+ip+udp+len(data))
	binary.BigEndian.PutUint16(frame[12:], 0x0800)
	frame[ethernet], frame[ethernet+9] = 0x45, 17
	binary.BigEndian.PutUint16(frame[ethernet+2:], uint16(ip+udp+len(data)))
	binary.BigEndian.PutUint16(frame[ethernet+ip+4:], uint16(udp+len(data)))
	frame = append(frame, data...)
	file = binary.LittleEndian.AppendUint32(file, uint32(at/time.Second))
	file = binary.LittleEndian.AppendUint32(file, uint32(at%time.Second/time.Microsecond))
	file = binary.LittleEndian.AppendUint32(file, uint32(len(frame)))
	file = binary.LittleEndian.AppendUint32(file, uint32(len(frame)))
	return append(file, frame...)
}
