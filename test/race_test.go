//go:build race

package test

// raceEnabled says that the tests run under the race detector; the program is then built with it too.
const raceEnabled = true
