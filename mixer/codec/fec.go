package codec

// Recoverer is what a [Decoder] is besides where its packets carry a coarse copy of the packet before them (Opus
// in-band FEC, RFC 6716 §2.1.7).
type Recoverer interface {
	// Carries says whether packet has such a copy in it, by its outer form.
	Carries(packet []byte) bool
	// Recover fills dst, as long as the one packet that was lost, from next, the packet after it, and reports
	// whether it could. Where it could not, dst is undefined, the decoder is as it was, and the caller conceals. Next
	// is decoded afterwards as always.
	Recover(dst []int16, next []byte) bool
}

// opusCarriesFEC says whether a packet has a copy of what was before it in it: the LBRR flag of its first SILK frame
// (RFC 6716 §4.2.4). Of several frames in a packet the first has the copy of the last one of the packet before.
func opusCarriesFEC(packet []byte) bool {
	if len(packet) == 0 {
		return false
	}
	config := packet[0] >> 3
	if config >= 16 { // CELT has no copies
		return false
	}
	first := opusFirstFrame(packet)
	if len(first) == 0 {
		return false
	}
	// The header's first bits are coded evenly, so they stand in the first byte as they are: one VAD flag per
	// 20 ms frame (one for 10 ms), then the LBRR flag of the mid channel.
	vadFlags := max(int(opusFrameSamples[config])/960, 1)
	return first[0]>>(7-vadFlags)&1 == 1
}

// opusFirstFrame is what a packet has from the first byte of its first frame on; nothing where that frame is empty, or not
// there (RFC 6716 §3.2).
func opusFirstFrame(packet []byte) []byte {
	rest := packet[1:]
	switch packet[0] & 3 {
	case 2:
		length, used, ok := opusFrameLength(rest)
		if !ok || length == 0 {
			return nil
		}
		return rest[used:]
	case 3:
		if len(rest) == 0 {
			return nil
		}
		return opusFirstOfMany(rest[0], rest[1:])
	}
	return rest
}

// opusFirstOfMany is that of a packet of code 3: head has the count, rest is what follows it.
func opusFirstOfMany(head byte, rest []byte) []byte {
	if head&0x40 != 0 {
		var ok bool
		if rest, ok = opusCutPadding(rest); !ok {
			return nil
		}
	}
	if head&0x80 == 0 {
		return rest
	}
	for i := range int(head&0x3f) - 1 {
		length, used, ok := opusFrameLength(rest)
		if !ok || i == 0 && length == 0 {
			return nil
		}
		rest = rest[used:]
	}
	return rest
}
