package codec

// opusFrames are three packets of one frame each that are to become one packet of three (RFC 6716 §3.2.5).
type opusFrames [3]struct {
	memory [opusThirdBytes]byte
	length int // of the packet in memory
}

const (
	// opusThirdBytes bounds each: three and their header are no longer than MaxPayloadBytes.
	opusThirdBytes = 440
	// opusThreeHeader is the longest header of three frames: the two bytes of code 3, and two lengths of two bytes each.
	opusThreeHeader = 6
)

// join writes the packet of all three to dst, which holds them, and returns its length.
//
// One packet has one configuration, and where the encoder changes from one to another a frame may have another. Such a
// frame is left out: a length of 0 says that it was lost (§3.2.1), and the decoder conceals those 10 ms. The encoder changes
// once in seconds, and none of the other ways is better: a packet of another length would not be what was agreed, and one
// frame of 20 ms and one of 10 never have one configuration.
func (f *opusFrames) join(dst []byte) int {
	toc := f.common()
	var frames [len(f)][]byte
	equal := true
	for i := range f {
		if packet := f[i].memory[:f[i].length]; len(packet) > 0 && packet[0]&^3 == toc {
			frames[i] = packet[1:]
		}
		equal = equal && len(frames[i]) == len(frames[0])
	}
	dst[0] = toc | 3
	dst[1] = byte(len(frames))
	n := 2
	if !equal {
		dst[1] |= 0x80 // lengths follow, but for the last
		for _, frame := range frames[:len(frames)-1] {
			n += putOpusFrameLength(dst[n:], len(frame))
		}
	}
	for _, frame := range frames {
		n += copy(dst[n:], frame)
	}
	return n
}

// common is the configuration that most frames have, or the last where all differ: the decoder goes on from there.
func (f *opusFrames) common() byte {
	first, second, third := f[0].memory[0]&^3, f[1].memory[0]&^3, f[2].memory[0]&^3
	if first == second {
		return first
	}
	return third
}

// putOpusFrameLength writes a length (RFC 6716 §3.2.1) and says how many bytes it took.
func putOpusFrameLength(dst []byte, length int) int {
	if length < 252 {
		dst[0] = byte(length)
		return 1
	}
	dst[0] = byte(252 + length&3)
	dst[1] = byte((length - int(dst[0])) >> 2)
	return 2
}
