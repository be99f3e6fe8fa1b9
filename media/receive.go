package media

import (
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/pion/rtp"
)

// handle takes one packet off the RTP socket.
func (l *Leg) handle(p arrived, now time.Time, into *parsed, in Inlet) {
	if l.stream.Mux && isRTCP(p.data) {
		l.reject(l.handleRTCP(p, now, into))
		return
	}
	if why := l.handleRTP(p, now, &into.header, in); why != accepted {
		l.counters.inRejected.Add(1)
		l.reject(why)
		return
	}
	l.counters.in.Add(1)
	l.bytesIn += uint64(len(p.data))
}

// handleRTP checks a packet in the order of RFC 3550 §A.1: form, payload type, source, sequence.
func (l *Leg) handleRTP(p arrived, now time.Time, h *rtp.Header, in Inlet) reason {
	if len(l.stream.Payloads) == 0 {
		return reasonNotConfigured
	}
	if p.long {
		return reasonTooLong
	}
	payload, why := parse(p.data, h)
	if why != accepted {
		return why
	}
	k := l.types[h.PayloadType]
	if k == 0 {
		return reasonPayloadType
	}
	samples := 0
	if k&eventKind == 0 {
		var err error
		if samples, err = l.stream.Payloads[k-1].Format.ClockUnits(payload); err != nil {
			return reasonPayload
		}
	} else if len(payload) < eventSize {
		return reasonPayload
	}
	s, why := l.judge(p, h, now)
	if why != accepted {
		return why
	}
	if !l.stream.Receive {
		return reasonOnHold
	}
	l.alive = now
	if k&eventKind != 0 {
		if !l.restart {
			in.Absent(h.SequenceNumber)
		}
		l.events.packet(h, payload, l.stream.Events[k&^eventKind].ClockRateHz, now, in)
		return accepted
	}
	return l.audio(p, h, l.stream.Payloads[k-1].Format, payload, samples, s, in)
}

// judge says whether the packet is of the true source, and where in its sequence.
func (l *Leg) judge(p arrived, h *rtp.Header, now time.Time) (step, reason) {
	if h.SSRC == l.sender.ssrc {
		if p.from != l.latch.addr && p.from != l.latch.signalled {
			return stepBad, reasonSource
		}
		return stepBad, l.collide(p.from, now)
	}
	if l.source.known && h.SSRC == l.source.ssrc && p.from == l.latch.addr {
		s := l.source.update(h.SequenceNumber)
		if s == stepBad {
			return s, reasonSequence
		}
		if s == stepRestart {
			l.restart = true
		}
		l.latch.calm()
		if l.latch.refresh(now) {
			l.aim()
		}
		return s, accepted
	}
	why := l.latch.try(p.from, h.SSRC, h.SequenceNumber, now, &l.source)
	if why != accepted {
		return stepBad, why
	}
	if p.from != l.latch.addr {
		l.latch.fix(p.from, now)
		l.aim()
	}
	l.source.start(h.SSRC, h.SequenceNumber)
	l.report.newSource()
	l.events.reset()
	l.restart = true
	return stepNext, accepted
}

// audio hands a packet on. A packet that is late may not bring back the payload type of its time.
func (l *Leg) audio(p arrived, h *rtp.Header, f codec.Format, payload []byte, samples int, s step, in Inlet) reason {
	if s != stepOld {
		l.events.finish(in) // the key was released
		if h.PayloadType != l.lastPT && f != l.format {
			l.restart = true
		}
		if f.ClockRateHz != l.format.ClockRateHz {
			l.source.timed = false
		}
		l.lastPT, l.format = h.PayloadType, f
	} else if f != l.format {
		return reasonSequence
	}
	l.source.clock(h.Timestamp, p.at, f.ClockRateHz)
	if l.restart {
		l.restart = false
		in.Restart(f, h.SSRC)
	}
	in.Audio(jitter.Packet{
		Sequence: h.SequenceNumber, Timestamp: h.Timestamp, Samples: samples, Marker: h.Marker,
		Arrival: p.at, Payload: payload,
	})
	return accepted
}
