package media

import (
	"slices"
	"time"

	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// handle takes one packet off the RTP socket.
func (l *Leg) handle(p udp.Packet, now time.Time, into *parsed, in Inlet) {
	if l.stream.Mux && isRTCP(p.Data) {
		l.reject(l.handleRTCP(p, now, into, in))
		return
	}
	l.came = now
	if why := l.handleRTP(p, now, &into.header, in); why != accepted {
		l.counters.inRejected.Add(1)
		l.reject(why)
		return
	}
	l.counters.in.Add(1)
	l.bytesIn += uint64(len(p.Data))
}

// incoming is one RTP packet whose form has been checked.
type incoming struct {
	udp.Packet
	header    *rtp.Header
	payload   []byte
	extension extension
	units     int // what it lasts
	step      step
}

// handleRTP checks a packet in the order of RFC 3550 §A.1: form, payload type, source, sequence.
func (l *Leg) handleRTP(p udp.Packet, now time.Time, h *rtp.Header, in Inlet) reason {
	if len(l.stream.Payloads) == 0 {
		return reasonNotConfigured
	}
	if p.Long {
		return reasonTooLong
	}
	if l.group != nil {
		var why reason
		if p, why = l.group.open(p, l.source.ssrc); why != accepted {
			return why
		}
	}
	payload, x, why := parse(p.Data, h)
	if why != accepted {
		return why
	}
	k := l.types[h.PayloadType]
	units, why := l.lasts(k, payload)
	if why != accepted {
		return why
	}
	s, why := l.judge(p, h, now)
	if why != accepted {
		return why
	}
	if l.group != nil && l.group.loops(h.SSRC, h.CSRC) {
		return reasonLoop
	}
	if !l.stream.Receive {
		return reasonOnHold
	}
	l.alive = now
	if l.group != nil {
		l.group.csrcs = copy(l.group.csrc[:], h.CSRC)
	}
	i := incoming{Packet: p, header: h, payload: payload, extension: x, units: units, step: s}
	switch {
	case k&eventKind != 0:
		if !l.restart {
			in.Absent(h.SequenceNumber)
		}
		l.events.packet(h, payload, l.stream.Events[k&^eventKind].ClockRateHz, now, in)
		return accepted
	case k == noiseKind:
		return l.noise(&i, in)
	}
	return l.audio(&i, l.stream.Payloads[k-1].received(), in)
}

// lasts says what a payload of that kind lasts, in units of its clock, or why it cannot be one.
func (l *Leg) lasts(k kind, payload []byte) (int, reason) {
	switch {
	case k == 0:
		return 0, reasonPayloadType
	case k&eventKind != 0:
		if len(payload) < eventSize {
			return 0, reasonPayload
		}
		return 0, accepted
	case k == noiseKind:
		if len(payload) == 0 { // the level is never left out (RFC 3389 §3)
			return 0, reasonPayload
		}
		return 0, accepted
	}
	units, err := l.stream.Payloads[k-1].ClockUnits(payload)
	if err != nil {
		return 0, reasonPayload
	}
	return units, accepted
}

// judge says whether the packet is of the true source, and where in its sequence.
func (l *Leg) judge(p udp.Packet, h *rtp.Header, now time.Time) (step, reason) {
	if h.SSRC == l.sender.ssrc {
		if l.group == nil && p.From != l.latch.addr && p.From != l.latch.signalled {
			return stepBad, reasonSource
		}
		return stepBad, l.collide(p.From, now)
	}
	if l.source.known && h.SSRC == l.source.ssrc && p.From == l.latch.addr {
		s := l.source.update(h.SequenceNumber)
		if s == stepBad {
			return s, reasonSequence
		}
		if s == stepRestart {
			l.restart = true
			l.events.reset() // its timestamps begin anew too (RFC 3550 §5.1)
		}
		if s != stepOld {
			l.report.peer.goesOn()
		}
		l.latch.calm()
		if l.latch.refresh(now) {
			l.aim()
		}
		return s, accepted
	}
	if !l.proven(p.From, now) {
		if why := l.latch.try(p.From, h.SSRC, h.SequenceNumber, now, &l.source); why != accepted {
			return stepBad, why
		}
	}
	if p.From != l.latch.addr {
		l.latch.fix(p.From, now)
		l.aim()
	}
	l.source.start(h.SSRC, h.SequenceNumber)
	l.report.newSource()
	l.events.reset()
	l.restart = true
	return stepNext, accepted
}

// audio hands sound on. A packet that is late may not bring back the payload type of its time.
func (l *Leg) audio(p *incoming, f codec.Format, in Inlet) reason {
	if p.step != stepOld {
		l.events.finish(in) // the key was released
		if f != l.format && l.format.Name != "" {
			if l.changed {
				return reasonPayloadType
			}
			l.changed, l.restart = true, true
		}
		if f.ClockRateHz != l.format.ClockRateHz {
			l.source.timed = false
		}
		l.format = f
	} else if f != l.format {
		return reasonSequence
	}
	l.packetUnits = p.units
	l.deliver(p, false, in)
	return accepted
}

// noise hands comfort noise on (RFC 3389 §4): it belongs to the codec that is silent, and is no change of it. Its clock is
// 8000 Hz; amid a codec of another it can be of no time, and counts as a packet without sound.
func (l *Leg) noise(p *incoming, in Inlet) reason {
	if p.step != stepOld {
		l.events.finish(in)
	}
	if l.format.Name == "" {
		i := slices.IndexFunc(l.stream.Payloads, func(p Payload) bool { return p.ClockRateHz == noiseClockHz })
		if i < 0 {
			return reasonPayloadType
		}
		l.format = l.stream.Payloads[i].received()
	}
	if l.format.ClockRateHz == noiseClockHz {
		l.deliver(p, true, in)
	} else if !l.restart {
		in.Absent(p.header.SequenceNumber)
	}
	return accepted
}

// deliver hands on what is of the stream's format.
func (l *Leg) deliver(p *incoming, noise bool, in Inlet) {
	h := p.header
	l.source.clock(h.Timestamp, p.At, l.format.ClockRateHz)
	if l.restart {
		l.restart = false
		in.Restart(l.format, h.SSRC)
	}
	verdict := in.Audio(jitter.Packet{
		Sequence: h.SequenceNumber, Timestamp: h.Timestamp, Samples: p.units, Marker: h.Marker,
		Arrival: p.At, Payload: p.payload, Noise: noise, Level: p.extension.level(l.stream.LevelID),
	})
	if verdict == jitter.Late || verdict == jitter.Overflow {
		l.source.discard(h.SequenceNumber)
	}
}
