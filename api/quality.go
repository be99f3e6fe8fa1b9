package api

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/quality"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// toQuality leaves out what is not known yet.
func toQuality(q *rooms.Quality) *confbridgev1.Quality {
	if q == nil || *q == (rooms.Quality{}) {
		return nil
	}
	return &confbridgev1.Quality{Heard: toHeard(*q), Hears: toHears(q.Hears)}
}

func toHeard(q rooms.Quality) *confbridgev1.HeardQuality {
	heard := q.Heard
	if heard == (quality.Local{}) {
		return nil
	}
	out := &confbridgev1.HeardQuality{
		LossRatio:      heard.Loss,
		DiscardRatio:   heard.Discard,
		ConcealedRatio: heard.Concealed,
		BufferNominal:  durationpb.New(heard.BufferNominal),
		BufferMax:      durationpb.New(heard.BufferMax),
		BufferLimit:    durationpb.New(heard.BufferLimit),
		SignalDbfs:     heard.SignalDBFS,
		NoiseDbfs:      heard.NoiseDBFS,
		RFactor:        heard.RFactor,
		Mos:            heard.MOS,
	}
	if !q.Hears.At.IsZero() {
		out.Jitter = durationpb.New(q.Hears.Incoming)
	}
	return out
}

func toHears(p quality.Peer) *confbridgev1.HearsQuality {
	if p.At.IsZero() {
		return nil
	}
	out := &confbridgev1.HearsQuality{
		ReportTime:  toTimestamp(p.At),
		LossRatio:   p.Loss,
		PacketsLost: p.Lost,
		Jitter:      durationpb.New(p.Jitter),
		RoundTrip:   toDuration(p.RoundTrip),
		RFactor:     p.RFactor,
		Mos:         p.MOS,
	}
	if p.VoIP {
		out.BufferNominal = durationpb.New(p.BufferNominal)
	}
	return out
}

// toMedia is what became of the packets.
func toMedia(m rooms.MediaStats) *confbridgev1.MediaStats {
	return &confbridgev1.MediaStats{
		PacketsReceived:  m.PacketsReceived,
		PacketsLost:      m.PacketsLost,
		PacketsLate:      m.PacketsLate,
		PacketsDiscarded: m.PacketsDiscarded,
		Concealed:        durationpb.New(m.Concealed),
		Recovered:        durationpb.New(m.Recovered),
		Stretched:        durationpb.New(m.Stretched),
		Cut:              durationpb.New(m.Cut),
		BufferDelay:      durationpb.New(m.BufferDelay),
	}
}

// toFormat is what one way of a call is coded with, and how long its packets are.
func toFormat(f codec.Format, packet time.Duration) *confbridgev1.AudioFormat {
	return &confbridgev1.AudioFormat{
		Codec:        string(f.Name),
		ClockRateHz:  int32(f.ClockRateHz),
		SampleRateHz: int32(f.SampleRateHz),
		PacketTime:   durationpb.New(packet),
	}
}

// toReceived is toFormat for what comes in; nil where nothing has.
func toReceived(r *rooms.Received) *confbridgev1.AudioFormat {
	if r == nil {
		return nil
	}
	return toFormat(r.Format, r.PacketTime)
}
