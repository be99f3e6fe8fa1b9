//go:build !race

package recorder

// raceEnabled says that the tests run under the race detector.
const raceEnabled = false
