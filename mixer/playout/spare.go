package playout

import (
	"math"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// When packets that are said to be quiet are not decoded.
const (
	checkEvery    = 16  // packets, of which one is decoded all the same
	newSender     = 100 // packets that are decoded before anything is believed: their background is known then
	attentive     = 50  // packets that are decoded behind a loud one, and behind a lie
	longQuiet     = 25  // packets in a row that no voice is said to be in, before a loud one is a lie: codecs tell it of the ends of words too
	manyLies      = 3   // after which a sender's word is worth nothing
	mostKeptBytes = 320 // of a packet, that it is passed over

	faintOverDB  = 3   // over the background, 3 dB below what is loud (mixer.VAD.Loud)
	faintestDBFS = -63 // what is quieter is never loud
	levelLieDB   = 10  // over what was said is a lie,
	voiceLieDB   = 15  // and over the background where no voice was said to be,
	lieLeastDBFS = -50 // but for what is quieter than that
	overloadDB   = 3   // of a level of RFC 6464, counted from a square wave, over one counted from a sine
)

// sparing is what need not be decoded. A packet that is silent by its bytes never need. One that its sender says to be quiet need not while nobody hears the stream
// (Spare): what is decoded of those once in a while keeps the decoder near them, and shows whether the word is kept.
type sparing struct {
	allowed bool // nobody hears the stream
	out     bool // what was fetched last was left out, and is not nothing
	blank   bool // what is fetched now is all zeros
	zeros   int  // samples of the queue's end that are
	count   uint64

	said    int // packets in a row that are said to be quiet
	passed  int // packets since the last that was decoded, but for silent ones
	decode  int // so many packets are decoded before any is passed over
	lies    int
	kept    []byte // the last packet that was passed over
	silence codec.Passer
}

// Spare says whether anybody hears what the following Pulls return. Where nobody does, comfort noise is silence, and so is what the sender says to be quiet: see
// Withheld. A VAD must have been given to Background for the latter.
func (s *Stream) Spare(unheard bool) { s.spare.allowed = unheard }

// Withheld says that the frame of the last Pull is silent for Spare's sake alone.
func (s *Stream) Withheld() bool { return s.spare.out }

// begin forgets what is known of the sender.
func (sp *sparing) begin() { sp.said, sp.passed, sp.decode, sp.lies = 0, 0, newSender, 0 }

// passOver puts silence into the queue in place of p, if p need not be decoded, and says whether it has.
func (s *Stream) passOver(p *jitter.Packet) bool {
	sp, quiet := &s.spare, s.format.Quiet(p.Payload)
	sp.said++
	if !s.saysQuiet(p, quiet) {
		sp.said = 0
	}
	if !s.ended.sounding || s.ended.faded > 0 || len(s.pause.left) > 0 || s.pause.level > 0 {
		return false // sound that comes back is the decoder's to bring back
	}
	silent := quiet == codec.Silent && sp.silence != nil
	if !silent && !sp.mayPass(p) {
		return false
	}
	n, err := s.decoder.Samples(p.Payload)
	if start := len(s.queue); err != nil || n > cap(s.queue)-start {
		return false
	} else {
		s.queue = s.queue[:start+n]
		clear(s.queue[start:])
	}
	sp.blank, sp.out = true, !silent
	sp.count++
	if silent {
		sp.silence.Pass(n)
		sp.passed, sp.kept = 0, sp.kept[:0]
	} else {
		sp.passed++
		sp.kept = append(sp.kept[:0], p.Payload...)
	}
	s.pause.on = false
	return true
}

// mayPass says whether p is taken for quiet by its sender's word, and need not be looked at.
func (sp *sparing) mayPass(p *jitter.Packet) bool {
	return sp.allowed && sp.said > 0 && sp.decode == 0 && sp.passed < checkEvery-1 && len(p.Payload) <= cap(sp.kept)
}

// saysQuiet says whether the sender says that p is no louder than its background, by a level, or else by what its codec tells, and is believed.
func (s *Stream) saysQuiet(p *jitter.Packet, quiet codec.Quiet) bool {
	switch {
	case s.pause.voice == nil || s.spare.lies >= manyLies:
		return false
	case !p.Level.Known:
		return quiet != codec.Unknown
	}
	return saidDBFS(p.Level) < max(s.pause.voice.QuietestDBFS()+faintOverDB, faintestDBFS)
}

func saidDBFS(l jitter.Level) float64 { return overloadDB - float64(l.Below) }

// wake lets the decoder hear the last packet that was passed over, so that what comes next follows on something. What that sounds like is left behind the queue's end.
func (s *Stream) wake() {
	sp := &s.spare
	if sp.passed == 0 {
		return
	}
	if len(sp.kept) > 0 {
		_, _ = s.decoder.Decode(s.queue[len(s.queue):cap(s.queue)], sp.kept) // one that is broken changes nothing
	}
	sp.passed, sp.kept = 0, sp.kept[:0]
}

// decoded looks at what p, which has been decoded, has become: whether it is as quiet as it was said to be.
func (s *Stream) decoded(p *jitter.Packet, pcm []int16) {
	sp := &s.spare
	sp.decode = max(sp.decode-1, 0)
	v := s.pause.voice
	if v == nil {
		return
	}
	if v.Loud() {
		sp.decode = attentive
	}
	if sp.said == 0 || !p.Level.Known && sp.said < longQuiet {
		return
	}
	most := v.QuietestDBFS() + voiceLieDB
	if p.Level.Known {
		most = saidDBFS(p.Level) + levelLieDB
	}
	if dbfs(pcm) <= max(most, lieLeastDBFS) {
		sp.lies = max(sp.lies-1, 0)
		return
	}
	sp.lies++
	sp.decode = attentive
}

// dbfs is the level of pcm; −127 for silence.
func dbfs(pcm []int16) float64 {
	sum := 0
	for _, v := range pcm {
		sum += int(v) * int(v)
	}
	if sum == 0 {
		return -127
	}
	return 10 * math.Log10(float64(sum)/float64(len(pcm))/(math.MinInt16*math.MinInt16/2))
}

// spliced says that so much was put into the queue, which is now length long, or taken out of it.
func (sp *sparing) spliced(length, by int) {
	if sp.zeros == length-by {
		sp.zeros = length
	} else {
		sp.zeros = 0
	}
}
