package report

import "fmt"

// The goals for 300 PCMU legs in one room of which three talk, on two cores shared with the load.
const (
	goalLegs         = 300
	goalRatio        = 2.5
	goalP50          = 15.0 // ms
	goalP95          = 25.0
	goalRSSPerLeg    = 40_000.0 // bytes
	goalOwnToneDB    = -50.0
	goalChirpsMissed = 0.02 // of all: more, and the delay is not known
)

// Missed says what is wrong with a run, one line each; none means that all goals are met. The figures for speed and
// memory are asked for where a run is the one that the goals name.
func (r *Run) Missed() []string {
	var missed []string
	miss := func(bad bool, format string, args ...any) {
		if bad {
			missed = append(missed, r.Name+": "+fmt.Sprintf(format, args...))
		}
	}
	miss(r.Answered < r.Legs, "%d of %d calls failed: %v", r.Legs-r.Answered, r.Legs, r.Failures)
	miss(r.Retransmitted+r.Repeated > 0, "%d requests and %d responses were sent again", r.Retransmitted, r.Repeated)
	miss(r.BadLegs > 0, "%d bad legs", r.BadLegs)
	miss(r.HearWrong > 0, "%d legs hear wrong: %v", r.HearWrong, r.HearNotes)
	miss(r.OwnToneDB > goalOwnToneDB, "own tone at %.1f dB, goal %.0f", r.OwnToneDB, goalOwnToneDB)
	miss(r.SocketsLeft != nil && *r.SocketsLeft > 0, "%d sockets left over", deref(r.SocketsLeft))
	miss(r.ParticipantLeft != nil && *r.ParticipantLeft > 0, "%d participants left over", deref(r.ParticipantLeft))
	if d := r.Dialogues; d != nil {
		miss(d.Failed > 0, "%d callers who dialled their PIN were not let in: %v", d.Failed, d.Failures)
		miss(d.PerSecond == 0, "nobody who dialled a PIN was let in")
	}
	if c := r.Recorded; c != nil {
		miss(c.Recordings != r.Rooms || c.Gaps+c.Broken > 0, "%d recordings of %d rooms, %d gaps, %d broken off", c.Recordings, r.Rooms, c.Gaps, c.Broken)
		miss(deref(r.LateTicks) > 0, "%d frames skipped by rooms that were late", deref(r.LateTicks))
	}
	if r.Legs != goalLegs || r.Rooms != 1 || r.Dialogues != nil {
		return missed
	}
	all := r.Chirps + r.ChirpsMissed
	miss(all == 0 || float64(r.ChirpsMissed) > goalChirpsMissed*float64(all), "%d of %d chirps not found", r.ChirpsMissed, all)
	miss(r.MouthToEarP50 > goalP50, "mouth to ear p50 %.1f ms, goal %.0f", r.MouthToEarP50, goalP50)
	miss(r.MouthToEarP95 > goalP95, "mouth to ear p95 %.1f ms, goal %.0f", r.MouthToEarP95, goalP95)
	miss(r.Ratio != nil && *r.Ratio > goalRatio, "%.2f times the floor, goal %.1f", deref(r.Ratio), goalRatio)
	miss(r.RSSPerLeg != nil && *r.RSSPerLeg > goalRSSPerLeg, "%.1f kB a leg, goal %.0f", deref(r.RSSPerLeg)/1000, goalRSSPerLeg/1000)
	return missed
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
