package multicast

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media/internal/control"
)

// Stats is what a distribution has come to. Counts are since it was opened.
type Stats struct {
	SSRC            uint32
	Packets, Octets uint64 // of RTP that were sent, once for each listener of a list; octets are those of UDP payloads
	SendErrors      uint64 // packets that could not be sent
	Garbage         uint64 // of RTCP
	Collisions      uint64 // somebody else had our SSRC
	Loops           uint64 // our own reports came back from elsewhere

	// Receivers are those who have reported how they hear us, and not for longer than the timeout of RFC 3550 §6.3.5; more than 1024 are
	// estimated.
	Receivers           int
	LossWorst, LossMean float64       // the share of our packets that they have lost in their last interval, 0 to 1
	Jitter              time.Duration // on the average

	Up            bool      // the path is there
	Since         time.Time // since when it is, or is not
	KeyGeneration int       // how many keys there were; 0: nothing is encrypted
}

// counters are written by the Sender's goroutines and read by whoever wants to know.
type counters struct {
	ssrc              atomic.Uint32
	packets, octets   atomic.Uint64
	errors            atomic.Uint64
	garbage           atomic.Uint64
	collisions, loops atomic.Uint64
	receivers         atomic.Int64
	worst, mean       atomic.Uint64 // as math.Float64bits
	jitter            atomic.Int64  // ns
	keys              atomic.Int64
	freshKey          atomic.Pointer[secret]
	freshName         atomic.Pointer[string]
	replaced          atomic.Bool
}

func (c *counters) publish(a control.Audience, rateHz int) {
	c.receivers.Store(int64(a.Receivers))
	c.worst.Store(math.Float64bits(a.Worst))
	c.mean.Store(math.Float64bits(a.Mean))
	c.jitter.Store(int64(time.Duration(a.Jitter) * time.Second / time.Duration(rateHz)))
}

// SSRC is what the stream is sent under at the moment (RFC 3550 §8.2). It is safe for concurrent use, and does not wait.
func (s *Sender) SSRC() uint32 { return s.counters.ssrc.Load() }

// Stats is safe for concurrent use.
func (s *Sender) Stats() Stats {
	c := &s.counters
	up, since := s.keeper.condition()
	return Stats{
		SSRC: c.ssrc.Load(), Packets: c.packets.Load(), Octets: c.octets.Load(), SendErrors: c.errors.Load(),
		Garbage: c.garbage.Load(), Collisions: c.collisions.Load(), Loops: c.loops.Load(),
		Receivers: int(c.receivers.Load()),
		LossWorst: math.Float64frombits(c.worst.Load()), LossMean: math.Float64frombits(c.mean.Load()),
		Jitter: time.Duration(c.jitter.Load()),
		Up:     up, Since: since, KeyGeneration: int(c.keys.Load()),
	}
}
