package sdp

import (
	"strconv"
	"strings"

	"github.com/confbridge/confbridge/mixer/codec"
)

// opusFormat is what a peer says of Opus (RFC 7587 §6.1).
type opusFormat struct {
	sendHz    int // the rate to encode at, by maxplaybackrate
	receiveHz int // the rate to decode at, by sprop-maxcapturerate
	settings  codec.OpusSettings
}

// readOpus reads what a peer asks for as a receiver, and what it says of its own sending. The two have nothing to do with each
// other (§7: all of it is declarative). What is out of bounds counts as not said; of repeated parameters the first counts.
// sprop-stereo need not be known: our decoder takes both channels.
func readOpus(fmtp string) opusFormat {
	o := opusFormat{sendHz: 48000, receiveHz: 48000, settings: codec.OpusSettings{NoFEC: true}} // without useinbandfec=1 there is no use for it
	seen := map[string]bool{}
	for p := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(p, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || seen[key] {
			continue
		}
		seen[key] = true
		o.read(key, n)
	}
	return o
}

// read takes one parameter.
func (o *opusFormat) read(key string, n uint64) {
	switch key {
	case "maxplaybackrate":
		o.sendHz, o.settings.PlaybackHz = playbackRate(n)
	case "sprop-maxcapturerate":
		o.receiveHz = captureRate(n)
	case "maxaveragebitrate":
		if n >= codec.MinOpusBitrateBps && n <= codec.MaxOpusBitrateBps {
			o.settings.MaxBitrateBps = int(n)
		}
	case "useinbandfec":
		o.settings.NoFEC = n != 1
	case "usedtx":
		o.settings.DTX = n == 1
	case "cbr":
		o.settings.CBR = n == 1
	}
}

// leastOpusRate is the lowest rate that a parameter can have (RFC 7587 §6.1).
const leastOpusRate = 8000

// playbackRate is how to encode for a receiver that plays no more than a rate: with the lowest of our rates that has the band
// of Opus that it can play, and of that, no more than this band.
func playbackRate(hz uint64) (sendHz, bandHz int) {
	switch {
	case hz < leastOpusRate || hz >= 48000:
		return 48000, 0
	case hz < codec.OpusMediumbandHz:
		return 8000, 0
	case hz < 16000:
		return 16000, codec.OpusMediumbandHz
	case hz < codec.OpusSuperWidebandHz:
		return 16000, 0
	}
	return 48000, codec.OpusSuperWidebandHz
}

// captureRate is the lowest of our rates that has all that a sender captures at a rate. It is a hint only: what has more band is
// decoded at this rate as well, without it.
func captureRate(hz uint64) int {
	switch {
	case hz < leastOpusRate:
		return 48000
	case hz == 8000:
		return 8000
	case hz <= 16000:
		return 16000
	}
	return 48000
}
