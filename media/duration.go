package media

import (
	"github.com/confbridge/confbridge/mixer/codec"
)

// knownDuration says whether payloadSamples has a rule for f.
func knownDuration(f codec.Format) bool {
	switch f.Name {
	case codec.PCMU, codec.PCMA:
		return true
	case codec.Opus:
		return f.ClockRateHz == 48000 // RFC 7587 §4.1
	}
	return false
}

// payloadSamples is what payload lasts in units of f's RTP clock, from its first bytes alone. It is false for what
// cannot be a payload of f or lasts longer than codec.MaxPacketMilliseconds.
func payloadSamples(f codec.Format, payload []byte) (int, bool) {
	n := len(payload) // G.711: one byte a sample (RFC 3551 §4.5.14)
	if f.Name == codec.Opus {
		n = opusSamples(payload)
	}
	return n, n > 0 && n <= f.ClockRateHz*codec.MaxPacketMilliseconds/1000
}

// opusSamples reads the table of contents of an Opus packet (RFC 6716 §3.1, §3.2); 0 if there is none.
func opusSamples(payload []byte) int {
	if len(payload) == 0 {
		return 0
	}
	frames := 2
	switch payload[0] & 3 {
	case 0:
		frames = 1
	case 3:
		if len(payload) < 2 {
			return 0
		}
		frames = int(payload[1] & 0x3f)
	}
	return frames * opusFrame(payload[0]>>3)
}

// opusFrame is the length of one frame of a configuration in 48 kHz units (RFC 6716 §3.1, table 2).
func opusFrame(config byte) int {
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [4]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		return 120 << (config & 3)
	}
}
