package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// silence is the level that stands for none.
const silence = -127

// dbfs is a level, to the decibel.
func dbfs(level float64) string {
	if level <= silence {
		return "-"
	}
	return fmt.Sprintf("%.0f dBFS", math.Round(level)+0) // and not "-0"
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// milliseconds is a short time as people compare it; "-" where it is not known.
func milliseconds(d *durationpb.Duration) string {
	if d == nil {
		return "-"
	}
	ms := float64(d.AsDuration()) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// opinion is a mean opinion score and the R that it stands for.
func opinion(mos, r float64) string {
	var parts []string
	if mos > 0 {
		parts = append(parts, fmt.Sprintf("MOS %.1f", mos))
	}
	if r > 0 {
		parts = append(parts, fmt.Sprintf("R %.0f", r))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

// heardFields are how well a participant's sound comes in.
func heardFields(q *confbridgev1.HeardQuality) [][2]string {
	if q == nil {
		return [][2]string{{"heard", "not known yet"}}
	}
	return [][2]string{
		{"heard", opinion(q.GetMos(), q.GetRFactor())},
		{"heard loss", fmt.Sprintf("%s lost, %s discarded, %s concealed",
			percent(q.GetLossRatio()), percent(q.GetDiscardRatio()), percent(q.GetConcealedRatio()))},
		{"heard jitter", milliseconds(q.GetJitter())},
		{"heard buffer", fmt.Sprintf("%s, at most %s lately, limit %s",
			milliseconds(q.GetBufferNominal()), milliseconds(q.GetBufferMax()), milliseconds(q.GetBufferLimit()))},
		{"heard levels", fmt.Sprintf("speech %s, noise %s", dbfs(q.GetSignalDbfs()), dbfs(q.GetNoiseDbfs()))},
	}
}

// hearsFields are how well it hears, as its telephone says.
func hearsFields(q *confbridgev1.HearsQuality, now time.Time) [][2]string {
	if q == nil {
		return [][2]string{{"hears", "nothing reported"}}
	}
	return [][2]string{
		{"hears", fmt.Sprintf("%s, reported %s ago", opinion(q.GetMos(), q.GetRFactor()), span(now.Sub(q.GetReportTime().AsTime())))},
		{"hears loss", fmt.Sprintf("%s lost, %d packets in all", percent(q.GetLossRatio()), q.GetPacketsLost())},
		{"hears jitter", milliseconds(q.GetJitter())},
		{"hears buffer", milliseconds(q.GetBufferNominal())},
		{"round trip", milliseconds(q.GetRoundTrip())},
	}
}
