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

// opusCarriesFEC says whether a packet has a copy of its predecessor in it: the LBRR flag of the first SILK frame
// (RFC 6716 §4.2.4). It looks at packets of one frame only, which is what telephones send.
func opusCarriesFEC(packet []byte) bool {
	if len(packet) < 2 || packet[0]&3 != 0 {
		return false
	}
	config := packet[0] >> 3
	if config >= 16 { // CELT has no copies
		return false
	}
	// The header's first bits are coded evenly, so they stand in the first byte as they are: one VAD flag per
	// 20 ms frame (one for 10 ms), then the LBRR flag of the mid channel.
	vadFlags := max(int(opusFrameSamples[config])/960, 1)
	return packet[1]>>(7-vadFlags)&1 == 1
}
