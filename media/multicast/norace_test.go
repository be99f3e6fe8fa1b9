//go:build !race

package multicast

// raceEnabled says that the tests run under the race detector.
const raceEnabled = false
