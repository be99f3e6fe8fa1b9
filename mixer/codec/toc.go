package codec

import "fmt"

// Errors of the packet's outer form are made once: the hot path may not allocate one.
var (
	errOpusEmpty  = fmt.Errorf("%w: Opus: no bytes (RFC 6716 §3.4 R1)", ErrPayload)
	errOpusFrame  = fmt.Errorf("%w: Opus: frame longer than 1275 bytes (RFC 6716 §3.4 R2)", ErrPayload)
	errOpusOdd    = fmt.Errorf("%w: Opus: two equal frames in an odd number of bytes (RFC 6716 §3.4 R3)", ErrPayload)
	errOpusShort  = fmt.Errorf("%w: Opus: ends inside a frame (RFC 6716 §3.4 R4, R6, R7)", ErrPayload)
	errOpusLong   = fmt.Errorf("%w: Opus: no frames, or more than 120 ms (RFC 6716 §3.4 R5)", ErrPayload)
	errOpusBroken = fmt.Errorf("%w: Opus: libopus refuses it", ErrPayload)
)

const opusMaxFrameBytes = 1275

// opusFrameSamples is the length of one frame at 48 kHz by the TOC's configuration number (RFC 6716 §3.1, table 2).
var opusFrameSamples = [32]int16{
	480, 960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 1920, 2880, // SILK: NB, MB, WB
	480, 960, 480, 960, // hybrid: SWB, FB
	120, 240, 480, 960, 120, 240, 480, 960, 120, 240, 480, 960, 120, 240, 480, 960, // CELT: NB, WB, SWB, FB
}

// opusSamples checks the packet's outer form by the rules R1 to R7 of RFC 6716 §3.4 and says how many samples
// at 48 kHz it lasts. No frame is decoded.
func opusSamples(packet []byte) (int, error) {
	if len(packet) == 0 {
		return 0, errOpusEmpty
	}
	frame := int(opusFrameSamples[packet[0]>>3])
	rest := packet[1:]
	switch packet[0] & 3 {
	case 0: // §3.2.2
		return frame, frameFits(len(rest))
	case 1: // §3.2.3
		if len(rest)%2 != 0 {
			return 0, errOpusOdd
		}
		return 2 * frame, frameFits(len(rest) / 2)
	case 2: // §3.2.4
		first, used, ok := opusFrameLength(rest)
		if !ok || first > len(rest)-used {
			return 0, errOpusShort
		}
		return 2 * frame, frameFits(len(rest) - used - first)
	default:
		return opusManyFrames(frame, rest)
	}
}

func frameFits(length int) error {
	if length > opusMaxFrameBytes {
		return errOpusFrame
	}
	return nil
}

// opusPause is the longest packet in which no frame has any bytes: the encoder says by it that it sends nothing for now, and others
// of those need not even be sent (DTX, RFC 7587 §3.1.3).
const opusPause = 2

// opusManyFrames reads code 3: a count, perhaps padding, and lengths (RFC 6716 §3.2.5).
func opusManyFrames(frame int, rest []byte) (int, error) {
	if len(rest) == 0 {
		return 0, errOpusShort
	}
	count := int(rest[0] & 0x3f)
	vbr, padded := rest[0]&0x80 != 0, rest[0]&0x40 != 0
	rest = rest[1:]
	if count == 0 || count*frame > 48*MaxPacketMilliseconds {
		return 0, errOpusLong
	}
	if padded {
		var ok bool
		if rest, ok = opusCutPadding(rest); !ok {
			return 0, errOpusShort
		}
	}
	if !vbr {
		if len(rest)%count != 0 {
			return 0, errOpusShort
		}
		return count * frame, frameFits(len(rest) / count)
	}
	sum := 0
	for range count - 1 {
		length, used, ok := opusFrameLength(rest)
		if !ok {
			return 0, errOpusShort
		}
		rest = rest[used:]
		sum += length
	}
	if sum > len(rest) {
		return 0, errOpusShort
	}
	return count * frame, frameFits(len(rest) - sum)
}

// opusCutPadding takes off the padding and the bytes that say how long it is.
func opusCutPadding(rest []byte) ([]byte, bool) {
	padding := 0
	for {
		if len(rest) == 0 {
			return nil, false
		}
		b := int(rest[0])
		rest = rest[1:]
		if b < 255 {
			padding += b
			break
		}
		padding += 254
	}
	if padding > len(rest) {
		return nil, false
	}
	return rest[:len(rest)-padding], true
}

// opusFrameLength reads a length of one or two bytes (RFC 6716 §3.2.1) and says how many bytes it took.
func opusFrameLength(b []byte) (length, used int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	if b[0] < 252 {
		return int(b[0]), 1, true
	}
	if len(b) < 2 {
		return 0, 0, false
	}
	return int(b[1])*4 + int(b[0]), 2, true
}
