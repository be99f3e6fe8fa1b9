package mixer

// Source is one whose voice is in a mix.
type Source struct {
	ID    uint32 // the SSRC that its sound came under: what a CSRC list names it by (RFC 3550 §7.1)
	Level uint8  // its level in the mix, in dB below full scale, 0 to 127 (RFC 6465 §3)
}

// MaxSources is how many sources are told of with one packet: as many as an RTP header has room for (RFC 3550 §5.1).
const MaxSources = 15
