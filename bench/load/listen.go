package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/confbridge/confbridge/bench/gen"
	"github.com/confbridge/confbridge/bench/load/speech"
	"github.com/confbridge/confbridge/bench/report"
)

const (
	findWithin  = 180 * time.Millisecond // a chirp is looked for so long; then comes the next
	sureChirp   = 0.4                    // normalized correlation
	toneWithin  = 3.0                    // dB that each talker's tone may differ from how it was said
	ownToneGoal = -50.0                  // dB, of one's own tone against the others'
	badShare    = 0.01                   // of packets lost or late
)

// settlePackets is what a decoder that begins in the middle needs until its sound is right.
const settlePackets = 5

// listen evaluates what all legs have heard.
func (l *load) listen() {
	if !l.hold { // else there is nothing to hear
		l.countPackets()
		l.checkTones()
		l.findChirps()
	}
	late := slices.Sorted(slices.Values(l.set.Lateness()))
	if len(late) > 0 {
		l.run.GeneratorLateMsP99 = float64(late[len(late)*99/100]) / 1000
		l.run.GeneratorLateMsMax = float64(late[len(late)-1]) / 1000
	}
	for _, leg := range l.own() {
		l.run.GeneratorUnsent += leg.Unsent
	}
}

func (l *load) countPackets() {
	want := int(l.steady / gen.PacketTime)
	var late []float32
	for i, leg := range l.own() {
		if l.calls[i] == nil {
			continue // a failed call is counted as such
		}
		q := leg.Quality(want)
		late = leg.LateMs(late)
		l.run.PacketsIn += q.Received
		l.run.PacketsLost += q.Lost
		l.run.PacketsLate += q.Late
		if float64(q.Lost+q.Late) >= badShare*float64(want) {
			l.run.BadLegs++
		}
	}
	if slices.Sort(late); len(late) > 0 {
		p999 := float64(late[len(late)*999/1000])
		l.run.LateMsP999, l.run.LateBy5 = &p999, report.By5(late)
	}
}

// checkTones looks for each talker's tone in what each leg heard in the tone window.
func (l *load) checkTones() {
	l.run.OwnToneDB = math.Inf(-1)
	for i, leg := range l.own() {
		if l.calls[i] == nil {
			continue
		}
		me, talks := l.talker(i)
		right := len(leg.Tone) > 0
		if !right {
			l.noteHearing("leg %d heard nothing", i)
		}
		heard := l.voices[i].decode(leg.Tone)
		heard = heard[min(len(heard), settlePackets*gen.PacketSamples):]
		for k := range min(l.talkers, speech.Tones) {
			if len(heard) == 0 {
				break
			}
			own := talks && k == me
			level := toneLevel(heard, speech.Tone(k), own) - speech.ToneDB
			good := math.Abs(level) <= toneWithin
			if own {
				good = l.talkers == 1 || level < ownToneGoal
				l.run.OwnToneDB = max(l.run.OwnToneDB, level)
			}
			if !good {
				right = false
				l.noteHearing("leg %d (talker %v) hears talker %d at %+.1f dB", i, talks, k, level)
			}
		}
		if !right {
			l.run.HearWrong++
		}
	}
	if math.IsInf(l.run.OwnToneDB, -1) {
		l.run.OwnToneDB = -120 // nobody could hear it: JSON has no infinity
	}
}

// toneLevel is how loud a tone is over all the time; or, where it should be there, in most of it: where a jitter buffer
// has cut or concealed a packet, the tone goes on in another phase, and would partly cancel itself.
func toneLevel(heard []float64, hz float64, own bool) float64 {
	if own {
		return speech.Level(heard, hz)
	}
	const parts = 5
	var levels []float64
	for part := range slices.Chunk(heard, len(heard)/parts) {
		levels = append(levels, speech.Level(part, hz))
	}
	slices.Sort(levels)
	return levels[len(levels)/2]
}

// noteHearing notes what a leg hears wrong; the first few are reported.
func (l *load) noteHearing(format string, args ...any) {
	if len(l.run.HearNotes) < 5 {
		l.run.HearNotes = append(l.run.HearNotes, fmt.Sprintf(format, args...))
	}
}

// packet is one that was heard, decoded.
type packet struct {
	arrival int64 // Unix nanoseconds
	pcm     []float64
}

// decoded is all that a leg heard.
func decoded(leg *gen.Leg, v *voice) []packet {
	payloads := make([][]byte, len(leg.Heard))
	for i, p := range leg.Heard {
		payloads[i] = p.Payload
	}
	pcm := v.decode(payloads)
	all := make([]packet, len(payloads))
	for i, p := range leg.Heard {
		all[i] = packet{p.Arrival, pcm[i*gen.PacketSamples : (i+1)*gen.PacketSamples]}
	}
	return all
}

// findChirps measures mouth to ear: for each chirp and each leg that kept all it heard, the time from the sending of
// the packet that begins with the chirp's first sample, to the arrival of the packet that holds this sample plus
// where in that packet it lies. Packets are as long on both sides, so this is what the bridge and the loopback add. What
// the chirping telephone's own codec holds back is not in it.
func (l *load) findChirps() {
	var delays []float64
	heard := map[int][]packet{}
	for i, leg := range l.own() {
		if leg.Heard != nil && l.calls[i] != nil {
			heard[i] = decoded(leg, l.voices[i])
		}
	}
	for _, chirp := range l.set.Chirps() {
		for i := range l.own() {
			if i == chirp.Leg || heard[i] == nil || l.room(i) != l.room(chirp.Leg) {
				continue
			}
			of := l.voices[chirp.Leg]
			if ms, ok := find(heard[i], chirp.Sent, of.pattern); ok {
				delays = append(delays, ms-of.heldMs)
			} else {
				l.run.ChirpsMissed++
			}
		}
	}
	l.run.Chirps = len(delays)
	if len(delays) > 0 {
		slices.Sort(delays)
		l.run.MouthToEarP50 = delays[len(delays)/2]
		l.run.MouthToEarP95 = delays[len(delays)*95/100]
		l.run.MouthToEarMax, l.run.MouthToEarBy5 = delays[len(delays)-1], report.By5(delays)
	}
}

// find looks for pattern in what came after a chirp was sent, and returns its delay in ms.
func find(heard []packet, sent int64, pattern []float64) (float64, bool) {
	first, _ := slices.BinarySearchFunc(heard, sent, func(p packet, t int64) int { return cmp.Compare(p.arrival, t) })
	var pcm []float64
	last := first
	for last < len(heard) && heard[last].arrival < sent+int64(findWithin) {
		pcm = append(pcm, heard[last].pcm...)
		last++
	}
	at, sure := speech.Find(pcm, pattern)
	if sure < sureChirp {
		return 0, false
	}
	for _, p := range heard[first:last] {
		if at < len(p.pcm) {
			return float64(p.arrival-sent)/1e6 + float64(at)*1000/speech.Rate, true
		}
		at -= len(p.pcm)
	}
	return 0, false
}
