package sdp

import (
	"strconv"
	"strings"

	"github.com/confbridge/confbridge/mixer/codec"
)

// readOpus reads what a receiver of Opus asks for (RFC 7587 §6.1): the highest of our rates that it plays, and the rest. What
// is out of bounds counts as not said; of repeated parameters the first counts. What it says of its own sending
// (sprop-maxcapturerate, sprop-stereo) need not be known: our decoder takes any rate, and both channels.
func readOpus(fmtp string) (rateHz int, o codec.OpusSettings) {
	rateHz, o.NoFEC = 48000, true // without useinbandfec=1 there is no use for it
	seen := map[string]bool{}
	for p := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(p, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || seen[key] {
			continue
		}
		seen[key] = true
		switch key {
		case "maxplaybackrate":
			rateHz = opusRate(n)
		case "maxaveragebitrate":
			if n >= codec.MinOpusBitrateBps && n <= codec.MaxOpusBitrateBps {
				o.MaxBitrateBps = int(n)
			}
		case "useinbandfec":
			o.NoFEC = n != 1
		case "usedtx":
			o.DTX = n == 1
		case "cbr":
			o.CBR = n == 1
		}
	}
	return rateHz, o
}

// opusRate is the highest of our rates that has no more than a receiver plays.
func opusRate(playbackHz uint64) int {
	switch {
	case playbackHz == 0:
		return 48000
	case playbackHz < 12000:
		return 8000
	case playbackHz < 24000:
		return 16000
	}
	return 48000
}
