package sdp

import (
	"strconv"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// packetTimes are those that we send.
var packetTimes = [...]time.Duration{
	10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond,
}

// longestAsked is the longest ptime or maxptime that somebody can mean; what is beyond it counts as not said.
const longestAsked = time.Second

// packetTime reads the milliseconds of a ptime or maxptime, whole or not (RFC 8866 §6.4); 0 where they make no sense.
func packetTime(value string) time.Duration {
	ms, err := strconv.ParseFloat(value, 64)
	if err != nil || !(ms > 0 && ms <= float64(longestAsked/time.Millisecond)) {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// packed is p with the packet time that is nearest to wanted, of those that p can have and that are no longer than longest,
// where that is not 0. Of two that are as near it is the shorter one, for its delay. Where longest rules out all, it is the
// shortest.
func packed(p codec.Profile, wanted, longest time.Duration) codec.Profile {
	best := time.Duration(-1)
	for _, t := range packetTimes {
		p.Packet = t
		if p.Valid() != nil || best > 0 && (longest != 0 && t > longest || (t-wanted).Abs() >= (best-wanted).Abs()) {
			continue
		}
		best = t
	}
	p.Packet = best
	return p
}

// milliseconds is d as ptime writes it.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
