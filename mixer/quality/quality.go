// Package quality tells how well a leg's sound comes in and how well its peer hears us, in the terms of RFC 3611 §4.7, and
// estimates what a person would think of it with the E-model of ITU-T G.107. It is pure.
package quality

import "time"

// Local is what this side knows of the sound that comes in from one leg: what its RTCP reports are made of.
type Local struct {
	Loss          float64       // of packets that were due, the share that never came, 0 to 1, since the join
	Recovered     float64       // the share that was lost and came a second time in another packet (in-band FEC)
	Discard       float64       // and the share that came too late, or too many at once
	Concealed     float64       // of the time, the share that was made up
	BufferNominal time.Duration // what the playout buffer holds back at the moment
	BufferMax     time.Duration // the most that it was lately
	BufferLimit   time.Duration // the most that it can be
	SignalDBFS    float64       // level of speech; −127: none was heard
	NoiseDBFS     float64       // level between words; −127: not known
	RFactor       float64       // of the E-model, 0 to 93.2; see Estimate
	MOS           float64       // the mean opinion that R stands for (G.107 annex B), 1 to 4.41; 0: not known
}

// Unrepaired is the share of packets that never came and were not recovered out of others either: the loss rate of RFC 3611 §4.7.1.
func (l *Local) Unrepaired() float64 { return max(l.Loss-l.Recovered, 0) }

// Peer is what a leg's peer has reported by RTCP.
type Peer struct {
	At        time.Time     // when its last report came; zero: it has reported nothing
	Loss      float64       // share of our packets lost in its last interval, 0 to 1 (RFC 3550 §6.4.1)
	Lost      int64         // of our packets, in all
	Jitter    time.Duration // interarrival jitter of our packets
	Incoming  time.Duration // and of the peer's, as we report it to the peer (RFC 3550 §6.4.1)
	RoundTrip time.Duration // there and back; 0: not known
	// VoIP says that the peer has sent a VoIP metrics block (RFC 3611 §4.7); RFactor and MOS are its, 0 where it does not
	// know, and BufferNominal is its jitter buffer.
	VoIP          bool
	RFactor, MOS  float64
	BufferNominal time.Duration
}
