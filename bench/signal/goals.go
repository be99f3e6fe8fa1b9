package main

import "fmt"

// goal is a bound, what was measured, and whether that is within it.
type goal struct {
	what, got string
	met       bool
}

// The names of runs that goals look at.
const (
	runSteady    = "100 calls a second"
	runBusy      = "500 calls a second"
	runSIPp      = "500 calls a second, of SIPp"
	runAble      = "the highest rate in full"
	runOverload  = "three times that"
	runAfter     = "a minute later"
	runUnacked   = "2000 answered, never acknowledged"
	runRefused2  = "2000 refused, never acknowledged"
	runRefused10 = "10000 refused, never acknowledged"
	runTCP       = "5000 idle TCP connections"
	runTLS       = "1000 idle TLS connections"
	runPipelined = "5000 requests at once on one connection"
	runOptions   = "OPTIONS, 800 a second"
	runFlood     = "OPTIONS, 20000 a second"
	runQuiet     = "ten calls"
	runFlooded   = "ten calls under that flood"
)

// goals are those of which there is a run.
func (r *results) goals() (all []goal) {
	with := func(name string, say func(k Result) []goal) {
		if k, ok := r.runs[name]; ok {
			all = append(all, say(k)...)
		}
	}
	with(runSteady, func(k Result) []goal {
		return []goal{{"INVITE to 200 p95 ≤ 10 ms at 100 calls a second", fmt.Sprintf("%.1f ms", k.AcceptMsP95), k.AcceptMsP95 <= 10 && k.Completed == k.Offered}}
	})
	for _, name := range []string{runBusy, runSIPp} {
		with(name, func(k Result) []goal {
			return []goal{{
				name + " for 30 s: no failure, nothing sent again", fmt.Sprintf("%d of %d in full, %d sent again", k.Completed, k.Offered, k.Again),
				k.Completed == k.Offered && k.Again == 0 && k.Offered >= 14990,
			}}
		})
	}
	able := r.runs[runAble]
	with(runOverload, func(k Result) []goal { return overloadGoals(able, r.runs[runAfter], k) })
	for _, name := range []string{runRefused2, runRefused10} {
		with(name, func(k Result) []goal {
			return []goal{{name + ": < 4 kB each", perEach(k), each(k) < 4000}}
		})
	}
	with(runUnacked, func(k Result) []goal {
		return []goal{{name4096(), perEach(k), k.Accepted == k.Offered}}
	})
	with(runTCP, func(k Result) []goal {
		return []goal{{runTCP + ": ≤ 16 kB each", perEach(k), each(k) <= 16000 && k.Accepted == k.Offered}}
	})
	with(runTLS, func(k Result) []goal { // how large they are is told, and has no bound
		return []goal{{runTLS + ": all of them served", perEach(k), k.Accepted == k.Offered}}
	})
	with(runPipelined, func(k Result) []goal {
		return []goal{{
			runPipelined + ", in a call: all answered, none out of turn", fmt.Sprintf("%d in %.2f s, %d out of turn", k.Accepted, k.Seconds, k.Inversions),
			k.Accepted == k.Offered && k.Inversions == 0 && k.Completed == 1,
		}}
	})
	return append(all, r.floodGoals()...)
}

func name4096() string {
	return runUnacked + ": seat, leg and sockets, for 32 s; `sip.limits.half_open` (4096) bounds them"
}

func overloadGoals(able, after, k Result) []goal {
	rate, share := float64(k.Completed)/k.Seconds, 0.0
	if able.Seconds > 0 {
		share = rate / (float64(able.Completed) / able.Seconds)
	}
	return []goal{
		{"three times the highest rate, for 60 s: ≥ 90 % of that rate in full", fmt.Sprintf("%.0f a second, %.0f %%; %d accepted calls were not ended in full", rate, 100*share, k.Accepted-k.Completed), share >= 0.9 && k.Completed == k.Accepted},
		{"the rest is refused with 503 and Retry-After within 500 ms", fmt.Sprintf("%d of %d, the slowest after %.0f ms; %d had no answer", k.RetryAfter, k.Offered-k.Accepted, k.RefuseMsMax, k.Silent), k.RetryAfter == k.Offered-k.Accepted && k.RefuseMsMax <= 500},
		{"memory comes back", fmt.Sprintf("%d MB at most, %d a minute later", k.RSSPeak/1e6, after.RSSBefore/1e6), after.RSSBefore < k.RSSPeak/2},
	}
}

// floodGoals compares ten calls with and without a flood, and what a request of the flood costs with what one that is answered does.
func (r *results) floodGoals() (all []goal) {
	flood, options := r.runs[runFlood], r.runs[runOptions]
	if flood.Offered > 0 && options.ServerMicros > 0 {
		all = append(all, goal{
			"OPTIONS, 20,000 a second from one source: one of them costs less than one that is answered",
			fmt.Sprintf("%.1f µs to %.1f µs of CPU, ratio %.2f; answered %d with 200, %d with 503, of %d", flood.ServerMicros, options.ServerMicros,
				flood.ServerMicros/options.ServerMicros, flood.Statuses["200"], flood.Statuses["503"], flood.Offered),
			flood.ServerMicros < options.ServerMicros,
		})
	}
	quiet, ok := r.loads[runQuiet]
	flooded, ok2 := r.loads[runFlooded]
	if ok && ok2 {
		all = append(all, goal{
			"calls in progress under that flood: no packet lost, none late",
			fmt.Sprintf("%d packets, %d lost, %d late, mouth to ear p95 %.1f ms; without the flood %d, %d, %d, %.1f ms", flooded.PacketsIn, flooded.PacketsLost,
				flooded.PacketsLate, flooded.MouthToEarP95, quiet.PacketsIn, quiet.PacketsLost, quiet.PacketsLate, quiet.MouthToEarP95),
			flooded.PacketsLost == 0 && flooded.PacketsLate == 0,
		})
	}
	return all
}

// each is what the bridge's memory has grown by for each of what was offered, in bytes.
func each(k Result) float64 {
	if k.Offered == 0 {
		return 0
	}
	return float64(k.RSSPeak-k.RSSBefore) / float64(k.Offered)
}

func perEach(k Result) string { return fmt.Sprintf("%.1f kB each", each(k)/1000) }
