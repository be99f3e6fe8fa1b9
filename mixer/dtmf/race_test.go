//go:build race

package dtmf

// raceEnabled says that the tests run under the race detector. A detector is one goroutine's: what is long is for runs without it.
const raceEnabled = true
