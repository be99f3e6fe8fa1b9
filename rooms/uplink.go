package rooms

import (
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

const frameDuration = mixer.FrameDuration

// uplink is the way of the sound from a leg to the mix: jitter buffer, decoder, PCM queue, resampler.
//
//	packets -> jitter -> decode or conceal -> queue (codec's rate) -> resample -> frame (room's rate)
type uplink struct {
	format  codec.Format
	decoder codec.Decoder
	jitter  *jitter.Buffer

	queue []int16 // decoded and not yet played, at format.SampleRateHz; cap is the longest packet and a frame
	merge []int16 // the packet that is being cross-faded into the next; grown at the first merge of a format

	resampler mixer.Resampler
	rateHz    int     // the room's
	frame     []int16 // this tick's 20 ms, at rateHz

	received           uint64
	pastLost, pastLate uint64 // in the buffers before this one
	made               time.Duration
}

// prepare makes what is needed to receive f, outside the tick.
func (u *uplink) prepare(f codec.Format) error {
	if u.decoder != nil && u.format == f {
		return nil
	}
	decoder, err := codec.NewDecoder(f)
	if err != nil {
		return err
	}
	if u.jitter != nil {
		past := u.jitter.Stats()
		u.pastLost += past.Lost
		u.pastLate += past.Late
	}
	u.format, u.decoder = f, decoder
	u.jitter = jitter.New(jitter.Config{ClockRateHz: f.ClockRateHz})
	longest := f.SampleRateHz * codec.MaxPacketMilliseconds / 1000
	u.queue = make([]int16, 0, longest+mixer.FrameSamples(f.SampleRateHz))
	u.merge = nil
	return nil
}

// restart forgets what was buffered: another stream begins. The decoder goes on where the format is the same; its
// first frames then fade in from the old sound instead of from nothing.
func (u *uplink) restart(f codec.Format) error {
	if f != u.format {
		return u.prepare(f)
	}
	u.jitter.Reset()
	return nil
}

// tune sets the rate that frames come out at.
func (u *uplink) tune(rateHz int) {
	u.resampler.Retune(u.format.SampleRateHz, rateHz)
	u.rateHz = rateHz
	u.frame = resize(u.frame, mixer.FrameSamples(rateHz))
}

// resize returns a slice of n samples, with the memory of s where that is enough.
func resize(s []int16, n int) []int16 {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]int16, n)
}

// pull takes the next 20 ms into frame and says whether there is any sound in it. A silent frame's samples are zero.
func (u *uplink) pull(now time.Time) (sounding bool) {
	need := mixer.FrameSamples(u.format.SampleRateHz)
	for len(u.queue) < need {
		u.fetch(now, need)
	}
	sounding = !isConstant(u.queue[:need]) // DC is no sound: a silent PCMA payload is a constant 8
	if !sounding {
		clear(u.queue[:need])
	}
	u.resampler.Process(u.frame, u.queue[:need])
	u.queue = u.queue[:copy(u.queue, u.queue[need:])]
	return sounding || !isConstant(u.frame) // the filter's tail
}

// fetch appends the next packet's sound, or what stands for it, to the queue.
func (u *uplink) fetch(now time.Time, need int) {
	p, outcome := u.jitter.Next(now)
	switch outcome {
	case jitter.Play:
		u.play(p)
	case jitter.Lost:
		u.conceal(p.Samples)
	case jitter.Merge:
		u.playMerged(now, p)
	default:
		u.silence(need - len(u.queue))
	}
}

// play decodes p onto the queue, or conceals what it should have been.
func (u *uplink) play(p jitter.Packet) {
	n, err := u.decoder.Decode(u.queue[len(u.queue):cap(u.queue)], p.Payload)
	if err != nil || n == 0 {
		u.conceal(p.Samples)
		return
	}
	u.queue = u.queue[:len(u.queue)+n]
}

// playMerged plays p and the packet behind it in the time of one: how the buffer takes delay out without a click.
func (u *uplink) playMerged(now time.Time, p jitter.Packet) {
	start := len(u.queue)
	u.play(p)
	if u.merge == nil {
		u.merge = make([]int16, 0, u.format.SampleRateHz*codec.MaxPacketMilliseconds/1000)
	}
	u.merge = append(u.merge[:0], u.queue[start:]...)
	u.queue = u.queue[:start]
	next, outcome := u.jitter.Next(now)
	if outcome != jitter.Play {
		u.queue = append(u.queue, u.merge...)
		return
	}
	u.play(next)
	if n := min(len(u.queue)-start, len(u.merge)); n > 0 {
		tail := u.queue[start : start+n]
		mixer.Crossfade(tail, u.merge[:n], tail)
	}
}

// conceal puts made-up sound in place of samples clock units.
func (u *uplink) conceal(samples int) {
	n := samples * u.format.SampleRateHz / u.format.ClockRateHz
	n = min(max(n, 1), cap(u.queue)-len(u.queue))
	start := len(u.queue)
	u.queue = u.queue[:start+n]
	u.decoder.Conceal(u.queue[start:])
	u.made += time.Duration(n) * time.Second / time.Duration(u.format.SampleRateHz)
}

func (u *uplink) silence(n int) {
	start := len(u.queue)
	u.queue = u.queue[:start+n]
	clear(u.queue[start:])
}

// isConstant says whether all samples are the same, which nobody can hear.
func isConstant(pcm []int16) bool {
	for _, v := range pcm[1:] {
		if v != pcm[0] {
			return false
		}
	}
	return true
}

// put takes a packet in.
func (u *uplink) put(p jitter.Packet) {
	u.received++
	u.jitter.Put(p)
}

// stats sums what all buffers since the join have seen.
func (u *uplink) stats() MediaStats {
	now := u.jitter.Stats()
	return MediaStats{
		PacketsReceived: u.received, PacketsLost: u.pastLost + now.Lost, PacketsLate: u.pastLate + now.Late,
		Concealed: u.made, BufferDelay: now.Delay,
	}
}

// delay is what the jitter buffer adds now.
func (u *uplink) delay() time.Duration { return u.jitter.Stats().Delay }
