package trunk

import "maps"

// State is one trunk at one moment.
type State struct {
	Name           string // "anonymous": callers from nobody's trunk
	Calls          int    // now
	Total          uint64 // calls let in since the start
	Refused        uint64 // calls of the trunk's that were not: number, lines, rate
	MaxCalls       int    // 0: any
	CallsPerSecond float64
	Transport      string
}

// States are all trunks in the order of Config.Trunks, and the anonymous callers as the last.
func (b *Book) States() []State {
	list := make([]State, 0, len(b.trunks)+1)
	for _, e := range append(b.trunks[:len(b.trunks):len(b.trunks)], b.guests) {
		e.line.mu.Lock()
		list = append(list, State{
			Name: e.Name, Calls: e.line.calls, Total: e.line.total, Refused: e.line.refused,
			MaxCalls: e.MaxCalls, CallsPerSecond: e.CallsPerSecond, Transport: e.Transport,
		})
		e.line.mu.Unlock()
	}
	return list
}

// Failures is how often callers were not let in, by reason.
func (b *Book) Failures() map[Reason]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.failures)
}
