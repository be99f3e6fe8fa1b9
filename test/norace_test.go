//go:build !race

package test

// raceEnabled says that the tests run under the race detector.
const raceEnabled = false
