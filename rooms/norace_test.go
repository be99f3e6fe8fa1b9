//go:build !race

package rooms

// raceEnabled says that the tests run under the race detector.
const raceEnabled = false
