package codec

import "encoding/binary"

// Quiet is what a payload shows of how loud it is, before it is decoded.
type Quiet uint8

const (
	// Unknown is what has to be decoded to know.
	Unknown Quiet = iota
	// Faint is next to nothing, or what the sender takes for no speech: the first is so, the second is said.
	Faint
	// Silent decodes to no sample of more than 8 of 32768, −72 dBFS, whatever came before it.
	Silent
)

// Quiet says how quiet payload is, as far as its bytes tell: those of G.711, where all are a zero (Silent) or within a step of it (Faint); those of Opus, where all of
// its frames are of SILK, or of both layers, and say that their encoder has found no voice in them (Faint, RFC 6716 §4.2.3). It allocates nothing.
func (f Format) Quiet(payload []byte) Quiet {
	switch {
	case len(payload) == 0:
	case f.Name == PCMU && all(payload, g711Magnitude&^1, ulawZero&^1):
		return Silent // the step is one of 8
	case f.Name == PCMA && all(payload, g711Magnitude&^1, alawZero&^1):
		if all(payload, g711Magnitude, alawZero) {
			return Silent
		}
		return Faint
	case f.Name == Opus && opusIsInactive(payload):
		return Faint
	}
	return Unknown
}

// A byte of G.711 without its sign, and that of zero: its least bit is the first step.
const (
	g711Magnitude = 0x7f
	ulawZero      = 0x7f
	alawZero      = 0x55
)

// all says whether all bytes of payload are is, in the bits of mask.
func all(payload []byte, mask, is byte) bool {
	const each = 0x0101010101010101
	masks, want := uint64(mask)*each, uint64(is)*each
	for ; len(payload) >= 8; payload = payload[8:] {
		if binary.NativeEndian.Uint64(payload)&masks != want {
			return false
		}
	}
	for _, b := range payload {
		if b&mask != is {
			return false
		}
	}
	return true
}

// opusIsInactive says whether no frame of a packet has voice in it, by the flags of its SILK layer (RFC 6716 §4.2.3).
func opusIsInactive(packet []byte) bool {
	if packet[0]>>3 >= 16 { // CELT has no flags
		return false
	}
	if _, err := opusSamples(packet); err != nil {
		return false
	}
	voice, frames := opusVoiceFlags(packet[0]), packet[1:]
	switch packet[0] & 3 {
	case 0:
		return isInactive(frames, voice)
	case 1:
		return areInactive(frames, 2, voice)
	case 2:
		first, used, _ := opusFrameLength(frames)
		frames = frames[used:]
		return isInactive(frames[:first], voice) && isInactive(frames[first:], voice)
	}
	count, head := int(frames[0]&0x3f), frames[0]
	frames = frames[1:]
	if head&0x40 != 0 {
		frames, _ = opusCutPadding(frames)
	}
	if head&0x80 == 0 {
		return areInactive(frames, count, voice)
	}
	lengths := frames
	for range count - 1 {
		_, used, _ := opusFrameLength(frames)
		frames = frames[used:]
	}
	for range count - 1 {
		length, used, _ := opusFrameLength(lengths)
		if !isInactive(frames[:length], voice) {
			return false
		}
		lengths, frames = lengths[used:], frames[length:]
	}
	return isInactive(frames, voice)
}

// opusVoiceFlags is where the flags stand in the first byte of each frame, as they are, as in opusCarriesFEC:
//
//	 0 1 2 3 4 5 6 7
//	|VAD..|L|VAD..|L|  VAD: one for each 20 ms of the frame, one for 10 ms; L: LBRR. Of stereo the second channel follows.
func opusVoiceFlags(toc byte) byte {
	flags := max(int(opusFrameSamples[toc>>3])/960, 1)
	voice := byte(1<<flags-1) << (8 - flags)
	if toc&4 != 0 {
		voice |= voice >> (flags + 1)
	}
	return voice
}

// isInactive is for one frame. One without bytes is a pause, or was lost.
func isInactive(frame []byte, voice byte) bool { return len(frame) == 0 || frame[0]&voice == 0 }

// areInactive is for count frames of equal lengths.
func areInactive(frames []byte, count int, voice byte) bool {
	size := len(frames) / count
	for i := range count {
		if !isInactive(frames[i*size:(i+1)*size], voice) {
			return false
		}
	}
	return true
}
